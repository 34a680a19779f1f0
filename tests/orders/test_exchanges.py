"""Other goods for goods that came back."""

from decimal import Decimal

import pytest

from inventory.operations import InsufficientStock
from orders.models import Exchange
from orders.operations import (
    NewOrderLine,
    NoOwnChannel,
    ReturnUnexplained,
    UnknownExchange,
    exchange,
    record_payment,
    refund_return,
    settle_exchange,
)
from orders.queries import credit_of, differences
from retail.common.errors import WrongStatus
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import stock
from tests.factories.orders import shipped_order
from tests.factories.orders_returns import expected_return, received_return
from tests.orders.books import books
from tests.orders.test_returns import refused

pytestmark = pytest.mark.django_db


def paid_order(amount="30.00", **values):
    """Make a shipped order of three pieces at 10.00 each, of which an amount was paid."""
    order = shipped_order(quantity=3, is_paid=False, **values)
    record_payment(
        order_id=order.pk,
        kind="CHARGED",
        amount=Decimal(amount),
        method="CARD",
        external_id=f"card-{order.pk}",
        reference="charge",
        at=NOON,
    )
    return order


@pytest.fixture
def desk():
    return ChannelFactory(kind="MANUAL")


def swap(returned, price, *, key="form", units=5, quantity=1, by=None):
    other = stock(units=units, reference=f"GR-{returned.pk}-{key}")
    line = NewOrderLine(variant_id=other.variant_id, quantity=quantity, unit_price=Decimal(price))
    return exchange(return_id=returned.pk, lines=[line], key=key, at=NOON, by=by)


def test_dearer_goods_leave_a_balance_to_be_collected(desk):
    order, person = paid_order(), UserFactory()
    returned = received_return(order=order, quantity=1)

    done = swap(returned, "12.00", by=person)

    order.refresh_from_db()
    returned.refresh_from_db()
    done.order.refresh_from_db()
    assert (done.balance, done.currency, done.settled_at) == (Decimal("2.00"), "GBP", None)
    assert (done.order.channel, done.order.total, done.order.customer) == (
        desk,
        Decimal("12.00"),
        order.customer,
    )
    assert (returned.status, returned.close_note) == ("CLOSED", f"Exchanged for {done.order}")
    assert (order.payment_status, done.order.payment_status) == (
        "PARTIALLY_REFUNDED",
        "PARTIALLY_PAID",
    )
    assert order.events.get(kind="EXCHANGED").details == {
        "return": returned.number,
        "balance": "2.0000",
        "instead": done.order.number,
    }
    assert credit_of(returned).left == 0
    assert differences() == []


def test_cheaper_goods_leave_the_rest_to_be_refunded(desk):
    returned = received_return(order=paid_order(), quantity=1)

    done = swap(returned, "4.00")

    returned.refresh_from_db()
    done.order.refresh_from_db()
    assert (done.balance, done.order.payment_status) == (Decimal("-6.00"), "PAID")
    assert (returned.status, credit_of(returned).left) == ("RECEIVED", Decimal("6.00"))
    refund = refund_return(
        return_id=returned.pk, amount=Decimal("6.00"), reason="Rest", key="rest", at=NOON
    )
    returned.refresh_from_db()
    assert (refund.returned_with, returned.status) == (returned, "CLOSED")
    assert differences() == []


def test_goods_worth_the_same_leave_nothing_to_settle(desk):
    returned = received_return(order=paid_order(), quantity=1)

    done = swap(returned, "10.00")

    assert (done.balance, done.settled_at) == (Decimal(0), NOON)
    assert differences() == []


def test_goods_that_were_never_paid_for_pay_for_nothing(desk):
    returned = received_return(order=paid_order("4.00"), quantity=1)

    done = swap(returned, "12.00")

    assert done.balance == Decimal("8.00")


def test_exchange_with_the_same_key_happens_once(desk):
    returned = received_return(order=paid_order(), quantity=1)
    first = swap(returned, "12.00")
    before = books()

    again = exchange(
        return_id=returned.pk,
        lines=[NewOrderLine(variant_id=first.order.lines.get().variant_id, quantity=1)],
        key="form",
        at=NOON,
    )

    assert again == first
    assert books() == before


def test_exchange_that_is_short_changes_nothing(desk):
    returned = received_return(order=paid_order(), quantity=1)
    level = stock(units=1, reference="GR-SHORT")
    line = NewOrderLine(variant_id=level.variant_id, quantity=2, unit_price=Decimal(1))

    refused(InsufficientStock, exchange, return_id=returned.pk, lines=[line], key="form", at=NOON)
    assert Exchange.objects.count() == 0


def test_exchange_before_anything_came_is_refused(desk):
    expected = expected_return()
    line = NewOrderLine(variant_id=stock(reference="GR-2").variant_id, quantity=1)

    refused(WrongStatus, exchange, return_id=expected.pk, lines=[line], key="form", at=NOON)


def test_exchange_needs_a_channel_of_ours():
    returned = received_return()
    ChannelFactory(kind="MANUAL", currency="EUR")
    line = NewOrderLine(variant_id=stock(reference="GR-2").variant_id, quantity=1)

    refused(NoOwnChannel, exchange, return_id=returned.pk, lines=[line], key="form", at=NOON)


def test_balance_is_settled_by_a_person_who_says_how(desk):
    done, person = swap(received_return(order=paid_order(), quantity=1), "12.00"), UserFactory()
    refused(ReturnUnexplained, settle_exchange, exchange_id=done.pk, note=" ", at=NOON)

    settled = settle_exchange(exchange_id=done.pk, note="Card at the till", at=NOON, by=person)

    before = books()
    assert (settled.settled_by, settled.settle_note) == (person, "Card at the till")
    assert settle_exchange(exchange_id=done.pk, note="Again", at=NOON) == settled
    assert books() == before


def test_exchange_nobody_knows_is_refused():
    refused(UnknownExchange, settle_exchange, exchange_id=0, note="?", at=NOON)
