"""Scheduled work on what was called off, merged, or not understood."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from channels.connectors import connector_for
from channels.connectors.base import CancellationPush, ChannelError
from channels.models import OutboxEntry
from channels.operations import claim_outbox, fail_outbox, finish_outbox
from orders import operations
from retail.common.errors import BusinessError
from retail.common.taskruns import recorded

CANCELLATIONS_PER_RUN = 500
ARTICLES_PER_RUN = 500
MERGED_PER_RUN = 500


@shared_task(name="orders.push_cancellations")
@recorded("orders.push_cancellations")
def push_cancellations(**_future: object) -> dict[str, int]:
    """Tell channels which pieces will not come; what fails is tried again later."""
    counts = {"sent": 0, "failed": 0}
    while sum(counts.values()) < CANCELLATIONS_PER_RUN:
        entries = claim_outbox(kind=OutboxEntry.Kind.CANCELLATION, at=timezone.now())
        if not entries:
            break
        for entry in entries:
            counts["sent" if _push_cancellation(entry) else "failed"] += 1
    return counts


def _push_cancellation(entry: OutboxEntry) -> bool:
    """Tell one channel of one cancellation; tell whether it accepted it."""
    try:
        connector_for(entry.channel).push_cancellation(CancellationPush(**entry.payload))
    except ChannelError as failure:
        fail_outbox(entry=entry, failure=failure, at=timezone.now())
        return False
    except BusinessError as refusal:
        fail_outbox(entry=entry, failure=ChannelError(refusal.message), at=timezone.now())
        return False
    finish_outbox(entry=entry, at=timezone.now())
    return True


@shared_task(name="orders.link_waiting")
@recorded("orders.link_waiting")
def link_waiting(**_future: object) -> dict[str, int]:
    """Serve orders that wait for an article which has become known since."""
    linked = operations.link_waiting(limit=ARTICLES_PER_RUN, at=timezone.now())
    return {"lines": linked.lines, "orders": linked.orders, "released": linked.released}


@shared_task(name="orders.join_merged")
@recorded("orders.join_merged")
def join_merged(**_future: object) -> dict[str, int]:
    """Call off orders whose channel merged them into one that is here now."""
    return {"orders": operations.join_merged(limit=MERGED_PER_RUN, at=timezone.now())}
