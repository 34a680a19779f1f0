"""What is read from a supplier's document, whatever its syntax."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from retail.common.errors import BusinessError
from retail.common.money import ZERO


class Syntax(StrEnum):
    """The syntaxes of `InvoiceDocument.Syntax`, said again because nothing here knows a model."""

    UBL = "UBL"
    CII = "CII"
    FACTUR_X = "FACTUR_X"
    FATTURA_PA = "FATTURA_PA"
    KSEF = "KSEF"
    CSV = "CSV"
    PAPER = "PAPER"
    UNKNOWN = "UNKNOWN"


class Kind(StrEnum):
    """As `SupplierInvoice.Kind`."""

    INVOICE = "INVOICE"
    CREDIT_NOTE = "CREDIT_NOTE"


class Charge(StrEnum):
    """As `SupplierInvoiceLine.Charge`."""

    FREIGHT = "FREIGHT"
    PACKING = "PACKING"
    INSURANCE = "INSURANCE"
    CUSTOMS = "CUSTOMS"
    SMALL_ORDER = "SMALL_ORDER"
    OTHER = "OTHER"
    DISCOUNT = "DISCOUNT"


class UnreadableDocument(BusinessError):
    """
    Nothing in the file can become an invoice, and `code` says why, for programs.

    FILE_TOO_LARGE, XML_TOO_DEEP, XML_ENTITIES, XML_BROKEN, PDF_BROKEN, PDF_ENCRYPTED,
    PDF_WITHOUT_DATA, UNKNOWN_SYNTAX, NOT_AN_INVOICE (the message names what it is), EDIFACT,
    TEMPLATE, INCOMPLETE (the message names what is missing), BAD_VALUE (and what it is in),
    MIXED_SIGNS; those who read other syntaxes may add theirs.
    """

    def __init__(self, code: str, message: str, *, syntax: Syntax = Syntax.UNKNOWN) -> None:
        super().__init__(message, syntax=str(syntax))
        self.code = code
        self.syntax = syntax


@dataclass(frozen=True, kw_only=True)
class Party:
    """
    Who sells or buys.

    tax_numbers: capitals and digits only, the country in front where it is written so.
    electronic_address: `scheme:id`, or empty.
    """

    name: str
    tax_numbers: tuple[str, ...] = ()
    electronic_address: str = ""
    street: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""


NOBODY = Party(name="")


@dataclass(frozen=True, kw_only=True)
class ReadLine:
    """
    One line, signed as its document is: below zero it takes away.

    unit_price: net, for one unit of `unit_code`; a price for 100 pieces is divided.
    adjustment: what allowances (below zero) and charges (above) of the line add to
    quantity x unit price; it is part of `net_amount`.
    tax_rate: None where the document says none for the line.
    """

    position: str
    quantity: Decimal
    net_amount: Decimal
    unit_code: str = ""
    unit_price: Decimal = ZERO
    adjustment: Decimal = ZERO
    tax_category: str = ""
    tax_rate: Decimal | None = None
    order_number: str = ""
    order_position: str = ""
    delivery_note: str = ""
    supplier_sku: str = ""
    gtin: str = ""
    buyer_sku: str = ""
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class ReadCharge:
    """
    Something added to the whole document, or taken off with `is_allowance`.

    amount: without tax, normally not below zero.
    """

    is_allowance: bool
    amount: Decimal
    charge: Charge = Charge.OTHER
    reason: str = ""
    tax_category: str = ""
    tax_rate: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class ReadTax:
    """The tax of one category and rate, as the document states it."""

    category: str
    rate: Decimal
    taxable: Decimal
    tax: Decimal


@dataclass(frozen=True, kw_only=True)
class ReadInvoice:
    """
    One invoice or credit note of a file, in the words of the file.

    `read_document` turns the signs of a document with a total below zero, so that `total` never
    is; `kind` says which way it counts. What may be missing in a syntax is None or empty, and our
    rules then do not look at it.

    position: the place in the file, from 1.
    type_code: as the document says it: UNCL 1001 (380, 381, 384 ...), TD01, VAT, KOR ...
    order_number, delivery_note: of the whole document; lines may have their own.
    preceding: numbers of the invoices it corrects.
    line_total: of the lines' net amounts, before charges and allowances of the document.
    allowance_total, charge_total: of `charges`, as the document states them.
    net_total, tax_total, total: without tax, the tax, with tax, in `currency`.
    prepaid, rounding, payable: payable = total - prepaid + rounding.
    payment_terms: in words, as printed.
    """

    position: int = 1
    kind: Kind
    type_code: str = ""
    number: str
    issued_on: date
    due_on: date | None = None
    currency: str
    seller: Party
    buyer: Party = NOBODY
    order_number: str = ""
    sales_order_number: str = ""
    delivery_note: str = ""
    preceding: tuple[str, ...] = ()
    lines: tuple[ReadLine, ...] = ()
    charges: tuple[ReadCharge, ...] = ()
    taxes: tuple[ReadTax, ...] = ()
    line_total: Decimal | None = None
    allowance_total: Decimal | None = None
    charge_total: Decimal | None = None
    net_total: Decimal
    tax_total: Decimal
    total: Decimal
    prepaid: Decimal = ZERO
    rounding: Decimal = ZERO
    payable: Decimal | None = None
    iban: str = ""
    bic: str = ""
    payment_reference: str = ""
    payment_terms: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class RuleBreak:
    """
    A rule the document does not keep; with `is_fatal` its money or who it is from is in doubt.

    rule: id of EN 16931 (BR-CO-10), or a name of our own in capitals.
    invoice: position in the file.
    """

    rule: str
    message: str
    is_fatal: bool
    invoice: int = 1


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What the module of one syntax makes of a file; `breaks` are those that only it can see."""

    syntax: Syntax
    profile: str = ""
    invoices: tuple[ReadInvoice, ...]
    breaks: tuple[RuleBreak, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReadDocument:
    """A file that was read: its invoices, the rules they break, and the XML it came from."""

    syntax: Syntax
    profile: str
    invoices: tuple[ReadInvoice, ...]
    breaks: tuple[RuleBreak, ...]
    xml: bytes | None


def with_total_not_negative(invoice: ReadInvoice) -> ReadInvoice:
    """Return the document, one with a total below zero as the other kind with all signs turned."""
    if invoice.total >= 0:
        return invoice
    is_credit_note = invoice.kind is Kind.CREDIT_NOTE
    return replace(
        invoice,
        kind=Kind.INVOICE if is_credit_note else Kind.CREDIT_NOTE,
        lines=tuple(_turned_line(line) for line in invoice.lines),
        charges=tuple(replace(charge, amount=-charge.amount) for charge in invoice.charges),
        taxes=tuple(replace(row, taxable=-row.taxable, tax=-row.tax) for row in invoice.taxes),
        line_total=_turned(invoice.line_total),
        allowance_total=_turned(invoice.allowance_total),
        charge_total=_turned(invoice.charge_total),
        net_total=-invoice.net_total,
        tax_total=-invoice.tax_total,
        total=-invoice.total,
        prepaid=-invoice.prepaid,
        rounding=-invoice.rounding,
        payable=_turned(invoice.payable),
    )


def _turned(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else -amount


def _turned_line(line: ReadLine) -> ReadLine:
    """
    Turn what the line comes to, and the quantity with it.

    A line that takes away by a price below zero (quantity above it) has its price turned instead,
    so that the price of a line never is below zero where it was not before.
    """
    turned = replace(line, net_amount=-line.net_amount, adjustment=-line.adjustment)
    if line.unit_price < 0:
        return replace(turned, unit_price=-line.unit_price)
    return replace(turned, quantity=-line.quantity)
