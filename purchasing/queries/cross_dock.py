"""What of a delivery goes straight on to customers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from orders.models import LineAllocation
from purchasing.models import GoodsReceipt, OrderedFor


@dataclass(frozen=True, slots=True)
class CrossDock:
    """Units of a receipt that are promised to an order; is_tied: they were ordered for it."""

    order_id: int
    order: str
    variant_id: int
    sku: str
    units: int
    ship_by: datetime | None
    is_tied: bool


def cross_dock(receipt_id: int) -> list[CrossDock]:
    """
    Return which orders are served from a receipt, those that its goods were ordered for first.

    Those that waited when it came and have been promised its articles there since, up to what came
    of each. What has left is no longer named, and nothing of a receipt that was reversed.
    """
    receipt = GoodsReceipt.objects.get(pk=receipt_id)
    if receipt.status != GoodsReceipt.Status.POSTED:
        return []
    left: dict[int, int] = defaultdict(int)
    line_ids = []
    for line_id, variant_id, accepted in receipt.lines.values_list(
        "order_line_id", "order_line__variant_id", "accepted"
    ):
        line_ids.append(line_id)
        left[variant_id] += accepted
    promises = (
        LineAllocation.objects.filter(
            units__gt=0,
            allocation__level__location=receipt.location_id,
            allocation__level__variant__in=list(left),
            allocation__allocated_at__gte=receipt.received_at,
            line__order__created_at__lte=receipt.received_at,
        )
        .select_related("line__order", "allocation__level__variant")
        .order_by("allocation__allocated_at", "pk")
    )
    tied = set(
        OrderedFor.objects.filter(purchase_line__in=line_ids, served__gt=0).values_list(
            "order_line_id", flat=True
        )
    )
    rows = []
    for promise in sorted(promises, key=lambda promise: promise.line_id not in tied):
        variant = promise.allocation.level.variant
        units = min(promise.units, left[variant.pk])
        if units:
            left[variant.pk] -= units
            order = promise.line.order
            rows.append(
                CrossDock(
                    order_id=order.pk,
                    order=order.number,
                    variant_id=variant.pk,
                    sku=variant.sku,
                    units=units,
                    ship_by=order.ship_by,
                    is_tied=promise.line_id in tied,
                )
            )
    return rows
