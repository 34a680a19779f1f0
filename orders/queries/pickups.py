"""Orders that are collected: what waits for whom, and when customers are told."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from customers.models import CustomerIdentity
from orders.models import Order, Pickup

DAY = timedelta(days=1)
# That it is ready, and two reminders.
MOST_MESSAGES = 3
PARTS = 3


def pickups_waiting() -> QuerySet[Pickup]:
    """Return pickups to make ready: those whose orders nothing holds back, all of it promised."""
    return Pickup.objects.filter(
        status=Pickup.Status.WAITING, order__lifecycle=Order.Lifecycle.CONFIRMED
    )


def pickups_overdue(*, at: datetime) -> QuerySet[Pickup]:
    """Return pickups that should be ready by now, held or not."""
    return Pickup.objects.filter(status=Pickup.Status.WAITING, promised_at__lt=at)


def pickups_ready() -> QuerySet[Pickup]:
    """Return pickups that lie ready for their customers."""
    return Pickup.objects.filter(status=Pickup.Status.READY)


def pickups_arrived() -> QuerySet[Pickup]:
    """Return pickups whose customers wait outside."""
    return Pickup.objects.filter(status__in=Pickup.AWAITED, arrived_at__isnull=False)


def pickups_to_put_back() -> QuerySet[Pickup]:
    """Return pickups that nobody collected in time, to be put back or kept longer."""
    return Pickup.objects.filter(status=Pickup.Status.READY, expiry_proposed_at__isnull=False)


def messages_due(*, ready_at: datetime, expires_at: datetime, at: datetime) -> int:
    """
    Return how many messages a customer is to have had: 1 from when it is ready, and reminders.

    They are due after a third and two thirds of the days for which it is kept, to the whole day,
    and never on the day it is ready or the day it is put back: of seven days, on the second and
    the fifth.
    """
    if at < ready_at:
        return 0
    kept = expires_at - ready_at
    days = [round(kept * part / (PARTS * DAY)) for part in range(1, PARTS)]
    reminders = sorted({day for day in days if day > 0 and day * DAY < kept})
    return 1 + sum(at >= ready_at + day * DAY for day in reminders)


def orders_to_tell(*, at: datetime) -> list[int]:
    """
    Return the ids of orders whose customers have an address and a message due, oldest first.

    While something holds the order back nobody is asked to come for it.
    """
    emails = _emails().filter(customer=OuterRef("order__customer"))
    ready = pickups_ready().filter(
        Exists(emails),
        order__lifecycle=Order.Lifecycle.CONFIRMED,
        messages_sent__lt=MOST_MESSAGES,
        expires_at__gt=at,
    )
    rows = ready.order_by("ready_at", "pk").values_list(
        "order_id", "ready_at", "expires_at", "messages_sent"
    )
    return [
        order_id
        for order_id, ready_at, expires_at, sent in rows
        if ready_at
        and expires_at
        and messages_due(ready_at=ready_at, expires_at=expires_at, at=at) > sent
    ]


def email_of(order: Order) -> str:
    """
    Return where the customer of an order reads mail, empty when nowhere we know.

    Their own address before one that several people read, the newest first. What a marketplace
    made up to forward mail is left out: it tells its customers itself.
    """
    emails = _emails().filter(customer=order.customer_id)
    newest = emails.order_by("-is_linking", "-first_seen_at", "-pk")
    return newest.values_list("raw", flat=True).first() or ""


def _emails() -> QuerySet[CustomerIdentity]:
    return CustomerIdentity.objects.filter(
        kind=CustomerIdentity.Kind.EMAIL, channel_code="", is_active=True
    )
