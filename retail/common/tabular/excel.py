"""A sheet of an Excel file, looked over before the reader is let near it."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from python_calamine import (
    CalamineError,
    CalamineWorkbook,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from retail.common.tabular.dialects import Dialect, is_old_excel
from retail.common.tabular.ole import look_over_old_excel
from retail.common.tabular.refusals import BrokenFile, MissingSheet, TooManyColumns

MAX_UNPACKED_BYTES = 500_000_000
MAX_TEXT_BYTES = 100_000_000
MAX_CELLS = 4_000_000
UNREADABLE = "This Excel file cannot be read: save it again as .xlsx."
CHUNK_BYTES = 1 << 20
LONGEST_CELL_TAG = 40
# A spreadsheet keeps fifteen digits of a number; what stands behind them was never typed.
DIGITS_KEPT = 15

_CELL = re.compile(rb'<(?:\w+:)?c[^>]*? r="([A-Z]{1,3})(\d{1,7})"')


class Record(NamedTuple):
    """One record as read: the line it begins in, its cells, and what is wrong with it."""

    line_number: int
    cells: list[str]
    error: str = ""
    error_code: str = ""


def excel_records(path: Path, dialect: Dialect, max_columns: int) -> Iterator[Record]:
    """
    Yield the rows of a sheet, empty ones without cells.

    Numbers come as a spreadsheet holds them: a code typed as a number has lost its leading zeros
    already, and one of more than 15 digits its last ones.

    :raises BrokenFile: damaged, protected, or of a size that only an attack has.
    :raises MissingSheet: it has no sheet of the dialect's name.
    :raises TooManyColumns: a cell stands to the right of `max_columns`.
    """
    rows = _rows(path, dialect.sheet, max_columns)
    width, separator = None, dialect.decimal_separator
    for number, cells in enumerate(rows, start=1):
        texts = [cell if type(cell) is str else _text(cell, separator) for cell in cells]
        if not any(texts):
            yield Record(number, [])
            continue
        width = width or len("".join("x" if text else " " for text in texts).rstrip())
        if not any(texts[width:]):
            texts = texts[:width]
        yield Record(number, texts)


def sheet_names(path: Path, max_columns: int = 1000) -> list[str]:
    """
    Return the sheets that are not hidden, in their order.

    :raises BrokenFile: damaged, protected, or of a size that only an attack has.
    """
    _look_over(path, max_columns)
    with _reading(), path.open("rb") as file:
        return _names(CalamineWorkbook.from_filelike(file))


def _rows(path: Path, name: str, max_columns: int) -> Iterator[list[Any]]:
    _look_over(path, max_columns)
    with _reading(), path.open("rb") as file:
        workbook = CalamineWorkbook.from_filelike(file)
        names = _names(workbook)
        if name and name not in workbook.sheet_names:
            raise MissingSheet(name, names)
        yield from workbook.get_sheet_by_name(name or names[0]).iter_rows()


@contextmanager
def _reading() -> Iterator[None]:
    """Say in the user's words that the reader gives up."""
    try:
        yield
    except (CalamineError, IndexError, ValueError, OverflowError) as error:
        raise BrokenFile(UNREADABLE) from error
    except BaseException as error:
        # The reader is written in Rust; where it stops in panic over a damaged file, this is no
        # Exception, and its class cannot be imported.
        if type(error).__name__ == "PanicException":
            raise BrokenFile(UNREADABLE) from error
        raise


def _names(workbook: CalamineWorkbook) -> list[str]:
    sheets = [s for s in workbook.sheets_metadata if s.typ == SheetTypeEnum.WorkSheet]
    return [s.name for s in sheets if s.visible == SheetVisibleEnum.Visible] or [
        s.name for s in sheets
    ]


def _look_over(path: Path, max_columns: int) -> None:
    stat = path.stat()
    _look_over_once(path, stat.st_mtime_ns, stat.st_size, max_columns)


@lru_cache(maxsize=4)
def _look_over_once(path: Path, _changed_at: int, _size: int, max_columns: int) -> None:
    # A workbook is opened for the proposal, for its titles and for its rows.
    if is_old_excel(path):
        look_over_old_excel(path, MAX_CELLS)
    else:
        _look_over_archive(path, max_columns)


def _look_over_archive(path: Path, max_columns: int) -> None:
    """
    Unpack without keeping anything, to know the true size and the outermost cell.

    The reader holds a sheet as one rectangle, so two cells far apart would take all memory; the
    sizes that the file declares about itself may be lies.
    """
    unpacked = 0
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if not any(member.filename == "xl/workbook.xml" for member in members):
                raise BrokenFile(
                    "This is a packed file, but no workbook of Excel: unpack it, or save the"
                    " workbook as .xlsx."
                )
            for member in members:
                is_sheet = member.filename.startswith("xl/worksheets/")
                limit = MAX_UNPACKED_BYTES if is_sheet else MAX_TEXT_BYTES
                tail, size = b"", 0
                with archive.open(member) as content:
                    while chunk := content.read(CHUNK_BYTES):
                        unpacked, size = unpacked + len(chunk), size + len(chunk)
                        if unpacked > MAX_UNPACKED_BYTES or size > limit:
                            raise BrokenFile("The Excel file is too large: save it as CSV.")
                        if is_sheet:
                            _check_reach(tail + chunk, max_columns)
                            tail = chunk[-LONGEST_CELL_TAG:]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise BrokenFile("This Excel file is damaged or protected.") from error


def _check_reach(xml: bytes, max_columns: int) -> None:
    columns = rows = 0
    for letters, digits in _CELL.findall(xml):
        columns = max(columns, _column_number(letters))
        rows = max(rows, int(digits))
    if columns > max_columns:
        raise TooManyColumns(max_columns)
    if columns * rows > MAX_CELLS:
        raise BrokenFile("The Excel sheet is too large: save it as CSV.")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _text(cell: object, decimal_separator: str) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        if cell.is_integer() and abs(cell) < 10**DIGITS_KEPT:
            return str(int(cell))
        text = f"{cell:.{DIGITS_KEPT}g}"
        return text.replace(".", decimal_separator)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell)
