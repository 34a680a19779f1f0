"""The timeline of an order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from orders.models import Order, OrderEvent
from retail.common.models import User


def event(
    order: Order, kind: str, *, at: datetime, by: User | None = None, **details: Any
) -> OrderEvent:
    """Make a row of the timeline, not stored yet; details are plain values, nothing personal."""
    return OrderEvent(order=order, kind=kind, details=details, happened_at=at, caused_by=by)


def record_events(events: Iterable[OrderEvent]) -> None:
    OrderEvent.objects.bulk_create(list(events))
