"""How all stock stood at the end of a day, kept so that the past is not added up each time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import TruncMonth

from inventory.models import StockSnapshot
from inventory.operations.periods import stop_postings
from retail.common.errors import BusinessError

DAYS_KEPT = timedelta(days=62)


class SnapshotTooEarly(BusinessError):
    """The day is not over yet."""


# Takes the newest earlier snapshot and adds the ledger since; %(since)s is null without one.
_LEVELS = """
    INSERT INTO inventory_levelsnapshot (snapshot_id, level_id, on_hand)
    SELECT %(snapshot)s, level_id, sum(units)
      FROM (SELECT level_id, on_hand AS units
              FROM inventory_levelsnapshot WHERE snapshot_id = %(earlier)s
            UNION ALL
            SELECT level_id, quantity FROM inventory_stockmovement
             WHERE moved_at < %(ends_at)s
               AND (%(since)s::timestamptz IS NULL OR moved_at >= %(since)s)) AS moved
     GROUP BY level_id HAVING sum(units) <> 0
"""
_POOLS = """
    INSERT INTO inventory_poolsnapshot (snapshot_id, pool_id, units, value)
    SELECT %(snapshot)s, pool_id, sum(units), sum(value)
      FROM (SELECT pool_id, units, value
              FROM inventory_poolsnapshot WHERE snapshot_id = %(earlier)s
            UNION ALL
            SELECT pool_id, units, value FROM inventory_costmovement
             WHERE moved_at < %(ends_at)s
               AND (%(since)s::timestamptz IS NULL OR moved_at >= %(since)s)) AS moved
     GROUP BY pool_id HAVING sum(units) <> 0 OR sum(value) <> 0
"""


@transaction.atomic
def take_snapshot(*, ends_at: datetime, at: datetime) -> StockSnapshot:
    """
    Keep how all stock stood just before a moment; taken before, it is returned.

    Postings wait meanwhile, so that none dated before the moment is under way and missed. One
    that comes later drops the snapshot.
    Locks: both ledgers against postings.

    :raises SnapshotTooEarly: the moment is still to come.
    """
    if ends_at > at:
        msg = "A snapshot is taken of days that are over."
        raise SnapshotTooEarly(msg, ends_at=ends_at.isoformat())
    if known := StockSnapshot.objects.filter(ends_at=ends_at).first():
        return known
    stop_postings()
    snapshot, is_new = StockSnapshot.objects.get_or_create(
        ends_at=ends_at, defaults={"taken_at": at}
    )
    if not is_new:
        return snapshot
    earlier = StockSnapshot.objects.filter(ends_at__lt=ends_at).order_by("-ends_at").first()
    parameters: dict[str, Any] = {
        "snapshot": snapshot.pk,
        "ends_at": ends_at,
        "earlier": earlier.pk if earlier else None,
        "since": earlier.ends_at if earlier else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LEVELS, parameters)
        cursor.execute(_POOLS, parameters)
    return snapshot


@transaction.atomic
def thin_snapshots(*, at: datetime) -> int:
    """
    Drop snapshots older than two months except the first of each month; return how many.

    What they told is in the ledgers still; a question about such a day takes a moment longer.
    """
    old = StockSnapshot.objects.filter(ends_at__lt=at - DAYS_KEPT)
    firsts = (
        old.annotate(month=TruncMonth("ends_at"))
        .order_by("month", "ends_at")
        .distinct("month")
        .values_list("pk", flat=True)
    )
    doomed = old.exclude(pk__in=list(firsts))
    count = doomed.count()
    doomed.delete()
    return count
