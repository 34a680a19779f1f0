"""What an order or a receipt that was changed means for the bills that stood against it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Q

from purchasing.models import (
    GoodsReceiptLine,
    InvoiceStep,
    MatchAllocation,
    MatchException,
    PurchaseOrder,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from purchasing.operations.findings import SETTLED
from purchasing.operations.steps import note_steps
from purchasing.queries.rematching import REMATCHED


def ask_to_match(*, order_ids: Collection[int], why: str, at: datetime) -> None:
    """
    Ask for the open bills of these orders to be matched again; a scheduled task does it.

    Also for bills of the same suppliers that found no order, for they may find one now.
    why: what changed, for the timelines of the bills. The caller holds the locks of the orders.
    """
    matched = MatchAllocation.objects.filter(order_line__order__in=list(order_ids))
    assigned = SupplierInvoiceLine.objects.filter(assigned_line__order__in=list(order_ids))
    homeless = MatchException.objects.filter(
        kind=MatchException.Kind.NO_ORDER,
        invoice__supplier__in=PurchaseOrder.objects.filter(pk__in=list(order_ids)).values(
            "supplier"
        ),
    ).exclude(status__in=SETTLED)
    bills = SupplierInvoice.objects.filter(
        Q(pk__in=matched.values("invoice_line__invoice"))
        | Q(pk__in=assigned.values("invoice"))
        | Q(pk__in=homeless.values("invoice")),
        status__in=REMATCHED,
    )
    note_steps(
        [(pk, why) for pk in bills.order_by("pk").values_list("pk", flat=True)],
        InvoiceStep.Kind.NOTED,
        at=at,
        by=None,
    )


def lock_bills_of(receipt_id: int) -> list[SupplierInvoice]:
    """
    Lock the bills that were set against a receipt, by primary key.

    The caller holds the orders of the receipt, so that no bill is matched to it meanwhile.
    """
    matched = MatchAllocation.objects.filter(receipt_line__receipt=receipt_id)
    return list(
        SupplierInvoice.objects.for_update().filter(
            pk__in=list(matched.values_list("invoice_line__invoice", flat=True))
        )
    )


def let_wait_again(receipt_lines: Sequence[GoodsReceiptLine], *, at: datetime) -> None:
    """
    Let the units of open bills that stood against these receipt lines wait for goods again.

    The caller holds the bills, none of which is payable, and the receipt lines.
    """
    matches = list(MatchAllocation.objects.filter(receipt_line__in=receipt_lines).order_by("pk"))
    if not matches:
        return
    waiting = {
        (match.invoice_line_id, match.order_line_id): match
        for match in MatchAllocation.objects.filter(
            invoice_line__in=[match.invoice_line_id for match in matches],
            receipt_line__isnull=True,
        )
    }
    changed, gone = [], []
    for match in matches:
        place = (match.invoice_line_id, match.order_line_id)
        if (other := waiting.get(place)) is None:
            match.receipt_line, match.matched_at = None, at
            waiting[place] = match
            changed.append(match)
        else:
            other.units, other.matched_at = other.units + match.units, at
            changed.append(other)
            gone.append(match.pk)
    MatchAllocation.objects.filter(pk__in=gone).delete()
    MatchAllocation.objects.bulk_update(
        list(dict.fromkeys(changed)), ["receipt_line", "units", "matched_at"]
    )
    for line in receipt_lines:
        line.matched = 0
    GoodsReceiptLine.objects.bulk_update(receipt_lines, ["matched"])
