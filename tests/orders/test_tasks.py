"""Scheduled work on orders, against a practice shop over real HTTP or a channel that misbehaves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest
import time_machine

from channels.connectors.base import ChannelRefused, ChannelUnavailable, IncomingStatus
from channels.models import Channel, InboundMessage, OutboxEntry, SyncCursor
from orders import tasks
from orders.models import Order
from orders.operations import ingest_order
from retail.common.models import TaskRun
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders import incoming_line, incoming_order, open_order, shipped_order
from tests.factories.orders_changes import partly_cancelled_order

pytestmark = pytest.mark.django_db


class Shop:
    """A channel in memory: the outside world, which tests may make up."""

    def __init__(self, *orders, breaks_after=None, refuses=None):
        self.orders = list(orders)
        self.breaks_after = breaks_after
        self.refuses = refuses
        self.asked_since = []
        self.parcels = []
        self.cancellations = []

    def orders_changed_since(self, moment) -> Iterator:
        self.asked_since.append(moment)
        for position, order in enumerate(self.orders):
            if position == self.breaks_after:
                raise ChannelUnavailable("The shop is closed for a moment.")
            yield order

    def order(self, external_id):
        return next((each for each in self.orders if each.external_id == external_id), None)

    def push_cancellation(self, push):
        if self.refuses:
            raise self.refuses
        self.cancellations.append(push)

    def push_tracking(self, push):
        if self.refuses:
            raise self.refuses
        self.parcels.append(push)


@contextmanager
def at_the_shop(shop):
    """Put the made-up shop where the connector's network would be."""
    with (
        mock.patch.object(tasks.ingest, "connector_for", return_value=shop),
        mock.patch.object(tasks.tracking, "connector_for", return_value=shop),
        mock.patch.object(tasks.changes, "connector_for", return_value=shop),
        time_machine.travel(NOON + timedelta(hours=1), tick=False),
    ):
        yield shop


@pytest.fixture
def channel():
    return ChannelFactory(mode=Channel.Mode.ORDERS)


def orders_of(level, count=3):
    return [
        incoming_order(
            incoming_line(sku=level.variant.sku), updated_at=NOON + timedelta(minutes=minutes)
        )
        for minutes in range(count)
    ]


def test_pull_takes_in_what_the_channel_shows_and_remembers_how_far(channel):
    orders = orders_of(stock())

    with at_the_shop(Shop(*orders)) as shop:
        first = tasks.pull_orders()
        again = tasks.pull_orders()

    cursor = SyncCursor.objects.get()
    assert (first["created"], again["created"], again["known"]) == (3, 0, 3)
    assert Order.objects.count() == 3
    assert cursor.high_water_at == NOON + timedelta(minutes=2)
    assert (cursor.lease_until, cursor.failures) == (None, 0)
    assert shop.asked_since == [None, NOON]


def test_pull_keeps_an_order_that_fails_and_takes_the_others(channel):
    bad, *good = orders_of(stock())
    unusable = incoming_order(external_id="x" * 101, updated_at=bad.updated_at)

    with at_the_shop(Shop(unusable, *good)):
        summary = tasks.pull_orders()

    message = InboundMessage.objects.get()
    assert (summary["created"], summary["failed"]) == (2, 1)
    assert Order.objects.count() == 2
    assert (message.status, message.topic) == ("FAILED", "order")
    assert "UnusableOrder" in message.error


def test_pull_stores_what_came_before_the_channel_broke_off(channel):
    orders = orders_of(stock(units=200), count=60)

    with at_the_shop(Shop(*orders, breaks_after=55)):
        summary = tasks.pull_orders()

    cursor = SyncCursor.objects.get()
    assert (summary["created"], summary["unread"]) == (50, 1)
    assert cursor.high_water_at == orders[49].updated_at
    assert (cursor.failures, cursor.error) == (1, "The shop is closed for a moment.")
    assert cursor.lease_until is None


def test_pull_leaves_channels_alone_that_are_off(channel):
    for mode in (Channel.Mode.OFF, Channel.Mode.SHADOW, Channel.Mode.PAUSED):
        ChannelFactory(mode=mode)

    with at_the_shop(Shop()):
        assert tasks.pull_orders()["channels"] == 1
    assert SyncCursor.objects.get().channel == channel


def test_pull_leaves_a_stream_alone_that_somebody_reads(channel):
    SyncCursor.objects.create(
        channel=channel,
        stream="orders",
        lease_owner="another worker",
        lease_until=NOON + timedelta(hours=2),
    )

    with at_the_shop(Shop(*orders_of(stock()))):
        assert tasks.pull_orders()["channels"] == 0
    assert Order.objects.count() == 0


def test_pull_does_not_trust_a_clock_that_runs_ahead(channel):
    tomorrow = incoming_order(
        incoming_line(sku=stock().variant.sku), updated_at=NOON + timedelta(days=1)
    )

    with at_the_shop(Shop(tomorrow)):
        tasks.pull_orders()

    assert SyncCursor.objects.get().high_water_at == NOON + timedelta(hours=1)


