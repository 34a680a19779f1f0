"""The sheet of a count as a file: to be printed or filled in, and read when it comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from inventory.models import StockCount, StockCountLine, StockMovement
from inventory.operations import SheetRow
from retail.common.exports import csv_lines, harmless
from retail.common.tabular import NotANumber, Row, parse_integer, read_table

Read = TypeVar("Read")

TITLES = ("sheet", "sku", "article", "round", "counted", "counted_at")
EXPECTED = "expected"


class _Fault(Exception):
    """What is wrong with one cell; caught where the line is put together."""


def with_expected(lines: QuerySet[StockCountLine]) -> QuerySet[StockCountLine]:
    """Annotate `expected_now`: what the ledger says, when it was counted or else at present."""
    since = StockMovement.objects.filter(
        level=OuterRef("level"), moved_at__gt=OuterRef("counted_at")
    )
    moved = since.values("level").annotate(units=Sum("quantity")).values("units")
    return lines.annotate(
        expected_now=Coalesce("expected", F("level__on_hand") - Coalesce(Subquery(moved), 0))
    )


def sheet_lines(count: StockCount) -> Iterator[str]:
    """Yield the lines of the sheet's CSV, by SKU; what is expected only if it is not blind."""
    lines: QuerySet[Any] = with_expected(StockCountLine.objects.filter(count=count))
    extra = () if count.is_blind else (EXPECTED,)
    return csv_lines(
        (*TITLES, *extra),
        (
            (
                count.number,
                line.level.variant.sku,
                f"{line.level.variant.product.name} {line.level.variant.name}".rstrip(),
                line.recounts,
                line.counted,
                line.counted_at and timezone.localtime(line.counted_at).isoformat(),
                *(line.expected_now for _ in extra),
            )
            for line in lines.select_related("level__variant__product").order_by(
                "level__variant__sku"
            )
        ),
    )


def read_sheet(path: Path, *, number: str) -> list[SheetRow]:
    """
    Return the lines of a file that have a figure, or something wrong with them.

    number: of the sheet the file should belong to.

    :raises BrokenFile: it cannot be read. DuplicateColumn, MissingColumn, TooManyColumns.
    """
    rows = read_table(path, wanted=("sku", "counted"))
    return [_read(row, number) for row in rows if row.error or row.columns["counted"].strip(" \t")]


def _read(row: Row, number: str) -> SheetRow:
    if row.error:
        return SheetRow(line_number=row.line_number, error=row.error)
    sku = _without_apostrophe(row.columns["sku"].strip())
    sheet = row.columns.get("sheet", "").strip()
    if sheet not in {"", number}:
        error = f"This line belongs to {sheet}, not to {number}."
        return SheetRow(line_number=row.line_number, sku=sku, error=error)
    try:
        return SheetRow(
            line_number=row.line_number,
            sku=sku,
            counted=_number(row.columns["counted"]),
            round=_optional(row, "round", _number),
            counted_at=_optional(row, "counted_at", _moment),
        )
    except _Fault as fault:
        return SheetRow(line_number=row.line_number, sku=sku, error=str(fault))


def _optional(row: Row, title: str, read: Callable[[str], Read]) -> Read | None:
    text = row.columns.get(title, "").strip()
    return read(text) if text else None


def _number(text: str) -> int:
    try:
        return parse_integer(text)
    except NotANumber as refusal:
        raise _Fault(refusal.message) from refusal


def _moment(text: str) -> datetime:
    """Read `2026-11-20 09:30`, as clocks here show it unless it tells its zone."""
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else timezone.make_aware(moment)
    except (ValueError, OverflowError) as error:
        msg = f"{text[:30]!r} is not a moment; write it like 2026-11-20 09:30."
        raise _Fault(msg) from error


def _without_apostrophe(text: str) -> str:
    """Undo what keeps a spreadsheet from running a text as a formula."""
    bare = text.removeprefix("'")
    return bare if harmless(bare) == text else text
