"""A supplier's file of 100,000 lines: staged and applied, beside COPY and upserts by hand."""

from __future__ import annotations

import csv
import tempfile
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from bench.harness import Measure, seconds_and_megabytes_for, seconds_for
from purchasing.models import Supplier, SupplierFileProfile
from purchasing.operations import apply_supplier_file, stage_supplier_file

LINES = 100_000
COLUMNS = ("supplier_sku", "name", "unit_cost", "available_units")

# The same effect with the least that can be written: no checks, no rejects, no preview.
_BY_HAND = (
    """
    CREATE TEMPORARY TABLE incoming
        (supplier_sku text, name text, unit_cost numeric, available_units integer) ON COMMIT DROP
    """,
    """
    INSERT INTO purchasing_supplierproduct AS known
        (supplier_id, supplier_sku, gtin, name, pack_size, minimum_quantity, available_units,
         seen_at, is_active)
    SELECT %(supplier)s, supplier_sku, '', name, 1, 1, available_units, %(at)s, true FROM incoming
    ON CONFLICT (supplier_id, supplier_sku) DO UPDATE
        SET name = excluded.name, available_units = excluded.available_units,
            seen_at = excluded.seen_at
        WHERE (known.name, known.available_units)
            IS DISTINCT FROM (excluded.name, excluded.available_units)
    """,
    """
    UPDATE purchasing_supplierprice AS price SET unit_cost = incoming.unit_cost
    FROM incoming JOIN purchasing_supplierproduct AS product USING (supplier_sku)
    WHERE product.supplier_id = %(supplier)s AND price.supplier_product_id = product.id
        AND price.valid_to IS NULL AND price.unit_cost <> incoming.unit_cost
    """,
    """
    INSERT INTO purchasing_supplierprice
        (supplier_product_id, min_quantity, unit_cost, valid_from)
    SELECT product.id, 1, incoming.unit_cost, %(on)s
    FROM incoming JOIN purchasing_supplierproduct AS product USING (supplier_sku)
    WHERE product.supplier_id = %(supplier)s AND NOT EXISTS (
        SELECT FROM purchasing_supplierprice AS price WHERE price.supplier_product_id = product.id)
    """,
)


def measure() -> list[Measure]:
    """
    Measure a first file, the same rows in other bytes, and every other price changed.

    The second must find nothing to change in a third of the time of the first.
    """
    with tempfile.TemporaryDirectory() as folder:
        first, again, changed = (Path(folder, name) for name in ("first", "again", "changed"))
        _write(first)
        _write(again, quoting=csv.QUOTE_ALL)
        _write(changed, is_changed=True)
        ours, theirs = _supplier("ours"), _supplier("by-hand")
        profile = SupplierFileProfile.objects.create(
            supplier=ours,
            code="bench",
            delimiter=",",
            columns={name: name for name in COLUMNS},
            max_large_changes_percent=100,
        )
        files = (("all new", first), ("the same again", again), ("every other changed", changed))
        measures, first_seconds = [], 0.0
        for what, path in files:
            seconds, megabytes = seconds_and_megabytes_for(partial(_import, profile, path))
            first_seconds = first_seconds or seconds
            measures.append(
                Measure(
                    name=f"supplier file of {LINES:,} lines, {what}",
                    unit="lines",
                    ours=LINES / seconds,
                    theirs=LINES / seconds_for(partial(_by_hand, theirs, path)),
                    note=f"{seconds / first_seconds:.2f} of the first file's time,"
                    f" {megabytes:.0f} MB at most",
                )
            )
    return measures


def _supplier(code: str) -> Supplier:
    return Supplier.objects.create(code=code, name=code, currency="GBP")


def _write(path: Path, *, is_changed: bool = False, quoting: int = csv.QUOTE_MINIMAL) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, quoting=quoting)  # type: ignore[arg-type]  # one of csv's own
        writer.writerow(COLUMNS)
        for number in range(LINES):
            cost = Decimal(number % 5000 + 100) / 100
            if is_changed and number % 2:
                cost += 1
            writer.writerow([f"SKU-{number:06}", f"Article {number}", f"{cost:.2f}", number % 90])


def _import(profile: SupplierFileProfile, path: Path) -> None:
    run = stage_supplier_file(profile=profile, path=path, at=timezone.now(), by=None)
    apply_supplier_file(run_id=run.pk, at=timezone.now(), by=None)


def _by_hand(supplier: Supplier, path: Path) -> None:
    now = timezone.now()
    parameters: dict[str, Any] = {"supplier": supplier.pk, "at": now, "on": now.date()}
    create, *statements = _BY_HAND
    with transaction.atomic(), connection.cursor() as cursor, path.open("rb") as stream:
        cursor.execute(create)
        with cursor.copy("COPY incoming FROM STDIN (FORMAT csv, HEADER)") as copy:
            while chunk := stream.read(1 << 20):
                copy.write(chunk)
        for statement in statements:
            cursor.execute(statement, parameters)
