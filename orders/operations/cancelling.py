"""Calling an order off, whole or some pieces of it, and telling its channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from channels.models import OutboxEntry
from channels.operations import enqueue
from orders.models import (
    CancelledLine,
    ChannelConflict,
    Order,
    OrderCancellation,
    OrderEvent,
    OrderHold,
    OrderLine,
)
from orders.operations.events import event, record_events
from orders.operations.holds import LONGEST_REASON, close_holds
from orders.operations.parcels import is_told
from orders.operations.payments import follow_payments
from orders.operations.promised import Promises, lines_of, locked_promises_of
from orders.operations.putting_back import end_pickup, keep_only
from orders.operations.statuses import locked_order
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User


class InvalidCancellation(BusinessError):
    """The pieces to be called off are not there to be called off, or nobody says why."""


@transaction.atomic
def cancel_order(
    *,
    order_id: int,
    reason: str,
    key: str,
    at: datetime,
    by: User | None = None,
    quantities: Mapping[int, int] | None = None,
    cause: str = OrderCancellation.Cause.OTHER,
) -> OrderCancellation:
    """
    Call off what has not left yet, all of it or some pieces, and note that the channel be told.

    Promises of the pieces are free again; goods that are being picked, or are packed, are put back
    on the shelf. With nothing left the order is cancelled and its holds are closed; an order of
    which something was shipped becomes completed with what was.

    quantities: line id -> pieces; None calls off all that is left.
    key: made by whoever asks; the same key again returns the first cancellation.
    Locks: the order, then the stock levels.

    :raises WrongStatus: the order is completed or cancelled.
    :raises InvalidCancellation: no reason, a line of another order, or more pieces than are left.
    """
    order = locked_order(order_id)
    if earlier := order.cancellations.filter(key=key).first():
        return earlier
    if not order.is_open:
        told = order.get_lifecycle_display().lower()
        raise WrongStatus(
            f"{order} is {told}: what was shipped comes back as a return.", status=order.lifecycle
        )
    if not reason.strip():
        raise InvalidCancellation("Say why it is cancelled.")
    lines = lines_of(order)
    cancellation = call_off(
        order=order,
        lines=lines,
        pieces=_pieces_asked_for(order, lines, quantities),
        cause=cause,
        reason=reason,
        key=key,
        at=at,
        by=by,
    )
    if cause != OrderCancellation.Cause.CHANNEL:
        tell_cancellation(order=order, cancellation=cancellation, at=at)
    return cancellation


def call_off(
    *,
    order: Order,
    lines: Sequence[OrderLine],
    pieces: Mapping[int, int],
    cause: str,
    reason: str,
    key: str,
    at: datetime,
    by: User | None = None,
) -> OrderCancellation:
    """
    Call off pieces of a locked order (line id -> pieces), see `cancel_order`; saves the order.

    What is not stocked goes along with the last goods when none of the order has left.
    Locks: the stock levels.
    """
    pieces = _with_fees(lines, pieces)
    promises = locked_promises_of(order=order, lines=lines, at=at)
    wanted = {line.pk: max(line.wanted_from_stock - pieces.get(line.pk, 0), 0) for line in lines}
    keep_only(order=order, promises=promises, wanted=wanted, reason=reason, at=at, by=by)
    cancellation = record_cancellation(
        order=order, lines=lines, pieces=pieces, cause=cause, reason=reason, key=key, at=at, by=by
    )
    if any(line.open_quantity for line in lines):
        _close_holds_of_part(order, lines, promises, at=at, by=by)
    else:
        _end(order, lines, at=at, by=by)
    follow_payments(order=order, lines=lines, at=at, by=by)
    return cancellation


def record_cancellation(
    *,
    order: Order,
    lines: Sequence[OrderLine],
    pieces: Mapping[int, int],
    cause: str,
    reason: str,
    key: str,
    at: datetime,
    by: User | None = None,
) -> OrderCancellation:
    """Write that pieces of lines (line id -> pieces) are called off, and count them there."""
    cancellation = OrderCancellation.objects.create(
        order=order,
        key=key,
        cause=cause,
        reason=reason[:LONGEST_REASON],
        cancelled_at=at,
        cancelled_by=by,
    )
    cancelled = [line for line in lines if pieces.get(line.pk)]
    for line in cancelled:
        line.cancelled += pieces[line.pk]
    OrderLine.objects.bulk_update(cancelled, ["cancelled"])
    CancelledLine.objects.bulk_create(
        CancelledLine(cancellation=cancellation, line=line, quantity=pieces[line.pk])
        for line in cancelled
    )
    record_events(
        [
            event(
                order,
                OrderEvent.Kind.CANCELLED,
                at=at,
                by=by,
                reason=cancellation.reason,
                cause=cause,
                pieces=sum(pieces[line.pk] for line in cancelled),
            )
        ]
    )
    return cancellation


def open_pieces(lines: Sequence[OrderLine]) -> dict[int, int]:
    """Line id -> pieces that have neither left nor been called off."""
    return {line.pk: line.open_quantity for line in lines if line.open_quantity}


def tell_cancellation(*, order: Order, cancellation: OrderCancellation, at: datetime) -> None:
    """Note that the order's channel must be told what we called off, when it can be told."""
    if not is_told(order):
        return
    rows = cancellation.lines.select_related("line").order_by("pk")
    enqueue(
        channel=order.channel,
        kind=OutboxEntry.Kind.CANCELLATION,
        key=f"{order.number}/{cancellation.pk}",
        payload={
            "external_order_id": order.external_id,
            "key": f"{order.number}/{cancellation.pk}",
            "reason": cancellation.reason,
            "lines": {row.line.external_line_id: row.quantity for row in rows},
        },
        at=at,
    )


