"""Matching: which variant of ours a channel means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models.functions import Upper
from stdnum import ean

from catalog.models import Barcode, Variant
from catalog.queries import gtin_forms, gtin_key, sku_key
from channels.connectors.base import IncomingLine
from channels.models import Channel, Listing
from retail.common.tabular import is_damaged_code

# What a channel shows may be longer than we keep; nothing is decided by the rest.
SKU_LENGTH = 100
TITLE_LENGTH = 300


@dataclass(frozen=True)
class ResolvedLine:
    """
    The variant of a line, None when it is unknown, and its units behind one of the line's.

    is_stocked: as the article is kept, so that nobody has to look it up again.
    """

    variant_id: int | None
    pack_size: int = 1
    is_stocked: bool = field(default=True, compare=False)


UNKNOWN = ResolvedLine(variant_id=None)


@dataclass(frozen=True)
class Article:
    """What a channel says of one thing it sells; ids are empty when it has none."""

    external_product_id: str
    external_variant_id: str
    sku: str
    gtin: str
    title: str

    @property
    def key(self) -> tuple[str, str]:
        """Return its ids; of an article without them the code, which a person may have linked."""
        return self.external_product_id or self.sku.strip() or self.gtin, self.external_variant_id


# Refuses nothing, so a caller never goes on after it failed: no savepoint within a transaction.
@transaction.atomic(savepoint=False)
def resolve_variants(*, channel: Channel, lines: Sequence[IncomingLine]) -> list[ResolvedLine]:
    """
    Find the variant of each line, all lines of an order or of a batch at once, in their order.

    In turn: the listing with the line's ids on the channel; the SKU, whatever its case; the GTIN,
    when its check digit is right and one variant only has it. A find by SKU or GTIN is written
    down as a listing, so that the ids decide from then on, whatever becomes of the SKU. An SKU and
    a GTIN that mean different variants, or a code that a spreadsheet damaged, find nothing. What is
    found by nothing and has ids is written down as a listing to be linked.
    Locks: listings of these lines that had no variant yet, by primary key.
    """
    articles = [
        Article(
            external_product_id=line.external_product_id.strip(),
            external_variant_id=line.external_variant_id.strip(),
            sku=line.sku,
            gtin=line.gtin,
            title=line.name,
        )
        for line in lines
    ]
    listings = listings_by_key(channel, articles)
    unlinked = [article for article in articles if not _is_linked(listings.get(article.key))]
    found = match_articles(unlinked)
    _write_listings(channel, listings, unlinked, found)
    return [
        _resolved(listings.get(article.key), found.get(article, UNKNOWN)) for article in articles
    ]


def listings_by_key(
    channel: Channel, articles: Iterable[Article]
) -> dict[tuple[str, str], Listing]:
    """Return the channel's listings of these articles by their ids there."""
    wanted = {article.key for article in articles if article.key[0]}
    candidates = Listing.objects.filter(
        channel=channel, external_product_id__in=sorted({product for product, _ in wanted})
    ).select_related("variant")
    by_key = {
        (listing.external_product_id, listing.external_variant_id or ""): listing
        for listing in candidates
    }
    return {key: listing for key, listing in by_key.items() if key in wanted}


def match_articles(articles: Iterable[Article]) -> dict[Article, ResolvedLine]:
    """Return the articles whose SKU or GTIN is that of exactly one variant, with that variant."""
    distinct = dict.fromkeys(articles)
    by_sku = _variants_by_sku(article.sku.strip() for article in distinct)
    by_gtin = _variants_by_gtin(article.gtin.strip() for article in distinct)
    found = {}
    for article in distinct:
        sku_hit = by_sku.get(sku_key(article.sku))
        gtin_hit = by_gtin.get(article.gtin.strip())
        if sku_hit and gtin_hit and sku_hit.variant_id != gtin_hit.variant_id:
            continue
        if hit := sku_hit or gtin_hit:
            found[article] = hit
    return found


