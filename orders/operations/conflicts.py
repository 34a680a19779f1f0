"""What a channel and we disagree about: kept with both versions until somebody decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from orders.models import ChannelConflict, Order, OrderEvent, OrderHold, OrderLine
from orders.operations.events import event, record_events
from orders.operations.holds import LONGEST_REASON, NewHold, close_holds, open_holds
from orders.operations.payments import follow_payments
from orders.operations.promised import lines_of
from orders.operations.statuses import locked_order
from orders.operations.taking_theirs import take_theirs, tell_ours
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User

TIME_TO_DECIDE = timedelta(hours=24)


class UnknownConflict(BusinessError):
    """There is no such disagreement."""


class AlreadyDecided(BusinessError):
    """Somebody has decided otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConflict:
    """Something that cannot be taken over any more; both versions as plain values."""

    kind: str
    line: OrderLine | None = None
    ours: dict[str, Any] = field(default_factory=dict)
    theirs: dict[str, Any] = field(default_factory=dict)


def open_conflicts(*, order: Order, conflicts: Iterable[NewConflict], at: datetime) -> int:
    """
    Keep what a locked order's channel says otherwise, and hold the order until it is decided.

    Said again it changes nothing, decided or not; said otherwise again, the newest counts. To be
    decided before the order has to be shipped, else within a day. Does not settle the order.
    Returns how many are new.
    """
    wanted = list(conflicts)
    if not wanted:
        return 0
    latest = {(each.line_id, each.kind): each for each in order.conflicts.order_by("pk")}
    fresh = []
    for conflict in wanted:
        earlier = latest.get((conflict.line.pk if conflict.line else None, conflict.kind))
        if earlier is not None and earlier.theirs == conflict.theirs:
            continue
        if earlier is not None and not earlier.decision:
            earlier.theirs = conflict.theirs
            earlier.save(update_fields=["theirs"])
        else:
            fresh.append(conflict)
    ChannelConflict.objects.bulk_create(
        ChannelConflict(
            order=order,
            line=conflict.line,
            kind=conflict.kind,
            ours=conflict.ours,
            theirs=conflict.theirs,
            opened_at=at,
            due_at=_due_at(order, at),
        )
        for conflict in fresh
    )
    record_events(
        event(order, OrderEvent.Kind.CONFLICT, at=at, conflict=conflict.kind) for conflict in fresh
    )
    _hold(order, fresh, at)
    return len(fresh)


@transaction.atomic
def decide_conflict(
    *, conflict_id: int, decision: str, at: datetime, note: str = "", by: User | None = None
) -> ChannelConflict:
    """
    Decide what a channel and we disagree about; the order goes on when nothing is left to decide.

    decision: KEEP_OURS leaves the order as it is; where we cancelled and the channel did not, it
    is told again. TAKE_THEIRS does what the channel says, as far as the goods allow: parcels that
    are packed are put back on the shelf for it. The same decision again changes nothing.
    Locks: the order, keys of its customer, listings, then cost pools and stock levels.

    :raises UnknownConflict: no disagreement has this id.
    :raises AlreadyDecided: it was decided otherwise.
    :raises CannotTakeTheirs: the goods do not allow it, and why.
    """
    order_id = (
        ChannelConflict.objects.filter(pk=conflict_id).values_list("order_id", flat=True).first()
    )
    if order_id is None:
        raise UnknownConflict("There is no such disagreement.", conflict_id=conflict_id)
    if decision not in ChannelConflict.Decision.values:
        raise WrongStatus("A disagreement is decided for one of the two.", decision=decision)
    order = locked_order(order_id)
    conflict = order.conflicts.select_related("line").get(pk=conflict_id)
    if conflict.decided_at is not None:
        if conflict.decision == decision:
            return conflict
        told = conflict.get_decision_display().lower()
        raise AlreadyDecided(f"It is decided already: {told}.", decision=conflict.decision)
    conflict.decision = decision
    conflict.decided_at = at
    conflict.decided_by = by
    conflict.note = note[:LONGEST_REASON]
    # Before it is done: what cancels the order closes every disagreement that is still open.
    conflict.save(update_fields=["decision", "decided_at", "decided_by", "note"])
    if decision == ChannelConflict.Decision.TAKE_THEIRS:
        take_theirs(order=order, conflict=conflict, at=at, by=by)
    else:
        tell_ours(order=order, conflict=conflict, at=at)
    _close(order, conflict, at=at, by=by)
    return conflict


def _close(order: Order, conflict: ChannelConflict, *, at: datetime, by: User | None) -> None:
    record_events(
        [
            event(
                order,
                OrderEvent.Kind.CONFLICT,
                at=at,
                by=by,
                conflict=conflict.kind,
                decision=conflict.decision,
                note=conflict.note,
            )
        ]
    )
    if not order.conflicts.open().exists():
        kinds = [OrderHold.Kind.CHANNEL_CONFLICT]
        close_holds(order=order, kinds=kinds, note=conflict.get_decision_display(), at=at, by=by)
    follow_payments(order=order, lines=lines_of(order), at=at, by=by)


def _hold(order: Order, conflicts: list[NewConflict], at: datetime) -> None:
    if not conflicts:
        return
    labels = (ChannelConflict.Kind(conflict.kind).label.lower() for conflict in conflicts)
    reason = f"The channel says otherwise: {'; '.join(dict.fromkeys(labels))}."
    hold = NewHold(kind=OrderHold.Kind.CHANNEL_CONFLICT, reason=reason)
    open_holds(order=order, holds=[hold], at=at)


def _due_at(order: Order, at: datetime) -> datetime:
    if order.ship_by is not None and order.ship_by > at:
        return order.ship_by
    return at + TIME_TO_DECIDE
