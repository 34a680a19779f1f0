"""Several versions of one order, and several acts on it, at the same moment."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Event
from unittest import mock

import pytest

from orders.models import Order, OrderQuerySet
from orders.operations import (
    AlreadyDecided,
    Outcome,
    cancel_order,
    decide_conflict,
    ingest,
    ingest_order,
    link_article,
)
from orders.queries import differences
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders import incoming_line, incoming_order, open_order
from tests.factories.orders_changes import disputed_order
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


def versions(channel, count=5):
    """Take in an order of one piece; return its later versions, of 2, 3, 4 ... pieces."""
    level = stock(units=50)
    line = incoming_line(sku=level.variant.sku)
    incoming = incoming_order(line)
    ingest_order(channel=channel, incoming=incoming, at=NOON)
    later = [
        replace(
            incoming,
            updated_at=NOON + timedelta(minutes=pieces),
            lines=(replace(line, quantity=pieces, total=line.unit_price * pieces),),
            total=line.unit_price * pieces,
        )
        for pieces in range(2, 2 + count)
    ]
    return level, later


def deliver(channel, incoming):
    return lambda: ingest_order(channel=channel, incoming=incoming, at=NOON).outcome


def test_versions_told_at_once_end_in_the_newest():
    channel = ChannelFactory()
    level, later = versions(channel)

    outcomes = race(*(deliver(channel, incoming) for incoming in reversed(later)))

    level.refresh_from_db()
    order = Order.objects.get()
    assert set(outcomes) <= {Outcome.UPDATED, Outcome.STALE}
    assert (order.lines.get().ordered, order.total, level.allocated) == (6, Decimal(60), 6)
    assert order.external_updated_at == later[-1].updated_at
    assert differences() == []


def test_the_race_of_two_versions_is_real_once_the_order_is_not_locked():
    """Control: the older one has read the order, the newer one comes in between and is undone."""
    channel = ChannelFactory()
    _, (older, newer) = versions(channel, 2)
    older_has_read, newer_is_stored = Event(), Event()
    update = ingest.update_order

    def update_after_the_newer(*, order, reading, at):
        if reading.order is older:
            older_has_read.set()
            newer_is_stored.wait(timeout=5)
        return update(order=order, reading=reading, at=at)

    def read_without_lock(self):
        orders = self.order_by("pk")
        orders.query.select_for_update = False
        return orders

    def deliver_newer():
        older_has_read.wait(timeout=5)
        deliver(channel, newer)()
        newer_is_stored.set()

    with (
        mock.patch.object(OrderQuerySet, "for_update", read_without_lock),
        mock.patch.object(ingest, "update_order", update_after_the_newer),
    ):
        race(deliver(channel, older), deliver_newer)

    order = Order.objects.get()
    assert order.external_updated_at == older.updated_at
    assert order.total == older.total


def test_cancelled_with_one_key_at_once_is_cancelled_once():
    order = open_order(quantity=5)
    line = order.lines.get()

    cancellations = race(
        *[
            lambda: cancel_order(
                order_id=order.pk,
                quantities={line.pk: 1},
                reason="One less.",
                key="call",
                at=NOON,
            )
        ]
        * 6
    )

    line.refresh_from_db()
    assert len({cancellation.pk for cancellation in cancellations}) == 1
    assert line.cancelled == 1
    assert differences() == []


def test_two_decisions_at_once_are_one():
    conflict = disputed_order().conflicts.get()

    outcomes = race(
        lambda: decide_conflict(conflict_id=conflict.pk, decision="KEEP_OURS", at=NOON),
        lambda: decide_conflict(conflict_id=conflict.pk, decision="TAKE_THEIRS", at=NOON),
    )

    conflict.refresh_from_db()
    [refused] = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert isinstance(refused, AlreadyDecided)
    conflict.order.refresh_from_db()
    is_theirs = conflict.decision == "TAKE_THEIRS"
    assert conflict.order.lifecycle == ("CANCELLED" if is_theirs else "CONFIRMED")
    assert differences() == []


def test_article_linked_twice_at_once_is_promised_once():
    channel, level = ChannelFactory(), stock(units=50)
    for _ in range(4):
        incoming = incoming_order(incoming_line(sku="NEW-PEN", quantity=2))
        ingest_order(channel=channel, incoming=incoming, at=NOON)

    linked = race(
        *[
            lambda: link_article(
                channel=channel, variant_id=level.variant_id, sku="NEW-PEN", at=NOON
            )
        ]
        * 4
    )

    level.refresh_from_db()
    assert sum(each.orders for each in linked) == 4
    assert level.allocated == 8
    assert differences() == []
