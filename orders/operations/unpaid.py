"""Orders that nobody paid for in time."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from orders.models import OrderCancellation
from orders.operations.cancelling import cancel_order
from orders.operations.statuses import locked_order
from orders.queries import orders_to_call_off

KEY = "unpaid"


@transaction.atomic
def call_off_unpaid(*, order_id: int, at: datetime) -> OrderCancellation | None:
    """
    Call off an order whose time to pay is over; its promises are free again.

    None when there is nothing to call off: it was paid meanwhile, in part too, or has begun to
    leave, or somebody released its payment hold.
    Locks: the order, then the stock levels.
    """
    order = locked_order(order_id)
    if not orders_to_call_off(at=at).filter(pk=order.pk).exists():
        return None
    return cancel_order(
        order_id=order_id,
        reason="It was not paid in time.",
        cause=OrderCancellation.Cause.UNPAID,
        key=KEY,
        at=at,
    )
