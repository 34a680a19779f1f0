"""Bills beside what was ordered and received, and which of them wait for what."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Greatest, NullIf, Round

from purchasing.models import (
    GoodsReceipt,
    GoodsReceiptLine,
    MatchAllocation,
    PurchaseOrderLine,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from retail.common.money import minor_units, round_rate

ALIKE_WITHIN = timedelta(days=30)


@dataclass(frozen=True)
class Comparison:
    """
    A line of a bill beside an order line it was set against, or beside nothing.

    ordered, received and invoiced are the order line's totals over all deliveries and bills;
    billed and matched are units of this line; unit_price is net with the line's charges.
    """

    line: SupplierInvoiceLine
    order_line: PurchaseOrderLine | None
    billed: int
    matched: int

    @property
    def unit_price(self) -> Decimal:
        return round_rate(self.line.net_amount / self.line.quantity)

    @property
    def price_difference(self) -> Decimal | None:
        """What a unit costs above the order."""
        return None if self.order_line is None else self.unit_price - self.order_line.unit_cost

    @property
    def missing(self) -> int:
        """Billed units that no delivery stands behind."""
        return self.billed - self.matched

    @property
    def is_off(self) -> bool:
        """Whether a person should look: on no order, dearer than ordered, or without goods."""
        return self.price_difference is None or self.price_difference > 0 or self.missing > 0


def invoice_comparison(invoice_id: int) -> list[Comparison]:
    """Return every line of a bill beside what was ordered, received and invoiced in all."""
    lines = SupplierInvoiceLine.objects.filter(invoice=invoice_id).order_by("position")
    matches = (
        MatchAllocation.objects.filter(invoice_line__invoice=invoice_id)
        .select_related("order_line__order", "order_line__variant")
        .order_by("order_line")
    )
    of_line: dict[int, dict[PurchaseOrderLine | None, list[MatchAllocation]]] = defaultdict(dict)
    for match in matches:
        of_line[match.invoice_line_id].setdefault(match.order_line, []).append(match)
    return [
        Comparison(
            line=line,
            order_line=order_line,
            billed=sum(share.units for share in shares) if order_line else line.quantity,
            matched=sum(share.units for share in shares if share.receipt_line_id),
        )
        for line in lines
        for order_line, shares in (of_line[line.pk] or {None: []}).items()
    ]


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


def invoices_to_match() -> QuerySet[SupplierInvoice]:
    """Return bills that were never matched, and those that wait for goods which came since."""
    waits_for_goods = MatchAllocation.objects.filter(
        invoice_line__invoice=OuterRef("pk"), receipt_line__isnull=True
    )
    goods_are_here = Exists(
        GoodsReceiptLine.objects.filter(
            order_line=OuterRef("order_line"),
            accepted__gt=F("matched"),
            receipt__status=GoodsReceipt.Status.POSTED,
        )
    )
    status = SupplierInvoice.Status
    return SupplierInvoice.objects.filter(
        Q(status=status.CAPTURED)
        | Q(
            Exists(waits_for_goods.filter(goods_are_here)),
            kind=SupplierInvoice.Kind.INVOICE,
        )
    ).order_by("pk")


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
