"""Whether a supplier's document adds up by itself: arithmetic, no database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from purchasing.models import MatchException
from purchasing.tolerances import Finding
from retail.common.money import ZERO, cent, round_amount, round_rate

Kind = MatchException.Kind
Rate = tuple[str, Decimal]


@dataclass(frozen=True)
class Taxed:
    """The net amount of a line, signed as it counts, and how it is taxed."""

    net: Decimal
    category: str = ""
    rate: Decimal = ZERO


@dataclass(frozen=True)
class StatedTax:
    """The tax of one category and rate as the document states it, signed as printed."""

    category: str
    rate: Decimal
    taxable: Decimal
    tax: Decimal


@dataclass(frozen=True)
class Totals:
    """
    What a document says at its foot; `payable` None where it does not say what is to be paid.
    """

    net: Decimal
    tax: Decimal
    total: Decimal
    prepaid: Decimal = ZERO
    rounding: Decimal = ZERO
    payable: Decimal | None = None


def sum_findings(
    lines: Sequence[Taxed],
    taxes: Sequence[StatedTax],
    totals: Totals,
    *,
    currency: str,
    tax_slack: Decimal | None,
) -> list[Finding]:
    """
    Return which sums of a document are wrong, and the rates whose tax is.

    The sum of the lines may be off by the smallest coin for each of them, for suppliers round by
    line or in all; so may the tax of a rate, unless tax_slack says how far. Tax is worked out only
    where a rate is stated.
    """
    coin = cent(currency)
    of_lines = sum((line.net for line in lines), ZERO)
    of_rates = sum((row.tax for row in taxes), ZERO)
    to_pay = totals.total - totals.prepaid + totals.rounding
    sums = [
        ("Net total", of_lines, totals.net, coin * max(len(lines), 1)),
        ("Total", totals.net + totals.tax, totals.total, coin),
    ]
    if taxes:
        sums.append(("Tax", of_rates, totals.tax, coin * len(taxes)))
    elif any(line.rate for line in lines):
        slack = coin * len(lines) if tax_slack is None else tax_slack
        sums.append(("Tax", round_amount(_tax(lines), currency), totals.tax, slack))
    if totals.payable is not None:
        sums.append(("To pay", to_pay, totals.payable, coin))
    wrong = [
        _finding(Kind.HEADER, subject, expected, actual)
        for subject, expected, actual, slack in sums
        if abs(expected - actual) > slack
    ]
    return [*wrong, *_tax_findings(lines, taxes, currency=currency, tax_slack=tax_slack)]


def _tax_findings(
    lines: Sequence[Taxed],
    taxes: Sequence[StatedTax],
    *,
    currency: str,
    tax_slack: Decimal | None,
) -> Iterable[Finding]:
    """Yield the rates whose stated tax is not that of the lines, or of the stated base."""
    if not taxes:
        return
    # Beside a category that only one side states the rate has to do.
    by_category = all(line.category for line in lines) and all(row.category for row in taxes)
    stated: dict[Rate, list[StatedTax]] = defaultdict(list)
    for row in taxes:
        stated[row.category if by_category else "", _rate_of(row, lines)].append(row)
    taxed: dict[Rate, list[Taxed]] = defaultdict(list)
    for line in lines:
        taxed[line.category if by_category else "", line.rate].append(line)
    is_told_by_line = any(line.category or line.rate for line in lines)

    for key in sorted({*stated, *(taxed if is_told_by_line else ())}):
        rows, bases = stated[key], taxed[key]
        if not is_told_by_line:
            bases = [Taxed(row.taxable, rate=key[1]) for row in rows]
        expected = round_amount(_tax(bases), currency)
        actual = sum((row.tax for row in rows), ZERO)
        slack = cent(currency) * max(len(bases), 1) if tax_slack is None else tax_slack
        if abs(expected - actual) > slack:
            yield _finding(Kind.TAX, _in_words(key), expected, actual)


def _rate_of(row: StatedTax, lines: Sequence[Taxed]) -> Decimal:
    """Return the rate of a stated tax; one that is not said is that of the lines it is for."""
    if row.rate or not row.tax:
        return row.rate
    rates = {line.rate for line in lines if line.rate and line.category == row.category}
    return rates.pop() if len(rates) == 1 else row.rate


def _tax(lines: Iterable[Taxed]) -> Decimal:
    return sum((line.net * line.rate / 100 for line in lines), ZERO)


def _in_words(rate: Rate) -> str:
    category, percent = rate
    return f"{category} {percent.normalize():f} %".strip()


def _finding(kind: str, subject: str, expected: Decimal, actual: Decimal) -> Finding:
    return Finding(
        invoice_line_id=None,
        kind=kind,
        expected=round_rate(expected),
        actual=round_rate(actual),
        subject=subject,
        at_stake=max(actual - expected, ZERO),
    )
