"""Goods that customers bring back: to a counter, or announced and then received."""

from decimal import Decimal

import pytest

from inventory.models import StockMovement
from orders.models import Return
from orders.operations import (
    InvalidReturn,
    KeyReused,
    NoQuarantine,
    ReceivedLine,
    ReturnedLine,
    ReturnedTooMuch,
    ReturnUnexplained,
    UnknownLine,
    UnknownReturn,
    approve_return,
    cancel_return,
    decline_return,
    ingest_order,
    note_return_sent,
    receive_return,
    register_return,
    ship,
    take_back,
    take_back_blind,
)
from orders.queries import differences
from retail.common.errors import WrongStatus
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import incoming_line, incoming_order, open_order, shipped_order
from tests.factories.orders_returns import announced_return, expected_return, received_return
from tests.orders.books import books

pytestmark = pytest.mark.django_db


def give_back(order, quantity=1, *, location=None, key="rma-1", **values):
    line = order.lines.get()
    return take_back(
        order_id=order.pk,
        location=location or LocationFactory(),
        lines=[ReturnedLine(order_line_id=line.pk, quantity=quantity)],
        key=key,
        at=NOON,
        **values,
    )


def refused(error, call, **arguments):
    """Call an operation that refuses; nothing is changed, and the words of it are returned."""
    before = books()
    with pytest.raises(error) as refusal:
        call(**arguments)
    assert books() == before
    return refusal.value.message


def sold_with_discount(*, store, quantity=2, discount="10.00", total="90.00", **values):
    """Sell pieces at 50.00 each with a discount of the whole order, and ship them."""
    level = stock(units=10, location=store)
    line = incoming_line(sku=level.variant.sku, quantity=quantity, unit_price="50.00")
    told = incoming_order(line, discount_total=Decimal(discount), total=Decimal(total), **values)
    order = ingest_order(channel=ChannelFactory(), incoming=told, at=NOON).order
    ship(order_id=order.pk, key="parcel", carrier="DPD", tracking_number="TN-1", at=NOON)
    order.refresh_from_db()
    return order


def test_bought_online_and_returned_in_a_store_is_worth_its_share_of_the_discount():
    store_a, store_b = LocationFactory(code="a"), LocationFactory(code="b")
    order = sold_with_discount(store=store_a)
    variant = order.lines.get().variant

    returned = give_back(order, 1, location=store_b)

    order.refresh_from_db()
    assert returned.lines.get().amount == Decimal("45.00")
    assert variant.stock_levels.get(location=store_b).on_hand == 1
    assert variant.stock_levels.get(location=store_a).on_hand == 8
    assert (order.return_status, order.fulfillments.get().location) == ("PARTIAL", store_a)
    assert order.events.get(kind="RETURNED").details == {
        "return": returned.number,
        "place": "b",
        "pieces": 1,
    }
    assert differences() == []


def test_last_piece_is_worth_what_the_others_left():
    order = sold_with_discount(store=LocationFactory(), quantity=3, total="140.01", discount="9.99")

    amounts = [give_back(order, 1, key=f"rma-{piece}").lines.get().amount for piece in range(3)]

    assert amounts[:2] == [Decimal("46.67")] * 2
    assert sum(amounts) == Decimal("140.01")


def test_take_back_puts_the_goods_back_where_they_came_and_notes_it():
    level = stock(units=10, value="50.00")
    order = shipped_order(level=level, quantity=3)
    store, person = LocationFactory(), UserFactory()

    returned = give_back(order, 2, location=store, by=person)

    order.refresh_from_db()
    line = returned.lines.get()
    back = level.variant.stock_levels.get(location=store)
    movement = back.movements.get()
    assert (order.return_status, order.lines.get().returned) == ("PARTIAL", 2)
    assert (line.quantity, line.received, line.unit_price) == (2, 2, Decimal(10))
    assert (line.disposition, line.condition, line.reason) == ("RESTOCK", "UNCHECKED", "UNKNOWN")
    assert (back.on_hand, movement.kind, movement.cost_value, movement.reference) == (
        2,
        "RETURN",
        Decimal("10.00"),
        returned.number,
    )
    assert (returned.status, returned.customer, returned.received_by) == (
        "RECEIVED",
        order.customer,
        person,
    )
    assert differences() == []


def test_take_back_of_everything_marks_the_order_returned():
    order = shipped_order(quantity=2)

    give_back(order, 1, key="rma-1")
    give_back(order, 1, key="rma-2")

    order.refresh_from_db()
    assert (order.return_status, order.lifecycle) == ("RETURNED", "COMPLETED")
    assert differences() == []


