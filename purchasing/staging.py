"""What each line of a supplier's file says, or why it cannot be taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from stdnum import ean

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

Found = TypeVar("Found")


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
    dialect = Dialect(
        encoding=profile.encoding,
        delimiter=profile.delimiter,
        quote=profile.quote,
        skipped_lines=profile.skipped_lines,
        has_titles=profile.has_titles,
    )
    seen: dict[str, int] = {}
    for row in read_table(path, dialect, wanted=titles.values()):
        line = _read_line(row, titles, profile.decimal_separator)
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


def _read_line(row: Row, titles: dict[str, str], decimal_separator: str) -> Article | Reject:
    if row.error:
        return Reject(row.line_number, row.error_code, row.error, row.columns)
    faults: list[_Fault] = []

    def read(name: str, reader: Callable[[str], Found], otherwise: Found) -> Found:
        try:
            return reader(row.columns[titles[name]].strip() if name in titles else "")
        except _Fault as fault:
            faults.append(fault)
            return otherwise

    count = partial(_count, decimal_separator=decimal_separator)
    sku = read("supplier_sku", _sku, "")
    gtin = read("gtin", _gtin, "")
    pack_size = read("pack_size", partial(count, "pack_size", 1, LARGEST_PACK), None)
    cost_name = "pack_cost" if "pack_cost" in titles else "unit_cost"
    cost = read(cost_name, partial(_cost, decimal_separator=decimal_separator), Decimal(0))
    minimum = read("minimum_quantity", partial(count, "minimum_quantity", 1, MAX_UNITS), None)
    available = read("available_units", partial(count, "available_units", 0, MAX_UNITS), None)
    if cost_name == "pack_cost" and pack_size is None and not faults:
        faults.append(_Fault("missing_pack_size", "The price is for a pack of unknown size."))
    if faults:
        texts = " ".join(fault.text for fault in faults)
        return Reject(row.line_number, faults[0].code, texts, row.columns)
    return Article(
        line_number=row.line_number,
        supplier_sku=sku,
        gtin=gtin,
        # Only read by people; the whole name stays in the file.
        name=row.columns[titles["name"]].strip()[:LONGEST_NAME] if "name" in titles else "",
        unit_cost=round_rate(cost / (pack_size or 1) if cost_name == "pack_cost" else cost),
        pack_size=pack_size,
        minimum_quantity=minimum,
        available_units=available,
    )


def _sku(text: str) -> str:
    if not text:
        raise _Fault("missing_sku", "The SKU is missing.")
    if is_damaged_code(text):
        raise _Fault("damaged_code", f"{text} was an SKU before a spreadsheet rounded it.")
    if len(text) > LONGEST_SKU:
        raise _Fault("sku_too_long", f"The SKU is longer than {LONGEST_SKU} characters.")
    return text


def _gtin(text: str) -> str:
    if not text:
        return ""
    if is_damaged_code(text):
        raise _Fault("damaged_code", f"{text} was a GTIN before a spreadsheet rounded it.")
    if not (text.isascii() and text.isdigit() and ean.is_valid(text)):
        raise _Fault("invalid_gtin", f"{text} is not a GTIN: wrong length or check digit.")
    return text


def _cost(text: str, *, decimal_separator: str) -> Decimal:
    if not text:
        raise _Fault("missing_price", "The price is missing.")
    try:
        amount = parse_decimal(text, decimal_separator)
    except NotANumber:
        raise _Fault("invalid_price", f"{text[:30]!r} is not a price.") from None
    if amount < 0:
        raise _Fault("negative_price", f"The price {text} is below zero.")
    if amount >= MAX_AMOUNT:
        raise _Fault("invalid_price", f"The price {text} is larger than any price.")
    return amount


def _count(name: str, low: int, high: int, text: str, *, decimal_separator: str) -> int | None:
    """Read a whole number, also one written with zeros behind the separator."""
    if not text:
        return None
    words = name.replace("_", " ")
    try:
        number = parse_decimal(text, decimal_separator)
    except NotANumber:
        number = Decimal("0.5")
    if number % 1:
        raise _Fault(f"invalid_{name}", f"{text[:30]!r} is not a whole number ({words}).")
    if not low <= number < high:
        raise _Fault(f"invalid_{name}", f"{text[:30]} cannot be the {words}.")
    return int(number)
