"""Stock history taken in by the ten thousand: the same rows as one act at a time, set-based."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection, transaction

from inventory.models import CostPool, StockLevel, StockMovement
from inventory.operations.levels import (
    InsufficientStock,
    InvalidQuantity,
    ReferenceUsed,
    add_to_levels,
    add_to_pools,
    lock_levels,
    lock_pools,
    require_positive,
)
from inventory.operations.periods import require_open_period
from inventory.operations.posting import running_costs

_Key = tuple[int, int, str, str]

_NULL = "\\N"
# Source: PostgreSQL manual, COPY, section "Text Format".
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True, slots=True)
class Issue:
    """Units that left a location (negative: a customer brought them back) at a moment past."""

    location_id: int
    variant_id: int
    units: int
    kind: str
    reference: str
    moved_at: datetime
    reason: str = ""
    source_kind: str = ""
    source_id: int | None = None
    source_line_ids: tuple[int, ...] = ()


@transaction.atomic
def post_issues(*, issues: Sequence[Issue], at: datetime) -> int:
    """
    Post history in bulk and return how many movements that made.

    Writes the rows that one `issue_stock` or `return_stock` per document would have written, in
    the order of `moved_at`. Lines of one document for the same goods become one movement. What
    was posted before, told by location, variant, kind and reference, is passed over.
    Meant for about 20,000 issues a call: all are in memory, all levels stay locked.
    Locks: the CostPool rows, then the StockLevel rows, each by primary key.

    :raises InsufficientStock: at some moment more units leave than are free; nothing is posted.
    :raises InvalidQuantity: an issue of no units, or of more than can be counted.
    :raises UnknownVariant: an id that no article has; UnknownLocation, NotStocked.
    :raises ReferenceUsed: a reference moves the same goods in two acts of the same direction.
    """
    ordered = _merged(issues)
    if not ordered:
        return 0
    pools = lock_pools({issue.variant_id for issue in ordered})
    levels = lock_levels({(issue.location_id, issue.variant_id) for issue in ordered})
    fresh = _not_posted_yet(ordered)
    _require_free_throughout(fresh, levels)
    if fresh:
        require_open_period(min(issue.moved_at for issue in fresh))
        _write(issues=fresh, pools=pools, levels=levels, at=at)
    return len(fresh)


def _key(issue: Issue) -> _Key:
    return issue.location_id, issue.variant_id, issue.kind, issue.reference


def _merged(issues: Iterable[Issue]) -> list[Issue]:
    """Return the issues in the order they happened, one for each document and kind of goods."""
    merged: dict[_Key, Issue] = {}
    for issue in sorted(issues, key=lambda issue: issue.moved_at):
        if not issue.units:
            msg = f"{issue.reference} moves no units."
            raise InvalidQuantity(msg, reference=issue.reference)
        key = _key(issue)
        if first := merged.get(key):
            merged[key] = replace(
                first,
                units=first.units + issue.units,
                source_line_ids=first.source_line_ids + issue.source_line_ids,
            )
        else:
            merged[key] = issue
    moving = [issue for issue in merged.values() if issue.units]
    require_positive({position: abs(issue.units) for position, issue in enumerate(moving)})
    return moving


def _not_posted_yet(issues: Sequence[Issue]) -> list[Issue]:
    """Pass over what was posted before; one reference books a variant once per direction."""
    written = StockMovement.objects.filter(
        reference__in={issue.reference for issue in issues}
    ).values_list("level__location_id", "level__variant_id", "kind", "reference", "quantity")
    known: set[_Key] = set()
    booked: set[tuple[int, str, bool]] = set()
    for location_id, variant_id, kind, reference, quantity in written:
        known.add((location_id, variant_id, kind, reference))
        booked.add((variant_id, reference, quantity < 0))
    fresh = [issue for issue in issues if _key(issue) not in known]
    for issue in fresh:
        booking = issue.variant_id, issue.reference, issue.units > 0
        if booking in booked:
            msg = f"{issue.reference} moves the same goods in two acts."
            raise ReferenceUsed(msg, reference=issue.reference)
        booked.add(booking)
    return fresh


def _require_free_throughout(
    issues: Iterable[Issue], levels: Mapping[tuple[int, int], StockLevel]
) -> None:
    """Pass when the free units of no level fall below zero at any moment."""
    free = {key: level.on_hand - level.allocated for key, level in levels.items()}
    lowest: dict[tuple[int, int], int] = {}
    for issue in issues:
        key = issue.location_id, issue.variant_id
        free[key] -= issue.units
        if free[key] < lowest.get(key, 0):
            lowest[key] = free[key]
    shortages: dict[int, int] = defaultdict(int)
    for (_, variant_id), units in lowest.items():
        shortages[variant_id] -= units
    if shortages:
        raise InsufficientStock(shortages)


def _write(
    *,
    issues: Sequence[Issue],
    pools: Mapping[int, CostPool],
    levels: Mapping[tuple[int, int], StockLevel],
    at: datetime,
) -> None:
    """Run the moving average through the issues in memory and write every row it makes."""
    taken_back = {issue.variant_id for issue in issues if issue.units < 0}
    costs = running_costs(pools, taken_back=taken_back)
    cost_lines, stock_lines = [], []
    on_hand: dict[int, int] = defaultdict(int)
    for issue in issues:
        cost, pool_id = costs[issue.variant_id], pools[issue.variant_id].pk
        level_id = levels[issue.location_id, issue.variant_id].pk
        units_before, quantity = cost.units, -issue.units
        if issue.units > 0:
            kind, value = "ISSUE", -cost.issue(issue.units)
        else:
            kind, value = "RECEIPT", cost.take_back(quantity)
        on_hand[level_id] += quantity
        reference, reason = issue.reference.translate(_ESCAPES), issue.reason.translate(_ESCAPES)
        moved_at = issue.moved_at.isoformat()
        line_ids = ",".join(map(str, sorted(issue.source_line_ids)))
        cost_lines.append(
            f"{pool_id}\t{kind}\t{quantity}\t{quantity > 0}\t{value}\t0\t{units_before}"
            f"\t{reference}\t{moved_at}\n"
        )
        stock_lines.append(
            f"{level_id}\t{issue.kind}\t{quantity}\t{value}\t{reference}\t{reason}\t{moved_at}"
            f"\t{issue.source_kind}\t{issue.source_id or _NULL}\t{{{line_ids}}}\n"
        )
    _copy(
        "inventory_costmovement (pool_id, kind, units, is_at_average, value, expensed,"
        " units_before, reference, moved_at)",
        cost_lines,
    )
    _copy(
        "inventory_stockmovement (level_id, kind, quantity, cost_value, reference, reason,"
        " moved_at, source_kind, source_id, source_line_ids)",
        stock_lines,
    )
    add_to_levels(on_hand=on_hand, at=at)
    add_to_pools(
        {
            pools[variant_id].pk: (
                cost.units - pools[variant_id].units,
                cost.value - pools[variant_id].value,
            )
            for variant_id, cost in costs.items()
        }
    )


def _copy(table_and_columns: str, lines: Iterable[str]) -> None:
    """Append rows in their order by COPY: one text, not a hundred thousand parameters."""
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table_and_columns} FROM STDIN") as copy,
    ):
        copy.write("".join(lines))
