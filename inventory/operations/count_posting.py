"""Holding counted figures against the ledger, and putting stock right by the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import connection, transaction
from django.db.models import OuterRef, Subquery

from inventory.models import (
    Allocation,
    CostPool,
    CountRequest,
    StockCount,
    StockCountEntry,
    StockCountLine,
    StockLevel,
    StockMovement,
    WithdrawnPromise,
)
from inventory.operations.counts import (
    BATCH,
    CountRefused,
    locked_count,
    locked_lines,
    require_counting,
)
from inventory.operations.issues import take_units
from inventory.operations.levels import Ids, lock_pools
from inventory.operations.posting import Act, Source
from inventory.operations.promises import choose_to_withdraw
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

    expected: what the ledger says for the moment the line was counted. on_hand: what it says now.
    """

    line: StockCountLine
    expected: int
    on_hand: int
    units: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class CountPlan:
    """
    What posting a sheet would do as things stand.

    withdrawn: promise -> units of it that would be taken back. errors: line id -> why it has to
    be counted again first.
    """

    variances: Sequence[Variance]
    withdrawn: Mapping[Allocation, int]
    errors: Mapping[int, str]

    @property
    def off(self) -> list[Variance]:
        return [variance for variance in self.variances if variance.units]

    @property
    def units_off(self) -> int:
        return sum(abs(variance.units) for variance in self.variances)

    @property
    def value_off(self) -> Decimal:
        return sum((abs(variance.value) for variance in self.variances), ZERO)


def variances(lines: Sequence[StockCountLine]) -> list[Variance]:
    """
    Return what counted lines say against the ledger, as of the moment each was counted.

    What was sold, received or moved after that moment stays out of it: a shelf counted at 80,
    after 15 of 100 were sold, is 5 short, whatever is sold later. What is booked late, for a time
    before that moment, counts as expected to be gone.
    lines: with a figure, and with their levels and articles.
    """
    ledger = _ledger(lines)
    costs = _unit_costs({line.level.variant_id for line in lines})
    found = []
    for line in lines:
        expected, on_hand = ledger[line.pk]
        units = (line.counted or 0) - expected
        value = round_amount(
            units * costs.get(line.level.variant_id, ZERO), settings.RETAIL_CURRENCY
        )
        found.append(
            Variance(line=line, expected=expected, on_hand=on_hand, units=units, value=value)
        )
    return found


def plan_count(*, count_id: int, at: datetime) -> CountPlan:
    """Return what posting the counted lines of a sheet would do now; nothing is locked."""
    lines = StockCountLine.objects.filter(count=count_id, counted__isnull=False)
    found = variances(list(lines.select_related("level__variant__product").order_by("pk")))
    short = {
        variance.line.level_id: variance.line.level.allocated - left
        for variance in found
        if variance.units < 0
        and (left := variance.on_hand + variance.units) < variance.line.level.allocated
    }
    promises = Allocation.objects.open().filter(level__in=list(short))
    return CountPlan(
        variances=found,
        withdrawn=choose_to_withdraw(promises.select_related("level__variant"), short, at=at),
        errors=_impossible(found),
    )


@dataclass(frozen=True, slots=True)
class CountPosting:
    """A sheet that was handed in or approved, and the promises that its posting took back."""

    count: StockCount
    withdrawn: Sequence[WithdrawnPromise] = ()


@transaction.atomic
def post_count(*, count_id: int, at: datetime, by: User | None = None) -> CountPosting:
    """
    Hand a sheet in. It is posted at once when it differs little, else it awaits approval.

    The differences are added up without their signs, in units and in value; the limits are those
    of the location at this moment, and stay on the sheet. Handing in twice changes nothing.
    Locks: the sheet, its lines, then the CostPool, StockLevel and Allocation rows.

    :raises WrongStatus: the sheet was cancelled.
    :raises NotAllCounted: lines have no figure yet.
    :raises CountRefused: lines whose units were sold after they were counted as gone.
    """
    count = locked_count(count_id)
    if count.status in {StockCount.Status.AWAITING_APPROVAL, StockCount.Status.POSTED}:
        return _posted_before(count)
    require_counting(count)
    lines = locked_lines(count)
    if missing := sum(line.counted is None for line in lines):
        msg = f"{missing} of {len(lines)} lines of {count} are not counted yet."
        raise NotAllCounted(msg, lines=missing)
    ledger = _locked_ledger(lines)
    count.submitted_at, count.submitted_by = at, by
    count.units_limit = count.location.count_units_limit
    count.value_limit = count.location.count_value_limit
    _keep_figures(count, ledger.found)
    if count.units_off <= count.units_limit and count.value_off <= count.value_limit:  # type: ignore[operator]  # all four are set above
        return _post(count, ledger, at=at, by=by)
    count.status = StockCount.Status.AWAITING_APPROVAL
    count.save()
    return CountPosting(count)


