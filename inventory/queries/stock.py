"""Reads over stock: what can be offered, what lies where, and whether the totals are right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import F

from inventory.models import CostPool, Location, StockLevel, Transfer, TransferLine
from retail.common.money import ZERO, round_rate


@dataclass(frozen=True, slots=True)
class LocationStock:
    """Units of one variant at one location."""

    level_id: int
    location_id: int
    location: str
    kind: str
    on_hand: int
    allocated: int

    @property
    def available(self) -> int:
        return self.on_hand - self.allocated

    @property
    def is_for_sale(self) -> bool:
        """Whether goods there can be sold: not those on the road or set apart."""
        return self.kind in {Location.Kind.WAREHOUSE, Location.Kind.STORE}


@dataclass(frozen=True, slots=True)
class InTransit:
    """Units of one variant that a transfer is bringing to a location."""

    transfer_id: int
    number: str
    from_location: str
    location_id: int
    location: str
    units: int
    expected_on: date | None


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
        .values_list(
            "pk", "location_id", "location__name", "location__kind", "on_hand", "allocated"
        )
    )
    pool = CostPool.objects.filter(variant_id=variant_id).first()
    return VariantStock(
        places=tuple(LocationStock(*level) for level in levels),
        value=pool.value if pool else ZERO,
        unit_cost=round_rate(pool.value / pool.units) if pool and pool.units else None,
    )


def units_in_transit(*, variant_id: int) -> list[InTransit]:
    """
    Return what transfers are bringing of a variant and where to, the soonest first.

    These units lie at a location in transit meanwhile, and `variant_stock` counts them there.
    """
    lines = (
        TransferLine.objects.filter(
            variant_id=variant_id, transfer__in=Transfer.objects.on_the_way()
        )
        .annotate(units=F("quantity") - F("received") - F("lost"))
        .filter(units__gt=0)
        .order_by(F("transfer__expected_on").asc(nulls_last=True), "transfer_id")
        .values_list(
            "transfer_id",
            "transfer__number",
            "transfer__from_location__name",
            "transfer__to_location_id",
            "transfer__to_location__name",
            "units",
            "transfer__expected_on",
        )
    )
    return [InTransit(*line) for line in lines]
