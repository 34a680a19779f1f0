"""Several callers at the same moment: one order, one last unit, one end of the story."""

from decimal import Decimal
from threading import Barrier
from types import SimpleNamespace
from unittest import mock

import pytest
from django.db import IntegrityError, models

from channels.connectors.base import IncomingBuyer
from inventory.models import Allocation, StockLevel, StockLevelQuerySet
from inventory.operations import promises
from orders.models import Order, OrderEvent, OrderQuerySet
from orders.operations import (
    NewOrderLine,
    Outcome,
    ReturnedLine,
    cancel_order,
    ingest,
    ingest_order,
    inserting,
    place_order,
    ship,
    take_back,
)
from orders.queries import differences
from retail.common.errors import BusinessError, WrongStatus
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders import incoming_line, incoming_order, open_order, shipped_order
from tests.races import both_read_before_either_writes, race

pytestmark = pytest.mark.django_db(transaction=True)

DELIVERIES = 20


def deliver(channel, incoming):
    return lambda: ingest_order(channel=channel, incoming=incoming, at=NOON).outcome


def orders_of_strangers(count, *lines):
    """Orders of buyers nobody knows: two of one buyer would wait for each other anyway."""
    return [
        incoming_order(*lines, buyer=IncomingBuyer(email=f"buyer{number}@example.com"))
        for number in range(count)
    ]


def test_same_channel_order_delivered_20_times_at_once_is_one_order():
    level = stock(units=50)
    channel = ChannelFactory()
    incoming = incoming_order(incoming_line(sku=level.variant.sku, quantity=3))

    outcomes = race(*[deliver(channel, incoming)] * DELIVERIES)

    level.refresh_from_db()
    assert sorted(outcomes) == [Outcome.CREATED] + [Outcome.UNCHANGED] * (DELIVERIES - 1)
    assert (Order.objects.count(), level.allocated) == (1, 3)
    assert Allocation.objects.count() == 1
    kinds = OrderEvent.objects.order_by("kind").values_list("kind", flat=True)
    assert [kind for kind in kinds if kind in {"INGESTED", "ALLOCATED"}] == [
        "ALLOCATED",
        "INGESTED",
    ]
    assert differences() == []


def test_the_race_for_one_order_is_real_once_conflicts_are_not_ignored():
    """Control: both callers see no order before either inserts, so only the constraint is left."""
    level = stock(units=50)
    channel = ChannelFactory()
    incoming = incoming_order(incoming_line(sku=level.variant.sku))

    with (
        both_read_before_either_writes((ingest, "insert_unless_there")),
        mock.patch.object(inserting, "OnConflict", SimpleNamespace(IGNORE=None)),
    ):
        outcomes = race(deliver(channel, incoming), deliver(channel, incoming))

    refused = [outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]
    assert len(refused) == 1
    assert "orders_order_one_per_channel_and_external_id" in str(refused[0])


def test_two_orders_for_the_last_unit_promise_it_once():
    level = stock(units=1)
    orders = orders_of_strangers(8, incoming_line(sku=level.variant.sku))
    channel = ChannelFactory()

    outcomes = race(*[deliver(channel, incoming) for incoming in orders])

    level.refresh_from_db()
    assert outcomes == [Outcome.CREATED] * 8
    assert (level.on_hand, level.allocated) == (1, 1)
    assert Order.objects.filter(lifecycle="CONFIRMED").count() == 1
    assert Order.objects.filter(holds__kind="STOCK").count() == 7
    assert differences() == []


def test_the_race_for_the_last_unit_is_real_once_the_lock_is_gone():
    """Control: both callers read before either writes, so only the constraint is left."""
    level = stock(units=1)
    channel = ChannelFactory()
    orders = orders_of_strangers(2, incoming_line(sku=level.variant.sku))
    both_have_read, write = Barrier(2), promises.write_promises

    def write_after_both_have_read(*changes):
        both_have_read.wait(timeout=5)
        return write(*changes)

    with (
        mock.patch.object(StockLevelQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(promises, "write_promises", write_after_both_have_read),
    ):
        outcomes = race(*[deliver(channel, incoming) for incoming in orders])

    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]
    assert "inventory_stocklevel_allocated_within_on_hand" in str(refused)


