"""Noting on returns to suppliers what their credit notes say."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from purchasing import operations
from purchasing.queries import credits_to_note
from retail.common.errors import BusinessError
from retail.common.taskruns import recorded

logger = structlog.get_logger(__name__)


@shared_task(name="purchasing.note_credits_of_returns")
@recorded("purchasing.note_credits_of_returns")
def note_credits_of_returns(**_future: object) -> dict[str, int]:
    """Note approved credit notes on the returns that await them; the last one settles a return."""
    counts = {"noted": 0, "refused": 0}
    for credit in credits_to_note():
        try:
            operations.note_credit(
                return_id=credit.return_id,
                number=credit.number,
                credited=credit.credited,
                at=timezone.now(),
                by=None,
            )
        except BusinessError as refusal:
            logger.warning(
                "credit_not_noted",
                supplier_return=credit.return_id,
                number=credit.number,
                reason=refusal.message,
            )
            counts["refused"] += 1
        else:
            counts["noted"] += 1
    return counts
