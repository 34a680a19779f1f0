"""Finding and locking all bills, orders and receipts that have to be worked out together."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Greatest, Upper

from purchasing.models import (
    GoodsReceipt,
    GoodsReceiptLine,
    MatchAllocation,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderLineQuerySet,
    SupplierInvoice,
    SupplierInvoiceLine,
)

Status = SupplierInvoice.Status
MATCHABLE = (Status.CAPTURED, Status.MATCHING, Status.ON_HOLD, Status.MATCHED)
PAYABLE = (Status.APPROVED, Status.EXPORTED, Status.PAID)
BILLED_ORDERS = (PurchaseOrder.Status.SENT, PurchaseOrder.Status.CLOSED)


@dataclass(frozen=True)
class Pool:
    """
    Every open bill, order line and receipt line of the same articles of one supplier.

    Bills of one article compete for the same receipts, so they are worked out together and the
    answer does not depend on which of them was matched last. Order lines stand in the order they
    were made, receipt lines with the oldest delivery first.
    """

    supplier_id: int
    order_lines: Sequence[PurchaseOrderLine]
    receipt_lines: Sequence[GoodsReceiptLine]
    invoices: dict[int, SupplierInvoice]
    invoice_lines: Sequence[SupplierInvoiceLine]
    matches: Sequence[MatchAllocation]

    @cached_property
    def _invoice_ids(self) -> dict[int, int]:
        return {line.pk: line.invoice_id for line in self.invoice_lines}

    def invoice_of(self, line_id: int) -> SupplierInvoice:
        return self.invoices[self._invoice_ids[line_id]]

    def sign_of(self, line_id: int) -> int:
        """Return which way the units of an invoice line count."""
        is_credit = self.invoice_of(line_id).kind == SupplierInvoice.Kind.CREDIT_NOTE
        return -1 if is_credit else 1


def lock_pool(invoice_id: int) -> Pool:
    """
    Lock and read all that has a part in matching this invoice.

    Locks: the orders, the invoices, the order lines, the receipt lines, each by primary key.
    """
    supplier_id = SupplierInvoice.objects.values_list("supplier", flat=True).get(pk=invoice_id)
    variant_ids = _articles(supplier_id, invoice_id)
    candidates = _order_lines(supplier_id, variant_ids, invoice_id)
    order_ids = list(candidates.values_list("order", flat=True))
    list(PurchaseOrder.objects.for_update().filter(pk__in=order_ids))

    # Every operation that bills or receives on these lines holds their order: they stand still.
    order_lines = list(
        candidates.filter(order__in=order_ids).select_related("order", "variant").order_by("pk")
    )
    invoice_lines = _invoice_lines(supplier_id, order_lines, invoice_id)
    invoices = SupplierInvoice.objects.for_update().filter(
        pk__in={line.invoice_id for line in invoice_lines} | {invoice_id}
    )
    return Pool(
        supplier_id=supplier_id,
        invoices={invoice.pk: invoice for invoice in invoices},
        order_lines=list(
            PurchaseOrderLine.objects.for_update()
            .filter(pk__in=[line.pk for line in order_lines])
            .select_related("order", "variant")
        ),
        receipt_lines=_lock_receipt_lines(order_lines),
        invoice_lines=invoice_lines,
        matches=list(
            MatchAllocation.objects.filter(
                invoice_line__in=invoice_lines, order_line__in=order_lines
            ).order_by("pk")
        ),
    )


def order_line_skus(line: PurchaseOrderLine) -> set[str]:
    """Return the codes, in capitals, by which a supplier's document may name an order line."""
    return {code.upper() for code in (line.supplier_sku, line.variant.sku) if code}


def order_number(text: str) -> str:
    """Return our order number as the database has it, however the supplier wrote it."""
    plain = re.sub(r"[^0-9A-Z]", "", text.upper())
    digits = plain.removeprefix("PO")
    return f"PO-{digits}" if digits.isdigit() else plain


