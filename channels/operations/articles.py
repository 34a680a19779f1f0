"""What channels call an article, told once by a person and found from then on."""

from __future__ import annotations

from django.db import transaction

from channels.models import Channel, Listing
from channels.operations.matching import (
    SKU_LENGTH,
    UNKNOWN,
    Article,
    ResolvedLine,
    link_unlinked,
    match_articles,
)


@transaction.atomic
def remember_article(
    *, channel: Channel, sku: str, gtin: str, variant_id: int, pack_size: int
) -> list[Listing]:
    """
    Write down which variant an article of a channel is, by what the channel calls it.

    The channel's listings with this SKU that have no variant are linked. Where there are none, one
    is written that stands for the code alone: paused, as the channel shows nothing by it. What is
    linked already stays. Returns the listings that mean the article now.
    Locks: the listings, by primary key.
    """
    code = sku.strip() or gtin.strip()
    match = ResolvedLine(variant_id=variant_id, pack_size=pack_size)
    unlinked = Listing.objects.filter(
        channel=channel, external_sku__iexact=sku.strip(), status=Listing.Status.UNLINKED
    )
    ids = list(unlinked.values_list("pk", flat=True)) if sku.strip() else []
    if linked := link_unlinked(dict.fromkeys(ids, match)):
        return linked
    own = Listing(
        channel=channel,
        external_product_id=code,
        external_sku=sku.strip()[:SKU_LENGTH],
        variant_id=variant_id,
        pack_size=pack_size,
        status=Listing.Status.PAUSED,
    )
    Listing.objects.bulk_create([own], ignore_conflicts=True)
    return list(
        Listing.objects.filter(
            channel=channel, external_product_id=code, external_variant_id__isnull=True
        )
    )


def find_article(*, channel: Channel, sku: str, gtin: str) -> ResolvedLine:
    """
    Return what an article of a channel is, as far as it can be told by its codes alone.

    The listings with this SKU decide when they agree, else the SKU and GTIN of ours.
    """
    code = sku.strip()
    if code:
        listings = Listing.objects.filter(
            channel=channel, external_sku__iexact=code, variant__isnull=False
        ).exclude(status=Listing.Status.IGNORED)
        meant = set(listings.values_list("variant_id", "pack_size"))
        if len(meant) == 1:
            [(variant_id, pack_size)] = meant
            return ResolvedLine(variant_id=variant_id, pack_size=pack_size)
    article = Article(
        external_product_id="", external_variant_id="", sku=code, gtin=gtin.strip(), title=""
    )
    return match_articles([article]).get(article, UNKNOWN)
