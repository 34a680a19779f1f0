"""Where an order is collected, chosen by a person."""

import pytest

from inventory.models import StockLevel
from orders.operations import (
    NoPickupThere,
    NothingToMove,
    choose_pickup_place,
    hand_over,
    mark_ready,
    ship,
)
from orders.queries import differences
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import open_order
from tests.factories.orders_fulfillment import picked
from tests.factories.orders_pickups import pickup_order, pickup_place
from tests.orders.books import books
from tests.people import browser_of, person_who_may

pytestmark = pytest.mark.django_db


def here_and_there(*, units=5):
    """Return the same article in a warehouse and in a store where customers collect."""
    here, store = stock(units=units), pickup_place()
    there = stock(units=units, variant=here.variant, location=store, reference="GR-store")
    return here, there


def test_order_for_an_unknown_place_is_served_where_a_person_says():
    here, there = here_and_there()
    order = open_order(level=here, quantity=2, pickup_location="Moon base")
    assert order.holds.open().get().kind == "ADDRESS"

    pickup = choose_pickup_place(order_id=order.pk, location=there.location, at=NOON)

    order.refresh_from_db()
    assert (order.delivery, order.pickup_location) == ("PICKUP", there.location)
    assert (order.holds.open().count(), pickup.status) == (0, "WAITING")
    levels = dict(StockLevel.objects.values_list("pk", "allocated"))
    assert levels == {here.pk: 0, there.pk: 2}
    assert differences() == []

    mark_ready(order_id=order.pk, key="ready", at=NOON)
    hand_over(order_id=order.pk, code=pickup.code, at=NOON)
    order.refresh_from_db()
    assert order.lifecycle == "COMPLETED"
    assert differences() == []


def test_choosing_the_same_place_again_changes_nothing():
    _, there = here_and_there()
    order = open_order(level=there, quantity=2, pickup_location=there.location.code)
    before = books()

    again = choose_pickup_place(order_id=order.pk, location=there.location, at=NOON)

    assert (again, books()) == (order.pickup, before)


def test_another_place_keeps_the_code_that_the_customer_knows():
    order, other = pickup_order(), pickup_place()
    code = order.pickup.code

    pickup = choose_pickup_place(order_id=order.pk, location=other, at=NOON)

    assert (pickup.code, pickup.status) == (code, "WAITING")
    assert order.holds.open().get().kind == "STOCK"
    assert differences() == []


def test_place_where_nobody_collects_is_refused():
    order, before = open_order(), books()

    with pytest.raises(NoPickupThere, match="do not collect"):
        choose_pickup_place(order_id=order.pk, location=LocationFactory(), at=NOON)

    assert books() == before


def test_order_that_is_being_picked_or_has_left_stays_where_it_is():
    begun = picked().order
    partly_gone = open_order(quantity=2)
    ship(
        order_id=partly_gone.pk,
        quantities={partly_gone.lines.get().pk: 1},
        key="parcel",
        at=NOON,
    )
    place, before = pickup_place(), books()

    for order in (begun, partly_gone):
        with pytest.raises(NothingToMove):
            choose_pickup_place(order_id=order.pk, location=place, at=NOON)

    assert books() == before


def test_place_is_chosen_on_the_page_of_the_order():
    here, there = here_and_there()
    order = open_order(level=here, pickup_location="Moon base")
    browser = browser_of(person_who_may("orders.view_order", "orders.reroute_order"))
    url = f"/orders/order/{order.pk}/act/pickup-place/"

    answer = browser.post(url, {"location": there.location.pk, "key": "form"}, follow=True)

    assert f"is collected at {there.location}" in answer.content.decode()
    order.refresh_from_db()
    assert order.pickup_location == there.location
