"""What an adjustment of stock would do, worked out as the adjustment itself does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from inventory.models import Allocation, CostPool, Location, StockLevel, StockMovement
from inventory.operations.issues import require_adjustable
from inventory.operations.levels import (
    InsufficientStock,
    earlier_movements,
    require_locations,
    require_stocked,
)
from inventory.operations.periods import require_open_period
from inventory.operations.posting import running_costs
from inventory.operations.promises import choose_to_withdraw


@dataclass(frozen=True, slots=True)
class AdjustmentPlan:
    """
    What an adjustment of one article would change, were it done now.

    level: the stock as it is, unsaved where the article never was. withdrawn: promises that could
    not be kept, each with the units it would lose. value: what the stock value would change by,
    book currency.
    """

    level: StockLevel
    quantity: int
    withdrawn: Sequence[tuple[Allocation, int]]
    value: Decimal

    @property
    def on_hand(self) -> int:
        """Units that would be there afterwards."""
        return self.level.on_hand + self.quantity

    @property
    def allocated(self) -> int:
        """Units that would still be promised afterwards."""
        return min(self.level.allocated, self.on_hand)


def plan_adjustment(
    *,
    location: Location,
    variant_id: int,
    quantity: int,
    reference: str,
    reason: str,
    at: datetime,
) -> AdjustmentPlan | None:
    """
    Return what `adjust_stock` would do with these values, None when it has done it already.

    Refuses what that refuses. Nothing is locked: what comes of it in the end is decided then.
    """
    require_adjustable({variant_id: quantity}, reason)
    place = (location.pk, variant_id)
    if earlier_movements(
        quantities={place: quantity}, kind=StockMovement.Kind.ADJUSTMENT, reference=reference
    ):
        return None
    level = StockLevel.objects.filter(location=location, variant_id=variant_id).first()
    if level is None:
        require_stocked([variant_id])
        require_locations([location.pk])
        level = StockLevel(location=location, variant_id=variant_id)
    if level.on_hand + quantity < 0:
        raise InsufficientStock({variant_id: -(level.on_hand + quantity)})
    require_open_period(at)
    short = level.allocated - (level.on_hand + quantity)
    return AdjustmentPlan(
        level=level,
        quantity=quantity,
        withdrawn=_withdrawn(level, short, at=at),
        value=_value(variant_id, quantity),
    )


def _withdrawn(level: StockLevel, short: int, *, at: datetime) -> Sequence[tuple[Allocation, int]]:
    if short <= 0:
        return ()
    promises = Allocation.objects.open().filter(level=level)
    return tuple(choose_to_withdraw(promises, {level.pk: short}, at=at).items())


def _value(variant_id: int, quantity: int) -> Decimal:
    """Return the signed value that so many units would take out of stock or bring in."""
    pool = CostPool.objects.filter(variant_id=variant_id).first()
    if pool is None:
        return Decimal(0)
    cost = running_costs({variant_id: pool}, taken_back=[variant_id])[variant_id]
    return -cost.issue(-quantity) if quantity < 0 else cost.take_back(quantity)
