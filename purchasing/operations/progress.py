"""How much of an order has come and been billed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Least

from purchasing.models import PurchaseOrder, PurchaseOrderLine

_ORDERED = F("ordered") - F("cancelled")
_TO_COME = _ORDERED + F("to_replace")
_TO_BE_BILLED = Least(_ORDERED, Greatest(_ORDERED, F("received") - F("to_replace")) - F("returned"))


@transaction.atomic
def refresh_progress(*, order_ids: Collection[int], at: datetime) -> None:
    """
    Derive receipt and invoice status from the lines; close what has wholly come and been billed.

    Units sent back to be replaced come again, and those sent back for a credit are not billed in
    the end, unless they had come beyond what was ordered.
    Every change of a line's received, invoiced, cancelled or returned units ends with this. The
    caller holds the locks of the orders.
    """
    orders = list(PurchaseOrder.objects.for_update().filter(pk__in=list(order_ids)))
    lines_of = defaultdict(list)
    for order_id, *counts in (
        PurchaseOrderLine.objects.filter(order__in=orders)
        .order_by("pk")
        .values_list("order_id", _TO_COME, "received", _TO_BE_BILLED, "invoiced")
    ):
        lines_of[order_id].append(counts)

    done = {PurchaseOrder.Progress.COMPLETE, PurchaseOrder.Progress.OVER}
    for order in orders:
        lines = lines_of[order.pk]
        order.receipt_status = _progress([(came, due) for due, came, _, _ in lines])
        order.invoice_status = _progress([(billed, due) for _, _, due, billed in lines])
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


def _progress(pairs: Sequence[tuple[int, int]]) -> PurchaseOrder.Progress:
    """
    Compare line by line, so that one line with too much cannot hide another with too little.

    pairs: what came of each line, and what was due.
    """
    if not any(came for came, _ in pairs):
        return PurchaseOrder.Progress.NONE
    if any(came < target for came, target in pairs):
        return PurchaseOrder.Progress.PARTIAL
    if any(came > target for came, target in pairs):
        return PurchaseOrder.Progress.OVER
    return PurchaseOrder.Progress.COMPLETE
