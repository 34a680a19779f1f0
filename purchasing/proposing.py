"""
How a supplier's file that nobody has described yet is probably read.

A proposal, for a person to confirm beside real rows: what could not be concluded is left open, and
the notes say what was concluded from what.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from purchasing.column_words import likeness, normalized, total_word
from purchasing.columns import (
    Column,
    columns_of,
    day_format_of,
    decimal_separator_of,
    is_number,
)
from purchasing.models import SupplierFileProfile
from purchasing.naming import by_content, by_titles
from purchasing.staging import NAMES
from retail.common.tabular import (
    Dialect,
    Record,
    bytes_against_utf_8,
    is_excel,
    likely_encodings,
    propose_dialect,
    raw_records,
    sheet_names,
)

LOOKED_AT, CHARACTERS_LOOKED_AT = 200, 4_000_000
LONGEST_BEGINNING = 100
LOOKED_AT_FOR_TITLES = 30
LAST_LINES = 20
SHOWN = 10
USUAL_WIDTH = 0.6
WORDS_OF_TITLES, SURELY_A_TITLE = 2, 0.7
FITS_WELL, NEARLY_ALL = 0.6, 0.9
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
NEEDED = {"supplier_sku": "the supplier's SKU", "unit_cost/pack_cost": "the price"}
ISO = SupplierFileProfile.DayFormat.ISO


@dataclass(frozen=True)
class ProposedReading:
    """
    How a file would be read: dialect, columns (our name -> title) and what led to it, in words.

    A column that was not found is not in `columns`. `sample` are the first rows, title -> cell.
    """

    dialect: Dialect
    sheet: str
    decimal_separator: str
    day_format: str
    footer_words: str
    has_titles: bool
    columns: dict[str, str]
    titles: list[str]
    sample: list[dict[str, str]]
    notes: list[str]

    def fields(self) -> dict[str, Any]:
        """Return the fields of a SupplierFileProfile that would read the file so."""
        return {
            "encoding": self.dialect.encoding,
            "delimiter": self.dialect.delimiter,
            "quote": self.dialect.quote,
            "skipped_lines": self.dialect.skipped_lines,
            "has_titles": self.has_titles,
            "sheet": self.sheet,
            "decimal_separator": self.decimal_separator,
            "day_format": self.day_format,
            "footer_words": self.footer_words,
            "columns": dict(self.columns),
        }


def propose_reading(path: Path) -> ProposedReading:
    """
    Propose how a file is read, from its first rows and its last ones.

    :raises BrokenFile: it cannot be read to its end.
    """
    notes: list[str] = []
    dialect = _dialect(path, notes)
    first, last = _ends(raw_records(path, dialect))
    above, has_titles = _head(first, notes)
    titles, rows = _table(first[above:], has_titles=has_titles)
    columns = columns_of(titles, rows)
    separator = decimal_separator_of(columns, notes)
    named = _named(columns, notes, has_titles=has_titles)
    return ProposedReading(
        dialect=replace(
            dialect,
            skipped_lines=first[above].line_number - 1 if first else 0,
            has_titles=has_titles,
            decimal_separator=separator,
        ),
        sheet=dialect.sheet,
        decimal_separator=separator,
        day_format=day_format_of(columns, notes) or ISO,
        footer_words=_footer_words(last, notes),
        has_titles=has_titles,
        columns={name: column.title for name, column in named.items()},
        titles=titles,
        sample=[dict(zip(titles, cells, strict=False)) for cells in rows[:SHOWN]],
        notes=notes,
    )


def _ends(records: Iterator[Record]) -> tuple[list[Record], list[str]]:
    """Return the first records, and with which text each of the last ones begins."""
    first: list[Record] = []
    last: deque[str] = deque(maxlen=LAST_LINES)
    characters = 0
    for record in records:
        if len(first) < LOOKED_AT and characters < CHARACTERS_LOOKED_AT:
            first.append(record)
            characters += sum(map(len, record.cells))
        last.append(next(filter(str.strip, record.cells), "")[:LONGEST_BEGINNING])
    return first, list(last)


def _dialect(path: Path, notes: list[str]) -> Dialect:
    if is_excel(path):
        names = sheet_names(path)
        if len(names) > 1:
            notes.append(f"Sheet {names[0]}, the first of {', '.join(names)}.")
        return Dialect(sheet=names[0] if names else "")
    dialect = propose_dialect(path)
    foreign = b"" if dialect.encoding.startswith("utf") else bytes_against_utf_8(path)
    if foreign:
        likely = likely_encodings(foreign)[0]
        sure = "fits well" if likely.score >= FITS_WELL else "fits best, but not well"
        notes.append(
            f"Not UTF-8; of the other encodings {likely.encoding} {sure}"
            f" ({likely.language} letters). Look at them."
        )
    else:
        notes.append(f"Encoding {dialect.encoding}: the bytes prove it.")
    notes.append(f"Delimiter {DELIMITERS.get(dialect.delimiter, dialect.delimiter)}.")
    return dialect


def _head(first: Sequence[Record], notes: list[str]) -> tuple[int, bool]:
    """Return how many records stand above the table, and whether it begins with titles."""
    widths = [sum(1 for cell in record.cells if cell.strip()) for record in first]
    filled = sorted(width for width in widths if width)
    if not filled:
        return 0, True
    least = max(USUAL_WIDTH * filled[len(filled) // 2], 1)
    wide = [at for at, width in enumerate(widths) if width >= least]
    for at in wide[:LOOKED_AT_FOR_TITLES]:
        known = _known_titles(first[at].cells)
        if known >= min(WORDS_OF_TITLES, widths[at]):
            notes.append(f"Line {first[at].line_number} has the titles: {known} are known words.")
            return at, True
    start = wide[0]
    line = first[start].line_number
    texts = [cell.strip() for cell in first[start].cells if cell.strip()]
    if any(is_number(text) for text in texts):
        notes.append(f"No titles: line {line} already looks like a row.")
        return start, False
    if _stands_apart([record.cells for record in first[start:]]):
        notes.append(f"Line {line} has the titles: numbers stand below them.")
        return start, True
    if len(set(texts)) < len(texts):
        notes.append(f"No titles: in line {line} a text stands twice. Look at it.")
        return start, False
    notes.append(f"Line {line} is taken for the titles, though no word in it is known. Look at it.")
    return start, True


def _stands_apart(cells: Sequence[Sequence[str]]) -> bool:
    """Tell whether a column has a text in its first line and numbers in nearly all others."""
    columns = columns_of(cells[0], cells[1:])
    return any(
        column.title.strip() and len(column.cells) > 1 and column.numbers >= NEARLY_ALL
        for column in columns
    )


def _known_titles(cells: Sequence[str]) -> int:
    return sum(
        1
        for cell in cells
        if cell.strip()
        and not is_number(cell.strip())
        and max(likeness(normalized(cell), name) for name in NAMES) >= SURELY_A_TITLE
    )


def _table(records: Sequence[Record], *, has_titles: bool) -> tuple[list[str], list[list[str]]]:
    """Return titles, one for each column and each only once, and the rows below."""
    cells = [record.cells for record in records if any(cell.strip() for cell in record.cells)]
    head = cells[0] if cells else [""]
    numbered = [f"column {position}" for position in range(1, len(head) + 1)]
    if not has_titles:
        return numbered, cells
    titles = [cell.strip() or number for cell, number in zip(head, numbered, strict=True)]
    return titles, cells[1:]


def _footer_words(last: Sequence[str], notes: list[str]) -> str:
    words = list(dict.fromkeys(word for text in last if (word := total_word(text))))
    if words:
        notes.append(f"Lines at the end begin with {', '.join(words)}: they are no articles.")
    return ", ".join(words)


def _named(columns: Sequence[Column], notes: list[str], *, has_titles: bool) -> dict[str, Column]:
    """Return our name -> column, for what could be found."""
    named = by_titles(columns, notes) if has_titles else by_content(columns, notes)
    if "pack_cost" in named and ("unit_cost" in named or "pack_size" not in named):
        left = named.pop("pack_cost")
        notes.append(f"{left.title} prices packs and is left out: the unit's price counts.")
    for name, words in NEEDED.items():
        if not any(one in named for one in name.split("/")):
            notes.append(f"No column was found for {words}.")
    return named
