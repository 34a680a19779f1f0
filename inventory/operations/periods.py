"""Closing the books of stock: what is dated before a closed moment is refused."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.utils import timezone

from inventory.models import StockSnapshot
from retail.common.errors import BusinessError


class PeriodClosed(BusinessError):
    """The books of stock are closed for this moment."""


def require_open_period(at: datetime) -> None:
    """
    Pass when movements may be dated at this moment, and drop the snapshots that they outdate.

    A trigger on both ledgers holds the period too; this says it in words, before anything is
    written.

    :raises PeriodClosed: names the day up to which the books are closed.
    """
    with connection.cursor() as cursor:
        # One query, as every posting pays for it.
        cursor.execute(
            """
            SELECT (SELECT max(ends_at) FROM inventory_closedperiod WHERE reopened_at IS NULL),
                   EXISTS (SELECT FROM inventory_stocksnapshot WHERE ends_at > %s)
            """,
            [at],
        )
        closed, has_outdated = cursor.fetchone()
    if closed is not None and at < closed:
        day = timezone.localtime(closed)
        msg = (
            f"The books of stock are closed until {day:%d %B %Y, %H:%M}: nothing can be dated"
            f" {timezone.localtime(at):%d %B %Y, %H:%M}."
        )
        raise PeriodClosed(msg, closed_until=closed.isoformat())
    if has_outdated:
        StockSnapshot.objects.filter(ends_at__gt=at).delete()
