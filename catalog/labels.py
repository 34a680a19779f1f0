"""What stands on the label of an article."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from catalog.models import Price, PriceList, Variant
from retail.common.money import display
from retail.common.printing import Label


def labels_of(
    copies: Mapping[int, int], *, at: datetime, price_list: PriceList | None = None
) -> list[Label]:
    """
    Return the labels of articles by SKU: the GTIN or else the SKU to scan, the name to read.

    copies: variant id -> how many. price_list: whose price of a single unit at a moment stands on
    the label; none where it has none.
    """
    variants = Variant.objects.filter(pk__in=list(copies)).select_related("product")
    prices = _prices(copies, price_list, at) if price_list else {}
    return [
        Label(
            code=variant.gtin or variant.sku,
            name=variant.full_name,
            sku=variant.sku,
            price=prices.get(variant.pk, ""),
            copies=copies[variant.pk],
        )
        for variant in variants.order_by("sku", "pk")
    ]


def _prices(copies: Mapping[int, int], price_list: PriceList, at: datetime) -> dict[int, str]:
    rows = Price.objects.valid_at(at).filter(
        variant_id__in=list(copies), price_list=price_list, min_quantity=1
    )
    return {
        variant_id: display(unit_price, price_list.currency)
        for variant_id, unit_price in rows.values_list("variant_id", "unit_price")
    }
