"""Files that were fetched and wait for nobody."""

from __future__ import annotations

from datetime import datetime

from purchasing.models import SupplierFile, Transport
from retail.common.models import ImportRun


def runs_to_apply(*, since: datetime, limit: int) -> list[int]:
    """
    Return the runs of fetched files that are applied without a person, the oldest first.

    Read by the system, not by a person, under a profile that says so, and no guard stops them.
    since: when they were read at the earliest; what could not be applied by then needs somebody.
    """
    return list(
        SupplierFile.objects.filter(
            status=SupplierFile.Status.STAGED,
            profile__is_applied_unattended=True,
            run__status=ImportRun.Status.STAGED,
            run__started_by__isnull=True,
            run__started_at__gte=since,
            run__report__guards=[],
        )
        .exclude(transport=Transport.UPLOAD)
        .order_by("run_id")
        .values_list("run_id", flat=True)[:limit]
    )
