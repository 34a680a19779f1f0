"""Closing the books of stock: what is dated before a closed moment is refused."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from inventory.models import ClosedPeriod, StockSnapshot
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User


class PeriodClosed(BusinessError):
    """The books of stock are closed for this moment."""


class ReopenReasonMissing(BusinessError):
    """Books are opened again for a reason, or not at all."""


class PeriodNotOver(BusinessError):
    """Only time that is over, and not closed yet, can be closed."""


def stop_postings() -> None:
    """
    Wait until every posting under way is committed, and hold new ones back until we are.

    What is dated before a moment can then be added up, or closed, for good: no movement that was
    checked before slips in behind. Postings wait for as long as that takes, readers do not.
    """
    with connection.cursor() as cursor:
        # In the order in which postings lock them too, so that nobody waits in a circle.
        cursor.execute("LOCK TABLE inventory_costmovement, inventory_stockmovement IN SHARE MODE")


@transaction.atomic
def close_period(*, ends_at: datetime, at: datetime, by: User) -> ClosedPeriod:
    """
    Close the books of stock: nothing may be dated before `ends_at` any more.

    Closing the same moment again returns the first closing.
    Locks: both ledgers against postings.

    :raises PeriodNotOver: the moment is still to come, or earlier than what is closed already.
    """
    if ends_at > at:
        msg = "Only days that are over can be closed."
        raise PeriodNotOver(msg, ends_at=ends_at.isoformat())
    stop_postings()
    latest = ClosedPeriod.objects.in_force().order_by("-ends_at").first()
    if latest and latest.ends_at == ends_at:
        return latest
    if latest and latest.ends_at > ends_at:
        msg = f"The books are {latest} already."
        raise PeriodNotOver(msg, ends_at=ends_at.isoformat())
    return ClosedPeriod.objects.create(ends_at=ends_at, closed_at=at, closed_by=by)


@transaction.atomic
def reopen_period(*, period_id: int, reason: str, at: datetime, by: User) -> ClosedPeriod:
    """
    Open the books of stock again, back to what was closed before this period.

    :raises WrongStatus: it was reopened before, or a later period is closed.
    :raises ReopenReasonMissing: no reason was given.
    """
    if not reason.strip():
        msg = "Say why the books are opened again."
        raise ReopenReasonMissing(msg)
    period = ClosedPeriod.objects.select_for_update(no_key=True).get(pk=period_id)
    if period.reopened_at is not None:
        msg = "These books are open again already."
        raise WrongStatus(msg)
    if ClosedPeriod.objects.in_force().filter(ends_at__gt=period.ends_at).exists():
        msg = "A later period is closed: open that first."
        raise WrongStatus(msg)
    period.reopened_at, period.reopened_by, period.reopen_reason = at, by, reason.strip()
    period.save(update_fields=["reopened_at", "reopened_by", "reopen_reason"])
    return period


def require_open_period(at: datetime) -> None:
    """
    Pass when movements may be dated at this moment, and drop the snapshots that they outdate.

    A trigger on both ledgers holds the period too; this says it in words, before anything is
    written. Locks: both ledgers as writing to them does, which only stopped postings wait for.

    :raises PeriodClosed: names the day up to which the books are closed.
    """
    with connection.cursor() as cursor:
        # The lock that writing takes anyway, taken before looking: what is found then stays so
        # until the movements are written. One round trip, as every posting pays for it.
        cursor.execute(
            """
            LOCK TABLE inventory_costmovement, inventory_stockmovement IN ROW EXCLUSIVE MODE;
            SELECT (SELECT max(ends_at) FROM inventory_closedperiod WHERE reopened_at IS NULL),
                   EXISTS (SELECT FROM inventory_stocksnapshot WHERE ends_at > %s)
            """,
            [at],
        )
        while cursor.nextset():  # the answer is that of the last statement
            pass
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
