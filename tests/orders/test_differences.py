"""The check that finds what does not agree: each rule, broken by hand, is found."""

import pytest
from django.db.models import F

from orders.models import (
    FulfillmentLine,
    LineAllocation,
    Order,
    OrderLine,
    ReturnLine,
)
from orders.queries import differences
from tests.factories.orders import held_order, open_order, returned_order, shipped_order

pytestmark = pytest.mark.django_db


def test_nothing_is_found_in_orders_as_the_operations_leave_them():
    open_order()
    open_order(units=1, quantity=3)
    shipped_order()
    held_order()
    returned_order()

    assert differences() == []


BROKEN = [
    (open_order, LineAllocation, {"units": 1}, "units promised to lines"),
    (shipped_order, OrderLine, {"shipped": 1}, "pieces shipped"),
    (shipped_order, FulfillmentLine, {"quantity": 1}, "units of a fulfillment"),
    (returned_order, ReturnLine, {"quantity": 2}, "pieces returned"),
    (open_order, Order, {"lifecycle": "COMPLETED"}, "statuses of an order"),
    (held_order, Order, {"lifecycle": "CONFIRMED"}, "statuses of an order"),
    (open_order, Order, {"fulfillment_status": "FULFILLED"}, "statuses of an order"),
    (returned_order, Order, {"return_status": "NONE"}, "statuses of an order"),
]


@pytest.mark.parametrize(("made", "model", "wrong", "kind"), BROKEN)
def test_what_was_changed_by_hand_is_found(made, model, wrong, kind):
    made(units=10, quantity=2)
    model.objects.update(**wrong)

    assert kind in {difference.kind for difference in differences()}


def test_promise_beyond_what_a_line_wants_is_found():
    open_order(units=10, quantity=3)
    OrderLine.objects.update(cancelled=F("ordered") - 1)

    (difference,) = differences()

    assert (difference.kind, difference.expected, difference.actual) == (
        "units promised beyond what is wanted",
        "1",
        "3",
    )
