"""What matching reads of bills, orders and receipts: plain values, for there may be very many."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from purchasing.models import SupplierInvoiceLine

Kind = SupplierInvoiceLine.Kind
Charge = SupplierInvoiceLine.Charge


class OrderFacts(NamedTuple):
    """A purchase order, of whichever supplier."""

    id: int
    number: str
    supplier_id: int
    supplier_reference: str
    status: str
    currency: str
    discount_percent: Decimal
    raised_by_id: int | None


class OrderLineKeys(NamedTuple):
    """What a line of a purchase order is found by."""

    id: int
    order_id: int
    position: int
    variant_id: int
    supplier_sku: str


class OrderLineFacts(NamedTuple):
    """A line of a purchase order."""

    id: int
    order_id: int
    position: int
    variant_id: int
    supplier_sku: str
    ordered: int
    cancelled: int
    received: int
    invoiced: int
    returned: int
    to_replace: int
    unit_cost: Decimal
    list_cost: Decimal | None
    discount_percent: Decimal
    match_level: str

    @property
    def billable(self) -> int:
        """
        Units that may be billed: what is due, or came in excess.

        What came in place of goods that were sent back comes free.
        """
        return max(self.ordered - self.cancelled, self.received - self.to_replace)


class ArticleFacts(NamedTuple):
    """A variant, as bills may name it."""

    id: int
    sku: str
    gtin: str | None
    is_stocked: bool


class InvoiceLineFacts(NamedTuple):
    """A line of a supplier's document."""

    id: int
    invoice_id: int
    position: int
    kind: str
    charge: str
    is_deduction: bool
    order_number: str
    order_position: str
    delivery_note: str
    supplier_sku: str
    gtin: str
    buyer_sku: str
    quantity: int
    net_amount: Decimal
    tax_category: str
    tax_rate: Decimal
    assigned_line_id: int | None
    is_price_only: bool

    @property
    def is_discount(self) -> bool:
        """Whether it stands for a discount of the whole document."""
        return self.charge == Charge.DISCOUNT

    @property
    def is_charge(self) -> bool:
        return self.kind == Kind.CHARGE


class ReceiptLineFacts(NamedTuple):
    """A line of a goods receipt that was posted."""

    id: int
    receipt_id: int
    order_line_id: int
    accepted: int
    matched: int


class ReceiptFacts(NamedTuple):
    """A delivery that was taken in."""

    id: int
    received_at: datetime
    delivery_note: str


class MatchFacts(NamedTuple):
    """Units of an invoice line set against an order line before."""

    id: int
    invoice_line_id: int
    order_line_id: int
    receipt_line_id: int | None
    units: int
    is_price_only: bool


def plain(text: str) -> str:
    """Return what numbers and codes are compared by: their capitals and digits."""
    return re.sub(r"[^0-9A-Z]", "", text.upper())


def order_key(text: str) -> str:
    """Return what order numbers are compared by, however a supplier writes them: “po 100017”."""
    key = plain(text)
    digits = key.removeprefix("PO").lstrip("0")
    return digits if digits.isdigit() else key
