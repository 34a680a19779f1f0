"""Payments of orders: what happened to them, written once, and what follows from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import F

from orders.models import Order, OrderEvent, OrderHold, OrderLine, Payment, PaymentEvent
from orders.operations.allocation import hold_short_order, promise_rest
from orders.operations.events import event, record_events
from orders.operations.holds import close_holds, open_holds
from orders.operations.payment_rules import may_be_promised, may_leave, payment_hold, rule_for
from orders.operations.promised import lines_of
from orders.operations.statuses import locked_order, settle_order
from retail.common.errors import BusinessError
from retail.common.fields import MAX_AMOUNT
from retail.common.models import User
from retail.common.money import ZERO, display, round_rate

CASH = "CASH"
LONGEST_NOTE = 300
# Kind of event -> the running total it adds to; what failed adds to none.
TOTALS = {
    PaymentEvent.Kind.AUTHORIZED: "authorized",
    PaymentEvent.Kind.CHARGED: "charged",
    PaymentEvent.Kind.REFUNDED: "refunded",
    PaymentEvent.Kind.VOIDED: "voided",
}


class InvalidPayment(BusinessError):
    """An amount, a currency or a reference that makes no payment."""


class PaymentOfAnotherOrder(BusinessError):
    """The transaction belongs to another order."""


class PaymentReferenceReused(BusinessError):
    """The reference belongs to another amount of the same payment."""


class RefundedAboveCharged(BusinessError):
    """More would be given back than was paid."""


class VoidedAboveAuthorized(BusinessError):
    """More would be given up than may still be charged."""


@transaction.atomic
def record_payment(  # noqa: PLR0913 - what is written on one receipt
    *,
    order_id: int,
    kind: str,
    amount: Decimal,
    method: str,
    external_id: str,
    reference: str,
    at: datetime,
    by: User | None = None,
    currency: str = "",
    provider: str = "",
    register: str = "",
    note: str = "",
) -> PaymentEvent:
    """
    Write down what happened to a payment of an order, and let the order go on if it was for that.

    external_id: of the transaction, unique on the channel. reference: of what happened to it, once
    per kind; the same again returns the first. currency: the order's when left out.
    Cash at a till: method CASH with the register, the receipt's number as reference.
    Locks: the order, then the stock levels.

    :raises UnknownOrder: no order has this id.
    :raises InvalidPayment: an amount not above zero, another currency, no reference; cash without
        a register.
    :raises PaymentOfAnotherOrder: another order of the channel has this transaction.
    :raises PaymentReferenceReused: the reference has another amount.
    :raises RefundedAboveCharged: more would be given back than was paid with it.
    :raises VoidedAboveAuthorized: more would be given up than may still be charged.
    """
    order = locked_order(order_id)
    _require_sane(order, kind, amount, currency, external_id, reference)
    if method == CASH and not register:
        raise InvalidPayment("Say which till took the cash.")
    payment = _payment_of(order, external_id, method, provider, register, at)
    if earlier := payment.events.filter(kind=kind, reference=reference).first():
        if earlier.amount != amount:
            raise PaymentReferenceReused(
                f"{reference} was {display(earlier.amount, order.currency)}.", reference=reference
            )
        return earlier
    _require_room(payment, kind, amount)
    lines = lines_of(order)
    recorded = post_event(
        payment=payment, kind=kind, amount=amount, reference=reference, note=note, at=at, by=by
    )
    record_events([payment_event(order, recorded, at=at, by=by)])
    follow_payments(order=order, lines=lines, at=at, by=by)
    return recorded


def post_event(
    *,
    payment: Payment,
    kind: str,
    amount: Decimal,
    reference: str,
    at: datetime,
    by: User | None = None,
    note: str = "",
) -> PaymentEvent:
    """Write what happened to a payment of a locked order, and add it to the payment's totals."""
    posted = PaymentEvent.objects.create(
        payment=payment,
        kind=kind,
        amount=amount,
        reference=reference,
        note=note[:LONGEST_NOTE],
        happened_at=at,
        caused_by=by,
    )
    if total := TOTALS.get(PaymentEvent.Kind(kind)):
        Payment.objects.filter(pk=payment.pk).update(**{total: F(total) + amount})
        setattr(payment, total, getattr(payment, total) + amount)
    return posted


def payment_event(
    order: Order, posted: PaymentEvent, *, at: datetime, by: User | None = None
) -> OrderEvent:
    """Make the row of the timeline for something that happened to a payment, not stored yet."""
    return event(
        order,
        OrderEvent.Kind.PAYMENT,
        at=at,
        by=by,
        payment=str(posted.kind),
        amount=str(round_rate(posted.amount)),
        method=posted.payment.method,
        reference=posted.reference,
    )


