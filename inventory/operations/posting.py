"""Writing both ledgers and both running totals for one act: units and their cost together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db.models import OuterRef, Subquery

from inventory.models import CostMovement, CostPool, StockLevel, StockMovement
from inventory.operations.costing import RunningCost
from inventory.operations.levels import add_to_levels, add_to_pools, note_availability
from retail.common.errors import BusinessError
from retail.common.models import User
from retail.common.money import split_amount


class InvalidValue(BusinessError):
    """A value below zero: goods are worth nothing or more."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """What every movement of one act has in common."""

    kind: str
    reference: str
    at: datetime
    by: User | None = None
    reason: str = ""


def running_costs(
    pools: Mapping[int, CostPool], *, taken_back: Collection[int]
) -> dict[int, RunningCost]:
    """
    Return the running cost per variant id of locked pools (variant id -> pool).

    taken_back: ids of variants of which units come in without a stated value. Their empty pools
    bring the cost of the latest movement, which tells the last known unit cost.
    """
    latest = CostMovement.objects.filter(pool=OuterRef("pk")).exclude(units=0).order_by("-pk")
    empty = [pools[pk].pk for pk in taken_back if not pools[pk].units]
    last_known: dict[int, tuple[int, Decimal]] = {}
    if empty:
        rows = (
            CostPool.objects.filter(pk__in=empty)
            .annotate(latest=Subquery(latest.values("pk")[:1]))
            .values("latest")
        )
        last_known = {
            movement.pool_id: (abs(movement.units), abs(movement.value))
            for movement in CostMovement.objects.filter(pk__in=rows)
        }
    costs = {}
    for variant_id, pool in pools.items():
        last_units, last_value = last_known.get(pool.pk, (0, Decimal(0)))
        costs[variant_id] = RunningCost(
            units=pool.units,
            value=pool.value,
            currency=settings.RETAIL_CURRENCY,
            last_units=last_units,
            last_value=last_value,
        )
    return costs


def post_act(
    *,
    act: Act,
    pools: Mapping[int, CostPool],
    changes: Mapping[StockLevel, int],
    values: Mapping[int, Decimal] | None = None,
    promised: Mapping[int, int] | None = None,
) -> list[StockMovement]:
    """
    Write the movements of one act, their cost and the running totals, in a fixed number of queries.

    pools and the levels are locked. changes: level -> signed units; all changes of one variant
    have the same sign. values: variant id -> value of units that come in, today's average where
    none is stated. promised: level id -> units whose promise this act consumes.
    """
    units: dict[int, int] = defaultdict(int)
    for level, count in changes.items():
        units[level.variant_id] += count
    booked = _book_cost(act=act, pools=pools, units=units, values=values or {})
    levels_of: dict[int, list[StockLevel]] = defaultdict(list)
    for level in changes:
        levels_of[level.variant_id].append(level)
    cost_of = {
        level: share
        for variant_id, levels in levels_of.items()
        for level, share in zip(
            levels,
            split_amount(
                booked[variant_id],
                [abs(changes[level]) for level in levels],
                settings.RETAIL_CURRENCY,
            ),
            strict=True,
        )
    }
    add_to_levels(
        on_hand={level.pk: count for level, count in changes.items()},
        allocated={pk: -count for pk, count in (promised or {}).items()},
    )
    note_availability(variant_ids=units, at=act.at)
    return StockMovement.objects.bulk_create(
        [
            StockMovement(
                level_id=level.pk,
                kind=act.kind,
                quantity=count,
                cost_value=cost_of[level],
                reference=act.reference,
                reason=act.reason,
                moved_at=act.at,
                moved_by=act.by,
            )
            for level, count in changes.items()
        ]
    )


def _book_cost(
    *,
    act: Act,
    pools: Mapping[int, CostPool],
    units: Mapping[int, int],
    values: Mapping[int, Decimal],
) -> dict[int, Decimal]:
    """Write the cost movements and the pools; return variant id -> signed value moved."""
    costs = running_costs(
        pools, taken_back=[pk for pk, count in units.items() if count > 0 and pk not in values]
    )
    movements, booked = [], {}
    for variant_id, count in units.items():
        cost = costs[variant_id]
        units_before = cost.units
        if count < 0:
            booked[variant_id] = -cost.issue(-count)
        elif variant_id in values:
            booked[variant_id] = cost.receive(count, values[variant_id])
        else:
            booked[variant_id] = cost.take_back(count)
        movements.append(
            CostMovement(
                pool_id=pools[variant_id].pk,
                kind=CostMovement.Kind.ISSUE if count < 0 else CostMovement.Kind.RECEIPT,
                units=count,
                value=booked[variant_id],
                units_before=units_before,
                reference=act.reference,
                moved_at=act.at,
            )
        )
    add_to_pools(
        {pools[pk].pk: (count, booked[pk]) for pk, count in units.items()},
    )
    CostMovement.objects.bulk_create(movements)
    return booked
