"""Telling channels what they shall pay back, and calling off what nobody paid for."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from channels.connectors import connector_for
from channels.connectors.base import ChannelError, ChannelRefused
from channels.models import OutboxEntry
from channels.operations import claim_outbox, finish_outbox
from orders import operations
from orders.queries import orders_to_call_off
from retail.common.errors import BusinessError
from retail.common.taskruns import recorded

logger = structlog.get_logger(__name__)

REFUNDS_PER_RUN = 500
CALLED_OFF_PER_RUN = 500


@shared_task(name="orders.push_refunds")
@recorded("orders.push_refunds")
def push_refunds(**_future: object) -> dict[str, int]:
    """
    Have channels pay back what was granted; what they accept is settled, and only then.

    The channel is told our number of the refund and pays it once, so that what got no answer, or
    whose answer was not written down, is simply told again.
    """
    counts = {"settled": 0, "failed": 0}
    while sum(counts.values()) < REFUNDS_PER_RUN:
        entries = claim_outbox(kind=OutboxEntry.Kind.REFUND, at=timezone.now())
        if not entries:
            break
        for entry in entries:
            counts["settled" if _push_refund(entry) else "failed"] += 1
    return counts


def _push_refund(entry: OutboxEntry) -> bool:
    """Have one channel pay one refund; tell whether it accepted."""
    try:
        external_id = _told(entry)
    except ChannelError as failure:
        operations.note_push_failure(entry=entry, failure=failure, at=timezone.now())
        return False
    except BusinessError as refusal:
        trouble = ChannelError(refusal.message)
        operations.note_push_failure(entry=entry, failure=trouble, at=timezone.now())
        return False
    operations.settle_sent_refund(
        refund_id=entry.payload["refund_id"], external_id=external_id, at=timezone.now()
    )
    finish_outbox(entry=entry, at=timezone.now())
    return True


def _told(entry: OutboxEntry) -> str:
    """
    Tell the channel; return what it calls the refund.

    :raises ChannelError: it did not accept, or the refund is not to be paid any more.
    """
    push = operations.begin_push(payload=entry.payload)
    if push is None:
        raise ChannelRefused("The refund is not to be paid by the channel any more.")
    return connector_for(entry.channel).push_refund(push)


@shared_task(name="orders.call_off_unpaid")
@recorded("orders.call_off_unpaid")
def call_off_unpaid(**_future: object) -> dict[str, int]:
    """Call off orders whose time to pay is over, each in a transaction of its own."""
    counts = {"orders": 0, "refused": 0}
    now = timezone.now()
    due = orders_to_call_off(at=now).order_by("pk").values_list("pk", flat=True)
    for order_id in list(due[:CALLED_OFF_PER_RUN]):
        try:
            called_off = operations.call_off_unpaid(order_id=order_id, at=now)
        except BusinessError as refusal:
            logger.warning("unpaid_not_called_off", order_id=order_id, reason=refusal.message)
            counts["refused"] += 1
        else:
            counts["orders"] += called_off is not None
    return counts
