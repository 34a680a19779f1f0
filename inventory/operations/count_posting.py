"""Holding counted figures against the ledger, and putting stock right by the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import connection, transaction

from inventory.models import (
    CostPool,
    CountRequest,
    StockCount,
    StockCountLine,
    StockLevel,
    StockMovement,
    WithdrawnPromise,
)
from inventory.operations.counts import (
    CountRefused,
    locked_count,
    locked_lines,
    require_counting,
)
from inventory.operations.issues import Taken, take_units
from inventory.operations.levels import lock_pools
from inventory.operations.posting import Act, Source
from retail.common.errors import BusinessError, NotAllowed, WrongStatus
from retail.common.models import User
from retail.common.money import ZERO, round_amount
from retail.common.status import check_move


class NotAllCounted(BusinessError):
    """Lines of the sheet have no figure yet."""


@dataclass(frozen=True, slots=True)
class Variance:
    """
    What one line would change: units found more or fewer, and their value at today's average.

    expected: what the ledger says for the moment the line was counted.
    """

    line: StockCountLine
    expected: int
    units: int
    value: Decimal


def variances(lines: Sequence[StockCountLine]) -> list[Variance]:
    """
    Return what counted lines say against the ledger, as of the moment each was counted.

    What was sold, received or moved after that moment stays out of it: a shelf counted at 80,
    after 15 of 100 were sold, is 5 short, whatever is sold later.
    lines: with a figure, and with their levels and articles.
    """
    moved_since = _moved_since(lines)
    costs = _unit_costs({line.level.variant_id for line in lines})
    found = []
    for line in lines:
        expected = line.level.on_hand - moved_since.get(line.pk, 0)
        units = (line.counted or 0) - expected
        value = round_amount(
            units * costs.get(line.level.variant_id, ZERO), settings.RETAIL_CURRENCY
        )
        found.append(Variance(line=line, expected=expected, units=units, value=value))
    return found


@transaction.atomic
def submit_count(*, count_id: int, at: datetime, by: User | None = None) -> StockCount:
    """
    Hand a sheet in. It is posted at once when it differs little, else it awaits approval.

    The differences are added up without their signs, in units and in value; the limits are those
    of the location at this moment, and stay on the sheet. Submitting twice changes nothing.
    Locks: the sheet, its lines, then what posting locks.

    :raises WrongStatus: the sheet was cancelled.
    :raises NotAllCounted: lines have no figure yet.
    :raises CountRefused: lines whose units were sold after they were counted as gone.
    """
    count = locked_count(count_id)
    if count.submitted_at is not None:
        return count
    require_counting(count)
    lines = locked_lines(count)
    if missing := sum(line.counted is None for line in lines):
        msg = f"{missing} of {len(lines)} lines of {count} are not counted yet."
        raise NotAllCounted(msg, lines=missing)
    found = variances(lines)
    for variance in found:
        variance.line.expected = variance.expected
    StockCountLine.objects.bulk_update(lines, ["expected"])
    count.submitted_at, count.submitted_by = at, by
    count.units_limit = count.location.count_units_limit
    count.value_limit = count.location.count_value_limit
    count.units_off = sum(abs(variance.units) for variance in found)
    count.value_off = sum((abs(variance.value) for variance in found), ZERO)
    if count.units_off > count.units_limit or count.value_off > count.value_limit:
        count.status = StockCount.Status.AWAITING_APPROVAL
        count.save()
        return count
    _post(count, lines, at=at, by=by)
    return count


@transaction.atomic
def approve_count(
    *, count_id: int, at: datetime, by: User, reasons: Mapping[int, str] | None = None
) -> StockCount:
    """
    Post a sheet that differs by more than its limits, by somebody who counted none of it.

    reasons: line id -> a StockCountLine.Reason for what was found to be the cause.
    Approving twice changes nothing.
    Locks: the sheet, its lines, then what posting locks.

    :raises WrongStatus: the sheet does not await approval.
    :raises NotAllowed: the approver submitted it or counted a line of it.
    :raises CountRefused: lines whose units were sold after they were counted as gone.
    """
    count = locked_count(count_id)
    if count.status == StockCount.Status.POSTED and count.approved_by_id == by.pk:
        return count
    if count.status != StockCount.Status.AWAITING_APPROVAL:
        msg = f"{count} is {count.get_status_display().lower()}: there is nothing to approve."
        raise WrongStatus(msg, status=count.status)
    lines = locked_lines(count)
    if by.pk == count.submitted_by_id or any(line.counted_by_id == by.pk for line in lines):
        msg = "Somebody who counted none of it approves a count."
        raise NotAllowed(msg)
    for line in lines:
        line.reason = (reasons or {}).get(line.pk, line.reason)
    StockCountLine.objects.bulk_update(lines, ["reason"])
    count.approved_at, count.approved_by = at, by
    _post(count, lines, at=at, by=by)
    return count


def _post(
    count: StockCount, lines: Sequence[StockCountLine], *, at: datetime, by: User | None
) -> Taken:
    """Put stock right by what a locked sheet found, all of its lines in one act."""
    check_move(count, StockCount.Status.POSTED)
    pools = lock_pools({line.level.variant_id for line in lines})
    levels = {
        level.pk: level
        for level in StockLevel.objects.for_update().filter(
            pk__in=[line.level_id for line in lines]
        )
    }
    # The levels are locked now: what was sold since the lines were counted is in the ledger.
    for line in lines:
        line.level.on_hand = levels[line.level_id].on_hand
    found = variances(lines)
    _require_possible(found, levels)
    for variance in found:
        variance.line.expected, variance.line.settled_at = variance.expected, at
    StockCountLine.objects.bulk_update(lines, ["expected", "settled_at"])
    off = [variance for variance in found if variance.units]
    taken = Taken(movements=())
    if off:
        taken = take_units(
            act=_act(count, off, at=at, by=by),
            pools={
                variance.line.level.variant_id: pools[variance.line.level.variant_id]
                for variance in off
            },
            changes={levels[variance.line.level_id]: variance.units for variance in off},
            cause=WithdrawnPromise.Cause.COUNT,
        )
    CountRequest.objects.filter(level__in=list(levels), settled_at__isnull=True).update(
        settled_at=at
    )
    count.status, count.closed_at = StockCount.Status.POSTED, at
    count.units_off = sum(abs(variance.units) for variance in found)
    count.value_off = sum((abs(variance.value) for variance in found), ZERO)
    count.save()
    return taken


def _act(count: StockCount, found: Sequence[Variance], *, at: datetime, by: User | None) -> Act:
    return Act(
        kind=StockMovement.Kind.COUNT,
        reference=count.number,
        at=at,
        by=by,
        source=Source(
            kind=StockMovement.SourceKind.COUNT,
            document_id=count.pk,
            lines={variance.line.level.variant_id: [variance.line.pk] for variance in found},
        ),
    )


def _require_possible(found: Sequence[Variance], levels: Mapping[int, StockLevel]) -> None:
    """Pass when no level falls below zero; else name every line to be counted again."""
    errors = {}
    for variance in found:
        left = levels[variance.line.level_id].on_hand + variance.units
        if left < 0:
            errors[variance.line.pk] = (
                f"{variance.line.level.variant}: {-left} units were sold since that were counted"
                " as gone. Count it again."
            )
    if errors:
        raise CountRefused(errors)


def _moved_since(lines: Sequence[StockCountLine]) -> dict[int, int]:
    """Return line id -> units that its level gained or lost after the line was counted."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT line.id, sum(movement.quantity)
              FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[])
                       AS line (id, level_id, counted_at)
              JOIN inventory_stockmovement AS movement
                ON movement.level_id = line.level_id AND movement.moved_at > line.counted_at
             GROUP BY line.id
            """,
            [
                [line.pk for line in lines],
                [line.level_id for line in lines],
                [line.counted_at for line in lines],
            ],
        )
        return dict(cursor.fetchall())


def _unit_costs(variant_ids: set[int]) -> dict[int, Decimal]:
    """Return variant id -> today's average cost of what is in stock."""
    pools = CostPool.objects.filter(variant_id__in=list(variant_ids), units__gt=0)
    return {pool.variant_id: pool.value / pool.units for pool in pools}
