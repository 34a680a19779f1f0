"""The figures people come back with: typed, scanned, or in the file of a sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Upper

from catalog.models import Variant
from catalog.queries import sku_key
from inventory.models import StockCount, StockCountEntry, StockCountLine
from inventory.operations.counts import (
    BATCH,
    NOT_ON_SHEET,
    CountRefused,
    NothingCounted,
    locked_count,
    locked_lines,
    require_counting,
)
from retail.common.errors import BusinessError
from retail.common.fields import MAX_UNITS
from retail.common.models import User

# A clock on a handheld may run a little ahead of ours.
CLOCK_SLACK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """
    A line of a filled-in file: which article, how many, in which round of counting and when.

    round: 0 for the first time; None where the file does not say. counted_at: None where it does
    not say. error: why the line cannot be read; nothing else of it counts then.
    """

    line_number: int
    sku: str = ""
    counted: int = 0
    round: int | None = None
    counted_at: datetime | None = None
    error: str = ""


class SheetRefused(BusinessError):
    """A file with lines that cannot be taken over; `errors` is line number -> what is wrong."""

    def __init__(self, errors: Mapping[int, str]) -> None:
        self.errors = dict(sorted(errors.items()))
        text = "\n".join(f"Line {number}: {error}" for number, error in self.errors.items())
        super().__init__(text, errors=self.errors)


@dataclass(frozen=True, slots=True)
class _Figure:
    units: int
    counted_at: datetime


@transaction.atomic
def record_counts(
    *,
    count_id: int,
    counted: Mapping[int, int],
    counted_at: datetime,
    at: datetime,
    by: User | None = None,
) -> list[StockCountLine]:
    """
    Take over how many units of what were seen at a moment.

    counted: line id -> units, zero included. A line is counted once, and again when a recount was
    asked for. A second call with the same figures and moment changes nothing.
    counted_at: a moment up to a minute ahead of `at` is taken for `at`.
    Locks: the sheet, then its lines.

    :raises WrongStatus: the sheet was submitted or closed.
    :raises NothingCounted: no figure was given.
    :raises CountRefused: every line of which the figure makes no sense, with the reason.
    """
    count = locked_count(count_id)
    require_counting(count)
    if not counted:
        msg = "No figure was given."
        raise NothingCounted(msg)
    lines = {line.pk: line for line in locked_lines(count)}
    figures = {pk: _Figure(units, counted_at) for pk, units in counted.items()}
    done = {pk for pk, figure in figures.items() if pk in lines and _is_done(lines[pk], figure)}
    last_counted = _last_counted(count)
    errors = {
        pk: error
        for pk, figure in figures.items()
        if pk not in done
        and (
            error := _error(lines[pk], figure, last_counted.get(pk), at)
            if pk in lines
            else NOT_ON_SHEET
        )
    }
    if errors:
        raise CountRefused(errors)
    _write({lines[pk]: figures[pk] for pk in figures if pk not in done}, at=at, by=by)
    return [lines[pk] for pk in sorted(figures)]


@transaction.atomic
def record_sheet(
    *,
    count_id: int,
    rows: Sequence[SheetRow],
    counted_at: datetime,
    at: datetime,
    by: User | None = None,
) -> list[StockCountLine]:
    """
    Take over a filled-in file, all of its lines or none; return what was new in it.

    A figure that was taken over before, in the same round, changes nothing, so the same file can
    come twice.
    counted_at: the moment of lines that tell none.
    Locks: the sheet, then its lines.

    :raises WrongStatus: the sheet was submitted or closed.
    :raises NothingCounted: the file holds no figure.
    :raises SheetRefused: every line that makes no sense, with its number and the reason.
    """
    count = locked_count(count_id)
    require_counting(count)
    if not rows:
        msg = "The file holds no figure."
        raise NothingCounted(msg)
    sheet = _Sheet(count, rows, counted_at=counted_at, at=at)
    if errors := {row.line_number: error for row in rows if (error := sheet.error(row))}:
        raise SheetRefused(errors)
    new = {sheet.line(row): sheet.figure(row) for row in rows if not sheet.is_done(row)}
    _write(new, at=at, by=by)
    return sorted(new, key=lambda line: line.pk)


class _Sheet:
    """A locked sheet, to hold the rows of a file against."""

    def __init__(
        self, count: StockCount, rows: Sequence[SheetRow], *, counted_at: datetime, at: datetime
    ) -> None:
        self._lines = {sku_key(line.level.variant.sku): line for line in locked_lines(count)}
        self._strangers = _strangers(rows, self._lines)
        self._last_counted = _last_counted(count)
        self._earlier = {
            (line_id, number): counted
            for line_id, number, counted in StockCountEntry.objects.filter(
                line__count=count
            ).values_list("line_id", "round", "counted")
        }
        self._first: dict[str, int] = {}
        for row in rows:
            self._first.setdefault(sku_key(row.sku), row.line_number)
        self._counted_at, self._at = counted_at, at

    def line(self, row: SheetRow) -> StockCountLine:
        return self._lines[sku_key(row.sku)]

    def figure(self, row: SheetRow) -> _Figure:
        return _Figure(row.counted, row.counted_at or self._counted_at)

    def is_done(self, row: SheetRow) -> bool:
        return self._before(row) is not None

    def error(self, row: SheetRow) -> str | None:
        """Return what is wrong with a row, None when it can be taken or was taken before."""
        key = sku_key(row.sku)
        if row.error or key in self._strangers:
            return row.error or self._strangers[key]
        line = self.line(row)
        if self._first[key] != row.line_number:
            return f"{line.level.variant} stands on line {self._first[key]} already."
        before = self._before(row)
        if before is not None:
            return None if before == row.counted else _other_figure(line, before)
        if row.round is not None and row.round != line.recounts:
            return f"{line.level.variant} is counted in round {line.recounts}, not {row.round}."
        return _error(line, self.figure(row), self._last_counted.get(line.pk), self._at)

    def _before(self, row: SheetRow) -> int | None:
        """Return what was written down for the row's round."""
        line = self.line(row)
        number = line.recounts if row.round is None else row.round
        return self._earlier.get((line.pk, number))


