"""Payments and refunds as channels tell them: each written down once, one order or a thousand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.conf import settings

from channels.connectors.base import IncomingPayment, IncomingRefund
from orders.amounts import Paid, paid_of
from orders.models import (
    Order,
    OrderHold,
    OrderLine,
    Payment,
    PaymentEvent,
    Refund,
    RefundLine,
)
from orders.operations.holds import NewHold
from orders.operations.payment_reading import ToldPayments, read_told_payments
from orders.operations.payments import TOTALS
from orders.operations.reading import Reading, fitted
from retail.common.copying import insert_objects
from retail.common.fields import MAX_AMOUNT, MAX_UNITS
from retail.common.money import ZERO, display, round_rate

# How an order was paid of which the channel says no more than that it is.
BY_CHANNEL = "CHANNEL"
PAID = "paid"
LONGEST_METHOD = 50
LONGEST_REASON = 300


@dataclass(slots=True)
class TakenPayments:
    """What a channel told about the payments of one new order, as rows that are not stored yet."""

    order: Order
    told: ToldPayments
    payments: list[Payment] = field(default_factory=list)
    events: list[PaymentEvent] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    refund_lines: list[RefundLine] = field(default_factory=list)
    holds: list[NewHold] = field(default_factory=list)

    @property
    def paid(self) -> Paid:
        return paid_of(self.payments)

    def add(
        self, payment: Payment, kind: str, amount: Decimal, reference: str, at: datetime
    ) -> None:
        self.events.append(
            PaymentEvent(
                payment=payment, kind=kind, amount=amount, reference=reference, happened_at=at
            )
        )
        if total := TOTALS.get(PaymentEvent.Kind(kind)):
            setattr(payment, total, getattr(payment, total) + amount)


def store_told_payments(
    *, sales: Iterable[tuple[Order, Reading, Sequence[OrderLine]]], at: datetime
) -> dict[int, TakenPayments]:
    """
    Store what channels told about the payments of new orders of one channel.

    sales: order, what was told, its lines, all stored. Returns order id -> what was stored of it,
    with the holds that follow from it. A fixed number of queries, however many orders there are.
    """
    read = [
        (order, reading, lines, read_told_payments(reading.order))
        for order, reading, lines in sales
    ]
    elsewhere = _known_elsewhere([(order, told) for order, _, _, told in read])
    taken = {}
    for order, reading, lines, told in read:
        one = TakenPayments(order=order, told=told)
        taken[order.pk] = one
        _take_payments(one, reading, elsewhere, at)
        for refund in told.refunds:
            _take_refund(one, refund, lines, at)
    _store(list(taken.values()))
    return taken


def _known_elsewhere(orders: Sequence[tuple[Order, ToldPayments]]) -> set[str]:
    """Return the ids of transactions that other orders of the channel have already."""
    told = {payment.external_id for _, told in orders for payment in told.payments}
    if not told:
        return set()
    channel_id = orders[0][0].channel_id
    known = Payment.objects.filter(channel_id=channel_id, external_id__in=list(told))
    return set(known.values_list("external_id", flat=True))


def _take_payments(
    taken: TakenPayments, reading: Reading, elsewhere: set[str], at: datetime
) -> None:
    """Make the payments of an order; ids that are taken are added to `elsewhere`."""
    order = taken.order
    for told in taken.told.payments:
        if told.external_id in elsewhere:
            taken.holds.append(of_another_order(told.external_id))
            continue
        elsewhere.add(told.external_id)
        payment = told_payment(order, told, at)
        taken.payments.append(payment)
        for each in told.events:
            taken.add(payment, str(each.kind), each.amount, each.reference, min(each.at, at))
    if reading.order.is_paid and not taken.told.says_charged and order.total > 0:
        payment = channel_payment(order, at)
        taken.payments.append(payment)
        paid_at = min(reading.order.updated_at, at)
        taken.add(payment, PaymentEvent.Kind.CHARGED, order.total, PAID, paid_at)


def told_payment(order: Order, told: IncomingPayment, at: datetime) -> Payment:
    """Make the row of a transaction that the channel tells, not stored yet."""
    return Payment(
        order=order,
        channel_id=order.channel_id,
        external_id=told.external_id,
        method=fitted(told.method or order.payment_method, LONGEST_METHOD) or BY_CHANNEL,
        provider=fitted(told.provider, LONGEST_METHOD),
        register=fitted(told.register, LONGEST_METHOD),
        currency=order.currency,
        created_at=at,
    )


def channel_payment(order: Order, at: datetime) -> Payment:
    """Make the row of the transaction that nobody named, not stored yet."""
    return Payment(
        order=order,
        channel_id=order.channel_id,
        external_id=f"order-{order.pk}",
        method=BY_CHANNEL,
        currency=order.currency,
        created_at=at,
    )


def of_another_order(external_id: str) -> NewHold:
    return NewHold(
        kind=OrderHold.Kind.CHANNEL_CONFLICT,
        reason=f"The payment {external_id} belongs to another order.",
    )


def _take_refund(
    taken: TakenPayments, told: IncomingRefund, lines: Sequence[OrderLine], at: datetime
) -> None:
    """Make the refund of a new order, as money that was given back of its payments."""
    refund = told_refund(taken.order, told, at)
    left = refund.amount
    for payment in taken.payments:
        part = min(left, payment.charged - payment.refunded)
        if part > 0:
            kind = PaymentEvent.Kind.REFUNDED
            taken.add(payment, kind, part, told.external_id, refund.granted_at)
            refund.payment = refund.payment or payment
            left -= part
    if left:
        taken.holds.append(paid_beyond(refund.currency, left))
    taken.refunds.append(refund)
    taken.refund_lines += told_refund_lines(refund, told, lines)


def told_refund(order: Order, told: IncomingRefund, at: datetime) -> Refund:
    """Make the row of a refund that the channel paid, not stored yet."""
    moment = min(told.at, at)
    return Refund(
        order=order,
        key=f"channel:{told.external_id}",
        external_id=told.external_id,
        status=Refund.Status.SETTLED,
        amount=told.amount,
        currency=order.currency,
        reason=fitted(told.reason, LONGEST_REASON) or "Given back on the channel.",
        limit=settings.RETAIL_REFUND_LIMIT,
        granted_at=moment,
        route=Refund.Route.ON_CHANNEL,
        execution_key=told.external_id,
        executed_at=moment,
        settled_at=moment,
    )


def told_refund_lines(
    refund: Refund, told: IncomingRefund, lines: Sequence[OrderLine]
) -> Iterator[RefundLine]:
    """
    Make the lines of a refund, not stored yet; what matches no line of the order is left out.

    The amount of the refund counts, whatever its lines add up to.
    """
    by_id = {line.external_line_id: line for line in lines}
    pieces: dict[int, int] = {}
    amounts: dict[int, Decimal] = {}
    for each in told.lines:
        line = by_id.get(each.external_line_id)
        if line is None or not 0 < each.quantity < MAX_UNITS:
            continue
        is_amount = each.amount.is_finite() and 0 <= each.amount < MAX_AMOUNT
        pieces[line.pk] = pieces.get(line.pk, 0) + each.quantity
        amount = round_rate(each.amount) if is_amount else ZERO
        amounts[line.pk] = amounts.get(line.pk, ZERO) + amount
    for line_id, quantity in pieces.items():
        yield RefundLine(refund=refund, line_id=line_id, quantity=quantity, amount=amounts[line_id])


def paid_beyond(currency: str, beyond: Decimal) -> NewHold:
    """Return the hold of an order for which more was given back than was paid."""
    return NewHold(
        kind=OrderHold.Kind.CHANNEL_CONFLICT,
        reason=f"{display(beyond, currency)} more was given back than was paid.",
    )


def _store(taken: Sequence[TakenPayments]) -> None:
    insert_objects([payment for one in taken for payment in one.payments])
    events = [event for one in taken for event in one.events]
    for event in events:
        event.payment = event.payment  # its key is known by now
    insert_objects(events)
    refunds = [refund for one in taken for refund in one.refunds]
    if refunds:
        for refund in refunds:
            refund.payment = refund.payment
        Refund.objects.bulk_create(refunds)
        RefundLine.objects.bulk_create(line for one in taken for line in one.refund_lines)
