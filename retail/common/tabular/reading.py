"""One row after the other, whatever the size of the file, and nothing accepted half."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, islice
from pathlib import Path

from retail.common.tabular.dialects import Dialect, completed, is_excel, is_gzip, unknown_encoding
from retail.common.tabular.excel import Record, excel_records
from retail.common.tabular.refusals import (
    BrokenFile,
    DuplicateColumn,
    MissingColumn,
    TooManyColumns,
)

MAX_COLUMNS = 1000
MAX_LINE_CHARACTERS = 1_000_000
MAX_RECORD_CHARACTERS = 2_000_000
MAX_RECORD_LINES = 2000
MAX_FILE_CHARACTERS = 1_000_000_000

STRAY_QUOTE = "A quote stands in the middle of a cell: quote the whole cell and double the quote."


@dataclass(frozen=True, slots=True)
class Row:
    """
    One row below the titles: line of the file it begins in, and column title -> text as it came.

    A row that cannot be trusted (too many or too few columns, a stray quote) says so in `error`,
    with a stable `error_code`, and holds what could be read.
    """

    line_number: int
    columns: dict[str, str]
    error: str = ""
    error_code: str = ""


@dataclass(frozen=True)
class Table:
    """
    The titles of a file and the records below them, which can be gone through once.

    Plainer and faster than rows: a record's cells stand in the order of the titles. A record
    without error has as many cells as there are titles.
    """

    titles: list[str]
    records: Iterator[Record]

    def columns_of(self, record: Record) -> dict[str, str]:
        """Return title -> cell; cells beyond the titles are numbered."""
        titles, cells = self.titles, record.cells
        columns = dict(zip(titles, cells, strict=False))
        columns.update(
            (f"column {position}", cell)
            for position, cell in enumerate(cells[len(titles) :], start=len(titles) + 1)
        )
        return columns


def open_table(
    path: Path | str, dialect: Dialect | None = None, *, wanted: Collection[str] = ()
) -> Table:
    """
    Read the titles of a CSV file (also gzipped) or of a sheet of an Excel file.

    Memory does not grow with a CSV file. Lines without any text are passed over, unless the table
    has one column. `wanted` are titles that must be there.

    :raises BrokenFile: empty, undecodable, NUL, quotes that do not close, a line without end;
        also while the records are gone through.
    :raises DuplicateColumn: a title stands there twice.
    :raises MissingColumn: a wanted title does not stand there.
    :raises TooManyColumns: more than a thousand.
    """
    raw = raw_records(Path(path), dialect or Dialect())
    first = next(raw, None)
    if first is None:
        raise BrokenFile("The file has no rows.")
    has_titles = dialect is None or dialect.has_titles
    titles = _titles(first.cells, has_titles=has_titles)
    if missing := set(wanted) - set(titles):
        raise MissingColumn(missing, titles)
    return Table(titles, _checked(raw if has_titles else chain([first], raw), len(titles)))


def read_table(
    path: Path | str, dialect: Dialect | None = None, *, wanted: Collection[str] = ()
) -> Iterator[Row]:
    """Yield the rows of a file one after the other; refusals as those of `open_table`."""
    table = open_table(path, dialect, wanted=wanted)
    for record in table.records:
        columns = table.columns_of(record)
        yield Row(record.line_number, columns, record.error, record.error_code)


def column_titles(path: Path | str, dialect: Dialect | None = None) -> list[str]:
    """Return the titles of a file's columns; refusals as those of `open_table`."""
    return open_table(path, dialect).titles


def raw_records(path: Path, dialect: Dialect) -> Iterator[Record]:
    """Yield every record below the skipped lines as it stands, titles and empty ones included."""
    if is_excel(path):
        return islice(excel_records(path, dialect, MAX_COLUMNS), dialect.skipped_lines, None)
    return _csv_records(path, completed(dialect, path))


def _titles(cells: list[str], *, has_titles: bool) -> list[str]:
    if len(cells) > MAX_COLUMNS:
        raise TooManyColumns(MAX_COLUMNS)
    numbered = [f"column {position}" for position in range(1, max(len(cells), 1) + 1)]
    if not has_titles or not cells:
        return numbered
    titles = [cell.strip() or number for cell, number in zip(cells, numbered, strict=True)]
    if repeated := [title for title, count in Counter(titles).items() if count > 1]:
        raise DuplicateColumn(repeated)
    return titles


def _checked(records: Iterator[Record], width: int) -> Iterator[Record]:
    """Pass the records on that have cells; those of another width with what is wrong with them."""
    for record in records:
        cells = record.cells
        if len(cells) == width:
            yield record
            continue
        if not cells:
            if width == 1:
                yield Record(record.line_number, [""])
            continue
        if len(cells) > width and not any(cells[width:]):
            # Some programs end every line, but not the titles, with a delimiter.
            yield record._replace(cells=cells[:width])
        elif record.error:
            yield record
        else:
            error = f"The line has {len(cells)} columns instead of {width}."
            yield Record(record.line_number, cells, error, "ragged_row")


