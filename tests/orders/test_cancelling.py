"""Calling orders off: whole or in part, before, during and after picking, told to the channel."""

import pytest
from django.db import IntegrityError, transaction

from channels.models import OutboxEntry
from inventory.models import StockLevel
from orders.models import CancelledLine, OrderCancellation
from orders.operations import (
    InvalidCancellation,
    NothingToShip,
    cancel_order,
    ingest_order,
    ship,
)
from orders.queries import differences
from retail.common.errors import WrongStatus
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import (
    incoming_line,
    incoming_order,
    open_order,
    shipped_order,
)
from tests.factories.orders_changes import begin_packed, begin_picking
from tests.orders.books import books

pytestmark = pytest.mark.django_db


def call_off(order, pieces=None, *, key="call", **values):
    """Call off pieces of the one line of an order, or all that is left."""
    quantities = None if pieces is None else {order.lines.get().pk: pieces}
    told = {"reason": "No longer wanted.", "at": NOON, **values}
    return cancel_order(order_id=order.pk, quantities=quantities, key=key, **told)


def counts(order):
    line = order.lines.get()
    order.refresh_from_db()
    return order.lifecycle, line.ordered, line.cancelled, StockLevel.objects.get().allocated


def test_some_pieces_are_called_off_and_the_others_stay_promised():
    person = UserFactory()
    order = open_order(quantity=5)

    cancellation = call_off(order, 2, by=person, cause="CUSTOMER")

    assert counts(order) == ("CONFIRMED", 5, 2, 3)
    assert (cancellation.cause, cancellation.cancelled_by) == ("CUSTOMER", person)
    assert cancellation.lines.get().quantity == 2
    assert differences() == []


def test_pieces_are_called_off_several_times_until_the_order_is_cancelled():
    order = open_order(quantity=3)

    call_off(order, 1, key="first")
    call_off(order, 2, key="second")

    assert counts(order) == ("CANCELLED", 3, 3, 0)
    assert order.cancellations.count() == 2
    assert differences() == []


def test_the_same_key_calls_off_once():
    order = open_order(quantity=3)
    first = call_off(order, 1)
    before = books()

    assert call_off(order, 1) == first
    assert books() == before


def test_postage_goes_along_with_the_last_goods():
    level = stock(units=9)
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, quantity=2),
        incoming_line(sku="POST", external_line_id="2", is_stocked=False),
    )
    order = ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order
    goods, postage = order.lines.order_by("pk")

    cancel_order(
        order_id=order.pk, quantities={goods.pk: 2}, reason="Not wanted.", key="call", at=NOON
    )

    postage.refresh_from_db()
    order.refresh_from_db()
    assert (order.lifecycle, postage.cancelled) == ("CANCELLED", 1)
    assert differences() == []


def test_pieces_that_were_missing_are_called_off_first_and_the_wait_is_over():
    order = open_order(units=3, quantity=5)
    assert order.holds.open().get().kind == "STOCK"

    call_off(order, 2)

    assert counts(order) == ("CONFIRMED", 5, 2, 3)
    assert order.holds.open().count() == 0


def test_pieces_nobody_fetched_yet_are_called_off_before_those_in_hands():
    first, second = LocationFactory(priority=1), LocationFactory(priority=2)
    here = stock(units=3, location=first, reference="GR-here")
    stock(units=2, location=second, variant=here.variant, reference="GR-there")
    order = open_order(level=here, quantity=5)
    begun = begin_picking(order)

    call_off(order, 2)

    begun.refresh_from_db()
    assert begun.status == "PICKING"
    assert sorted(StockLevel.objects.values_list("allocated", flat=True)) == [0, 3]
    assert differences() == []


def test_goods_being_picked_are_put_back_and_the_rest_can_be_picked_again():
    order = open_order(quantity=5)
    begun = begin_picking(order)

    call_off(order, 2)

    begun.refresh_from_db()
    assert (begun.status, begun.cancel_reason) == ("CANCELLED", "No longer wanted.")
    assert counts(order) == ("CONFIRMED", 5, 2, 3)
    assert begin_picking(order).lines.get().quantity == 3
    assert differences() == []


