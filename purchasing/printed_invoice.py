"""A supplier's document laid out as on paper, from what was read or from what was typed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from purchasing.einvoices import Party, ReadCharge, ReadInvoice, ReadLine
from purchasing.models import Supplier, SupplierInvoice, SupplierInvoiceLine, SupplierInvoiceTax
from retail.common.money import display_rate

Labelled = tuple[str, str]
# UN/ECE Recommendation 20, the units that shops are billed in; others stay codes.
UNITS = {
    "C62": "piece",
    "H87": "piece",
    "EA": "each",
    "XPP": "piece",
    "XBX": "box",
    "XPK": "pack",
    "PK": "pack",
    "XCT": "carton",
    "CT": "carton",
    "XPX": "pallet",
    "SET": "set",
    "PR": "pair",
    "DZN": "dozen",
    "KGM": "kg",
    "GRM": "g",
    "TNE": "t",
    "LTR": "l",
    "MLT": "ml",
    "MTR": "m",
    "CMT": "cm",
    "MMT": "mm",
    "MTK": "m²",
    "MTQ": "m³",
    "HUR": "hour",
    "DAY": "day",
    "MON": "month",
    "ANN": "year",
    "LS": "lump sum",
}


@dataclass(frozen=True)
class PrintedLine:
    """One row of the paper's table; `numbers` are the references printed below its words."""

    position: str
    description: str
    numbers: str
    quantity: str
    unit_price: str
    tax: str
    net_amount: str


@dataclass(frozen=True)
class PrintedInvoice:
    """
    One document in the order of a printed invoice, everything in words and formatted figures.

    anchor: what its lines are called on the page: `<anchor>-line-<n>`, n from 1, charges last.
    """

    anchor: str
    title: str
    currency: str
    head: Sequence[Labelled]
    seller: Sequence[str]
    buyer: Sequence[str]
    lines: Sequence[PrintedLine]
    taxes: Sequence[tuple[str, str, str]]
    totals: Sequence[Labelled]
    payment: Sequence[Labelled]
    note: str = ""


def as_read(invoice: ReadInvoice) -> PrintedInvoice:
    """Lay out what was read from a file."""
    currency = invoice.currency
    return PrintedInvoice(
        anchor=f"invoice-{invoice.position}",
        title=_title(invoice.kind, invoice.number),
        currency=currency,
        head=_stated(
            ("Date", invoice.issued_on),
            ("Due", invoice.due_on),
            ("Order", invoice.order_number),
            ("Their order", invoice.sales_order_number),
            ("Delivery note", invoice.delivery_note),
            ("Corrects", ", ".join(invoice.preceding)),
            ("Type", invoice.type_code),
        ),
        seller=_party(invoice.seller),
        buyer=_party(invoice.buyer),
        lines=[
            *(_read_line(line) for line in invoice.lines),
            *(_read_charge(charge) for charge in invoice.charges),
        ],
        taxes=[
            (_rate(row.category, row.rate), _amount(row.taxable), _amount(row.tax))
            for row in invoice.taxes
        ],
        totals=_stated(
            ("Lines", _money(invoice.line_total, currency)),
            ("Net", _money(invoice.net_total, currency)),
            ("Tax", _money(invoice.tax_total, currency)),
            ("Total", _money(invoice.total, currency)),
            ("Prepaid", _money(invoice.prepaid or None, currency)),
            ("Rounding", _money(invoice.rounding or None, currency)),
            ("To pay", _money(invoice.payable, currency)),
        ),
        payment=_stated(
            ("IBAN", _in_fours(invoice.iban)),
            ("BIC", invoice.bic),
            ("Reference", invoice.payment_reference),
        ),
        note=invoice.note,
    )


def as_typed(
    invoice: SupplierInvoice,
    lines: Iterable[SupplierInvoiceLine],
    taxes: Iterable[SupplierInvoiceTax],
) -> PrintedInvoice:
    """Lay out a document that came on paper, as it was entered. invoice: with its supplier."""
    currency = invoice.currency
    return PrintedInvoice(
        anchor="invoice-1",
        title=_title(invoice.kind, invoice.supplier_number),
        currency=currency,
        head=_stated(("Date", invoice.invoiced_on), ("Due", invoice.stated_due_on)),
        seller=_supplier(invoice.supplier),
        buyer=(),
        lines=[_typed_line(line) for line in lines],
        taxes=[
            (_rate(row.category, row.rate), _amount(row.taxable), _amount(row.tax)) for row in taxes
        ],
        totals=_stated(
            ("Net", _money(invoice.net_total, currency)),
            ("Tax", _money(invoice.tax_total, currency)),
            ("Total", _money(invoice.total, currency)),
            ("Prepaid", _money(invoice.prepaid_total or None, currency)),
            ("Rounding", _money(invoice.rounding or None, currency)),
            ("To pay", _money(invoice.payable, currency)),
        ),
        payment=_stated(
            ("IBAN", _in_fours(invoice.iban)), ("Reference", invoice.payment_reference)
        ),
        note=invoice.note,
    )


