"""Ending orders, or single lines, of which nothing more is expected; and taking that back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from purchasing.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderVersion
from purchasing.operations.following import follow_drop_shipment
from purchasing.operations.progress import refresh_progress, reopen
from purchasing.operations.rematching import ask_to_match
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.status import check_move

_CLOSING = ("cancelled", "closed_at", "closed_by", "close_reason")


class GoodsAlreadyArrived(BusinessError):
    """Goods or an invoice came, so the order cannot be cancelled."""


class MissingReason(BusinessError):
    """The act needs a reason."""


class NothingExpected(BusinessError):
    """No more of the line is expected, so there is nothing to close."""


class NothingCancelled(BusinessError):
    """Nothing of the line is cancelled, so there is nothing to reopen."""


class NoLongerOrdered(BusinessError):
    """The version of the order that the supplier has does not order the line any more."""


@transaction.atomic
def cancel(*, order_id: int, reason: str, at: datetime, by: User | None) -> PurchaseOrder:
    """
    End an order of which nothing came; every unit counts as cancelled.

    :raises GoodsAlreadyArrived: something was received or invoiced: close it short instead.
    :raises WrongStatus: the order has ended.
    :raises MissingReason: the reason is empty.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    check_move(order, PurchaseOrder.Status.CANCELLED)
    lines = list(order.lines.for_update())
    if any(line.received or line.invoiced for line in lines):
        msg = f"Goods or an invoice of {order} came already: close it short instead."
        raise GoodsAlreadyArrived(msg, order=order.number)
    for line in lines:
        line.cancelled = line.ordered
    PurchaseOrderLine.objects.bulk_update(lines, ["cancelled"])
    _end(order, status=PurchaseOrder.Status.CANCELLED, reason=reason, at=at, by=by)
    follow_drop_shipment(order=order, at=at, by=by)
    return order


@transaction.atomic
def close_short(*, order_id: int, reason: str, at: datetime, by: User | None) -> PurchaseOrder:
    """
    End a sent order although not everything came; what is missing counts as cancelled.

    :raises WrongStatus: the order was not sent, or has ended.
    :raises MissingReason: the reason is empty.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    check_move(order, PurchaseOrder.Status.CLOSED)
    lines = [line for line in order.lines.for_update() if line.expected]
    _close_lines(lines, reason=_checked(reason, order), at=at, by=by)
    _end(order, status=PurchaseOrder.Status.CLOSED, reason=reason, at=at, by=by)
    refresh_progress(order_ids=[order.pk], at=at)
    ask_to_match(order_ids=[order.pk], why=f"{order} was closed short.", at=at)
    follow_drop_shipment(order=order, at=at, by=by)
    order.refresh_from_db()
    return order


@transaction.atomic
def close_line_short(
    *, line_id: int, reason: str, at: datetime, by: User | None
) -> PurchaseOrderLine:
    """
    Expect no more of one line; what is missing counts as cancelled.

    The order closes with it when everything else has come and been billed. A change that waits for
    approval and names the units of the line orders it anew when it is approved.

    Locks: the order, its lines.

    :raises WrongStatus: the order was not sent, or has ended.
    :raises NothingExpected: all of it came, or it is closed already.
    :raises MissingReason: the reason is empty.
    """
    order, line = _lock(line_id)
    if order.status != PurchaseOrder.Status.SENT:
        msg = f"{order} is {order.get_status_display().lower()}: nothing of it is expected."
        raise WrongStatus(msg, status=order.status)
    if not line.expected:
        msg = f"Nothing more is expected of {line} of {order}."
        raise NothingExpected(msg, order_line=line.pk)
    _close_lines([line], reason=_checked(reason, order), at=at, by=by)
    refresh_progress(order_ids=[order.pk], at=at)
    ask_to_match(order_ids=[order.pk], why=f"{order}, {line}, was closed short.", at=at)
    follow_drop_shipment(order=order, at=at, by=by)
    return line


@transaction.atomic
def reopen_line(*, line_id: int, at: datetime) -> PurchaseOrderLine:
    """
    Expect again what of a line was cancelled; an order that was closed is open again.

    Locks: the order, its lines.

    :raises WrongStatus: the order was cancelled, or never sent.
    :raises NothingCancelled: all that was ordered of it is expected or came.
    :raises NoLongerOrdered: the supplier was told so: amend the order instead.
    """
    order, line = _lock(line_id)
    if order.status not in {PurchaseOrder.Status.SENT, PurchaseOrder.Status.CLOSED}:
        msg = f"{order} is {order.get_status_display().lower()}: it expects nothing."
        raise WrongStatus(msg, status=order.status)
    if not line.cancelled:
        msg = f"Nothing of {line} of {order} is cancelled."
        raise NothingCancelled(msg, order_line=line.pk)
    _refuse_dropped(order, line)
    line.cancelled = 0
    line.closed_at = line.closed_by = None
    line.close_reason = ""
    line.save(update_fields=_CLOSING)
    if order.status == PurchaseOrder.Status.CLOSED:
        reopen(order)
        order.save(update_fields=["status", "closed_at", "closed_by", "close_reason"])
    refresh_progress(order_ids=[order.pk], at=at)
    ask_to_match(order_ids=[order.pk], why=f"{order}, {line}, is expected again.", at=at)
    follow_drop_shipment(order=order, at=at, by=None)
    return line


def _lock(line_id: int) -> tuple[PurchaseOrder, PurchaseOrderLine]:
    """Return a line with its order, both locked; a line never changes its order."""
    order = PurchaseOrder.objects.for_update().get(lines=line_id)
    [line] = [line for line in order.lines.for_update() if line.pk == line_id]
    return order, line


def _refuse_dropped(order: PurchaseOrder, line: PurchaseOrderLine) -> None:
    version = order.versions.filter(status=PurchaseOrderVersion.Status.IN_FORCE).first()
    if version is None:
        return
    told = {each["id"]: each["units"] for each in version.content["lines"]}
    if told.get(line.pk) == 0:
        msg = f"{order}, {version}, does not order {line} any more: amend the order instead."
        raise NoLongerOrdered(msg, order_line=line.pk)


def _close_lines(
    lines: Sequence[PurchaseOrderLine], *, reason: str, at: datetime, by: User | None
) -> None:
    for line in lines:
        line.cancelled += line.expected
        line.closed_at, line.closed_by, line.close_reason = at, by, reason
    PurchaseOrderLine.objects.bulk_update(lines, _CLOSING)


def _end(
    order: PurchaseOrder, *, status: str, reason: str, at: datetime, by: User | None
) -> PurchaseOrder:
    order.close_reason = _checked(reason, order)
    order.status, order.closed_at, order.closed_by = status, at, by
    order.save(update_fields=["status", "close_reason", "closed_at", "closed_by"])
    # A change that nobody has approved yet is of no use any more.
    order.versions.filter(status=PurchaseOrderVersion.Status.PROPOSED).update(
        status=PurchaseOrderVersion.Status.DECLINED, decided_at=at, decided_by=by
    )
    return order


def _checked(reason: str, order: PurchaseOrder) -> str:
    if not reason.strip():
        msg = "Say why: the reason is kept with the order."
        raise MissingReason(msg, order=order.number)
    return reason.strip()
