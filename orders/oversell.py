"""How units came to be sold that were not there: a pure decision on what is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from orders.models import OversellIncident

# Two sales so close together that no channel could have been told of the first.
SAME_MOMENT = timedelta(minutes=5)

Cause = OversellIncident.Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """
    What is known of an article that a channel sold and that is short, in units.

    asked: what the order wants. is_listed: whether we know what the channel shows of it. pushed:
    what the channel had been told last, at `pushed_at`. seen: what it showed at `seen_at`.
    changed_at: when the stock of the article last became less before the order was placed.
    taken_at: when the order nearest in time was placed that got units of it.
    """

    placed_at: datetime
    asked: int
    is_listed: bool = True
    pushed: int | None = None
    pushed_at: datetime | None = None
    seen: int | None = None
    seen_at: datetime | None = None
    changed_at: datetime | None = None
    taken_at: datetime | None = None


def cause_of(facts: Facts) -> str:
    """
    Decide why units were sold that were not there; the first that fits of these:

    UNMAPPED_LISTING: the channel shows it somewhere we do not know of. MANUAL_EDIT: the channel
    showed more than it had been told. CHANNEL_DELAY: it had been told of less than was sold before
    the order was placed. RACE: another order got the units within minutes. STALE_PUSH: it had not
    been told yet of how many there were. OTHER: it had been told rightly, as far as anybody knows.
    """
    if not facts.is_listed:
        return Cause.UNMAPPED_LISTING
    if _was_raised_there(facts):
        return Cause.MANUAL_EDIT
    told_at = facts.pushed_at
    is_told_in_time = told_at is not None and told_at <= facts.placed_at
    if is_told_in_time and facts.pushed is not None and facts.pushed < facts.asked:
        return Cause.CHANNEL_DELAY
    if facts.taken_at is not None and abs(facts.taken_at - facts.placed_at) <= SAME_MOMENT:
        return Cause.RACE
    is_older = told_at is None or (facts.changed_at is not None and told_at < facts.changed_at)
    return Cause.OTHER if is_told_in_time and not is_older else Cause.STALE_PUSH


def _was_raised_there(facts: Facts) -> bool:
    """Tell whether the channel showed more than it had been told, after it had been told."""
    if facts.pushed is None or facts.pushed_at is None:
        return False
    if facts.seen is None or facts.seen_at is None:
        return False
    return facts.seen_at >= facts.pushed_at and facts.seen > facts.pushed
