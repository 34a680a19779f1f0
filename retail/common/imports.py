"""The record of a file taken in: begun once, closed with every line accounted for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from typing import Any

from django.db import IntegrityError, transaction

from retail.common.errors import BusinessError
from retail.common.exports import csv_lines
from retail.common.models import ImportReject, ImportRun, User

REJECTS_AT_ONCE = 1000
LONGEST_TEXT = 500
LONGEST_FILE_NAME = 255

# What a file of refused lines has behind the columns of the file they stood in.
REJECT_TITLES = ("line_number", "error_code", "error_text")


class AlreadyImported(BusinessError):
    """The same bytes under the same profile are, or are being, imported; `run_id` says where."""

    def __init__(self, run: ImportRun) -> None:
        super().__init__(
            f"This file was already taken in on {run.started_at:%d %B %Y at %H:%M} as"
            f" {run.file_name} ({run.get_status_display().lower()}).",
            run_id=run.pk,
            status=run.status,
        )
        self.run_id = run.pk


class LinesUnaccountedFor(BusinessError):
    """Lines imported, refused and skipped do not add up to the lines read."""


class ImportIsOver(BusinessError):
    """The run has ended and takes no more lines."""


@dataclass(frozen=True)
class Reject:
    """A refused line: where it stands, a stable code, the reason in words, and what it said."""

    line_number: int
    code: str
    text: str
    columns: Mapping[str, str] = field(default_factory=dict)


@transaction.atomic
def start_import(
    *, kind: str, profile: str, file_name: str, sha256: str, at: datetime, by: User | None
) -> ImportRun:
    """
    Open the run of a file.

    A run that failed does not count: its file may be tried again.

    :raises AlreadyImported: the same bytes were taken in under this profile, or just are.
    """
    same_file = ImportRun.objects.filter(kind=kind, profile=profile, sha256=sha256).exclude(
        status=ImportRun.Status.FAILED
    )
    if earlier := same_file.first():
        raise AlreadyImported(earlier)
    try:
        with transaction.atomic():
            return ImportRun.objects.create(
                kind=kind,
                profile=profile,
                file_name=file_name[-LONGEST_FILE_NAME:],
                sha256=sha256,
                started_at=at,
                started_by=by,
            )
    except IntegrityError as error:
        # Two uploads at once: the other one was stored first.
        raise AlreadyImported(same_file.get()) from error


@transaction.atomic
def record_rejects(*, run: ImportRun, rejects: Iterable[Reject]) -> int:
    """
    Store refused lines, a thousand at a time, and return how many there were.

    A line already refused for the same reason is stored once. The file's own column order is
    kept with the run, because a stored line does not keep it; a line of too few or too many
    columns takes none from the others.
    """
    remaining = iter(rejects)
    recorded = 0
    known: set[str] = set()
    while batch := list(islice(remaining, REJECTS_AT_ONCE)):
        # A dictionary, because it keeps the order and a set does not.
        columns = dict.fromkeys(chain.from_iterable(reject.columns for reject in batch))
        if columns.keys() - known:
            known |= _remember_columns(run, columns)
        ImportReject.objects.bulk_create(
            [
                ImportReject(
                    run=run,
                    line_number=reject.line_number,
                    code=reject.code,
                    text=reject.text[:LONGEST_TEXT],
                    columns=dict(reject.columns),
                )
                for reject in batch
            ],
            ignore_conflicts=True,
        )
        recorded += len(batch)
    return recorded


@transaction.atomic
def stage_import(
    *, run: ImportRun, read: int, refused: int, skipped: int, report: Mapping[str, Any]
) -> ImportRun:
    """
    Put the run in wait for a person's decision; the lines neither refused nor skipped wait.

    :raises ImportIsOver: it has ended, or waits already.
    """
    locked = _locked(run, {ImportRun.Status.RUNNING})
    locked.status = ImportRun.Status.STAGED
    locked.lines_read, locked.lines_refused, locked.lines_skipped = read, refused, skipped
    locked.report = {**locked.report, **report}
    locked.save()
    return locked


@transaction.atomic
def finish_import(
    *,
    run: ImportRun,
    read: int,
    imported: int,
    refused: int,
    skipped: int,
    report: Mapping[str, Any],
    at: datetime,
) -> ImportRun:
    """
    Close the run with its figures.

    :raises LinesUnaccountedFor: read is not imported + refused + skipped.
    :raises ImportIsOver: it has ended before.
    """
    if read != imported + refused + skipped:
        raise LinesUnaccountedFor(
            f"{read} lines were read, but {imported} imported, {refused} refused and {skipped}"
            f" skipped make {imported + refused + skipped}.",
            read=read,
            imported=imported,
            refused=refused,
            skipped=skipped,
        )
    open_statuses = {
        ImportRun.Status.RUNNING,
        ImportRun.Status.STAGED,
        ImportRun.Status.APPLYING,
    }
    locked = _locked(run, open_statuses)
    locked.status = ImportRun.Status.DONE
    locked.finished_at = at
    locked.lines_read, locked.lines_imported = read, imported
    locked.lines_refused, locked.lines_skipped = refused, skipped
    locked.report = {**locked.report, **report}
    locked.save()
    return locked


@transaction.atomic
def fail_import(*, run: ImportRun, error: str, at: datetime) -> ImportRun:
    """
    Close the run because it cannot go on; the file may then be tried again.

    :raises ImportIsOver: it has ended before.
    """
    locked = _locked(run, {ImportRun.Status.RUNNING, ImportRun.Status.STAGED})
    locked.status = ImportRun.Status.FAILED
    locked.finished_at = at
    locked.error = error
    locked.save()
    return locked


def rejects_csv(run: ImportRun) -> Iterator[str]:
    """
    Yield the refused lines of a run as CSV: the file's columns, then line, code and reason.

    Corrected, it can be imported again; the three columns at the end are ignored.
    """
    rejects = run.rejects.order_by("line_number", "pk")
    first = rejects.first()
    columns: list[str] = list(run.report.get("columns", ()) or (first.columns if first else ()))
    # The file may have been one of refused lines itself.
    titles = [title for title in columns if title not in REJECT_TITLES]
    return csv_lines(
        [*titles, *REJECT_TITLES],
        (
            [
                *(reject.columns.get(title, "") for title in titles),
                reject.line_number,
                reject.code,
                reject.text,
            ]
            for reject in rejects.iterator(chunk_size=REJECTS_AT_ONCE)
        ),
    )


def _locked(run: ImportRun, open_statuses: set[ImportRun.Status]) -> ImportRun:
    locked = ImportRun.objects.select_for_update(no_key=True).get(pk=run.pk)
    if locked.status not in open_statuses:
        raise ImportIsOver(
            f"The import of {locked.file_name} is {locked.get_status_display().lower()}.",
            run_id=locked.pk,
            status=locked.status,
        )
    return locked


def _remember_columns(run: ImportRun, columns: Iterable[str]) -> set[str]:
    """Put the columns behind those the run has; return all it has by now."""
    locked = ImportRun.objects.select_for_update(no_key=True).get(pk=run.pk)
    known = locked.report.get("columns", [])
    every_column = list(dict.fromkeys([*known, *columns]))
    if every_column != known:
        locked.report = {**locked.report, "columns": every_column}
        locked.save(update_fields=["report"])
    return set(every_column)
