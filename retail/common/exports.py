"""Writing CSV and Excel files that a spreadsheet shows and never runs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*\Z", re.ASCII)
# Source: OWASP ASVS 5.0, 1.2.10; the full-width forms are turned into the plain ones by some
# spreadsheets, and blanks in front of a sign are cut off.
_STARTS_A_FORMULA = re.compile(r"[\t\r\n\0]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20|%]")


class _Line:
    """A file that keeps what was written last, so that a writer's lines can be streamed."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def harmless(text: str) -> str:
    """Return the text with an apostrophe in front if a spreadsheet would run it as a formula."""
    if _STARTS_A_FORMULA.match(text) and not _NUMBER.match(text):
        return f"'{text}"
    return text


def as_told(text: str) -> str:
    """Return what `harmless` was given, for a file of ours that comes back."""
    if text.startswith("'") and harmless(text[1:]) == text:
        return text[1:]
    return text


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a CSV file (comma, CRLF), a byte order mark in front for spreadsheets."""
    line = _Line()
    writer = csv.writer(line)
    writer.writerow([harmless(title) for title in header])
    yield "\ufeff" + line.text
    for row in rows:
        writer.writerow([harmless("" if cell is None else str(cell)) for cell in row])
        yield line.text


def xlsx_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """
    Return a workbook of one sheet: numbers and days as such, everything else as text.

    A text that would be run as a formula is held harmless, as in a CSV file.
    """
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.freeze_panes = "A2"
    for row in (header, *rows):
        sheet.append([_excel_cell(sheet, value) for value in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _excel_cell(sheet: WriteOnlyWorksheet, value: object) -> WriteOnlyCell | None:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        # A sheet knows no time zones; the caller has made it local.
        return WriteOnlyCell(sheet, value.replace(tzinfo=None))
    if isinstance(value, (int, Decimal, date)) and not isinstance(value, bool):
        return WriteOnlyCell(sheet, value)
    return WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", harmless(str(value))))
