"""Scheduled work that spans apps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from celery import shared_task
from django.utils import timezone

from retail.backoffice.integrity import all_differences
from retail.backoffice.queries import INTEGRITY_TASK
from retail.common.models import TaskRun
from retail.common.taskruns import recorded

logger = structlog.get_logger(__name__)

RUNS_ARE_KEPT = timedelta(days=30)
DIFFERENCES_SHOWN = 20


@shared_task(name=INTEGRITY_TASK)
@recorded(INTEGRITY_TASK)
def check_integrity(**_future: Any) -> dict[str, Any]:
    """Compare all totals with their ledgers; differences are reported, never repaired."""
    found = all_differences()
    for difference in found:
        logger.error("total_differs_from_ledger", difference=str(difference))
    return {"differences": len(found), "first": [str(item) for item in found[:DIFFERENCES_SHOWN]]}


@shared_task(name="backoffice.forget_task_runs")
@recorded("backoffice.forget_task_runs")
def forget_task_runs(**_future: Any) -> dict[str, Any]:
    """Delete records of runs that ended more than a month ago."""
    over = TaskRun.objects.filter(finished_at__lt=timezone.now() - RUNS_ARE_KEPT)
    deleted, _ = over.exclude(name=INTEGRITY_TASK).delete()
    return {"deleted": deleted}
