"""Scheduled work on channels: looking at what they show for sale."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from celery import Task, shared_task
from django.db.models import Max
from django.utils import timezone

from channels import operations
from channels.connectors import NoConnector, connector_for
from channels.connectors.base import ChannelError
from channels.models import Channel, Listing
from channels.operations import Lease, LeaseLost
from retail.common.taskruns import recorded

logger = logging.getLogger(__name__)

LISTINGS = "listings"
LISTINGS_AT_ONCE = 200
Item = TypeVar("Item")


@shared_task(name="channels.refresh_listings", bind=True)
@recorded("channels.refresh_listings")
def refresh_listings(
    self: Task[..., Any], *, channel_ids: list[int] | None = None, **_future: object
) -> dict[str, int]:
    """
    Look at what each channel shows for sale and link what can be linked.

    One channel that cannot be read keeps no other from being read.
    """
    owner = self.request.id or uuid.uuid4().hex
    channels = Channel.objects.exclude(mode__in=[Channel.Mode.OFF, Channel.Mode.PAUSED])
    if channel_ids is not None:
        channels = channels.filter(pk__in=channel_ids)
    totals = {"channels": 0, "seen": 0, "created": 0, "linked": 0, "ended": 0, "failed": 0}
    for channel in channels.order_by("pk"):
        for name, count in _refresh_channel(channel, owner).items():
            totals[name] += count
    return totals


def _refresh_channel(channel: Channel, owner: str) -> dict[str, int]:
    """Read one channel's listings; nothing when it has no connector or somebody else reads it."""
    try:
        connector = connector_for(channel)
    except NoConnector:
        return {}
    lease = operations.lease_cursor(
        channel=channel, stream=LISTINGS, owner=owner, at=timezone.now()
    )
    if lease is None:
        return {}
    try:
        counts = _record_all(channel, connector.listings(), lease)
    except LeaseLost:
        logger.warning("Reading the listings of %s took too long.", channel.code)
        return {"channels": 1, "failed": 1}
    except ChannelError as error:
        logger.warning("The listings of %s could not be read: %s", channel.code, error)
        operations.release_cursor(lease=lease, at=timezone.now(), error=str(error))
        return {"channels": 1, "failed": 1}
    operations.release_cursor(lease=lease, at=timezone.now())
    return {"channels": 1, **counts}


def _record_all(channel: Channel, rows: Iterable[Any], lease: Lease) -> dict[str, int]:
    begun_at = timezone.now()
    newest_id = Listing.objects.aggregate(newest=Max("pk"))["newest"] or 0
    counts = {"seen": 0, "created": 0, "linked": 0}
    for batch in _batches(rows):
        now = timezone.now()
        batch_counts = operations.record_listings(channel=channel, seen=batch, at=now)
        operations.advance_cursor(lease=lease, high_water_at=now, at=now)
        counts["seen"] += len(batch)
        counts["created"] += batch_counts.created
        counts["linked"] += batch_counts.linked
    if counts["seen"]:
        # A shop that shows nothing at all is more likely in trouble than empty.
        counts["ended"] = operations.end_listings(
            channel=channel, not_seen_since=begun_at, up_to_id=newest_id
        )
    return counts


def _batches(rows: Iterable[Item]) -> Iterator[list[Item]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, LISTINGS_AT_ONCE)):
        yield batch