def test_pull_is_recorded(channel):
    with at_the_shop(Shop(*orders_of(stock()))):
        tasks.pull_orders()

    run = TaskRun.objects.get()
    assert (run.name, run.status, run.summary["created"]) == ("orders.pull_orders", "DONE", 3)


def test_message_is_taken_in_as_the_order_is_now(channel):
    incoming = incoming_order(
        incoming_line(sku=stock().variant.sku), status=IncomingStatus.CANCELLED
    )
    message = InboundMessage.objects.create(
        channel=channel,
        topic="order",
        external_id=incoming.external_id,
        body=b"{}",
        sha256="0" * 64,
        received_at=NOON,
    )

    with at_the_shop(Shop(incoming)):
        summary = tasks.ingest_messages()

    message.refresh_from_db()
    assert (summary, message.status) == ({"done": 1, "failed": 0}, "DONE")
    assert Order.objects.get().lifecycle == "CANCELLED"


def test_message_that_fails_waits_longer_each_time(channel):
    InboundMessage.objects.create(
        channel=channel,
        topic="order",
        external_id="1",
        body=b"{}",
        sha256="0" * 64,
        received_at=NOON,
        attempts=3,
    )

    with (
        mock.patch.object(tasks.ingest, "connector_for", side_effect=ChannelUnavailable("Closed.")),
        time_machine.travel(NOON, tick=False) as clock,
    ):
        assert tasks.ingest_messages() == {"done": 0, "failed": 0}
        clock.shift(timedelta(minutes=7))
        assert tasks.ingest_messages() == {"done": 0, "failed": 1}
        assert tasks.ingest_messages() == {"done": 0, "failed": 0}
    assert InboundMessage.objects.get().attempts == 4


def test_waiting_orders_are_served():
    level = stock(units=1)
    order = open_order(level=level, quantity=2)
    stock(variant=level.variant, location=level.location, reference="GR-2")

    assert tasks.serve_waiting() == {"orders": 1}

    order.refresh_from_db()
    assert order.lifecycle == "CONFIRMED"


def test_parcels_are_told_once():
    order = shipped_order(quantity=2)

    with at_the_shop(Shop()) as shop:
        first = tasks.push_tracking()
        again = tasks.push_tracking()

    (parcel,) = shop.parcels
    assert (first, again) == ({"sent": 1, "failed": 0}, {"sent": 0, "failed": 0})
    assert (parcel.external_order_id, parcel.tracking_number, parcel.lines) == (
        order.external_id,
        "TN-1",
        {"1": 2},
    )
    assert parcel.shipped_at == NOON
    assert OutboxEntry.objects.get().status == "DONE"


@pytest.mark.parametrize(
    ("failure", "status"),
    [(ChannelUnavailable("Closed."), "OPEN"), (ChannelRefused("No such order."), "FAILED")],
)
def test_parcel_the_channel_does_not_take_is_tried_again_or_left_to_people(failure, status):
    shipped_order()

    with at_the_shop(Shop(refuses=failure)):
        assert tasks.push_tracking() == {"sent": 0, "failed": 1}

    entry = OutboxEntry.objects.get()
    assert (entry.status, entry.error) == (status, str(failure))


def test_cancellations_are_told_once():
    order = partly_cancelled_order()

    with at_the_shop(Shop()) as shop:
        assert tasks.push_cancellations() == {"sent": 1, "failed": 0}
        assert tasks.push_cancellations() == {"sent": 0, "failed": 0}

    [push] = shop.cancellations
    assert (push.external_order_id, push.reason, push.lines) == (
        order.external_id,
        "One is enough.",
        {"1": 1},
    )


@pytest.mark.parametrize(
    ("failure", "status"),
    [(ChannelUnavailable("Closed."), "OPEN"), (ChannelRefused("No."), "FAILED")],
)
def test_cancellation_the_channel_does_not_take_is_tried_again_or_left_to_people(failure, status):
    partly_cancelled_order()

    with at_the_shop(Shop(refuses=failure)):
        assert tasks.push_cancellations() == {"sent": 0, "failed": 1}

    assert OutboxEntry.objects.get(kind="CANCELLATION").status == status


def test_order_waiting_for_an_article_that_was_created_meanwhile_is_linked():
    incoming = incoming_order(incoming_line(sku="NEW-PEN"))
    order = ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order
    stock(units=9, variant=VariantFactory(sku="NEW-PEN"))

    assert tasks.link_waiting() == {"lines": 1, "orders": 1, "released": 1}

    order.refresh_from_db()
    assert order.lifecycle == "CONFIRMED"


def test_order_merged_into_one_that_has_come_is_ended():
    channel = ChannelFactory()
    level = stock(units=9)
    old, new = (incoming_order(incoming_line(sku=level.variant.sku)) for _ in range(2))
    order = ingest_order(channel=channel, incoming=old, at=NOON).order
    merged = replace(old, merged_into=new.external_id, updated_at=NOON + timedelta(minutes=1))
    ingest_order(channel=channel, incoming=merged, at=NOON)
    ingest_order(channel=channel, incoming=new, at=NOON)

    assert tasks.join_merged() == {"orders": 1}

    order.refresh_from_db()
    assert order.lifecycle == "CANCELLED"
