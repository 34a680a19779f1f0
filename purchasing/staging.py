"""What each line of a supplier's file says, or why it cannot be taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from catalog.queries import GTIN_LENGTHS
from purchasing.models import SupplierFileProfile
from retail.common.errors import BusinessError
from retail.common.fields import MAX_AMOUNT, MAX_UNITS
from retail.common.imports import Reject
from retail.common.money import round_rate
from retail.common.tabular import (
    Dialect,
    NotANumber,
    Row,
    is_damaged_code,
    parse_decimal,
    read_table,
)

NAMES = frozenset(
    {
        "supplier_sku",
        "gtin",
        "name",
        "unit_cost",
        "pack_cost",
        "pack_size",
        "minimum_quantity",
        "available_units",
    }
)
LONGEST_SKU = 100
LONGEST_NAME = 300
LARGEST_PACK = 1_000_000
LONGEST_PLAIN_NUMBER = 15

# The file's title of a column, None where the profile names none, and what reads its cells.
_Reader = tuple[str | None, Callable[[str], Any]]
_Number = Callable[[str], int | Decimal | None]


class IncompleteProfile(BusinessError):
    """The profile does not say where SKU and price stand, or names something unknown."""


class Article(NamedTuple):
    """A line that can be taken, in the order of the columns it is copied to."""

    line_number: int
    supplier_sku: str
    gtin: str
    name: str
    unit_cost: Decimal
    pack_size: int | None
    minimum_quantity: int | None
    available_units: int | None


class _Fault(Exception):
    """What is wrong with one cell; caught where the line is put together."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


def read_supplier_file(path: Path, profile: SupplierFileProfile) -> Iterator[Article | Reject]:
    """
    Yield every line of the file, taken or refused, in the file's order.

    A refused line names everything that is wrong with it, under the code of the first fault. Of
    lines with the same SKU the first counts.

    :raises IncompleteProfile: the profile cannot be read by.
    :raises MissingColumn: a column the profile names is not in the file.
    """
    titles = _checked_titles(profile)
    readers = _readers(titles, profile.decimal_separator)
    dialect = Dialect(
        encoding=profile.encoding,
        delimiter=profile.delimiter,
        quote=profile.quote,
        skipped_lines=profile.skipped_lines,
        has_titles=profile.has_titles,
    )
    seen: dict[str, int] = {}
    for row in read_table(path, dialect, wanted=titles.values()):
        line = _read_line(row, readers, is_pack_priced="pack_cost" in titles)
        if isinstance(line, Article):
            first = seen.setdefault(line.supplier_sku, line.line_number)
            if first != line.line_number:
                text = f"{line.supplier_sku} stands on line {first} already."
                line = Reject(row.line_number, "duplicate_sku", text, row.columns)
        yield line


def _checked_titles(profile: SupplierFileProfile) -> dict[str, str]:
    """Return our name -> the file's title, for the columns the profile names."""
    titles = {name: str(title).strip() for name, title in profile.columns.items() if title}
    if unknown := sorted(set(titles) - NAMES):
        problem = f"names columns we do not know: {', '.join(unknown)}"
    elif "supplier_sku" not in titles:
        problem = "does not say in which column the supplier's SKU stands"
    elif ("unit_cost" in titles) == ("pack_cost" in titles):
        problem = "must name the column of either the unit's or the pack's cost"
    elif "pack_cost" in titles and "pack_size" not in titles:
        problem = "prices packs, but does not say in which column their size stands"
    else:
        return titles
    raise IncompleteProfile(f"The profile {profile.code} {problem}.", profile=profile.code)


