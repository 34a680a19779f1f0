"""What customers who collect are told, when, and that nobody is told twice."""

import smtplib
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from channels.connectors.base import IncomingBuyer
from orders.models import Pickup
from orders.operations import (
    UnknownPickup,
    claim_message,
    hand_over,
    hold_order,
    keep_longer,
    note_arrival,
)
from orders.queries import email_of, messages_due, orders_to_tell
from orders.tasks import propose_expired_pickups, tell_pickups
from retail.common.models import TaskRun
from tests.factories.common import NOON
from tests.factories.orders import open_order
from tests.factories.orders_pickups import pickup_order, pickup_place, ready_order
from tests.races import race

DAY = timedelta(days=1)


class RefusingBackend(EmailBackend):
    """A mail server that knows none of the addresses."""

    def send_messages(self, messages):
        raise smtplib.SMTPRecipientsRefused({messages[0].to[0]: (550, b"unknown")})


class AbsentBackend(EmailBackend):
    """A mail server that is away."""

    def open(self):
        raise ConnectionRefusedError


def told(order) -> tuple[int, datetime | None]:
    pickup = Pickup.objects.get(order=order)
    return pickup.messages_sent, pickup.last_message_at


@pytest.mark.parametrize(
    ("days", "reminded_on"),
    [(1, []), (2, [1]), (3, [1, 2]), (4, [1, 3]), (7, [2, 5]), (14, [5, 9]), (30, [10, 20])],
)
def test_reminders_are_due_after_a_third_and_two_thirds_of_the_days(days, reminded_on):
    new_on = [
        day
        for day in range(1, days + 1)
        if _due(days, day * DAY) > _due(days, day * DAY - timedelta(seconds=1))
    ]

    assert new_on == reminded_on
    assert _due(days, timedelta(0)) == 1
    assert _due(days, -timedelta(seconds=1)) == 0


def _due(days, after) -> int:
    return messages_due(ready_at=NOON, expires_at=NOON + days * DAY, at=NOON + after)


@pytest.mark.django_db
def test_customer_is_told_once_that_the_order_is_ready():
    order = ready_order(place=pickup_place(name="High Street"), external_number="WEB-7")

    message = claim_message(order_id=order.pk, at=NOON)

    assert message is not None
    assert (message.email, message.position, message.is_reminder) == ("ada@example.com", 1, False)
    assert (message.order_number, message.shop) == ("WEB-7", order.channel.name)
    assert (message.code, message.place) == (order.pickup.code, "High Street")
    assert message.address == "1 High Street, OX1 4AQ Oxford"
    assert message.kept_until == NOON + 7 * DAY
    assert told(order) == (1, NOON)
    assert order.events.get(kind="REMINDED").details == {"message": 1}
    assert claim_message(order_id=order.pk, at=NOON + DAY) is None
    assert told(order) == (1, NOON)


@pytest.mark.django_db
def test_week_of_waiting_brings_reminders_on_day_two_and_five():
    order = ready_order()

    reminded_on = [
        day for day in range(9) if claim_message(order_id=order.pk, at=NOON + day * DAY) is not None
    ]

    assert reminded_on == [0, 2, 5]
    assert told(order) == (3, NOON + 5 * DAY)


@pytest.mark.django_db
def test_missed_messages_are_not_made_up_for():
    order = ready_order()

    assert claim_message(order_id=order.pk, at=NOON + 6 * DAY).position == 3
    assert claim_message(order_id=order.pk, at=NOON + 6 * DAY) is None


@pytest.mark.django_db
def test_who_is_given_more_days_is_reminded_in_them():
    order = ready_order()
    claim_message(order_id=order.pk, at=NOON + 2 * DAY)
    keep_longer(order_id=order.pk, until=NOON + 14 * DAY, at=NOON + 2 * DAY)

    assert claim_message(order_id=order.pk, at=NOON + 8 * DAY) is None
    assert claim_message(order_id=order.pk, at=NOON + 9 * DAY).position == 3


@pytest.mark.django_db
def test_nobody_is_told_of_what_is_not_ready_held_collected_or_late():
    waiting, held, collected, late = pickup_order(), ready_order(), ready_order(), ready_order()
    hold_order(order_id=held.pk, reason="The buyer asked us to wait.", at=NOON)
    hand_over(order_id=collected.pk, code=collected.pickup.code, at=NOON)

    for order in (waiting, held, collected):
        assert claim_message(order_id=order.pk, at=NOON) is None
    assert claim_message(order_id=late.pk, at=NOON + 7 * DAY) is None
    assert orders_to_tell(at=NOON) == [late.pk]
    assert orders_to_tell(at=NOON + 7 * DAY) == []
    with pytest.raises(UnknownPickup):
        claim_message(order_id=open_order().pk, at=NOON)


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["", "x7k2@marketplace.amazon.co.uk"])
def test_customer_without_an_address_of_their_own_is_not_told(email):
    order = ready_order(buyer=IncomingBuyer(account="77", email=email, name="Grace Hopper"))

    assert email_of(order) == ""
    assert orders_to_tell(at=NOON) == []
    assert claim_message(order_id=order.pk, at=NOON) is None
    assert told(order) == (0, None)


