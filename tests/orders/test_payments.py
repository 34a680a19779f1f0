"""What is paid for orders: recorded once, told by channels, and what follows from it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from channels.connectors.base import IncomingStatus
from orders.amounts import Paid
from orders.models import Order, OrderEvent, Payment, PaymentEvent, Refund
from orders.operations import (
    InvalidPayment,
    Outcome,
    PaymentOfAnotherOrder,
    PaymentReferenceReused,
    RefundedAboveCharged,
    UnknownOrder,
    VoidedAboveAuthorized,
    cancel_order,
    ingest_order,
    record_payment,
)
from orders.operations.statuses import payment_status_of
from orders.queries import differences
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders import incoming_line, incoming_order, open_order, shipped_order
from tests.factories.orders_payments import pay, told_payment, told_refund
from tests.orders.books import books

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(minutes=5)


def paid(authorized=0, charged=0, refunded=0, voided=0):
    return Paid(*map(Decimal, (authorized, charged, refunded, voided)))


@pytest.mark.parametrize(
    ("due", "money", "is_cancelled", "status"),
    [
        (20, paid(), False, "UNPAID"),
        (0, paid(), False, "PAID"),
        (0, paid(), True, "UNPAID"),
        (20, paid(authorized=20), False, "AUTHORIZED"),
        (20, paid(authorized=19), False, "UNPAID"),
        (20, paid(voided=20), False, "VOIDED"),
        (20, paid(authorized=20, voided=20), False, "AUTHORIZED"),
        (20, paid(charged=5), False, "PARTIALLY_PAID"),
        (20, paid(charged=5, authorized=15), False, "AUTHORIZED"),
        (20, paid(charged=5, refunded=2), False, "PARTIALLY_PAID"),
        (20, paid(charged=20), False, "PAID"),
        (20, paid(charged=25), False, "OVERPAID"),
        (20, paid(charged=25, refunded=5), False, "PARTIALLY_REFUNDED"),
        (20, paid(charged=20, refunded=5), False, "PARTIALLY_REFUNDED"),
        (10, paid(charged=20, refunded=5), False, "OVERPAID"),
        (20, paid(charged=20, refunded=20), False, "REFUNDED"),
        (0, paid(charged=20), True, "OVERPAID"),
        (0, paid(charged=20, refunded=20), True, "REFUNDED"),
    ],
)
def test_payment_status_follows_from_what_is_due_and_paid(due, money, is_cancelled, status):
    assert payment_status_of(due=Decimal(due), paid=money, is_cancelled=is_cancelled) == status


def status_of(order) -> str:
    order.refresh_from_db()
    return order.payment_status


def events_of(order) -> list[tuple[str, str, Decimal]]:
    events = PaymentEvent.objects.filter(payment__order=order).order_by("pk")
    return list(events.values_list("kind", "reference", "amount"))


def test_payment_is_recorded_in_steps():
    order = open_order(is_paid=False)
    assert status_of(order) == "UNPAID"

    pay(order, "20.00", kind="AUTHORIZED")
    assert status_of(order) == "AUTHORIZED"
    pay(order, "8.00", reference="first")
    assert status_of(order) == "AUTHORIZED"
    pay(order, "12.00", reference="second")
    assert status_of(order) == "PAID"
    pay(order, "5.00", kind="REFUNDED")
    assert status_of(order) == "PARTIALLY_REFUNDED"

    payment = Payment.objects.get()
    assert (payment.authorized, payment.charged, payment.refunded) == (20, 20, 5)
    told = order.events.filter(kind=OrderEvent.Kind.PAYMENT).order_by("pk")
    assert [event.details["payment"] for event in told] == [
        "AUTHORIZED", "CHARGED", "CHARGED", "REFUNDED",
    ]  # fmt: skip
    assert differences() == []


def test_payment_with_the_same_reference_is_recorded_once():
    order = open_order(is_paid=False)
    first = pay(order)
    before = books()

    again = pay(order)

    assert again == first
    assert books() == before


def test_payment_in_cash_at_a_till_names_the_till():
    order = open_order(is_paid=False)

    pay(order, method="CASH", register="Till 1", external_id="receipt 17", reference="17")

    payment = Payment.objects.get()
    assert (payment.method, payment.register, status_of(order)) == ("CASH", "Till 1", "PAID")


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"amount": "0"}, InvalidPayment),
        ({"amount": "-1"}, InvalidPayment),
        ({"amount": "NaN"}, InvalidPayment),
        ({"amount": "1000000000000"}, InvalidPayment),
        ({"currency": "EUR"}, InvalidPayment),
        ({"reference": " "}, InvalidPayment),
        ({"external_id": ""}, InvalidPayment),
        ({"kind": "LOST"}, InvalidPayment),
        ({"method": "CASH"}, InvalidPayment),
        ({"amount": "19.00"}, PaymentReferenceReused),
        ({"kind": "REFUNDED", "amount": "20.01"}, RefundedAboveCharged),
        ({"kind": "VOIDED", "amount": "5.01"}, VoidedAboveAuthorized),
        ({"external_id": "elsewhere"}, PaymentOfAnotherOrder),
    ],
)
def test_payment_that_makes_no_sense_is_refused_and_changes_nothing(values, refusal):
    channel = ChannelFactory()
    order = open_order(is_paid=False, channel=channel)
    pay(order, "25.00", kind="AUTHORIZED")
    pay(order)
    pay(open_order(is_paid=False, channel=channel), external_id="elsewhere")
    before = books()

    with pytest.raises(refusal):
        pay(order, **values)

    assert books() == before


def test_payment_of_an_unknown_order_is_refused():
    with pytest.raises(UnknownOrder):
        record_payment(
            order_id=0, kind="CHARGED", amount=Decimal(1), method="CARD", external_id="T",
            reference="1", at=NOON,
        )  # fmt: skip


def test_failed_payment_is_written_down_and_pays_nothing():
    order = open_order(is_paid=False)

    pay(order, kind="FAILED")

    assert (status_of(order), Payment.objects.get().charged) == ("UNPAID", 0)


def test_order_told_as_paid_has_one_payment_of_the_channel():
    order = open_order()

    payment = Payment.objects.get()
    assert (payment.external_id, payment.method) == (f"order-{order.pk}", "CHANNEL")
    assert events_of(order) == [("CHARGED", "paid", 20)]
    assert (payment.charged, status_of(order)) == (20, "PAID")


def test_order_that_costs_nothing_is_paid():
    order = open_order(is_paid=False, total=Decimal(0), discount_total=Decimal(20))

    assert (status_of(order), Payment.objects.count()) == ("PAID", 0)


def test_told_transactions_are_taken_as_they_are():
    order = open_order(
        is_paid=True,
        payment_method="card",
        payments=(
            told_payment("AUTHORIZED", "20.00", external_id="T-1", provider="practice"),
            told_payment("CHARGED", "12.50", external_id="T-2", method="voucher"),
        ),
    )

    card, voucher = Payment.objects.order_by("pk")
    assert (card.method, card.provider, card.authorized) == ("card", "practice", 20)
    assert (voucher.method, voucher.charged) == ("voucher", Decimal("12.50"))
    assert (order.payment_method, status_of(order)) == ("card", "AUTHORIZED")
    assert differences() == []


def test_told_money_that_makes_no_sense_is_left_out_and_holds_the_order():
    order = open_order(
        payments=(
            told_payment(amount="-1", external_id="T-1"),
            told_payment(amount="20.00", external_id="T-2"),
            told_payment(amount="20.00", external_id="T-2"),
            told_payment(external_id=""),
        ),
        refunds=(told_refund("0"), told_refund("NaN", external_id="R-2")),
    )

    (hold,) = order.holds.all()
    assert (hold.kind, Refund.objects.count(), status_of(order)) == ("UNREADABLE", 0, "PAID")
    assert "-1 cannot be paid" in hold.reason
    assert "Two payments have the id T-2" in hold.reason
    assert "A payment has no id" in hold.reason
    assert set(Payment.objects.values_list("external_id", "charged")) == {("T-1", 0), ("T-2", 20)}


def test_payment_that_another_order_has_is_not_taken_twice():
    channel = ChannelFactory()
    open_order(channel=channel, payments=(told_payment(),))

    order = open_order(channel=channel, is_paid=False, payments=(told_payment(),))

    assert (status_of(order), Payment.objects.count()) == ("UNPAID", 1)
    assert order.holds.get().reason == "The payment T-1 belongs to another order."


def test_refund_told_at_first_sight_is_taken_once():
    order = open_order(refunds=(told_refund("5.00", reason="Torn"),))

    refund = Refund.objects.get()
    payment = Payment.objects.get()
    assert (refund.status, refund.route, refund.reason) == ("SETTLED", "ON_CHANNEL", "Torn")
    assert (refund.payment, payment.refunded, status_of(order)) == (
        payment, 5, "PARTIALLY_REFUNDED",
    )  # fmt: skip
    assert differences() == []


def told_first(channel, **values):
    level = stock(units=10)
    incoming = incoming_order(incoming_line(sku=level.variant.sku, quantity=2), **values)
    return incoming, ingest_order(channel=channel, incoming=incoming, at=NOON).order


def tell(channel, incoming, **changed):
    told = replace(incoming, updated_at=changed.pop("updated_at", LATER), **changed)
    return ingest_order(channel=channel, incoming=told, at=LATER).outcome


def test_payment_told_later_is_taken_then_and_once():
    channel = ChannelFactory()
    incoming, order = told_first(channel, is_paid=False)

    assert tell(channel, incoming, is_paid=True) == Outcome.UPDATED
    assert status_of(order) == "PAID"
    before = books()
    outcome = tell(channel, incoming, is_paid=True, updated_at=LATER + timedelta(minutes=1))

    assert outcome == Outcome.UNCHANGED
    assert events_of(order) == [("CHARGED", "paid", 20)]
    assert books()["PaymentEvent"] == before["PaymentEvent"]


def test_transaction_that_goes_on_is_followed():
    channel = ChannelFactory()
    authorized = told_payment("AUTHORIZED")
    incoming, order = told_first(channel, is_paid=False, payments=(authorized,))
    charged = told_payment("CHARGED").events

    tell(channel, incoming, payments=(replace(authorized, events=authorized.events + charged),))

    assert events_of(order) == [("AUTHORIZED", "1", 20), ("CHARGED", "1", 20)]
    assert status_of(order) == "PAID"
    assert differences() == []


def test_dearer_order_that_is_still_called_paid_is_charged_for_the_rest():
    channel = ChannelFactory()
    incoming, order = told_first(channel)
    line = replace(incoming.lines[0], quantity=3, total=Decimal(30))

    tell(channel, incoming, lines=(line,), total=Decimal(30))

    assert events_of(order) == [("CHARGED", "paid", 20), ("CHARGED", "paid-2", 10)]
    assert status_of(order) == "PAID"
    assert differences() == []


def test_cheaper_order_is_paid_too_much_until_the_rest_is_given_back():
    channel = ChannelFactory()
    incoming, order = told_first(channel)
    line = replace(incoming.lines[0], quantity=1, total=Decimal(10))
    tell(channel, incoming, lines=(line,), total=Decimal(10))
    assert status_of(order) == "OVERPAID"

    tell(
        channel, incoming, lines=(line,), total=Decimal(10), refunds=(told_refund("10.00"),),
        updated_at=LATER + timedelta(minutes=1),
    )  # fmt: skip

    assert status_of(order) == "PARTIALLY_REFUNDED"
    assert differences() == []


def test_line_the_channel_cancelled_is_due_no_more():
    channel = ChannelFactory()
    levels = [stock(units=9, reference=f"GR-{place}") for place in range(2)]
    first, second = (
        incoming_line(sku=level.variant.sku, external_line_id=str(place))
        for place, level in enumerate(levels)
    )
    incoming = incoming_order(first, second, is_paid=False, discount_total=Decimal(2))
    incoming = replace(incoming, total=Decimal(18))
    order = ingest_order(channel=channel, incoming=incoming, at=NOON).order

    tell(channel, incoming, lines=(first,), total=Decimal(8), is_paid=True)

    assert events_of(order) == [("CHARGED", "paid", 8)]
    assert status_of(order) == "PAID"
    assert differences() == []


def test_pieces_we_cancelled_are_due_no_more():
    order = open_order(quantity=3, total=Decimal(33), discount_total=Decimal(-3))
    line = order.lines.get()

    cancel_order(
        order_id=order.pk, quantities={line.pk: 1}, reason="One is lost.", key="c", at=NOON
    )

    assert status_of(order) == "OVERPAID"
    pay(order, "11.00", kind="REFUNDED", external_id=f"order-{order.pk}")
    assert status_of(order) == "PARTIALLY_REFUNDED"
    assert differences() == []


def test_order_cancelled_on_its_channel_and_given_back_there_is_refunded():
    channel = ChannelFactory()
    incoming, order = told_first(channel)

    tell(
        channel, incoming, status=IncomingStatus.CANCELLED, refunds=(told_refund("20.00"),)
    )  # fmt: skip

    assert (status_of(order), order.lifecycle) == ("REFUNDED", "CANCELLED")
    assert differences() == []


def test_shipped_order_is_paid_later():
    order = shipped_order(is_paid=False)

    pay(order)

    assert (status_of(order), order.lifecycle) == ("PAID", Order.Lifecycle.COMPLETED)
    assert differences() == []