def give_back(
    *,
    payments: Iterable[Payment],
    amount: Decimal,
    reference: str,
    at: datetime,
    by: User | None = None,
    note: str = "",
) -> tuple[Payment | None, Decimal]:
    """
    Write an amount as given back, of the first payments of a locked order that it fits in.

    Returns the first payment it was taken of, and what did not fit into any.
    """
    taken_of: Payment | None = None
    left = amount
    for payment in payments:
        part = min(left, payment.charged - payment.refunded)
        if part <= 0:
            continue
        post_event(
            payment=payment,
            kind=PaymentEvent.Kind.REFUNDED,
            amount=part,
            reference=reference,
            note=note,
            at=at,
            by=by,
        )
        taken_of = taken_of or payment
        left -= part
    return taken_of, left


def payments_in_turn(order: Order) -> list[Payment]:
    """Return the payments of a locked order, the one with most left to give back first."""
    payments = Payment.objects.filter(order=order).order_by("pk")
    return sorted(payments, key=lambda payment: payment.refunded - payment.charged)


def follow_payments(
    *, order: Order, lines: Sequence[OrderLine], at: datetime, by: User | None = None
) -> None:
    """
    Settle a locked order after its payments, or what is due of it, changed.

    Once it is paid as its rule asks its payment hold is closed and stock is promised to it; when it
    no longer is, the hold is opened again. What somebody released by hand stays released until
    then.
    Locks: the stock levels.
    """
    rule = rule_for(order)
    could_leave, could_be_promised = may_leave(order, rule), may_be_promised(order, rule)
    settle_order(order=order, lines=lines)
    if rule is None or not order.is_open:
        return
    if may_leave(order, rule):
        note = f"It is {order.get_payment_status_display().lower()}."
        close_holds(order=order, kinds=[OrderHold.Kind.PAYMENT], note=note, at=at, by=by)
    elif could_leave:
        open_holds(order=order, holds=[payment_hold(order)], at=at, by=by)
    if may_be_promised(order, rule) and not could_be_promised:
        promised = promise_rest(order=order, lines=lines, at=at, by=by)
        hold_short_order(order=order, missing=promised.missing, at=at, by=by)
    settle_order(order=order, lines=lines)


def open_grants(order: Order, *, besides: Collection[int] = ()) -> Decimal:
    """Return the refunds of a locked order that are granted, or ask for it, and are not paid."""
    refunds = order.refunds.open().exclude(pk__in=list(besides))
    return sum(refunds.values_list("amount", flat=True), ZERO)


def _require_sane(
    order: Order, kind: str, amount: Decimal, currency: str, external_id: str, reference: str
) -> None:
    if kind not in PaymentEvent.Kind.values:
        raise InvalidPayment(f"{kind} is nothing that happens to a payment.", kind=kind)
    is_number = amount.is_finite() and 0 <= amount < MAX_AMOUNT
    if not is_number or not (amount or kind == PaymentEvent.Kind.FAILED):
        raise InvalidPayment(f"{amount} cannot be paid.", amount=str(amount))
    if currency and currency != order.currency:
        raise InvalidPayment(
            f"{order} is paid in {order.currency}, not in {currency}.", currency=currency
        )
    if not external_id.strip() or not reference.strip():
        raise InvalidPayment("A payment needs its transaction and a reference.")


def _payment_of(
    order: Order, external_id: str, method: str, provider: str, register: str, at: datetime
) -> Payment:
    """Return the payment of this transaction, made when there is none."""
    new = Payment(
        order=order,
        channel_id=order.channel_id,
        external_id=external_id,
        method=method,
        provider=provider,
        register=register,
        currency=order.currency,
        created_at=at,
    )
    # Another order may be making one of the same transaction: then that one is found and refused.
    Payment.objects.bulk_create([new], ignore_conflicts=True)
    payment = Payment.objects.get(channel_id=order.channel_id, external_id=external_id)
    if payment.order_id != order.pk:
        raise PaymentOfAnotherOrder(
            f"The transaction {external_id} belongs to another order.", external_id=external_id
        )
    return payment


def _require_room(payment: Payment, kind: str, amount: Decimal) -> None:
    left = payment.charged - payment.refunded
    if kind == PaymentEvent.Kind.REFUNDED and amount > left:
        raise RefundedAboveCharged(
            f"{display(left, payment.currency)} of {payment} is left to be given back.",
            left=str(left),
        )
    left = payment.authorized - payment.charged - payment.voided
    if kind == PaymentEvent.Kind.VOIDED and amount > left:
        raise VoidedAboveAuthorized(
            f"{display(max(left, ZERO), payment.currency)} of {payment} may still be charged.",
            left=str(left),
        )
