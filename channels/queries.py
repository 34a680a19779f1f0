"""Reading the channels: the price a channel asks, and how fresh what we know of it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q

from catalog.queries import PriceDecision
from catalog.queries import price_for as price_in_lists
from channels.models import Channel, OutboxEntry, SyncCursor


@dataclass(frozen=True)
class SyncAge:
    """
    How long ago one stream of a channel was read to its end; `age` is None when it never was.

    failures: readings in a row that failed since then, the last one with `error`.
    """

    channel: Channel
    stream: str
    read_at: datetime | None
    age: timedelta | None
    failures: int
    error: str


@dataclass(frozen=True)
class OutboxAge:
    """What a channel still has to be told, since when, and what it refused for good."""

    channel: Channel
    waiting: int
    oldest: timedelta | None
    refused: int


def price_for(
    *, variant_id: int, channel: Channel, quantity: int, at: datetime
) -> PriceDecision | None:
    """Return the price of one unit on a channel, by its price lists; None when none has one."""
    price_list_ids = list(channel.price_lists.values_list("pk", flat=True))
    return price_in_lists(
        variant_id=variant_id, price_list_ids=price_list_ids, quantity=quantity, at=at
    )


def sync_ages(*, at: datetime) -> list[SyncAge]:
    """Return how fresh each stream is of every channel that is neither off nor paused."""
    cursors = (
        SyncCursor.objects.exclude(channel__mode__in=[Channel.Mode.OFF, Channel.Mode.PAUSED])
        .select_related("channel")
        .order_by("channel__name", "stream", "pk")
    )
    return [
        SyncAge(
            channel=cursor.channel,
            stream=cursor.stream,
            read_at=cursor.read_at,
            age=at - cursor.read_at if cursor.read_at else None,
            failures=cursor.failures,
            error=cursor.error,
        )
        for cursor in cursors
    ]


def outbox_ages(*, at: datetime) -> list[OutboxAge]:
    """Return what waits for each channel that has anything waiting or refused."""
    waiting = Q(status=OutboxEntry.Status.OPEN)
    refused = Q(status=OutboxEntry.Status.FAILED)
    rows = {
        row["channel"]: row
        for row in OutboxEntry.objects.filter(waiting | refused)
        .values("channel")
        .annotate(
            waiting=Count("pk", filter=waiting),
            oldest=Min("created_at", filter=waiting),
            refused=Count("pk", filter=refused),
        )
    }
    return [
        OutboxAge(
            channel=channel,
            waiting=rows[channel.pk]["waiting"],
            oldest=at - rows[channel.pk]["oldest"] if rows[channel.pk]["oldest"] else None,
            refused=rows[channel.pk]["refused"],
        )
        for channel in Channel.objects.filter(pk__in=list(rows)).order_by("name", "pk")
    ]