def _variants_by_sku(skus: Iterable[str]) -> dict[str, ResolvedLine]:
    wanted = {sku_key(sku) for sku in skus if sku and not is_damaged_code(sku)}
    variants = Variant.objects.alias(key=Upper("sku")).filter(key__in=sorted(wanted))
    return {
        sku_key(sku): ResolvedLine(variant_id=variant_id, is_stocked=is_stocked)
        for variant_id, sku, is_stocked in variants.values_list("pk", "sku", "is_stocked")
    }


def _variants_by_gtin(gtins: Iterable[str]) -> dict[str, ResolvedLine]:
    """Return the GTINs with a right check digit that mean one variant, however they are written."""
    forms = {gtin: gtin_forms(gtin) for gtin in gtins if gtin_key(gtin) and ean.is_valid(gtin)}
    wanted = sorted(form for every in forms.values() for form in every)
    hits: defaultdict[str, set[ResolvedLine]] = defaultdict(set)
    variants = Variant.objects.filter(gtin__in=wanted)
    for variant_id, gtin, is_stocked in variants.values_list("pk", "gtin", "is_stocked"):
        hits[gtin_key(gtin or "")].add(ResolvedLine(variant_id=variant_id, is_stocked=is_stocked))
    barcodes = Barcode.objects.filter(code__in=wanted)
    for code, variant_id, pack_size, is_stocked in barcodes.values_list(
        "code", "variant_id", "pack_size", "variant__is_stocked"
    ):
        hits[gtin_key(code)].add(ResolvedLine(variant_id, pack_size, is_stocked=is_stocked))
    return {
        gtin: next(iter(hits[gtin_key(gtin)])) for gtin in forms if len(hits[gtin_key(gtin)]) == 1
    }


def _is_linked(listing: Listing | None) -> bool:
    """Tell whether the listing decides: an ignored one does too, by meaning no variant."""
    return listing is not None and (
        listing.variant_id is not None or listing.status == Listing.Status.IGNORED
    )


def _resolved(listing: Listing | None, match: ResolvedLine) -> ResolvedLine:
    if listing is None or not _is_linked(listing):
        return match
    return ResolvedLine(
        variant_id=listing.variant_id,
        pack_size=listing.pack_size,
        is_stocked=listing.variant is None or listing.variant.is_stocked,
    )


def _write_listings(
    channel: Channel,
    listings: Mapping[tuple[str, str], Listing],
    unlinked: Iterable[Article],
    found: Mapping[Article, ResolvedLine],
) -> None:
    """Write down what was found, and what was not, of the articles that have ids."""
    by_key = {article.key: article for article in found if article.external_product_id}
    unknown = {
        article.key: article
        for article in unlinked
        if article.external_product_id and article not in found
    }
    created = [
        Listing(
            channel=channel,
            external_product_id=article.external_product_id,
            external_variant_id=article.external_variant_id or None,
            external_sku=article.sku.strip()[:SKU_LENGTH],
            title=article.title[:TITLE_LENGTH],
            variant_id=found[article].variant_id,
            pack_size=found[article].pack_size,
            status=Listing.Status.PUBLISHED,
        )
        for key, article in sorted(by_key.items())
        if key not in listings
    ]
    created += [
        Listing(
            channel=channel,
            external_product_id=article.external_product_id,
            external_variant_id=article.external_variant_id or None,
            external_sku=article.sku.strip()[:SKU_LENGTH],
            title=article.title[:TITLE_LENGTH],
        )
        for key, article in sorted(unknown.items())
        if key not in listings and key not in by_key
    ]
    # Another order with the same new article may write its listing at this moment: the same one.
    Listing.objects.bulk_create(created, ignore_conflicts=True)
    link_unlinked(
        {listings[key].pk: found[article] for key, article in by_key.items() if key in listings}
    )


def link_unlinked(matches: Mapping[int, ResolvedLine]) -> list[Listing]:
    """Link listings, by id, that still have no variant; return those that were linked."""
    if not matches:
        return []
    unlinked = list(
        Listing.objects.for_update().filter(pk__in=list(matches), status=Listing.Status.UNLINKED)
    )
    for listing in unlinked:
        listing.variant_id = matches[listing.pk].variant_id
        listing.pack_size = matches[listing.pk].pack_size
        listing.status = Listing.Status.PUBLISHED
    Listing.objects.bulk_update(unlinked, ["variant", "pack_size", "status"])
    return unlinked
