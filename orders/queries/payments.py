"""Which orders wait for money, and which refunds for somebody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from orders.models import (
    CancelledLine,
    Order,
    OrderCancellation,
    OrderHold,
    OrderLine,
    PaymentRule,
    Refund,
)

# What a payment rule may ask for -> the statuses in which an order has it. Money that was given
# back of an order that had been paid does not stop the rest of it.
MEETS_PAYMENT: Mapping[str, frozenset[str]] = {
    PaymentRule.Needs.AUTHORIZED: frozenset(
        {
            Order.PaymentStatus.AUTHORIZED,
            Order.PaymentStatus.PAID,
            Order.PaymentStatus.OVERPAID,
            Order.PaymentStatus.PARTIALLY_REFUNDED,
        }
    ),
    PaymentRule.Needs.PAID: frozenset(
        {
            Order.PaymentStatus.PAID,
            Order.PaymentStatus.OVERPAID,
            Order.PaymentStatus.PARTIALLY_REFUNDED,
        }
    ),
}
UNPAID = (Order.PaymentStatus.UNPAID, Order.PaymentStatus.VOIDED)


def awaiting_payment_first() -> QuerySet[Order]:
    """
    Return open orders to which stock is promised only once they are paid, and that are not.

    Once somebody released its payment hold an order goes on unpaid.
    """
    held = OrderHold.objects.open().filter(order=OuterRef("pk"), kind=OrderHold.Kind.PAYMENT)
    rules = PaymentRule.objects.for_order(
        channel=OuterRef("channel"), method=OuterRef("payment_method")
    )
    unmet = Q()
    for needs, statuses in MEETS_PAYMENT.items():
        unmet |= Q(needed=needs) & ~Q(payment_status__in=statuses)
    return (
        Order.objects.open()
        .filter(Exists(held), delivery=Order.Delivery.SHIP)
        .annotate(
            needed=Coalesce(
                Subquery(rules.values("promises")[:1]), Value(PaymentRule.Needs.NOTHING)
            )
        )
        .filter(unmet)
    )


def orders_to_call_off(*, at: datetime) -> QuerySet[Order]:
    """
    Return open orders whose time to pay is over, of which nothing was paid and nothing has left.

    One that is paid in part is left to a person: there is money to be given back.
    """
    held = OrderHold.objects.open().filter(order=OuterRef("pk"), kind=OrderHold.Kind.PAYMENT)
    return Order.objects.open().filter(
        Exists(held),
        payment_due_at__lte=at,
        payment_status__in=UNPAID,
        fulfillment_status=Order.FulfillmentStatus.UNFULFILLED,
    )


def cancelled_there(lines: Collection[OrderLine]) -> dict[int, int]:
    """
    Return line id -> pieces that the channel cancelled, of which its totals know nothing any more.

    Lines of which nothing is cancelled cost no query.
    """
    cancelled = [line.pk for line in lines if line.cancelled]
    if not cancelled:
        return {}
    rows = CancelledLine.objects.filter(
        line_id__in=cancelled, cancellation__cause=OrderCancellation.Cause.CHANNEL
    )
    pieces: dict[int, int] = defaultdict(int)
    for line_id, quantity in rows.values_list("line_id", "quantity"):
        pieces[line_id] += quantity
    return dict(pieces)


def refunds_to_approve() -> QuerySet[Refund]:
    return Refund.objects.filter(status=Refund.Status.AWAITING_APPROVAL)


def refunds_to_pay_out() -> QuerySet[Refund]:
    return Refund.objects.filter(status=Refund.Status.GRANTED)


def refunds_that_failed() -> QuerySet[Refund]:
    return Refund.objects.filter(status=Refund.Status.FAILED)
