"""Orders that are held, released, called off, and their unknown articles linked."""

import pytest

from orders.operations import (
    AlreadyLinked,
    UnknownArticle,
    UnknownHold,
    cancel_order,
    hold_order,
    ingest_order,
    link_line,
    release_hold,
    ship,
)
from orders.queries import differences, orders_on_hold
from retail.common.errors import WrongStatus
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import stock
from tests.factories.orders import (
    held_order,
    incoming_line,
    incoming_order,
    open_order,
    shipped_order,
)
from tests.orders.books import books

pytestmark = pytest.mark.django_db


def unknown_line(*, quantity=2):
    incoming = incoming_order(incoming_line(sku="NOBODY-KNOWS", quantity=quantity))
    return ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order.lines.get()


def test_hold_keeps_the_promise_and_says_who_and_why():
    person = UserFactory()
    order = open_order(quantity=2)

    hold = hold_order(order_id=order.pk, reason="The buyer asked.", at=NOON, by=person)

    order.refresh_from_db()
    assert (order.lifecycle, list(orders_on_hold())) == ("PLACED", [order])
    assert (hold.kind, hold.reason, hold.opened_by, hold.opened_at) == (
        "MANUAL",
        "The buyer asked.",
        person,
        NOON,
    )
    assert order.lines.get().line_allocations.get().units == 2
    assert differences() == []


def test_hold_twice_keeps_the_first():
    order = held_order()
    before = books()

    again = hold_order(order_id=order.pk, reason="Another reason.", at=NOON)

    assert again == order.holds.get()
    assert books() == before


def test_hold_of_a_shipped_order_is_refused():
    order = shipped_order()
    before = books()

    with pytest.raises(WrongStatus):
        hold_order(order_id=order.pk, reason="Too late.", at=NOON)

    assert books() == before


def test_release_lets_the_order_go_on_and_says_who_and_why():
    person = UserFactory()
    order = held_order()

    hold = release_hold(hold_id=order.holds.get().pk, note="All is well.", at=NOON, by=person)

    order.refresh_from_db()
    assert order.lifecycle == "CONFIRMED"
    assert (hold.released_at, hold.released_by, hold.release_note) == (
        NOON,
        person,
        "All is well.",
    )
    assert order.events.get(kind="HOLD_RELEASED").details == {
        "hold": "MANUAL",
        "note": "All is well.",
    }


def test_release_twice_changes_nothing():
    order = held_order()
    hold = order.holds.get()
    release_hold(hold_id=hold.pk, note="All is well.", at=NOON)
    before = books()

    release_hold(hold_id=hold.pk, note="Again.", at=NOON)

    assert books() == before


def test_release_of_one_of_two_holds_keeps_the_order_held():
    order = open_order(units=1, quantity=3)
    hold_order(order_id=order.pk, reason="Wait.", at=NOON)

    release_hold(hold_id=order.holds.get(kind="MANUAL").pk, note="Go on.", at=NOON)

    order.refresh_from_db()
    assert order.lifecycle == "PLACED"


def test_release_of_no_hold_is_refused():
    with pytest.raises(UnknownHold):
        release_hold(hold_id=0, note="?", at=NOON)


def test_cancel_frees_the_stock_and_closes_the_holds():
    order = open_order(units=2, quantity=5)
    person = UserFactory()

    cancel_order(order_id=order.pk, reason="No longer wanted.", key="call", at=NOON, by=person)

    order.refresh_from_db()
    line = order.lines.get()
    assert (order.lifecycle, order.fulfillment_status) == ("CANCELLED", "UNFULFILLED")
    assert (line.cancelled, line.line_allocations.get().units) == (5, 0)
    assert line.variant.stock_levels.get().allocated == 0
    assert order.holds.open().count() == 0
    assert order.events.get(kind="CANCELLED").details == {
        "reason": "No longer wanted.",
        "cause": "OTHER",
        "pieces": 5,
    }
    assert differences() == []


def test_cancel_of_what_is_left_completes_a_partly_shipped_order():
    order = open_order(quantity=3)
    ship(order_id=order.pk, key="first", quantities={order.lines.get().pk: 1}, at=NOON)

    cancel_order(order_id=order.pk, reason="The rest is no longer wanted.", key="call", at=NOON)

    order.refresh_from_db()
    line = order.lines.get()
    assert (order.lifecycle, order.fulfillment_status) == ("COMPLETED", "FULFILLED")
    assert (line.shipped, line.cancelled) == (1, 2)
    assert differences() == []


def test_cancel_of_a_shipped_order_is_refused():
    order = shipped_order()
    before = books()

    with pytest.raises(WrongStatus):
        cancel_order(order_id=order.pk, reason="Too late.", key="call", at=NOON)

    assert books() == before


def test_order_without_lines_can_be_cancelled():
    order = ingest_order(channel=ChannelFactory(), incoming=incoming_order(), at=NOON).order

    cancel_order(order_id=order.pk, reason="Empty.", key="call", at=NOON)

    order.refresh_from_db()
    assert (order.lifecycle, order.holds.open().count()) == ("CANCELLED", 0)
    assert differences() == []


def test_link_promises_the_article_and_releases_its_hold():
    line, level = unknown_line(quantity=2), stock(units=10)
    person = UserFactory()

    link_line(line_id=line.pk, variant_id=level.variant_id, pack_size=3, at=NOON, by=person)

    line.refresh_from_db()
    level.refresh_from_db()
    order = line.order
    assert (line.variant, line.pack_size, level.allocated) == (level.variant, 3, 6)
    assert (order.lifecycle, order.holds.open().count()) == ("CONFIRMED", 0)
    assert order.holds.get().release_note == f"Linked to {level.variant.sku}."
    assert differences() == []


def test_link_to_an_article_that_is_short_waits_for_stock():
    line, level = unknown_line(quantity=5), stock(units=2)

    link_line(line_id=line.pk, variant_id=level.variant_id, at=NOON)

    line.refresh_from_db()
    assert line.order.holds.open().get().kind == "STOCK"
    assert line.line_allocations.get().units == 2


def test_link_to_a_service_leaves_nothing_to_ship():
    line = unknown_line()

    link_line(line_id=line.pk, variant_id=VariantFactory(is_stocked=False).pk, at=NOON)

    line.refresh_from_db()
    assert (line.is_stocked, line.order.lifecycle) == (False, "COMPLETED")
    assert differences() == []


def test_link_twice_changes_nothing():
    line, level = unknown_line(), stock()
    link_line(line_id=line.pk, variant_id=level.variant_id, at=NOON)
    before = books()

    link_line(line_id=line.pk, variant_id=level.variant_id, at=NOON)

    assert books() == before


def refused_link(error, **values):
    before = books()
    with pytest.raises(error):
        link_line(at=NOON, **values)
    assert books() == before


def test_link_to_another_article_is_refused():
    line, level = unknown_line(), stock()
    link_line(line_id=line.pk, variant_id=level.variant_id, at=NOON)

    refused_link(AlreadyLinked, line_id=line.pk, variant_id=VariantFactory().pk)


def test_link_of_a_cancelled_order_is_refused():
    line = unknown_line()
    cancel_order(order_id=line.order_id, reason="No longer wanted.", key="call", at=NOON)

    refused_link(WrongStatus, line_id=line.pk, variant_id=VariantFactory().pk)


@pytest.mark.parametrize("wrong", [{"line_id": 0}, {"variant_id": 0}, {"pack_size": 0}])
def test_link_of_what_there_is_not_is_refused(wrong):
    values = {"line_id": unknown_line().pk, "variant_id": VariantFactory().pk, **wrong}

    refused_link(UnknownArticle, **values)
