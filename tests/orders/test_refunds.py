"""Refunds: proposed, granted within what was paid, approved by somebody else, paid once."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from channels.connectors.base import IncomingRefundLine
from channels.models import OutboxEntry
from orders.models import OrderEvent, OrderHold, Payment, PaymentEvent, Refund
from orders.operations import (
    ApprovedByGranter,
    InvalidRefund,
    InvalidRoute,
    RefundedLine,
    RefundKeyReused,
    RefundTooHigh,
    UnknownLine,
    UnknownOrder,
    UnknownRefund,
    approve_refund,
    cancel_order,
    cancel_refund,
    decline_refund,
    execute_refund,
    grant_refund,
    ingest_order,
    propose_refund,
    settle_sent_refund,
)
from orders.queries import differences
from retail.common.errors import WrongStatus
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import stock
from tests.factories.orders import incoming_line, incoming_order, open_order
from tests.factories.orders_payments import (
    connected_order,
    grant,
    pay,
    refund_at,
    refund_of_pieces,
    refund_to_approve,
    told_payment,
    told_refund,
)
from tests.orders.books import books

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(minutes=5)


def order_of(*lines, discount="0", **values):
    """Take in a paid order of these lines, with a discount on all of it."""
    total = sum((line.total for line in lines), Decimal(0)) - Decimal(discount)
    incoming = incoming_order(*lines, discount_total=Decimal(discount), total=total, **values)
    return ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order


def fee(amount, *, place="1", quantity=1):
    each = Decimal(amount) / quantity
    return incoming_line(
        unit_price=str(each), total=Decimal(amount), quantity=quantity, external_line_id=place,
        is_stocked=False,
    )  # fmt: skip


def proposed(order, pieces) -> Decimal:
    line = order.lines.order_by("pk").first()
    return propose_refund(order_id=order.pk, pieces={line.pk: pieces}).amount


def test_one_of_two_pieces_with_a_discount_of_the_order_is_proposed_at_its_share():
    order = order_of(fee("100.00", quantity=2), discount="10.00")

    proposal = propose_refund(order_id=order.pk, pieces={order.lines.get().pk: 1})

    assert (proposal.amount, proposal.left) == (Decimal("45.00"), Decimal("90.00"))


def test_pieces_given_back_one_by_one_add_up_to_what_was_paid():
    order = order_of(fee("10.00", quantity=3))
    line = order.lines.get()
    amounts = []

    for number in range(3):
        amounts.append(proposed(order, 1))
        pieces = RefundedLine(line_id=line.pk, quantity=1, amount=amounts[-1])
        grant(order, amounts[-1], key=f"{number}", lines=[pieces])

    assert amounts == [Decimal("3.33"), Decimal("3.33"), Decimal("3.34")]
    assert propose_refund(order_id=order.pk, pieces={line.pk: 1}).left == 0


def test_pieces_of_declined_refunds_do_not_count():
    order = order_of(fee("10.00", quantity=3))
    pieces = RefundedLine(line_id=order.lines.get().pk, quantity=2, amount=Decimal("6.66"))
    refund = grant(order, "6.66", lines=[pieces])

    cancel_refund(refund_id=refund.pk, note="By mistake.", at=NOON)

    assert (proposed(order, 1), proposed(order, 3)) == (Decimal("3.33"), Decimal("10.00"))


def test_cancelled_piece_is_proposed_at_what_is_due_less_for_it():
    order = open_order(quantity=3, total=Decimal("20.00"), discount_total=Decimal("10.00"))
    line = order.lines.get()
    cancel_order(
        order_id=order.pk, quantities={line.pk: 1}, reason="One is lost.", key="c", at=NOON
    )

    amount = proposed(order, 1)
    grant_and_pay(order, amount)

    order.refresh_from_db()
    assert (amount, order.payment_status) == (Decimal("6.67"), "PARTIALLY_REFUNDED")
    assert differences() == []


def grant_and_pay(order, amount) -> Refund:
    refund = grant(order, amount)
    return execute_refund(refund_id=refund.pk, route="BANK_TRANSFER", key="pay", at=NOON)


@pytest.mark.parametrize(
    ("pieces", "refusal"), [(0, InvalidRefund), (3, InvalidRefund), (-1, InvalidRefund)]
)
def test_proposal_for_pieces_that_are_not_there_is_refused(pieces, refusal):
    order = open_order()

    with pytest.raises(refusal):
        proposed(order, pieces)


def test_proposal_for_what_is_not_there_is_refused():
    order, other = open_order(), open_order()

    with pytest.raises(UnknownLine):
        propose_refund(order_id=order.pk, pieces={other.lines.get().pk: 1})
    with pytest.raises(UnknownOrder):
        propose_refund(order_id=0, pieces={})


def test_refund_within_the_limit_is_granted():
    person = UserFactory()

    refund = grant(amount="5.00", by=person, reason=" Came late. ")

    told = refund.order.events.get(kind=OrderEvent.Kind.REFUND)
    assert (refund.status, refund.amount, refund.limit) == ("GRANTED", 5, 100)
    assert (refund.reason, refund.granted_by, refund.currency) == ("Came late.", person, "GBP")
    assert told.details == {"refund": refund.number, "status": "GRANTED", "amount": "5.00"}
    assert differences() == []


@pytest.mark.parametrize(("amount", "status"), [("100", "GRANTED"), ("101", "AWAITING_APPROVAL")])
def test_refund_above_the_limit_waits_for_approval(amount, status):
    order = connected_order(quantity=20, units=50)

    assert grant(order, amount).status == status


def test_limit_is_not_passed_by_in_small_pieces():
    order = connected_order(quantity=20, units=50)

    first, second, third = (grant(order, amount) for amount in ("60", "41", "40"))

    assert [one.status for one in (first, second, third)] == [
        "GRANTED",
        "AWAITING_APPROVAL",
        "GRANTED",
    ]
    approve_refund(refund_id=second.pk, at=NOON, by=UserFactory())
    assert grant(order, "1").status == "AWAITING_APPROVAL"


def test_limit_is_a_setting(settings):
    settings.RETAIL_REFUND_LIMIT = Decimal(4)

    refund = grant(amount="5.00")

    assert (refund.status, refund.limit) == ("AWAITING_APPROVAL", 4)


def test_refund_granted_with_the_same_key_is_granted_once():
    refund = grant(key="form-1")
    before = books()

    again = grant(refund.order, key="form-1")

    assert again == refund
    assert books() == before


def test_refunds_are_never_more_than_was_paid():
    order = connected_order()
    grant(order, "15.00")
    before = books()

    with pytest.raises(RefundTooHigh) as refused:
        grant(order, "5.01")

    assert refused.value.details == {"left": "5.0000"}
    assert books() == before
    grant(order, "5.00")


def test_nothing_is_granted_of_what_was_not_paid():
    order = connected_order(is_paid=False)
    pay(order, "20.00", kind="AUTHORIZED")

    with pytest.raises(RefundTooHigh):
        grant(order, "0.01")


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"amount": "0"}, InvalidRefund),
        ({"amount": "-1"}, InvalidRefund),
        ({"amount": "NaN"}, InvalidRefund),
        ({"amount": "1.005"}, InvalidRefund),
        ({"reason": " "}, InvalidRefund),
        ({"return_id": 0}, InvalidRefund),
        ({"key": "used"}, RefundKeyReused),
    ],
)
def test_refund_that_makes_no_sense_is_refused_and_changes_nothing(values, refusal):
    order = connected_order()
    grant(order, "1.00", key="used")
    before = books()

    with pytest.raises(refusal):
        grant(order, **values)

    assert books() == before


def test_refund_for_wrong_lines_is_refused():
    order, other = connected_order(), connected_order()
    line, elsewhere = order.lines.get(), other.lines.get()

    def lines_of(*rows):
        return [
            RefundedLine(line_id=line_id, quantity=pieces, amount=Decimal(amount))
            for line_id, pieces, amount in rows
        ]

    for rows, refusal in (
        ([(elsewhere.pk, 1, 1)], UnknownLine),
        ([(line.pk, 3, 1)], InvalidRefund),
        ([(line.pk, 0, 1)], InvalidRefund),
        ([(line.pk, 1, 1), (line.pk, 1, 1)], InvalidRefund),
        ([(line.pk, 1, -1)], InvalidRefund),
    ):
        with pytest.raises(refusal):
            grant(order, lines=lines_of(*rows))

    assert Refund.objects.count() == 0


def test_refund_is_approved_by_somebody_else():
    refund = refund_to_approve()
    somebody = UserFactory()
    before = books()

    with pytest.raises(ApprovedByGranter):
        approve_refund(refund_id=refund.pk, at=LATER, by=refund.granted_by)
    assert books() == before

    approved = approve_refund(refund_id=refund.pk, at=LATER, by=somebody)
    again = approve_refund(refund_id=refund.pk, at=LATER, by=UserFactory())

    assert (approved.status, again.approved_by, again.approved_at) == ("GRANTED", somebody, LATER)


@pytest.mark.parametrize(
    ("end", "status"), [(decline_refund, "DECLINED"), (cancel_refund, "CANCELLED")]
)
def test_refund_that_is_not_to_be_paid_leaves_its_amount_free(end, status):
    order = connected_order(quantity=20, units=50)
    refund = refund_to_approve(order)

    with pytest.raises(InvalidRefund):
        end(refund_id=refund.pk, note=" ", at=NOON)
    ended = end(refund_id=refund.pk, note="Not ours to pay.", at=NOON)
    before = books()
    end(refund_id=refund.pk, note="Once more.", at=LATER)

    assert ended.status == status
    assert books() == before
    assert grant(order, "200.00").status == "AWAITING_APPROVAL"


ACTS = {
    "approve": lambda pk: approve_refund(refund_id=pk, at=NOON, by=UserFactory()),
    "decline": lambda pk: decline_refund(refund_id=pk, note="No.", at=NOON),
    "cancel": lambda pk: cancel_refund(refund_id=pk, note="No.", at=NOON),
    "pay": lambda pk: execute_refund(refund_id=pk, route="BANK_TRANSFER", key="2", at=NOON),
    "send": lambda pk: execute_refund(refund_id=pk, route="CHANNEL", key="2", at=NOON),
}


@pytest.mark.parametrize(
    ("status", "act"),
    [
        ("AWAITING_APPROVAL", "pay"),
        ("AWAITING_APPROVAL", "send"),
        ("GRANTED", "approve"),
        ("GRANTED", "decline"),
        ("SENT", "send"),
        ("SENT", "cancel"),
        ("SENT", "approve"),
        ("SETTLED", "pay"),
        ("SETTLED", "send"),
        ("SETTLED", "cancel"),
        ("SETTLED", "decline"),
    ],
)
def test_move_that_is_not_allowed_is_refused_and_changes_nothing(status, act):
    refund = refund_at(status)
    before = books()

    with pytest.raises(WrongStatus):
        ACTS[act](refund.pk)

    after = books()
    assert after == before


@pytest.mark.parametrize("act", list(ACTS))
def test_refund_that_is_not_there_is_refused(act):
    with pytest.raises(UnknownRefund):
        ACTS[act](0)


def test_refund_paid_by_transfer_is_settled_at_once():
    refund = refund_of_pieces()
    person = UserFactory()

    paid = execute_refund(refund_id=refund.pk, route="BANK_TRANSFER", key="1", at=LATER, by=person)

    payment, order = Payment.objects.get(), refund.order
    order.refresh_from_db()
    event = payment.events.get(kind="REFUNDED")
    assert (paid.status, paid.settled_at, paid.executed_by) == ("SETTLED", LATER, person)
    assert (paid.payment, payment.refunded, event.reference) == (payment, 10, refund.number)
    assert order.payment_status == "PARTIALLY_REFUNDED"
    assert OutboxEntry.objects.count() == 0
    assert differences() == []


def test_refund_paid_in_cash_names_the_till():
    refund = grant()

    with pytest.raises(InvalidRoute):
        execute_refund(refund_id=refund.pk, route="CASH", key="1", at=NOON)
    execute_refund(refund_id=refund.pk, route="CASH", key="1", at=NOON, register="Till 2")

    assert PaymentEvent.objects.get(kind="REFUNDED").note == "Till Till 2"


def test_refund_is_taken_of_several_payments_when_none_is_enough():
    order = open_order(
        payments=(
            told_payment(amount="8.00", external_id="T-1"),
            told_payment(amount="12.00", external_id="T-2"),
        )
    )

    grant_and_pay(order, "15.00")

    amounts = Payment.objects.order_by("pk").values_list("external_id", "refunded")
    assert list(amounts) == [("T-1", 3), ("T-2", 12)]
    assert differences() == []


def test_refund_executed_with_the_same_key_is_paid_once():
    refund = grant()
    execute_refund(refund_id=refund.pk, route="BANK_TRANSFER", key="1", at=NOON)
    before = books()

    again = execute_refund(refund_id=refund.pk, route="BANK_TRANSFER", key="1", at=LATER)

    assert again.settled_at == NOON
    assert books() == before


def test_refund_through_the_channel_waits_for_its_answer():
    refund = refund_of_pieces()

    sent = execute_refund(refund_id=refund.pk, route="CHANNEL", key="1", at=NOON)

    entry = OutboxEntry.objects.get()
    order = refund.order
    assert (sent.status, sent.settled_at) == ("SENT", None)
    assert (entry.kind, entry.key, entry.channel) == ("REFUND", refund.number, order.channel)
    assert entry.payload == {
        "refund_id": refund.pk,
        "external_order_id": order.external_id,
        "reference": refund.number,
        "amount": "10.0000",
        "currency": "GBP",
        "reason": "It came late.",
        "payment": "",
        "lines": {"1": 1},
    }
    assert PaymentEvent.objects.filter(kind="REFUNDED").count() == 0

    settle_sent_refund(refund_id=refund.pk, external_id="R-1", at=LATER)
    before = books()
    settled = settle_sent_refund(refund_id=refund.pk, external_id="R-1", at=LATER)

    assert (settled.status, settled.external_id, settled.settled_at) == ("SETTLED", "R-1", LATER)
    assert books() == before
    assert differences() == []


def test_refund_through_no_channel_is_refused():
    refund = grant(open_order(channel=ChannelFactory(kind="MANUAL")))

    with pytest.raises(InvalidRoute):
        execute_refund(refund_id=refund.pk, route="CHANNEL", key="1", at=NOON)
    with pytest.raises(InvalidRoute):
        execute_refund(refund_id=refund.pk, route="BY_POST", key="1", at=NOON)

    refund.refresh_from_db()
    assert (refund.status, refund.route) == ("GRANTED", "")


def told_first(**values):
    level = stock(units=10)
    incoming = incoming_order(incoming_line(sku=level.variant.sku, quantity=2), **values)
    order = ingest_order(
        channel=ChannelFactory(mode="FULL"), incoming=incoming, at=NOON
    ).order  # fmt: skip
    return incoming, order


def tell_refunds(order, incoming, *refunds, minutes=5):
    told = replace(incoming, refunds=refunds, updated_at=NOON + timedelta(minutes=minutes))
    ingest_order(channel=order.channel, incoming=told, at=LATER)
    order.refresh_from_db()


def test_refund_told_by_the_channel_is_taken_once():
    incoming, order = told_first()
    back = told_refund(
        "12.00",
        lines=(
            IncomingRefundLine(external_line_id="1", quantity=1, amount=Decimal("10.00")),
            IncomingRefundLine(external_line_id="404", quantity=1, amount=Decimal("2.00")),
        ),
    )

    tell_refunds(order, incoming, back)
    tell_refunds(order, incoming, back, minutes=6)

    refund = Refund.objects.get()
    line = refund.lines.get()
    assert (refund.status, refund.route, refund.external_id) == ("SETTLED", "ON_CHANNEL", "R-1")
    assert (line.line, line.quantity, line.amount) == (order.lines.get(), 1, 10)
    assert (Payment.objects.get().refunded, order.payment_status) == (12, "PARTIALLY_REFUNDED")
    assert differences() == []


def test_refund_told_by_payments_alone_is_a_refund():
    incoming, order = told_first(payments=(told_payment(),))
    back = told_payment("REFUNDED", "4.00", reference="back")
    payment = replace(told_payment(), events=(*told_payment().events, *back.events))

    told = replace(incoming, payments=(payment,), updated_at=LATER)
    for _ in range(2):
        ingest_order(channel=order.channel, incoming=told, at=LATER)

    refund = Refund.objects.get()
    assert (refund.external_id, refund.amount) == ("T-1/back", 4)
    assert Payment.objects.get().refunded == 4
    assert differences() == []


def test_refund_above_what_was_paid_is_taken_and_holds_the_order():
    incoming, order = told_first()

    tell_refunds(order, incoming, told_refund("25.00"))

    assert (Refund.objects.get().amount, Payment.objects.get().refunded) == (25, 20)
    hold = order.holds.open().get(kind=OrderHold.Kind.CHANNEL_CONFLICT)
    assert hold.reason == "5.00 GBP more was given back than was paid."
    assert differences() == []


@pytest.mark.parametrize("is_named", [True, False])
def test_refund_of_ours_that_the_channel_tells_back_is_no_second_one(is_named):
    incoming, order = told_first()
    refund = grant(order, "5.00")
    execute_refund(refund_id=refund.pk, route="CHANNEL", key="1", at=NOON)
    echo = told_refund("5.00", reference=refund.number if is_named else "")

    tell_refunds(order, incoming, echo)
    settle_sent_refund(refund_id=refund.pk, external_id="R-1", at=LATER)
    tell_refunds(order, incoming, echo, minutes=6)

    refund.refresh_from_db()
    assert (refund.status, refund.external_id) == ("SETTLED", "R-1")
    assert (Refund.objects.count(), Payment.objects.get().refunded) == (1, 5)
    assert differences() == []


def test_refund_that_may_be_either_of_two_of_ours_waits_for_the_answers():
    incoming, order = told_first()
    for key in ("1", "2"):
        refund = grant(order, "5.00", key=key)
        execute_refund(refund_id=refund.pk, route="CHANNEL", key=key, at=NOON)

    tell_refunds(order, incoming, told_refund("5.00"))

    assert set(Refund.objects.values_list("status", flat=True)) == {"SENT"}
    settle_sent_refund(refund_id=refund.pk, external_id="R-1", at=LATER)
    tell_refunds(order, incoming, told_refund("5.00"), minutes=6)
    assert sorted(Refund.objects.values_list("status", flat=True)) == ["SENT", "SETTLED"]
    assert Payment.objects.get().refunded == 5


def test_what_the_channel_gave_back_meanwhile_is_not_given_back_again():
    incoming, order = told_first()
    refund = grant(order, "15.00")
    tell_refunds(order, incoming, told_refund("10.00"))
    before = books()

    with pytest.raises(RefundTooHigh):
        execute_refund(refund_id=refund.pk, route="BANK_TRANSFER", key="1", at=LATER)

    assert books() == before


def test_refund_of_an_unknown_order_is_refused():
    with pytest.raises(UnknownOrder):
        grant_refund(order_id=0, amount=Decimal(1), reason="Late", key="1", at=NOON)
