"""Calling an order off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from orders.models import Order, OrderEvent, OrderLine
from orders.operations.events import event, record_events
from orders.operations.holds import close_holds
from orders.operations.promised import give_back, lines_of, locked_promises_of
from orders.operations.statuses import locked_order, settle_order
from retail.common.errors import WrongStatus
from retail.common.models import User


@transaction.atomic
def cancel_order(*, order_id: int, reason: str, at: datetime, by: User | None = None) -> Order:
    """
    Call off what has not been shipped; its promises are free again and its holds closed.

    An order of which something was shipped becomes completed with what was. One that is cancelled
    already stays as it is.
    Locks: the order, then the stock levels.

    :raises WrongStatus: everything was shipped.
    """
    order = locked_order(order_id)
    if order.lifecycle == Order.Lifecycle.CANCELLED:
        return order
    if order.lifecycle == Order.Lifecycle.COMPLETED:
        raise WrongStatus(
            f"{order} is completed: what was shipped comes back as a return.",
            status=order.lifecycle,
        )
    call_off(order=order, lines=lines_of(order), reason=reason, at=at, by=by)
    return order


def call_off(
    *,
    order: Order,
    lines: Sequence[OrderLine],
    reason: str,
    at: datetime,
    by: User | None = None,
) -> None:
    """Cancel what is left of a locked order, see `cancel_order`; saves the order."""
    promises = locked_promises_of(order=order, lines=lines, at=at)
    give_back(order=order, promises=promises, units=promises.units(), at=at, by=by)
    pieces = sum(line.open_quantity for line in lines)
    for line in lines:
        line.cancelled += line.open_quantity
    OrderLine.objects.bulk_update(lines, ["cancelled"])
    close_holds(order=order, note="The order was cancelled.", at=at, by=by)
    record_events(
        [event(order, OrderEvent.Kind.CANCELLED, at=at, by=by, reason=reason, pieces=pieces)]
    )
    if not any(line.shipped for line in lines):
        order.lifecycle = Order.Lifecycle.CANCELLED
    settle_order(order=order, lines=lines)