def test_take_back_with_the_same_key_happens_once():
    order = shipped_order(quantity=2)
    first = give_back(order)
    before = books()

    assert give_back(order) == first
    assert books() == before


def test_take_back_with_the_key_of_another_return_is_refused():
    order, other = shipped_order(), shipped_order()
    other.channel = order.channel
    other.save(update_fields=["channel"])
    give_back(order, key="rma-1")

    refused(
        KeyReused,
        take_back,
        order_id=other.pk,
        location=LocationFactory(),
        lines=[ReturnedLine(order_line_id=other.lines.get().pk, quantity=1)],
        key="rma-1",
        at=NOON,
    )


def test_return_is_worth_what_was_paid_after_discount_of_the_line():
    level = stock()
    line = incoming_line(sku=level.variant.sku, quantity=2, unit_price="50.00", total=Decimal(90))
    order = ingest_order(channel=ChannelFactory(), incoming=incoming_order(line), at=NOON).order
    ship(order_id=order.pk, key="parcel", at=NOON)

    row = give_back(order).lines.get()

    assert (row.unit_price, row.amount) == (Decimal(45), Decimal("45.00"))


def test_return_of_postage_is_noted_only():
    level = stock()
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, external_line_id="1"),
        incoming_line(sku="POSTAGE", external_line_id="2", is_stocked=False),
    )
    order = ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order
    ship(order_id=order.pk, key="parcel", at=NOON)
    postage = order.lines.get(external_line_id="2")

    returned = take_back(
        order_id=order.pk,
        location=level.location,
        lines=[ReturnedLine(order_line_id=postage.pk, quantity=1)],
        key="rma-1",
        at=NOON,
    )

    level.refresh_from_db()
    assert returned.lines.get().disposition == "NOT_STOCKED"
    assert level.on_hand == 9
    assert differences() == []


def test_postage_cannot_be_put_away():
    level = stock()
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, external_line_id="1"),
        incoming_line(sku="POSTAGE", external_line_id="2", is_stocked=False),
    )
    order = ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order
    ship(order_id=order.pk, key="parcel", at=NOON)
    postage = order.lines.get(external_line_id="2")

    refused(
        InvalidReturn,
        take_back,
        order_id=order.pk,
        location=level.location,
        lines=[ReturnedLine(order_line_id=postage.pk, quantity=1, disposition="SCRAP")],
        key="rma-1",
        at=NOON,
    )


def blind(level, **values):
    return take_back_blind(
        **{
            "channel": ChannelFactory(),
            "location": level.location,
            "lines": [
                ReturnedLine(variant_id=level.variant_id, quantity=2, unit_price=Decimal("7.99"))
            ],
            "note": "No receipt, our label",
            "key": "till-17",
            "at": NOON,
            **values,
        }
    )


def test_blind_return_needs_no_order():
    level = stock(units=1)
    channel = ChannelFactory()

    returned = blind(level, channel=channel)

    level.refresh_from_db()
    row = returned.lines.get()
    assert (returned.order, returned.note, returned.status) == (
        None,
        "No receipt, our label",
        "RECEIVED",
    )
    assert (row.unit_price, row.amount) == (Decimal("7.99"), Decimal("15.98"))
    assert level.on_hand == 3
    before = books()
    assert blind(level, channel=channel) == returned
    assert books() == before


def test_blind_return_says_why():
    refused(ReturnUnexplained, blind, level=stock(), note="  ")


def test_blind_return_of_nothing_known_is_refused():
    VariantFactory()

    lines = [ReturnedLine(variant_id=0, quantity=1)]
    refused(InvalidReturn, blind, level=stock(), lines=lines)


def refused_to_take_back(error, order, lines):
    text = refused(
        error,
        take_back,
        order_id=order.pk,
        location=order.fulfillments.first().location,
        lines=lines,
        key="rma-1",
        at=NOON,
    )
    assert Return.objects.filter(external_id="rma-1").count() == 0
    return text


def test_return_of_more_than_was_shipped_is_refused():
    order = shipped_order(quantity=2)
    line = order.lines.get()

    text = refused_to_take_back(
        ReturnedTooMuch, order, [ReturnedLine(order_line_id=line.pk, quantity=3)]
    )

    assert f"2 of {line}" in text


def test_return_of_more_in_two_lines_than_was_shipped_is_refused():
    order = shipped_order(quantity=2)
    line = ReturnedLine(order_line_id=order.lines.get().pk, quantity=2)

    refused_to_take_back(ReturnedTooMuch, order, [line, line])


