"""Numbers that no book can hold, refused before anybody tries to store them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from purchasing.einvoices.documents import ReadInvoice, ReadTax, Syntax, UnreadableDocument
from purchasing.einvoices.values import LARGEST, LONGEST_NUMBER_OF_DOCUMENT
from retail.common.money import ZERO


def refuse_unstorable(invoice: ReadInvoice, syntax: Syntax) -> None:
    """
    Refuse an invoice, its signs turned, that cannot be kept as it is.

    :raises UnreadableDocument: BAD_VALUE (a number too large, a rate no tax has, a number of the
        document too long), MIXED_SIGNS.
    """
    for name, number in _numbers(invoice):
        if abs(number) >= LARGEST:
            raise UnreadableDocument("BAD_VALUE", f"The {name} is too large.", syntax=syntax)
    for rate in _rates(invoice):
        if not 0 <= rate < 100:  # noqa: PLR2004 - percent
            raise UnreadableDocument(
                "BAD_VALUE", f"No tax has a rate of {rate.normalize():f} %.", syntax=syntax
            )
    if len(invoice.number) > LONGEST_NUMBER_OF_DOCUMENT:
        raise UnreadableDocument(
            "BAD_VALUE",
            f"The number has {len(invoice.number)} characters; "
            f"{LONGEST_NUMBER_OF_DOCUMENT} is the most.",
            syntax=syntax,
        )
    if len(invoice.currency) != 3:  # noqa: PLR2004 - ISO 4217
        raise UnreadableDocument(
            "BAD_VALUE",
            f"The currency is no code of three letters: {invoice.currency[:40]}.",
            syntax=syntax,
        )
    below = [
        name
        for name, amount in (("total without tax", invoice.net_total), ("tax", invoice.tax_total))
        if amount < 0
    ]
    if below:
        raise UnreadableDocument(
            "MIXED_SIGNS",
            f"The {' and the '.join(below)} and the total have different signs; it cannot be told "
            "which way the document counts. Enter it by hand.",
            syntax=syntax,
        )


def _numbers(invoice: ReadInvoice) -> Iterator[tuple[str, Decimal]]:
    yield "total", invoice.total
    yield "total without tax", invoice.net_total
    yield "total tax", invoice.tax_total
    yield "prepaid amount", invoice.prepaid
    yield "rounding", invoice.rounding
    yield "amount to pay", invoice.payable or ZERO
    for charge in invoice.charges:
        yield "amount of an allowance or charge", charge.amount
    for tax in invoice.taxes:
        yield "taxed amount", tax.taxable
        yield "tax", tax.tax
    for line in invoice.lines:
        yield f"quantity of line {line.position}", line.quantity
        yield f"price of line {line.position}", line.unit_price
        yield f"amount of line {line.position}", line.net_amount
        yield f"allowance or charge of line {line.position}", line.adjustment


def _rates(invoice: ReadInvoice) -> Iterator[Decimal]:
    for line in invoice.lines:
        yield line.tax_rate or ZERO
    for charge in invoice.charges:
        yield charge.tax_rate or ZERO
    for tax in invoice.taxes:
        yield tax.rate


def with_a_tax_row_per_rate(invoice: ReadInvoice) -> ReadInvoice:
    """Return the invoice with one tax row for each category and rate; some print two of a rate."""
    rows: dict[tuple[str, Decimal], ReadTax] = {}
    for row in invoice.taxes:
        key = (row.category, row.rate)
        earlier = rows.get(key)
        rows[key] = (
            row
            if earlier is None
            else replace(earlier, taxable=earlier.taxable + row.taxable, tax=earlier.tax + row.tax)
        )
    return replace(invoice, taxes=tuple(rows.values()))
