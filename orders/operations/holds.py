"""Holds: why an order may not go on, and who said that it may again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from orders.models import Order, OrderEvent, OrderHold, OrderLine
from orders.operations.events import event, record_events
from orders.operations.statuses import locked_order, settle_order
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User

LONGEST_REASON = 300


class UnknownHold(BusinessError):
    """There is no such hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHold:
    """A hold to be opened; `details` go into the timeline, nothing personal."""

    kind: str
    reason: str
    line: OrderLine | None = None
    details: dict[str, Any] = field(default_factory=dict)


def open_holds(
    *, order: Order, holds: Iterable[NewHold], at: datetime, by: User | None = None
) -> list[OrderHold]:
    """
    Open holds on a locked order; one that is open already for the same reason stays as it is.

    Does not settle the order.
    """
    wanted = list(holds)
    if not wanted:
        return []
    is_open = {(hold.line_id, hold.kind) for hold in order.holds.open()}
    missing = [hold for hold in wanted if (hold.line and hold.line.pk, hold.kind) not in is_open]
    opened = OrderHold.objects.bulk_create(
        OrderHold(
            order=order,
            line=hold.line,
            kind=hold.kind,
            reason=hold.reason[:LONGEST_REASON],
            opened_at=at,
            opened_by=by,
        )
        for hold in missing
    )
    record_events(held_event(order, hold, at=at, by=by) for hold in missing)
    return opened


def held_event(order: Order, hold: NewHold, *, at: datetime, by: User | None = None) -> OrderEvent:
    """Make the row of the timeline for a hold that is opened, not stored yet."""
    of_line = {"line": hold.line.pk} if hold.line else {}
    return event(
        order,
        OrderEvent.Kind.HELD,
        at=at,
        by=by,
        hold=hold.kind,
        reason=hold.reason[:LONGEST_REASON],
        **of_line,
        **hold.details,
    )


def close_holds(
    *,
    order: Order,
    note: str,
    at: datetime,
    by: User | None = None,
    kinds: Collection[str] = OrderHold.Kind.values,
    lines: Sequence[OrderLine] | None = None,
) -> int:
    """
    Release the open holds of these kinds, of these lines only when some are named.

    Does not settle the order.
    """
    holds = list(order.holds.open().filter(kind__in=kinds))
    if lines is not None:
        of_lines = {line.pk for line in lines}
        holds = [hold for hold in holds if hold.line_id in of_lines]
    for hold in holds:
        hold.released_at = at
        hold.released_by = by
        hold.release_note = note[:LONGEST_REASON]
    OrderHold.objects.bulk_update(holds, ["released_at", "released_by", "release_note"])
    record_events(
        event(order, OrderEvent.Kind.HOLD_RELEASED, at=at, by=by, hold=hold.kind, note=note)
        for hold in holds
    )
    return len(holds)


@transaction.atomic
def hold_order(*, order_id: int, reason: str, at: datetime, by: User | None = None) -> OrderHold:
    """
    Keep an order from being shipped until somebody releases it; it keeps its promises.

    An order that is held by hand already keeps its first hold.
    Locks: the order.

    :raises WrongStatus: nothing of the order is left to be shipped.
    """
    order = locked_order(order_id)
    if not order.is_open:
        raise WrongStatus(
            f"{order} is {order.get_lifecycle_display().lower()}: there is nothing to hold.",
            status=order.lifecycle,
        )
    opened = open_holds(
        order=order,
        holds=[NewHold(kind=OrderHold.Kind.MANUAL, reason=reason)],
        at=at,
        by=by,
    )
    settle_order(order=order, lines=list(order.lines.all()))
    return opened[0] if opened else order.holds.open().get(kind=OrderHold.Kind.MANUAL)


@transaction.atomic
def release_hold(*, hold_id: int, note: str, at: datetime, by: User | None = None) -> OrderHold:
    """
    Let an order go on in spite of a hold; a second call changes nothing.

    What was wrong stays as it is: an order short of stock ships what is promised to it, a line
    of an unknown article waits until it is linked. What its channel and we disagree about has to
    be decided first.
    Locks: the order.

    :raises UnknownHold: no hold has this id.
    :raises WrongStatus: it is for a disagreement that nobody has decided.
    """
    order_id = OrderHold.objects.filter(pk=hold_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise UnknownHold("There is no such hold.", hold_id=hold_id)
    order = locked_order(order_id)
    hold = order.holds.get(pk=hold_id)
    if hold.released_at is not None:
        return hold
    is_disputed = hold.kind == OrderHold.Kind.CHANNEL_CONFLICT
    if is_disputed and order.conflicts.open().exists():
        raise WrongStatus(f"Decide first what is said otherwise about {order}.", hold=hold.kind)
    hold.released_at = at
    hold.released_by = by
    hold.release_note = note[:LONGEST_REASON]
    hold.save(update_fields=["released_at", "released_by", "release_note"])
    record_events(
        [event(order, OrderEvent.Kind.HOLD_RELEASED, at=at, by=by, hold=hold.kind, note=note)]
    )
    settle_order(order=order, lines=list(order.lines.all()))
    return hold