def _pieces_asked_for(
    order: Order, lines: Sequence[OrderLine], quantities: Mapping[int, int] | None
) -> dict[int, int]:
    if quantities is None:
        return open_pieces(lines)
    asked = {line_id: pieces for line_id, pieces in quantities.items() if pieces}
    if not asked:
        raise InvalidCancellation(f"No pieces of {order} were chosen.")
    by_id = {line.pk: line for line in lines}
    if unknown := sorted(asked.keys() - by_id.keys()):
        raise InvalidCancellation(f"{order} has no such line.", lines=unknown)
    short = [line for line in lines if not 0 <= asked.get(line.pk, 0) <= line.open_quantity]
    if short:
        names = ", ".join(
            f"{line.open_quantity} of {line} instead of {asked[line.pk]}" for line in short
        )
        raise InvalidCancellation(
            f"Left to be called off: {names}.", lines=[line.pk for line in short]
        )
    return asked


def _with_fees(lines: Sequence[OrderLine], pieces: Mapping[int, int]) -> dict[int, int]:
    """Return the pieces, and what is not stocked too once no goods are left and none have left."""
    goods = [line for line in lines if line.is_stocked]
    are_all_off = all(line.open_quantity == pieces.get(line.pk, 0) for line in goods)
    if not goods or not are_all_off or any(line.shipped for line in goods):
        return dict(pieces)
    return open_pieces(lines)


def _close_holds_of_part(
    order: Order,
    lines: Sequence[OrderLine],
    promises: Promises,
    *,
    at: datetime,
    by: User | None,
) -> None:
    """Close the holds of lines that are called off, and the one for stock that nobody lacks now."""
    note = "The pieces were cancelled."
    if gone := [line for line in lines if not line.open_quantity]:
        close_holds(order=order, note=note, lines=gone, at=at, by=by)
    promised = promises.pieces()
    known = [line for line in lines if line.is_stocked and line.variant_id is not None]
    if all(line.wanted_from_stock <= promised.get(line.pk, 0) for line in known):
        close_holds(order=order, kinds=[OrderHold.Kind.STOCK], note=note, at=at, by=by)


def _end(order: Order, lines: Sequence[OrderLine], *, at: datetime, by: User | None) -> None:
    """Close what is open about an order of which nothing is left."""
    note = "The order was cancelled."
    close_holds(order=order, note=note, at=at, by=by)
    _decide_with_it(order, note, at=at, by=by)
    if not any(line.shipped for line in lines):
        order.lifecycle = Order.Lifecycle.CANCELLED
    end_pickup(order)


def _decide_with_it(order: Order, note: str, *, at: datetime, by: User | None) -> None:
    """Decide what the channel and we disagree about: by cancelling, theirs if they had done so."""
    kinds, decisions = ChannelConflict.Kind, ChannelConflict.Decision
    conflicts = list(order.conflicts.open())
    for conflict in conflicts:
        is_theirs = conflict.kind in {kinds.CANCELLED, kinds.MERGED}
        conflict.decision = decisions.TAKE_THEIRS if is_theirs else decisions.KEEP_OURS
        conflict.decided_at, conflict.decided_by, conflict.note = at, by, note
    ChannelConflict.objects.bulk_update(conflicts, ["decision", "decided_at", "decided_by", "note"])
