"""
A table of invoices: CSV with one row per invoice line, several invoices in a file.

`SAMPLE` is such a file. Encoding and delimiter are told from the bytes, decimal separator and form
of days from the cells; titles may stand below other lines and be in any of ten languages. Columns:

- to be there: `invoice number`, `date`, `currency`; `supplier tax number` or `supplier`;
  `net amount`, or `quantity` and `unit price` (all without tax);
- of the invoice, on each of its rows or its first: `due date`, `kind` (credit note), `iban`,
  `payment reference`, `total net`, `total tax`, `total`; totals that are not there are added up;
- of the line: `position`, `order number`, `order line`, `delivery note`, `supplier sku`, `gtin`,
  `our sku`, `description`, `unit`, `tax rate` (19, 19 %, 0.19, zw, exempt).

Rows of one supplier with one number are one invoice, also when they do not follow one another; a
row without a number belongs to the row above. One bad cell refuses the file, and every bad row is
named at once: half an invoice would be worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import partial

from purchasing.einvoices import codes
from purchasing.einvoices.csv_cells import Forms, day_in, forms_of, kind_in, number_in, rate_in
from purchasing.einvoices.csv_columns import shown
from purchasing.einvoices.csv_rows import Faults, Row, is_table, rows_of
from purchasing.einvoices.documents import (
    Kind,
    Parsed,
    Party,
    ReadInvoice,
    ReadLine,
    ReadTax,
    RuleBreak,
    Syntax,
    UnreadableDocument,
)
from purchasing.einvoices.lines import ONE
from purchasing.einvoices.values import account_of, tax_number_of
from retail.common.money import ZERO, round_amount
from retail.common.tabular import is_damaged_code

__all__ = ["SAMPLE", "is_table", "read"]

_CURRENCY = re.compile(r"[A-Za-z]{3}")
_AMOUNTS = ("quantity", "unit_price", "net_amount", "net_total", "tax_total", "total")
_OF_INVOICE = (
    "number",
    "supplier",
    "supplier_tax_number",
    "issued_on",
    "due_on",
    "currency",
    "kind",
    "iban",
    "payment_reference",
    "net_total",
    "tax_total",
    "total",
)
SAMPLE = """\
supplier,supplier tax number,invoice number,date,due date,currency,order number,supplier sku,\
gtin,description,quantity,unit,unit price,net amount,tax rate,total net,total tax,total
Kerzen Wolf GmbH,DE136695976,2026-118,2026-11-20,2026-12-20,EUR,PO-1001,K-100,4006381333931,\
Candle red,48,C62,1.25,60.00,19,84.00,15.96,99.96
Kerzen Wolf GmbH,DE136695976,2026-118,2026-11-20,2026-12-20,EUR,PO-1001,K-200,,\
Candle holder,6,C62,4.00,24.00,19,84.00,15.96,99.96
Kerzen Wolf GmbH,DE136695976,2026-119,2026-11-21,2026-12-21,EUR,PO-1004,K-100,4006381333931,\
Candle red,12,C62,1.25,15.00,19,15.00,2.85,17.85
"""


@dataclass
class _Group:
    """The rows of one invoice; what is said of the invoice, and on which line it was said first."""

    rows: list[Row] = field(default_factory=list)
    said: dict[str, tuple[str, int]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.said.get(name, ("", 0))[0]


def read(content: bytes, *, filename: str) -> Parsed:
    """
    Read the invoices of a table.

    :raises BadRows: its code is BAD_ROWS.
    :raises UnreadableDocument: UNKNOWN_SYNTAX, TABLE_BROKEN (quotes, encoding, columns cut),
        INCOMPLETE (columns are missing), FILE_TOO_LARGE.
    """
    rows = rows_of(content, filename=filename)
    faults = Faults()
    groups = _grouped(rows, faults)
    forms = forms_of(
        (row[name] for row in rows for name in _AMOUNTS if row[name]),
        (row[name] for row in rows for name in ("issued_on", "due_on") if row[name]),
    )
    invoices = [
        _invoice(group, position, forms, faults) for position, group in enumerate(groups, start=1)
    ]
    faults.refuse()
    if not invoices:
        raise UnreadableDocument(
            "INCOMPLETE", "The table has titles, but no row below them.", syntax=Syntax.CSV
        )
    breaks = tuple(
        RuleBreak(rule="CSV-UNCLEAR", message=f"{words} so.".capitalize(), is_fatal=False)
        for words in forms.unclear
    )
    return Parsed(syntax=Syntax.CSV, invoices=tuple(invoices), breaks=breaks)


def _grouped(rows: Sequence[Row], faults: Faults) -> list[_Group]:
    groups: dict[tuple[str, str], _Group] = {}
    group: _Group | None = None
    for row in rows:
        if row["number"]:
            seller = tax_number_of(row["supplier_tax_number"]) or row["supplier"].casefold()
            group = groups.setdefault((seller, row["number"].casefold()), _Group())
        if group is None:
            faults.add(row.line_number, "the invoice number is missing")
            continue
        group.rows.append(row)
        for name in _OF_INVOICE:
            text, line = group.said.setdefault(name, (row[name], row.line_number))
            if not text:
                group.said[name] = (row[name], row.line_number)
            elif row[name] and row[name] != text:
                faults.add(
                    row.line_number,
                    f"the {shown(name)} is {row[name][:40]}, but {text[:40]} on line {line} of "
                    "the same invoice",
                )
    return list(groups.values())


def _invoice(group: _Group, position: int, forms: Forms, faults: Faults) -> ReadInvoice:
    """Read the rows of one invoice; with faults, what is returned is not used."""
    first = group.rows[0].line_number
    currency = group["currency"].upper()
    issued_on, due_on, stated = _said(group, first, forms, faults)
    lines = tuple(
        _line(row, place, currency, forms, faults) for place, row in enumerate(group.rows, start=1)
    )
    net_total, tax_total, total = stated
    if net_total is None:
        net_total = sum((line.net_amount for line in lines), ZERO)
    taxes = _taxes(lines, currency, tax_total)
    if tax_total is None:
        tax_total = sum((row.tax for row in taxes), ZERO)
    total = net_total + tax_total if total is None else total
    tax_number = tax_number_of(group["supplier_tax_number"])
    return ReadInvoice(
        position=position,
        # Below zero it is turned into the other kind; a credit note stays one, whatever its sign.
        kind=kind_in(group["kind"]) if total >= 0 else Kind.INVOICE,
        type_code=group["kind"],
        number=group["number"],
        issued_on=issued_on,
        due_on=due_on,
        currency=currency,
        seller=Party(
            name=group["supplier"] or tax_number,
            tax_numbers=(tax_number,) if tax_number else (),
        ),
        lines=lines,
        taxes=taxes,
        net_total=net_total,
        tax_total=tax_total,
        total=total,
        payable=total,
        iban=account_of(group["iban"]),
        payment_reference=group["payment_reference"],
    )


def _said(
    group: _Group, line: int, forms: Forms, faults: Faults
) -> tuple[date, date | None, list[Decimal | None]]:
    """Return date, due date and the totals that are stated."""
    before = len(faults.found)
    issued_on = faults.take(line, lambda: day_in(group["issued_on"], "date", forms))
    if issued_on is None and len(faults.found) == before:
        faults.add(line, "the date is missing")
    due_on = faults.take(line, lambda: day_in(group["due_on"], "due date", forms))
    stated = [
        faults.take(line, partial(number_in, group[name], shown(name), forms))
        for name in ("net_total", "tax_total", "total")
    ]
    if not _CURRENCY.fullmatch(group["currency"]):
        faults.add(line, f"“{group['currency'][:10]}” is no currency code such as EUR")
    if not (group["supplier"] or group["supplier_tax_number"]):
        faults.add(line, "it does not say who the supplier is")
    return issued_on or date.min, due_on, stated


def _line(row: Row, place: int, currency: str, forms: Forms, faults: Faults) -> ReadLine:
    quantity, price, net = (
        faults.take(row.line_number, partial(number_in, row[name], shown(name), forms))
        for name in ("quantity", "unit_price", "net_amount")
    )
    category, rate = faults.take(row.line_number, lambda: rate_in(row["tax_rate"], forms)) or (
        "",
        None,
    )
    for name in ("gtin", "supplier_sku"):
        if is_damaged_code(row[name]):
            faults.add(row.line_number, f"{row[name]} was a code before a spreadsheet rounded it")
    if not row["net_amount"] and not row["unit_price"]:
        faults.add(row.line_number, "it has neither a net amount nor a unit price")
    quantity, price, net = _figures(quantity, price, net, currency)
    return ReadLine(
        position=row["position"] or str(place),
        quantity=quantity,
        unit_code=row["unit"],
        unit_price=price,
        net_amount=net,
        tax_category=category,
        tax_rate=rate,
        order_number=row["order_number"],
        order_position=row["order_position"],
        delivery_note=row["delivery_note"],
        supplier_sku=row["supplier_sku"],
        gtin=codes.gtin_of(row["gtin"], ""),
        buyer_sku=row["buyer_sku"],
        description=row["description"],
    )


def _figures(
    quantity: Decimal | None, price: Decimal | None, net: Decimal | None, currency: str
) -> tuple[Decimal, Decimal, Decimal]:
    """Return quantity, unit price and net amount, what is not there made of what is."""
    if net is None:
        quantity = ONE if quantity is None else quantity
        net = round_amount(quantity * (price or ZERO), currency)
    if quantity is None:
        quantity = net / price if price else ONE
    if price is None:
        price = net / quantity if quantity else ZERO
    return (-quantity, -price, net) if price < 0 else (quantity, price, net)


def _taxes(lines: Sequence[ReadLine], currency: str, stated: Decimal | None) -> tuple[ReadTax, ...]:
    """Return the tax per rate as the lines make it; of the only rate it is what is stated."""
    taxed: dict[tuple[str, Decimal], Decimal] = {}
    for line in lines:
        if line.tax_rate is not None:
            key = (line.tax_category, line.tax_rate)
            taxed[key] = taxed.get(key, ZERO) + line.net_amount
    is_only = len(taxed) == 1 and all(line.tax_rate is not None for line in lines)
    return tuple(
        ReadTax(
            category=category,
            rate=rate,
            taxable=taxable,
            tax=stated
            if is_only and stated is not None
            else round_amount(taxable * rate / 100, currency),
        )
        for (category, rate), taxable in taxed.items()
    )
