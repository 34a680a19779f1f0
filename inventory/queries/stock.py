"""Reads over stock: what can be offered, what lies where, and whether the totals are right."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from inventory.models import CostPool, StockLevel
from retail.common.money import ZERO, round_rate


@dataclass(frozen=True, slots=True)
class LocationStock:
    """Units of one variant at one location."""

    location: str
    on_hand: int
    allocated: int

    @property
    def available(self) -> int:
        return self.on_hand - self.allocated


@dataclass(frozen=True, slots=True)
class VariantStock:
    """Stock of one variant in the whole company; value and unit cost in book currency."""

    places: tuple[LocationStock, ...]
    value: Decimal
    unit_cost: Decimal | None

    @property
    def on_hand(self) -> int:
        return sum(place.on_hand for place in self.places)

    @property
    def allocated(self) -> int:
        return sum(place.allocated for place in self.places)

    @property
    def available(self) -> int:
        return self.on_hand - self.allocated


def variant_stock(*, variant_id: int) -> VariantStock:
    """Return where a variant lies, how much is free there, and what it is worth."""
    levels = (
        StockLevel.objects.filter(variant_id=variant_id)
        .order_by("location__priority", "location__code")
        .values_list("location__name", "on_hand", "allocated")
    )
    pool = CostPool.objects.filter(variant_id=variant_id).first()
    return VariantStock(
        places=tuple(
            LocationStock(location=name, on_hand=on_hand, allocated=allocated)
            for name, on_hand, allocated in levels
        ),
        value=pool.value if pool else ZERO,
        unit_cost=round_rate(pool.value / pool.units) if pool and pool.units else None,
    )