def _readers(titles: dict[str, str], decimal_separator: str) -> list[_Reader]:
    """Return title and reader of each cell of an article, in the order of its fields."""
    number = partial(_number, decimal_separator=decimal_separator)
    by_name: dict[str, Callable[[str], Any]] = {
        "supplier_sku": _sku,
        "gtin": _gtin,
        # Only read by people; the whole name stays in the file.
        "name": lambda text: text[:LONGEST_NAME],
        "pack_cost" if "pack_cost" in titles else "unit_cost": partial(_cost, number=number),
        "pack_size": partial(_count, "pack size", 1, LARGEST_PACK, number=number),
        "minimum_quantity": partial(_count, "minimum quantity", 1, MAX_UNITS, number=number),
        "available_units": partial(_count, "available units", 0, MAX_UNITS, number=number),
    }
    return [(titles.get(name), reader) for name, reader in by_name.items()]


def _read_line(row: Row, readers: list[_Reader], *, is_pack_priced: bool) -> Article | Reject:
    if row.error:
        return Reject(row.line_number, row.error_code, row.error, row.columns)
    values: list[Any] = []
    faults: list[_Fault] = []
    for title, reader in readers:
        try:
            values.append(reader("" if title is None else row.columns[title].strip()))
        except _Fault as fault:
            faults.append(fault)
            values.append(None)
    if not faults and is_pack_priced:
        _, _, _, cost, pack_size, *_ = values
        if pack_size is None:
            faults.append(_Fault("missing_pack_size", "The price is for a pack of unknown size."))
        else:
            values[3] = cost / pack_size
    if faults:
        texts = " ".join(fault.text for fault in faults)
        return Reject(row.line_number, faults[0].code, texts, row.columns)
    values[3] = round_rate(values[3])
    return Article(row.line_number, *values)


def _sku(text: str) -> str:
    if not text:
        raise _Fault("missing_sku", "The SKU is missing.")
    if is_damaged_code(text):
        raise _Fault("damaged_code", f"{text} was an SKU before a spreadsheet rounded it.")
    if len(text) > LONGEST_SKU:
        raise _Fault("sku_too_long", f"The SKU is longer than {LONGEST_SKU} characters.")
    return text


def _gtin(text: str) -> str:
    if not text or _is_gtin(text):
        return text
    if is_damaged_code(text):
        raise _Fault("damaged_code", f"{text} was a GTIN before a spreadsheet rounded it.")
    raise _Fault("invalid_gtin", f"{text[:30]} is not a GTIN: wrong length or check digit.")


def _is_gtin(text: str) -> bool:
    """Tell what `catalog.models.validate_gtin` tells, fast enough for every line of a file."""
    if len(text) not in GTIN_LENGTHS or not (text.isascii() and text.isdigit()):
        return False
    return (sum(map(int, text[-1::-2])) + 3 * sum(map(int, text[-2::-2]))) % 10 == 0


def _number(text: str, *, decimal_separator: str) -> int | Decimal | None:
    """Read a number; None when it is none."""
    # Most cells are plain digits, and a file has them by the hundred thousand.
    if len(text) <= LONGEST_PLAIN_NUMBER and text.isascii():
        whole, separator, fraction = text.partition(decimal_separator)
        if whole.isdigit() and not separator:
            return int(whole)
        if whole.isdigit() and fraction.isdigit():
            return Decimal(f"{whole}.{fraction}")
    try:
        return parse_decimal(text, decimal_separator)
    except NotANumber:
        return None


def _cost(text: str, *, number: _Number) -> Decimal:
    if not text:
        raise _Fault("missing_price", "The price is missing.")
    amount = number(text)
    if amount is None or amount >= MAX_AMOUNT:
        raise _Fault("invalid_price", f"{text[:30]!r} is not a price.")
    if amount < 0:
        raise _Fault("negative_price", f"The price {text} is below zero.")
    return Decimal(amount)


def _count(name: str, low: int, high: int, text: str, *, number: _Number) -> int | None:
    """Read a whole number, also one written with zeros behind the separator."""
    if not text:
        return None
    found = number(text)
    if found is None or found % 1 or not low <= found < high:
        code = f"invalid_{name.replace(' ', '_')}"
        raise _Fault(code, f"{text[:30]!r} cannot be the {name}.")
    return int(found)
