"""Who waits for stock comes in turn: by the day it is to be shipped, then priority, then age."""

from datetime import timedelta

import pytest

from orders.models import OrderEvent
from orders.operations import (
    InvalidPriority,
    allocate_waiting,
    cancel_order,
    set_priority,
)
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import stock
from tests.factories.orders import open_order
from tests.orders.books import books
from tests.orders.places import promised_at

pytestmark = pytest.mark.django_db

TOMORROW = NOON + timedelta(days=1)


@pytest.fixture
def level():
    """Return a level of which nothing is left: whoever orders waits."""
    level = stock(units=1)
    open_order(level=level, quantity=1)
    return level


def waiting(level, *, priority=0, **values):
    order = open_order(level=level, quantity=1, **values)
    if priority:
        set_priority(order_id=order.pk, priority=priority, at=NOON)
    return order


def test_waiting_orders_are_served_by_day_then_priority_then_age(level):
    whenever = waiting(level, priority=9)
    tomorrow = waiting(level, ship_by=TOMORROW)
    old = waiting(level, ship_by=TOMORROW, placed_at=NOON - timedelta(days=5))
    important = waiting(level, ship_by=TOMORROW, priority=3)
    today = waiting(level, ship_by=NOON, priority=-5)
    turn = []

    for number in range(5):
        stock(
            variant=level.variant, location=level.location, units=1, reference=f"GR-more-{number}"
        )
        assert allocate_waiting(at=NOON) == 1
        turn += [
            order
            for order in (whenever, tomorrow, old, important, today)
            if promised_at(order) and order not in turn
        ]

    assert turn == [today, important, old, tomorrow, whenever]


def test_priority_is_set_and_told():
    order, person = open_order(), UserFactory()

    set_priority(order_id=order.pk, priority=7, at=NOON, by=person)

    order.refresh_from_db()
    event = order.events.get(kind=OrderEvent.Kind.PRIORITIZED)
    assert order.priority == 7
    assert (event.details, event.caused_by) == ({"before": 0, "now": 7}, person)


def test_same_priority_again_changes_nothing():
    order = open_order()
    set_priority(order_id=order.pk, priority=7, at=NOON)
    before = books()

    set_priority(order_id=order.pk, priority=7, at=NOON)

    assert books() == before


@pytest.mark.parametrize("priority", [-1001, 1001])
def test_priority_beyond_its_range_is_refused(priority):
    order = open_order()
    before = books()

    with pytest.raises(InvalidPriority):
        set_priority(order_id=order.pk, priority=priority, at=NOON)
    assert books() == before


def test_cancelled_order_gets_no_priority():
    order = open_order()
    cancel_order(order_id=order.pk, reason="Changed my mind.", key="cancel", at=NOON)

    with pytest.raises(WrongStatus):
        set_priority(order_id=order.pk, priority=1, at=NOON)
