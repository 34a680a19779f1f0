"""Goods that customers bring back."""

from decimal import Decimal

import pytest

from orders.models import Return
from orders.operations import (
    InvalidReturn,
    ReturnedLine,
    ReturnedTooMuch,
    UnknownLine,
    ingest_order,
    register_return,
    ship,
)
from orders.queries import differences
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import incoming_line, incoming_order, open_order, shipped_order
from tests.orders.books import books

pytestmark = pytest.mark.django_db


def give_back(order, quantity=1, *, location=None, key="rma-1", **values):
    line = order.lines.get()
    return register_return(
        channel=order.channel,
        order_id=order.pk,
        location=location or LocationFactory(),
        lines=[ReturnedLine(order_line_id=line.pk, quantity=quantity)],
        key=key,
        at=NOON,
        **values,
    )


def test_return_puts_the_goods_back_where_they_came_and_notes_it():
    level = stock(units=10, value="50.00")
    order = shipped_order(level=level, quantity=3)
    store, person = LocationFactory(), UserFactory()

    registered = give_back(order, 2, location=store, by=person)

    order.refresh_from_db()
    line = registered.lines.get()
    back = level.variant.stock_levels.get(location=store)
    movement = back.movements.get()
    assert (order.return_status, order.lines.get().returned) == ("PARTIAL", 2)
    assert (line.quantity, line.unit_price, line.disposition) == (2, Decimal(10), "RESTOCK")
    assert (back.on_hand, movement.kind, movement.cost_value, movement.reference) == (
        2,
        "RETURN",
        Decimal("10.00"),
        registered.number,
    )
    assert (registered.customer, registered.received_by) == (order.customer, person)
    assert order.events.get(kind="RETURNED").details == {
        "return": registered.number,
        "pieces": 2,
    }
    assert differences() == []


def test_return_of_everything_marks_the_order_returned():
    order = shipped_order(quantity=2)

    give_back(order, 1, key="rma-1")
    give_back(order, 1, key="rma-2")

    order.refresh_from_db()
    assert (order.return_status, order.lifecycle) == ("RETURNED", "COMPLETED")
    assert differences() == []


def test_return_with_the_same_key_is_registered_once():
    order = shipped_order(quantity=2)
    first = give_back(order)
    before = books()

    assert give_back(order) == first
    assert books() == before


def test_return_is_worth_what_was_paid_after_discount():
    level = stock()
    line = incoming_line(sku=level.variant.sku, quantity=2, unit_price="50.00", total=Decimal(90))
    order = ingest_order(channel=ChannelFactory(), incoming=incoming_order(line), at=NOON).order
    ship(order_id=order.pk, key="parcel", at=NOON)

    assert give_back(order).lines.get().unit_price == Decimal(45)


def test_return_of_postage_is_noted_only():
    level = stock()
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, external_line_id="1"),
        incoming_line(sku="POSTAGE", external_line_id="2", is_stocked=False),
    )
    order = ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order
    ship(order_id=order.pk, key="parcel", at=NOON)
    postage = order.lines.get(external_line_id="2")

    registered = register_return(
        channel=order.channel,
        order_id=order.pk,
        location=level.location,
        lines=[ReturnedLine(order_line_id=postage.pk, quantity=1)],
        key="rma-1",
        at=NOON,
    )

    level.refresh_from_db()
    assert registered.lines.get().disposition == "NOT_STOCKED"
    assert level.on_hand == 9
    assert differences() == []


def test_blind_return_needs_no_order():
    level = stock(units=1)
    line = ReturnedLine(variant_id=level.variant_id, quantity=2, unit_price=Decimal("7.99"))

    registered = register_return(
        channel=ChannelFactory(),
        location=level.location,
        lines=[line],
        key="till-17",
        at=NOON,
    )

    level.refresh_from_db()
    assert (registered.order, registered.lines.get().unit_price) == (None, Decimal("7.99"))
    assert level.on_hand == 3


def refused(error, order, lines):
    before = books()
    with pytest.raises(error):
        register_return(
            channel=order.channel,
            order_id=order.pk,
            location=order.fulfillments.first().location,
            lines=lines,
            key="rma-1",
            at=NOON,
        )
    assert books() == before
    assert Return.objects.count() == 0


def test_return_of_more_than_was_shipped_is_refused():
    order = shipped_order(quantity=2)
    line = order.lines.get()

    refused(ReturnedTooMuch, order, [ReturnedLine(order_line_id=line.pk, quantity=3)])


def test_return_of_more_in_two_lines_than_was_shipped_is_refused():
    order = shipped_order(quantity=2)
    line = ReturnedLine(order_line_id=order.lines.get().pk, quantity=2)

    refused(ReturnedTooMuch, order, [line, line])


def test_return_of_another_orders_line_is_refused():
    other = open_order()

    refused(
        UnknownLine,
        shipped_order(),
        [ReturnedLine(order_line_id=other.lines.get().pk, quantity=1)],
    )


@pytest.mark.parametrize("quantity", [0, -1])
def test_return_of_a_quantity_that_makes_no_sense_is_refused(quantity):
    order = shipped_order()
    line = ReturnedLine(order_line_id=order.lines.get().pk, quantity=quantity)

    refused(InvalidReturn, order, [line])


def test_return_without_lines_is_refused():
    refused(InvalidReturn, shipped_order(), [])


def test_return_of_nothing_known_is_refused():
    VariantFactory()

    refused(InvalidReturn, shipped_order(), [ReturnedLine(variant_id=0, quantity=1)])
