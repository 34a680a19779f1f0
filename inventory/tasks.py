"""Scheduled work: telling channels what they may sell, freeing stock put aside, ends of days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery import shared_task
from django.db.models import F, Q
from django.utils import timezone

from channels.connectors import NoConnector, connector_for
from channels.connectors.base import ChannelError, Connector, StockPush
from channels.models import Channel, Listing, SyncCursor
from inventory import operations
from inventory.operations.snapshots import DAYS_KEPT
from inventory.queries import days_without_snapshot
from retail.common.taskruns import recorded

logger = structlog.get_logger(__name__)

CHANGES_PER_RUN = 5000
LISTINGS_PER_CHANNEL = 2000
ITEMS_PER_CALL = 100
ORDERS_STREAM = "orders"
# Older than this, orders we have not seen may have sold what we are about to offer.
OLDEST_ORDERS = timedelta(minutes=10)
ERRORS_KEPT = 50
TERMS_ARE_KEPT = timedelta(days=90)
TERMS_PER_DELETE = 10_000
RESERVATIONS_PER_BATCH = 500
# Postings wait while a snapshot is taken, so what is missing after a long halt comes by and by.
SNAPSHOTS_PER_RUN = 10


@shared_task(name="inventory.push_stock")
@recorded("inventory.push_stock")
def push_stock(**_future: Any) -> dict[str, Any]:
    """
    Work out what changed listings offer and tell the channels that take stock from us.

    A listing is due while what it offers is not what was pushed, so a failed push is made up for
    by the next run; what a channel refused stands on the listing. A channel whose orders were not
    read for ten minutes is told nothing, nor is one in shadow mode: its offers are only worked out.
    """
    changes = operations.work_out_offers(limit=CHANGES_PER_RUN, at=timezone.now())
    pushed, errors = 0, []
    for channel in Channel.objects.order_by("pk"):
        due = _due_listings(channel) if channel.is_taking_stock else []
        if not due:
            continue
        try:
            connector = connector_for(channel)
        except NoConnector:
            continue  # its stock travels in files, or not at all
        if not _has_fresh_orders(channel, timezone.now()):
            errors.append(f"{channel}: orders were not read for ten minutes, nothing pushed")
            continue
        try:
            for page in _pages(due):
                pushed += _push(channel, connector, page, errors)
        except ChannelError as error:
            errors.append(f"{channel}: {error}")
    for reason in errors:
        logger.warning("stock_not_pushed", reason=reason)
    return {
        "changes": changes,
        "pushed": pushed,
        "errors": len(errors),
        "first_errors": errors[:ERRORS_KEPT],
    }


def _due_listings(channel: Channel) -> list[Listing]:
    """Return what the channel must be told, what sells out first: a zero prevents an oversell."""
    due = Listing.objects.filter(
        Q(pushed_quantity=None) | ~Q(pushed_quantity=F("offered_quantity")),
        channel=channel,
        status=Listing.Status.PUBLISHED,
        offered_quantity__isnull=False,
    )
    return list(due.order_by("offered_quantity", "pk")[:LISTINGS_PER_CHANNEL])


def _has_fresh_orders(channel: Channel, now: datetime) -> bool:
    return SyncCursor.objects.filter(
        channel=channel, stream=ORDERS_STREAM, read_at__gte=now - OLDEST_ORDERS
    ).exists()


def _pages(listings: Sequence[Listing]) -> Iterator[Sequence[Listing]]:
    for start in range(0, len(listings), ITEMS_PER_CALL):
        yield listings[start : start + ITEMS_PER_CALL]


def _push(
    channel: Channel, connector: Connector, listings: Sequence[Listing], errors: list[str]
) -> int:
    """Push one call's worth and keep what was accepted before the next; return how many."""
    pushes = [
        StockPush(
            external_product_id=listing.external_product_id,
            external_variant_id=listing.external_variant_id or "",
            quantity=listing.offered_quantity or 0,
        )
        for listing in listings
    ]
    refused = operations.record_pushed(
        listings=listings,
        quantities=[push.quantity for push in pushes],
        results=connector.push_stock(pushes),
        at=timezone.now(),
    )
    errors += [
        f"{channel}: {listing}: {refused[listing.pk]}"
        for listing in listings
        if listing.pk in refused
    ]
    return len(listings) - len(refused)


@shared_task(name="inventory.refresh_offers")
@recorded("inventory.refresh_offers")
def refresh_offers(**_future: Any) -> dict[str, Any]:
    """Have every offer worked out anew by the next pushes, should a change have gone unnoticed."""
    return {"variants": operations.note_all_listings(at=timezone.now())}


@shared_task(name="inventory.forget_offers")
@recorded("inventory.forget_offers")
def forget_offers(**_future: Any) -> dict[str, Any]:
    """Delete the terms of offers that were replaced more than three months ago."""
    before, deleted = timezone.now() - TERMS_ARE_KEPT, 0
    while batch := operations.forget_offers(before=before, limit=TERMS_PER_DELETE):
        deleted += batch
    return {"deleted": deleted}


@shared_task(name="inventory.release_expired")
@recorded("inventory.release_expired")
def release_expired(**_future: Any) -> dict[str, Any]:
    """Free what was put aside until a moment that is over."""
    now, released = timezone.now(), 0
    while batch := operations.release_expired(limit=RESERVATIONS_PER_BATCH, at=now):
        released += len(batch)
    return {"released": released}


@shared_task(name="inventory.take_snapshot")
@recorded("inventory.take_snapshot")
def take_snapshot(**_future: Any) -> dict[str, Any]:
    """
    Keep how stock stood at the end of the day that is over where the company is; thin old days.

    Days of the last two months that were missed, or whose snapshot a posting dropped that was dated
    back, are made up for, the latest first.
    """
    now = timezone.now()
    missing = days_without_snapshot(at=now, within=DAYS_KEPT, limit=SNAPSHOTS_PER_RUN)
    for ends_at in missing:
        operations.take_snapshot(ends_at=ends_at, at=now)
    return {"taken": len(missing), "dropped": operations.thin_snapshots(at=now)}
