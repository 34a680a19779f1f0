"""Writing both ledgers and both running totals for one act: units and their cost together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db.models import OuterRef, Subquery

from inventory.models import CostMovement, CostPool, StockLevel, StockMovement
from inventory.operations.costing import RunningCost
from inventory.operations.levels import add_to_levels, add_to_pools
from inventory.operations.periods import require_open_period
from retail.common.copying import copy_rows, insert_objects
from retail.common.errors import BusinessError
from retail.common.models import User
from retail.common.money import ZERO, split_amount

_COST_COLUMNS = (
    "pool_id",
    "kind",
    "units",
    "is_at_average",
    "value",
    "expensed",
    "units_before",
    "reference",
    "moved_at",
)


class InvalidValue(BusinessError):
    """A value below zero: goods are worth nothing or more."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """
    The document that causes movements.

    kind: a StockMovement.SourceKind. document_id: its primary key. lines: variant id -> primary
    keys of the document's lines of that variant, where it has lines.
    """

    kind: str
    document_id: int
    lines: Mapping[int, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Act:
    """What every movement of one act has in common."""

    kind: str
    reference: str
    at: datetime
    by: User | None = None
    reason: str = ""
    source: Source | None = None


def movement(
    *, act: Act, level: StockLevel, quantity: int, cost_value: Decimal = ZERO
) -> StockMovement:
    """Return the unsaved movement of one level by an act."""
    source = act.source
    return StockMovement(
        level_id=level.pk,
        kind=act.kind,
        quantity=quantity,
        cost_value=cost_value,
        reference=act.reference,
        reason=act.reason,
        source_kind=source.kind if source else "",
        source_id=source.document_id if source else None,
        source_line_ids=sorted(source.lines.get(level.variant_id, ())) if source else [],
        moved_at=act.at,
        moved_by_id=act.by.pk if act.by else None,
    )


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
    require_open_period(act.at)
    units: dict[int, int] = defaultdict(int)
    for level, count in changes.items():
        units[level.variant_id] += count
    booked = _book_cost(act=act, pools=pools, units=units, values=values or {})
    levels_of: dict[int, list[StockLevel]] = defaultdict(list)
    for level in changes:
        levels_of[level.variant_id].append(level)
    cost_of: dict[int, Decimal] = {}
    for variant_id, levels in levels_of.items():
        cost_of |= _shares(booked[variant_id], {level.pk: abs(changes[level]) for level in levels})
    add_to_levels(
        on_hand={level.pk: count for level, count in changes.items()},
        allocated={pk: -count for pk, count in (promised or {}).items()},
        at=act.at,
    )
    return insert_objects(
        [
            movement(act=act, level=level, quantity=count, cost_value=cost_of[level.pk])
            for level, count in changes.items()
        ]
    )


def _shares(value: Decimal, units: Mapping[int, int]) -> dict[int, Decimal]:
    """Split the value of a variant over its levels, by level id -> units."""
    if len(units) == 1:
        return dict.fromkeys(units, value)
    shares = split_amount(value, list(units.values()), settings.RETAIL_CURRENCY)
    return dict(zip(units, shares, strict=True))


def post_transfer(*, act: Act, changes: Mapping[StockLevel, int]) -> list[StockMovement]:
    """
    Write the movements of units that change their place and not their owner.

    changes: locked level -> signed units, of each variant as many out as in. The value of the
    company's stock stays as it is, so the cost pools are neither locked nor written.
    """
    require_open_period(act.at)
    add_to_levels(on_hand={level.pk: count for level, count in changes.items()}, at=act.at)
    return insert_objects(
        [movement(act=act, level=level, quantity=count) for level, count in changes.items()]
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
    rows, booked = [], {}
    for variant_id, count in units.items():
        cost = costs[variant_id]
        units_before = cost.units
        if count < 0:
            booked[variant_id] = -cost.issue(-count)
        elif variant_id in values:
            booked[variant_id] = cost.receive(count, values[variant_id])
        else:
            booked[variant_id] = cost.take_back(count)
        rows.append(
            (
                pools[variant_id].pk,
                "ISSUE" if count < 0 else "RECEIPT",
                count,
                count > 0 and variant_id not in values,
                booked[variant_id],
                ZERO,
                units_before,
                act.reference,
                act.at,
            )
        )
    add_to_pools({pools[pk].pk: (count, booked[pk]) for pk, count in units.items()})
    copy_rows(table="inventory_costmovement", columns=_COST_COLUMNS, rows=rows)
    return booked
