"""Orders that wait for stock: who comes first, and serving them when some has come in."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import F

from orders.models import Order, OrderEvent
from orders.operations.allocation import Promised, hold_short_order, promise_rest
from orders.operations.events import event, record_events
from orders.operations.promised import lines_of
from orders.operations.routing import STOCK_CAME_IN
from orders.operations.statuses import locked_order, settle_order
from orders.queries import servable_orders
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User

HIGHEST_PRIORITY = 1000


class InvalidPriority(BusinessError):
    """A priority lies between -1000 and 1000."""


@transaction.atomic
def serve_order(*, order_id: int, at: datetime) -> Promised:
    """
    Promise to a waiting order what came in meanwhile; release its stock hold once it has all.

    Unlike `allocate_order` it opens no hold: somebody may have decided to ship without the rest.
    An order that no longer waits is left alone.
    Locks: the order, then the stock levels.
    """
    order = locked_order(order_id)
    if not order.is_open:
        return Promised(units=0, missing={})
    lines = lines_of(order)
    promised = promise_rest(order=order, lines=lines, attempt=STOCK_CAME_IN, at=at)
    if not promised.missing:
        hold_short_order(order=order, missing={}, at=at)
    settle_order(order=order, lines=lines)
    return promised


def allocate_waiting(*, at: datetime, variant_ids: Collection[int] | None = None) -> int:
    """
    Serve orders that wait for stock: first those to be shipped first, of these the ones of higher
    priority, of these the older ones. Orders that nobody has promised a day come last.

    Each order is a transaction of its own, so call it outside of any other: it locks orders by
    their turn and not by their key. Orders held by hand are passed over.

    variant_ids: only orders waiting for these; None for all.
    Returns how many orders were promised something.
    """
    turn = servable_orders(variant_ids=variant_ids).order_by(
        F("ship_by").asc(nulls_last=True), "-priority", "placed_at", "pk"
    )
    served = 0
    for order_id in list(turn.values_list("pk", flat=True)):
        served += serve_order(order_id=order_id, at=at).units > 0
    return served


@transaction.atomic
def set_priority(*, order_id: int, priority: int, at: datetime, by: User | None = None) -> Order:
    """
    Put an order before others that are to be shipped at the same time, or behind them.

    priority: the higher comes first. The one that it has already changes nothing.
    Locks: the order.

    :raises InvalidPriority: the priority is not between -1000 and 1000.
    :raises WrongStatus: nothing of the order is left to be shipped.
    """
    if not -HIGHEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
        raise InvalidPriority("A priority lies between -1000 and 1000.", priority=priority)
    order = locked_order(order_id)
    if not order.is_open:
        raise WrongStatus(
            f"{order} is {order.get_lifecycle_display().lower()}: it waits for nothing.",
            status=order.lifecycle,
        )
    if order.priority == priority:
        return order
    before, order.priority = order.priority, priority
    order.save(update_fields=["priority"])
    record_events(
        [event(order, OrderEvent.Kind.PRIORITIZED, at=at, by=by, before=before, now=priority)]
    )
    return order
