"""What channels tell about payments, sorted into what can be stored and what makes no sense."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from channels.connectors.base import (
    IncomingOrder,
    IncomingPayment,
    IncomingPaymentEvent,
    IncomingPaymentKind,
    IncomingRefund,
)
from retail.common.fields import MAX_AMOUNT
from retail.common.money import ZERO, round_rate

# Shorter than the column: the key of a refund told by the channel is its id with a word before it.
LONGEST_TOLD_ID = 90

Told = TypeVar("Told", IncomingPayment, IncomingRefund)


@dataclass(frozen=True, slots=True)
class ToldPayments:
    """
    Payments and refunds of an order that can be stored as told; the rest is named in `problems`.

    Each has an id of its own, amounts are above zero, and every event of a payment has a reference
    that its kind has once. What payments say was given back stands among the refunds.
    """

    payments: tuple[IncomingPayment, ...]
    refunds: tuple[IncomingRefund, ...]
    problems: tuple[str, ...]

    @property
    def says_charged(self) -> bool:
        return any(
            event.kind == IncomingPaymentKind.CHARGED
            for payment in self.payments
            for event in payment.events
        )


def read_told_payments(incoming: IncomingOrder) -> ToldPayments:
    """Sort what a channel tells about the payments of an order."""
    problems: list[str] = []
    payments = [
        replace(payment, events=tuple(_usable_events(payment, problems)))
        for payment in _with_own_id(incoming.payments, "payment", problems)
    ]
    refunds = incoming.refunds or tuple(_refunds_of(payments))
    return ToldPayments(
        payments=tuple(
            replace(payment, events=tuple(_without_refunds(payment))) for payment in payments
        ),
        refunds=tuple(_usable_refunds(refunds, problems)),
        problems=tuple(problems),
    )


def _with_own_id(rows: tuple[Told, ...], name: str, problems: list[str]) -> Iterator[Told]:
    seen: set[str] = set()
    for row in rows:
        external_id = row.external_id
        if not 0 < len(external_id) <= LONGEST_TOLD_ID or "\x00" in external_id:
            problems.append(f"A {name} has no id that could be stored.")
        elif external_id in seen:
            problems.append(f"Two {name}s have the id {external_id}.")
        else:
            seen.add(external_id)
            yield row


def _usable_events(payment: IncomingPayment, problems: list[str]) -> Iterator[IncomingPaymentEvent]:
    seen: set[tuple[str, str]] = set()
    for place, event in enumerate(payment.events, start=1):
        if not event.amount.is_finite() or not 0 <= event.amount < MAX_AMOUNT:
            problems.append(f"Payment {payment.external_id}: {event.amount} cannot be paid.")
            continue
        amount = round_rate(event.amount)
        reference = event.reference.replace("\x00", "").strip()[:LONGEST_TOLD_ID] or str(place)
        is_new = (event.kind, reference) not in seen
        if is_new and (amount or event.kind == IncomingPaymentKind.FAILED):
            seen.add((event.kind, reference))
            yield replace(event, amount=amount, reference=reference)


def _without_refunds(payment: IncomingPayment) -> Iterator[IncomingPaymentEvent]:
    return (event for event in payment.events if event.kind != IncomingPaymentKind.REFUNDED)


def _refunds_of(payments: list[IncomingPayment]) -> Iterator[IncomingRefund]:
    """Make refunds of what payments alone say was given back."""
    for payment in payments:
        for event in payment.events:
            if event.kind == IncomingPaymentKind.REFUNDED:
                external_id = f"{payment.external_id}/{event.reference}"[:LONGEST_TOLD_ID]
                yield IncomingRefund(external_id=external_id, amount=event.amount, at=event.at)


def _usable_refunds(
    refunds: tuple[IncomingRefund, ...], problems: list[str]
) -> Iterator[IncomingRefund]:
    for refund in _with_own_id(refunds, "refund", problems):
        if not refund.amount.is_finite() or not ZERO < refund.amount < MAX_AMOUNT:
            problems.append(f"Refund {refund.external_id}: {refund.amount} cannot be given back.")
        elif amount := round_rate(refund.amount):
            yield replace(refund, amount=amount)
