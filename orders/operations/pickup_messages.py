"""What customers who collect are told: that their order is ready, and twice that it waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from orders.models import Order, OrderEvent, Pickup
from orders.operations.events import event, record_events
from orders.operations.pickups import locked_pickup
from orders.queries import email_of, messages_due


@dataclass(frozen=True, slots=True, kw_only=True)
class PickupMessage:
    """
    One message to a customer whose order is ready, with all that it says.

    position: 1 tells that the order is ready, the later ones that it still waits.
    order_number: the channel's when it has one, as that is the one the customer knows.
    """

    email: str
    position: int
    order_number: str
    shop: str
    code: str
    collector_name: str
    place: str
    address: str
    instructions: str
    is_curbside: bool
    kept_until: datetime

    @property
    def is_reminder(self) -> bool:
        return self.position > 1


@transaction.atomic
def claim_message(*, order_id: int, at: datetime) -> PickupMessage | None:
    """
    Claim the message that is due to the customer of a ready order; None when none is.

    It counts as sent from now on, so that nobody is told twice. Messages that were missed are not
    made up for: the newest tells it all.
    Locks: the order.

    :raises UnknownPickup: the order is sent.
    """
    order, pickup = locked_pickup(order_id)
    if pickup.status != Pickup.Status.READY or pickup.ready_at is None or not pickup.expires_at:
        return None
    position = messages_due(ready_at=pickup.ready_at, expires_at=pickup.expires_at, at=at)
    is_due = position > pickup.messages_sent and at < pickup.expires_at
    email = email_of(order)
    if not (email and is_due and order.lifecycle == Order.Lifecycle.CONFIRMED):
        return None
    pickup.messages_sent = position
    pickup.last_message_at = at
    pickup.save(update_fields=["messages_sent", "last_message_at"])
    record_events([event(order, OrderEvent.Kind.REMINDED, at=at, message=position)])
    return _message(order, pickup, email, pickup.expires_at)


def _message(order: Order, pickup: Pickup, email: str, kept_until: datetime) -> PickupMessage:
    place = order.pickup_location
    street, city = (place.street, f"{place.postcode} {place.city}") if place else ("", "")
    return PickupMessage(
        email=email,
        position=pickup.messages_sent,
        order_number=order.external_number or order.number,
        shop=order.channel.name,
        code=pickup.code,
        collector_name=pickup.collector_name,
        place=str(place or ""),
        address=", ".join(part.strip() for part in (street, city) if part.strip()),
        instructions=place.pickup_instructions.strip() if place else "",
        is_curbside=pickup.is_curbside,
        kept_until=kept_until,
    )