def test_return_of_another_orders_line_is_refused():
    other = open_order()
    line = ReturnedLine(order_line_id=other.lines.get().pk, quantity=1)

    refused_to_take_back(UnknownLine, shipped_order(), [line])


@pytest.mark.parametrize("quantity", [0, -1, 10**9])
def test_return_of_a_quantity_that_makes_no_sense_is_refused(quantity):
    order = shipped_order()
    line = ReturnedLine(order_line_id=order.lines.get().pk, quantity=quantity)

    refused_to_take_back(InvalidReturn, order, [line])


def test_return_without_lines_is_refused():
    refused_to_take_back(InvalidReturn, shipped_order(), [])


def test_return_of_an_article_that_names_no_line_is_refused():
    order = shipped_order()
    line = ReturnedLine(variant_id=order.lines.get().variant_id, quantity=1)

    refused_to_take_back(InvalidReturn, order, [line])


def test_announced_return_moves_nothing_and_shows_on_the_order():
    order = sold_with_discount(store=LocationFactory())
    person = UserFactory()

    announced = register_return(
        order_id=order.pk,
        lines=[ReturnedLine(order_line_id=order.lines.get().pk, quantity=1, reason="DEFECTIVE")],
        note="The lid is loose.",
        key="portal-1",
        at=NOON,
        by=person,
    )

    order.refresh_from_db()
    row = announced.lines.get()
    assert (announced.status, announced.requested_by, announced.received_at) == (
        "REQUESTED",
        person,
        None,
    )
    assert (row.quantity, row.received, row.amount, row.reason) == (
        1,
        0,
        Decimal("45.00"),
        "DEFECTIVE",
    )
    assert (order.return_status, order.lines.get().returned) == ("REQUESTED", 0)
    assert not StockMovement.objects.filter(kind="RETURN").exists()
    assert differences() == []


def test_announcement_with_the_same_key_happens_once():
    order = shipped_order(quantity=2)
    lines = [ReturnedLine(order_line_id=order.lines.get().pk, quantity=1)]
    first = register_return(order_id=order.pk, lines=lines, key="portal", at=NOON)
    before = books()

    assert register_return(order_id=order.pk, lines=lines, key="portal", at=NOON) == first
    assert books() == before


def test_announced_pieces_cannot_come_back_twice():
    order = shipped_order(quantity=2)
    announced = announced_return(order=order, quantity=2)
    line = ReturnedLine(order_line_id=order.lines.get().pk, quantity=1)

    text = refused_to_take_back(ReturnedTooMuch, order, [line])
    refused(ReturnedTooMuch, register_return, order_id=order.pk, lines=[line], key="x", at=NOON)

    assert f"Announced already with {announced.number}" in text


def test_called_off_pieces_may_be_announced_again():
    order = shipped_order(quantity=2)
    announced = announced_return(order=order, quantity=2)

    cancel_return(return_id=announced.pk, reason="Keeps them after all", at=NOON)

    order.refresh_from_db()
    assert order.return_status == "NONE"
    assert announced_return(order=order, quantity=2).status == "REQUESTED"
    assert differences() == []


def test_life_of_an_announced_return():
    order, person = shipped_order(quantity=2), UserFactory()
    announced = announced_return(order=order, quantity=2)

    approved = approve_return(return_id=announced.pk, at=NOON, by=person)
    note_return_sent(return_id=announced.pk, carrier="DPD", tracking_number="R-1", at=NOON)
    again = note_return_sent(return_id=announced.pk, carrier="DPD", tracking_number="R-1", at=NOON)

    assert (approved.decided_by, approved.decided_at) == (person, NOON)
    assert (again.status, again.tracking_number) == ("IN_TRANSIT", "R-1")
    told = [event.details for event in order.events.filter(kind="RETURN_REQUESTED").order_by("pk")]
    assert told == [
        {"return": announced.number, "pieces": 2},
        {"return": announced.number, "approved": True},
        {"return": announced.number, "sent": True},
    ]


def test_declined_return_says_why_and_is_no_longer_expected():
    order, person = shipped_order(), UserFactory()
    announced = announced_return(order=order)
    refused(ReturnUnexplained, decline_return, return_id=announced.pk, reason="", at=NOON)

    declined = decline_return(return_id=announced.pk, reason="Worn and washed", at=NOON, by=person)

    order.refresh_from_db()
    assert (declined.status, declined.close_note, declined.decided_by) == (
        "DECLINED",
        "Worn and washed",
        person,
    )
    assert order.return_status == "NONE"
    assert differences() == []