def test_packed_parcel_is_put_back_when_the_order_is_cancelled():
    order = open_order(quantity=2)
    packed = begin_packed(order)

    call_off(order)

    packed.refresh_from_db()
    assert packed.status == "CANCELLED"
    assert counts(order) == ("CANCELLED", 2, 2, 0)
    assert order.events.filter(kind="FULFILLMENT_CANCELLED").count() == 1
    with pytest.raises(WrongStatus):
        ship(order_id=order.pk, key="parcel", at=NOON)


def test_rest_of_a_partly_shipped_order_is_called_off_and_it_is_completed():
    order = open_order(quantity=3)
    ship(order_id=order.pk, key="first", quantities={order.lines.get().pk: 1}, at=NOON)

    call_off(order)

    assert counts(order) == ("COMPLETED", 3, 2, 0)
    with pytest.raises((WrongStatus, NothingToShip)):
        ship(order_id=order.pk, key="rest", at=NOON)
    assert differences() == []


def test_channel_is_told_the_pieces():
    order = open_order(quantity=3)

    cancellation = call_off(order, 2)

    entry = OutboxEntry.objects.get(kind="CANCELLATION")
    assert entry.channel == order.channel
    assert entry.payload == {
        "external_order_id": order.external_id,
        "key": f"{order.number}/{cancellation.pk}",
        "reason": "No longer wanted.",
        "lines": {"1": 2},
    }


@pytest.mark.parametrize("channel", [{"kind": "TABULAR"}, {"mode": "OFF"}])
def test_channel_that_cannot_be_told_is_not_told(channel):
    order = open_order(channel=ChannelFactory(**channel))

    call_off(order)

    assert not OutboxEntry.objects.exists()


def test_what_the_channel_cancelled_is_not_told_back():
    call_off(open_order(), cause=OrderCancellation.Cause.CHANNEL)

    assert not OutboxEntry.objects.exists()


@pytest.mark.parametrize(
    ("pieces", "values"),
    [(0, {}), (4, {}), (-1, {}), (None, {"reason": " "})],
)
def test_nonsense_is_refused_and_nothing_is_changed(pieces, values):
    order = open_order(quantity=3)
    before = books()

    with pytest.raises(InvalidCancellation):
        call_off(order, pieces, **values)

    assert books() == before


def test_line_of_another_order_is_refused():
    order, other = open_order(), open_order()
    before = books()

    with pytest.raises(InvalidCancellation, match="no such line"):
        cancel_order(
            order_id=order.pk,
            quantities={other.lines.get().pk: 1},
            reason="No longer wanted.",
            key="call",
            at=NOON,
        )

    assert books() == before


@pytest.mark.parametrize("made", [shipped_order, lambda: call_off(open_order()).order])
def test_order_of_which_nothing_is_left_is_refused(made):
    order = made()
    before = books()

    with pytest.raises(WrongStatus):
        call_off(order, key="another")

    assert books() == before


BROKEN = [
    (OrderCancellation, {"reason": ""}, "has_a_reason"),
    (CancelledLine, {"quantity": 0}, "quantity_positive"),
]


@pytest.mark.parametrize(("model", "wrong", "constraint"), BROKEN)
def test_database_refuses_what_makes_no_sense(model, wrong, constraint):
    call_off(open_order())

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        model.objects.update(**wrong)


def test_database_refuses_a_second_cancellation_with_one_key():
    order = open_order(quantity=3)
    first = call_off(order, 1)
    twice = {"order": order, "key": first.key, "reason": "Again.", "cancelled_at": NOON}

    with pytest.raises(IntegrityError, match="once_per_key"), transaction.atomic():
        OrderCancellation.objects.create(**twice)
    with pytest.raises(IntegrityError, match="cancelledline_once"), transaction.atomic():
        CancelledLine.objects.create(cancellation=first, line=order.lines.get(), quantity=1)


def test_pieces_called_off_without_a_cancellation_are_found():
    order = open_order(quantity=3)
    call_off(order, 1)
    CancelledLine.objects.update(quantity=2)

    (difference,) = differences()

    assert (difference.kind, difference.expected, difference.actual) == (
        "pieces cancelled",
        "2",
        "1",
    )
