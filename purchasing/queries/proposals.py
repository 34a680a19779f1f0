"""Which of our articles a supplier's article may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import Q, QuerySet
from django.db.models.functions import Upper

from catalog.models import Barcode, Variant
from catalog.operations import LONGEST_SKU
from catalog.queries import gtin_forms, gtin_key, sku_key
from purchasing.models import SupplierProduct

SUGGESTED = 5
MATCHED_AT_ONCE = 5000
# A supplier's article that waits for somebody to say what it is.
IS_PROPOSAL = Q(variant__isnull=True, declined_at__isnull=True, is_active=True)


@dataclass(frozen=True, slots=True)
class GtinMatch:
    """Our article that has the GTIN of a supplier's; `key` is the GTIN in 14 digits."""

    variant_id: int
    key: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One of our articles that a supplier's may be, and why."""

    variant: Variant
    why: str


def exact_gtin_matches(*, product_ids: Collection[int] | None = None) -> dict[int, GtinMatch]:
    """
    Return proposal id -> the one article of ours with the same GTIN, zeros in front apart.

    product_ids: among these; None for all. A GTIN that two of our articles have is left out, and so
    is one that two articles of the same supplier have: one of them would be a pack of the other.
    """
    waiting = SupplierProduct.objects.filter(IS_PROPOSAL).exclude(gtin="").order_by("pk")
    if product_ids is not None:
        waiting = waiting.filter(pk__in=list(product_ids))
    rows = [
        (pk, supplier_id, key)
        for pk, supplier_id, gtin in waiting.values_list("pk", "supplier_id", "gtin")
        if (key := gtin_key(gtin))
    ]
    times: dict[tuple[int, str], int] = defaultdict(int)
    for _pk, supplier_id, key in rows:
        times[supplier_id, key] += 1
    ours = _variants_by_gtin({key for _pk, _supplier, key in rows})
    return {
        pk: GtinMatch(variant_id=ours[key][0], key=key)
        for pk, supplier_id, key in rows
        if len(ours[key]) == 1 and times[supplier_id, key] == 1
    }


def link_suggestions(product: SupplierProduct) -> list[Suggestion]:
    """
    Return the few articles of ours that a supplier's article most likely is, the surest first.

    By GTIN, by our SKU being the supplier's, then by how alike the names are.
    """
    found: dict[int, Suggestion] = {}
    forms = gtin_forms(product.gtin)
    every = Variant.objects.select_related("product").order_by("pk")
    for variant in every.filter(gtin__in=forms) if forms else ():
        found[variant.pk] = Suggestion(variant, "has the same GTIN")
    barcodes = Barcode.objects.filter(code__in=forms).select_related("variant__product")
    for barcode in barcodes.order_by("pk") if forms else ():
        units = f", for {barcode.pack_size} units" if barcode.pack_size > 1 else ""
        found.setdefault(
            barcode.variant_id,
            Suggestion(barcode.variant, f"has the GTIN as a barcode{units}"),
        )
    for variant in every.alias(key=Upper("sku")).filter(key=sku_key(product.supplier_sku)):
        found.setdefault(variant.pk, Suggestion(variant, "has the supplier's SKU as its own"))
    for variant in _of_like_name(product.name) if len(found) < SUGGESTED else ():
        alike = f"{100 * variant.likeness:.0f} % of the name is alike"  # type: ignore[attr-defined]  # annotated
        found.setdefault(variant.pk, Suggestion(variant, alike))
    return list(found.values())[:SUGGESTED]


def proposed_sku(product: SupplierProduct) -> str:
    """Return an SKU that is free: the supplier's, with the supplier's code before it if need be."""
    own, with_code = product.supplier_sku, f"{product.supplier.code}-{product.supplier_sku}"
    wanted = [sku.strip()[:LONGEST_SKU].strip() for sku in (own, with_code)]
    taken = set(
        Variant.objects.alias(key=Upper("sku"))
        .filter(key__in=[sku_key(sku) for sku in wanted])
        .values_list(Upper("sku"), flat=True)
    )
    return next((sku for sku in wanted if sku_key(sku) not in taken), "")


def _of_like_name(name: str) -> QuerySet[Variant]:
    """Return variants whose product's name shares enough groups of three letters with a name."""
    if not name.strip():
        return Variant.objects.none()
    return (
        Variant.objects.select_related("product")
        # As the index holds it, so that it is used.
        .alias(key=Upper("product__name"))
        .filter(key__trigram_similar=name.upper())
        .annotate(likeness=TrigramSimilarity(Upper("product__name"), name.upper()))
        .order_by("-likeness", "pk")[:SUGGESTED]
    )


def _variants_by_gtin(keys: Collection[str]) -> dict[str, list[int]]:
    """Return GTIN in 14 digits -> ids of our variants that have it, in whatever length."""
    found: dict[str, list[int]] = defaultdict(list)
    wanted = sorted(keys)
    for start in range(0, len(wanted), MATCHED_AT_ONCE):
        some = wanted[start : start + MATCHED_AT_ONCE]
        for pk, gtin in (
            Variant.objects.filter(gtin__in=[form for key in some for form in gtin_forms(key)])
            .order_by("pk")
            .values_list("pk", "gtin")
        ):
            found[gtin_key(gtin or "")].append(pk)
    return found
