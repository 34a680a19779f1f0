"""Take in a file of past sales and say what became of every line."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from channels.models import Channel
from inventory.models import Location
from orders.operations import sales_import
from orders.operations.sales_import import SalesFile, SalesImportResult
from orders.resources import PROFILES, SalesProfile
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

KIND = "sales"
SECONDS_BETWEEN_LINES = 5


class Command(BaseCommand):
    """
    Import sales once: the same file again changes nothing, a broken-off import goes on.

    The file's articles and customers are made where they are not known yet, and what must have
    been in stock before it begins is taken in as opening stock.
    """

    help = "Import a file of past sales: articles, customers, opening stock, orders and returns."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--profile", required=True, choices=sorted(PROFILES))
        parser.add_argument("--channel", required=True, help="Code of the channel that sold it.")
        parser.add_argument(
            "--location", default="", help="Code of the location the goods left; default: first."
        )
        parser.add_argument(
            "--rejects", type=Path, help="Where refused lines go; default: FILE.rejects.csv here."
        )

    def handle(
        self,
        *args: Any,
        file: Path,
        profile: str,
        channel: str,
        location: str,
        rejects: Path | None,
        **options: Any,
    ) -> None:
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        sold_on, left_from = _channel(channel, PROFILES[profile]), _location(location)
        sha256, begun = fingerprint(file), time.monotonic()
        run = self._open_run(file, f"{profile}/{sold_on.code}", sha256)
        if run is None:
            return
        source = SalesFile(
            path=file,
            sha256=sha256,
            run_id=run.pk,
            profile=PROFILES[profile],
            channel=sold_on,
            location=left_from,
        )
        try:
            result = sales_import.import_sales(
                source=source, at=timezone.now(), progress=_Progress(self.stdout)
            )
        except BusinessError as refusal:
            fail_import(run=run, error=refusal.message, at=timezone.now())
            raise CommandError(refusal.message) from refusal
        seconds = time.monotonic() - begun
        run = self._close_run(run, result, seconds)
        self._report(result, seconds)
        self._write_rejects(run, result, rejects or Path(f"{file.name}.rejects.csv"))

    def _open_run(self, file: Path, profile: str, sha256: str) -> ImportRun | None:
        """Begin the file's run, or go on with the one that was broken off; None when it is done."""
        try:
            return start_import(
                kind=KIND,
                profile=profile,
                file_name=file.name,
                sha256=sha256,
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
    def _close_run(run: ImportRun, result: SalesImportResult, seconds: float) -> ImportRun:
        record_rejects(run=run, rejects=result.rejects)
        return finish_import(
            run=run,
            read=result.lines_read,
            imported=result.lines_imported,
            refused=len(result.rejects),
            skipped=result.lines_skipped,
            report={
                "orders": result.orders,
                "returns": result.returns,
                "stock_corrections": result.adjustments,
                "lines_unknown": result.lines_unknown,
                "lines_not_goods": result.lines_not_goods,
                "held": result.held,
                "products": result.products,
                "variants": result.variants,
                "customers": result.customers,
                "opening_units": result.opening_units,
                "seconds": round(seconds, 1),
                "lines_per_second": round(result.lines_read / seconds),
            },
            at=timezone.now(),
        )

    def _report(self, result: SalesImportResult, seconds: float) -> None:
        figures = {
            "Lines read": result.lines_read,
            "  imported": result.lines_imported,
            "  refused": len(result.rejects),
            "  skipped, known already": result.lines_skipped,
            "Orders": result.orders,
            "Returns": result.returns,
            "Stock corrections": result.adjustments,
            "Lines of unknown articles": result.lines_unknown,
            "Lines that are no goods": result.lines_not_goods,
            "Orders on hold": result.held,
            "New products": result.products,
            "New variants": result.variants,
            "New customers": result.customers,
            "Opening stock, units": result.opening_units,
        }
        for label, figure in figures.items():
            self.stdout.write(f"{label:<26}{figure:>12,}")
        self.stdout.write(f"{'Seconds':<26}{seconds:>12,.1f}")
        self.stdout.write(f"{'Lines a second':<26}{result.lines_read / seconds:>12,.0f}")

    def _write_rejects(self, run: ImportRun, result: SalesImportResult, path: Path) -> None:
        if result.rejects:
            with path.open("w", encoding="utf-8", newline="") as stream:
                stream.writelines(rejects_csv(run))
            self.stdout.write(f"Refused lines with their reasons: {path}")


def _channel(code: str, profile: SalesProfile) -> Channel:
    """Return the channel of this code; one that does not exist is made, switched off."""
    channel, _ = Channel.objects.get_or_create(
        code=code,
        defaults={
            "name": code.capitalize(),
            "kind": Channel.Kind.TABULAR,
            "currency": profile.currency,
            "timezone": str(profile.timezone),
        },
    )
    if channel.currency != profile.currency:
        raise CommandError(
            f"Channel {code} sells in {channel.currency}, the file is in {profile.currency}."
        )
    return channel


def _location(code: str) -> Location:
    """Return the location of this code, or the first that ships; one is made when none exists."""
    shipping = Location.objects.filter(is_shipping=True).order_by("priority", "pk")
    if code:
        shipping = shipping.filter(code=code)
    location = shipping.first()
    if location is None and code:
        raise CommandError(f"There is no location {code} that ships orders.")
    return location or Location.objects.create(
        code="main", name="Main warehouse", kind=Location.Kind.WAREHOUSE
    )


class _Progress:
    """Tells how far a step is: over and over on one line of a terminal, seldom in a log."""

    def __init__(self, stdout: Any) -> None:
        self._stdout = stdout
        self._is_terminal = stdout.isatty()
        self._told_at = 0.0
        self._step = ""

    def __call__(self, step: str, done: int, of: int) -> None:
        now = time.monotonic()
        is_news = step != self._step or done == of
        if not (is_news or self._is_terminal or now - self._told_at > SECONDS_BETWEEN_LINES):
            return
        self._step, self._told_at = step, now
        ending = "\r" if self._is_terminal and done != of else "\n"
        self._stdout.write(_bar(step, done, of), ending=ending)
        self._stdout.flush()


def _bar(step: str, done: int, of: int) -> str:
    if not of:
        return f"{step:<10} {done:,}"
    width = 30
    filled = width * done // of
    return f"{step:<10} [{'#' * filled}{'.' * (width - filled)}] {100 * done // of:3} %"
