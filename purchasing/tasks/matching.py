"""Matching bills when their goods have come."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from celery import shared_task
from django.utils import timezone

from purchasing import operations
from purchasing.queries import invoices_to_match
from retail.common.errors import BusinessError
from retail.common.taskruns import recorded

logger = structlog.get_logger(__name__)

INVOICES_PER_RUN = 500


@shared_task(name="purchasing.match_waiting_invoices")
@recorded("purchasing.match_waiting_invoices")
def match_waiting_invoices(**_future: object) -> dict[str, int]:
    """Match the bills that were never matched, and those whose goods have come since."""
    invoice_ids = list(invoices_to_match().values_list("pk", flat=True)[:INVOICES_PER_RUN])
    try:
        operations.match_invoices(invoice_ids=invoice_ids, at=timezone.now())
    except BusinessError as refusal:
        # One that cannot be matched keeps none of the others back.
        logger.warning("invoices_not_matched_together", reason=refusal.message)
        return _match_one_by_one(invoice_ids)
    return {"matched": len(invoice_ids), "refused": 0}


def _match_one_by_one(invoice_ids: Sequence[int]) -> dict[str, int]:
    counts = {"matched": 0, "refused": 0}
    for invoice_id in invoice_ids:
        try:
            operations.match_invoice(invoice_id=invoice_id, at=timezone.now())
        except BusinessError as refusal:
            logger.warning("invoice_not_matched", invoice=invoice_id, reason=refusal.message)
            counts["refused"] += 1
        else:
            counts["matched"] += 1
    return counts
