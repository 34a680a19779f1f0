"""How much of an order has come and been billed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from purchasing.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderVersion

Counts = tuple[int, int]


@transaction.atomic
def refresh_progress(*, order_ids: Collection[int], at: datetime) -> None:
    """
    Derive receipt and invoice status from the lines; close what has wholly come and been billed.

    Every change of a line's received, invoiced, cancelled, returned or to-replace units ends with
    this. A closed order of which something is expected again is open again; one with a change that
    waits for approval is not closed. The caller holds the locks of the orders.
    """
    change_waits = PurchaseOrderVersion.objects.filter(
        order=OuterRef("pk"), status=PurchaseOrderVersion.Status.PROPOSED
    )
    orders = list(
        PurchaseOrder.objects.for_update()
        .filter(pk__in=list(order_ids))
        .annotate(change_waits=Exists(change_waits))
    )
    lines_of = defaultdict(list)
    for line in PurchaseOrderLine.objects.filter(order__in=orders).order_by("pk"):
        lines_of[line.order_id].append(line)
    for order in orders:
        lines = lines_of[order.pk]
        received = [(line.received, line.to_receive) for line in lines]
        invoiced = [(line.invoiced, line.to_invoice) for line in lines]
        order.receipt_status, order.invoice_status = _progress(received), _progress(invoiced)
        is_done = bool(lines) and all(done >= target for done, target in received + invoiced)
        is_expected = any(line.expected for line in lines)
        if order.status == PurchaseOrder.Status.SENT and is_done and not order.change_waits:
            order.status, order.closed_at = PurchaseOrder.Status.CLOSED, at
        elif order.status == PurchaseOrder.Status.CLOSED and is_expected:
            reopen(order)
    PurchaseOrder.objects.bulk_update(
        orders,
        [
            *("receipt_status", "invoice_status", "status"),
            *("closed_at", "closed_by", "close_reason"),
        ],
    )


def reopen(order: PurchaseOrder) -> None:
    """Let goods come in again on a closed order; the caller holds its lock and saves it."""
    order.status = PurchaseOrder.Status.SENT
    order.closed_at = order.closed_by = None
    order.close_reason = ""


def _progress(lines: Sequence[Counts]) -> PurchaseOrder.Progress:
    """
    Compare line by line, so that one line with too much cannot hide another with too little.

    lines: pairs of what was done and what there is to do.
    """
    if not any(done for done, _target in lines):
        return PurchaseOrder.Progress.NONE
    if any(done < target for done, target in lines):
        return PurchaseOrder.Progress.PARTIAL
    if any(done > target for done, target in lines):
        return PurchaseOrder.Progress.OVER
    return PurchaseOrder.Progress.COMPLETE
