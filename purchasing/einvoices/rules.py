"""
Whether a document keeps the rules of invoices: sums, taxes, codes, days, whatever its syntax.

The rules are those of EN 16931 under their own ids where it has them, in words for an accountant.
A sum that is off by no more than the smallest coin for each amount in it is told, but not fatal:
suppliers round in more than one way.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from stdnum import iban

from purchasing.einvoices import codes
from purchasing.einvoices.arithmetic import UNCEFACT, broken, money, wrong_numbers
from purchasing.einvoices.documents import Kind, ReadInvoice, RuleBreak, Syntax
from retail.common.money import ZERO

EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)


def broken_rules(invoice: ReadInvoice, syntax: Syntax) -> tuple[RuleBreak, ...]:
    """Return the rules the invoice breaks, in the order a person would check them."""
    return (
        *_identity(invoice, syntax),
        *_days(invoice),
        *_codes(invoice, syntax),
        *wrong_numbers(invoice, syntax),
        *_payment(invoice),
    )


def _identity(invoice: ReadInvoice, syntax: Syntax) -> Iterator[RuleBreak]:
    seller = invoice.seller
    if not seller.name:
        yield broken(
            invoice,
            "BR-06",
            "The document does not name who sells.",
            is_fatal=not (seller.tax_numbers or seller.electronic_address),
        )
    if not invoice.buyer.name and syntax is not Syntax.CSV:  # a table has no column for it
        yield broken(invoice, "BR-07", "The document does not name who buys.")
    if invoice.kind is Kind.CREDIT_NOTE and invoice.total < 0:
        yield broken(
            invoice,
            "NEGATIVE-CREDIT-NOTE",
            f"A credit note over {money(invoice, invoice.total)} asks for money instead of giving "
            "it back; ask the supplier which way it is meant.",
            is_fatal=True,
        )
    if syntax in UNCEFACT and not invoice.type_code:
        # In UBL the name of the document says which way it counts.
        yield broken(
            invoice,
            "BR-04",
            "The document does not say by a code whether it is an invoice or a credit note.",
            is_fatal=syntax is not Syntax.UBL,
        )


def _days(invoice: ReadInvoice) -> Iterator[RuleBreak]:
    days = (("date", invoice.issued_on), ("due date", invoice.due_on))
    for name, day in days:
        if day is not None and not EARLIEST <= day <= LATEST:
            yield broken(
                invoice,
                "DATE-OUT-OF-REACH",
                f"The {name} is {day:%d} {day:%B} {day.year}, which no invoice of ours can have.",
                is_fatal=True,
            )
    if invoice.due_on is not None and invoice.due_on < invoice.issued_on:
        yield broken(invoice, "DUE-BEFORE-DATE", "It is due before the day it was written on.")


def _codes(invoice: ReadInvoice, syntax: Syntax) -> Iterator[RuleBreak]:
    if invoice.currency not in codes.CURRENCIES:
        yield broken(
            invoice,
            "BR-CL-04",
            f"There is no currency {invoice.currency}.",
            is_fatal=True,
        )
    for role, party in (("seller", invoice.seller), ("buyer", invoice.buyer)):
        if party.country and party.country not in codes.COUNTRIES:
            yield broken(
                invoice, "BR-CL-14", f"The country of the {role}, {party.country}, does not exist."
            )
    if syntax not in UNCEFACT:
        return
    if invoice.type_code and invoice.type_code not in (
        codes.INVOICE_TYPES | codes.CREDIT_NOTE_TYPES
    ):
        yield broken(
            invoice,
            "BR-CL-01",
            f"The type of the document, {invoice.type_code}, is none of an invoice or credit note.",
            is_fatal=syntax is not Syntax.UBL,
        )
    categories = {
        *(row.category for row in invoice.taxes),
        *(line.tax_category for line in invoice.lines),
        *(charge.tax_category for charge in invoice.charges),
    }
    for category in sorted(categories - codes.TAX_CATEGORIES - {""}):
        yield broken(invoice, "BR-CL-17", f"There is no tax category {category}.")
    yield from _rates(invoice)
    for line in invoice.lines:
        if line.unit_code and not codes.UNIT_CODE.fullmatch(line.unit_code):
            yield broken(
                invoice,
                "BR-CL-23",
                f"The unit of line {line.position}, {line.unit_code}, is no code of a unit.",
            )


def _rates(invoice: ReadInvoice) -> Iterator[RuleBreak]:
    """Yield a break for lines whose rate is not one of their category."""
    for line in invoice.lines:
        rate, category = line.tax_rate, line.tax_category
        if rate is None:
            continue
        if (category in codes.UNTAXED and rate != 0) or (category == "S" and rate == 0):
            yield broken(
                invoice,
                f"BR-{category}-05",
                f"Line {line.position} is taxed at {rate.normalize():f} %, which no line of "
                f"category {category} is.",
            )


def _payment(invoice: ReadInvoice) -> Iterator[RuleBreak]:
    if (invoice.payable or ZERO) > 0 and invoice.due_on is None and not invoice.payment_terms:
        yield broken(
            invoice, "BR-CO-25", "The document says neither when it is due nor on what terms."
        )
    if invoice.iban and not iban.is_valid(invoice.iban):
        yield broken(
            invoice, "IBAN", f"The account {invoice.iban} is no IBAN: its check digits are wrong."
        )
    if invoice.prepaid * invoice.total < 0:
        yield broken(
            invoice,
            "PREPAID-BELOW-ZERO",
            f"What was paid before is given as {money(invoice, invoice.prepaid)}: more is asked "
            "for than this document comes to.",
            is_fatal=True,
        )
