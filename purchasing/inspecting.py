"""What taking a supplier's file in would make of it, found out without writing anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from purchasing.models import SupplierFileProfile
from purchasing.proposing import NEEDED, propose_reading
from purchasing.staging import (
    Article,
    Line,
    Skip,
    dialect_of,
    read_lines_without_columns,
    read_supplier_file,
)
from retail.common.errors import BusinessError
from retail.common.imports import Reject


class ColumnsNotFound(BusinessError):
    """Nobody said, and the file does not show, in which columns SKU and price stand."""


class NotAFile(BusinessError):
    """There is no such file, or it may not be read."""


@dataclass
class Inspection:
    """
    What was found in one file: how it is read, and how many of its lines could be taken.

    A file that is refused says why, in words and by a stable code. read = accepted + refused +
    skipped holds for it too: what was read before it was refused is refused with it.
    """

    file: str
    reading: dict[str, Any] = field(default_factory=dict)
    read: int = 0
    accepted: int = 0
    refused: int = 0
    skipped: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    error_code: str = ""
    error: str = ""

    @property
    def is_refused(self) -> bool:
        return bool(self.error)


def inspect_file(
    path: Path, profile: SupplierFileProfile | None
) -> tuple[Inspection, Iterator[Reject | Skip]]:
    """
    Stage and validate one file without writing; return what is found and the lines not accepted.

    The figures are complete once the lines have been gone through. Without a profile the file is
    read by what is proposed for it. No input makes this raise: a file that cannot be read is one
    that is refused.
    """
    found = Inspection(file=str(path))
    return found, _lines_not_accepted(found, path, profile)


def _lines_not_accepted(
    found: Inspection, path: Path, profile: SupplierFileProfile | None
) -> Iterator[Reject | Skip]:
    try:
        for line in _lines(found, path, profile):
            found.read += 1
            if type(line) is Article:
                found.accepted += 1
            elif isinstance(line, Skip):
                found.skipped += 1
                yield line
            elif isinstance(line, Reject):
                found.refused += 1
                found.codes[line.code] += 1
                yield line
    except BusinessError as refusal:
        found.error_code, found.error = refusal.code, refusal.message
        found.refused, found.accepted = found.refused + found.accepted, 0
    except OSError as error:
        found.error_code, found.error = NotAFile.code, f"It cannot be opened: {error.strerror}."


def _lines(found: Inspection, path: Path, profile: SupplierFileProfile | None) -> Iterator[Line]:
    if not path.is_file():
        # A pipe or a device would keep us waiting for ever.
        raise NotAFile("There is no such file.")
    if profile is not None:
        found.reading = _described(profile, [f"Read by the profile {profile.code}."])
        yield from read_supplier_file(path, profile)
        return
    proposed = propose_reading(path)
    profile = SupplierFileProfile(code="proposed", **proposed.fields())
    found.reading = _described(profile, proposed.notes)
    missing = [
        words
        for names, words in NEEDED.items()
        if not any(name in proposed.columns for name in names.split("/"))
    ]
    if not missing:
        yield from read_supplier_file(path, profile)
        return
    reason = f"No column was found for {' or for '.join(missing)}."
    yield from read_lines_without_columns(path, profile, reason)
    raise ColumnsNotFound(f"{reason} The file has: {', '.join(proposed.titles[:50])}.")


def _described(profile: SupplierFileProfile, notes: list[str]) -> dict[str, Any]:
    dialect = dialect_of(profile)
    return {
        "encoding": dialect.encoding,
        "delimiter": dialect.delimiter,
        "quote": dialect.quote,
        "skipped_lines": dialect.skipped_lines,
        "has_titles": dialect.has_titles,
        "sheet": dialect.sheet,
        "decimal_separator": profile.decimal_separator,
        "day_format": str(profile.day_format),
        "footer_words": profile.footer_words,
        "columns": dict(profile.columns),
        "notes": notes,
    }
