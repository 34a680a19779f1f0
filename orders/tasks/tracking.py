"""Scheduled telling of channels about parcels that left."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from celery import shared_task
from django.utils import timezone

from channels.connectors import connector_for
from channels.connectors.base import ChannelError, TrackingPush
from channels.models import OutboxEntry
from channels.operations import claim_outbox, fail_outbox, finish_outbox
from retail.common.errors import BusinessError
from retail.common.taskruns import recorded

PARCELS_PER_RUN = 500


@shared_task(name="orders.push_tracking")
@recorded("orders.push_tracking")
def push_tracking(**_future: object) -> dict[str, int]:
    """Tell channels about parcels that left; what fails is tried again later."""
    counts = {"sent": 0, "failed": 0}
    while sum(counts.values()) < PARCELS_PER_RUN:
        entries = claim_outbox(kind=OutboxEntry.Kind.TRACKING, at=timezone.now())
        if not entries:
            break
        for entry in entries:
            counts["sent" if _push_parcel(entry) else "failed"] += 1
    return counts


def _push_parcel(entry: OutboxEntry) -> bool:
    """Tell one channel about one parcel; tell whether it accepted it."""
    try:
        connector_for(entry.channel).push_tracking(_tracking_push(entry.payload))
    except ChannelError as failure:
        fail_outbox(entry=entry, failure=failure, at=timezone.now())
        return False
    except BusinessError as refusal:
        fail_outbox(entry=entry, failure=ChannelError(refusal.message), at=timezone.now())
        return False
    finish_outbox(entry=entry, at=timezone.now())
    return True


def _tracking_push(payload: dict[str, Any]) -> TrackingPush:
    return TrackingPush(
        external_order_id=payload["external_order_id"],
        carrier=payload["carrier"],
        tracking_number=payload["tracking_number"],
        shipped_at=datetime.fromisoformat(payload["shipped_at"]),
        lines=payload["lines"],
        tracking_url=payload.get("tracking_url", ""),
        replaces=tuple(payload.get("replaces", ())),
    )
