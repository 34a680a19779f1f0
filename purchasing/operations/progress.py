"""How much of an order has come and been billed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F

from purchasing.models import PurchaseOrder, PurchaseOrderLine


@transaction.atomic
def refresh_progress(*, order_ids: Collection[int], at: datetime) -> None:
    """
    Derive receipt and invoice status from the lines; close what has wholly come and been billed.

    Every change of a line's received, invoiced or cancelled units ends with this. The caller
    holds the locks of the orders.
    """
    orders = list(PurchaseOrder.objects.for_update().filter(pk__in=list(order_ids)))
    lines_of = defaultdict(list)
    for order_id, *counts in (
        PurchaseOrderLine.objects.filter(order__in=orders)
        .order_by("pk")
        .values_list("order_id", F("ordered") - F("cancelled"), "received", "invoiced")
    ):
        lines_of[order_id].append(counts)

    done = {PurchaseOrder.Progress.COMPLETE, PurchaseOrder.Progress.OVER}
    for order in orders:
        lines = lines_of[order.pk]
        targets = [target for target, _, _ in lines]
        order.receipt_status = _progress([received for _, received, _ in lines], targets)
        order.invoice_status = _progress([invoiced for _, _, invoiced in lines], targets)
        if (
            order.status == PurchaseOrder.Status.SENT
            and {
                order.receipt_status,
                order.invoice_status,
            }
            <= done
        ):
            order.status, order.closed_at = PurchaseOrder.Status.CLOSED, at
    PurchaseOrder.objects.bulk_update(
        orders, ["receipt_status", "invoice_status", "status", "closed_at"]
    )


def _progress(units: Sequence[int], targets: Sequence[int]) -> PurchaseOrder.Progress:
    """Compare line by line, so that one line with too much cannot hide another with too little."""
    if not any(units):
        return PurchaseOrder.Progress.NONE
    pairs = list(zip(units, targets, strict=True))
    if any(came < target for came, target in pairs):
        return PurchaseOrder.Progress.PARTIAL
    if any(came > target for came, target in pairs):
        return PurchaseOrder.Progress.OVER
    return PurchaseOrder.Progress.COMPLETE
