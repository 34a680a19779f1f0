"""The check that finds what does not agree: each rule, broken by hand, is found."""

from decimal import Decimal

import pytest
from django.db.models import F

from orders.amounts import due_of
from orders.models import (
    FulfillmentLine,
    LineAllocation,
    Order,
    OrderLine,
    Payment,
    Refund,
    ReturnLine,
)
from orders.operations import cancel_order, ingest_order
from orders.queries import differences
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders import (
    held_order,
    incoming_line,
    incoming_order,
    open_order,
    returned_order,
    shipped_order,
)
from tests.factories.orders_payments import pay, refund_at

pytestmark = pytest.mark.django_db


def test_nothing_is_found_in_orders_as_the_operations_leave_them():
    open_order()
    open_order(units=1, quantity=3)
    shipped_order()
    held_order()
    returned_order()

    assert differences() == []


def settled_refund(**_):
    return refund_at("SETTLED")


BROKEN = [
    (open_order, LineAllocation, {"units": 1}, "units promised to lines"),
    (shipped_order, OrderLine, {"shipped": 1}, "pieces shipped"),
    (shipped_order, FulfillmentLine, {"quantity": 1}, "units of a fulfillment"),
    (returned_order, ReturnLine, {"received": 0}, "pieces returned"),
    (open_order, Order, {"lifecycle": "COMPLETED"}, "statuses of an order"),
    (held_order, Order, {"lifecycle": "CONFIRMED"}, "statuses of an order"),
    (open_order, Order, {"fulfillment_status": "FULFILLED"}, "statuses of an order"),
    (returned_order, Order, {"return_status": "NONE"}, "statuses of an order"),
    (open_order, Order, {"payment_status": "UNPAID"}, "payment status of an order"),
    (open_order, Order, {"total": 21}, "payment status of an order"),
    (open_order, Payment, {"charged": 21}, "totals of a payment"),
    (open_order, Payment, {"authorized": 1}, "totals of a payment"),
    (settled_refund, Refund, {"amount": 4}, "amount of a refund"),
]


@pytest.mark.parametrize(("made", "model", "wrong", "kind"), BROKEN)
def test_what_was_changed_by_hand_is_found(made, model, wrong, kind):
    made(units=10, quantity=2)
    model.objects.update(**wrong)

    assert kind in {difference.kind for difference in differences()}


def test_promise_beyond_what_a_line_wants_is_found():
    open_order(units=10, quantity=3)
    OrderLine.objects.update(cancelled=F("ordered") - 1)

    found = {difference.kind: difference for difference in differences()}

    difference = found["units promised beyond what is wanted"]
    assert (difference.expected, difference.actual) == ("1", "3")


@pytest.mark.parametrize("currency", ["GBP", "JPY", "KWD"])
@pytest.mark.parametrize("pieces", [1, 2, 3])
def test_what_is_due_after_a_part_was_cancelled_is_worked_out_alike(currency, pieces):
    """Amounts that do not divide evenly, in currencies of other decimals."""
    channel, level = ChannelFactory(), stock(units=99)
    lines = [
        incoming_line(
            sku=level.variant.sku, quantity=3, unit_price="7", total=Decimal(total),
            external_line_id=str(place),
        )
        for place, total in enumerate(("20.01", "10.10", "0.00", "33.335"))
    ]  # fmt: skip
    incoming = incoming_order(
        *lines, currency=currency, discount_total=Decimal("7.77"), total=Decimal("59.62")
    )
    order = ingest_order(channel=channel, incoming=incoming, at=NOON).order
    rows = list(order.lines.order_by("pk"))

    cancel_order(
        order_id=order.pk, quantities={row.pk: pieces for row in rows[:2]}, reason="Lost", key="c",
        at=NOON,
    )  # fmt: skip

    due = due_of(order=order, lines=rows_of(order))
    pay_back(order, Decimal("59.62") - due)
    order.refresh_from_db()
    assert (order.payments.get().refunded > 0, order.payment_status) == (
        True, "PARTIALLY_REFUNDED",
    )  # fmt: skip
    assert differences() == []


def rows_of(order):
    return list(order.lines.all())


def pay_back(order, amount):
    """Give back just what is due no more, so that a cent of difference would show."""
    pay(order, amount, kind="REFUNDED", external_id=f"order-{order.pk}")
