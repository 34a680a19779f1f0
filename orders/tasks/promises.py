"""Scheduled work on promises: serving orders that wait, settling what was taken back."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from orders import operations
from orders.queries import orders_to_settle
from retail.common.errors import BusinessError
from retail.common.taskruns import recorded

logger = structlog.get_logger(__name__)

SETTLED_PER_RUN = 500


@shared_task(name="orders.serve_waiting")
@recorded("orders.serve_waiting")
def serve_waiting(*, variant_ids: list[int] | None = None, **_future: object) -> dict[str, int]:
    """Promise to waiting orders what has come in, the one to be shipped first before the others."""
    return {
        "orders": operations.allocate_waiting(variant_ids=variant_ids, at=timezone.now()),
    }


@shared_task(name="orders.settle_withdrawn")
@recorded("orders.settle_withdrawn")
def settle_withdrawn(**_future: object) -> dict[str, int]:
    """
    Let orders wait again whose promises a sale, a count or an adjustment has taken back.

    Each order is a transaction of its own. Stock put aside that was taken back waits for nobody.
    """
    counts = {"orders": 0, "units": 0, "refused": 0}
    for order_id in list(
        orders_to_settle().order_by("pk").values_list("pk", flat=True)[:SETTLED_PER_RUN]
    ):
        try:
            units = operations.settle_withdrawn(order_id=order_id, at=timezone.now())
        except BusinessError as refusal:
            logger.warning("withdrawn_not_settled", order_id=order_id, reason=refusal.message)
            counts["refused"] += 1
        else:
            counts["orders"] += 1
            counts["units"] += units
    counts["reservations"] = operations.settle_withdrawn_reservations(
        limit=SETTLED_PER_RUN, at=timezone.now()
    )
    return counts
