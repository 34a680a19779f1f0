"""
Whether a document keeps the rules of invoices: sums, taxes, codes, days, whatever its syntax.

The rules are those of EN 16931 under their own ids where it has them, in words for an accountant.
A sum that is off by no more than the smallest coin for each amount in it is told, but not fatal:
suppliers round in more than one way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from stdnum import iban

from purchasing.einvoices import codes
from purchasing.einvoices.documents import (
    Kind,
    ReadInvoice,
    ReadLine,
    ReadTax,
    RuleBreak,
    Syntax,
)
from retail.common.money import ZERO, cent, display, display_rate, minor_units, round_amount

EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)
# Syntaxes whose codes are those of UN/CEFACT; others have code lists of their own.
UNCEFACT = frozenset({Syntax.UBL, Syntax.CII, Syntax.FACTUR_X})
# What is off by so much or more is no rounding. Source: EN 16931, validation of BR-CO-17, BR-S-08.
TAX_SLACK = Decimal(1)
HALF_OF_A_CENT = Decimal("0.005")
# ISO 4217 has two decimals for them, of which no coin is left.
WHOLE_IN_PRACTICE = frozenset({"HUF"})


def broken_rules(invoice: ReadInvoice, syntax: Syntax) -> tuple[RuleBreak, ...]:
    """Return the rules the invoice breaks, in the order a person would check them."""
    return (
        *_identity(invoice, syntax),
        *_days(invoice),
        *_codes(invoice, syntax),
        *_lines(invoice, syntax),
        *_sums(invoice),
        *_taxes(invoice),
        *_taxed_amounts(invoice),
        *_decimals(invoice),
        *_payment(invoice),
    )


def _break(invoice: ReadInvoice, rule: str, message: str, *, is_fatal: bool = False) -> RuleBreak:
    return RuleBreak(rule=rule, message=message, is_fatal=is_fatal, invoice=invoice.position)


def _money(invoice: ReadInvoice, amount: Decimal) -> str:
    """Return the amount with its currency, and with every decimal that is printed."""
    if amount == round_amount(amount, invoice.currency):
        return display(amount, invoice.currency)
    return f"{amount.normalize():,f} {invoice.currency}"


def _off(
    invoice: ReadInvoice,
    rule: str,
    what: str,
    *,
    stated: Decimal,
    expected: Decimal,
    parts: int = 1,
    slack: Decimal | None = None,
) -> Iterator[RuleBreak]:
    """
    Yield a break when a stated amount is not what its parts make.

    what: the sentence, with {expected} and {stated}.
    parts: how many amounts were rounded on the way; slack says otherwise how far off is rounding.
    """
    expected = round_amount(expected, invoice.currency)
    off = abs(stated - expected)
    if off:
        message = what.format(expected=_money(invoice, expected), stated=_money(invoice, stated))
        rounding = _coin(invoice.currency) * max(parts, 1) if slack is None else slack
        yield _break(invoice, rule, message, is_fatal=off > rounding)


def _coin(currency: str) -> Decimal:
    """Return the smallest amount that is used, which not everywhere is the smallest there is."""
    return Decimal(1) if currency in WHOLE_IN_PRACTICE else cent(currency)


def _identity(invoice: ReadInvoice, syntax: Syntax) -> Iterator[RuleBreak]:
    seller = invoice.seller
    if not seller.name:
        yield _break(
            invoice,
            "BR-06",
            "The document does not name who sells.",
            is_fatal=not (seller.tax_numbers or seller.electronic_address),
        )
    if not invoice.buyer.name and syntax is not Syntax.CSV:  # a table has no column for it
        yield _break(invoice, "BR-07", "The document does not name who buys.")
    if invoice.kind is Kind.CREDIT_NOTE and invoice.total < 0:
        yield _break(
            invoice,
            "NEGATIVE-CREDIT-NOTE",
            f"A credit note over {_money(invoice, invoice.total)} asks for money instead of giving "
            "it back; ask the supplier which way it is meant.",
            is_fatal=True,
        )
    if syntax in UNCEFACT and not invoice.type_code:
        # In UBL the name of the document says which way it counts.
        yield _break(
            invoice,
            "BR-04",
            "The document does not say by a code whether it is an invoice or a credit note.",
            is_fatal=syntax is not Syntax.UBL,
        )


def _days(invoice: ReadInvoice) -> Iterator[RuleBreak]:
    days = (("date", invoice.issued_on), ("due date", invoice.due_on))
    for name, day in days:
        if day is not None and not EARLIEST <= day <= LATEST:
            yield _break(
                invoice,
                "DATE-OUT-OF-REACH",
                f"The {name} is {day:%d} {day:%B} {day.year}, which no invoice of ours can have.",
                is_fatal=True,
            )
    if invoice.due_on is not None and invoice.due_on < invoice.issued_on:
        yield _break(invoice, "DUE-BEFORE-DATE", "It is due before the day it was written on.")


def _codes(invoice: ReadInvoice, syntax: Syntax) -> Iterator[RuleBreak]:
    if invoice.currency not in codes.CURRENCIES:
        yield _break(
            invoice,
            "BR-CL-04",
            f"There is no currency {invoice.currency}.",
            is_fatal=True,
        )
    for role, party in (("seller", invoice.seller), ("buyer", invoice.buyer)):
        if party.country and party.country not in codes.COUNTRIES:
            yield _break(
                invoice, "BR-CL-14", f"The country of the {role}, {party.country}, does not exist."
            )
    if syntax not in UNCEFACT:
        return
    if invoice.type_code and invoice.type_code not in (
        codes.INVOICE_TYPES | codes.CREDIT_NOTE_TYPES
    ):
        yield _break(
            invoice,
            "BR-CL-01",
            f"The type of the document, {invoice.type_code}, is none of an invoice or credit note.",
            is_fatal=syntax is not Syntax.UBL,
        )
    categories = {row.category for row in invoice.taxes} | {
        row.tax_category for row in (*invoice.lines, *invoice.charges)
    }
    for category in sorted(categories - codes.TAX_CATEGORIES - {""}):
        yield _break(invoice, "BR-CL-17", f"There is no tax category {category}.")
    for line in invoice.lines:
        if line.unit_code and not codes.UNIT_CODE.fullmatch(line.unit_code):
            yield _break(
                invoice,
                "BR-CL-23",
                f"The unit of line {line.position}, {line.unit_code}, is no code of a unit.",
            )


def _lines(invoice: ReadInvoice, syntax: Syntax) -> Iterator[RuleBreak]:
    if not invoice.lines:
        yield _break(
            invoice, "BR-16", "The document has totals only, no lines; it cannot be matched."
        )
    for line in invoice.lines:
        if line.unit_price < 0:
            yield _break(
                invoice,
                "BR-27",
                f"The price of line {line.position} is below zero: "
                f"{display_rate(line.unit_price)} {invoice.currency}.",
                # Elsewhere a price below zero is how a discount is written.
                is_fatal=syntax in UNCEFACT,
            )
        yield from _line_amount(invoice, line)


def _line_amount(invoice: ReadInvoice, line: ReadLine) -> Iterator[RuleBreak]:
    """Yield a break when quantity, price, allowances and charges do not make the line's amount."""
    parts = f"{line.quantity.normalize():,f} x {display_rate(line.unit_price)}"
    if line.adjustment:
        sign = "+" if line.adjustment > 0 else "-"
        parts += f" {sign} {abs(line.adjustment):,}"
    yield from _off(
        invoice,
        "PEPPOL-EN16931-R120",
        f"Line {line.position}: {parts} makes {{expected}}, but the line says {{stated}}.",
        stated=round_amount(line.net_amount, invoice.currency),
        expected=line.quantity * line.unit_price + line.adjustment,
        # A price printed as 4.10 may be anything from 4.095 on.
        slack=_coin(invoice.currency) + abs(line.quantity) * HALF_OF_A_CENT,
    )


