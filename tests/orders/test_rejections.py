"""A place says that it cannot serve pieces after all: they are served from elsewhere, or wait."""

import pytest

from inventory.models import CountRequest, StockLevel
from orders.models import (
    Fulfillment,
    FulfillmentItem,
    FulfillmentLine,
    LineAllocation,
    OrderLine,
    RoutingRejection,
)
from orders.operations import (
    InvalidRejection,
    UnservedPieces,
    allocate_waiting,
    cancel_order,
    reject_pieces,
    reroute,
)
from orders.queries import differences
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import stock
from tests.factories.orders import bundle_order, open_order
from tests.factories.orders_routing import reject
from tests.orders.books import books
from tests.orders.places import elsewhere, picking, promised_at

pytestmark = pytest.mark.django_db


def test_pieces_are_served_from_another_place_and_the_first_is_counted():
    level, person = stock(units=10), UserFactory()
    order = open_order(level=level, quantity=3)
    other = elsewhere(level)

    rejection = reject(order, level, quantity=2, by=person, note="The shelf is empty.")

    order.refresh_from_db()
    decision = order.routing_decisions.latest("pk")
    request = CountRequest.objects.get()
    assert promised_at(order) == {level.location_id: 1, other.location_id: 2}
    assert order.lifecycle == "CONFIRMED"
    assert (rejection.quantity, rejection.note, rejection.rejected_by) == (
        2, "The shelf is empty.", person,
    )  # fmt: skip
    assert (decision.cause, decision.decided_by) == ("REJECTED", person)
    assert decision.candidates[0] == {
        "place": level.location.code, "pieces": 0, "left_out": "REJECTED",
    }  # fmt: skip
    assert (request.level, request.requested_by) == (level, person)
    assert request.reason == f"Not found on the shelf: 2 of {order.lines.get()}, for {order}."
    assert list(order.events.order_by("pk").values_list("kind", flat=True))[-3:] == [
        "PROMISE_RELEASED", "REJECTED", "ALLOCATED",
    ]  # fmt: skip
    assert differences() == []


@pytest.mark.parametrize(
    ("reason", "requests"),
    [("NOT_FOUND", 1), ("DAMAGED", 1), ("NO_TIME", 0), ("CLOSED", 0), ("OTHER", 0)],
)
def test_only_goods_that_are_not_as_they_should_be_are_counted(reason, requests):
    level = stock(units=10)

    reject(open_order(level=level), level, reason=reason)

    assert CountRequest.objects.count() == requests


def test_order_waits_and_is_held_where_no_other_place_has_it():
    level = stock(units=10)
    order = open_order(level=level, quantity=3)

    reject(order, level, quantity=2)

    order.refresh_from_db()
    assert promised_at(order) == {level.location_id: 1}
    assert (order.lifecycle, order.holds.open().get().kind) == ("PLACED", "STOCK")
    assert differences() == []


def test_place_is_not_asked_again_for_what_it_rejected_but_for_other_orders_it_is():
    level = stock(units=10)
    order = open_order(level=level, quantity=3)
    reject(order, level, quantity=3)

    assert allocate_waiting(at=NOON) == 0
    assert promised_at(order) == {}
    assert promised_at(open_order(level=level, quantity=3)) == {level.location_id: 3}
    other = elsewhere(level)
    assert allocate_waiting(at=NOON) == 1
    assert promised_at(order) == {other.location_id: 3}


def test_rejecting_twice_rejects_once():
    level = stock(units=10)
    order = open_order(level=level, quantity=3)
    first = reject(order, level, key="form")
    before = books()

    assert reject(order, level, key="form") == first
    assert books() == before


def test_fulfillment_that_is_picked_loses_the_pieces():
    level = stock(units=10)
    order = open_order(level=level, quantity=4)
    fulfillment = picking(order, level, 3, packed=1)

    reject(order, level, quantity=2, fulfillment_id=fulfillment.pk)

    fulfillment.refresh_from_db()
    item = fulfillment.items.get()
    assert fulfillment.status == "PICKING"
    assert (fulfillment.lines.get().quantity, item.units, item.packed) == (1, 1, 1)
    assert promised_at(order) == {level.location_id: 2}
    assert differences() == []


