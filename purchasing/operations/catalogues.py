"""A supplier's file on its way into the supplier's catalog: staged, looked at, then applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from purchasing.models import Supplier, SupplierFileProfile, SupplierFileRow
from purchasing.staging import Article, Line, Skip, read_supplier_file
from retail.common.errors import WrongStatus
from retail.common.imports import (
    Reject,
    fail_import,
    finish_import,
    record_rejects,
    stage_import,
    start_import,
)
from retail.common.models import ImportRun, User
from retail.common.tabular import fingerprint

KIND = "supplier_prices"
LINES_AT_ONCE = 10_000
WARNINGS_LISTED = 20

# Working tables of one transaction: the file's lines, and the same beside the catalog. Unlike
# the table of staged rows they can be analyzed without anybody having to wait, and a planner
# without figures about them would look 100,000 lines up one by one.
_CREATE_INCOMING = """
    DROP TABLE IF EXISTS supplier_file_incoming;
    CREATE TEMPORARY TABLE supplier_file_incoming (
        line_number integer, supplier_sku text, gtin text, name text, unit_cost numeric(16, 4),
        pack_size integer, minimum_quantity integer, available_units integer
    ) ON COMMIT DROP
"""
_COPY_LINES = "COPY supplier_file_incoming FROM STDIN"
_TAKE_STAGED = """
    INSERT INTO supplier_file_incoming
    SELECT line_number, supplier_sku, gtin, name, unit_cost,
           pack_size, minimum_quantity, available_units
    FROM purchasing_supplierfilerow WHERE run_id = %(run)s
"""

# What the file leaves empty stays as the catalog has it. An article that was linked to a variant
# is not linked anew, and a variant of the same SKU but another GTIN is another thing.
_COMPARE = """
    ANALYZE supplier_file_incoming;
    DROP TABLE IF EXISTS supplier_file_compared;
    CREATE TEMPORARY TABLE supplier_file_compared ON COMMIT DROP AS
    SELECT
        incoming.line_number, incoming.supplier_sku, incoming.unit_cost, target.*,
        article.id AS article_id, price.id AS price_id, price.valid_from AS price_from,
        price.unit_cost AS cost_before,
        price.unit_cost IS DISTINCT FROM incoming.unit_cost AS is_price_changed,
        article.id IS NOT NULL AND ROW(
            target.gtin, target.name, target.pack_size, target.minimum_quantity,
            target.available_units, target.variant_id
        ) IS DISTINCT FROM ROW(
            article.gtin, article.name, article.pack_size, article.minimum_quantity,
            article.available_units, article.variant_id
        ) AS is_article_changed
    FROM supplier_file_incoming AS incoming
    LEFT JOIN purchasing_supplierproduct AS article
        ON article.supplier_id = %(supplier)s AND article.supplier_sku = incoming.supplier_sku
    LEFT JOIN purchasing_supplierprice AS price
        ON price.supplier_product_id = article.id AND price.min_quantity = 1
        AND price.valid_from <= %(on)s AND (price.valid_to IS NULL OR price.valid_to > %(on)s)
    LEFT JOIN catalog_variant AS by_gtin ON by_gtin.gtin = NULLIF(incoming.gtin, '')
    LEFT JOIN catalog_variant AS by_sku
        ON by_sku.sku = incoming.supplier_sku
        AND (by_sku.gtin IS NULL OR incoming.gtin = '' OR by_sku.gtin = incoming.gtin)
    CROSS JOIN LATERAL (
        SELECT
            COALESCE(NULLIF(incoming.gtin, ''), article.gtin, '') AS gtin,
            COALESCE(NULLIF(incoming.name, ''), article.name, '') AS name,
            COALESCE(incoming.pack_size, article.pack_size, 1) AS pack_size,
            COALESCE(incoming.minimum_quantity, article.minimum_quantity, 1) AS minimum_quantity,
            COALESCE(incoming.available_units, article.available_units) AS available_units,
            COALESCE(article.variant_id, by_gtin.id, by_sku.id) AS variant_id
    ) AS target;
    ANALYZE supplier_file_compared
"""
_STORE_STAGED = """
    INSERT INTO purchasing_supplierfilerow (
        run_id, line_number, supplier_sku, gtin, name, unit_cost, pack_size, minimum_quantity,
        available_units, cost_before, verdict
    )
    SELECT
        %(run)s, incoming.line_number, incoming.supplier_sku, incoming.gtin, incoming.name,
        incoming.unit_cost, incoming.pack_size, incoming.minimum_quantity,
        incoming.available_units, compared.cost_before,
        CASE
            WHEN compared.article_id IS NULL THEN 'NEW'
            WHEN compared.is_price_changed OR compared.is_article_changed THEN 'CHANGED'
            ELSE 'UNCHANGED'
        END
    FROM supplier_file_incoming AS incoming
    JOIN supplier_file_compared AS compared USING (line_number)
