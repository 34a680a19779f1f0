"""What the columns of a file hold, told from their cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from purchasing.cells import is_gtin
from purchasing.models import SupplierFileProfile
from retail.common.tabular import NotANumber, currency_mark, is_damaged_code, parse_decimal

LONGEST_CODE = 40
MOSTLY = 0.8
DayFormat = SupplierFileProfile.DayFormat

_COMMA = re.compile(r"[0-9],[0-9]{1,2}\Z|[0-9][. '][0-9]{3},[0-9]")
_POINT = re.compile(r"[0-9]\.[0-9]{1,2}\Z|[0-9][, '][0-9]{3}\.[0-9]")
_UNCLEAR = re.compile(r"\A[0-9]{1,3}[.,][0-9]{3}\Z")
_SIGNS_AROUND = re.compile(r"\A[^0-9]+|[^0-9]+\Z")
_DAYS = (
    (DayFormat.ISO, re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]00:00(:00)?)?\Z")),
    (DayFormat.POINTS, re.compile(r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}\Z")),
    (DayFormat.DAY_FIRST, re.compile(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}\Z")),
)
_CURRENCY = re.compile(r"[A-Za-z]{3}\Z|[€£$¥₴]\Z|zł\Z|Kč\Z|грн\.?\Z")
_CODE = re.compile(r"[^\s]*[0-9][^\s]*( [^\s]+)?\Z")
_WORD = re.compile(r"[^\W\d_]{2,}")
MONTHS = 12


@dataclass(frozen=True)
class Column:
    """A column of the rows looked at: its title, and its cells that are not empty."""

    position: int
    title: str
    cells: tuple[str, ...]
    rows: int

    def share(self, test: Callable[[str], object]) -> float:
        """Return the share of the cells that pass a test; 0 without cells."""
        return sum(1 for cell in self.cells if test(cell)) / len(self.cells) if self.cells else 0.0

    @cached_property
    def filled(self) -> float:
        return len(self.cells) / self.rows if self.rows else 0.0

    @cached_property
    def numbers(self) -> float:
        return self.share(is_number)

    @cached_property
    def amounts(self) -> float:
        """Share of the cells that are surely money: with cents or a currency."""
        return self.share(lambda cell: is_number(cell) and _is_amount(cell))

    @cached_property
    def gtins(self) -> float:
        return self.share(is_gtin)

    @cached_property
    def codes(self) -> float:
        return self.share(_is_code)

    @cached_property
    def distinct(self) -> float:
        return len(set(self.cells)) / len(self.cells) if self.cells else 0.0

    @cached_property
    def days(self) -> float:
        return self.share(_form_of_day)

    @cached_property
    def currencies(self) -> float:
        return self.share(_CURRENCY.match)

    @cached_property
    def words(self) -> float:
        """How many words a cell has, on average."""
        return sum(len(_WORD.findall(cell)) for cell in self.cells) / max(len(self.cells), 1)

    @cached_property
    def middle(self) -> float:
        """The median of its numbers."""
        numbers = sorted(number for cell in self.cells if (number := _value(cell)) is not None)
        return numbers[len(numbers) // 2] if numbers else 0.0


def columns_of(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Column]:
    """Return the columns of rows; cells beyond the titles are left out."""
    return [
        Column(
            position=position,
            title=title,
            cells=tuple(
                text for row in rows if position < len(row) and (text := row[position].strip())
            ),
            rows=len(rows),
        )
        for position, title in enumerate(titles)
    ]


def is_number(text: str) -> bool:
    """Tell whether a text is a number, written with a decimal point or a decimal comma."""
    return _value(text) is not None


def decimal_separator_of(columns: Sequence[Column], notes: list[str]) -> str:
    """Return the decimal separator that the numbers show, a point when they show none."""
    cells = [
        _SIGNS_AROUND.sub("", cell)
        for column in columns
        if column.numbers >= MOSTLY / 2 and not column.gtins
        for cell in column.cells
        if is_number(cell)
    ]
    commas = sum(1 for cell in cells if _COMMA.search(cell))
    points = sum(1 for cell in cells if _POINT.search(cell))
    separator, most, fewest = (",", commas, points) if commas > points else (".", points, commas)
    name = "comma" if separator == "," else "point"
    if not most:
        unclear = next((cell for cell in cells if _UNCLEAR.match(cell)), "")
        if unclear:
            notes.append(
                f"No number shows whether {unclear} has a decimal point or groups of thousands:"
                " a decimal point is assumed. Look at it."
            )
        return separator
    certainty = f", but {fewest:,} show the other one: look at them" if fewest else ""
    notes.append(f"Decimal {name}: {most:,} of the numbers looked at show it{certainty}.")
    return separator


def day_format_of(columns: Sequence[Column], notes: list[str]) -> str:
    """Return the form in which the columns of days write them, nothing without such."""
    dates = [cell for column in columns if column.days >= MOSTLY for cell in column.cells]
    forms = [form for cell in dates if (form := _form_of_day(cell))]
    if not forms:
        return ""
    form = max(sorted(set(forms)), key=forms.count)
    if form != DayFormat.DAY_FIRST:
        notes.append(f"Days are written like {DayFormat(form).label}.")
        return form
    parts = [cell.split("/") for cell in dates if _form_of_day(cell) == form]
    if any(int(first) > MONTHS for first, _second, _year in parts):
        notes.append("Days are written day first: a first number is above 12.")
        return form
    if any(int(second) > MONTHS for _first, second, _year in parts):
        notes.append("Days are written month first: a second number is above 12.")
        return DayFormat.MONTH_FIRST
    notes.append(
        "No day shows whether day or month stands first: day first is assumed. Look at it."
    )
    return form


def _form_of_day(text: str) -> str:
    return next((form for form, shape in _DAYS if shape.match(text)), "")


def _value(text: str) -> float | None:
    if not text[-1:].isdigit() and not any(character.isdigit() for character in text):
        return None
    for separator in (".", ","):
        try:
            return float(parse_decimal(text, separator))
        except NotANumber:
            continue
    return None


def _is_amount(text: str) -> bool:
    plain = _SIGNS_AROUND.sub("", text)
    return bool(_COMMA.search(plain) or _POINT.search(plain) or currency_mark(text))


def _is_code(text: str) -> bool:
    return len(text) <= LONGEST_CODE and bool(_CODE.match(text)) and not is_damaged_code(text)
