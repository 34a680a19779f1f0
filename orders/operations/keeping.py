"""Orders that lie ready for who collects them: an arrival, more time, or back on the shelf."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from orders.models import Order, OrderCancellation, OrderEvent, Pickup
from orders.operations.cancelling import cancel_order
from orders.operations.events import event, record_events
from orders.operations.pickups import locked_pickup
from orders.operations.putting_back import begun_fulfillments, put_back
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.status import check_move

PROPOSED_PER_RUN = 500
LONGEST_VEHICLE = 100
LONGEST_BAY = 50


class KeptTooShort(BusinessError):
    """An order is kept until a moment that is still to come."""


@transaction.atomic
def note_arrival(
    *, order_id: int, at: datetime, vehicle: str = "", bay: str = "", by: User | None = None
) -> Pickup:
    """
    Note that the customer waits outside, in which vehicle and where; told again, the last counts.

    :raises UnknownPickup: the order is sent.
    :raises WrongStatus: there is nothing more to be collected.
    """
    vehicle, bay = vehicle.strip()[:LONGEST_VEHICLE], bay.strip()[:LONGEST_BAY]
    order, pickup = locked_pickup(order_id)
    if not pickup.is_awaited:
        raise WrongStatus(
            f"{order} is {pickup.get_status_display().lower()}: nothing is left to be collected.",
            status=pickup.status,
        )
    if (pickup.arrived_at, pickup.vehicle, pickup.bay) == (at, vehicle, bay):
        return pickup
    pickup.is_curbside = True
    pickup.arrived_at, pickup.vehicle, pickup.bay = at, vehicle, bay
    pickup.save(update_fields=["is_curbside", "arrived_at", "vehicle", "bay"])
    _note(order, OrderEvent.Kind.ARRIVED, at=at, by=by, bay=bay)
    return pickup


@transaction.atomic
def keep_longer(*, order_id: int, until: datetime, at: datetime, by: User | None = None) -> Pickup:
    """
    Keep a ready order until a later moment; a proposal to put it back is taken off the desk.

    :raises UnknownPickup: the order is sent.
    :raises WrongStatus: it is not ready.
    :raises KeptTooShort: the moment has passed.
    """
    order, pickup = locked_pickup(order_id)
    if pickup.status != Pickup.Status.READY:
        raise WrongStatus(
            f"{order} is {pickup.get_status_display().lower()}, not ready.", status=pickup.status
        )
    if until <= at:
        raise KeptTooShort(f"{until:%d %b %Y %H:%M} has passed.", until=until.isoformat())
    if pickup.expires_at == until:
        return pickup
    pickup.expires_at = until
    pickup.expiry_proposed_at = None
    pickup.save(update_fields=["expires_at", "expiry_proposed_at"])
    _note(order, OrderEvent.Kind.READY, at=at, by=by, kept_until=until.isoformat())
    return pickup


@transaction.atomic
def propose_expired(*, at: datetime) -> int:
    """
    Propose to put back what nobody collected in time; a person decides. Returns how many are new.

    A bounded batch, those due first; what somebody is at work on is left for the next time.
    Locks: the pickups, and no order, so that it is safe beside every other act.
    """
    late = Pickup.objects.filter(
        status=Pickup.Status.READY, expires_at__lte=at, expiry_proposed_at__isnull=True
    )
    # Whoever holds an order never waits for a pickup of another, so this waits for nobody.
    pickups = list(
        late.select_related("order")
        .order_by("expires_at", "pk")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)[:PROPOSED_PER_RUN]
    )
    for pickup in pickups:
        pickup.expiry_proposed_at = at
    Pickup.objects.bulk_update(pickups, ["expiry_proposed_at"])
    record_events(
        event(pickup.order, OrderEvent.Kind.PICKUP_EXPIRED, at=at, proposed=True)
        for pickup in pickups
    )
    return len(pickups)


@transaction.atomic
def expire_pickup(
    *, order_id: int, reason: str, at: datetime, by: User | None = None
) -> OrderCancellation:
    """
    Put back a ready order that nobody collected: its goods are free again, the order is cancelled.

    What was paid for it is given back by a refund, which is an act of its own.
    Locks: the order, then stock levels.

    :raises UnknownPickup: the order is sent.
    :raises WrongStatus: it is not ready.
    :raises InvalidCancellation: nobody says why.
    """
    order, pickup = locked_pickup(order_id)
    key = f"pickup-{pickup.pk}"
    if earlier := order.cancellations.filter(key=key).first():
        return earlier
    check_move(pickup, Pickup.Status.EXPIRED)
    # Before its goods go back: a ready pickup whose goods go back waits for them again.
    pickup.status = Pickup.Status.EXPIRED
    pickup.save(update_fields=["status"])
    put_back(fulfillments=begun_fulfillments(order), reason=reason, at=at, by=by)
    _note(order, OrderEvent.Kind.PICKUP_EXPIRED, at=at, by=by, reason=reason)
    return cancel_order(
        order_id=order_id,
        reason=reason,
        key=key,
        cause=OrderCancellation.Cause.NOT_COLLECTED,
        at=at,
        by=by,
    )


def _note(order: Order, kind: str, *, at: datetime, by: User | None, **details: str) -> None:
    record_events([event(order, kind, at=at, by=by, **details)])
