"""Take in suppliers' invoices from files, folders, zip files and saved mailboxes."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from purchasing.capturing import Outcome, Verdict, counted, look_at, take_in
from purchasing.models import InvoiceDocument

SOMETHING_REFUSED = 1


class Command(BaseCommand):
    """
    Capture every invoice at the paths, and report what became of each file.

    The report is one JSON object: `files` with one entry for each file, attachment or zip entry,
    and `summary`. It stands at its place whole or not at all. Exit code 0: every file was captured,
    waits for a person or was seen before; 1: at least one was refused; the report says why.
    """

    help = "Capture suppliers' invoices from files and folders (drop folder, saved mailbox, zip)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--report", type=Path, required=True, help="Where the JSON goes.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Read and report; write nothing else."
        )

    def handle(
        self, *args: Any, paths: list[Path], report: Path, dry_run: bool, **options: Any
    ) -> None:
        if dry_run:
            outcomes = look_at(paths)
        else:
            outcomes = take_in(
                paths, channel=InvoiceDocument.Channel.COMMAND, at=timezone.now(), by=None
            )
        try:
            verdicts = _write_report(report, self._told(outcomes), is_dry_run=dry_run)
        except OSError as error:
            raise CommandError(f"The report cannot be written: {error.strerror}.") from error
        would = "would be " if dry_run else ""
        self.stdout.write(f"{len(verdicts)} files: {would}{counted(verdicts)}.")
        if Verdict.REFUSED in verdicts:
            sys.exit(SOMETHING_REFUSED)

    def _told(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        for outcome in outcomes:
            self.stdout.write(_in_one_line(outcome))
            yield outcome


def _write_report(report: Path, outcomes: Iterable[Outcome], *, is_dry_run: bool) -> list[Verdict]:
    """Write the report beside its place, as it grows, and put it there when it is whole."""
    verdicts: list[Verdict] = []
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=report.parent, prefix=f".{report.name}.", delete=False
    ) as out:
        try:
            out.write(json.dumps({"dry_run": is_dry_run})[:-1])
            out.write(', "files": [')
            for outcome in outcomes:
                out.write(",\n" if verdicts else "\n")
                out.write(json.dumps(_entry(outcome), ensure_ascii=False))
                verdicts.append(outcome.verdict)
            summary = {verdict: verdicts.count(verdict) for verdict in Verdict}
            out.write(f'\n],\n"summary": {json.dumps({"files": len(verdicts), **summary})}}}\n')
            out.flush()
            os.fsync(out.fileno())
            Path(out.name).chmod(0o644)
            Path(out.name).replace(report)
        except BaseException:
            Path(out.name).unlink(missing_ok=True)
            raise
    return verdicts


def _entry(outcome: Outcome) -> dict[str, Any]:
    return {
        "path": f"{outcome.origin}/{outcome.name}" if outcome.origin else outcome.name,
        "name": outcome.name,
        "origin": outcome.origin,
        "verdict": outcome.verdict,
        "syntax": outcome.syntax,
        "profile": outcome.profile,
        "code": outcome.code,
        "reason": outcome.reason,
        "document": outcome.document,
        "bytes": outcome.size,
        "sha256": outcome.fingerprint,
        "invoices": list(outcome.invoices),
        "findings": list(outcome.findings),
    }


def _in_one_line(outcome: Outcome) -> str:
    if not outcome.invoices:
        return f"{outcome.name}: {outcome.verdict}, {outcome.code}: {outcome.reason}"
    found = "; ".join(
        f"{row['kind'].replace('_', ' ').lower()} {row['number']} of {row['supplier']['name']}, "
        f"{row['gross']} {row['currency']}"
        for row in outcome.invoices
    )
    why = f" ({outcome.code})" if outcome.code else ""
    return f"{outcome.name}: {outcome.verdict}{why}: {found}"
