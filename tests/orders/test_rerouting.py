"""A person serves an order from another place."""

import pytest

from orders.models import Order, OrderEvent
from orders.operations import (
    CannotServe,
    NothingToMove,
    cancel_order,
    release_promises,
    reroute,
)
from orders.queries import differences
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import bundle_order, open_order
from tests.factories.orders_routing import RoutingRuleFactory
from tests.orders.books import books
from tests.orders.places import elsewhere, picking, promised_at

pytestmark = pytest.mark.django_db


def move(order, level=None, *, key="form", **values):
    location_id = level.location_id if level else None
    return reroute(order_id=order.pk, location_id=location_id, key=key, at=NOON, **values)


def test_order_is_served_from_the_place_that_was_chosen():
    level, person = stock(units=10), UserFactory()
    order, other = open_order(level=level, quantity=3), elsewhere(level)

    decision = move(order, other, by=person)

    order.refresh_from_db()
    level.refresh_from_db()
    routed = order.events.get(kind=OrderEvent.Kind.ROUTED)
    assert promised_at(order) == {other.location_id: 3}
    assert (order.location, level.allocated) == (other.location, 0)
    assert (decision.cause, decision.decided_by, decision.missing) == ("BY_HAND", person, 0)
    assert decision.chosen == {other.location.code: {str(order.lines.get().pk): 3}}
    assert routed.details["places"] == other.location.code
    assert routed.caused_by == person
    assert differences() == []


def test_same_form_twice_moves_once():
    level = stock(units=10)
    order, other = open_order(level=level), elsewhere(level)
    first = move(order, other)
    before = books()

    assert move(order, other) == first
    assert books() == before


def test_place_that_has_a_part_serves_a_part_and_the_rest_stays():
    level = stock(units=10)
    order, other = open_order(level=level, quantity=3), elsewhere(level, units=2)

    move(order, other)

    order.refresh_from_db()
    assert promised_at(order) == {level.location_id: 1, other.location_id: 2}
    assert order.lifecycle == "CONFIRMED"
    assert differences() == []


def test_waiting_pieces_are_served_before_others_are_moved():
    level = stock(units=2)
    order = open_order(level=level, quantity=4)
    other = elsewhere(level, units=3)

    move(order, other)

    order.refresh_from_db()
    assert promised_at(order) == {level.location_id: 1, other.location_id: 3}
    assert (order.lifecycle, order.holds.open().count()) == ("CONFIRMED", 0)


def test_pieces_in_hand_stay_where_they_are():
    level = stock(units=10)
    order, other = open_order(level=level, quantity=3), elsewhere(level)
    picking(order, level, 2)

    move(order, other)

    assert promised_at(order) == {level.location_id: 2, other.location_id: 1}
    assert differences() == []


def test_bundle_is_moved_in_whole_pieces():
    order = bundle_order(quantity=2)
    promises = [row.allocation.level for row in order.lines.get().line_allocations.order_by("pk")]
    place = LocationFactory()
    for level in promises:
        stock(variant=level.variant, location=place, units=3, reference=f"GR-{level.pk}-more")

    reroute(order_id=order.pk, location_id=place.pk, key="form", at=NOON)

    units = {
        row.allocation.level.location_id: row.allocation.level.variant_id
        for row in order.lines.get().line_allocations.filter(units__gt=0)
    }
    assert set(units) == {promises[0].location_id, place.pk}
    assert differences() == []


def test_rules_choose_anew_when_no_place_is_named():
    level = stock(units=10)
    order, other = open_order(level=level, quantity=3), elsewhere(level)
    RoutingRuleFactory(kind="PREFERRED", location=other.location, rank=3)

    decision = move(order)

    order.refresh_from_db()
    assert promised_at(order) == {other.location_id: 3}
    assert order.location == other.location
    assert decision.decided_by_rule == f"3 PREFERRED {other.location.code}"
    assert differences() == []


def test_order_with_nothing_promised_is_routed_anew():
    level = stock(units=10)
    order = open_order(level=level, quantity=3)
    release_promises(order_id=order.pk, reason="For the window.", at=NOON)

    move(order)

    assert promised_at(order) == {level.location_id: 3}


def refused(order, level=None, refusal=CannotServe):
    before = books()
    with pytest.raises(refusal) as raised:
        move(order, level)
    assert books() == before
    return str(raised.value)


def test_place_that_sends_nothing_cannot_serve():
    level = stock(units=10)
    order = open_order(level=level)

    other = elsewhere(level, is_shipping=False)

    assert refused(order, other) == f"{other.location} does not send orders."


def test_place_that_has_nothing_cannot_serve():
    level = stock(units=10)
    order = open_order(level=level)
    other = stock(units=1, reference="GR-other")

    assert refused(order, other) == f"{other.location} has nothing of {order} free."


def test_order_to_be_collected_is_served_where_it_is_collected_alone():
    level = stock(units=10)
    order, other = open_order(level=level), elsewhere(level)
    order.delivery, order.pickup_location = Order.Delivery.PICKUP, level.location
    order.save()

    assert "collected" in refused(order, other)


def test_place_must_be_one_that_there_is():
    with pytest.raises(CannotServe):
        reroute(order_id=open_order().pk, location_id=0, key="form", at=NOON)


@pytest.mark.parametrize("is_named", [True, False])
def test_order_that_is_all_in_hand_is_not_moved(is_named):
    level = stock(units=10)
    order, other = open_order(level=level, quantity=3), elsewhere(level)
    picking(order, level, 3)

    refused(order, other if is_named else None, NothingToMove)


def test_order_that_is_there_already_is_not_moved():
    level = stock(units=10)

    refused(open_order(level=level), level, NothingToMove)


def test_cancelled_order_is_not_moved():
    level = stock(units=10)
    order = open_order(level=level)
    cancel_order(order_id=order.pk, reason="Changed my mind.", key="cancel", at=NOON)

    refused(order, elsewhere(level), WrongStatus)


def test_release_of_promises_leaves_what_is_in_hand():
    level = stock(units=10)
    order = open_order(level=level, quantity=3)
    picking(order, level, 2)

    assert release_promises(order_id=order.pk, reason="For the window.", at=NOON) == 1
    assert promised_at(order) == {level.location_id: 2}
    assert differences() == []
