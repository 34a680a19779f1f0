"""Saying where an order is collected, when its channel named no place of ours or another one."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from inventory.models import Location
from orders.models import Order, OrderEvent, OrderHold, Pickup
from orders.operations.events import event, record_events
from orders.operations.holds import close_holds
from orders.operations.order_plans import NoPickupThere
from orders.operations.pickups import UnknownPickup, open_pickup
from orders.operations.promised import give_back, lines_of, locked_promises_of
from orders.operations.rerouting import NothingToMove, promise_anew, require_served
from orders.operations.routing import DECIDED_BY_HAND
from orders.operations.statuses import locked_order
from retail.common.models import User


@transaction.atomic
def choose_pickup_place(
    *, order_id: int, location: Location, at: datetime, by: User | None = None
) -> Pickup:
    """
    Let an order be collected at a place: what was promised to it elsewhere is free again, and it
    is served from there alone. Collected there already, it stays as it is.

    Its hold for a place that nobody knows is released, and one for payment: it is paid when it is
    handed over.
    Locks: the order, then the stock levels.

    :raises WrongStatus: the order is completed or cancelled.
    :raises NoPickupThere: customers do not collect there.
    :raises NothingToMove: some of it has left, or is in somebody's hands.
    """
    order = locked_order(order_id)
    if order.pickup_location_id == location.pk:
        return _pickup_of(order)
    require_served(order)
    if not location.is_pickup:
        raise NoPickupThere(f"Customers do not collect orders at {location}.")
    lines = lines_of(order)
    if any(line.shipped for line in lines) or order.fulfillments.begun().exists():
        raise NothingToMove(f"{order} is picked or has left: put it back first.")
    promises = locked_promises_of(order=order, lines=lines, at=at)
    give_back(order=order, promises=promises, units=promises.units(), at=at, by=by)
    order.delivery, order.pickup_location, order.location = Order.Delivery.PICKUP, location, None
    order.save(update_fields=["delivery", "pickup_location", "location"])
    pickup = _moved(order, location, at) or open_pickup(
        order=order, at=at, collector_name=_collector(order)
    )
    close_holds(
        order=order,
        kinds=[OrderHold.Kind.ADDRESS, OrderHold.Kind.PAYMENT],
        note=f"It is collected at {location}.",
        at=at,
        by=by,
    )
    record_events([event(order, OrderEvent.Kind.ROUTED, at=at, by=by, places=location.code)])
    promise_anew(order, lines, DECIDED_BY_HAND, at=at, by=by)
    return pickup


def _moved(order: Order, location: Location, at: datetime) -> Pickup | None:
    """Promise the pickup that an order has already for when the other place can have it ready."""
    pickup = Pickup.objects.filter(order=order).first()
    if pickup is not None:
        pickup.promised_at = at + timedelta(minutes=location.pickup_ready_minutes)
        pickup.save(update_fields=["promised_at"])
    return pickup


def _pickup_of(order: Order) -> Pickup:
    pickup = Pickup.objects.filter(order=order).first()
    if pickup is None:
        raise UnknownPickup(f"{order} was collected on its channel.", order=order.number)
    return pickup


def _collector(order: Order) -> str:
    return order.customer.name if order.customer else ""
