"""What channels may sell."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Sum
from django.db.models.functions import Greatest

from inventory.models import StockLevel


def offered_quantities(*, variant_ids: Collection[int]) -> dict[int, int]:
    """
    Return variant id -> units that channels may sell, zero where there is nothing.

    Each shipping location adds what is not promised there; none takes from another.
    """
    offered = dict.fromkeys(variant_ids, 0)
    rows = (
        StockLevel.objects.with_available()
        .filter(variant_id__in=list(offered), location__is_shipping=True)
        .values("variant_id")
        .annotate(offered=Sum(Greatest("available", 0)))
        .values_list("variant_id", "offered")
    )
    offered.update(rows)
    return offered
