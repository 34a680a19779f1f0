"""The lines of a supplier's file beside the supplier's catalog: what is new, what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any, NamedTuple

from django.db import connection

from purchasing.queries.comparing import LINE_COLUMNS, SELECT_COMPARED

KIND = "supplier_prices"
LINES_AT_ONCE = 10_000
FIGURES = (
    "new",
    "changed",
    "unchanged",
    "linked",
    "proposals",
    "declined",
    "zero_prices",
    "priced",
    "emptied",
    "seen",
)

# Working tables of one transaction: the file's lines, and the same beside the catalog. Unlike
# the table of staged rows they can be analyzed without anybody having to wait, and a planner
# without figures about them would look 100,000 lines up one by one.
_CREATE_INCOMING = """
    DROP TABLE IF EXISTS supplier_file_incoming;
    CREATE TEMPORARY TABLE supplier_file_incoming (
        line_number integer, supplier_sku text, gtin text, name text, unit_cost numeric(16, 4),
        pack_size integer, minimum_quantity integer, available_units integer, our_sku text,
        order_multiple integer, lead_time_days integer, back_in_stock_on date, valid_from date
    ) ON COMMIT DROP
"""
COPY_LINES = f"COPY supplier_file_incoming ({LINE_COLUMNS}) FROM STDIN"

_COMPARE = f"""
    ANALYZE supplier_file_incoming;
    DROP TABLE IF EXISTS supplier_file_compared;
    CREATE TEMPORARY TABLE supplier_file_compared ON COMMIT DROP AS
    {SELECT_COMPARED.format(more_columns="")};
    ANALYZE supplier_file_compared
"""
_COUNT = """
    SELECT
        NOT is_price_changed AND NOT is_article_changed AS is_unchanged,
        count(*) FILTER (WHERE article_id IS NULL) AS new,
        count(*) FILTER (
            WHERE article_id IS NOT NULL AND (is_price_changed OR is_article_changed)
        ) AS changed,
        count(*) FILTER (WHERE NOT is_price_changed AND NOT is_article_changed) AS unchanged,
        count(*) FILTER (WHERE variant_id IS NOT NULL) AS linked,
        count(*) FILTER (WHERE article_id IS NULL AND variant_id IS NULL) AS proposals,
        count(*) FILTER (WHERE is_declined) AS declined,
        count(*) FILTER (WHERE unit_cost = 0) AS zero_prices,
        count(*) FILTER (WHERE cost_before IS NOT NULL) AS priced,
        count(*) FILTER (WHERE is_dealt_in AND units_before > 0 AND available_units = 0)
            AS emptied,
        count(*) FILTER (WHERE is_dealt_in) AS seen
    FROM supplier_file_compared GROUP BY is_unchanged
"""
_COUNT_CATALOG = """
    SELECT count(*) AS known, count(*) FILTER (WHERE available_units > 0) AS in_stock
    FROM purchasing_supplierproduct
    WHERE supplier_id = %(supplier)s AND is_active AND declined_at IS NULL
"""


class Compared(NamedTuple):
    """Figures of the lines that would change something, and of those that are as the catalog."""

    differing: dict[str, int]
    unchanged: dict[str, int]

    @property
    def every_line(self) -> dict[str, int]:
        return added(self.differing, self.unchanged)


@contextmanager
def joined_at_once() -> Iterator[None]:
    """
    Keep the planner from looking lines up one by one, for the time of the block.

    It knows nothing yet of rows that came a moment ago, takes them for a handful, and would go
    through one table anew for every line of the other: minutes for 20,000 lines, where a hash
    takes a second.
    """
    execute("SET LOCAL enable_nestloop = off")
    yield
    execute("SET LOCAL enable_nestloop = DEFAULT")


def create_incoming() -> None:
    """Make the empty working table that the lines of a file are put into."""
    execute(_CREATE_INCOMING)


def compare(*, supplier_id: int, on: date) -> Compared:
    """
    Put the working table's lines beside the catalog as it is; return how they compare.

    on: the day from which prices hold whose line names none.
    """
    execute(_COMPARE, supplier=supplier_id, on=on)
    counted = {figures.pop("is_unchanged"): figures for figures in rows(_COUNT)}
    nothing = dict.fromkeys(FIGURES, 0)
    return Compared(counted.get(False, nothing), counted.get(True, nothing))


def added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Return the figures of two groups of lines as one."""
    return {name: one[name] + other[name] for name in FIGURES}


def count_catalog(*, supplier_id: int, seen: int) -> dict[str, int]:
    """Return what the supplier's catalog holds, and how much of it the file does not name."""
    [figures] = rows(_COUNT_CATALOG, supplier=supplier_id)
    return {**figures, "not_in_file": figures["known"] - seen}


def execute(sql: str, **parameters: Any) -> int:
    """Run statements; return how many rows the last one touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        touched: int = cursor.rowcount
    return touched


def rows(sql: str, **parameters: Any) -> list[dict[str, Any]]:
    """Run a query; return its rows by the names of their columns."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
