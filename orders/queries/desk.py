"""The queues of the orders desk: what waits for whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from orders.models import (
    ChannelConflict,
    Fulfillment,
    LineAllocation,
    Order,
    OrderHold,
    Pickup,
    Return,
)
from orders.queries.work import waiting_orders

Orders = QuerySet[Order]
# One more than a list shows, so that it knows that there are others.
MOST_SHOWN = 1_001
OPEN = (Order.Lifecycle.PLACED, Order.Lifecycle.CONFIRMED)


@dataclass(frozen=True, slots=True)
class Queue:
    """
    One queue: its name, and which of some orders stand in it at a moment.

    is_by_due: what is to be shipped first stands first, instead of the newest.
    """

    label: str
    keep: Callable[[Orders, datetime], Orders]
    is_by_due: bool = False


def overdue_orders(*, at: datetime) -> Orders:
    """Return open orders that should have been shipped by now."""
    return Order.objects.filter(lifecycle__in=OPEN, ship_by__lt=at)


def _needs_attention(orders: Orders, at: datetime) -> Orders:
    """Keep what is held, what the channel and we disagree about, and what is overdue."""
    held = orders.filter(pk__in=OrderHold.objects.open().values("order"))
    disputed = orders.filter(pk__in=ChannelConflict.objects.open().values("order"))
    overdue = orders.filter(lifecycle__in=OPEN, ship_by__lt=at)
    # The newest of each, united: joined by OR the condition would be tried on every order, and a
    # shop that is behind has more of them than anybody looks at.
    first, *others = (
        each.order_by("-placed_at", "-pk").values("pk")[:MOST_SHOWN]
        for each in (held, disputed, overdue)
    )
    return orders.filter(pk__in=first.union(*others))


def _on_hold(orders: Orders, _at: datetime) -> Orders:
    return orders.filter(pk__in=OrderHold.objects.open().values("order"))


def _to_ship(orders: Orders, _at: datetime) -> Orders:
    return orders.filter(
        pk__in=_promised().values("line__order"), lifecycle=Order.Lifecycle.CONFIRMED
    )


def _to_pick(orders: Orders, _at: datetime) -> Orders:
    """Keep orders that nothing holds, with goods promised at a place where nobody is at it yet."""
    begun = Fulfillment.objects.begun().filter(
        order=OuterRef("line__order"), location=OuterRef("allocation__level__location")
    )
    promised = _promised().filter(~Exists(begun))
    return orders.filter(pk__in=promised.values("line__order"), lifecycle=Order.Lifecycle.CONFIRMED)


def _promised() -> QuerySet[LineAllocation]:
    """Return what is promised now: read once, not asked for order by order."""
    return LineAllocation.objects.filter(units__gt=0)


def _to_pack(orders: Orders, _at: datetime) -> Orders:
    picking = Fulfillment.objects.filter(status=Fulfillment.Status.PICKING)
    return orders.filter(pk__in=picking.values("order"))


def _to_send(orders: Orders, _at: datetime) -> Orders:
    packed = Fulfillment.objects.filter(
        status=Fulfillment.Status.PACKED, method=Fulfillment.Method.SHIP
    )
    return orders.filter(pk__in=packed.values("order"))


def _ready_for_pickup(orders: Orders, _at: datetime) -> Orders:
    ready = Pickup.objects.filter(status=Pickup.Status.READY)
    return orders.filter(pk__in=ready.values("order"))


def _returns_to_decide(orders: Orders, _at: datetime) -> Orders:
    undecided = Return.objects.filter(
        status__in=[Return.Status.REQUESTED, Return.Status.RECEIVED], order__isnull=False
    )
    return orders.filter(pk__in=undecided.values("order"))


def _waiting_for_stock(orders: Orders, _at: datetime) -> Orders:
    return orders.filter(pk__in=waiting_orders().values("pk"))


QUEUES: Mapping[str, Queue] = {
    "attention": Queue("Needs attention", _needs_attention),
    "hold": Queue("On hold", _on_hold),
    "stock": Queue("Waiting for stock", _waiting_for_stock, is_by_due=True),
    "ship": Queue("To ship", _to_ship, is_by_due=True),
    "pick": Queue("To pick", _to_pick, is_by_due=True),
    "pack": Queue("To pack", _to_pack, is_by_due=True),
    "send": Queue("Packed, to be sent", _to_send, is_by_due=True),
    "pickup": Queue("Ready for pickup", _ready_for_pickup),
    "returns": Queue("Returns to decide", _returns_to_decide),
}
