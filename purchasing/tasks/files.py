"""Suppliers' files whose lines are taken in a part at a time."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.db import DatabaseError
from django.utils import timezone

from purchasing import operations
from purchasing.operations.catalogues import KIND
from retail.common.models import ImportRun
from retail.common.taskruns import recorded

logger = structlog.get_logger(__name__)

FILES_PER_RUN = 20
# Two million lines; what is left is carried on by the next run.
PARTS_PER_RUN = 200


@shared_task(name="purchasing.apply_supplier_files")
@recorded("purchasing.apply_supplier_files")
def apply_supplier_files(**_future: object) -> dict[str, int]:
    """
    Carry on with every file that is being applied, whoever began it and wherever it stopped.

    Two workers at the same file take turns, part by part. A part that the database refuses,
    because somebody typed the same price at that moment, is compared anew by the next run.
    """
    counts = {"parts": 0, "done": 0, "failed": 0}
    begun = ImportRun.objects.filter(kind=KIND, status=ImportRun.Status.APPLYING)
    for run_id in list(begun.order_by("pk").values_list("pk", flat=True)[:FILES_PER_RUN]):
        try:
            counts["done"] += _carry_on(run_id, counts)
        except DatabaseError:
            logger.exception("supplier_file_part_failed", run=run_id)
            counts["failed"] += 1
    return counts


def _carry_on(run_id: int, counts: dict[str, int]) -> bool:
    """Take in part after part of a file; tell whether it is done."""
    while counts["parts"] < PARTS_PER_RUN:
        counts["parts"] += 1
        run = operations.apply_part(run_id=run_id, at=timezone.now())
        if run.status != ImportRun.Status.APPLYING:
            return True
    return False
