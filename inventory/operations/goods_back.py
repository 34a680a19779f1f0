"""Stock that goes back to where it was bought: returned, or its receipt taken back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from inventory.models import CostMovement, CostPool, StockLevel, StockMovement, WithdrawnPromise
from inventory.operations.issues import take_units
from inventory.operations.levels import (
    InsufficientStock,
    ReferenceUsed,
    earlier_movements,
    lock_levels,
    lock_pools,
    require_positive,
)
from inventory.operations.posting import Act, InvalidValue, Source, post_act
from retail.common.models import User
from retail.common.money import ZERO, round_amount

# What the movements of a receipt taken back say, and the promises that could not be kept then.
RECEIPT_REVERSED = "Goods receipt reversed"
_Place = tuple[int, int]


@transaction.atomic
def return_to_supplier(
    *,
    units: Mapping[_Place, int],
    credits: Mapping[int, Decimal],  # noqa: A002 - the trade's word for them
    reference: str,
    at: datetime,
    by: User | None = None,
    source: Source | None = None,
) -> list[StockMovement]:
    """
    Send free units back to whom they were bought from, at today's average cost.

    What they cost on the average less what the supplier is to credit is a variance, expensed
    on the same day and positive where the goods cost more: one CostMovement per variant, none
    where both are the same.
    units: (location id, variant id) -> units. Units promised to documents are not free.
    credits: variant id -> expected credit for all its units, in book currency; nothing where a
    variant is left out.
    reference: number of the return; a second call with it changes nothing.
    Locks: the CostPool rows, then the StockLevel rows, each by primary key.
    Source: P b12 policy (b) and V5 A, at the average.

    :raises InsufficientStock: carries shortages, variant id -> units missing.
    :raises InvalidQuantity: fewer units than 1.
    :raises InvalidValue: a credit below zero, or for goods that do not go back.
    :raises ReferenceUsed: the reference stands for other goods already.
    :raises PeriodClosed: the books are closed for that moment.
    """
    act = Act(
        kind=StockMovement.Kind.SUPPLIER_RETURN, reference=reference, at=at, by=by, source=source
    )
    _require_right(units, credits)
    if not units:
        return []
    pools, levels = _lock(units)
    if earlier := _earlier(units, act):
        return earlier
    _require_free_everywhere(units, levels)
    changes = {levels[place]: -count for place, count in units.items()}
    movements = post_act(act=act, pools=pools, changes=changes)
    _expense_variance(movements, credits=credits, pools=pools, changes=changes, act=act)
    return movements


@transaction.atomic
def reverse_receipt(
    *,
    units: Mapping[_Place, int],
    credits: Mapping[int, Decimal],  # noqa: A002 - as `return_to_supplier`
    reference: str,
    at: datetime,
    by: User | None = None,
    source: Source | None = None,
) -> list[StockMovement]:
    """
    Take units out of stock again that a receipt should not have brought in.

    They leave at today's average cost, and what that differs from the value they had come in at
    is a variance, as in `return_to_supplier`. Promised units leave, too: the youngest promises
    are withdrawn, and their orders wait again.
    units: (location id, variant id) -> units. credits: variant id -> value at which all its units
    came in, in book currency.
    reference: number of the reversal; a second call with it changes nothing.
    Locks: the CostPool rows, the StockLevel rows, then the Allocation rows, each by primary key.

    :raises InsufficientStock: fewer units are there; shortages, variant id -> units missing.
    :raises InvalidQuantity: fewer units than 1.
    :raises InvalidValue: a value below zero, or of goods that do not leave.
    :raises ReferenceUsed: the reference stands for other goods already.
    :raises PeriodClosed: the books are closed for that moment.
    """
    act = Act(
        kind=StockMovement.Kind.RECEIPT_REVERSAL,
        reference=reference,
        at=at,
        by=by,
        reason=RECEIPT_REVERSED,
        source=source,
    )
    _require_right(units, credits)
    if not units:
        return []
    pools, levels = _lock(units)
    if earlier := _earlier(units, act):
        return earlier
    changes = {levels[place]: -count for place, count in units.items()}
    taken = take_units(
        act=act, pools=pools, changes=changes, cause=WithdrawnPromise.Cause.ADJUSTMENT
    )
    movements = list(taken.movements)
    _expense_variance(movements, credits=credits, pools=pools, changes=changes, act=act)
    return movements


def _require_right(units: Mapping[_Place, int], amounts: Mapping[int, Decimal]) -> None:
    require_positive(dict(enumerate(units.values())))
    for amount in amounts.values():
        if not amount.is_finite() or amount < 0:
            msg = f"A credit is nothing or more, not {amount}."
            raise InvalidValue(msg, value=str(amount))
    if others := sorted(amounts.keys() - {variant_id for _, variant_id in units}):
        msg = "A credit is expected for goods that do not go back."
        raise InvalidValue(msg, variants=others)


def _lock(
    units: Mapping[_Place, int],
) -> tuple[dict[int, CostPool], dict[_Place, StockLevel]]:
    pools = lock_pools(dict.fromkeys(variant_id for _, variant_id in units))
    return pools, lock_levels(units)


def _earlier(units: Mapping[_Place, int], act: Act) -> list[StockMovement]:
    """Return what the first call with the act's reference wrote; none if it is new."""
    written = list(
        StockMovement.objects.filter(reference=act.reference, kind=act.kind)
        .select_related("level")
        .order_by("pk")
    )
    moved = {(row.level.location_id, row.level.variant_id): -row.quantity for row in written}
    if written and moved != units:
        msg = f"{act.reference} was used before, for other goods."
        raise ReferenceUsed(msg, reference=act.reference)
    if not written:
        quantities = {place: -count for place, count in units.items()}
        earlier_movements(quantities=quantities, kind=act.kind, reference=act.reference)
    return written


def _require_free_everywhere(
    units: Mapping[_Place, int], levels: Mapping[_Place, StockLevel]
) -> None:
    """
    Pass when each place has its units free: what lies at another does not help.

    :raises InsufficientStock: names every variant that is short.
    """
    shortages: dict[int, int] = defaultdict(int)
    for place, count in units.items():
        free = levels[place].on_hand - levels[place].allocated
        if count > free:
            shortages[levels[place].variant_id] += count - free
    if shortages:
        raise InsufficientStock(shortages)


def _expense_variance(
    movements: Sequence[StockMovement],
    *,
    credits: Mapping[int, Decimal],  # noqa: A002 - as `return_to_supplier`
    pools: Mapping[int, CostPool],
    changes: Mapping[StockLevel, int],
    act: Act,
) -> None:
    """Write what the goods cost beyond what is had for them; the pools are as they were locked."""
    variant_of = {level.pk: level.variant_id for level in changes}
    cost: dict[int, Decimal] = defaultdict(lambda: ZERO)
    left: dict[int, int] = {variant_id: pool.units for variant_id, pool in pools.items()}
    for movement in movements:
        cost[variant_of[movement.level_id]] -= movement.cost_value
        left[variant_of[movement.level_id]] += movement.quantity
    rows = []
    for variant_id, value in cost.items():
        credited = round_amount(credits.get(variant_id, ZERO), settings.RETAIL_CURRENCY)
        if variance := value - credited:
            rows.append(
                CostMovement(
                    pool=pools[variant_id],
                    kind=CostMovement.Kind.VARIANCE,
                    units=0,
                    value=ZERO,
                    expensed=variance,
                    units_before=left[variant_id],
                    reference=act.reference,
                    moved_at=act.at,
                )
            )
    CostMovement.objects.bulk_create(rows)
