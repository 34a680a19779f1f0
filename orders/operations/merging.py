"""Orders that a channel made one of: the old ones end once the new one is here."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from orders.models import ChannelConflict, Order
from orders.operations.conflicts import decide_conflict
from orders.operations.promised import lines_of
from orders.operations.statuses import locked_order
from orders.operations.updating import Progress, progress_of


def join_merged(*, at: datetime, limit: int) -> int:
    """
    Call off orders that wait for the one their channel merged them into, once that is here.

    What is packed or has left is for a person to decide. Each order is a transaction of its own.
    Returns how many were called off.
    """
    kind = ChannelConflict.Kind.MERGED
    waiting = ChannelConflict.objects.open().filter(kind=kind).order_by("pk")
    joined = 0
    for conflict in list(waiting.select_related("order")[:limit]):
        told = {"channel": conflict.order.channel_id}
        if Order.objects.filter(**told, external_id=conflict.theirs["merged_into"]).exists():
            joined += _join(conflict, at)
    return joined


@transaction.atomic
def _join(conflict: ChannelConflict, at: datetime) -> bool:
    order = locked_order(conflict.order_id)
    if progress_of(order, lines_of(order)) not in {Progress.NOT_BEGUN, Progress.PICKING}:
        return False
    decide_conflict(
        conflict_id=conflict.pk,
        decision=ChannelConflict.Decision.TAKE_THEIRS,
        note="The order it was merged into has come.",
        at=at,
    )
    return True
