"""Goods ordered for a customer are promised to that customer in the moment they come."""

from datetime import timedelta

import pytest

from inventory.models import Allocation
from orders.models import Order, OrderEvent, OrderHold, PaymentRule
from orders.operations import allocate_waiting, cancel_order, hold_order
from orders.queries import differences
from purchasing import operations
from purchasing.operations import Served
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import open_order
from tests.factories.orders_payments import PaymentRuleFactory
from tests.orders.books import books
from tests.orders.places import elsewhere, promised_at
from tests.purchasing.waiting import come_in, on_order, ordered_for, promised, sold_out

pytestmark = pytest.mark.django_db


def test_goods_go_to_the_customer_they_were_ordered_for_before_who_is_due_earlier():
    level = sold_out()
    due = open_order(level=level, quantity=2, ship_by=NOON)
    special = open_order(level=level, quantity=2)
    line = on_order(level)
    link = ordered_for(line, special, units=2)

    served = come_in(line, 3, reference="GR-special")

    link.refresh_from_db()
    assert served == [Served(line.pk, special.pk, special.lines.get().pk, 2)]
    assert link.served == 2
    assert (promised_at(special), promised_at(due)) == ({level.location_id: 2}, {})
    assert differences() == []


def test_served_order_is_released_and_its_timeline_says_from_where():
    level = sold_out()
    order = open_order(level=level, quantity=2)
    line = on_order(level)
    ordered_for(line, order, units=2)

    come_in(line, 2, reference="GR-special")

    order.refresh_from_db()
    told = order.events.get(kind=OrderEvent.Kind.ALLOCATED)
    assert order.lifecycle == Order.Lifecycle.CONFIRMED
    assert not order.holds.open().exists()
    assert told.details == {"units": 2, "reference": line.order.number}
    decision = order.routing_decisions.order_by("pk").last()
    assert decision.chosen == {level.location.code: {str(order.lines.get().pk): 2}}


def test_part_that_comes_leaves_the_order_waiting_for_the_rest():
    level = sold_out()
    order = open_order(level=level, quantity=3)
    line = on_order(level)
    link = ordered_for(line, order, units=3)

    come_in(line, 1, reference="GR-first")

    order.refresh_from_db()
    assert promised_at(order) == {level.location_id: 1}
    assert order.holds.open().get().kind == OrderHold.Kind.STOCK

    come_in(line, 5, reference="GR-rest")

    link.refresh_from_db()
    assert (promised(order), link.served) == (3, 3)
    assert not order.holds.open().exists()


def test_customers_of_one_line_are_served_in_turn():
    level = sold_out()
    later = open_order(level=level, quantity=2, ship_by=NOON + timedelta(days=3))
    sooner = open_order(level=level, quantity=2, ship_by=NOON)
    line = on_order(level)
    for order in (later, sooner):
        ordered_for(line, order, units=2)

    come_in(line, 3, reference="GR-special")

    assert [sum(promised_at(order).values()) for order in (sooner, later)] == [2, 1]


def test_serving_twice_serves_once():
    level = sold_out()
    order = open_order(level=level, quantity=5)
    line = on_order(level)
    ordered_for(line, order, units=5)
    come_in(line, 2, reference="GR-special")
    stock(variant=level.variant, location=level.location, units=3, reference="GR-other")
    before = books()

    again = operations.serve_ordered_for(
        accepted={line.pk: 2}, location=level.location, at=NOON, by=None
    )

    assert again == []
    assert books() == before


def test_cancelled_pieces_are_free_stock():
    level = sold_out()
    order, waiting = (open_order(level=level, quantity=2) for _ in range(2))
    line = on_order(level)
    ordered_for(line, order, units=2)
    cancel_order(order_id=order.pk, reason="Too late.", key="off", at=NOON)

    assert come_in(line, 2, reference="GR-special") == []

    assert allocate_waiting(at=NOON) == 1
    assert promised_at(waiting) == {level.location_id: 2}


def test_customer_served_from_elsewhere_takes_only_the_rest():
    level = sold_out()
    order = open_order(level=level, quantity=3)
    line = on_order(level)
    link = ordered_for(line, order, units=3)
    other = elsewhere(level, units=2)
    allocate_waiting(at=NOON)

    come_in(line, 3, reference="GR-special")

    link.refresh_from_db()
    assert promised_at(order) == {other.location_id: 2, level.location_id: 1}
    assert link.served == 1


def test_order_held_by_hand_keeps_its_goods_and_its_hold():
    level = sold_out()
    order = open_order(level=level, quantity=1)
    hold_order(order_id=order.pk, reason="Ask about the color.", at=NOON)
    line = on_order(level)
    ordered_for(line, order, units=1)

    come_in(line, 1, reference="GR-special")

    assert promised_at(order) == {level.location_id: 1}
    assert order.holds.open().get().kind == OrderHold.Kind.MANUAL


def test_order_that_has_to_be_paid_first_gets_nothing():
    level = sold_out()
    channel = ChannelFactory()
    PaymentRuleFactory(channel=channel, promises=PaymentRule.Needs.PAID)
    order = open_order(level=level, quantity=1, channel=channel, is_paid=False)
    line = on_order(level)
    link = ordered_for(line, order, units=1)

    assert come_in(line, 1, reference="GR-special") == []

    link.refresh_from_db()
    assert (promised_at(order), link.served) == ({}, 0)


def test_place_that_does_not_send_serves_nobody():
    level = sold_out()
    order = open_order(level=level, quantity=1)
    line = on_order(level)
    ordered_for(line, order, units=1)
    line.order.location.is_shipping = False
    line.order.location.save()

    assert come_in(line, 1, reference="GR-special") == []

    assert not Allocation.objects.filter(reference__startswith=order.number).exists()


def test_order_of_another_article_by_now_gets_nothing():
    level = sold_out()
    order = open_order(level=level, quantity=1)
    line = on_order(level)
    ordered_for(line, order, units=1)
    order.lines.update(variant=VariantFactory())

    assert come_in(line, 1, reference="GR-special") == []

    assert promised_at(order) == {}


def test_reversed_goods_are_no_longer_counted_as_served():
    level = sold_out()
    first, second = (open_order(level=level, quantity=2) for _ in range(2))
    line = on_order(level)
    links = [ordered_for(line, order, units=2) for order in (first, second)]
    come_in(line, 4, reference="GR-special")
    line.refresh_from_db()
    line.received = 1
    line.save(update_fields=["received"])

    for _ in range(2):
        operations.take_back_served(purchase_line_ids=[line.pk])

    for link in links:
        link.refresh_from_db()
    assert [link.served for link in links] == [1, 0]


def test_customers_are_locked_as_long_as_something_is_to_come():
    level = sold_out()
    order, served = (open_order(level=level, quantity=1) for _ in range(2))
    line = on_order(level)
    ordered_for(line, order, units=1)
    link = ordered_for(line, served, units=1)
    link.served = 1
    link.save()
    LocationFactory()

    assert operations.lock_customers(purchase_line_ids=[line.pk]) == [order.pk]
