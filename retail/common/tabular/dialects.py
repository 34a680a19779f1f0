"""How a file is written: encoding, delimiter, quotes; proposed from its bytes, never guessed."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import clevercsv

from retail.common.tabular.alphabets import likely_encodings
from retail.common.tabular.refusals import BrokenFile

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_BYTES = 256 * 1024
SAMPLE_LINES = 100
SAMPLE_CHARACTERS = 20_000
LONGEST_LINE_WEIGHED, LINES_WEIGHED = 300, 30

_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# Scripts of Europe lie in the first pages of Unicode, so that every other byte is one of these.
_HIGH_BYTES = bytes(range(6))
_GZIP, _ZIP, _OLE = b"\x1f\x8b", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Some signs lie beyond them: dashes, typographic quotes, the euro.
_MOST_BEYOND = 0.1
_LEAST_AGREEING = 0.4


@dataclass(frozen=True)
class Dialect:
    """
    How a file is written.

    Empty encoding: byte order mark, else UTF-8. Empty delimiter: the one the first lines agree
    on. `skipped_lines` stand above the column titles. Empty quote: quotes are ordinary characters
    (5" nails). Without titles the columns are called "column 1", "column 2" and so on. Empty
    sheet: the first of the workbook; its numbers are written with the decimal separator.
    """

    encoding: str = ""
    delimiter: str = ""
    skipped_lines: int = 0
    quote: str = '"'
    has_titles: bool = True
    sheet: str = ""
    decimal_separator: str = "."


def fingerprint(path: Path | str) -> str:
    """Return the SHA-256 of the file's bytes, by which the same file is known again."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_gzip(path: Path) -> bool:
    return _first_bytes(path, 2) == _GZIP


def is_excel(path: Path) -> bool:
    return _first_bytes(path, 4) == _ZIP or is_old_excel(path)


def is_old_excel(path: Path) -> bool:
    """Tell an .xls of Excel 97 to 2003 by its first bytes."""
    return _first_bytes(path, 8) == _OLE


def propose_dialect(path: Path | str) -> Dialect:
    """
    Propose how to read a file, for a person to confirm beside a preview.

    A byte order mark and valid UTF-8 are certain; another encoding is only the most likely one,
    because no detector tells, say, Western from Central European reliably.

    :raises BrokenFile: the file is empty or its compression is damaged.
    """
    path = Path(path)
    if is_excel(path):
        return Dialect()
    sample = first_bytes_of_text(path)
    encoding = certain_encoding(sample)
    if not encoding or encoding == "utf-8":
        foreign = bytes_against_utf_8(path)
        encoding = likely_encodings(foreign)[0].encoding if foreign else "utf-8"
    text = sample.decode(encoding, errors="replace")
    return Dialect(encoding=encoding, delimiter=agreed_delimiter(text))


def completed(dialect: Dialect, path: Path) -> Dialect:
    """
    Fill in what the dialect leaves open, with what is certain.

    :raises BrokenFile: the file is empty or its compression is damaged.
    """
    sample = first_bytes_of_text(path)
    encoding = dialect.encoding or certain_encoding(sample) or "utf-8"
    if encoding.lower().replace("_", "-") in {"utf-8", "utf8"}:
        encoding = "utf-8-sig"
    if dialect.delimiter:
        return replace(dialect, encoding=encoding)
    try:
        text = sample.decode(encoding, errors="replace")
    except LookupError as error:
        raise unknown_encoding(encoding) from error
    below_preamble = "".join(text.splitlines(keepends=True)[dialect.skipped_lines :])
    return replace(dialect, encoding=encoding, delimiter=agreed_delimiter(below_preamble))


def bytes_against_utf_8(path: Path) -> bytes:
    """
    Return the first part of a text file that is not UTF-8; nothing when all of it is.

    :raises BrokenFile: the file's compression is damaged.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with gzip.open(path) if is_gzip(path) else path.open("rb") as file:
            while part := file.read(SAMPLE_BYTES):
                try:
                    decoder.decode(part)
                except UnicodeDecodeError:
                    return part
            try:
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                return first_bytes_of_text(path)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BrokenFile("The compressed file is damaged.") from error
    return b""


def unknown_encoding(encoding: str) -> BrokenFile:
    """Return the refusal of an encoding that is unknown, or known and none of text."""
    return BrokenFile(f"There is no encoding called {encoding}.")


def certain_encoding(sample: bytes) -> str:
    """Return the encoding the bytes prove, or nothing."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return encoding
    if encoding := _utf_16_without_mark(sample):
        return encoding
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character cut in two by the end of the sample proves nothing against UTF-8.
        if len(sample) < SAMPLE_BYTES or error.start < len(sample) - 4:
            return ""
    return "utf-8"


def _utf_16_without_mark(sample: bytes) -> str:
    """Return the byte order that makes text of bytes with NULs; nothing when none does."""
    even, odd = sample[0::2], sample[1::2]
    for encoding, high, low in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if high.count(0) and not low.count(0):
            beyond = len(high.translate(None, _HIGH_BYTES))
            if beyond <= _MOST_BEYOND * len(high):
                return encoding
    return ""


def agreed_delimiter(text: str) -> str:
    """
    Return the delimiter that parts the most lines into equally many columns.

    Lines above the titles and below the rows need not agree. A table of one column has none: then
    one that does not occur is as good as any.
    """
    lines = text[:SAMPLE_CHARACTERS].splitlines(keepends=True)[:SAMPLE_LINES]
    if len(text) > SAMPLE_CHARACTERS and len(lines) > 1:
        lines.pop()
    shares = {delimiter: _agreeing(lines, delimiter) for delimiter in DELIMITERS}
    best = max(shares.values())
    if best < _LEAST_AGREEING:
        return next((unused for unused in DELIMITERS if unused not in text), ",")
    favorites = [delimiter for delimiter, share in shares.items() if share == best]
    if len(favorites) == 1:
        return favorites[0]
    return _likelier(lines, favorites)


def _likelier(lines: list[str], favorites: list[str]) -> str:
    """Return which of several delimiters makes cells that look like numbers, days, words."""
    # Over a cell of 20,000 characters its patterns would think for a minute.
    short = [line for line in lines if len(line) <= LONGEST_LINE_WEIGHED][:LINES_WEIGHED]
    if not short:
        return max(favorites, key="".join(lines).count)
    try:
        found = clevercsv.detect.Detector().detect("".join(short), delimiters=favorites)
    except clevercsv.Error:
        found = None
    return str(found.delimiter) if found and found.delimiter in favorites else favorites[0]


def _agreeing(lines: list[str], delimiter: str) -> float:
    """Return the share of the lines that have the commonest number of columns above one."""
    try:
        widths = Counter(len(cells) for cells in csv.reader(lines, delimiter=delimiter) if cells)
    except csv.Error:
        return 0
    several = max((count for width, count in widths.items() if width > 1), default=0)
    return several / max(widths.total(), 1)


def first_bytes_of_text(path: Path) -> bytes:
    """
    Return as much of a text file, unpacked, as its dialect is told from.

    :raises BrokenFile: the file is empty or its compression is damaged.
    """
    try:
        with gzip.open(path) if is_gzip(path) else path.open("rb") as file:
            sample = file.read(SAMPLE_BYTES)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BrokenFile("The compressed file is damaged.") from error
    if not sample:
        raise BrokenFile("The file is empty.")
    return sample


def _first_bytes(path: Path, count: int) -> bytes:
    with path.open("rb") as file:
        return file.read(count)
