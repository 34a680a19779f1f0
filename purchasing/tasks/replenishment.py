"""Working out every night what to buy."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from purchasing import operations
from retail.common.taskruns import recorded


@shared_task(name="purchasing.propose_replenishment")
@recorded("purchasing.propose_replenishment")
def propose_replenishment(**_future: object) -> dict[str, int]:
    """Work out for all locations what to buy, once a day however often it is called."""
    now = timezone.now()
    run = operations.propose_replenishment(
        key=f"day/{timezone.localdate(now).isoformat()}", at=now, by=None
    )
    return {
        "considered": run.considered,
        "proposed": run.proposed,
        "renewed": run.renewed,
        "withdrawn": run.withdrawn,
        "faults": run.faults.count(),
    }