def _sums(invoice: ReadInvoice) -> Iterator[RuleBreak]:
    of_lines = _total(line.net_amount for line in invoice.lines)
    allowances = _total(row.amount for row in invoice.charges if row.is_allowance)
    charges = _total(row.amount for row in invoice.charges if not row.is_allowance)
    if invoice.lines and invoice.line_total is not None:
        yield from _off(
            invoice,
            "BR-CO-10",
            "The lines come to {expected}, but their total is given as {stated}.",
            stated=invoice.line_total,
            expected=of_lines,
            parts=len(invoice.lines),
        )
    stated_sums = (
        ("BR-CO-11", "allowances", allowances, invoice.allowance_total),
        ("BR-CO-12", "charges", charges, invoice.charge_total),
    )
    for rule, name, amount, stated in stated_sums:
        if stated is not None:
            yield from _off(
                invoice,
                rule,
                f"The {name} come to {{expected}}, but their total is given as {{stated}}.",
                stated=stated,
                expected=amount,
            )
    line_total = of_lines if invoice.line_total is None else invoice.line_total
    if invoice.lines or invoice.line_total is not None:
        yield from _off(
            invoice,
            "BR-CO-13",
            "Lines, allowances and charges make {expected} without tax, but the document says "
            "{stated}.",
            stated=invoice.net_total,
            expected=line_total
            - (allowances if invoice.allowance_total is None else invoice.allowance_total)
            + (charges if invoice.charge_total is None else invoice.charge_total),
            parts=1 if invoice.line_total is not None else len(invoice.lines),
        )
    yield from _off(
        invoice,
        "BR-CO-15",
        "Net total and tax make {expected}, but the total with tax is given as {stated}.",
        stated=invoice.total,
        expected=invoice.net_total + invoice.tax_total,
    )
    if invoice.payable is not None:
        yield from _off(
            invoice,
            "BR-CO-16",
            "Total less what was paid, with rounding, makes {expected}, but {stated} is asked for.",
            stated=invoice.payable,
            expected=invoice.total - invoice.prepaid + invoice.rounding,
        )


