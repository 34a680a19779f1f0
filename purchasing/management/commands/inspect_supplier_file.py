"""Say what taking suppliers' files in would make of them, without writing anything."""

from __future__ import annotations

import json
import re
import resource
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError

from purchasing.inspecting import Inspection, inspect_file
from purchasing.models import SupplierFileProfile
from purchasing.staging import Skip
from retail.common.imports import Reject

KILOBYTES_OF_A_MEGABYTE = 1024


class Command(BaseCommand):
    """Stage and validate files of any kind; the report has every line that is not accepted."""

    help = "Read suppliers' files, by a profile or as proposed, and report what would be taken."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "files", nargs="+", type=Path, metavar="FILE", help="Of a folder, all its files."
        )
        parser.add_argument("--report", type=Path, required=True, help="Where the JSON goes.")
        parser.add_argument(
            "--profile", help="Code of the profile to read by; default: what is proposed."
        )

    def handle(
        self, *args: Any, files: list[Path], report: Path, profile: str | None, **options: Any
    ) -> None:
        reading = self._profile(profile)
        refused = count = 0
        try:
            with report.open("w", encoding="utf-8") as out:
                out.write('{"files": [')
                for path in _each_file(files):
                    out.write(",\n" if count else "\n")
                    found = _write_inspection(out, path, reading)
                    self.stdout.write(_in_one_line(found))
                    count += 1
                    refused += found.is_refused
                out.write("\n]}\n")
        except OSError as error:
            raise CommandError(f"The report cannot be written: {error.strerror}.") from error
        self.stdout.write(f"{count} files, {refused} of them refused. The report is {report}.")

    def _profile(self, code: str | None) -> SupplierFileProfile | None:
        if code is None:
            return None
        found = SupplierFileProfile.objects.select_related("supplier").filter(code=code).first()
        if found is None:
            raise CommandError(f"There is no supplier file profile {code}.")
        return found


def _each_file(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(inner for inner in path.rglob("*") if inner.is_file())
        else:
            yield path


def _write_inspection(out: TextIO, path: Path, profile: SupplierFileProfile | None) -> Inspection:
    """Write what is found in a file, the lines as they are read: there may be a million."""
    found, lines = inspect_file(path, profile)
    out.write('{"lines_not_accepted": [')
    for number, line in enumerate(lines):
        out.write(",\n" if number else "\n")
        out.write(json.dumps(_line(line), ensure_ascii=False))
    out.write("],\n")
    # The rest of the object, without the bracket that opens it.
    out.write(json.dumps(_summary(found), ensure_ascii=False, indent=1)[1:])
    return found


def _line(line: Reject | Skip) -> dict[str, Any]:
    if isinstance(line, Skip):
        return {"line": line.line_number, "verdict": "skipped", "reason": line.reason}
    return {
        "line": line.line_number,
        "verdict": "refused",
        "code": line.code,
        "text": line.text,
    }


def _summary(found: Inspection) -> dict[str, Any]:
    return {
        "file": found.file,
        "verdict": "refused" if found.is_refused else "read",
        "error_code": found.error_code,
        "error": found.error,
        "rows_read": found.read,
        "rows_accepted": found.accepted,
        "rows_refused": found.refused,
        "rows_skipped": found.skipped,
        "refused_by_code": dict(found.codes.most_common()),
        "reading": found.reading,
        "peak_memory_mb": _peak_memory(),
    }


def _peak_memory() -> int:
    """
    Return the most memory this process has needed so far, in megabytes.

    Linux counts it from the program's start; what getrusage says may be that of the parent.
    """
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) // KILOBYTES_OF_A_MEGABYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // KILOBYTES_OF_A_MEGABYTE


def _in_one_line(found: Inspection) -> str:
    figures = (
        f"{found.read:,} read, {found.accepted:,} accepted, {found.refused:,} refused,"
        f" {found.skipped:,} skipped"
    )
    return f"{found.file}: {figures}" + (f". Refused: {found.error}" if found.error else "")
