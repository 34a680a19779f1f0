"""The outbox: what channels must be told, sent until they accept it or refuse it for good."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from channels.connectors.base import ChannelError, ChannelRefused, ChannelUnauthorized
from channels.models import Channel, OutboxEntry
from retail.common.errors import BusinessError, WrongStatus

# Longer than one call to a channel with all its retries.
LEASE = timedelta(minutes=2)
FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(hours=1)
MOST_ATTEMPTS = 8


class AlreadyWaiting(BusinessError):
    """A newer entry of the same key waits to be sent."""


@transaction.atomic
def enqueue(
    *, channel: Channel, kind: str, key: str, payload: Mapping[str, Any], at: datetime
) -> OutboxEntry:
    """
    Note that a channel must be told something; belongs into the transaction of the change itself.

    Called again with the same payload it changes nothing, sent or not. Another payload takes the
    place of one that still waits.

    payload: plain JSON values; the connector's words for this kind.
    """
    wanted = dict(payload)
    entries = OutboxEntry.objects.select_for_update(no_key=True).filter(
        channel=channel, kind=kind, key=key
    )
    latest = entries.order_by("-pk").first()
    if latest is None or (latest.status != OutboxEntry.Status.OPEN and latest.payload != wanted):
        entry = OutboxEntry(
            channel=channel, kind=kind, key=key, payload=wanted, created_at=at, next_try_at=at
        )
        # Another caller may be first to make the open entry; then that one is changed below.
        OutboxEntry.objects.bulk_create([entry], ignore_conflicts=True)
        latest = entries.latest("pk")
    if latest.payload == wanted:
        return latest

    latest.payload = wanted
    latest.attempts = 0
    latest.next_try_at = at
    # Whoever is sending the old payload now must not close the entry for the new one.
    latest.lease_until = None
    latest.save(update_fields=["payload", "attempts", "next_try_at", "lease_until"])
    return latest


@transaction.atomic
def claim_outbox(*, kind: str, at: datetime, limit: int = 50) -> list[OutboxEntry]:
    """
    Take entries that are due, for two minutes, to send them after this transaction.

    Entries of a channel that is paused or switched off wait. Rows that another worker is taking
    right now are passed over. The channel comes with each entry.
    """
    entries = list(
        OutboxEntry.objects.filter(
            Q(lease_until__isnull=True) | Q(lease_until__lte=at),
            kind=kind,
            status=OutboxEntry.Status.OPEN,
            next_try_at__lte=at,
            channel__mode__in=[Channel.Mode.ORDERS, Channel.Mode.STOCK, Channel.Mode.FULL],
        )
        .select_related("channel")
        .order_by("next_try_at", "pk")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)[:limit]
    )
    until = at + LEASE
    OutboxEntry.objects.filter(pk__in=[entry.pk for entry in entries]).update(
        lease_until=until, attempts=F("attempts") + 1
    )
    for entry in entries:
        entry.lease_until = until
        entry.attempts += 1
    return entries


@transaction.atomic
def finish_outbox(*, entry: OutboxEntry, at: datetime) -> OutboxEntry:
    """
    Note that the channel accepted a claimed entry.

    When the entry has a newer payload by now, or somebody else claimed it, it stays as it is and is
    sent again: channels take the same message twice without harm.
    """
    current = OutboxEntry.objects.select_for_update(no_key=True).get(pk=entry.pk)
    if not _is_still_claimed(current, entry):
        return current
    current.status = OutboxEntry.Status.DONE
    current.done_at = at
    current.lease_until = None
    current.error = ""
    current.save(update_fields=["status", "done_at", "lease_until", "error"])
    return current


@transaction.atomic
def fail_outbox(*, entry: OutboxEntry, failure: ChannelError, at: datetime) -> OutboxEntry:
    """
    Note that a claimed entry was not accepted, and decide when it is tried again.

    Trouble on the way: after 10 s, 20 s, 40 s ... at most an hour, refused after the eighth try.
    Credentials not accepted: every hour, because nothing is wrong with the entry itself.
    Refused by the channel: at once and for good, until a person tries it again.
    """
    current = OutboxEntry.objects.select_for_update(no_key=True).get(pk=entry.pk)
    if not _is_still_claimed(current, entry):
        return current
    current.error = str(failure)
    current.lease_until = None
    if isinstance(failure, ChannelUnauthorized):
        current.next_try_at = at + LONGEST_WAIT
    elif isinstance(failure, ChannelRefused) or current.attempts >= MOST_ATTEMPTS:
        current.status = OutboxEntry.Status.FAILED
    else:
        current.next_try_at = at + min(FIRST_WAIT * 2 ** (current.attempts - 1), LONGEST_WAIT)
    current.save(update_fields=["error", "lease_until", "next_try_at", "status"])
    return current


@transaction.atomic
def reopen_outbox(*, entry_id: int, at: datetime) -> OutboxEntry:
    """
    Send an entry again that was refused for good; on an entry that waits it changes nothing.

    :raises WrongStatus: the channel accepted it already.
    :raises AlreadyWaiting: a newer entry of the same key waits, and says the newer thing.
    """
    entry = OutboxEntry.objects.select_for_update(no_key=True).get(pk=entry_id)
    if entry.status == OutboxEntry.Status.OPEN:
        return entry
    if entry.status == OutboxEntry.Status.DONE:
        raise WrongStatus(f"{entry} was sent already.", status=entry.status)
    same_key = OutboxEntry.objects.filter(channel=entry.channel_id, kind=entry.kind, key=entry.key)
    if same_key.filter(status=OutboxEntry.Status.OPEN).exists():
        raise AlreadyWaiting(f"A newer message for {entry} waits to be sent.", key=entry.key)
    entry.status = OutboxEntry.Status.OPEN
    entry.attempts = 0
    entry.next_try_at = at
    entry.save(update_fields=["status", "attempts", "next_try_at"])
    return entry


def _is_still_claimed(current: OutboxEntry, entry: OutboxEntry) -> bool:
    return (
        current.status == OutboxEntry.Status.OPEN
        and current.lease_until is not None
        and current.lease_until == entry.lease_until
        and current.payload == entry.payload
    )