@transaction.atomic
def approve_count(
    *,
    count_id: int,
    at: datetime,
    by: User,
    reasons: Mapping[int, str] | None = None,
) -> CountPosting:
    """
    Post a sheet that differs by more than its limits, by somebody who counted none of it.

    reasons: line id -> a StockCountLine.Reason for what was found to be the cause.
    Approving twice changes nothing.
    Locks: the sheet, its lines, then the CostPool, StockLevel and Allocation rows.

    :raises WrongStatus: the sheet does not await approval.
    :raises NotAllowed: the approver submitted it or counted a line of it, in whatever round.
    :raises CountRefused: lines whose units were sold after they were counted as gone.
    """
    count = locked_count(count_id)
    if count.status == StockCount.Status.POSTED and count.approved_by_id == by.pk:
        return _posted_before(count)
    if count.status != StockCount.Status.AWAITING_APPROVAL:
        msg = f"{count} is {count.get_status_display().lower()}: there is nothing to approve."
        raise WrongStatus(msg, status=count.status)
    lines = locked_lines(count)
    entries = StockCountEntry.objects.filter(line__count=count, counted_by=by)
    if by.pk == count.submitted_by_id or entries.exists():
        msg = "Somebody who counted none of it approves a count."
        raise NotAllowed(msg)
    ledger = _locked_ledger(lines)
    for line in lines:
        line.reason = (reasons or {}).get(line.pk, line.reason)
    StockCountLine.objects.bulk_update(lines, ["reason"], batch_size=BATCH)
    count.approved_at, count.approved_by = at, by
    _keep_figures(count, ledger.found)
    return _post(count, ledger, at=at, by=by)


@dataclass(frozen=True, slots=True)
class _Ledger:
    """Locked pools (by variant id) and levels (by id), and what lines say against them."""

    pools: Mapping[int, CostPool]
    levels: Mapping[int, StockLevel]
    found: Sequence[Variance]


def _locked_ledger(lines: Sequence[StockCountLine]) -> _Ledger:
    """
    Lock what the lines are about, and hold them against it.

    Nothing is read before: whatever was sold until now is in the ledger, and nothing more until
    the commit.

    :raises CountRefused: lines whose units were sold after they were counted as gone.
    """
    pools = lock_pools({line.level.variant_id for line in lines})
    levels = StockLevel.objects.for_update().filter(pk__in=Ids(line.level_id for line in lines))
    by_id = {level.pk: level for level in levels}
    found = variances(lines)
    if errors := _impossible(found):
        raise CountRefused(errors)
    return _Ledger(pools=pools, levels=by_id, found=found)


def _keep_figures(count: StockCount, found: Sequence[Variance]) -> None:
    """Write down what was expected of each line, and by how much the sheet differs in all."""
    for variance in found:
        variance.line.expected = variance.expected
    StockCountLine.objects.bulk_update(
        [variance.line for variance in found], ["expected"], batch_size=BATCH
    )
    plan = CountPlan(found, {}, {})
    count.units_off, count.value_off = plan.units_off, plan.value_off


def _posted_before(count: StockCount) -> CountPosting:
    """Return what an earlier call came to, of a sheet that was handed in already."""
    withdrawn = WithdrawnPromise.objects.filter(
        cause=WithdrawnPromise.Cause.COUNT, reference=count.number
    )
    return CountPosting(count, list(withdrawn.order_by("pk")))


def _post(count: StockCount, ledger: _Ledger, *, at: datetime, by: User | None) -> CountPosting:
    """Put stock right by what a locked sheet found, all of its lines in one act."""
    check_move(count, StockCount.Status.POSTED)
    off = [variance for variance in ledger.found if variance.units]
    withdrawn: Sequence[WithdrawnPromise] = ()
    if off:
        of_variant = {variance.line.level.variant_id for variance in off}
        withdrawn = take_units(
            act=_act(count, off, at=at, by=by),
            pools={variant_id: ledger.pools[variant_id] for variant_id in of_variant},
            changes={ledger.levels[variance.line.level_id]: variance.units for variance in off},
            cause=WithdrawnPromise.Cause.COUNT,
        ).withdrawn
    counted_at = StockCountLine.objects.filter(count=count, level=OuterRef("level"))
    # Who doubts the stock after it was counted asks for another count.
    CountRequest.objects.filter(
        level__in=list(ledger.levels),
        settled_at__isnull=True,
        requested_at__lte=Subquery(counted_at.values("counted_at")[:1]),
    ).update(settled_at=at)
    count.lines.update(settled_at=at)
    count.status, count.closed_at = StockCount.Status.POSTED, at
    count.save()
    return CountPosting(count, withdrawn)


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


def _impossible(found: Sequence[Variance]) -> dict[int, str]:
    """Return line id -> what to do about it, of lines whose level would fall below zero."""
    return {
        variance.line.pk: (
            f"{variance.line.level.variant}: {-left} units were sold since that were counted as"
            " gone. Count it again."
        )
        for variance in found
        if (left := variance.on_hand + variance.units) < 0
    }


def _ledger(lines: Sequence[StockCountLine]) -> dict[int, tuple[int, int]]:
    """Return line id -> units on the ledger when the line was counted, and now; in one look."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT line.id, level.on_hand - coalesce(since.units, 0), level.on_hand
              FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[])
                       AS line (id, level_id, counted_at)
              JOIN inventory_stocklevel AS level ON level.id = line.level_id
              LEFT JOIN LATERAL (
                       SELECT sum(movement.quantity) AS units
                         FROM inventory_stockmovement AS movement
                        WHERE movement.level_id = line.level_id
                          AND movement.moved_at > line.counted_at) AS since ON true
            """,
            [
                [line.pk for line in lines],
                [line.level_id for line in lines],
                [line.counted_at for line in lines],
            ],
        )
        return {pk: (int(expected), on_hand) for pk, expected, on_hand in cursor.fetchall()}


def _unit_costs(variant_ids: set[int]) -> dict[int, Decimal]:
    """Return variant id -> today's average cost of what is in stock."""
    pools = CostPool.objects.filter(variant_id__in=list(variant_ids), units__gt=0)
    return {pool.variant_id: pool.value / pool.units for pool in pools}
