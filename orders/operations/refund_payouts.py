"""Paying refunds out: at once, or through the channel and settled when it has accepted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from channels.connectors.base import ChannelError, RefundPush
from channels.models import OutboxEntry
from channels.operations import enqueue, fail_outbox, reopen_outbox
from orders.amounts import paid_of
from orders.models import Order, Refund
from orders.operations.events import record_events
from orders.operations.holds import open_holds
from orders.operations.parcels import is_told
from orders.operations.payments import follow_payments, give_back, payments_in_turn
from orders.operations.promised import lines_of
from orders.operations.refunds import RefundTooHigh, locked_refund, refund_event
from orders.operations.told_payments import BY_CHANNEL, paid_beyond
from retail.common.errors import BusinessError
from retail.common.models import User
from retail.common.money import display
from retail.common.status import check_move

LONGEST_ERROR = 300


class InvalidRoute(BusinessError):
    """The refund cannot be paid this way."""


@transaction.atomic
def execute_refund(
    *,
    refund_id: int,
    route: str,
    key: str,
    at: datetime,
    by: User | None = None,
    register: str = "",
) -> Refund:
    """
    Pay a granted refund out, or have its channel pay it; one that failed is tried again.

    CHANNEL sends it, and it is settled once the channel has accepted; every other route says that
    it is paid now. Who may pay in cash is for the caller to check.
    key: made by whoever asks; the same key again changes nothing.
    Locks: the order, then the stock levels.

    :raises UnknownRefund: no refund has this id.
    :raises WrongStatus: it waits for approval, or is on its way, paid, declined or cancelled.
    :raises InvalidRoute: no such way; an order that is on no connected channel; cash without a
        register.
    :raises RefundTooHigh: the channel has given back so much meanwhile that too little is left.
    """
    refund = locked_refund(refund_id)
    if refund.execution_key and refund.execution_key == key:
        return refund
    is_sent = route == Refund.Route.CHANNEL
    check_move(refund, Refund.Status.SENT if is_sent else Refund.Status.SETTLED)
    _require_route(refund.order, route, register)
    kept = paid_of(payments_in_turn(refund.order)).kept
    if refund.amount > kept:
        raise RefundTooHigh(
            f"Of what was paid for {refund.order} {display(kept, refund.currency)} is left.",
            left=str(kept),
        )
    refund.route = Refund.Route(route)
    refund.execution_key, refund.executed_at, refund.executed_by = key, at, by
    refund.save(update_fields=["route", "execution_key", "executed_at", "executed_by"])
    if is_sent:
        _send(refund, at, by)
    else:
        settle_refund(refund=refund, at=at, by=by, note=f"Till {register}" if register else "")
    return refund


def settle_refund(
    *,
    refund: Refund,
    at: datetime,
    by: User | None = None,
    external_id: str | None = None,
    note: str = "",
) -> None:
    """
    Note that a refund is paid, on a locked order: as money given back of the order's payments.

    Where the channel has paid more than is left of what was paid, the order is held.
    Locks: the stock levels.
    """
    order = refund.order
    check_move(refund, Refund.Status.SETTLED)
    refund.payment, beyond = give_back(
        payments=payments_in_turn(order),
        amount=refund.amount,
        reference=refund.number,
        note=note or refund.get_route_display(),
        at=at,
        by=by,
    )
    if external_id and not order.refunds.filter(external_id=external_id).exists():
        refund.external_id = external_id
    refund.status, refund.settled_at, refund.error = Refund.Status.SETTLED, at, ""
    refund.save(update_fields=["payment", "external_id", "status", "settled_at", "error"])
    record_events([refund_event(refund, at=at, by=by)])
    if beyond:
        open_holds(order=order, holds=[paid_beyond(refund.currency, beyond)], at=at, by=by)
    follow_payments(order=order, lines=lines_of(order), at=at, by=by)


@transaction.atomic
def begin_push(*, payload: Mapping[str, Any]) -> RefundPush | None:
    """
    Return what a channel shall be told of a refund; None when it is not to be paid any more.

    One that failed is on its way again.
    Locks: the order.
    """
    refund = locked_refund(payload["refund_id"])
    if refund.status == Refund.Status.FAILED and refund.route == Refund.Route.CHANNEL:
        refund.status = Refund.Status.SENT
        refund.save(update_fields=["status"])
    if refund.status != Refund.Status.SENT:
        return None
    return RefundPush(
        external_order_id=payload["external_order_id"],
        reference=payload["reference"],
        amount=Decimal(payload["amount"]),
        currency=payload["currency"],
        reason=payload["reason"],
        payment=payload["payment"],
        lines=dict(payload["lines"]),
    )


@transaction.atomic
def settle_sent_refund(*, refund_id: int, external_id: str, at: datetime) -> Refund:
    """
    Note that the channel has accepted a refund; one that is settled stays as it is.

    external_id: what the channel calls it.
    Locks: the order, then the stock levels.
    """
    refund = locked_refund(refund_id)
    if refund.status != Refund.Status.SETTLED:
        settle_refund(refund=refund, external_id=external_id, at=at)
    return refund


@transaction.atomic
def note_push_failure(*, entry: OutboxEntry, failure: ChannelError, at: datetime) -> Refund:
    """
    Note that a channel did not accept a refund; it fails when it will not be tried again.

    Locks: the order, then the entry.
    """
    refund = locked_refund(entry.payload["refund_id"])
    noted = fail_outbox(entry=entry, failure=failure, at=at)
    if noted.status == OutboxEntry.Status.FAILED and refund.status == Refund.Status.SENT:
        refund.status = Refund.Status.FAILED
        refund.error = str(failure)[:LONGEST_ERROR]
        refund.save(update_fields=["status", "error"])
        record_events([refund_event(refund, at=at, note=refund.error)])
    return refund


def _send(refund: Refund, at: datetime, by: User | None) -> None:
    """Note that the channel must be told; the entry that it refused before is sent again."""
    refund.status, refund.error = Refund.Status.SENT, ""
    refund.save(update_fields=["status", "error"])
    entry = enqueue(
        channel=refund.order.channel,
        kind=OutboxEntry.Kind.REFUND,
        key=refund.number,
        payload=_payload(refund),
        at=at,
    )
    if entry.status == OutboxEntry.Status.FAILED:
        reopen_outbox(entry_id=entry.pk, at=at)
    record_events([refund_event(refund, at=at, by=by)])


def _payload(refund: Refund) -> dict[str, Any]:
    """Say what the channel shall pay, always the same of one refund."""
    order = refund.order
    named = order.payments.exclude(method=BY_CHANNEL).filter(charged__gt=0).order_by("pk").first()
    return {
        "refund_id": refund.pk,
        "external_order_id": order.external_id,
        "reference": refund.number,
        "amount": str(refund.amount),
        "currency": refund.currency,
        "reason": refund.reason,
        "payment": named.external_id if named else "",
        "lines": {
            line.line.external_line_id: line.quantity
            for line in refund.lines.select_related("line").order_by("pk")
        },
    }


def _require_route(order: Order, route: str, register: str) -> None:
    if route not in Refund.Route.values:
        raise InvalidRoute(f"There is no way {route} to pay a refund.", route=route)
    if route == Refund.Route.CHANNEL and not is_told(order):
        raise InvalidRoute(f"{order} is on no channel that could pay it back.")
    if route == Refund.Route.CASH and not register:
        raise InvalidRoute("Say which till pays it.")
