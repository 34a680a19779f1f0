"""What suppliers still owe, by article and location."""

from datetime import date, timedelta

import pytest

from purchasing import operations
from purchasing.models import PurchaseOrderLine
from purchasing.operations import ReceivedLine
from purchasing.queries import Incoming, incoming_units
from tests.factories.common import NOON
from tests.factories.purchasing import (
    PurchaseOrderLineFactory,
    approved_order,
    draft_order,
    sent_order,
)

pytestmark = pytest.mark.django_db
DUE = date(2026, 12, 1)


def receive(line, units):
    operations.receive_goods(
        order_id=line.order_id,
        lines=[ReceivedLine(order_line_id=line.pk, accepted=units)],
        delivery_note="DN-1",
        key=f"delivery-{line.pk}",
        at=NOON,
        by=None,
    )


def order_more_of(variant, order, position):
    """Write another line of an article on an order."""
    PurchaseOrderLineFactory(order=order, position=position, variant=variant, ordered=2)


def row(order, variant, units):
    return Incoming(
        variant_id=variant.pk,
        location_id=order.location_id,
        location=order.location.name,
        order_id=order.pk,
        number=order.number,
        supplier=order.supplier.name,
        units=units,
        expected_on=order.expected_on,
    )


def test_incoming_is_what_is_still_open_on_sent_orders_the_soonest_first():
    late, soon = sent_order(units=[10]), sent_order(units=[7], expected_on=DUE)
    sooner = sent_order(units=[5], expected_on=DUE - timedelta(days=1))
    variant = late.lines.get().variant
    PurchaseOrderLine.objects.filter(order__in=[soon, sooner]).update(variant=variant)
    receive(late.lines.get(), 4)
    sent_order(units=[9])

    assert incoming_units(variant_ids=[variant.pk]) == [
        row(sooner, variant, 5),
        row(soon, variant, 7),
        row(late, variant, 6),
    ]


def test_incoming_adds_up_the_lines_of_an_order():
    order = sent_order(units=[10])
    variant = order.lines.get().variant
    order_more_of(variant, order, position=2)
    receive(order.lines.get(position=1), 10)
    order_more_of(variant, order, position=3)

    assert incoming_units(variant_ids=[variant.pk]) == [row(order, variant, 4)]


def test_incoming_leaves_out_what_was_not_sent_and_what_nobody_expects():
    orders = [draft_order(), approved_order(), sent_order()]
    operations.close_short(order_id=orders[2].pk, reason="Sold out.", at=NOON, by=None)
    wanted = [order.lines.get().variant_id for order in orders]

    assert incoming_units(variant_ids=wanted) == []


def test_incoming_costs_one_query(django_assert_num_queries):
    orders = [sent_order() for _ in range(3)]
    wanted = [order.lines.get().variant_id for order in orders]

    with django_assert_num_queries(1):
        rows = incoming_units(variant_ids=wanted)

    assert len(rows) == 3