def _read_line(line: ReadLine) -> PrintedLine:
    adjustment = f"incl. {_amount(line.adjustment)}" if line.adjustment else ""
    return PrintedLine(
        position=line.position,
        description=line.description,
        numbers=_joined(
            ("", line.supplier_sku),
            ("GTIN", line.gtin),
            ("our", line.buyer_sku),
            ("order", _order(line.order_number, line.order_position)),
            ("delivery note", line.delivery_note),
            ("", adjustment),
        ),
        quantity=_quantity(line.quantity, line.unit_code),
        unit_price=display_rate(line.unit_price),
        tax=_rate(line.tax_category, line.tax_rate),
        net_amount=_amount(line.net_amount),
    )


def _read_charge(charge: ReadCharge) -> PrintedLine:
    return PrintedLine(
        position="",
        description=charge.reason or ("Allowance" if charge.is_allowance else "Charge"),
        numbers="",
        quantity="",
        unit_price="",
        tax=_rate(charge.tax_category, charge.tax_rate),
        net_amount=_amount(-charge.amount if charge.is_allowance else charge.amount),
    )


def _typed_line(line: SupplierInvoiceLine) -> PrintedLine:
    charge = line.get_charge_display() if line.charge else ""
    return PrintedLine(
        position=str(line.position),
        description=line.description or charge or line.get_kind_display(),
        numbers=_joined(
            ("", line.supplier_sku if line.supplier_sku != line.description else ""),
            ("GTIN", line.gtin),
            ("our", line.buyer_sku),
            ("order", _order(line.order_number, line.order_position)),
            ("delivery note", line.delivery_note),
        ),
        quantity=_quantity(
            Decimal(line.quantity) if line.stated_quantity is None else line.stated_quantity,
            line.unit_code,
        ),
        unit_price=display_rate(line.unit_price),
        tax=_rate(line.tax_category, line.tax_rate),
        net_amount=_amount(-line.net_amount if line.is_deduction else line.net_amount),
    )


def _title(kind: str, number: str) -> str:
    return f"{SupplierInvoice.Kind(str(kind)).label} {number}"


def _party(party: Party) -> list[str]:
    return _lines(
        party.name,
        party.street,
        f"{party.postcode} {party.city}".strip(),
        party.country,
        *party.tax_numbers,
        party.electronic_address,
    )


def _supplier(supplier: Supplier) -> list[str]:
    return _lines(
        supplier.name,
        supplier.street,
        f"{supplier.postcode} {supplier.city}".strip(),
        supplier.country,
        supplier.tax_number,
    )


def _lines(*lines: str) -> list[str]:
    return [line for line in lines if line]


def _stated(*pairs: tuple[str, date | str | None]) -> list[Labelled]:
    return [
        (label, f"{value.day} {value:%b %Y}" if isinstance(value, date) else value)
        for label, value in pairs
        if value
    ]


def _joined(*pairs: Labelled) -> str:
    return ", ".join(f"{label} {value}".strip() for label, value in pairs if value)


def _order(number: str, position: str) -> str:
    return f"{number} line {position}" if number and position else number or position


def _quantity(quantity: Decimal, unit_code: str) -> str:
    shown = f"{quantity.normalize():,f}"
    return f"{shown} {UNITS.get(unit_code, unit_code)}".strip()


def _rate(category: str, rate: Decimal | None) -> str:
    percent = "" if rate is None else f"{rate.normalize():f} %"
    return f"{category} {percent}".strip()


def _amount(amount: Decimal) -> str:
    return display_rate(amount)


def _money(amount: Decimal | None, currency: str) -> str:
    """Every decimal as it is stated: a total that is no whole cent is to be seen."""
    return "" if amount is None else f"{display_rate(amount)} {currency}"


def _in_fours(iban: str) -> str:
    return " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))
