"""What comes of goods that were sent back: credits, replacements, and the end of waiting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from purchasing.models import (
    PurchaseOrderLine,
    SupplierReturn,
    SupplierReturnCredit,
    SupplierReturnLine,
)
from purchasing.operations.ending import MissingReason
from purchasing.operations.sending_back import (
    add_to_order_lines,
    end_return,
    is_awaited,
    lock_orders_of,
)
from purchasing.operations.supplier_returns import lock_return
from purchasing.queries.supplier_returns import replaced_units
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.status import check_move

Status = SupplierReturn.Status
Expects = SupplierReturn.Expects
ALL_CAME = "Everything expected for it came."


class InvalidCredit(BusinessError):
    """A credit without a number or units, or of goods that no credit is expected for."""


class CreditNoteUsed(BusinessError):
    """The supplier's number stands for other units of the same goods already."""


class MoreThanAwaited(BusinessError):
    """Fewer units are still awaited; `awaited` is return line id -> units."""


@transaction.atomic
def note_credit(
    *,
    return_id: int,
    number: str,
    credited: Mapping[int, int],
    at: datetime,
    by: User | None,
) -> SupplierReturn:
    """
    Note that the supplier credited units, before or after the goods left.

    What was to be replaced and is credited instead is expected on its order line no longer. When
    everything came that was expected, a return that was sent is settled.
    number: of the supplier's credit note; credited: return line id -> units. The same number with
    the same units again changes nothing.
    Locks: the return, the orders, then their lines.

    :raises WrongStatus: it is not approved yet, or has ended.
    :raises InvalidCredit, CreditNoteUsed, MoreThanAwaited: nothing is noted.
    """
    returned = lock_return(return_id)
    lines = {line.pk: line for line in returned.lines.order_by("pk")}
    number = _checked(returned, lines, number=number, credited=credited)
    order_lines = lock_orders_of(list(lines.values()))
    fresh = _not_noted_yet(number, credited)
    if not fresh:
        return returned
    if returned.status not in {Status.APPROVED, Status.SHIPPED}:
        msg = f"{returned} is {returned.get_status_display().lower()}: no credit is awaited."
        raise WrongStatus(msg, status=returned.status)
    _require_awaited(returned, [lines[pk] for pk in fresh], fresh)
    SupplierReturnCredit.objects.bulk_create(
        [
            SupplierReturnCredit(
                line=lines[pk], number=number, units=units, noted_at=at, noted_by=by
            )
            for pk, units in fresh.items()
        ]
    )
    for pk, units in fresh.items():
        lines[pk].credited += units
    SupplierReturnLine.objects.bulk_update([lines[pk] for pk in fresh], ["credited"])
    if returned.status == Status.SHIPPED:
        if returned.expects == Expects.REPLACEMENT:
            _no_longer_to_replace(lines, fresh, order_lines, is_credited=True, at=at)
        if not any(is_awaited(returned, line) for line in lines.values()):
            end_return(returned, note=ALL_CAME, at=at, by=by)
    return returned


@transaction.atomic
def settle_return(
    *,
    return_id: int,
    note: str,
    at: datetime,
    by: User | None,
    replaced: Mapping[int, int] | None = None,
) -> SupplierReturn:
    """
    End a return that was sent: what came is counted, and what did not come is given up.

    What was to be replaced and was not is expected on its order line no longer.
    replaced: return line id -> units that came again, at most those that receipts took in; None
    for as many as that.
    note: why nothing more comes; needed where something is still awaited.
    Locks: the return, the orders, then their lines.

    :raises WrongStatus: it was not sent, or has ended.
    :raises MoreThanAwaited: more units are said to be replaced than came in.
    :raises MissingReason: something is given up and no note says why.
    """
    returned = lock_return(return_id)
    check_move(returned, Status.SETTLED)
    lines = {line.pk: line for line in _with_sources(returned)}
    order_lines = lock_orders_of(list(lines.values()))
    came = replaced_units(lines.values())
    counts = came if replaced is None else replaced
    if beyond := {pk: came.get(pk, 0) for pk, n in counts.items() if not 0 <= n <= came.get(pk, 0)}:
        msg = "No more units count as replaced than receipts took in: post the receipt first."
        raise MoreThanAwaited(msg, awaited=beyond)
    for pk, line in lines.items():
        line.replaced = counts.get(pk, 0)
    SupplierReturnLine.objects.bulk_update(lines.values(), ["replaced"])
    given_up = {
        line.pk: line.units - line.credited - line.replaced
        for line in lines.values()
        if is_awaited(returned, line)
    }
    if given_up and not note.strip():
        msg = f"{sum(given_up.values()):,} units are still awaited: say why nothing more comes."
        raise MissingReason(msg, supplier_return=returned.number)
    if returned.expects == Expects.REPLACEMENT and given_up:
        _no_longer_to_replace(lines, given_up, order_lines, is_credited=False, at=at)
    end_return(returned, note=note.strip() or ALL_CAME, at=at, by=by)
    return returned


