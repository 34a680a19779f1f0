"""How all stock stood at the end of a day, kept so that the past is not added up each time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from inventory.models import StockSnapshot
from inventory.operations.periods import stop_postings
from retail.common.errors import BusinessError

DAYS_KEPT = timedelta(days=62)


class SnapshotTooEarly(BusinessError):
    """The day is not over yet."""


# The newest earlier snapshot and the ledger since, or the whole ledger before. The statement looks
# for that snapshot itself: one that is thinned out meanwhile is then passed over.
_EARLIER = """
    WITH earlier AS (
        SELECT id, ends_at FROM inventory_stocksnapshot
         WHERE ends_at < %(ends_at)s ORDER BY ends_at DESC LIMIT 1
    )
"""
_SINCE = "coalesce((SELECT ends_at FROM earlier), '-infinity')"
_LEVELS = f"""
    {_EARLIER}
    INSERT INTO inventory_levelsnapshot (snapshot_id, level_id, on_hand)
    SELECT %(snapshot)s, level_id, sum(units)
      FROM (SELECT level_id, on_hand AS units
              FROM inventory_levelsnapshot WHERE snapshot_id = (SELECT id FROM earlier)
            UNION ALL
            SELECT level_id, quantity FROM inventory_stockmovement
             WHERE moved_at < %(ends_at)s AND moved_at >= {_SINCE}) AS moved
     GROUP BY level_id HAVING sum(units) <> 0
"""  # noqa: S608 - put together from constants of this module
_POOLS = f"""
    {_EARLIER}
    INSERT INTO inventory_poolsnapshot (snapshot_id, pool_id, units, value)
    SELECT %(snapshot)s, pool_id, sum(units), sum(value)
      FROM (SELECT pool_id, units, value
              FROM inventory_poolsnapshot WHERE snapshot_id = (SELECT id FROM earlier)
            UNION ALL
            SELECT pool_id, units, value FROM inventory_costmovement
             WHERE moved_at < %(ends_at)s AND moved_at >= {_SINCE}) AS moved
     GROUP BY pool_id HAVING sum(units) <> 0 OR sum(value) <> 0
"""  # noqa: S608 - put together from constants of this module


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
    parameters: dict[str, Any] = {"snapshot": snapshot.pk, "ends_at": ends_at}
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
    firsts: dict[str, int] = {}
    for pk, ends_at in old.order_by("ends_at").values_list("pk", "ends_at"):
        firsts.setdefault(f"{timezone.localdate(ends_at):%Y-%m}", pk)
    doomed = old.exclude(pk__in=list(firsts.values()))
    count = doomed.count()
    doomed.delete()
    return count