def _taxes(invoice: ReadInvoice) -> Iterator[RuleBreak]:
    if invoice.taxes:
        yield from _off(
            invoice,
            "BR-CO-14",
            "The taxes per rate come to {expected}, but the total tax is given as {stated}.",
            stated=invoice.tax_total,
            expected=_total(row.tax for row in invoice.taxes),
        )
    elif any(line.tax_category for line in invoice.lines):
        yield _break(invoice, "BR-CO-18", "The document does not say the tax per rate.")
    for row in invoice.taxes:
        yield from _tax_of_rate(invoice, row)


def _tax_of_rate(invoice: ReadInvoice, row: ReadTax) -> Iterator[RuleBreak]:
    if row.category in codes.UNTAXED:
        if row.tax:
            yield _break(
                invoice,
                f"BR-{row.category}-09",
                f"Tax category {row.category} means no tax, but "
                f"{_money(invoice, row.tax)} is charged.",
                is_fatal=True,
            )
        return
    expected = round_amount(row.taxable * row.rate / 100, invoice.currency)
    off = abs(row.tax - expected)
    lines = sum(1 for line in invoice.lines if line.tax_rate == row.rate)
    if off > _coin(invoice.currency) * max(lines, 1):
        yield _break(
            invoice,
            "BR-CO-17",
            f"{row.rate.normalize():f} % of {_money(invoice, row.taxable)} is "
            f"{_money(invoice, expected)}, but the tax is given as {_money(invoice, row.tax)}.",
            is_fatal=off >= TAX_SLACK,
        )


