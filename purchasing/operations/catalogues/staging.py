"""A supplier's file read whole and put beside the catalog, which stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from django.db import connection, transaction

from purchasing.corrections import open_corrections
from purchasing.models import SupplierFileProfile
from purchasing.operations.catalogues import guards
from purchasing.operations.catalogues.comparing import (
    COPY_LINES,
    KIND,
    LINES_AT_ONCE,
    compare,
    count_catalog,
    create_incoming,
    execute,
    joined_at_once,
)
from purchasing.queries.comparing import LINE_COLUMNS
from purchasing.staging import Article, Line, Skip, read_supplier_file
from retail.common.imports import Reject, record_rejects, stage_import, start_import
from retail.common.models import ImportRun, User
from retail.common.tabular import fingerprint

SKIPPED_LISTED = 20

_STORE_STAGED = f"""
    INSERT INTO purchasing_supplierfilerow (run_id, {LINE_COLUMNS}, cost_before, verdict)
    SELECT
        %(run)s, {", ".join(f"incoming.{name}" for name in LINE_COLUMNS.split(", "))},
        compared.cost_before,
        CASE WHEN compared.article_id IS NULL THEN 'NEW' ELSE 'CHANGED' END
    FROM supplier_file_incoming AS incoming
    JOIN supplier_file_compared AS compared USING (line_number)
    WHERE compared.is_price_changed OR compared.is_article_changed
"""  # noqa: S608 - names of our own columns


@dataclass
class _Counts:
    """Lines of a file by what became of them, and the first that were passed over."""

    read: int = 0
    refused: int = 0
    skipped: int = 0
    passed_over: list[dict[str, object]] = field(default_factory=list)


@transaction.atomic
def stage_supplier_file(
    *, profile: SupplierFileProfile, path: Path, at: datetime, by: User | None, name: str = ""
) -> ImportRun:
    """
    Read a supplier's file and put its lines beside the catalog, which stays as it is.

    Returns the run, STAGED, with counts, warnings and the guards that stop it in its report.
    Lines that cannot be taken are its rejects; those that say what the catalog says are counted
    and left out. Lines read are those staged, refused and skipped, always.
    name: what the file was called when it is kept under another name.

    :raises AlreadyImported: the same bytes were staged or applied under this profile.
    :raises IncompleteProfile, MissingColumn and what else `read_table` raises: the file is
        refused whole and nothing is stored.
    """
    run = start_import(
        kind=KIND,
        profile=profile.code,
        file_name=name or path.name,
        sha256=fingerprint(path),
        at=at,
        by=by,
    )
    counts = _copy_lines(run, read_supplier_file(path, profile))
    with joined_at_once():
        compared = compare(supplier_id=profile.supplier_id, on=at.date())
        execute(_STORE_STAGED, run=run.pk)
    figures = compared.every_line
    limits = guards.limits_of(profile)
    report = {
        "supplier": profile.supplier_id,
        "limits": limits,
        "is_correction": open_corrections(path) is not None,
        "skipped": counts.skipped,
        "passed_over": counts.passed_over,
        "left_out": compared.unchanged,
        **figures,
        **count_catalog(supplier_id=profile.supplier_id, seen=figures["seen"]),
        **guards.large_changes(limit=limits["price_change"]),
    }
    report["guards"] = guards.stopping(
        report, limits=limits, read=counts.read - counts.skipped, refused=counts.refused
    )
    return stage_import(
        run=run,
        read=counts.read,
        refused=counts.refused,
        skipped=counts.skipped + figures["unchanged"],
        report=report,
    )


def _copy_lines(run: ImportRun, lines: Iterator[Line]) -> _Counts:
    """Copy the articles into the working table, record the rejects, count every line."""
    create_incoming()
    counts = _Counts()
    while batch := list(islice(lines, LINES_AT_ONCE)):
        with connection.cursor() as cursor, cursor.copy(COPY_LINES) as copy:
            for line in batch:
                if isinstance(line, Article):
                    copy.write_row(line)
        skips = [line for line in batch if isinstance(line, Skip)]
        counts.read += len(batch)
        counts.skipped += len(skips)
        counts.refused += record_rejects(
            run=run, rejects=[line for line in batch if isinstance(line, Reject)]
        )
        counts.passed_over += [
            {"line_number": skip.line_number, "reason": skip.reason}
            for skip in skips[: SKIPPED_LISTED - len(counts.passed_over)]
        ]
    return counts
