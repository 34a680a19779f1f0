"""What one cell of a table of invoices says: amounts, days, rates, kinds of documents."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from purchasing.column_words import normalized
from purchasing.einvoices.documents import Kind
from retail.common.tabular import NotANumber, parse_decimal

_COMMA = re.compile(r"\d,\d{1,2}(\D*|\Z)\Z|\d[. ']\d{3},\d", re.ASCII)
_POINT = re.compile(r"\d\.\d{1,2}(\D*|\Z)\Z|\d[, ']\d{3}\.\d", re.ASCII)
_UNCLEAR = re.compile(r"\D*\d{1,3}[.,]\d{3}\D*\Z", re.ASCII)
_ISO = re.compile(r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})", re.ASCII)
_EUROPEAN = re.compile(r"(\d{1,2})([-./])(\d{1,2})[-./](\d{4})", re.ASCII)
MONTHS = 12
LONGEST_SHOWN = 30
HUNDRED = Decimal(100)
# Words of rates without tax, and what the tax is called then (UNCL 5305).
_UNTAXED = {
    **dict.fromkeys(("zw", "exempt", "exento", "esente", "exonere", "befreit", "steuerfrei"), "E"),
    **dict.fromkeys(("np", "outside scope", "no sujeto", "fuori campo", "nicht steuerbar"), "O"),
    **dict.fromkeys(("oo", "rc", "reverse charge", "inversione contabile"), "AE"),
}
_CREDIT_WORDS = (
    "credit",
    "gutschrift",
    "storno",
    "korekta",
    "korygujaca",
    "kreditrekins",
    "kreditine",
    "nota di credito",
    "nota credito",
    "abono",
    "rectificativa",
    "avoir",
    "коригув",
    "корректир",
)
_CREDIT_CODES = frozenset({"cn", "cr", "381", "td04"})


class Fault(Exception):
    """What is wrong with a cell, in words; caught where the row is put together."""


@dataclass(frozen=True)
class Forms:
    """How a file writes numbers and days, and what of it could not be told from its cells."""

    decimal_separator: str
    is_month_first: bool
    unclear: tuple[str, ...]


def forms_of(numbers: Iterable[str], days: Iterable[str]) -> Forms:
    """Tell the forms from all cells of amounts and of days."""
    unclear = []
    cells = list(numbers)
    commas = sum(1 for cell in cells if _COMMA.search(cell))
    points = sum(1 for cell in cells if _POINT.search(cell))
    doubtful = next((cell for cell in cells if _UNCLEAR.match(cell)), "")
    if not commas and not points and doubtful:
        unclear.append(f"whether {doubtful[:LONGEST_SHOWN]} has decimals is not clear: it is taken")
    return Forms("," if commas > points else ".", _is_month_first(days, unclear), tuple(unclear))


def _is_month_first(days: Iterable[str], unclear: list[str]) -> bool:
    slashed = [found for day in days if (found := _EUROPEAN.match(day)) and found[2] == "/"]
    if any(int(found[1]) > MONTHS for found in slashed):
        return False
    if any(int(found[3]) > MONTHS for found in slashed):
        return True
    if slashed and any(found[1] != found[3] for found in slashed):
        unclear.append(f"whether {slashed[0][0]} has the day first is not clear: it is taken")
    return False


def number_in(cell: str, what: str, forms: Forms) -> Decimal | None:
    """:raises Fault: it is no number."""
    if not cell:
        return None
    try:
        return parse_decimal(cell, forms.decimal_separator)
    except NotANumber:
        raise Fault(f"the {what} {_quoted(cell)} is no number") from None


def day_in(cell: str, what: str, forms: Forms) -> date | None:
    """:raises Fault: it is no day."""
    if not cell:
        return None
    parts: tuple[str, ...] = ()
    if found := _ISO.match(cell):
        parts = (found[1], found[2], found[3])
    elif found := _EUROPEAN.match(cell):
        first, second = found[1], found[3]
        if forms.is_month_first and found[2] == "/":
            first, second = second, first
        parts = (found[4], second, first)
    try:
        return date(*(int(part) for part in parts))
    except (TypeError, ValueError):
        raise Fault(f"the {what} {_quoted(cell)} is no day") from None


def rate_in(cell: str, forms: Forms) -> tuple[str, Decimal | None]:
    """
    Return the tax category and the rate in percent; 0.19 is what a spreadsheet makes of 19 %.

    :raises Fault: it is no rate.
    """
    plain = normalized(cell)
    if not plain:
        return "", None
    if plain in _UNTAXED:
        return _UNTAXED[plain], Decimal(0)
    rate = number_in(cell.replace("%", "").strip(), "tax rate", forms)
    if rate is None or not 0 <= rate < HUNDRED:
        raise Fault(f"the tax rate {_quoted(cell)} is no percentage")
    if 0 < rate < 1 and "%" not in cell:
        rate *= HUNDRED
    return ("S" if rate else ""), rate


def kind_in(cell: str) -> Kind:
    """Return the kind of a document; what is called nothing special is an invoice."""
    plain = normalized(cell)
    is_credit_note = plain in _CREDIT_CODES or any(word in plain for word in _CREDIT_WORDS)
    return Kind.CREDIT_NOTE if is_credit_note else Kind.INVOICE


def _quoted(cell: str) -> str:
    return f"“{cell[:LONGEST_SHOWN]}”"
