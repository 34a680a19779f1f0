"""What each line of a supplier's file says, or why it cannot be taken."""

from __future__ import annotations

import marshal
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

from purchasing.cells import Fault, Reader, readers_of_cells
from purchasing.corrections import open_corrections
from purchasing.models import SupplierFileProfile
from retail.common.errors import BusinessError
from retail.common.imports import Reject
from retail.common.money import round_rate
from retail.common.tabular import (
    BrokenFile,
    Dialect,
    MissingColumn,
    Record,
    Table,
    open_table,
)

# Our names of the columns, in the order of an article's fields.
FIELDS = (
    "supplier_sku",
    "gtin",
    "name",
    "unit_cost",
    "pack_size",
    "minimum_quantity",
    "available_units",
    "our_sku",
    "order_multiple",
    "lead_time_days",
    "back_in_stock_on",
    "valid_from",
)
FIELD_COUNT = len(FIELDS)
TEXTS = frozenset({"supplier_sku", "gtin", "name", "our_sku"})
NAMES = frozenset({*FIELDS, "pack_cost", "currency"})
# The price stands in one of two columns; the currency is only looked at, behind the fields.
SLOTS = {
    **{name: slot for slot, name in enumerate(FIELDS)},
    "pack_cost": FIELDS.index("unit_cost"),
    "currency": FIELD_COUNT,
}
COST, PACK = SLOTS["unit_cost"], SLOTS["pack_size"]

# Of how many digits codes are at least that surely have one length; the share that has it.
SHORTEST_FIXED_CODE, SHORTEST_PADDED_CODE, USUAL = 8, 5, 0.8

RECORDS_AT_ONCE, LENGTH = 500, struct.Struct("<Q")
NO_COLUMNS = "columns_not_found"
EMPTY_LINE = "The line is empty."
TITLES_AGAIN = "The line repeats the titles of the columns."


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
    our_sku: str
    order_multiple: int | None
    lead_time_days: int | None
    back_in_stock_on: date | None
    valid_from: date | None


@dataclass(frozen=True)
class Skip:
    """A line that is no article and was not meant to be one: a total, the titles once more."""

    line_number: int
    reason: str


Line = Article | Reject | Skip


def read_supplier_file(path: Path, profile: SupplierFileProfile) -> Iterator[Line]:
    """
    Yield every line of the file, taken, refused or skipped, in the file's order.

    A refused line names everything that is wrong with it, under the code of the first fault. Of
    lines with the same SKU the first counts. A profile without a supplier takes any currency. A
    download of refused lines is read by the profile's columns too, whatever its dialect.
    No line is yielded before all of the file proved readable.

    :raises BrokenFile: it cannot be read to its end, or not one of its lines can.
    :raises IncompleteProfile: the profile cannot be read by.
    :raises MissingColumn: a column the profile names is not in the file.
    """
    titles = _checked_titles(profile)
    table = _opened(path, profile, titles)
    with TemporaryFile() as ahead:
        sku_length = _look_through(table, table.titles.index(titles["supplier_sku"]), ahead)
        take = _taker(table, titles, profile, sku_length)
        reason_to_skip = _skipper(table, profile)
        seen: dict[str, int] = {}
        for record in _looked_through(ahead):
            if reason := reason_to_skip(record.cells):
                yield Skip(record.line_number, reason)
                continue
            line = take(record)
            if type(line) is Article:
                sku, number = line.supplier_sku, line.line_number
                first = seen.setdefault(sku, number)
                if first != number:
                    text = f"{sku} stands on line {first} already."
                    line = Reject(number, "duplicate_sku", text, table.columns_of(record))
            yield line


def _opened(path: Path, profile: SupplierFileProfile, titles: dict[str, str]) -> Table:
    corrections = open_corrections(path)
    if corrections is None:
        return open_table(path, dialect_of(profile), wanted=titles.values())
    if missing := set(titles.values()) - set(corrections.titles):
        raise MissingColumn(missing, corrections.titles)
    return corrections


def read_lines_without_columns(
    path: Path, profile: SupplierFileProfile, reason: str
) -> Iterator[Reject | Skip]:
    """
    Yield every line of a file in which the columns are not known, refused or skipped.

    reason: why a sound line is refused. The file is read as strictly as one with columns.

    :raises BrokenFile: it cannot be read to its end, or not one of its lines can.
    """
    table = open_table(path, dialect_of(profile))
    reason_to_skip = _skipper(table, profile)
    with TemporaryFile() as ahead:
        _look_through(table, 0, ahead)
        for record in _looked_through(ahead):
            columns = table.columns_of(record)
            if skipped := reason_to_skip(record.cells):
                yield Skip(record.line_number, skipped)
            elif record.error:
                yield Reject(record.line_number, record.error_code, record.error, columns)
            elif not any(_texts(record.cells)):
                yield Skip(record.line_number, EMPTY_LINE)
            else:
                yield Reject(record.line_number, NO_COLUMNS, reason, columns)


def dialect_of(profile: SupplierFileProfile) -> Dialect:
    """Return how the profile says its files are written."""
    return Dialect(
        encoding=profile.encoding,
        delimiter=profile.delimiter,
        quote=profile.quote,
        skipped_lines=profile.skipped_lines,
        has_titles=profile.has_titles,
        sheet=profile.sheet,
        decimal_separator=profile.decimal_separator,
    )


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