class _Lines:
    """
    The lines of a file, counted, each of bounded length, and the text of the current record.

    The csv module reads on until a quote closes, so the limit on a record stands here.
    """

    def __init__(self, file: io.TextIOBase) -> None:
        self.count = 0
        self.record: list[str] = []
        self._file = file

    def __iter__(self) -> Iterator[str]:
        # A generator, and what is asked of every line kept short: there may be a million.
        characters, record = 0, self.record
        for line in iter(partial(self._file.readline, MAX_LINE_CHARACTERS + 1), ""):
            self.count += 1
            characters += len(line)
            if len(line) > MAX_LINE_CHARACTERS or characters > MAX_FILE_CHARACTERS:
                raise BrokenFile(
                    "The line is longer than a line of a table can be.", line=self.count
                )
            if "\0" in line:
                raise BrokenFile(
                    "A NUL character stands here: this is not a text file.", line=self.count
                )
            record.append(line)
            if len(record) > 1:
                self._check_record()
            yield line

    def _check_record(self) -> None:
        begins_at = self.count - len(self.record) + 1
        if (
            len(self.record) > MAX_RECORD_LINES
            or sum(map(len, self.record)) > MAX_RECORD_CHARACTERS
        ):
            raise BrokenFile("A quote opens here and does not close.", line=begins_at)


def _csv_records(path: Path, dialect: Dialect) -> Iterator[Record]:
    """Yield the records of a CSV file, titles included, those without cells too."""
    begins_at = dialect.skipped_lines + 1
    quote = dialect.quote
    try:
        with _opened(path, dialect.encoding) as file:
            lines = _Lines(file)
            remaining = iter(lines)
            for _ in islice(remaining, dialect.skipped_lines):
                lines.record.clear()
            for cells in _reader(remaining, dialect):
                if quote and quote in "".join(cells) and _is_stray(lines.record, dialect):
                    yield Record(begins_at, cells, STRAY_QUOTE, "stray_quote")
                else:
                    yield Record(begins_at, cells)
                begins_at = lines.count + 1
                lines.record.clear()
    except csv.Error as error:
        raise BrokenFile(_in_words(error), line=begins_at) from error
    except UnicodeDecodeError as error:
        raise BrokenFile(
            f"This is not {dialect.encoding.removesuffix('-sig').upper()}: choose the encoding the"
            " file was written in.",
            line=_undecodable_line(path, dialect.encoding),
        ) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BrokenFile("The compressed file is damaged.") from error


def _opened(path: Path, encoding: str, errors: str = "strict") -> io.TextIOWrapper:
    try:
        if is_gzip(path):
            return gzip.open(path, "rt", encoding=encoding, errors=errors, newline="")
        return path.open(encoding=encoding, errors=errors, newline="")
    except LookupError as error:
        raise unknown_encoding(encoding) from error


def _reader(lines: Iterator[str], dialect: Dialect) -> Iterator[list[str]]:
    if not dialect.quote:
        return csv.reader(lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE, strict=True)
    return csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True)


def _is_stray(record: list[str], dialect: Dialect) -> bool:
    """
    Tell whether a quote stands in a cell that is not quoted.

    The csv module lets it pass; the cells may then be cut in the wrong places. Looked at only
    when a cell holds a quote at all, which is rare.
    """
    pattern = _well_quoted(dialect.quote, dialect.delimiter)
    return pattern.match("".join(record)) is None


@cache
def _well_quoted(quote: str, delimiter: str) -> re.Pattern[str]:
    q, d = re.escape(quote), re.escape(delimiter)
    cell = f"(?:{q}[^{q}]*(?:{q}{q}[^{q}]*)*{q}|[^{q}{d}\r\n]*)"
    return re.compile(f"{cell}(?:{d}{cell})*[\r\n]*\\Z")


def _in_words(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return "A quote opens here and does not close."
    if "expected after" in text:
        return "Text stands behind a closing quote."
    if "field larger than field limit" in text:
        return "A cell is longer than 131,072 characters."
    return f"The line cannot be read ({text})."


def _undecodable_line(path: Path, encoding: str) -> int | None:
    """Return the number of the first line with bytes that the encoding does not know."""
    with _opened(path, encoding, errors="surrogateescape") as file:
        try:
            for number, line in enumerate(file, start=1):
                if any("\udc80" <= character <= "\udcff" for character in line):
                    return number
        except UnicodeDecodeError:
            return None
    return None
