"""What waits at the buying desk and where deliveries come in, for the home page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, Exists, OuterRef, Q

from purchasing.models import (
    Delivery,
    DeliverySlip,
    HeldGoods,
    PurchaseOrder,
    PurchaseOrderVersion,
    ReplenishmentProposal,
    SupplierReturn,
)
from purchasing.queries import expected_day, still_to_come

DUE_WITHIN = timedelta(days=7)


@dataclass(frozen=True)
class BuyingWaiting:
    """
    What buyers go on with.

    due_soon: order lines that come within a week; late: those that should have come.
    """

    proposals: int
    to_approve: int
    changes_to_approve: int
    to_send: int
    due_soon: int
    late: int
    slipped: int
    returns_to_approve: int


@dataclass(frozen=True)
class ReceivingWaiting:
    """What the people go on with who take deliveries in; held: goods of suppliers that lie here."""

    deliveries: int
    held: int
    returns_to_send: int


def buying_waiting(*, today: date) -> BuyingWaiting:
    """Return what waits at the buying desk, on the day as the people there count it."""
    status = PurchaseOrder.Status
    proposed = PurchaseOrderVersion.objects.filter(
        order=OuterRef("pk"), status=PurchaseOrderVersion.Status.PROPOSED
    )
    orders = PurchaseOrder.objects.aggregate(
        to_approve=Count("pk", filter=Q(status=status.AWAITING_APPROVAL)),
        changes_to_approve=Count("pk", filter=Exists(proposed)),
        to_send=Count("pk", filter=Q(status=status.APPROVED)),
    )
    lines = (
        still_to_come()
        .annotate(due=expected_day())
        .aggregate(
            due_soon=Count("pk", filter=Q(due__range=(today, today + DUE_WITHIN))),
            late=Count("pk", filter=Q(due__lt=today)),
        )
    )
    proposals = ReplenishmentProposal.objects.filter(status=ReplenishmentProposal.Status.OPEN)
    returns = SupplierReturn.objects.filter(status=SupplierReturn.Status.DRAFT)
    return BuyingWaiting(
        **orders,
        **lines,
        proposals=proposals.count(),
        slipped=DeliverySlip.objects.filter(seen_at__isnull=True).count(),
        returns_to_approve=returns.count(),
    )


def receiving_waiting() -> ReceivingWaiting:
    """Return what waits where deliveries come in."""
    returns = SupplierReturn.objects.filter(status=SupplierReturn.Status.APPROVED)
    return ReceivingWaiting(
        deliveries=Delivery.objects.filter(status=Delivery.Status.OPEN).count(),
        held=HeldGoods.objects.open().count(),
        returns_to_send=returns.count(),
    )
