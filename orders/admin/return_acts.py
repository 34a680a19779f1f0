"""What can be done to returned goods, and to an order whose goods come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Sum
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from orders import operations
from orders.admin.return_forms import (
    AnnounceForm,
    BlindReturnForm,
    CloseForm,
    DecideForm,
    ExchangeForm,
    FindForm,
    ReasonForm,
    ReceiveForm,
    RefundForm,
    SentForm,
    SettleForm,
    TakeBackForm,
)
from orders.models import Exchange, Order, Return, ReturnLine
from orders.operations.putting_away import SET_APART
from orders.queries import credit_of
from retail.common.admin import Act, PageAct
from retail.common.models import User
from retail.common.money import display

Cleaned = Mapping[str, Any]


def has_goods_out(order: Order) -> bool:
    out = order.lines.aggregate(shipped=Sum("shipped"), returned=Sum("returned"))
    return (out["shipped"] or 0) > (out["returned"] or 0)


def may_become(*statuses: str) -> Callable[[Return], bool]:
    """Return whether a return may move to one of these statuses."""
    return lambda returned: bool(returned.NEXT[returned.status] & set(statuses))


def is_to_refund(returned: Return) -> bool:
    """Offer money while it is undecided, or when what was granted once does not stand any more."""
    if returned.order_id is None or returned.received_at is None:
        return False
    if returned.status == Return.Status.RECEIVED:
        return True
    credit = credit_of(returned)
    return credit.refunded + credit.exchanged == 0


def is_received(returned: Return) -> bool:
    return returned.status == Return.Status.RECEIVED


def is_set_apart(row: ReturnLine) -> bool:
    return row.received > 0 and row.disposition in SET_APART


def is_unsettled(exchange: Exchange) -> bool:
    return exchange.settled_at is None


def take_back(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    returned = operations.take_back(
        order_id=order.pk,
        location=cleaned["location"],
        lines=cleaned["lines"],
        note=cleaned["note"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    worth = display(credit_of(returned).left, returned.currency)
    return f"{returned} is received at {returned.location}. To be given back: {worth}."


def announce(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    announced = operations.register_return(
        order_id=order.pk,
        lines=cleaned["lines"],
        note=cleaned["note"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    return f"{announced} is announced; it waits to be approved."


def approve(request: HttpRequest, returned: Return, _cleaned: Cleaned, now: datetime) -> str:
    operations.approve_return(return_id=returned.pk, at=now, by=_person(request))
    return f"{returned} is expected."


def decline(request: HttpRequest, returned: Return, cleaned: Cleaned, now: datetime) -> str:
    operations.decline_return(
        return_id=returned.pk, reason=cleaned["reason"], at=now, by=_person(request)
    )
    return f"{returned} is declined."


def note_sent(request: HttpRequest, returned: Return, cleaned: Cleaned, now: datetime) -> str:
    operations.note_return_sent(
        return_id=returned.pk,
        carrier=cleaned["carrier"],
        tracking_number=cleaned["tracking_number"],
        at=now,
        by=_person(request),
    )
    return f"{returned} is on its way with {cleaned['tracking_number']}."


def cancel(request: HttpRequest, returned: Return, cleaned: Cleaned, now: datetime) -> str:
    operations.cancel_return(
        return_id=returned.pk, reason=cleaned["reason"], at=now, by=_person(request)
    )
    return f"{returned} is no longer expected."


def receive(request: HttpRequest, returned: Return, cleaned: Cleaned, now: datetime) -> str:
    received = operations.receive_return(
        return_id=returned.pk,
        location=cleaned["location"],
        lines=cleaned["lines"],
        at=now,
        by=_person(request),
    )
    worth = display(credit_of(received).left, received.currency)
    return f"{received} is received at {received.location}. To be given back: {worth}."


def refund(request: HttpRequest, returned: Return, cleaned: Cleaned, now: datetime) -> str:
    granted = operations.refund_return(
        return_id=returned.pk,
        amount=cleaned["amount"],
        reason=cleaned["reason"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    amount = display(granted.amount, granted.currency)
    return f"{granted} over {amount} is {granted.get_status_display().lower()}."


def exchange(request: HttpRequest, returned: Return, cleaned: Cleaned, now: datetime) -> str:
    done = operations.exchange(
        return_id=returned.pk,
        lines=cleaned["lines"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    return f"{done.order} is placed instead. {balance_words(done)}"


def balance_words(done: Exchange) -> str:
    """Say who owes what for an exchange."""
    amount = display(abs(done.balance), done.currency)
    if done.balance > 0:
        return f"The customer still pays {amount}."
    return f"The customer gets {amount} back." if done.balance < 0 else "It is worth the same."


def settle(request: HttpRequest, done: Exchange, cleaned: Cleaned, now: datetime) -> str:
    operations.settle_exchange(
        exchange_id=done.pk, note=cleaned["note"], at=now, by=_person(request)
    )
    return "The difference is settled."


def close(request: HttpRequest, returned: Return, cleaned: Cleaned, now: datetime) -> str:
    operations.close_return(
        return_id=returned.pk, note=cleaned["note"], at=now, by=_person(request)
    )
    return f"{returned} is closed."


def decide(request: HttpRequest, row: ReturnLine, cleaned: Cleaned, now: datetime) -> str:
    decided = operations.decide_quarantined(
        return_line_id=row.pk,
        disposition=cleaned["disposition"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    return f"{decided}: {decided.get_disposition_display().lower()}."


def find(_request: HttpRequest, cleaned: Cleaned, _now: datetime) -> HttpResponseRedirect:
    """Lead to the page where what was found is received."""
    found = cleaned["found"]
    if isinstance(found, Return):
        return HttpResponseRedirect(reverse("admin:orders_return_act", args=[found.pk, "receive"]))
    return HttpResponseRedirect(reverse("admin:orders_order_act", args=[found.pk, "return"]))


def take_back_blind(request: HttpRequest, cleaned: Cleaned, now: datetime) -> tuple[str, Return]:
    returned = operations.take_back_blind(
        channel=cleaned["channel"],
        location=cleaned["location"],
        lines=cleaned["lines"],
        note=cleaned["note"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    return f"{returned} is received at {returned.location}.", returned


def receive_consequences(_document: Order | Return) -> Sequence[str]:
    return (
        (
            "The pieces come into stock where they are received; what is set apart, or goes back to"
            " the supplier, in the quarantine nearest to it."
        ),
        "What is thrown away comes in and goes out at once.",
        "No money is given back by this.",
    )


def announce_consequences(_order: Order) -> Sequence[str]:
    return ("Nothing moves yet: somebody approves it first.",)


def refund_consequences(returned: Return) -> Sequence[str]:
    """Say how the proposed amount was worked out."""
    credit, currency = credit_of(returned), returned.currency
    sentences = [
        f"{row.received} of {row} were paid {display(row.amount, currency)}, discounts of the"
        " order shared out."
        for row in returned.lines.filter(received__gt=0).order_by("pk")
    ]
    if credit.refunded:
        sentences.append(f"{display(credit.refunded, currency)} are granted already.")
    if credit.exchanged:
        sentences.append(f"{display(credit.exchanged, currency)} went into other goods.")
    sentences.append(f"That leaves {display(credit.left, currency)}.")
    sentences.append("The return is closed. Paying the money out is another act.")
    return sentences


def exchange_consequences(returned: Return) -> Sequence[str]:
    left = display(credit_of(returned).left, returned.currency)
    return (
        "An order of our own is placed and everything is promised, or nothing is kept.",
        f"{left} of what was paid count towards it. The difference is not charged.",
    )


def close_consequences(returned: Return) -> Sequence[str]:
    left = display(credit_of(returned).left, returned.currency)
    return (f"{left} are not given back.",)


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


ORDER_RETURN_ACTS = (
    Act(
        name="return",
        label="Take goods back",
        permission="orders.register_return",
        perform=take_back,
        form=TakeBackForm,
        is_offered=has_goods_out,
        consequences=receive_consequences,
        icon="assignment_return",
    ),
    Act(
        name="announce-return",
        label="Announce return",
        permission="orders.register_return",
        perform=announce,
        form=AnnounceForm,
        is_offered=has_goods_out,
        consequences=announce_consequences,
        icon="mark_email_unread",
    ),
)

RETURN_ACTS = (
    Act(
        name="receive",
        label="Receive",
        permission="orders.register_return",
        perform=receive,
        form=ReceiveForm,
        is_offered=may_become(Return.Status.RECEIVED),
        consequences=receive_consequences,
        icon="move_to_inbox",
    ),
    Act(
        name="approve",
        label="Approve",
        permission="orders.approve_return",
        perform=approve,
        is_offered=may_become(Return.Status.APPROVED),
        icon="check",
    ),
    Act(
        name="refund",
        label="Grant refund",
        permission="orders.grant_refund",
        perform=refund,
        form=RefundForm,
        is_offered=is_to_refund,
        consequences=refund_consequences,
        icon="payments",
    ),
    Act(
        name="exchange",
        label="Exchange",
        permission="orders.exchange_return",
        perform=exchange,
        form=ExchangeForm,
        is_offered=is_received,
        consequences=exchange_consequences,
        icon="swap_horiz",
    ),
    Act(
        name="sent",
        label="Note as sent",
        permission="orders.register_return",
        perform=note_sent,
        form=SentForm,
        is_offered=may_become(Return.Status.IN_TRANSIT),
        icon="local_shipping",
    ),
    Act(
        name="close",
        label="Close without refund",
        permission="orders.approve_return",
        perform=close,
        form=CloseForm,
        is_offered=may_become(Return.Status.CLOSED),
        consequences=close_consequences,
        icon="task_alt",
    ),
    Act(
        name="decline",
        label="Decline",
        permission="orders.approve_return",
        perform=decline,
        form=ReasonForm,
        is_offered=may_become(Return.Status.DECLINED),
        is_dangerous=True,
        icon="block",
    ),
    Act(
        name="cancel",
        label="Call off",
        permission="orders.register_return",
        perform=cancel,
        form=ReasonForm,
        is_offered=may_become(Return.Status.CANCELLED),
        is_dangerous=True,
        icon="cancel",
    ),
)

RETURN_LINE_ACTS = (
    Act(
        name="decide",
        label="Decide",
        permission="orders.register_return",
        perform=decide,
        form=DecideForm,
        is_offered=is_set_apart,
        icon="rule",
    ),
)

EXCHANGE_ACTS = (
    Act(
        name="settle",
        label="Settle difference",
        permission="orders.exchange_return",
        perform=settle,
        form=SettleForm,
        is_offered=is_unsettled,
        icon="balance",
    ),
)

FIND = PageAct(
    name="find",
    label="Find what is returned",
    permission="orders.register_return",
    perform=find,
    form=FindForm,
    icon="barcode_scanner",
)

BLIND_RETURN = PageAct(
    name="blind",
    label="Take back without a sale",
    permission="orders.register_return",
    perform=take_back_blind,
    form=BlindReturnForm,
    consequences=(
        (
            "The goods come into stock. Nothing can be refunded through the system, as nobody knows"
            " what was paid."
        ),
    ),
    icon="help",
)