def _other_figure(line: StockCountLine, before: int) -> str:
    return (
        f"{line.level.variant} was counted already, as {before}; ask for a recount to count it"
        " again."
    )


def _strangers(rows: Sequence[SheetRow], lines: Mapping[str, StockCountLine]) -> dict[str, str]:
    """Return what is wrong with SKUs that are not on the sheet: unknown, or not put there."""
    asked = {sku_key(row.sku): row.sku for row in rows if not row.error}
    missing = {key: sku for key, sku in asked.items() if key not in lines}
    known = set(
        Variant.objects.annotate(key=Upper("sku"))
        .filter(key__in=list(missing))
        .values_list("key", flat=True)
    )
    return {
        key: f"{sku} is not on this sheet." if key in known else f"No article has the SKU {sku}."
        for key, sku in missing.items()
    }


def _is_done(line: StockCountLine, figure: _Figure) -> bool:
    """Tell whether exactly this was written down before."""
    if line.counted is None or line.counted_at is None:
        return False
    ahead = figure.counted_at - line.counted_at
    return line.counted == figure.units and timedelta(0) <= ahead <= CLOCK_SLACK


def _last_counted(count: StockCount) -> dict[int, datetime]:
    """Return line id -> when it was counted last, of lines that are to be counted again."""
    return dict(
        StockCountEntry.objects.filter(line__count=count, line__counted__isnull=True)
        .values_list("line_id")
        .annotate(last=Max("counted_at"))
    )


def _error(
    line: StockCountLine, figure: _Figure, last_counted: datetime | None, at: datetime
) -> str | None:
    """Return what is wrong with a figure, None when it can be taken."""
    article = line.level.variant
    if not 0 <= figure.units < MAX_UNITS:
        return f"{article}: {figure.units} units cannot have been counted."
    if line.counted is not None:
        return f"{article} was counted already; ask for a recount to count it again."
    if figure.counted_at < line.added_at:
        return f"{article} was counted before it was put on the sheet."
    if last_counted is not None and figure.counted_at <= last_counted:
        return f"{article} is to be counted again; this was counted before that."
    if figure.counted_at > at + CLOCK_SLACK:
        return f"{article} was counted at a moment that is still to come."
    return None


def _write(figures: Mapping[StockCountLine, _Figure], *, at: datetime, by: User | None) -> None:
    """Put figures on locked lines, and keep each as an entry."""
    entries = []
    for line, figure in figures.items():
        counted_at = max(min(figure.counted_at, at), line.added_at)
        line.counted, line.counted_at, line.counted_by = figure.units, counted_at, by
        entries.append(
            StockCountEntry(
                line=line,
                round=line.recounts,
                counted=figure.units,
                counted_at=counted_at,
                counted_by=by,
            )
        )
    StockCountLine.objects.bulk_update(
        list(figures), ["counted", "counted_at", "counted_by"], batch_size=BATCH
    )
    StockCountEntry.objects.bulk_create(entries)
