"""Matching bills when their goods have come."""

from __future__ import annotations

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
    counts = {"matched": 0, "refused": 0}
    invoice_ids = list(invoices_to_match().values_list("pk", flat=True)[:INVOICES_PER_RUN])
    for invoice_id in invoice_ids:
        try:
            operations.match_invoice(invoice_id=invoice_id, at=timezone.now())
        except BusinessError as refusal:
            logger.warning("invoice_not_matched", invoice=invoice_id, reason=refusal.message)
            counts["refused"] += 1
        else:
            counts["matched"] += 1
    return counts