def _articles(supplier_id: int, invoice_id: int) -> set[int]:
    """
    Return the variants that the invoice's lines mean.

    A code may mean more than one, and other bills of one of these yet another: those too.
    """
    lines = list(SupplierInvoiceLine.objects.filter(invoice=invoice_id))
    variant_ids: set[int] = set()
    while more := _variants_meant(supplier_id, lines) - variant_ids:
        variant_ids |= more
        order_lines = _order_lines(supplier_id, variant_ids, invoice_id)
        lines = _invoice_lines(supplier_id, list(order_lines), invoice_id)
    return variant_ids


def _variants_meant(supplier_id: int, lines: Sequence[SupplierInvoiceLine]) -> set[int]:
    goods = [line for line in lines if line.kind != SupplierInvoiceLine.Kind.CHARGE]
    skus = {line.supplier_sku.upper() for line in goods if line.supplier_sku}
    gtins = {line.gtin for line in goods if line.gtin}
    is_matched = Exists(
        MatchAllocation.objects.filter(order_line=OuterRef("pk"), invoice_line__in=goods)
    )
    return set(
        PurchaseOrderLine.objects.filter(
            order__supplier=supplier_id, order__status__in=BILLED_ORDERS
        )
        .annotate(supplier_code=Upper("supplier_sku"), our_code=Upper("variant__sku"))
        .filter(
            Q(supplier_code__in=skus)
            | Q(our_code__in=skus)
            | Q(variant__gtin__in=gtins)
            | Q(is_matched)
        )
        .values_list("variant", flat=True)
    )


def _order_lines(
    supplier_id: int, variant_ids: Collection[int], invoice_id: int
) -> PurchaseOrderLineQuerySet:
    """Return the lines of these articles on which something is open, or that the invoice names."""
    numbers = SupplierInvoiceLine.objects.filter(invoice=invoice_id).values_list(
        "order_number", flat=True
    )
    is_in_work = Exists(
        MatchAllocation.objects.filter(
            Q(invoice_line__invoice=invoice_id) | Q(invoice_line__invoice__status__in=MATCHABLE),
            order_line=OuterRef("pk"),
        )
    )
    return (
        PurchaseOrderLine.objects.filter(
            Q(invoiced__lt=Greatest(F("ordered") - F("cancelled"), F("received") - F("to_replace")))
            | Q(is_in_work)
            | Q(order__number__in={order_number(number) for number in numbers}),
            order__supplier=supplier_id,
            order__status__in=BILLED_ORDERS,
            variant__in=variant_ids,
        )
        .select_related("variant")
        .order_by("pk")
    )


def _invoice_lines(
    supplier_id: int, order_lines: Sequence[PurchaseOrderLine], invoice_id: int
) -> list[SupplierInvoiceLine]:
    """Return the lines of the invoice, and of others those that bill the same order lines."""
    skus = {sku for line in order_lines for sku in order_line_skus(line)}
    gtins = {line.variant.gtin for line in order_lines if line.variant.gtin}
    is_matched = Exists(
        MatchAllocation.objects.filter(invoice_line=OuterRef("pk"), order_line__in=order_lines)
    )
    means_the_same = (
        (Q(code__in=skus) | Q(gtin__in=gtins))
        & ~Q(kind=SupplierInvoiceLine.Kind.CHARGE)
        & Q(invoice__supplier=supplier_id, invoice__status__in=MATCHABLE)
    )
    return list(
        SupplierInvoiceLine.objects.annotate(code=Upper("supplier_sku"))
        .filter(Q(invoice=invoice_id) | Q(is_matched) | means_the_same)
        .order_by("pk")
    )


def _lock_receipt_lines(order_lines: Sequence[PurchaseOrderLine]) -> list[GoodsReceiptLine]:
    locked = (
        GoodsReceiptLine.objects.filter(
            order_line__in=order_lines, receipt__status=GoodsReceipt.Status.POSTED
        )
        .select_related("receipt")
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )
    return sorted(locked, key=lambda line: (line.receipt.received_at, line.pk))
