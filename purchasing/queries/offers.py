"""What suppliers ask for an article."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Q

from purchasing.models import SupplierPrice


@dataclass(frozen=True)
class Offer:
    """What a supplier asks for one unit, and the supplier's name for the article."""

    unit_cost: Decimal
    supplier_sku: str


def supplier_offers(
    *, supplier_id: int, wanted: Collection[tuple[int, int]], on: date
) -> dict[tuple[int, int], Offer]:
    """
    Return the supplier's lowest price of a day for each wanted variant and number of units.

    wanted: pairs of variant id and units; a price counts from its minimum quantity on. A pair
    without a price is left out.
    """
    variant_ids = {variant_id for variant_id, _units in wanted}
    prices = list(
        SupplierPrice.objects.filter(
            Q(valid_to__isnull=True) | Q(valid_to__gt=on),
            supplier_product__supplier_id=supplier_id,
            supplier_product__variant_id__in=variant_ids,
            supplier_product__is_active=True,
            valid_from__lte=on,
        )
        .select_related("supplier_product")
        .order_by("unit_cost", "pk")
    )

    offers: dict[tuple[int, int], Offer] = {}
    for variant_id, units in wanted:
        for price in prices:
            if price.supplier_product.variant_id == variant_id and price.min_quantity <= units:
                offers[variant_id, units] = Offer(
                    unit_cost=price.unit_cost, supplier_sku=price.supplier_product.supplier_sku
                )
                break
    return offers
