"""The rows of a table of invoices, and what is wrong with them, told all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TypeVar

from purchasing.einvoices.csv_cells import Fault
from purchasing.einvoices.csv_columns import columns_of, missing_from
from purchasing.einvoices.documents import Syntax, UnreadableDocument
from purchasing.einvoices.values import text_of
from retail.common.errors import BusinessError
from retail.common.tabular import Dialect, propose_dialect, raw_records

MOST_ROWS = 50_000
MOST_ERRORS = 100
LINES_ABOVE_TITLES = 20
_LOOKED_AT = 1024
# Compressed files and workbooks: what is in them is not known before they are opened.
_OTHER_FILES = (b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
T = TypeVar("T")


class BadRows(UnreadableDocument):
    """Rows that cannot be read; `errors` names every one of them."""

    def __init__(self, errors: Sequence[str]) -> None:
        words = "; ".join(errors[:MOST_ERRORS])
        more = f"; and {len(errors) - MOST_ERRORS} more" if len(errors) > MOST_ERRORS else ""
        super().__init__(
            "BAD_ROWS",
            f"Its rows cannot be read as they are. {words}{more}.",
            syntax=Syntax.CSV,
        )
        self.errors = tuple(errors)


@dataclass
class Faults:
    """What is wrong, by line of the file: everything is told at once."""

    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, words: str) -> None:
        self.found.append((line, words))

    def take(self, line: int, read: Callable[[], T]) -> T | None:
        """Return what a cell says; None, and the fault kept, when it says nothing that can be."""
        try:
            return read()
        except Fault as fault:
            self.add(line, str(fault))
            return None

    def refuse(self) -> None:
        if self.found:
            raise BadRows([f"Line {line}: {words}" for line, words in sorted(self.found)])


@dataclass(frozen=True)
class Row:
    line_number: int
    cells: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.cells.get(name, "")


def is_table(content: bytes) -> bool:
    """Tell a text that has the titles of a table of invoices."""
    if content.startswith(_OTHER_FILES):
        return False
    if b"\0" in content[:_LOOKED_AT] and not content.startswith(_UTF_16):
        return False
    try:
        with _on_disk(content) as path:
            return bool(_titles(path, propose_dialect(path)))
    except BusinessError:
        return False


def rows_of(content: bytes, *, filename: str) -> list[Row]:
    """
    Return the rows below the titles, by our names of the columns.

    :raises BadRows: rows are cut in the wrong places.
    :raises UnreadableDocument: UNKNOWN_SYNTAX, TABLE_BROKEN, INCOMPLETE, FILE_TOO_LARGE.
    """
    try:
        with _on_disk(content) as path:
            return _rows(path, filename)
    except UnreadableDocument:
        raise
    except BusinessError as refusal:
        raise UnreadableDocument("TABLE_BROKEN", refusal.message, syntax=Syntax.CSV) from None


@contextmanager
def _on_disk(content: bytes) -> Iterator[Path]:
    """Lend the bytes as a file; tables are read from files."""
    with NamedTemporaryFile(suffix=".csv") as file:
        file.write(content)
        file.flush()
        yield Path(file.name)


def _titles(path: Path, dialect: Dialect) -> tuple[int, list[str]] | None:
    """Return the line of the titles and the titles: the first that name number and day."""
    for count, record in enumerate(raw_records(path, dialect)):
        if {"number", "issued_on"} <= set(columns_of(record.cells)):
            return record.line_number, record.cells
        if count >= LINES_ABOVE_TITLES:
            break
    return None


def _rows(path: Path, filename: str) -> list[Row]:
    dialect = propose_dialect(path)
    found = _titles(path, dialect)
    if found is None:
        raise UnreadableDocument(
            "UNKNOWN_SYNTAX",
            f"{filename[:100]} has no titles of columns for invoice number and date.",
            syntax=Syntax.CSV,
        )
    title_line, titles = found
    columns = columns_of(titles)
    if missing := missing_from(columns):
        raise UnreadableDocument(
            "INCOMPLETE",
            f"The table lacks columns: {'; '.join(missing)}. It has: "
            f"{', '.join(title[:40] for title in titles[:40])}.",
            syntax=Syntax.CSV,
        )
    return list(_rows_below(path, dialect, title_line, len(titles), columns))


def _rows_below(
    path: Path, dialect: Dialect, title_line: int, width: int, columns: dict[str, int]
) -> Iterator[Row]:
    faults = Faults()
    count = 0
    for record in raw_records(path, dialect):
        if record.line_number <= title_line or not any(cell.strip() for cell in record.cells):
            continue
        count += 1
        if count > MOST_ROWS:
            raise UnreadableDocument(
                "FILE_TOO_LARGE", f"The table has more than {MOST_ROWS:,} rows.", syntax=Syntax.CSV
            )
        if record.error or len(record.cells) < width or any(record.cells[width:]):
            words = record.error or f"it has {len(record.cells)} columns instead of {width}"
            faults.add(record.line_number, words.rstrip("."))
            continue
        cells = {name: text_of(record.cells[place]) for name, place in columns.items()}
        yield Row(record.line_number, cells)
    faults.refuse()
