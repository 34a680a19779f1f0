"""Asking for a count of what was not as the system said."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from inventory.models import CountRequest
from retail.common.models import User


@transaction.atomic
def request_counts(
    *, level_ids: Collection[int], reason: str, at: datetime, by: User | None = None
) -> list[CountRequest]:
    """
    Ask that these stock levels be counted; return the open request of each.

    A level that is already to be counted keeps its first request.
    """
    if not level_ids:
        return []
    # Of two callers at once the constraint lets one in; both then read the same row.
    CountRequest.objects.bulk_create(
        [
            CountRequest(level_id=level_id, reason=reason, requested_at=at, requested_by=by)
            for level_id in sorted(level_ids)
        ],
        ignore_conflicts=True,
    )
    return list(
        CountRequest.objects.filter(level_id__in=list(level_ids), settled_at__isnull=True).order_by(
            "level_id"
        )
    )
