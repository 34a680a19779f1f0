"""Scheduled reading of orders from their channels."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog
from celery import Task, shared_task
from django.utils import timezone

from channels.connectors import NoConnector, connector_for
from channels.connectors.base import ChannelError, IncomingOrder
from channels.models import Channel, InboundMessage
from channels.operations import (
    Lease,
    LeaseLost,
    advance_cursor,
    fail_message,
    finish_message,
    lease_cursor,
    release_cursor,
    store_message,
)
from orders import operations
from orders.operations import Outcome
from retail.common.taskruns import recorded

logger = structlog.get_logger(__name__)

STREAM = "orders"
TOPIC = "order"
ORDERS_AT_ONCE = 50
MESSAGES_PER_RUN = 200
MOST_ATTEMPTS = 8
FIRST_WAIT = timedelta(minutes=1)


@shared_task(name="orders.pull_orders", bind=True)
@recorded("orders.pull_orders")
def pull_orders(
    self: Task[..., Any], *, channel_ids: list[int] | None = None, **_future: object
) -> dict[str, int]:
    """
    Read what changed on each channel that orders are taken from, and take it in.

    Each order is a transaction of its own. One that cannot be taken in is kept in the inbox, for
    `orders.ingest_messages` to try again, and stops no other; a channel that cannot be read keeps
    no other from being read.
    """
    owner = self.request.id or uuid.uuid4().hex
    channels = Channel.objects.filter(
        mode__in=[Channel.Mode.ORDERS, Channel.Mode.STOCK, Channel.Mode.FULL]
    )
    if channel_ids is not None:
        channels = channels.filter(pk__in=channel_ids)
    totals = {"channels": 0, "created": 0, "updated": 0, "known": 0, "failed": 0, "unread": 0}
    for channel in channels.order_by("pk"):
        for name, count in _pull_channel(channel, owner).items():
            totals[name] += count
    return totals


def _pull_channel(channel: Channel, owner: str) -> dict[str, int]:
    """Read one channel; nothing when it has no connector or somebody else reads it."""
    try:
        connector = connector_for(channel)
    except NoConnector:
        return {}
    lease = lease_cursor(channel=channel, stream=STREAM, owner=owner, at=timezone.now())
    if lease is None:
        return {}
    counts = {"channels": 1}
    try:
        for page in _pages(connector.orders_changed_since(lease.since)):
            _take_page(channel, lease, page, counts)
    except LeaseLost:
        logger.warning("orders_reading_too_slow", channel=channel.code)
        return {**counts, "unread": 1}
    except ChannelError as error:
        logger.warning("orders_not_read", channel=channel.code, reason=str(error))
        release_cursor(lease=lease, at=timezone.now(), error=str(error))
        return {**counts, "unread": 1}
    release_cursor(lease=lease, at=timezone.now())
    return counts


def _pages(orders: Iterator[IncomingOrder]) -> Iterator[list[IncomingOrder]]:
    while page := list(islice(orders, ORDERS_AT_ONCE)):
        yield page


def _take_page(
    channel: Channel, lease: Lease, page: Iterable[IncomingOrder], counts: dict[str, int]
) -> None:
    """Take in a page of orders, then note that everything up to its newest change is stored."""
    newest: datetime | None = None
    for incoming in page:
        became = _take_in(channel, incoming)
        counts[became] = counts.get(became, 0) + 1
        newest = max(newest or incoming.updated_at, incoming.updated_at)
    now = timezone.now()
    if newest is not None:
        # A channel whose clock runs ahead must not make us skip what it changes meanwhile.
        advance_cursor(lease=lease, high_water_at=min(newest, now), at=now)


def _take_in(channel: Channel, incoming: IncomingOrder) -> str:
    """Take in one order; return what it counts as."""
    try:
        ingested = operations.ingest_order(channel=channel, incoming=incoming, at=timezone.now())
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one order, the others go on
        _keep_for_later(channel, incoming, error)
        return "failed"
    if ingested.outcome == Outcome.CREATED:
        return "created"
    return "updated" if ingested.outcome == Outcome.UPDATED else "known"


def _keep_for_later(channel: Channel, incoming: IncomingOrder, error: Exception) -> None:
    logger.warning(
        "order_not_taken_in",
        channel=channel.code,
        external_id=incoming.external_id,
        exc_info=error,
    )
    stored = store_message(
        channel=channel,
        topic=TOPIC,
        external_id=incoming.external_id.replace("\x00", "")[:100],
        body=json.dumps(asdict(incoming), default=str).encode(),
        at=timezone.now(),
    )
    fail_message(message_id=stored.message.pk, error=f"{type(error).__name__}: {error}")


@shared_task(name="orders.ingest_messages")
@recorded("orders.ingest_messages")
def ingest_messages(**_future: object) -> dict[str, int]:
    """
    Take in the orders that messages of the inbox are about, as they are on the channel now.

    A message that fails waits a minute, then twice as long each time, and is left to people after
    eight attempts.
    """
    counts = {"done": 0, "failed": 0}
    for message in _due_messages(timezone.now()):
        counts["done" if _ingest_message(message) else "failed"] += 1
    return counts


def _due_messages(now: datetime) -> list[InboundMessage]:
    waiting = (
        InboundMessage.objects.exclude(status=InboundMessage.Status.DONE)
        .filter(topic=TOPIC, attempts__lt=MOST_ATTEMPTS)
        .select_related("channel")
        .order_by("pk")[:MESSAGES_PER_RUN]
    )
    return [
        message
        for message in waiting
        if not message.attempts
        or message.received_at + FIRST_WAIT * (2**message.attempts - 1) <= now
    ]


def _ingest_message(message: InboundMessage) -> bool:
    """Take in the order a message is about; tell whether that worked."""
    channel = message.channel
    try:
        incoming = connector_for(channel).order(message.external_id)
        if incoming is not None:
            operations.ingest_order(channel=channel, incoming=incoming, at=timezone.now())
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one order, the others go on
        fail_message(message_id=message.pk, error=f"{type(error).__name__}: {error}")
        return False
    finish_message(message_id=message.pk)
    return True