def test_fulfillment_of_which_nothing_is_left_is_put_back():
    level, person = stock(units=10), UserFactory()
    order = open_order(level=level, quantity=3)
    other = elsewhere(level)
    fulfillment = picking(order, level, 3)

    reject(order, level, quantity=3, by=person)

    fulfillment.refresh_from_db()
    assert (fulfillment.status, fulfillment.cancelled_at, fulfillment.cancelled_by) == (
        "CANCELLED", NOON, person,
    )  # fmt: skip
    assert fulfillment.cancel_reason == "Not found on the shelf"
    assert not fulfillment.items.exists()
    assert promised_at(order) == {other.location_id: 3}
    assert differences() == []


def test_pieces_that_nobody_picks_go_first():
    level = stock(units=10)
    order = open_order(level=level, quantity=4)
    fulfillment = picking(order, level, 3)

    reject(order, level, quantity=2)

    assert fulfillment.lines.get().quantity == 2
    assert promised_at(order) == {level.location_id: 2}


def test_components_of_a_bundle_leave_the_fulfillment_together():
    order = bundle_order(quantity=3)
    line = order.lines.get()
    promises = LineAllocation.objects.filter(line=line).order_by("pk")
    place = promises[0].allocation.level.location
    fulfillment = Fulfillment.objects.create(
        order=order, location=place, key="picking", status=Fulfillment.Status.PICKING
    )
    FulfillmentLine.objects.create(fulfillment=fulfillment, line=line, quantity=3)
    for part in line.components.all():
        FulfillmentItem.objects.create(
            fulfillment=fulfillment, variant=part.variant, units=3 * part.units
        )

    reject(order, promises[0].allocation.level, quantity=2)

    each = {part.variant_id: part.units for part in line.components.all()}
    assert {item.variant_id: item.units for item in fulfillment.items.all()} == each
    assert CountRequest.objects.count() == 2
    assert differences() == []


def refused(order, level, **values):
    before = books()
    with pytest.raises(InvalidRejection) as refusal:
        reject(order, level, **values)
    assert books() == before
    assert not RoutingRejection.objects.exists()
    return refusal.value


def test_scanned_pieces_are_there_and_cannot_be_rejected():
    level = stock(units=10)
    order = open_order(level=level, quantity=3)
    fulfillment = picking(order, level, 3, packed=2)

    refusal = refused(order, level, quantity=2)

    assert refusal.details["fulfillment"] == fulfillment.number
    assert FulfillmentItem.objects.get().units == 3


@pytest.mark.parametrize("quantity", [0, -1, 4])
def test_no_more_pieces_are_rejected_than_are_promised_there(quantity):
    level = stock(units=10)

    assert (
        refused(open_order(level=level, quantity=3), level, quantity=quantity).details["most"] == 3
    )


def test_pieces_of_another_place_are_not_its_to_reject():
    level = stock(units=10)
    order = open_order(level=level, quantity=3)

    assert refused(order, elsewhere(level)).details["most"] == 0


def test_packed_pieces_are_not_rejected():
    level = stock(units=10)
    order = open_order(level=level, quantity=3)
    Fulfillment.objects.filter(pk=picking(order, level, 3, packed=3).pk).update(status="PACKED")

    assert refused(order, level).details["most"] == 0


def test_reason_must_be_one_that_is_known():
    level = stock(units=10)

    refused(open_order(level=level), level, reason="BORED")


def test_line_must_be_one_that_there_is():
    level = stock(units=1)
    pieces = UnservedPieces(line_id=0, location_id=level.location_id, quantity=1)

    with pytest.raises(InvalidRejection):
        reject_pieces(pieces=pieces, reason="OTHER", key="form", at=NOON)


def test_nothing_of_a_cancelled_order_is_rejected():
    level = stock(units=10)
    order = open_order(level=level)
    cancel_order(order_id=order.pk, reason="Changed my mind.", key="cancel", at=NOON)

    with pytest.raises(WrongStatus):
        reject(order, level)


def test_person_may_ask_the_place_again():
    level = stock(units=10)
    order = open_order(level=level, quantity=3)
    reject(order, level, quantity=3)

    reroute(order_id=order.pk, location_id=level.location_id, key="again", at=NOON)

    assert promised_at(order) == {level.location_id: 3}
    assert not order.holds.open().exists()


def test_units_that_were_rejected_are_free_for_others_until_they_are_counted():
    level = stock(units=3)
    order = open_order(level=level, quantity=3)

    reject(order, level, quantity=3)

    level.refresh_from_db()
    assert (level.on_hand, level.allocated) == (3, 0)
    assert StockLevel.objects.count() == OrderLine.objects.count() == 1
