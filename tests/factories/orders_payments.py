"""Payments, rules about them and refunds, as the operations make them."""

from decimal import Decimal
from itertools import count

from factory.django import DjangoModelFactory

from channels.connectors.base import (
    IncomingPayment,
    IncomingPaymentEvent,
    IncomingPaymentKind,
    IncomingRefund,
)
from channels.models import Channel
from orders.models import Payment, PaymentEvent, PaymentRule, Refund, RefundLine
from orders.operations import (
    RefundedLine,
    approve_refund,
    execute_refund,
    grant_refund,
    record_payment,
)
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.orders import open_order

_numbers = count(1)


class PaymentRuleFactory(DjangoModelFactory):
    class Meta:
        model = PaymentRule

    promises = PaymentRule.Needs.NOTHING
    releases = PaymentRule.Needs.PAID


def told_payment(kind="CHARGED", amount="20.00", *, external_id="T-1", reference="1", **values):
    """Make a transaction with one event, as a channel tells it."""
    event = IncomingPaymentEvent(
        kind=IncomingPaymentKind(kind), amount=Decimal(amount), at=NOON, reference=reference
    )
    return IncomingPayment(external_id=external_id, events=(event,), **values)


def told_refund(amount="5.00", *, external_id="R-1", **values):
    return IncomingRefund(external_id=external_id, amount=Decimal(amount), at=NOON, **values)


def connected_order(**values):
    """Take in a paid order of a channel that can be told of refunds, by default over 20.00."""
    channel = values.pop("channel", None) or ChannelFactory(mode=Channel.Mode.FULL)
    return open_order(channel=channel, **values)


def pay(order, amount="20.00", *, kind="CHARGED", reference="receipt", **values):
    """Record what happened to one payment of an order."""
    return record_payment(
        order_id=order.pk,
        kind=kind,
        amount=Decimal(amount),
        method=values.pop("method", "TRANSFER"),
        external_id=values.pop("external_id", f"bank-{order.pk}"),
        reference=reference,
        at=values.pop("at", NOON),
        **values,
    )


def grant(order=None, amount="5.00", *, key=None, **values) -> Refund:
    """Grant a refund of an order, by default of a new one that is paid, for nothing in special."""
    order = order or connected_order()
    return grant_refund(
        order_id=order.pk,
        amount=Decimal(amount),
        reason=values.pop("reason", "It came late."),
        key=key or f"grant-{next(_numbers)}",
        at=NOON,
        **values,
    )


def refund_of_pieces(order=None) -> Refund:
    """Grant what was paid for one piece of the first line."""
    order = order or connected_order()
    line = order.lines.order_by("pk").first()
    pieces = RefundedLine(line_id=line.pk, quantity=1, amount=Decimal("10.00"))
    return grant(order, "10.00", lines=[pieces])


def refund_to_approve(order=None, **values) -> Refund:
    """Grant what is above the limit, so that somebody else has to approve it."""
    order = order or connected_order(quantity=20, units=50)
    return grant(order, "150.00", by=values.pop("by", None) or UserFactory(), **values)


def refund_at(status: str) -> Refund:
    """Return a refund that got as far as this status, by the ways that do not fail."""
    if status == Refund.Status.AWAITING_APPROVAL:
        return refund_to_approve()
    if status == "APPROVED":
        refund = refund_to_approve()
        return approve_refund(refund_id=refund.pk, at=NOON, by=UserFactory())
    refund = grant()
    routes = {Refund.Status.SENT: "CHANNEL", Refund.Status.SETTLED: "BANK_TRANSFER"}
    if status in routes:
        return execute_refund(refund_id=refund.pk, route=routes[status], key="pay", at=NOON)
    return refund


MAKERS = {
    PaymentRule: lambda: PaymentRuleFactory(method=f"method-{next(_numbers)}"),
    Payment: lambda: Payment.objects.get(order=open_order()),
    PaymentEvent: lambda: PaymentEvent.objects.get(payment__order=open_order()),
    Refund: grant,
    RefundLine: lambda: RefundLine.objects.get(refund=refund_of_pieces()),
}
