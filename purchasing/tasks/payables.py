"""Laying files for accounting and the bank where they are fetched."""

from __future__ import annotations

from pathlib import Path

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from purchasing import operations
from purchasing.models import Handover
from retail.common.taskruns import recorded

logger = structlog.get_logger(__name__)

FILES_PER_RUN = 100


@shared_task(name="purchasing.hand_over_files")
@recorded("purchasing.hand_over_files")
def hand_over_files(**_future: object) -> dict[str, int]:
    """Lay every file that is due into the folder; without a folder there is nothing to do."""
    counts = {"done": 0, "failed": 0}
    if not settings.RETAIL_HANDOVER_DIR:
        return counts
    folder, now = Path(settings.RETAIL_HANDOVER_DIR), timezone.now()
    for _ in range(FILES_PER_RUN):
        handover = operations.hand_over_next(folder=folder, at=now)
        if handover is None:
            break
        if handover.state == Handover.State.DONE:
            counts["done"] += 1
        else:
            counts["failed"] += 1
            logger.warning("file_not_handed_over", file=handover.filename, reason=handover.error)
    return counts