def _look_through(table: Table, position: int, ahead: IO[bytes]) -> int:
    """
    Go through the whole file; return how many digits its SKUs have, 0 when that differs.

    position: of the SKU. ahead: where the records wait, because reading a workbook once more
    would take longer. Running numbers grow longer, so a few shorter ones among short numbers
    prove nothing; long codes, and such as begin with a zero, are of one length on purpose.

    :raises BrokenFile: the file has lines, but not one of them can be read.
    """
    lengths: Counter[int] = Counter()
    others = read = sound = 0
    is_padded = False
    complaint: Record | None = None
    while batch := list(islice(table.records, RECORDS_AT_ONCE)):
        # Version 2: the later ones look every text up, to write it only once.
        packed = marshal.dumps([tuple(record) for record in batch], 2)
        ahead.write(LENGTH.pack(len(packed)) + packed)
        read += len(batch)
        for record in batch:
            if record.error:
                complaint = complaint or record
                continue
            sound += 1
            sku = record.cells[position].strip()
            if sku.isdigit():
                lengths[len(sku)] += 1
                is_padded = is_padded or sku[0] == "0"
            elif sku:
                others += 1
    if complaint and not sound:
        text = f"Not one of the {read} lines can be read. {complaint.error}"
        raise BrokenFile(text, line=complaint.line_number)
    longest = max(lengths, default=0)
    is_long = longest >= (SHORTEST_PADDED_CODE if is_padded else SHORTEST_FIXED_CODE)
    is_usual = lengths[longest] >= USUAL * (lengths.total() + others)
    return longest if is_long and is_usual else 0


def _looked_through(ahead: IO[bytes]) -> Iterator[Record]:
    ahead.seek(0)
    while length := ahead.read(LENGTH.size):
        # Written by ourselves a moment ago, to a file that nobody else can open.
        yield from map(Record._make, marshal.loads(ahead.read(*LENGTH.unpack(length))))  # noqa: S302 - see above


def _taker(
    table: Table, titles: dict[str, str], profile: SupplierFileProfile, sku_length: int
) -> Callable[[Record], Line]:
    """Return what makes an article of a record, or says why it cannot."""
    is_pack_priced = "pack_cost" in titles
    plan = _plan(table, titles, profile, sku_length)
    blank: list[Any] = ["" if name in TEXTS else None for name in SLOTS]

    def take(record: Record) -> Line:
        number, cells, error, code = record
        if error:
            return Reject(number, code, error, table.columns_of(record))
        values = blank.copy()
        try:
            for slot, position, read in plan:
                values[slot] = read(cells[position].strip())
            if is_pack_priced:
                values[COST] = _cost_of_one(values[COST], values[PACK])
        except Fault as fault:
            return _refused(record, plan, table, fault)
        return Article(number, *values[:FIELD_COUNT])

    return take


def _plan(
    table: Table, titles: dict[str, str], profile: SupplierFileProfile, sku_length: int
) -> list[tuple[int, int, Reader]]:
    """Return for each column the profile names: where it goes, where it stands, what reads it."""
    readers = readers_of_cells(
        decimal_separator=profile.decimal_separator,
        day_format=profile.day_format,
        # A profile that is only proposed has no supplier yet.
        currency=profile.supplier.currency if hasattr(profile, "supplier") else "",
        sku_length=sku_length,
    )
    return sorted(
        (SLOTS[name], table.titles.index(title), readers[name]) for name, title in titles.items()
    )


def _cost_of_one(pack_cost: Decimal, pack_size: int | None) -> Decimal:
    if pack_size is None:
        raise Fault("missing_pack_size", "The price is for a pack of unknown size.")
    return round_rate(pack_cost / pack_size)


def _refused(
    record: Record, plan: list[tuple[int, int, Reader]], table: Table, first: Fault
) -> Reject | Skip:
    """Read a faulty line once more, for everything that is wrong with it."""
    if not any(cell.strip() for cell in record.cells):
        return Skip(record.line_number, EMPTY_LINE)
    faults: list[Fault] = []
    for _slot, position, read in plan:
        try:
            read(record.cells[position].strip())
        except Fault as fault:
            faults.append(fault)
    texts = " ".join(fault.text for fault in faults or [first])
    return Reject(record.line_number, first.code, texts, table.columns_of(record))


def _skipper(table: Table, profile: SupplierFileProfile) -> Callable[[list[str]], str]:
    """Return what tells why the cells of a line are no article's; empty text when they are."""
    titles = table.titles if profile.has_titles else []
    is_footer = _footer(profile.footer_words)

    def reason_to_skip(cells: list[str]) -> str:
        if titles and cells[0].strip() == titles[0] and _texts(cells) == titles:
            return TITLES_AGAIN
        if is_footer and (found := is_footer(next(filter(None, _texts(cells)), ""))):
            return f"The line begins with {found[0]}."
        return ""

    return reason_to_skip


def _texts(cells: list[str]) -> list[str]:
    return [cell.strip() for cell in cells]


def _footer(words: str) -> Callable[[str], re.Match[str] | None] | None:
    """Return what finds one of the words at the start; TOTAL-1 is a code, "Total:" is a footer."""
    alternatives = [re.escape(word.strip()) for word in words.split(",") if word.strip()]
    if not alternatives:
        return None
    return re.compile(rf"(?:{'|'.join(alternatives)})(?![\w-])", re.IGNORECASE).match
