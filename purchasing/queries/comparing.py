"""The lines of a supplier's file beside the supplier's catalog: what is new, what differs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from purchasing.staging import Article
from retail.common.models import ImportRun
from retail.common.money import display_rate

LINE_COLUMNS = ", ".join(Article._fields)

# Reads `supplier_file_incoming`, a relation of a file's lines.
#
# What the file leaves empty stays as the catalog has it; only a day from which an article is
# there again is over once the file says that it is there. An article is matched by the supplier's
# SKU; one that was linked to a variant is not linked anew, one that was declined not at all. A
# variant of the same SKU but another GTIN is another thing. A price holds from the day the file
# names, but never from a day that is over.
SELECT_COMPARED = """
    SELECT
        incoming.line_number, incoming.supplier_sku, incoming.unit_cost, day.holds_from, target.*,
        incoming.available_units IS NOT NULL AS is_available_told,
        article.id AS article_id, article.available_units AS units_before,
        article.is_active AND article.declined_at IS NULL AS is_dealt_in,
        article.declined_at IS NOT NULL AS is_declined,
        price.id AS price_id, price.valid_from AS price_from, price.unit_cost AS cost_before,
        price.unit_cost IS DISTINCT FROM incoming.unit_cost AS is_price_changed,
        article.id IS NOT NULL AND ROW(
            target.gtin, target.name, target.pack_size, target.minimum_quantity,
            target.order_multiple, target.lead_time_days, target.available_units,
            target.back_in_stock_on, target.variant_id
        ) IS DISTINCT FROM ROW(
            article.gtin, article.name, article.pack_size, article.minimum_quantity,
            article.order_multiple, article.lead_time_days, article.available_units,
            article.back_in_stock_on, article.variant_id
        ) AS is_article_changed
        {more_columns}
    FROM supplier_file_incoming AS incoming
    CROSS JOIN LATERAL (
        SELECT GREATEST(incoming.valid_from, %(on)s::date) AS holds_from
    ) AS day
    LEFT JOIN purchasing_supplierproduct AS article
        ON article.supplier_id = %(supplier)s AND article.supplier_sku = incoming.supplier_sku
    LEFT JOIN purchasing_supplierprice AS price
        ON price.supplier_product_id = article.id AND price.min_quantity = 1
        AND price.valid_from <= day.holds_from
        AND (price.valid_to IS NULL OR price.valid_to > day.holds_from)
    LEFT JOIN catalog_variant AS by_gtin ON by_gtin.gtin = NULLIF(incoming.gtin, '')
    LEFT JOIN catalog_variant AS by_our_sku
        ON by_our_sku.sku = NULLIF(incoming.our_sku, '')
        AND (by_our_sku.gtin IS NULL OR incoming.gtin = '' OR by_our_sku.gtin = incoming.gtin)
    LEFT JOIN catalog_variant AS by_sku
        ON by_sku.sku = incoming.supplier_sku
        AND (by_sku.gtin IS NULL OR incoming.gtin = '' OR by_sku.gtin = incoming.gtin)
    CROSS JOIN LATERAL (
        SELECT
            COALESCE(NULLIF(incoming.gtin, ''), article.gtin, '') AS gtin,
            COALESCE(NULLIF(incoming.name, ''), article.name, '') AS name,
            COALESCE(incoming.pack_size, article.pack_size, 1) AS pack_size,
            COALESCE(incoming.minimum_quantity, article.minimum_quantity, 1) AS minimum_quantity,
            COALESCE(incoming.order_multiple, article.order_multiple, 1) AS order_multiple,
            COALESCE(incoming.lead_time_days, article.lead_time_days) AS lead_time_days,
            COALESCE(incoming.available_units, article.available_units) AS available_units,
            CASE
                WHEN incoming.back_in_stock_on IS NOT NULL THEN incoming.back_in_stock_on
                WHEN incoming.available_units > 0 THEN NULL
                ELSE article.back_in_stock_on
            END AS back_in_stock_on,
            CASE
                WHEN article.declined_at IS NULL THEN
                    COALESCE(article.variant_id, by_gtin.id, by_our_sku.id, by_sku.id)
            END AS variant_id
    ) AS target
"""

_BEFORE = """,
    article.gtin AS old_gtin, article.name AS old_name, article.pack_size AS old_pack_size,
    article.minimum_quantity AS old_minimum_quantity,
    article.order_multiple AS old_order_multiple, article.lead_time_days AS old_lead_time_days,
    article.available_units AS old_available_units,
    article.back_in_stock_on AS old_back_in_stock_on, price.unit_cost AS old_unit_cost,
    (SELECT sku FROM catalog_variant WHERE id = article.variant_id) AS old_our_sku,
    (SELECT sku FROM catalog_variant WHERE id = target.variant_id) AS our_sku
"""
_STAGED_LINES = f"""
    WITH supplier_file_incoming AS MATERIALIZED (
        SELECT {LINE_COLUMNS} FROM purchasing_supplierfilerow
        WHERE run_id = %(run)s AND verdict = %(verdict)s
        ORDER BY line_number LIMIT %(limit)s
    )
    {SELECT_COMPARED.format(more_columns=_BEFORE)}
    ORDER BY line_number
"""  # noqa: S608 - names of our own columns
_FIELDS = {
    "unit_cost": "price",
    "name": "name",
    "gtin": "GTIN",
    "our_sku": "our article",
    "pack_size": "pack",
    "minimum_quantity": "least units",
    "order_multiple": "multiple",
    "lead_time_days": "lead time, days",
    "available_units": "available",
    "back_in_stock_on": "there again on",
}


@dataclass(frozen=True)
class Difference:
    """One fact of an article that a file changes; before is None where there was none."""

    what: str
    before: Any
    after: Any

    @property
    def shown_before(self) -> str:
        return _shown(self.before)

    @property
    def shown_after(self) -> str:
        return _shown(self.after)


@dataclass(frozen=True)
class StagedLine:
    """A line that waits, and what it would change if it were applied now."""

    line_number: int
    supplier_sku: str
    name: str
    holds_from: date
    differences: tuple[Difference, ...]


def staged_lines(*, run: ImportRun, verdict: str, on: date, limit: int) -> list[StagedLine]:
    """Return the first waiting lines of a verdict beside the catalog as it is now."""
    with connection.cursor() as cursor:
        cursor.execute(
            _STAGED_LINES,
            {
                "run": run.pk,
                "verdict": verdict,
                "limit": limit,
                "supplier": run.report["supplier"],
                "on": on,
            },
        )
        names = [column.name for column in cursor.description]
        lines = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [
        StagedLine(
            line_number=line["line_number"],
            supplier_sku=line["supplier_sku"],
            name=line["name"],
            holds_from=line["holds_from"],
            differences=tuple(
                Difference(label, line[f"old_{field}"], line[field])
                for field, label in _FIELDS.items()
                if line[field] != line[f"old_{field}"] and line[field] != ""
            ),
        )
        for line in lines
    ]


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "-"
    return display_rate(value) if isinstance(value, Decimal) else str(value)