@pytest.mark.parametrize(
    ("act", "values"),
    [
        (approve_return, {}),
        (decline_return, {"reason": "No"}),
        (cancel_return, {"reason": "No"}),
    ],
)
def test_deciding_twice_changes_nothing(act, values):
    announced = announced_return()
    first = act(return_id=announced.pk, at=NOON, **values)
    before = books()

    assert act(return_id=announced.pk, at=NOON, **values) == first
    assert books() == before


def test_moves_that_are_not_allowed_are_refused():
    requested, expected, received = announced_return(), expected_return(), received_return()
    declined = decline_return(return_id=announced_return().pk, reason="No", at=NOON)
    here = LocationFactory()
    sent = {"carrier": "DPD", "tracking_number": "R-1"}

    for act, returned, values in [
        (note_return_sent, requested, sent),
        (approve_return, declined, {}),
        (approve_return, received, {}),
        (decline_return, expected, {"reason": "No"}),
        (cancel_return, received, {"reason": "No"}),
        (receive_return, requested, {"location": here, "lines": all_of(requested)}),
        (receive_return, declined, {"location": here, "lines": all_of(declined)}),
        (receive_return, received, {"location": here, "lines": all_of(received)}),
    ]:
        refused(WrongStatus, act, return_id=returned.pk, at=NOON, **values)


def test_return_nobody_knows_is_refused():
    refused(UnknownReturn, approve_return, return_id=0, at=NOON)


def all_of(returned, **values):
    return [
        ReceivedLine(return_line_id=row.pk, quantity=row.quantity, **values)
        for row in returned.lines.all()
    ]


def test_fewer_pieces_may_come_than_announced():
    order = sold_with_discount(store=LocationFactory())
    expected, store, person = (
        expected_return(order=order, quantity=2),
        LocationFactory(),
        UserFactory(),
    )
    row = expected.lines.get()

    returned = receive_return(
        return_id=expected.pk,
        location=store,
        lines=[ReceivedLine(return_line_id=row.pk, quantity=1, condition="RESELLABLE")],
        at=NOON,
        by=person,
    )

    order.refresh_from_db()
    row.refresh_from_db()
    assert (returned.status, returned.location, returned.received_by) == (
        "RECEIVED",
        store,
        person,
    )
    assert (row.quantity, row.received, row.condition, row.disposition, row.amount) == (
        *(2, 1, "RESELLABLE", "RESTOCK"),
        Decimal("45.00"),
    )
    assert (order.return_status, order.lines.get().returned) == ("PARTIAL", 1)
    assert order.lines.get().variant.stock_levels.get(location=store).on_hand == 1
    assert announced_return(order=order).status == "REQUESTED"
    assert differences() == []


def test_receiving_the_same_again_changes_nothing():
    expected, store = expected_return(quantity=2), LocationFactory()
    arguments = {"return_id": expected.pk, "location": store, "lines": all_of(expected)}
    first = receive_return(**arguments, at=NOON)
    before = books()

    assert receive_return(**arguments, at=NOON) == first
    assert books() == before


def test_receiving_something_else_again_is_refused():
    returned = received_return(quantity=2)
    less = [ReceivedLine(return_line_id=returned.lines.get().pk, quantity=1)]
    arguments = {"return_id": returned.pk, "location": returned.location, "at": NOON}

    refused(WrongStatus, receive_return, **arguments, lines=less)


def test_more_pieces_than_announced_are_refused_by_name():
    expected = expected_return(quantity=2)
    row = expected.lines.get()
    arguments = {"return_id": expected.pk, "location": LocationFactory(), "at": NOON}
    one, two = (ReceivedLine(return_line_id=row.pk, quantity=pieces) for pieces in (1, 2))

    text = refused(ReturnedTooMuch, receive_return, **arguments, lines=[one, two])

    assert f"2 of {row}" in text


def test_lines_that_make_no_receipt_are_refused():
    expected, other = expected_return(), expected_return()
    arguments = {"return_id": expected.pk, "location": LocationFactory(), "at": NOON}
    nothing = ReceivedLine(return_line_id=expected.lines.get().pk, quantity=0)

    refused(InvalidReturn, receive_return, **arguments, lines=[])
    refused(InvalidReturn, receive_return, **arguments, lines=[nothing])
    refused(UnknownLine, receive_return, **arguments, lines=all_of(other))


def test_nothing_is_received_where_goods_cannot_be_set_apart():
    expected = expected_return()
    arguments = {"return_id": expected.pk, "location": LocationFactory(), "at": NOON}

    refused(
        NoQuarantine,
        receive_return,
        **arguments,
        lines=all_of(expected, disposition="QUARANTINE"),
    )
