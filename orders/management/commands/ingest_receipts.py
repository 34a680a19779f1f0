"""Take in a file of receipts of a till and say what became of every line."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from channels.models import Channel
from orders.operations.receipt_import import ReceiptImportResult, import_receipts
from retail.common.errors import BusinessError
from retail.common.imports import (
    AlreadyImported,
    fail_import,
    finish_import,
    record_rejects,
    rejects_csv,
    start_import,
)
from retail.common.models import ImportRun
from retail.common.tabular import fingerprint

KIND = "receipts"


class Command(BaseCommand):
    """Import receipts once: the same file again changes nothing, a broken-off import goes on."""

    help = "Import a file of receipts of a store's till: sales, returns and exchanges."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--channel", required=True, help="Code of the till's channel.")
        parser.add_argument(
            "--decimal", default=".", choices=[".", ","], help="What parts cents; default: a point."
        )
        parser.add_argument(
            "--rejects", type=Path, help="Where refused lines go; default: FILE.rejects.csv here."
        )

    def handle(
        self,
        *args: Any,
        file: Path,
        channel: str,
        decimal: str,
        rejects: Path | None,
        **options: Any,
    ) -> None:
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        till = Channel.objects.filter(code=channel).first()
        if till is None or till.kind != Channel.Kind.POS:
            raise CommandError(f"There is no till with the code {channel}.")
        run = self._open_run(file, till)
        if run is None:
            return
        try:
            result = import_receipts(
                path=file, channel=till, at=timezone.now(), decimal_separator=decimal
            )
        except BusinessError as refusal:
            fail_import(run=run, error=refusal.message, at=timezone.now())
            raise CommandError(refusal.message) from refusal
        run = self._close_run(run, result)
        self._report(result)
        self._write_rejects(run, result, rejects or Path(f"{file.name}.rejects.csv"))

    def _open_run(self, file: Path, till: Channel) -> ImportRun | None:
        """Begin the file's run, or go on with the one that was broken off; None when it is done."""
        try:
            return start_import(
                kind=KIND,
                profile=till.code,
                file_name=file.name,
                sha256=fingerprint(file),
                at=timezone.now(),
                by=None,
            )
        except AlreadyImported as refusal:
            run = ImportRun.objects.get(pk=refusal.run_id)
            if run.status == ImportRun.Status.RUNNING:
                self.stdout.write("Going on with the import that was broken off.")
                return run
            self.stdout.write(f"{refusal.message} 0 changes.")
            return None

    @staticmethod
    def _close_run(run: ImportRun, result: ReceiptImportResult) -> ImportRun:
        record_rejects(run=run, rejects=result.rejects)
        return finish_import(
            run=run,
            read=result.lines_read,
            imported=result.lines_imported,
            refused=len(result.rejects),
            skipped=result.lines_skipped,
            report={
                "receipts": result.receipts,
                "receipts_known": result.receipts_known,
                "receipts_refused": result.receipts_refused,
            },
            at=timezone.now(),
        )

    def _report(self, result: ReceiptImportResult) -> None:
        figures = {
            "Lines read": result.lines_read,
            "  imported": result.lines_imported,
            "  refused": len(result.rejects),
            "  skipped, known already": result.lines_skipped,
            "Receipts": result.receipts,
            "Receipts known already": result.receipts_known,
            "Receipts refused": result.receipts_refused,
        }
        for label, figure in figures.items():
            self.stdout.write(f"{label:<26}{figure:>12,}")

    def _write_rejects(self, run: ImportRun, result: ReceiptImportResult, path: Path) -> None:
        if result.rejects:
            with path.open("w", encoding="utf-8", newline="") as stream:
                stream.writelines(rejects_csv(run))
            self.stdout.write(f"Refused lines with their reasons: {path}")
