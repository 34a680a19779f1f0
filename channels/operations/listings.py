"""Listings: what channels show for sale, and which variant each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from channels.connectors.base import RemoteListing
from channels.models import Channel, Listing
from channels.operations.matching import (
    SKU_LENGTH,
    TITLE_LENGTH,
    Article,
    link_unlinked,
    listings_by_key,
    match_articles,
)
from retail.common.errors import BusinessError, WrongStatus

_SEEN_FIELDS = ("external_sku", "title", "seen_quantity", "seen_price", "seen_at")


class BadPackSize(BusinessError):
    """One of the channel's pieces is no units at all."""


@dataclass(frozen=True)
class RecordedListings:
    """How many listings were new, and how many found their variant."""

    created: int
    linked: int


@transaction.atomic
def record_listings(
    *, channel: Channel, seen: Sequence[RemoteListing], at: datetime
) -> RecordedListings:
    """
    Write down what a channel shows for sale, and link by SKU or GTIN what has no variant yet.

    A link that exists stays, whatever the SKU says now. A listing that had ended is for sale again.
    Locks: the listings, by primary key.
    """
    articles = {
        (row.external_product_id, row.external_variant_id): Article(
            external_product_id=row.external_product_id,
            external_variant_id=row.external_variant_id,
            sku=row.sku,
            gtin=row.gtin,
            title=row.title,
        )
        for row in seen
        if row.external_product_id
    }
    rows = {(row.external_product_id, row.external_variant_id): row for row in seen}
    known = set(listings_by_key(channel, articles.values()))
    Listing.objects.bulk_create(
        (_new_listing(channel, key) for key in sorted(articles) if key not in known),
        ignore_conflicts=True,
    )
    ids = [listing.pk for listing in listings_by_key(channel, articles.values()).values()]
    listings = list(Listing.objects.for_update().filter(pk__in=ids))
    for listing in listings:
        _show(listing, rows[listing.external_product_id, listing.external_variant_id or ""], at)
    Listing.objects.bulk_update(listings, [*_SEEN_FIELDS, "status"])

    unlinked = {
        articles[listing.external_product_id, listing.external_variant_id or ""]: listing.pk
        for listing in listings
        if listing.status == Listing.Status.UNLINKED
    }
    matches = match_articles(unlinked)
    linked = link_unlinked({unlinked[article]: match for article, match in matches.items()})
    return RecordedListings(created=len(articles) - len(known), linked=len(linked))


def _new_listing(channel: Channel, key: tuple[str, str]) -> Listing:
    product_id, variant_id = key
    return Listing(
        channel=channel, external_product_id=product_id, external_variant_id=variant_id or None
    )


def _show(listing: Listing, row: RemoteListing, at: datetime) -> None:
    listing.external_sku = row.sku.strip()[:SKU_LENGTH]
    listing.title = row.title[:TITLE_LENGTH]
    listing.seen_quantity = row.quantity
    listing.seen_price = row.price
    listing.seen_at = at
    if listing.status == Listing.Status.ENDED:
        listing.status = Listing.Status.PUBLISHED


@transaction.atomic
def end_listings(*, channel: Channel, not_seen_since: datetime, up_to_id: int) -> int:
    """
    End the listings for sale that a complete reading did not show; return how many.

    not_seen_since: when the reading began.
    up_to_id: the newest listing at that time; later ones were written by an order meanwhile.
    Locks: those listings, by primary key.
    """
    gone = list(
        Listing.objects.for_update()
        .filter(
            Q(seen_at__isnull=True) | Q(seen_at__lt=not_seen_since),
            channel=channel,
            status=Listing.Status.PUBLISHED,
            pk__lte=up_to_id,
        )
        .values_list("pk", flat=True)
    )
    return Listing.objects.filter(pk__in=gone).update(status=Listing.Status.ENDED)


@transaction.atomic
def link_listing(*, listing_id: int, variant_id: int, pack_size: int) -> Listing:
    """
    Say which variant a listing is, and how many units of it one of the channel's pieces is.

    What was pushed for the earlier variant is forgotten, so that the right quantity goes out next.

    :raises BadPackSize: fewer than one unit.
    """
    listing = Listing.objects.for_update().get(pk=listing_id)
    if pack_size < 1:
        raise BadPackSize("A listing stands for at least one unit.", pack_size=pack_size)
    is_same = (listing.variant_id, listing.pack_size) == (variant_id, pack_size)
    if is_same and listing.status in {Listing.Status.PUBLISHED, Listing.Status.ENDED}:
        return listing
    listing.variant_id = variant_id
    listing.pack_size = pack_size
    if listing.status != Listing.Status.ENDED:
        listing.status = Listing.Status.PUBLISHED
    listing.offered_quantity = listing.offered_at = None
    listing.pushed_quantity = listing.pushed_at = None
    listing.push_error, listing.push_refused_at = "", None
    listing.save()
    return listing


@transaction.atomic
def ignore_listing(*, listing_id: int) -> Listing:
    """
    Say that a listing is none of ours to keep in stock; its orders stay unknown articles.

    :raises WrongStatus: the listing has ended.
    """
    listing = Listing.objects.for_update().get(pk=listing_id)
    if listing.status == Listing.Status.ENDED:
        raise WrongStatus(f"{listing} has ended on the channel.", status=listing.status)
    listing.status = Listing.Status.IGNORED
    listing.save(update_fields=["status"])
    return listing
