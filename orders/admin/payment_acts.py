"""What can be done about the money of an order, and to a refund."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from orders import operations
from orders.admin.payment_forms import (
    GrantRefundForm,
    NoteForm,
    PayCashForm,
    PayOutForm,
    RecordPaymentForm,
    lines_in_words,
)
from orders.models import Order, Refund
from retail.common.admin import Act
from retail.common.models import User
from retail.common.money import display

Cleaned = Mapping[str, Any]


def record_payment(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    recorded = operations.record_payment(
        order_id=order.pk,
        kind=cleaned["kind"],
        amount=cleaned["amount"],
        method=cleaned["method"],
        external_id=cleaned["transaction"],
        reference=cleaned["reference"],
        register=cleaned["register"],
        note=cleaned["note"],
        at=now,
        by=_person(request),
    )
    label = recorded.get_kind_display().lower()
    return f"{display(recorded.amount, order.currency)} of {order} is written down as {label}."


def record_plan(
    _request: HttpRequest, order: Order, cleaned: Cleaned, _now: datetime
) -> Sequence[str]:
    amount = display(cleaned["amount"], order.currency)
    return [f"{cleaned['method']} {cleaned['transaction']}: {amount}, {cleaned['kind'].lower()}."]


def record_consequences(_order: Order) -> Sequence[str]:
    return [
        "It stands in the ledger of payments and cannot be changed later.",
        "Once the order is paid as its rule asks, its payment hold is closed and stock promised.",
    ]


def grant(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    refund = operations.grant_refund(
        order_id=order.pk,
        amount=cleaned["amount"],
        reason=cleaned["reason"],
        lines=cleaned["lines"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    amount = display(refund.amount, refund.currency)
    if refund.status == Refund.Status.AWAITING_APPROVAL:
        return f"{refund} over {amount} waits for somebody else to approve it."
    return f"{refund} over {amount} is granted and may be paid out."


def grant_plan(
    _request: HttpRequest, order: Order, cleaned: Cleaned, _now: datetime
) -> Sequence[str]:
    amount, limit = cleaned["amount"], settings.RETAIL_REFUND_LIMIT
    names = {line.pk: str(line) for line in order.lines.all()}
    sentences = [
        f"{display(amount, order.currency)} is granted for {order}.",
        *lines_in_words(cleaned["lines"], names),
    ]
    if amount > limit:
        sentences.append(f"Above {display(limit, order.currency)} somebody else approves it.")
    return sentences


def grant_consequences(order: Order) -> Sequence[str]:
    left = operations.left_to_grant(order)
    return [
        f"{display(left, order.currency)} is left to be granted.",
        "Nothing is paid yet: paying it out is another act.",
    ]


def has_money_left(order: Order) -> bool:
    return operations.left_to_grant(order) > 0


def may_be_paid(order: Order) -> bool:
    return order.lifecycle != Order.Lifecycle.DRAFT


def approve(request: HttpRequest, refund: Refund, _cleaned: Cleaned, now: datetime) -> str:
    approved = operations.approve_refund(refund_id=refund.pk, at=now, by=_named_person(request))
    return f"{approved} is approved and may be paid out."


def decline(request: HttpRequest, refund: Refund, cleaned: Cleaned, now: datetime) -> str:
    operations.decline_refund(
        refund_id=refund.pk, note=cleaned["note"], at=now, by=_person(request)
    )
    return f"{refund} is declined."


def pay_out(request: HttpRequest, refund: Refund, cleaned: Cleaned, now: datetime) -> str:
    executed = operations.execute_refund(
        refund_id=refund.pk,
        route=cleaned["route"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    if executed.status == Refund.Status.SENT:
        return f"{executed} is on its way: it is paid back once the channel has accepted."
    return f"{executed} is paid back."


def pay_cash(request: HttpRequest, refund: Refund, cleaned: Cleaned, now: datetime) -> str:
    operations.execute_refund(
        refund_id=refund.pk,
        route=Refund.Route.CASH,
        register=cleaned["register"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    return f"Hand over {display(refund.amount, refund.currency)} from till {cleaned['register']}."


def cancel(request: HttpRequest, refund: Refund, cleaned: Cleaned, now: datetime) -> str:
    operations.cancel_refund(refund_id=refund.pk, note=cleaned["note"], at=now, by=_person(request))
    return f"{refund} is cancelled."


def pay_consequences(refund: Refund) -> Sequence[str]:
    sentences = [f"The customer gets {display(refund.amount, refund.currency)}."]
    if refund.status == Refund.Status.FAILED:
        sentences.append(f"The last attempt failed: {refund.error}")
        sentences.append("Look on the channel first, whether it paid all the same.")
    return sentences


def cancel_consequences(refund: Refund) -> Sequence[str]:
    sentences = ["The customer gets nothing of it; the amount may be granted again."]
    if refund.status == Refund.Status.FAILED:
        sentences.append("Look on the channel first, whether it paid all the same.")
    return sentences


def is_to_be_decided(refund: Refund) -> bool:
    return refund.status == Refund.Status.AWAITING_APPROVAL


def is_to_be_paid(refund: Refund) -> bool:
    return refund.status in {Refund.Status.GRANTED, Refund.Status.FAILED}


def is_cancellable(refund: Refund) -> bool:
    return Refund.Status.CANCELLED in refund.NEXT[Refund.Status(refund.status)]


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def _named_person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the admin is for people signed in
    return request.user


PAYMENT_ACTS = (
    Act(
        name="payment",
        label="Record payment",
        permission="orders.record_payment",
        perform=record_payment,
        form=RecordPaymentForm,
        is_offered=may_be_paid,
        consequences=record_consequences,
        plan=record_plan,
        icon="payments",
    ),
    Act(
        name="refund",
        label="Grant refund",
        permission="orders.grant_refund",
        perform=grant,
        form=GrantRefundForm,
        is_offered=has_money_left,
        consequences=grant_consequences,
        plan=grant_plan,
        icon="currency_exchange",
    ),
)

REFUND_ACTS = (
    Act(
        name="approve",
        label="Approve",
        permission="orders.approve_refund",
        perform=approve,
        is_offered=is_to_be_decided,
        consequences=pay_consequences,
        icon="check",
    ),
    Act(
        name="decline",
        label="Decline",
        permission="orders.approve_refund",
        perform=decline,
        form=NoteForm,
        is_offered=is_to_be_decided,
        icon="block",
    ),
    Act(
        name="pay",
        label="Pay out",
        permission="orders.execute_refund",
        perform=pay_out,
        form=PayOutForm,
        is_offered=is_to_be_paid,
        consequences=pay_consequences,
        icon="send_money",
    ),
    Act(
        name="cash",
        label="Pay in cash",
        permission="orders.pay_cash_refund",
        perform=pay_cash,
        form=PayCashForm,
        is_offered=is_to_be_paid,
        consequences=pay_consequences,
        icon="point_of_sale",
    ),
    Act(
        name="cancel",
        label="Cancel",
        permission="orders.grant_refund",
        perform=cancel,
        form=NoteForm,
        is_offered=is_cancellable,
        consequences=cancel_consequences,
        is_dangerous=True,
        icon="cancel",
    ),
)
