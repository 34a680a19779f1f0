"""Asking for a count of what was not as the system said."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import transaction

from inventory.models import CountRequest, StockCount, StockCountLine, StockLevel
from retail.common.errors import BusinessError
from retail.common.models import User


class CountReasonMissing(BusinessError):
    """A count is asked for with a reason, or not at all."""


@transaction.atomic
def request_counts(
    *, level_ids: Collection[int], reason: str, at: datetime, by: User | None = None
) -> list[CountRequest]:
    """
    Ask that these stock levels be counted; return the open request of each.

    A level that is already to be counted keeps its first request.

    :raises CountReasonMissing: no reason was given.
    """
    if not reason.strip():
        msg = "Say why it should be counted."
        raise CountReasonMissing(msg)
    if not level_ids:
        return []
    # Of two callers at once the constraint lets one in; both then read the same row.
    CountRequest.objects.bulk_create(
        [
            CountRequest(level_id=level_id, reason=reason.strip(), requested_at=at, requested_by=by)
            for level_id in sorted(level_ids)
        ],
        ignore_conflicts=True,
    )
    return list(
        CountRequest.objects.filter(level_id__in=list(level_ids), settled_at__isnull=True).order_by(
            "level_id"
        )
    )


def levels_counted_since(levels: Iterable[StockLevel], at: datetime) -> set[int]:
    """Return the ids of these levels of which a count after a moment is posted already."""
    return set(
        StockCountLine.objects.filter(
            level__in=list(levels), counted_at__gte=at, count__status=StockCount.Status.POSTED
        ).values_list("level_id", flat=True)
    )
