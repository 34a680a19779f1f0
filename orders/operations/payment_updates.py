"""What channels tell later about the payments of an order that is there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from channels.connectors.base import IncomingPayment, IncomingRefund
from orders.amounts import due_of, paid_of
from orders.models import Order, OrderLine, Payment, PaymentEvent, Refund, RefundLine
from orders.operations.events import record_events
from orders.operations.holds import NewHold, open_holds
from orders.operations.payment_reading import ToldPayments, read_told_payments
from orders.operations.payments import (
    follow_payments,
    give_back,
    payment_event,
    payments_in_turn,
    post_event,
)
from orders.operations.reading import Reading
from orders.operations.refund_payouts import settle_refund
from orders.operations.refunds import refund_event
from orders.operations.told_payments import (
    PAID,
    channel_payment,
    of_another_order,
    paid_beyond,
    told_payment,
    told_refund,
    told_refund_lines,
)
from orders.queries import cancelled_there


def take_told_payments(
    *, order: Order, reading: Reading, lines: Sequence[OrderLine], at: datetime
) -> bool:
    """
    Write down what a newer version of a locked order tells of its payments and refunds.

    Each transaction, each thing that happened to it and each refund counts once. A refund of ours
    that the channel tells back is settled by that, and is no second one. Settles the order, opens
    and closes its payment hold. Tells whether anything was new.

    lines: all lines of the order, as they are stored.
    Locks: the stock levels.
    """
    told = read_told_payments(reading.order)
    events, holds = _take_payments(order, told, at)
    events += _take_channels_word(order, reading, told, lines, at)
    record_events(payment_event(order, each, at=at) for each in events)
    open_holds(order=order, holds=holds, at=at)
    if events:
        follow_payments(order=order, lines=lines, at=at)
    new_refunds = [take_refund(order, each, lines, at) for each in told.refunds]
    return bool(events) or any(new_refunds)


def _take_payments(
    order: Order, told: ToldPayments, at: datetime
) -> tuple[list[PaymentEvent], list[NewHold]]:
    """Write what is new of the transactions that the channel names."""
    ids = [payment.external_id for payment in told.payments]
    known = {
        payment.external_id: payment
        for payment in Payment.objects.filter(
            channel_id=order.channel_id, external_id__in=ids
        ).prefetch_related("events")
    }
    events: list[PaymentEvent] = []
    holds: list[NewHold] = []
    for each in told.payments:
        payment = known.get(each.external_id)
        if payment is not None and payment.order_id != order.pk:
            holds.append(of_another_order(each.external_id))
            continue
        if payment is None:
            payment = told_payment(order, each, at)
            payment.save()
        events += _take_events(payment, each, at)
    return events, holds


def _take_events(payment: Payment, told: IncomingPayment, at: datetime) -> list[PaymentEvent]:
    known = {(event.kind, event.reference) for event in payment.events.all()}
    return [
        post_event(
            payment=payment,
            kind=str(event.kind),
            amount=event.amount,
            reference=event.reference,
            at=min(event.at, at),
        )
        for event in told.events
        if (event.kind, event.reference) not in known
    ]


def _take_channels_word(
    order: Order,
    reading: Reading,
    told: ToldPayments,
    lines: Sequence[OrderLine],
    at: datetime,
) -> list[PaymentEvent]:
    """
    Write what is missing of the payment of an order that the channel calls paid, naming no charge.

    When the total grew since and the channel still calls it paid, that is what came on top.
    """
    if not reading.order.is_paid or told.says_charged:
        return []
    paid = paid_of(Payment.objects.filter(order=order))
    due = due_of(order=order, lines=lines, off_there=cancelled_there(lines))
    if paid.charged >= due:
        return []
    new = channel_payment(order, at)
    Payment.objects.bulk_create([new], ignore_conflicts=True)
    payment = Payment.objects.get(channel_id=order.channel_id, external_id=new.external_id)
    times = payment.events.count()
    return [
        post_event(
            payment=payment,
            kind=PaymentEvent.Kind.CHARGED,
            amount=due - paid.charged,
            reference=f"{PAID}-{times + 1}" if times else PAID,
            at=min(reading.order.updated_at, at),
        )
    ]


def take_refund(
    order: Order, told: IncomingRefund, lines: Sequence[OrderLine], at: datetime
) -> bool:
    """
    Write a refund of a locked order that the channel tells of, unless it is known.

    Settles the order; money beyond what was paid holds it. Tells whether it was new.
    """
    if order.refunds.filter(external_id=told.external_id).exists():
        return False
    ours = _sent_by_us(order, told)
    if len(ours) == 1:
        settle_refund(refund=ours[0], external_id=told.external_id, at=at)
        return True
    if ours:
        # Which of them it is comes out when the channel answers for each.
        return False
    refund = told_refund(order, told, at)
    refund.payment, beyond = give_back(
        payments=payments_in_turn(order),
        amount=refund.amount,
        reference=told.external_id,
        at=refund.granted_at,
    )
    refund.save()
    RefundLine.objects.bulk_create(told_refund_lines(refund, told, lines))
    record_events([refund_event(refund, at=at)])
    if beyond:
        open_holds(order=order, holds=[paid_beyond(refund.currency, beyond)], at=at)
    follow_payments(order=order, lines=lines, at=at)
    return True


def _sent_by_us(order: Order, told: IncomingRefund) -> list[Refund]:
    """Return the refunds of ours that this may be, by our number if the channel remembers it."""
    sent = order.refunds.filter(
        route=Refund.Route.CHANNEL,
        status__in=[Refund.Status.SENT, Refund.Status.FAILED],
        external_id__isnull=True,
    )
    if told.reference:
        sent = sent.filter(number=told.reference)
    ours = list(sent.filter(amount=told.amount).order_by("pk"))
    for refund in ours:
        refund.order = order
    return ours
