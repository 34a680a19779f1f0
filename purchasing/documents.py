"""The purchase order as the supplier sees it: as text to read and print, and as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from purchasing.models import PurchaseOrder, PurchaseOrderLine
from retail.common.exports import csv_lines
from retail.common.money import ZERO, display, display_rate, round_amount

_TITLES = (
    "order",
    "position",
    "supplier_sku",
    "our_sku",
    "gtin",
    "name",
    "quantity",
    "unit_cost",
    "amount",
    "currency",
)


def order_text(order: PurchaseOrder) -> str:
    """Return the order as plain text, one block a line, amounts without tax."""
    lines = _lines(order)
    total = sum((_amount(order, line) for line in lines), ZERO)
    day = order.sent_at or order.raised_at
    head = [
        f"Purchase order {order.number}",
        f"Date: {day:%d %B %Y}",
        f"Supplier: {order.supplier.name}",
        f"Deliver to: {order.location.name}",
        *([f"Expected on: {order.expected_on:%d %B %Y}"] if order.expected_on else []),
        *([f"Note: {order.note}"] if order.note else []),
    ]
    body = [_line_text(order, line) for line in lines]
    return "\n".join([*head, "", *body, "", f"Total without tax: {display(total, order.currency)}"])


def order_csv(order: PurchaseOrder) -> str:
    """Return the order's lines as CSV, which the supplier's program can read."""
    return "".join(
        csv_lines(
            _TITLES,
            (
                (
                    order.number,
                    line.position,
                    line.supplier_sku,
                    line.variant.sku,
                    line.variant.gtin,
                    f"{line.variant.product.name} {line.variant.name}".rstrip(),
                    line.ordered,
                    line.unit_cost,
                    _amount(order, line),
                    order.currency,
                )
                for line in _lines(order)
            ),
        )
    )


def _lines(order: PurchaseOrder) -> Sequence[PurchaseOrderLine]:
    return list(order.lines.select_related("variant__product").order_by("position"))


def _line_text(order: PurchaseOrder, line: PurchaseOrderLine) -> str:
    name = f"{line.variant.product.name} {line.variant.name}".rstrip()
    cost = f"{display_rate(line.unit_cost)} {order.currency}"
    amount = display(_amount(order, line), order.currency)
    return (
        f"{line.position:>4}. {line.ordered:,} x {line.supplier_sku or line.variant.sku}  {name}\n"
        f"      our number {line.variant.sku}, {cost} each, {amount}"
    )


def _amount(order: PurchaseOrder, line: PurchaseOrderLine) -> Decimal:
    return round_amount(line.ordered * line.unit_cost, order.currency)
