"""Money for goods that came back: what is proposed, what granting it does to the return."""

from decimal import Decimal

import pytest

from orders.models import Refund
from orders.operations import (
    NoSale,
    RefundTooHigh,
    ReturnedLine,
    ReturnUnexplained,
    cancel_refund,
    close_return,
    execute_refund,
    record_payment,
    refund_return,
    take_back,
    take_back_blind,
)
from orders.queries import Credit, credit_of, differences
from retail.common.errors import WrongStatus
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders_returns import expected_return, received_return
from tests.orders.books import books
from tests.orders.test_exchanges import paid_order
from tests.orders.test_returns import refused, sold_with_discount

pytestmark = pytest.mark.django_db


def grant(returned, amount="10.00", *, key="form", **values):
    return refund_return(
        return_id=returned.pk,
        amount=Decimal(amount),
        reason="Goods returned",
        key=key,
        at=NOON,
        **values,
    )


def test_bought_online_returned_piece_by_piece_in_two_stores_and_paid_back_to_the_cent():
    store_a, store_b = LocationFactory(code="a"), LocationFactory(code="b")
    order = sold_with_discount(store=store_a, is_paid=False)
    record_payment(
        order_id=order.pk,
        kind="CHARGED",
        amount=Decimal("90.00"),
        method="CARD",
        external_id="card",
        reference="charge",
        at=NOON,
    )
    line = order.lines.get()

    granted = []
    for key, store in (("first", store_b), ("second", store_a)):
        returned = take_back(
            order_id=order.pk,
            location=store,
            lines=[ReturnedLine(order_line_id=line.pk, quantity=1)],
            key=key,
            at=NOON,
        )
        proposed = credit_of(returned).left
        refund = grant(returned, str(proposed), key=key)
        execute_refund(refund_id=refund.pk, route="BANK_TRANSFER", key=key, at=NOON)
        granted.append(proposed)

    order.refresh_from_db()
    places = [
        event.details["place"] for event in order.events.filter(kind="RETURNED").order_by("pk")
    ]
    assert granted == [Decimal("45.00")] * 2
    assert (order.payment_status, order.return_status) == ("REFUNDED", "RETURNED")
    assert places == ["b", "a"]
    assert order.fulfillments.get().location == store_a
    assert differences() == []


def test_granting_names_the_lines_and_closes_the_return():
    order, person = paid_order(), UserFactory()
    returned = received_return(order=order, quantity=2)

    refund = grant(returned, "20.00", by=person)

    returned.refresh_from_db()
    (line,) = refund.lines.all()
    assert (refund.returned_with, refund.granted_by, refund.status) == (
        returned,
        person,
        "GRANTED",
    )
    assert (line.line, line.quantity, line.amount) == (order.lines.get(), 2, Decimal(20))
    assert (returned.status, returned.closed_by, returned.close_note) == (
        "CLOSED",
        person,
        f"Refund {refund}",
    )
    assert credit_of(returned) == Credit(
        paid=Decimal(20), refunded=Decimal(20), exchanged=Decimal(0)
    )


def test_granting_less_names_no_lines():
    returned = received_return(order=paid_order())

    refund = grant(returned, "8.50")

    assert refund.lines.count() == 0
    assert credit_of(returned).left == Decimal("1.50")


def test_granting_with_the_same_key_happens_once():
    returned = received_return(order=paid_order())
    first = grant(returned)
    before = books()

    assert grant(returned) == first
    assert books() == before


def test_granting_again_for_what_is_decided_is_refused():
    returned = received_return(order=paid_order())
    refund = grant(returned)

    text = refused(WrongStatus, grant, returned=returned, key="another")
    cancel_refund(refund_id=refund.pk, note="Wrong amount", at=NOON)
    anew = grant(returned, "9.00", key="another")

    assert f"Refund {refund}" in text
    assert (anew.amount, credit_of(returned).refunded) == (Decimal("9.00"), Decimal("9.00"))


def test_refund_above_the_limit_waits_for_another_and_closes_the_return(settings):
    settings.RETAIL_REFUND_LIMIT = Decimal("9.99")
    returned = received_return(order=paid_order())

    refund = grant(returned)

    returned.refresh_from_db()
    assert (refund.status, returned.status) == ("AWAITING_APPROVAL", "CLOSED")


def test_refunds_that_cannot_be_are_refused():
    unpaid, expected = received_return(order=paid_order("5.00")), expected_return()
    level = stock(units=1, reference="GR-B")
    blind = take_back_blind(
        channel=ChannelFactory(),
        location=level.location,
        lines=[ReturnedLine(variant_id=level.variant_id, quantity=1, unit_price=Decimal(5))],
        note="No receipt",
        key="till",
        at=NOON,
    )

    refused(RefundTooHigh, grant, returned=unpaid)
    refused(WrongStatus, grant, returned=expected)
    refused(NoSale, grant, returned=blind)
    assert Refund.objects.count() == 0


def test_return_is_closed_without_refund_with_a_note():
    returned, person = received_return(), UserFactory()
    refused(ReturnUnexplained, close_return, return_id=returned.pk, note=" ", at=NOON)
    refused(WrongStatus, close_return, return_id=expected_return().pk, note="?", at=NOON)

    closed = close_return(return_id=returned.pk, note="Too late", at=NOON, by=person)

    before = books()
    assert (closed.status, closed.close_note, closed.closed_by) == ("CLOSED", "Too late", person)
    assert close_return(return_id=returned.pk, note="Too late", at=NOON) == closed
    assert books() == before
