"""Goods that customers announce to bring back, and what we say to that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from inventory.models import Location
from orders.models import Order, OrderEvent, Return, ReturnLine
from orders.operations.events import event, record_events
from orders.operations.placing import KeyReused
from orders.operations.promised import lines_of
from orders.operations.returned_rows import (
    ReturnedLine,
    price,
    require_sane,
    require_still_out,
    row_of_line,
)
from orders.operations.statuses import locked_order, settle_order
from retail.common.errors import BusinessError
from retail.common.models import User
from retail.common.status import check_move


class UnknownReturn(BusinessError):
    """There is no such return."""


class ReturnUnexplained(BusinessError):
    """Somebody has to say why: of a refusal, of a return without its sale, of one unpaid."""


@transaction.atomic
def register_return(
    *,
    order_id: int,
    lines: Sequence[ReturnedLine],
    key: str,
    at: datetime,
    by: User | None = None,
    location: Location | None = None,
    note: str = "",
) -> Return:
    """
    Write down that a customer wants to bring goods of an order back; nothing moves yet.

    The amount of each line is what its pieces were really paid for, worked out anew when they are
    received.
    key: made by whoever asks, unique on the channel; the same key again returns the first return.
    location: where the goods are to come in, when that is known.
    Locks: the order.

    :raises InvalidReturn: no lines, a quantity below one, a line that names no line of the order.
    :raises UnknownLine: a line of another order.
    :raises ReturnedTooMuch: names the lines of which fewer pieces are out and not announced yet.
    :raises KeyReused: the key belongs to another return.
    """
    order = locked_order(order_id)
    announced, is_new = insert_return(
        Return(
            channel=order.channel,
            external_id=key,
            status=Return.Status.REQUESTED,
            order=order,
            customer_id=order.customer_id,
            location=location,
            currency=order.currency,
            note=note.strip(),
            requested_at=at,
            requested_by=by,
        )
    )
    if not is_new:
        return announced
    require_sane(lines)
    order_lines = {line.pk: line for line in lines_of(order)}
    rows = [
        row_of_line(announced, str(position), line, order_lines)
        for position, line in enumerate(lines, start=1)
    ]
    require_still_out(order, order_lines, rows)
    price([(row, row.quantity) for row in rows], order, order_lines)
    ReturnLine.objects.bulk_create(rows)
    _note(order, announced, at=at, by=by, pieces=sum(row.quantity for row in rows))
    settle_order(order=order, lines=list(order_lines.values()))
    return announced


@transaction.atomic
def approve_return(*, return_id: int, at: datetime, by: User | None = None) -> Return:
    """
    Let the customer send announced goods; a second call changes nothing.

    Locks: the order.

    :raises WrongStatus: it was declined, cancelled or received.
    """
    order, announced = locked_return(return_id)
    if announced.status == Return.Status.APPROVED:
        return announced
    check_move(announced, Return.Status.APPROVED)
    announced.status = Return.Status.APPROVED
    announced.decided_at, announced.decided_by = at, by
    announced.save(update_fields=["status", "decided_at", "decided_by"])
    _note(order, announced, at=at, by=by, approved=True)
    return announced


@transaction.atomic
def decline_return(*, return_id: int, reason: str, at: datetime, by: User | None = None) -> Return:
    """
    Refuse announced goods and say why; a second call changes nothing.

    Locks: the order.

    :raises ReturnUnexplained: no reason was given.
    :raises WrongStatus: it was approved, cancelled or received.
    """
    order, announced = locked_return(return_id)
    if announced.status == Return.Status.DECLINED:
        return announced
    check_move(announced, Return.Status.DECLINED)
    announced.decided_at, announced.decided_by = at, by
    _end(announced, Return.Status.DECLINED, reason)
    _note(order, announced, at=at, by=by, declined=True)
    _settle(order)
    return announced


@transaction.atomic
def note_return_sent(
    *,
    return_id: int,
    carrier: str,
    tracking_number: str,
    at: datetime,
    by: User | None = None,
) -> Return:
    """
    Note that the customer has handed the goods to a carrier; the same parcel is noted once.

    Locks: the order.

    :raises WrongStatus: it is not approved, or on its way under another number.
    """
    order, announced = locked_return(return_id)
    is_noted = announced.status == Return.Status.IN_TRANSIT
    if is_noted and (announced.carrier, announced.tracking_number) == (carrier, tracking_number):
        return announced
    check_move(announced, Return.Status.IN_TRANSIT)
    announced.status = Return.Status.IN_TRANSIT
    announced.carrier, announced.tracking_number = carrier, tracking_number
    announced.save(update_fields=["status", "carrier", "tracking_number"])
    _note(order, announced, at=at, by=by, sent=True)
    return announced


@transaction.atomic
def cancel_return(*, return_id: int, reason: str, at: datetime, by: User | None = None) -> Return:
    """
    Call off announced goods that will not come; a second call changes nothing.

    Locks: the order.

    :raises ReturnUnexplained: no reason was given.
    :raises WrongStatus: it was declined or received.
    """
    order, announced = locked_return(return_id)
    if announced.status == Return.Status.CANCELLED:
        return announced
    check_move(announced, Return.Status.CANCELLED)
    _end(announced, Return.Status.CANCELLED, reason)
    _note(order, announced, at=at, by=by, cancelled=True)
    _settle(order)
    return announced


def locked_return(return_id: int) -> tuple[Order | None, Return]:
    """
    Lock a return for this transaction: its order, which everything about it hangs on, then it.

    :raises UnknownReturn: no return has this id.
    """
    # Which order it is of never changes, so it may be read before the lock.
    known = Return.objects.filter(pk=return_id).values_list("order_id", flat=True)
    if not known:
        raise UnknownReturn("There is no such return.", return_id=return_id)
    order = locked_order(known[0]) if known[0] is not None else None
    returned = Return.objects.for_update().select_related("location", "channel").get(pk=return_id)
    return order, returned


def insert_return(new: Return) -> tuple[Return, bool]:
    """
    Store a return unless its key is known; return the stored row, locked, and whether it is new.

    :raises KeyReused: the key belongs to a return of another order, or of another sort.
    """
    # Of two at once the second waits here, inserts nothing and finds the first's lines.
    Return.objects.bulk_create([new], ignore_conflicts=True)
    stored = (
        Return.objects.for_update()
        .select_related("location", "received_by")
        .get(channel=new.channel, external_id=new.external_id)
    )
    is_new = not stored.lines.exists()
    is_same_sort = (stored.requested_at is None) == (new.requested_at is None)
    if not is_new and (stored.order_id != new.order_id or not is_same_sort):
        msg = f"This key belongs to {stored}, which is another return."
        raise KeyReused(msg, returned=stored.number)
    return stored, is_new


def _end(announced: Return, status: str, reason: str) -> None:
    if not reason.strip():
        raise ReturnUnexplained("Say why the goods are not to come.")
    announced.status = status
    announced.close_note = reason.strip()
    announced.save(update_fields=["status", "close_note", "decided_at", "decided_by"])


def _note(
    order: Order | None, announced: Return, *, at: datetime, by: User | None, **details: bool | int
) -> None:
    if order is None:
        return
    told = event(
        order,
        OrderEvent.Kind.RETURN_REQUESTED,
        at=at,
        by=by,
        **{"return": announced.number, **details},
    )
    record_events([told])


def _settle(order: Order | None) -> None:
    if order is not None:
        settle_order(order=order, lines=lines_of(order))
