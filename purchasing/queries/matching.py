"""Which bills are to be matched, and which order lines a line of a bill may be meant for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest

from purchasing.matching_facts import order_key
from purchasing.models import (
    GoodsReceipt,
    GoodsReceiptLine,
    MatchAllocation,
    PurchaseOrder,
    PurchaseOrderLine,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from purchasing.queries.rematching import is_asked_to_match

SUGGESTED_AT_MOST = 5
# Of a supplier with more open lines than this the youngest are looked at.
LINES_LOOKED_AT = 2_000
NAME, PRICE, UNITS, ORDER = 0.5, 0.25, 0.1, 0.15
LEAST_FIT = 0.3


def invoices_to_match() -> QuerySet[SupplierInvoice]:
    """
    Return bills that were never matched, and those that may come out differently now.

    Goods came that they wait for, or their order or its deliveries were changed since.
    """
    goods_are_here = Exists(
        GoodsReceiptLine.objects.filter(
            order_line=OuterRef("order_line"),
            accepted__gt=F("matched"),
            receipt__status=GoodsReceipt.Status.POSTED,
        )
    )
    # What gives back waits for no goods: a line of a bill that takes away, or of a credit note
    # that does not.
    invoice = SupplierInvoice.Kind.INVOICE
    asks_for_goods = Q(invoice_line__invoice__kind=invoice, invoice_line__is_deduction=False) | (
        ~Q(invoice_line__invoice__kind=invoice) & Q(invoice_line__is_deduction=True)
    )
    waiting = MatchAllocation.objects.filter(
        asks_for_goods, goods_are_here, receipt_line__isnull=True, is_price_only=False
    )
    # Each kind by an index of its own, which one condition with "or" between them would not use.
    ids = (
        SupplierInvoice.objects.filter(status=SupplierInvoice.Status.CAPTURED)
        .values("pk")
        .union(
            waiting.values("invoice_line__invoice"),
            SupplierInvoice.objects.filter(is_asked_to_match()).values("pk"),
        )
    )
    return SupplierInvoice.objects.filter(pk__in=ids).order_by("pk")


@dataclass(frozen=True)
class OrderLineSuggestion:
    """
    An order line that a line of a bill may be meant for; nobody but a person says so.

    fit: 0 to 1. reasons: what speaks for it, in words.
    """

    order_line: PurchaseOrderLine
    open_units: int
    fit: float
    reasons: tuple[str, ...]


def suggested_order_lines(invoice_id: int) -> dict[int, list[OrderLineSuggestion]]:
    """
    Return invoice line id -> open order lines that may be meant, the best fit first.

    For the lines that were set against nothing; compared by name, price and open units. Three
    queries, whatever the number of lines.
    """
    lines = list(
        SupplierInvoiceLine.objects.filter(invoice=invoice_id, matches__isnull=True)
        .exclude(kind=SupplierInvoiceLine.Kind.CHARGE)
        .select_related("invoice")
        .order_by("position")
    )
    if not lines:
        return {}
    open_lines = [
        (line, _trigrams(f"{line.variant.product.name} {line.variant.name}"))
        for line in _open_lines(lines[0].invoice.supplier_id)
    ]
    return {line.pk: _suggestions(line, open_lines) for line in lines}


def _open_lines(supplier_id: int) -> QuerySet[PurchaseOrderLine]:
    billable = Greatest(F("ordered") - F("cancelled"), F("received") - F("to_replace"))
    return (
        PurchaseOrderLine.objects.filter(
            order__supplier=supplier_id,
            order__status__in=(PurchaseOrder.Status.SENT, PurchaseOrder.Status.CLOSED),
            invoiced__lt=billable,
        )
        .annotate(open_units=billable - F("invoiced"))
        .select_related("order", "variant__product")
        .order_by("-pk")[:LINES_LOOKED_AT]
    )


def _suggestions(
    line: SupplierInvoiceLine, open_lines: Sequence[tuple[PurchaseOrderLine, set[str]]]
) -> list[OrderLineSuggestion]:
    name = _trigrams(line.description)
    fits = [_suggestion(line, name, order_line, words) for order_line, words in open_lines]
    good = [suggestion for suggestion in fits if suggestion.fit >= LEAST_FIT]
    good.sort(key=lambda suggestion: (-suggestion.fit, suggestion.order_line.pk))
    return good[:SUGGESTED_AT_MOST]


def _suggestion(
    line: SupplierInvoiceLine,
    name: set[str],
    order_line: PurchaseOrderLine,
    order_name: set[str],
) -> OrderLineSuggestion:
    likeness = _likeness(name, order_name)
    closeness = _closeness(line.net_amount / line.quantity, order_line.unit_cost)
    open_units: int = order_line.open_units  # type: ignore[attr-defined]  # annotated above
    is_open = line.quantity <= open_units
    is_named = bool(line.order_number) and order_key(line.order_number) in {
        order_key(order_line.order.number),
        order_key(order_line.order.supplier_reference),
    }
    reasons = (
        f"name {likeness:.0%} alike" if likeness >= LEAST_FIT else "",
        ("same price" if closeness == 1 else "near in price") if closeness >= NAME else "",
        f"{open_units} units open" if is_open else "",
        "on the order it names" if is_named else "",
    )
    return OrderLineSuggestion(
        order_line=order_line,
        open_units=open_units,
        fit=NAME * likeness + PRICE * closeness + UNITS * is_open + ORDER * is_named,
        reasons=tuple(reason for reason in reasons if reason),
    )


def _closeness(price: Decimal, cost: Decimal) -> float:
    """Return 1 for the same price, 0 for double or nothing."""
    if not cost:
        return float(price == cost)
    return max(0.0, 1 - float(abs(price - cost) / cost))


def _likeness(one: Collection[str], other: Collection[str]) -> float:
    both = set(one) & set(other)
    return len(both) / len(set(one) | set(other)) if both else 0.0


def _trigrams(text: str) -> set[str]:
    """Return the runs of three letters in a text, as PostgreSQL's pg_trgm has them."""
    words = "".join(sign if sign.isalnum() else " " for sign in text.lower()).split()
    return {
        padded[start : start + 3]
        for padded in (f"  {word} " for word in words)
        for start in range(len(padded) - 2)
    }
