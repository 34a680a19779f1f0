"""Writing CSV that a spreadsheet shows and never runs."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence

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


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a CSV file (comma, CRLF), a byte order mark in front for spreadsheets."""
    line = _Line()
    writer = csv.writer(line)
    writer.writerow([harmless(title) for title in header])
    yield "\ufeff" + line.text
    for row in rows:
        writer.writerow([harmless("" if cell is None else str(cell)) for cell in row])
        yield line.text