"""
_COUNT = """
    SELECT
        count(*) FILTER (WHERE article_id IS NULL),
        count(*) FILTER (
            WHERE article_id IS NOT NULL AND (is_price_changed OR is_article_changed)
        ),
        count(*) FILTER (WHERE NOT is_price_changed AND NOT is_article_changed),
        count(*) FILTER (WHERE variant_id IS NOT NULL),
        count(*) FILTER (WHERE unit_cost = 0),
        (
            SELECT count(*) FROM purchasing_supplierproduct AS article
            WHERE article.supplier_id = %(supplier)s AND article.is_active AND NOT EXISTS (
                SELECT FROM supplier_file_compared AS seen WHERE seen.article_id = article.id
            )
        )
    FROM supplier_file_compared
"""
# Multiplied, not divided: a price that was zero and is not any more is beyond every limit.
_LARGE_CHANGES = """
    SELECT line_number, supplier_sku, cost_before, unit_cost, count(*) OVER ()
    FROM supplier_file_compared
    WHERE abs(unit_cost - cost_before) * 100 > cost_before * %(limit)s
    ORDER BY abs(unit_cost - cost_before) / GREATEST(cost_before, 0.0001) DESC, line_number
    LIMIT %(listed)s
"""

_INSERT_ARTICLES = """
    INSERT INTO purchasing_supplierproduct (
        supplier_id, variant_id, supplier_sku, gtin, name, pack_size, minimum_quantity,
        available_units, seen_at, is_active
    )
    SELECT %(supplier)s, variant_id, supplier_sku, gtin, name, pack_size, minimum_quantity,
           available_units, %(at)s, TRUE
    FROM supplier_file_compared WHERE article_id IS NULL
"""
_UPDATE_ARTICLES = """
    UPDATE purchasing_supplierproduct AS article
    SET variant_id = compared.variant_id, gtin = compared.gtin, name = compared.name,
        pack_size = compared.pack_size, minimum_quantity = compared.minimum_quantity,
        available_units = compared.available_units, seen_at = %(at)s
    FROM supplier_file_compared AS compared
    WHERE compared.article_id = article.id AND compared.is_article_changed
"""
_REPLACE_PRICES_OF_TODAY = """
    UPDATE purchasing_supplierprice AS price SET unit_cost = compared.unit_cost
    FROM supplier_file_compared AS compared
    WHERE compared.price_id = price.id AND compared.is_price_changed
        AND compared.price_from = %(on)s
"""
_CLOSE_PRICES = """
    UPDATE purchasing_supplierprice AS price SET valid_to = %(on)s
    FROM supplier_file_compared AS compared
    WHERE compared.price_id = price.id AND compared.is_price_changed
        AND compared.price_from < %(on)s
"""
# A price already entered for a later day still takes over on that day.
_OPEN_PRICES = """
    INSERT INTO purchasing_supplierprice (
        supplier_product_id, min_quantity, unit_cost, valid_from, valid_to
    )
    SELECT article.id, 1, compared.unit_cost, %(on)s, (
        SELECT min(later.valid_from) FROM purchasing_supplierprice AS later
        WHERE later.supplier_product_id = article.id AND later.min_quantity = 1
            AND later.valid_from > %(on)s
    )
    FROM supplier_file_compared AS compared
    JOIN purchasing_supplierproduct AS article
        ON article.supplier_id = %(supplier)s AND article.supplier_sku = compared.supplier_sku
    WHERE compared.is_price_changed
        AND (compared.price_from IS NULL OR compared.price_from < %(on)s)
