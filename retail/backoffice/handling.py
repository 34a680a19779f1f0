"""What waits at the packing table, at the counter and at the returns desk, for the home page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q

from orders.models import ChannelConflict, Fulfillment, Order, Pickup, Refund, Return
from orders.queries import QUEUES


@dataclass(frozen=True)
class PackingWaiting:
    """Orders to be picked, and fulfillments by how far they got."""

    to_pick: int
    in_picking: int
    to_send: int


@dataclass(frozen=True)
class PickupsWaiting:
    """Orders that customers collect; `expired`: proposed to be put back."""

    to_make_ready: int
    overdue: int
    ready: int
    arrived: int
    expired: int


@dataclass(frozen=True)
class ReturnsWaiting:
    to_approve: int
    expected: int
    to_decide: int


@dataclass(frozen=True)
class RefundsWaiting:
    to_approve: int
    to_pay_out: int
    failed: int


@dataclass(frozen=True)
class ConflictsWaiting:
    """What channels and we disagree about, and by when the first is to be decided."""

    count: int
    first_due_at: datetime | None


def packing_waiting(*, at: datetime) -> PackingWaiting:
    status = Fulfillment.Status
    counts = Fulfillment.objects.begun().aggregate(
        in_picking=Count("pk", filter=Q(status=status.PICKING)),
        to_send=Count("pk", filter=Q(status=status.PACKED, method=Fulfillment.Method.SHIP)),
    )
    to_pick = QUEUES["pick"].keep(Order.objects.all(), at).count()
    return PackingWaiting(to_pick=to_pick, **counts)


def pickups_at_counter(*, at: datetime) -> PickupsWaiting:
    status = Pickup.Status
    waiting, ready = Q(status=status.WAITING), Q(status=status.READY)
    counts = Pickup.objects.filter(waiting | ready).aggregate(
        to_make_ready=Count("pk", filter=waiting & Q(order__lifecycle=Order.Lifecycle.CONFIRMED)),
        overdue=Count("pk", filter=waiting & Q(promised_at__lt=at)),
        ready=Count("pk", filter=ready),
        arrived=Count("pk", filter=Q(arrived_at__isnull=False)),
        expired=Count("pk", filter=ready & Q(expiry_proposed_at__isnull=False)),
    )
    return PickupsWaiting(**counts)


def returns_waiting() -> ReturnsWaiting:
    status = Return.Status
    counts = Return.objects.exclude(
        status__in=[status.CLOSED, status.DECLINED, status.CANCELLED]
    ).aggregate(
        to_approve=Count("pk", filter=Q(status=status.REQUESTED)),
        expected=Count("pk", filter=Q(status__in=[status.APPROVED, status.IN_TRANSIT])),
        to_decide=Count("pk", filter=Q(status=status.RECEIVED)),
    )
    return ReturnsWaiting(**counts)


def refunds_waiting() -> RefundsWaiting:
    status = Refund.Status
    counts = Refund.objects.open().aggregate(
        to_approve=Count("pk", filter=Q(status=status.AWAITING_APPROVAL)),
        to_pay_out=Count("pk", filter=Q(status=status.GRANTED)),
        failed=Count("pk", filter=Q(status=status.FAILED)),
    )
    return RefundsWaiting(**counts)


def conflicts_waiting() -> ConflictsWaiting:
    counts = ChannelConflict.objects.open().aggregate(count=Count("pk"), first_due_at=Min("due_at"))
    return ConflictsWaiting(**counts)