def _with_sources(returned: SupplierReturn) -> Sequence[SupplierReturnLine]:
    return list(returned.lines.select_related("receipt_line").order_by("pk"))


def _checked(
    returned: SupplierReturn,
    lines: Mapping[int, SupplierReturnLine],
    *,
    number: str,
    credited: Mapping[int, int],
) -> str:
    if not number.strip():
        problem = "Enter the number of the supplier's credit note."
    elif not credited:
        problem = "Enter how many units are credited: every line is empty."
    elif min(credited.values()) < 1:
        problem = "At least one unit is credited."
    elif unknown := sorted(credited.keys() - lines.keys()):
        problem = f"Line {unknown[0]} is not on {returned}."
    elif any(lines[pk].held_goods_id for pk in credited):
        problem = "Held goods were never ours: no credit is noted for them."
    elif returned.expects == Expects.NOTHING:
        problem = f"Nothing is expected for {returned}."
    else:
        return number.strip()
    raise InvalidCredit(problem, supplier_return=returned.number)


def _not_noted_yet(number: str, credited: Mapping[int, int]) -> dict[int, int]:
    """Return what is new of a credit note (line id -> units)."""
    noted = dict(
        SupplierReturnCredit.objects.filter(line__in=list(credited), number=number).values_list(
            "line_id", "units"
        )
    )
    if other := sorted(pk for pk, units in noted.items() if units != credited[pk]):
        msg = f"{number} was noted before, for other units of the same goods."
        raise CreditNoteUsed(msg, number=number, lines=other)
    return {pk: units for pk, units in credited.items() if pk not in noted}


def _require_awaited(
    returned: SupplierReturn, lines: Sequence[SupplierReturnLine], units: Mapping[int, int]
) -> None:
    came: Mapping[int, int] = {}
    if returned.expects == Expects.REPLACEMENT and returned.status == Status.SHIPPED:
        sourced = SupplierReturnLine.objects.select_related("receipt_line")
        came = replaced_units(sourced.filter(pk__in=list(units)).order_by("pk"))
    awaited = {line.pk: line.units - line.credited - came.get(line.pk, 0) for line in lines}
    if short := {pk: left for pk, left in awaited.items() if units[pk] > left}:
        named = ", ".join(
            f"{short[line.pk]:,} of line {line.position}" for line in lines if line.pk in short
        )
        msg = f"No more is awaited than {named}."
        raise MoreThanAwaited(msg, awaited=short)


def _no_longer_to_replace(
    lines: Mapping[int, SupplierReturnLine],
    units: Mapping[int, int],
    order_lines: Mapping[int, PurchaseOrderLine],
    *,
    is_credited: bool,
    at: datetime,
) -> None:
    """Take units off what locked order lines expect to be replaced (return line id -> units)."""
    changes: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for pk, count in units.items():
        order_line = order_lines[lines[pk].receipt_line_id or 0]
        returned, to_replace = changes[order_line.pk]
        changes[order_line.pk] = (returned + count * is_credited, to_replace - count)
    order_ids = sorted({line.order_id for line in order_lines.values() if line.pk in changes})
    add_to_order_lines(changes, order_ids=order_ids, at=at)