"""


@transaction.atomic
def stage_supplier_file(
    *, profile: SupplierFileProfile, path: Path, at: datetime, by: User | None
) -> ImportRun:
    """
    Read a supplier's file and put its lines beside the catalog, which stays as it is.

    Returns the run, STAGED, with counts and warnings in its report. Lines that cannot be taken
    are its rejects.

    :raises AlreadyImported: the same bytes were staged or applied under this profile.
    :raises IncompleteProfile, MissingColumn and what else `read_table` raises: the file is
        refused whole and nothing is stored.
    """
    run = start_import(
        kind=KIND,
        profile=profile.code,
        file_name=path.name,
        sha256=fingerprint(path),
        at=at,
        by=by,
    )
    read, refused = _copy_lines(run, read_supplier_file(path, profile))
    figures = _compare(supplier_id=profile.supplier_id, on=at.date())
    _execute(_STORE_STAGED, run=run.pk)
    warnings = _warnings(limit=profile.max_price_change_percent)
    return stage_import(
        run=run,
        read=read,
        refused=refused,
        skipped=figures["unchanged"],
        report={"supplier": profile.supplier_id, **figures, **warnings},
    )


@transaction.atomic
def apply_supplier_file(*, run_id: int, at: datetime, by: User | None) -> ImportRun:
    """
    Bring the staged lines into the supplier's catalog, touching only what differs.

    Compared anew under lock, because the catalog may have changed since the file was staged. A
    new price is valid from today and ends the one before; a second one today replaces the first.
    A run that was applied is returned as it is.
    Locks: the run, then the supplier.

    :raises WrongStatus: the run was discarded.
    """
    run = _lock(run_id)
    if run.status == ImportRun.Status.DONE:
        return run
    _require_staged(run)
    supplier = Supplier.objects.select_for_update(of=("self",), no_key=True).get(
        pk=run.report["supplier"]
    )
    on = at.date()
    _execute(_CREATE_INCOMING)
    _execute(_TAKE_STAGED, run=run.pk)
    figures = _compare(supplier_id=supplier.pk, on=on)
    _execute(_INSERT_ARTICLES, supplier=supplier.pk, at=at)
    _execute(_UPDATE_ARTICLES, at=at)
    _execute(_REPLACE_PRICES_OF_TODAY, on=on)
    _execute(_CLOSE_PRICES, on=on)
    _execute(_OPEN_PRICES, supplier=supplier.pk, on=on)
    _remove_staged(run)
    return finish_import(
        run=run,
        read=run.lines_read,
        imported=figures["new"] + figures["changed"],
        refused=run.lines_refused,
        skipped=figures["unchanged"],
        report={**figures, "applied_by": by.get_username() if by else ""},
        at=at,
    )


@transaction.atomic
def discard_supplier_file(*, run_id: int, at: datetime, by: User | None) -> ImportRun:
    """
    Throw the staged lines away; the same file may then be uploaded again.

    :raises WrongStatus: the run was applied or discarded before.
    """
    run = _lock(run_id)
    _require_staged(run)
    _remove_staged(run)
    return fail_import(run=run, error=f"Discarded by {by or 'the system'}.", at=at)


def _lock(run_id: int) -> ImportRun:
    return ImportRun.objects.select_for_update(of=("self",), no_key=True).get(pk=run_id, kind=KIND)


def _require_staged(run: ImportRun) -> None:
    if run.status != ImportRun.Status.STAGED:
        msg = f"{run.file_name} is {run.get_status_display().lower()}: nothing waits to be decided."
        raise WrongStatus(msg, status=run.status)


def _copy_lines(run: ImportRun, lines: Iterator[Line]) -> tuple[int, int]:
    """Copy the articles into the working table, record the rejects; return lines read, refused."""
    _execute(_CREATE_INCOMING)
    read = refused = 0
    while batch := list(islice(lines, LINES_AT_ONCE)):
        with connection.cursor() as cursor, cursor.copy(_COPY_LINES) as copy:
            for line in batch:
                if isinstance(line, Article):
                    copy.write_row(line[:8])
        read += sum(not isinstance(line, Skip) for line in batch)
        refused += record_rejects(
            run=run, rejects=[line for line in batch if isinstance(line, Reject)]
        )
    return read, refused


def _compare(*, supplier_id: int, on: date) -> dict[str, int]:
    """Put the working table's lines beside the catalog of a day; return how they compare."""
    _execute(_COMPARE, supplier=supplier_id, on=on)
    [counts] = _rows(_COUNT, supplier=supplier_id)
    names = ("new", "changed", "unchanged", "linked", "zero_prices", "not_in_file")
    return dict(zip(names, counts, strict=True))


def _warnings(*, limit: int) -> Mapping[str, Any]:
    """Return the price changes beyond the limit: how many, and the largest of them."""
    changes = _rows(_LARGE_CHANGES, limit=limit, listed=WARNINGS_LISTED)
    return {
        "max_price_change_percent": limit,
        "large_price_changes": changes[0][4] if changes else 0,
        "largest_price_changes": [
            {"line_number": line, "supplier_sku": sku, "before": str(before), "after": str(after)}
            for line, sku, before, after, _count in changes
        ],
    }


def _remove_staged(run: ImportRun) -> None:
    SupplierFileRow.objects.filter(run=run).delete()


def _execute(sql: str, **parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def _rows(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
