"""What every connector must do about payments and refunds, see `test_connector_contract`."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from channels.connectors.base import (
    ChannelRefused,
    ChannelUnavailable,
    IncomingPayment,
    IncomingPaymentEvent,
    IncomingPaymentKind,
    IncomingRefund,
    IncomingRefundLine,
    RefundPush,
)
from channels.connectors.fake import read_order, write_order
from tests.channels.shop_process import order_row, product_rows

pytestmark = pytest.mark.usefixtures("_no_waiting")


def refund(reference="RF-1", *, amount="12.00", order_id="1", **values) -> RefundPush:
    return RefundPush(
        external_order_id=order_id,
        reference=reference,
        amount=Decimal(amount),
        currency=values.pop("currency", "GBP"),
        reason="One came back.",
        lines={"1": 1},
        **values,
    )


def given_back(practice, order_id="1") -> list[tuple[str, str]]:
    return [(row["reference"], row["amount"]) for row in practice.refunds(order_id)]


def test_payments_and_refunds_are_read_whole(connector, practice):
    charged = {
        "kind": "charged", "amount": "27.95", "at": "2026-11-22T11:59:30Z", "reference": "C1",
    }  # fmt: skip
    paid = {"id": "T1", "method": "card", "provider": "practice", "events": [charged]}
    back = {
        "id": "R1", "amount": "12.00", "at": "2026-11-22T12:30:00Z", "reason": "Too small",
        "lines": [{"id": "1", "quantity": 1, "amount": "12.00"}],
    }  # fmt: skip
    practice.seed(orders=[order_row(1, payment_method="card", payments=[paid], refunds=[back])])

    order = connector.order("1")

    assert (order.payment_method, order.problems) == ("card", ())
    assert order.payments == (
        IncomingPayment(
            external_id="T1",
            method="card",
            provider="practice",
            events=(
                IncomingPaymentEvent(
                    kind=IncomingPaymentKind.CHARGED,
                    amount=Decimal("27.95"),
                    at=datetime(2026, 11, 22, 11, 59, 30, tzinfo=UTC),
                    reference="C1",
                ),
            ),
        ),
    )
    assert order.refunds == (
        IncomingRefund(
            external_id="R1",
            amount=Decimal("12.00"),
            at=datetime(2026, 11, 22, 12, 30, tzinfo=UTC),
            reason="Too small",
            lines=(
                IncomingRefundLine(external_line_id="1", quantity=1, amount=Decimal("12.00")),
            ),
        ),
    )  # fmt: skip
    assert read_order(write_order(order)) == order


def test_payment_that_makes_no_sense_is_told_and_loses_no_order(connector, practice):
    practice.seed(orders=[order_row(1, payments=[{"id": "T1", "events": [{"kind": "lost"}]}])])

    order = connector.order("1")

    assert order.payments == (IncomingPayment(external_id="T1", events=()),)
    assert order.problems == ("'LOST' is nothing that happens to a payment.",)


def test_sale_tells_how_it_was_paid(connector, practice):
    practice.seed(products=product_rows(1))

    sold = practice.sell()

    order = connector.order(sold["id"])
    assert order.payment_method == "card"
    assert [event.amount for event in order.payments[0].events] == [order.total]


def test_refund_told_twice_is_paid_back_once(connector, practice):
    practice.seed(orders=[order_row(1)])

    first = connector.push_refund(refund())
    again = connector.push_refund(refund())

    assert first == again
    assert given_back(practice) == [("RF-1", "12.00")]


def test_refund_whose_answer_was_lost_is_paid_back_once(connector, practice):
    practice.seed(orders=[order_row(1)])
    practice.fail("lost_answer")

    external_id = connector.push_refund(refund())

    assert given_back(practice) == [("RF-1", "12.00")]
    assert [each.external_id for each in connector.order("1").refunds] == [external_id]


def test_refund_whose_answers_are_all_lost_is_found_by_the_next_call(connector, practice):
    practice.seed(orders=[order_row(1)])
    practice.fail("lost_answer", times=4)

    with pytest.raises(ChannelUnavailable):
        connector.push_refund(refund())
    external_id = connector.push_refund(refund())

    (told,) = connector.order("1").refunds
    assert (told.external_id, told.reference, told.amount) == (external_id, "RF-1", Decimal(12))


def test_refunds_of_two_numbers_are_two(connector, practice):
    practice.seed(orders=[order_row(1)])

    assert connector.push_refund(refund("RF-1")) != connector.push_refund(refund("RF-2"))
    assert given_back(practice) == [("RF-1", "12.00"), ("RF-2", "12.00")]


@pytest.mark.parametrize(
    "asked",
    [
        refund(amount="27.96"),
        refund(amount="0.00"),
        refund(currency="EUR"),
        refund(order_id="404"),
    ],
)
def test_refund_that_the_channel_does_not_want_is_refused(connector, practice, asked):
    practice.seed(orders=[order_row(1)])

    with pytest.raises(ChannelRefused):
        connector.push_refund(asked)

    assert given_back(practice) == []


def test_refunds_are_never_more_than_was_paid(connector, practice):
    practice.seed(orders=[order_row(1)])
    connector.push_refund(refund("RF-1", amount="20.00"))

    with pytest.raises(ChannelRefused):
        connector.push_refund(refund("RF-2", amount="8.00"))

    assert given_back(practice) == [("RF-1", "20.00")]
