"""What is not billed yet, and which bills wait for what."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Greatest, NullIf, Round

from purchasing.models import (
    GoodsReceipt,
    GoodsReceiptLine,
    PurchaseOrderLine,
    SupplierInvoice,
)
from retail.common.money import minor_units

ALIKE_WITHIN = timedelta(days=30)


def goods_not_invoiced() -> QuerySet[PurchaseOrderLine]:
    """
    Return the order lines of which goods came that no bill was set against, the oldest first.

    Less what went back: goods sent back before they were billed are not billed, and what came in
    place of goods that were billed is not billed again.
    Annotates open_units, open_value (at receipt cost, book currency) and oldest_receipt_at.
    """
    is_unbilled = Q(accepted__gt=F("matched"), receipt__status=GoodsReceipt.Status.POSTED)
    unbilled = GoodsReceiptLine.objects.filter(is_unbilled, order_line=OuterRef("pk"))
    counts = Q(
        receipt_lines__accepted__gt=0, receipt_lines__receipt__status=GoodsReceipt.Status.POSTED
    )
    open_units = (
        F("receipt_lines__accepted") - F("receipt_lines__returned") - F("receipt_lines__matched")
    )
    # What was accepted of a line is above zero where it counts.
    share = F("receipt_lines__value") * open_units / NullIf("receipt_lines__accepted", 0)
    decimals = minor_units(settings.RETAIL_CURRENCY)
    return (
        PurchaseOrderLine.objects.filter(Exists(unbilled))
        .annotate(
            open_units=Sum(open_units, filter=counts),
            open_value=Sum(Round(share, precision=decimals), filter=counts),
            oldest_receipt_at=Min(
                "receipt_lines__receipt__received_at",
                filter=counts & Q(receipt_lines__accepted__gt=F("receipt_lines__matched")),
            ),
        )
        .filter(open_units__gt=0)
        .select_related("order__supplier", "variant")
        .order_by("oldest_receipt_at", "pk")
    )


def lines_to_bill(order_id: int) -> QuerySet[PurchaseOrderLine]:
    """Return the lines of one order of which something is not billed yet, received or not."""
    return (
        PurchaseOrderLine.objects.filter(
            order=order_id,
            invoiced__lt=Greatest(F("ordered") - F("cancelled"), F("received") - F("to_replace")),
        )
        .select_related("variant__product")
        .order_by("position")
    )


def invoices_like(invoice: SupplierInvoice) -> QuerySet[SupplierInvoice]:
    """Return other documents of the supplier over the same total, within 30 days."""
    return (
        SupplierInvoice.objects.filter(
            supplier=invoice.supplier_id,
            kind=invoice.kind,
            currency=invoice.currency,
            total=invoice.total,
            invoiced_on__range=(
                invoice.invoiced_on - ALIKE_WITHIN,
                invoice.invoiced_on + ALIKE_WITHIN,
            ),
        )
        .exclude(pk=invoice.pk)
        .exclude(status=SupplierInvoice.Status.VOID)
        .order_by("invoiced_on", "pk")
    )
