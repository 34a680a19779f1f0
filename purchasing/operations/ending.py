"""Ending orders of which nothing more is expected."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from purchasing.models import PurchaseOrder, PurchaseOrderLine
from purchasing.operations.progress import refresh_progress
from retail.common.errors import BusinessError
from retail.common.models import User
from retail.common.status import check_move


class GoodsAlreadyArrived(BusinessError):
    """Goods or an invoice came, so the order cannot be cancelled."""


class MissingReason(BusinessError):
    """The act needs a reason."""


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
    return _end(order, status=PurchaseOrder.Status.CANCELLED, reason=reason, at=at, by=by)


@transaction.atomic
def close_short(*, order_id: int, reason: str, at: datetime, by: User | None) -> PurchaseOrder:
    """
    End a sent order although not everything came; what is missing counts as cancelled.

    :raises WrongStatus: the order was not sent, or has ended.
    :raises MissingReason: the reason is empty.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    check_move(order, PurchaseOrder.Status.CLOSED)
    lines = list(order.lines.for_update())
    for line in lines:
        line.cancelled += line.expected
    PurchaseOrderLine.objects.bulk_update(lines, ["cancelled"])
    _end(order, status=PurchaseOrder.Status.CLOSED, reason=reason, at=at, by=by)
    refresh_progress(order_ids=[order.pk], at=at)
    order.refresh_from_db()
    return order


def _end(
    order: PurchaseOrder, *, status: str, reason: str, at: datetime, by: User | None
) -> PurchaseOrder:
    if not reason.strip():
        msg = "Say why: the reason is kept with the order."
        raise MissingReason(msg, order=order.number)
    order.status, order.close_reason = status, reason.strip()
    order.closed_at, order.closed_by = at, by
    order.save(update_fields=["status", "close_reason", "closed_at", "closed_by"])
    return order
