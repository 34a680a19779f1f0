"""Matching: which variant of ours a channel means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Upper
from stdnum import ean

from catalog.models import Barcode, Variant
from channels.connectors.base import IncomingLine
from channels.models import Channel, Listing
from retail.common.tabular import is_damaged_code

GTIN_LENGTH = 14
# What a channel shows may be longer than we keep; nothing is decided by the rest.
SKU_LENGTH = 100
TITLE_LENGTH = 300


@dataclass(frozen=True)
class ResolvedLine:
    """The variant of a line, None when it is unknown, and its units behind one of the line's."""

    variant_id: int | None
    pack_size: int = 1


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
        return self.external_product_id, self.external_variant_id


@transaction.atomic
def resolve_variants(*, channel: Channel, lines: Sequence[IncomingLine]) -> list[ResolvedLine]:
    """
    Find the variant of each line, all lines of an order or of a batch at once, in their order.

    In turn: the listing with the line's ids on the channel; the SKU, whatever its case; the GTIN,
    when its check digit is right and one variant only has it. A find by SKU or GTIN is written
    down as a listing, so that the ids decide from then on, whatever becomes of the SKU. An SKU and
    a GTIN that mean different variants, or a code that a spreadsheet damaged, find nothing.
    Locks: listings of these lines that had no variant yet, by primary key.

    Source: design reference on multichannel selling, c.1.
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
    _write_listings(channel, listings, found)
    return [
        _resolved(listings.get(article.key), found.get(article, UNKNOWN)) for article in articles
    ]


def listings_by_key(
    channel: Channel, articles: Iterable[Article]
) -> dict[tuple[str, str], Listing]:
    """Return the channel's listings of these articles by their ids there."""
    wanted = {article.key for article in articles if article.external_product_id}
    candidates = Listing.objects.filter(
        channel=channel, external_product_id__in=sorted({product for product, _ in wanted})
    )
    by_key = {
        (listing.external_product_id, listing.external_variant_id or ""): listing
        for listing in candidates
    }
    return {key: listing for key, listing in by_key.items() if key in wanted}


def match_articles(articles: Iterable[Article]) -> dict[Article, ResolvedLine]:
    """Return the articles whose SKU or GTIN is that of exactly one variant, with that variant."""
    distinct = dict.fromkeys(articles)
    skus = {article.sku.strip().upper() for article in distinct if _is_usable(article.sku)}
    gtins = {article.gtin.strip() for article in distinct if _is_gtin(article.gtin.strip())}
    by_sku = {
        sku.upper(): ResolvedLine(variant_id=variant_id)
        for variant_id, sku in Variant.objects.annotate(upper_sku=Upper("sku"))
        .filter(upper_sku__in=sorted(skus))
        .values_list("pk", "sku")
    }
    by_gtin = _variants_by_gtin(gtins)

    found = {}
    for article in distinct:
        sku_hit = by_sku.get(article.sku.strip().upper())
        gtin_hit = by_gtin.get(article.gtin.strip())
        if sku_hit and gtin_hit and sku_hit.variant_id != gtin_hit.variant_id:
            continue
        if hit := sku_hit or gtin_hit:
            found[article] = hit
    return found


def _is_usable(code: str) -> bool:
    return bool(code.strip()) and not is_damaged_code(code.strip())


def _is_gtin(code: str) -> bool:
    return code.isascii() and code.isdigit() and bool(ean.is_valid(code))


def _variants_by_gtin(gtins: Iterable[str]) -> Mapping[str, ResolvedLine]:
    """Return GTINs that mean one variant; 12, 13 and 14 digits compare as 14, zeros in front."""
    spellings = {gtin: _spellings(gtin) for gtin in gtins}
    wanted = sorted({spelling for every in spellings.values() for spelling in every})
    hits: defaultdict[str, set[ResolvedLine]] = defaultdict(set)
    for variant_id, gtin in Variant.objects.filter(gtin__in=wanted).values_list("pk", "gtin"):
        hits[gtin or ""].add(ResolvedLine(variant_id=variant_id))
    for code, variant_id, pack_size in Barcode.objects.filter(code__in=wanted).values_list(
        "code", "variant_id", "pack_size"
    ):
        hits[code].add(ResolvedLine(variant_id=variant_id, pack_size=pack_size))
    together = {
        gtin: set().union(*(hits[spelling] for spelling in every))
        for gtin, every in spellings.items()
    }
    return {gtin: next(iter(every)) for gtin, every in together.items() if len(every) == 1}


def _spellings(gtin: str) -> set[str]:
    padded = gtin.zfill(GTIN_LENGTH)
    return {
        padded[-length:] for length in (8, 12, 13, GTIN_LENGTH) if not padded[:-length].strip("0")
    }


def _is_linked(listing: Listing | None) -> bool:
    """Tell whether the listing decides: an ignored one does too, by meaning no variant."""
    return listing is not None and (
        listing.variant_id is not None or listing.status == Listing.Status.IGNORED
    )


def _resolved(listing: Listing | None, match: ResolvedLine) -> ResolvedLine:
    if listing is None or not _is_linked(listing):
        return match
    return ResolvedLine(variant_id=listing.variant_id, pack_size=listing.pack_size)


def _write_listings(
    channel: Channel,
    listings: Mapping[tuple[str, str], Listing],
    found: Mapping[Article, ResolvedLine],
) -> None:
    by_key = {article.key: article for article in found if article.external_product_id}
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