def _taxed_amounts(invoice: ReadInvoice) -> Iterator[RuleBreak]:
    """Yield a break per category and rate whose lines and charges are not what is taxed there."""
    rows = (*invoice.lines, *invoice.charges)
    if not invoice.taxes or not invoice.lines or any(row.tax_rate is None for row in rows):
        return
    made: dict[tuple[str, Decimal], Decimal] = {}
    counted: dict[tuple[str, Decimal], int] = {}
    for line in invoice.lines:
        _count(made, counted, (line.tax_category, line.tax_rate or ZERO), line.net_amount)
    for charge in invoice.charges:
        amount = -charge.amount if charge.is_allowance else charge.amount
        _count(made, counted, (charge.tax_category, charge.tax_rate or ZERO), amount)
    stated: dict[tuple[str, Decimal], Decimal] = {}
    for row in invoice.taxes:
        key = (row.category, row.rate)
        stated[key] = stated.get(key, ZERO) + row.taxable
    for category, rate in dict.fromkeys((*stated, *made)):
        key = (category, rate)
        yield from _off(
            invoice,
            f"BR-{category or 'S'}-08",
            f"Lines and charges taxed at {_rate(category, rate)} come to {{expected}}, but "
            "{stated} is said to be.",
            stated=stated.get(key, ZERO),
            expected=made.get(key, ZERO),
            parts=counted.get(key, 1),
        )


def _rate(category: str, rate: Decimal) -> str:
    percent = f"{rate.normalize():f} %"
    return f"{percent} (category {category})" if category else percent


def _count(
    made: dict[tuple[str, Decimal], Decimal],
    counted: dict[tuple[str, Decimal], int],
    key: tuple[str, Decimal],
    amount: Decimal,
) -> None:
    made[key] = made.get(key, ZERO) + amount
    counted[key] = counted.get(key, 0) + 1


def _decimals(invoice: ReadInvoice) -> Iterator[RuleBreak]:
    """Yield a break for amounts with more decimals than their currency has."""
    most = max(minor_units(invoice.currency), 2)
    amounts: list[tuple[str, str, Decimal | None]] = [
        ("BR-DEC-09", "total of the lines", invoice.line_total),
        ("BR-DEC-10", "total of the allowances", invoice.allowance_total),
        ("BR-DEC-11", "total of the charges", invoice.charge_total),
        ("BR-DEC-12", "total without tax", invoice.net_total),
        ("BR-DEC-13", "total tax", invoice.tax_total),
        ("BR-DEC-14", "total with tax", invoice.total),
        ("BR-DEC-16", "prepaid amount", invoice.prepaid),
        ("BR-DEC-17", "rounding", invoice.rounding),
        ("BR-DEC-18", "amount to pay", invoice.payable),
        *(("BR-DEC-01", "amount of an allowance", row.amount) for row in invoice.charges),
        *(("BR-DEC-19", "taxed amount", row.taxable) for row in invoice.taxes),
        *(("BR-DEC-20", "tax", row.tax) for row in invoice.taxes),
        *(("BR-DEC-23", f"amount of line {row.position}", row.net_amount) for row in invoice.lines),
    ]
    for rule, name, amount in amounts:
        if amount is not None and amount != round(amount, most):
            yield _break(
                invoice,
                rule,
                f"The {name}, {amount.normalize():,f}, has more decimals than {invoice.currency}.",
            )


def _payment(invoice: ReadInvoice) -> Iterator[RuleBreak]:
    if (invoice.payable or ZERO) > 0 and invoice.due_on is None and not invoice.payment_terms:
        yield _break(
            invoice, "BR-CO-25", "The document says neither when it is due nor on what terms."
        )
    if invoice.iban and not iban.is_valid(invoice.iban):
        yield _break(
            invoice, "IBAN", f"The account {invoice.iban} is no IBAN: its check digits are wrong."
        )


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
