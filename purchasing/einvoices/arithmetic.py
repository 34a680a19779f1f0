"""Whether the numbers of a document fit each other: lines, sums, taxes, decimals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from purchasing.einvoices import codes
from purchasing.einvoices.documents import ReadInvoice, ReadLine, ReadTax, RuleBreak, Syntax
from retail.common.money import ZERO, cent, display, display_rate, minor_units, round_amount

# What is off by so much or more is no rounding. Source: EN 16931, validation of BR-CO-17, BR-S-08.
TAX_SLACK = Decimal(1)
HALF_OF_A_CENT = Decimal("0.005")
# ISO 4217 has two decimals for them, of which no coin is left.
WHOLE_IN_PRACTICE = frozenset({"HUF"})
# Syntaxes whose codes are those of UN/CEFACT; others have code lists of their own.
UNCEFACT = frozenset({Syntax.UBL, Syntax.CII, Syntax.FACTUR_X})


def wrong_numbers(invoice: ReadInvoice, syntax: Syntax) -> Iterator[RuleBreak]:
    """Yield a break for every number that others in the document contradict."""
    yield from _lines(invoice, syntax)
    yield from _sums(invoice)
    yield from _taxes(invoice)
    yield from _taxed_amounts(invoice)
    yield from _decimals(invoice)


def broken(invoice: ReadInvoice, rule: str, message: str, *, is_fatal: bool = False) -> RuleBreak:
    return RuleBreak(rule=rule, message=message, is_fatal=is_fatal, invoice=invoice.position)


def money(invoice: ReadInvoice, amount: Decimal) -> str:
    """Return the amount with its currency, and with every decimal that is printed."""
    if amount == round_amount(amount, invoice.currency):
        return display(amount, invoice.currency)
    return f"{amount.normalize():,f} {invoice.currency}"


def off_by(
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
        # Not format(): the sentence holds words of the document, which may hold braces.
        message = what.replace("{expected}", money(invoice, expected))
        message = message.replace("{stated}", money(invoice, stated))
        rounding = coin(invoice.currency) * max(parts, 1) if slack is None else slack
        yield broken(invoice, rule, message, is_fatal=off > rounding)


def coin(currency: str) -> Decimal:
    """Return the smallest amount that is used, which not everywhere is the smallest there is."""
    return Decimal(1) if currency in WHOLE_IN_PRACTICE else cent(currency)


def _lines(invoice: ReadInvoice, syntax: Syntax) -> Iterator[RuleBreak]:
    if not invoice.lines:
        yield broken(
            invoice, "BR-16", "The document has totals only, no lines; it cannot be matched."
        )
    for line in invoice.lines:
        if line.unit_price < 0:
            yield broken(
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
    yield from off_by(
        invoice,
        "PEPPOL-EN16931-R120",
        f"Line {line.position}: {parts} makes {{expected}}, but the line says {{stated}}.",
        stated=round_amount(line.net_amount, invoice.currency),
        expected=line.quantity * line.unit_price + line.adjustment,
        # A price printed as 4.10 may be anything from 4.095 on.
        slack=coin(invoice.currency) + abs(line.quantity) * HALF_OF_A_CENT,
    )


def _sums(invoice: ReadInvoice) -> Iterator[RuleBreak]:
    of_lines = _total(line.net_amount for line in invoice.lines)
    allowances = _total(row.amount for row in invoice.charges if row.is_allowance)
    charges = _total(row.amount for row in invoice.charges if not row.is_allowance)
    if invoice.lines and invoice.line_total is not None:
        yield from off_by(
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
            yield from off_by(
                invoice,
                rule,
                f"The {name} come to {{expected}}, but their total is given as {{stated}}.",
                stated=stated,
                expected=amount,
            )
    line_total = of_lines if invoice.line_total is None else invoice.line_total
    if invoice.lines or invoice.line_total is not None:
        yield from off_by(
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
    yield from off_by(
        invoice,
        "BR-CO-15",
        "Net total and tax make {expected}, but the total with tax is given as {stated}.",
        stated=invoice.total,
        expected=invoice.net_total + invoice.tax_total,
    )
    if invoice.payable is not None:
        yield from off_by(
            invoice,
            "BR-CO-16",
            "Total less what was paid, with rounding, makes {expected}, but {stated} is asked for.",
            stated=invoice.payable,
            expected=invoice.total - invoice.prepaid + invoice.rounding,
        )


def _taxes(invoice: ReadInvoice) -> Iterator[RuleBreak]:
    if invoice.taxes:
        yield from off_by(
            invoice,
            "BR-CO-14",
            "The taxes per rate come to {expected}, but the total tax is given as {stated}.",
            stated=invoice.tax_total,
            expected=_total(row.tax for row in invoice.taxes),
        )
    elif any(line.tax_category for line in invoice.lines):
        yield broken(invoice, "BR-CO-18", "The document does not say the tax per rate.")
    for row in invoice.taxes:
        yield from _tax_of_rate(invoice, row)


def _tax_of_rate(invoice: ReadInvoice, row: ReadTax) -> Iterator[RuleBreak]:
    if row.category in codes.UNTAXED:
        if row.tax:
            yield broken(
                invoice,
                f"BR-{row.category}-09",
                f"Tax category {row.category} means no tax, but "
                f"{money(invoice, row.tax)} is charged.",
                is_fatal=True,
            )
        return
    expected = round_amount(row.taxable * row.rate / 100, invoice.currency)
    off = abs(row.tax - expected)
    lines = sum(1 for line in invoice.lines if line.tax_rate == row.rate)
    if off > coin(invoice.currency) * max(lines, 1):
        yield broken(
            invoice,
            "BR-CO-17",
            f"{row.rate.normalize():f} % of {money(invoice, row.taxable)} is "
            f"{money(invoice, expected)}, but the tax is given as {money(invoice, row.tax)}.",
            is_fatal=off >= TAX_SLACK,
        )


def _taxed_amounts(invoice: ReadInvoice) -> Iterator[RuleBreak]:
    """Yield a break per category and rate whose lines and charges are not what is taxed there."""
    rates = [line.tax_rate for line in invoice.lines] + [row.tax_rate for row in invoice.charges]
    if not invoice.taxes or not invoice.lines or None in rates:
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
        yield from off_by(
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
            yield broken(
                invoice,
                rule,
                f"The {name}, {amount.normalize():,f}, has more decimals than {invoice.currency}.",
            )


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