@pytest.mark.django_db
def test_customers_own_address_counts_before_a_shared_one():
    first = ready_order(buyer=IncomingBuyer(account="77", email="ada@example.com", name="Ada"))
    shared = ready_order(
        channel=first.channel,
        buyer=IncomingBuyer(account="77", email="office@example.com", name="Ada"),
    )

    assert shared.customer == first.customer
    assert email_of(shared) == "ada@example.com"


def ready_since(days, **values):
    """Let an order lie ready for so many days, by the clock that tasks read."""
    return ready_order(at=timezone.now() - days * DAY, **values)


@pytest.mark.django_db
def test_message_says_code_place_address_instructions_and_until_when():
    place = pickup_place(name="High Street")
    order = ready_since(0, place=place, external_number="WEB-7")

    assert tell_pickups() == {"emailed": 1, "refused": 0}
    assert tell_pickups() == {"emailed": 0, "refused": 0}

    [message] = mail.outbox
    kept_until = Pickup.objects.get(order=order).expires_at
    assert (message.to, message.subject) == (
        ["ada@example.com"],
        "Your order WEB-7 is ready for you",
    )
    assert f"Your code: {order.pickup.code}" in message.body
    assert "Where: High Street, 1 High Street, OX1 4AQ Oxford" in message.body
    assert "Ring the bell at the side door." in message.body
    assert f"{timezone.localtime(kept_until):%B %Y, %H:%M}" in message.body
    assert "outside" not in message.body
    assert "bring it out" not in message.body


@pytest.mark.django_db
def test_reminder_says_that_it_still_waits():
    order = ready_since(2.5, external_number="WEB-7")
    Pickup.objects.filter(order=order).update(messages_sent=1)

    tell_pickups()

    [message] = mail.outbox
    assert message.subject == "Your order WEB-7 still waits for you"
    assert "is still waiting for you" in message.body
    assert told(order)[0] == 2


@pytest.mark.django_db
def test_names_are_written_as_they_are():
    order = ready_since(0, place=pickup_place(name="Marks & Son's <Oxford>"))
    note_arrival(order_id=order.pk, at=timezone.now())

    tell_pickups()

    [message] = mail.outbox
    assert "Where: Marks & Son's <Oxford>, 1 High Street" in message.body
    assert "we bring it out to you" in message.body


@pytest.mark.django_db
def test_refused_message_stops_no_other(settings):
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    orders = [ready_since(0), ready_since(0)]

    assert tell_pickups() == {"emailed": 0, "refused": 2}
    assert [told(order)[0] for order in orders] == [1, 1]


@pytest.mark.django_db
def test_absent_mail_server_swallows_no_message(settings):
    settings.EMAIL_BACKEND = f"{__name__}.AbsentBackend"
    order = ready_since(0)

    with pytest.raises(ConnectionRefusedError):
        tell_pickups()

    assert told(order) == (0, None)
    assert TaskRun.objects.get(name="orders.tell_pickups").status == "FAILED"


@pytest.mark.django_db
def test_asking_who_is_to_be_told_takes_one_query(django_assert_num_queries):
    orders = [ready_order(), ready_order()]

    with django_assert_num_queries(1):
        assert orders_to_tell(at=NOON) == [order.pk for order in orders]


@pytest.mark.django_db
def test_task_proposes_what_nobody_collected():
    late, _fresh = ready_since(7), ready_since(1)

    assert propose_expired_pickups() == {"proposed": 1}
    assert propose_expired_pickups() == {"proposed": 0}
    assert Pickup.objects.get(expiry_proposed_at__isnull=False).order == late


@pytest.mark.django_db(transaction=True)
def test_two_workers_tell_a_customer_once():
    order = ready_since(0)

    counts = race(tell_pickups, tell_pickups)

    assert sorted(count["emailed"] for count in counts) == [0, 1]
    assert told(order)[0] == 1
    assert order.events.filter(kind="REMINDED").count() == 1


def test_message_is_due_at_the_moment_and_not_before():
    ready_at = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)

    two_days_later = ready_at + 2 * DAY
    due = [
        messages_due(ready_at=ready_at, expires_at=ready_at + 7 * DAY, at=at)
        for at in (two_days_later - timedelta(seconds=1), two_days_later)
    ]

    assert due == [1, 2]
