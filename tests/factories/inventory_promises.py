"""Stock put aside, promises that were taken back, counts asked for, and closed books."""

import itertools
from datetime import timedelta

from inventory.models import ClosedPeriod, CountRequest, WithdrawnPromise
from inventory.operations import adjust_stock, close_period, request_counts, reserve_stock
from tests.factories.common import UserFactory
from tests.factories.inventory import STOCKED_AT, promise, stock

_days = itertools.count()


def put_aside(
    *,
    level=None,
    units=1,
    reference="RES-1",
    at=STOCKED_AT,
    expires_at=STOCKED_AT + timedelta(days=7),
    note="Mrs Smith",
    by=None,
):
    """Put units of a level aside for a week, by default of a new one; return the allocation."""
    level = level or stock(units=units)
    (allocation,) = reserve_stock(
        location=level.location,
        units={level.variant_id: units},
        reference=reference,
        expires_at=expires_at,
        note=note,
        at=at,
        by=by,
    )
    return allocation


def withdraw():
    """Break the only unit there is, which was promised; return what was taken back."""
    level = promise(units=1).level
    taken = adjust_stock(
        location=level.location,
        quantities={level.variant_id: -1},
        reference="ADJ-1",
        reason="Broken",
        at=STOCKED_AT,
    )
    return taken.withdrawn[0]


def ask_for_count():
    """Ask for a count of a new level."""
    (request,) = request_counts(level_ids=[stock().pk], reason="Looked odd", at=STOCKED_AT)
    return request


def close_books(*, ends_at=None, by=None):
    """Close the books, by default of a day long ago, later with each call."""
    ends_at = ends_at or STOCKED_AT - timedelta(days=9000) + timedelta(days=next(_days))
    return close_period(ends_at=ends_at, at=max(STOCKED_AT, ends_at), by=by or UserFactory())


MAKERS = {
    ClosedPeriod: close_books,
    CountRequest: ask_for_count,
    WithdrawnPromise: withdraw,
}
