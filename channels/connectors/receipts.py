"""The words of a till: receipts as they were printed, frozen dataclasses like those of orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from channels.connectors.base import IncomingBuyer


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingReceiptLine:
    """
    One line as the till printed it; `quantity` and `total` are below zero for what came back.

    `total` is what is paid, or given back, for the line after its discount. `sold_with` is the
    number of the receipt, or of the order, that goods which came back were sold with, if the till
    knows it; `sold_at_register` the register of that receipt, when it was another one.
    """

    external_line_id: str
    quantity: int
    unit_price: Decimal
    total: Decimal
    sku: str = ""
    gtin: str = ""
    name: str = ""
    discount: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    is_stocked: bool = True
    sold_with: str = ""
    sold_at_register: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingTender:
    """An amount taken in one way, CASH or CARD for one; below zero it was given back."""

    kind: str
    amount: Decimal
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingReceipt:
    """
    A receipt of a till: it already happened, so nothing about it can be refused.

    Register and number tell it from all others of the channel. `sequence` is its place among the
    numbers of its register, by which gaps are found. `business_on` is the till's own day. The
    customer pays `total` = lines - `discount_total`, in `currency`; below zero it is given back.
    `buyer` or `loyalty_card` say who bought, when the till knows. `problems` names, for people,
    each part that could not be read.
    """

    register: str
    number: str
    business_on: date
    sold_at: datetime
    currency: str
    total: Decimal
    lines: tuple[IncomingReceiptLine, ...]
    tenders: tuple[IncomingTender, ...] = ()
    sequence: int | None = None
    cashier: str = ""
    discount_total: Decimal = Decimal(0)
    tax_total: Decimal = Decimal(0)
    is_training: bool = False
    buyer: IncomingBuyer | None = None
    loyalty_card: str = ""
    problems: tuple[str, ...] = ()
