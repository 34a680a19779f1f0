"""The first sheet of an Excel file, looked over before the reader is let near it."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import NamedTuple

from python_calamine import CalamineError, CalamineWorkbook

from retail.common.tabular.refusals import BrokenFile, TooManyColumns

MAX_UNPACKED_BYTES = 500_000_000
MAX_CELLS = 20_000_000
CHUNK_BYTES = 1 << 20
LONGEST_CELL_TAG = 40

_CELL = re.compile(rb'<(?:\w+:)?c[^>]*? r="([A-Z]{1,3})(\d{1,7})"')


class Record(NamedTuple):
    """One record as read: the line it begins in, its cells, and what is wrong with it."""

    line_number: int
    cells: list[str]
    error: str = ""
    error_code: str = ""


def excel_records(path: Path, max_columns: int) -> Iterator[Record]:
    """
    Yield the rows of the first sheet, empty ones without cells.

    Numbers come as a spreadsheet holds them: a code typed as a number has lost its leading zeros
    already.

    :raises BrokenFile: damaged, protected, or of a size that only an attack has.
    :raises TooManyColumns: a cell stands to the right of `max_columns`.
    """
    _look_over(path, max_columns)
    try:
        sheet = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0)
        rows = sheet.iter_rows()
    except (CalamineError, IndexError) as error:
        raise BrokenFile("This Excel file cannot be read: save it again as .xlsx.") from error
    width = None
    for number, cells in enumerate(rows, start=1):
        texts = [_text(cell) for cell in cells]
        if not any(texts):
            yield Record(number, [])
            continue
        width = width or len("".join("x" if text else " " for text in texts).rstrip())
        if not any(texts[width:]):
            texts = texts[:width]
        yield Record(number, texts)


def _look_over(path: Path, max_columns: int) -> None:
    """
    Unpack without keeping anything, to know the true size and the outermost cell.

    The reader holds a sheet as one rectangle, so two cells far apart would take all memory; the
    sizes that the file declares about itself may be lies.
    """
    unpacked = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                is_sheet = member.filename.startswith("xl/worksheets/")
                tail = b""
                with archive.open(member) as content:
                    while chunk := content.read(CHUNK_BYTES):
                        unpacked += len(chunk)
                        if unpacked > MAX_UNPACKED_BYTES:
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


def _text(cell: object) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell)
