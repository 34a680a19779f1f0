"""Cursors: how far a stream of a channel has been read, and who may read on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from channels.models import Channel, SyncCursor
from retail.common.errors import BusinessError

# Longer than the longest silence of a reader between two renewals: one call with all its retries.
LEASE = timedelta(minutes=2)
# A channel may show a change some time after the moment it stamps on it.
OVERLAP = timedelta(minutes=2)


class LeaseLost(BusinessError):
    """The time to read this stream ran out, or somebody else reads it now."""


@dataclass(frozen=True)
class Lease:
    """
    Leave to read one stream of a channel until `until`.

    `since` is the moment to read from: a little before the newest change that is stored, so that
    some changes come again; None for everything.
    """

    cursor_id: int
    owner: str
    until: datetime
    since: datetime | None


@transaction.atomic
def lease_cursor(*, channel: Channel, stream: str, owner: str, at: datetime) -> Lease | None:
    """
    Take a stream to read it alone; None while another reader has it.

    The lease ends by itself after two minutes, so a reader that died stops nobody for long.

    owner: unique per reading, the id of the Celery task. The same owner gets its lease again, so a
    task that is delivered a second time after its worker died goes on at once.
    """
    cursor, _ = SyncCursor.objects.get_or_create(channel=channel, stream=stream)
    cursor = SyncCursor.objects.select_for_update(no_key=True).get(pk=cursor.pk)
    is_taken = cursor.lease_until is not None and cursor.lease_until > at
    if is_taken and cursor.lease_owner != owner:
        return None

    cursor.lease_until = at + LEASE
    cursor.lease_owner = owner
    cursor.save(update_fields=["lease_until", "lease_owner"])
    return Lease(
        cursor_id=cursor.pk,
        owner=owner,
        until=cursor.lease_until,
        since=cursor.high_water_at - OVERLAP if cursor.high_water_at else None,
    )


@transaction.atomic
def advance_cursor(*, lease: Lease, high_water_at: datetime, at: datetime) -> SyncCursor:
    """
    Note that all changes up to a moment are stored, and renew the lease.

    The mark never goes back: an older moment only renews the lease.

    :raises LeaseLost: somebody else has the stream now.
    """
    cursor = _locked_cursor(lease)
    if cursor.high_water_at is None or high_water_at > cursor.high_water_at:
        cursor.high_water_at = high_water_at
    cursor.lease_until = at + LEASE
    cursor.save(update_fields=["high_water_at", "lease_until"])
    return cursor


@transaction.atomic
def release_cursor(*, lease: Lease, at: datetime, error: str = "") -> SyncCursor:
    """
    Give the stream back after reading it to its end, or after what `error` says.

    :raises LeaseLost: somebody else has the stream now.
    """
    cursor = _locked_cursor(lease)
    cursor.lease_until = None
    cursor.lease_owner = ""
    cursor.error = error
    if error:
        cursor.failures += 1
    else:
        cursor.failures = 0
        cursor.read_at = at
    cursor.save(update_fields=["lease_until", "lease_owner", "error", "failures", "read_at"])
    return cursor


def _locked_cursor(lease: Lease) -> SyncCursor:
    cursor = SyncCursor.objects.select_for_update(no_key=True).get(pk=lease.cursor_id)
    if cursor.lease_owner != lease.owner:
        raise LeaseLost(
            f"Somebody else reads {cursor.stream} now.",
            stream=cursor.stream,
            owner=cursor.lease_owner,
        )
    return cursor
