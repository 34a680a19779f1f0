"""How a file is written: encoding, delimiter, quotes; proposed from its bytes, never guessed."""

from __future__ import annotations

import csv
import gzip
import hashlib
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import clevercsv
from clevercsv.encoding import get_encoding

from retail.common.tabular.refusals import BrokenFile

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_BYTES = 256 * 1024
SAMPLE_LINES = 100
SAMPLE_CHARACTERS = 20_000

_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"


@dataclass(frozen=True)
class Dialect:
    """
    How a file is written.

    Empty encoding: byte order mark, else UTF-8. Empty delimiter: the one the first lines agree
    on. `skipped_lines` stand above the column titles. Empty quote: quotes are ordinary characters
    (5" nails). Without titles the columns are called "column 1", "column 2" and so on. Empty
    sheet: the first of the workbook.
    """

    encoding: str = ""
    delimiter: str = ""
    skipped_lines: int = 0
    quote: str = '"'
    has_titles: bool = True
    sheet: str = ""


def fingerprint(path: Path | str) -> str:
    """Return the SHA-256 of the file's bytes, by which the same file is known again."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_gzip(path: Path) -> bool:
    return _first_bytes(path, 2) == _GZIP


def is_excel(path: Path) -> bool:
    return _first_bytes(path, 4) == _ZIP


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
    sample = _sample(path)
    encoding = certain_encoding(sample) or _likely_encoding(path, sample)
    text = sample.decode(encoding, errors="replace")
    return Dialect(encoding=encoding, delimiter=agreed_delimiter(text))


def completed(dialect: Dialect, path: Path) -> Dialect:
    """
    Fill in what the dialect leaves open, with what is certain.

    :raises BrokenFile: the file is empty or its compression is damaged.
    """
    sample = _sample(path)
    encoding = dialect.encoding or certain_encoding(sample) or "utf-8"
    if encoding.lower().replace("_", "-") in {"utf-8", "utf8"}:
        encoding = "utf-8-sig"
    if dialect.delimiter:
        return replace(dialect, encoding=encoding)
    text = sample.decode(encoding, errors="replace")
    below_preamble = "".join(text.splitlines(keepends=True)[dialect.skipped_lines :])
    return replace(dialect, encoding=encoding, delimiter=agreed_delimiter(below_preamble))


def certain_encoding(sample: bytes) -> str:
    """Return the encoding the bytes prove, or nothing."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return encoding
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character cut in two by the end of the sample proves nothing against UTF-8.
        if len(sample) < SAMPLE_BYTES or error.start < len(sample) - 4:
            return ""
    return "utf-8"


def agreed_delimiter(text: str) -> str:
    """
    Return the delimiter that parts the first lines into equally many columns.

    A table of one column has none; a comma is as good as any.
    """
    lines = text[:SAMPLE_CHARACTERS].splitlines(keepends=True)[:SAMPLE_LINES]
    if len(text) > SAMPLE_CHARACTERS and len(lines) > 1:
        lines.pop()
    agreeing = [delimiter for delimiter in DELIMITERS if _columns(lines, delimiter) > 1]
    if len(agreeing) == 1:
        return agreeing[0]
    found = clevercsv.detect.Detector().detect("".join(lines), delimiters=list(DELIMITERS))
    if found is not None and found.delimiter in DELIMITERS:
        return str(found.delimiter)
    return max(agreeing, key=lambda delimiter: _columns(lines, delimiter), default=",")


def _columns(lines: list[str], delimiter: str) -> int:
    """Return the number of columns all lines have, 0 when they differ."""
    try:
        widths = {len(cells) for cells in csv.reader(lines, delimiter=delimiter) if cells}
    except csv.Error:
        return 0
    return widths.pop() if len(widths) == 1 else 0


def _sample(path: Path) -> bytes:
    try:
        with gzip.open(path) if is_gzip(path) else path.open("rb") as file:
            sample = file.read(SAMPLE_BYTES)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BrokenFile("The compressed file is damaged.") from error
    if not sample:
        raise BrokenFile("The file is empty.")
    return sample


def _likely_encoding(path: Path, sample: bytes) -> str:
    found = None if is_gzip(path) else get_encoding(str(path))
    for encoding in (found, "cp1252"):
        try:
            sample.decode(encoding or "", errors="strict")
        except (LookupError, UnicodeDecodeError):
            continue
        return str(encoding).lower()
    return "latin-1"


def _first_bytes(path: Path, count: int) -> bytes:
    with path.open("rb") as file:
        return file.read(count)