def test_ship_racing_with_cancel_ends_in_one_of_the_two():
    order = open_order(units=5, quantity=2)

    shipped, cancelled = race(
        lambda: ship(order_id=order.pk, key="parcel", at=NOON),
        lambda: cancel_order(order_id=order.pk, reason="No longer wanted.", key="call", at=NOON),
    )

    order.refresh_from_db()
    level = StockLevel.objects.get()
    is_shipped = order.lifecycle == "COMPLETED"
    assert isinstance(cancelled if is_shipped else shipped, WrongStatus)
    assert (level.on_hand, level.allocated) == ((3, 0) if is_shipped else (5, 0))
    assert differences() == []


def test_the_race_of_ship_and_cancel_is_real_once_the_order_is_not_locked():
    """Control: both read an open order, so neither sees what the other does."""
    order = open_order(units=5, quantity=2)
    both_have_read = Barrier(2)
    read = OrderQuerySet.for_update

    def read_without_lock(self):
        orders = read(self).select_for_update(of=()).order_by("pk")
        orders.query.select_for_update = False
        both_have_read.wait(timeout=5)
        return orders

    with mock.patch.object(OrderQuerySet, "for_update", read_without_lock):
        outcomes = race(
            lambda: ship(order_id=order.pk, key="parcel", at=NOON),
            lambda: cancel_order(
                order_id=order.pk, reason="No longer wanted.", key="call", at=NOON
            ),
        )

    failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert not any(isinstance(outcome, WrongStatus) for outcome in failed), "nobody saw the other"
    assert failed or differences()


def test_ship_with_one_key_at_once_ships_once():
    order = open_order(units=9, quantity=4)

    fulfillments = race(*[lambda: ship(order_id=order.pk, key="parcel", at=NOON)] * 6)

    assert len({fulfillment.pk for fulfillment in fulfillments}) == 1
    assert StockLevel.objects.get().on_hand == 5
    assert differences() == []


def test_ship_of_parts_at_once_ships_no_more_than_is_promised():
    order = open_order(units=9, quantity=3)
    line = order.lines.get()

    outcomes = race(
        *[
            lambda key=key: ship(order_id=order.pk, key=key, quantities={line.pk: 1}, at=NOON)
            for key in ("a", "b", "c", "d", "e")
        ]
    )

    assert sum(isinstance(outcome, BusinessError) for outcome in outcomes) == 2
    assert StockLevel.objects.get().on_hand == 6
    assert differences() == []


def test_place_with_one_key_at_once_places_one_order():
    level = stock(units=9)
    channel = ChannelFactory(kind="MANUAL")
    lines = [NewOrderLine(variant_id=level.variant_id, quantity=2, unit_price=Decimal(1))]

    orders = race(*[lambda: place_order(channel=channel, lines=lines, key="call", at=NOON)] * 6)

    level.refresh_from_db()
    assert len({order.pk for order in orders}) == 1
    assert level.allocated == 2


def test_return_with_one_key_at_once_comes_back_once():
    order = shipped_order(quantity=2)
    line, place = order.lines.get(), order.fulfillments.get().location

    returns = race(
        *[
            lambda: take_back(
                order_id=order.pk,
                location=place,
                lines=[ReturnedLine(order_line_id=line.pk, quantity=1)],
                key="rma",
                at=NOON,
            )
        ]
        * 6
    )

    line.refresh_from_db()
    assert len({registered.pk for registered in returns}) == 1
    assert line.returned == 1
    assert differences() == []


def test_orders_with_the_same_articles_in_opposite_order_do_not_block_each_other():
    pen, ink = stock(units=99, reference="GR-1"), stock(units=99, reference="GR-2")
    channel = ChannelFactory()
    lines = [
        incoming_line(sku=pen.variant.sku, external_line_id="1"),
        incoming_line(sku=ink.variant.sku, external_line_id="2"),
    ]
    orders = [*orders_of_strangers(6, *lines), *orders_of_strangers(6, *reversed(lines))]

    outcomes = race(*[deliver(channel, incoming) for incoming in orders])

    assert outcomes == [Outcome.CREATED] * 12
    assert set(StockLevel.objects.values_list("allocated", flat=True)) == {12}
