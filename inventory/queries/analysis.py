"""Which articles matter, how long stock lasts, and what nobody buys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

A_SHARE, B_SHARE = Decimal("0.80"), Decimal("0.95")
YEAR = timedelta(days=365)
QUARTER = timedelta(days=90)
HALF_A_YEAR = timedelta(days=182)


@dataclass(frozen=True, slots=True)
class AbcRow:
    """An article by what its sales cost us: value in book currency, share of all, running share."""

    variant_id: int
    sku: str
    name: str
    units: int
    value: Decimal
    share: Decimal
    running_share: Decimal
    abc_class: str


@dataclass(frozen=True, slots=True)
class CoverRow:
    """
    How long the free units of an article last at the pace it sold.

    days_in_stock: for how many days of the window there was something to sell, rounded up.
    daily_units: sold per such day. cover_days: whole days, None where nothing was sold.
    """

    variant_id: int
    sku: str
    name: str
    on_hand: int
    available: int
    sold: int
    days_in_stock: int
    daily_units: Decimal
    cover_days: int | None


@dataclass(frozen=True, slots=True)
class DeadRow:
    """
    An article in stock that nobody bought for long, and what lies there.

    value: of the whole company, in book currency. last_received_at: when units last came in, by
    whatever way but a transfer.
    """

    variant_id: int
    sku: str
    name: str
    on_hand: int
    value: Decimal
    last_sold_at: datetime | None
    last_received_at: datetime


# Goods that customers took, less what they brought back. Value is what the goods had cost us.
_SOLD = """
    SELECT level.variant_id, -sum(movement.quantity) AS units, -sum(movement.cost_value) AS value
      FROM inventory_stockmovement AS movement
      JOIN inventory_stocklevel AS level ON level.id = movement.level_id
     WHERE movement.kind IN ('SALE', 'SHIPMENT', 'RETURN')
       AND movement.moved_at > %(since)s AND movement.moved_at <= %(at)s
       AND (%(variant_id)s::bigint IS NULL OR level.variant_id = %(variant_id)s)
     GROUP BY level.variant_id
"""

_ABC = f"""
    WITH sold AS ({_SOLD}),
    valued AS (
        SELECT variant.id, variant.sku,
               concat_ws(', ', product.name, nullif(variant.name, '')) AS name,
               greatest(coalesce(sold.units, 0), 0) AS units,
               greatest(coalesce(sold.value, 0), 0) AS value
          FROM catalog_variant AS variant
          JOIN catalog_product AS product ON product.id = variant.product_id
          LEFT JOIN sold ON sold.variant_id = variant.id
         WHERE variant.is_stocked
    ),
    ranked AS (
        SELECT *, sum(value) OVER () AS total, sum(value) OVER (ORDER BY value DESC, id) AS running
          FROM valued
    )
    SELECT id, sku, name, units, value,
           CASE WHEN total = 0 THEN 0 ELSE value / total END,
           CASE WHEN total = 0 THEN 0 ELSE running / total END,
           CASE WHEN value = 0 THEN 'C'
                WHEN running - value < total * {A_SHARE} THEN 'A'
                WHEN running - value < total * {B_SHARE} THEN 'B'
                ELSE 'C' END
      FROM ranked
     ORDER BY value DESC, id
"""  # noqa: S608 - put together from constants of this module


def abc_report(*, at: datetime, window: timedelta = YEAR) -> list[AbcRow]:
    """
    Return every stocked article by value sold in the time up to a moment, the largest first.

    Class A makes up the first 80 % of the value, B the next 15 %, C the rest. The article that
    crosses a border still belongs to the better class; one without sales is C.
    """
    return [AbcRow(*row) for row in _rows(_ABC, since=at - window, at=at, variant_id=None)]


def abc_classes(*, at: datetime, window: timedelta = YEAR) -> dict[int, str]:
    """Return variant id -> A, B or C of every stocked article, as `abc_report` explains."""
    return {row.variant_id: row.abc_class for row in abc_report(at=at, window=window)}


# On hand at the start of each stretch between two movements of an article, summed over locations,
# tells whether it could be sold then. Stretches, not days, so that any window costs one pass.
_COVER = """
    WITH moves AS (
        SELECT level.variant_id, movement.moved_at, sum(movement.quantity) AS units
          FROM inventory_stockmovement AS movement
          JOIN inventory_stocklevel AS level ON level.id = movement.level_id
          JOIN inventory_location AS location ON location.id = level.location_id
         WHERE movement.moved_at > %(since)s AND movement.moved_at <= %(at)s
           AND location.kind IN ('WAREHOUSE', 'STORE')
           AND (%(variant_id)s::bigint IS NULL OR level.variant_id = %(variant_id)s)
         GROUP BY 1, 2
    ),
    stock AS (
        SELECT level.variant_id, sum(level.on_hand) AS on_hand,
               sum(level.on_hand - level.allocated) AS available
          FROM inventory_stocklevel AS level
          JOIN inventory_location AS location ON location.id = level.location_id
         WHERE location.kind IN ('WAREHOUSE', 'STORE')
           AND (%(variant_id)s::bigint IS NULL OR level.variant_id = %(variant_id)s)
         GROUP BY 1
    ),
    later AS (
        SELECT level.variant_id, sum(movement.quantity) AS units
          FROM inventory_stockmovement AS movement
          JOIN inventory_stocklevel AS level ON level.id = movement.level_id
          JOIN inventory_location AS location ON location.id = level.location_id
         WHERE movement.moved_at > %(since)s AND location.kind IN ('WAREHOUSE', 'STORE')
           AND (%(variant_id)s::bigint IS NULL OR level.variant_id = %(variant_id)s)
         GROUP BY 1
    ),
    stretches AS (
        SELECT stock.variant_id, stock.on_hand - coalesce(later.units, 0) AS on_hand,
               %(since)s::timestamptz AS begins_at
          FROM stock LEFT JOIN later USING (variant_id)
        UNION ALL
        SELECT variant_id,
               stock.on_hand - coalesce(later.units, 0)
                   + sum(moves.units) OVER (PARTITION BY variant_id ORDER BY moves.moved_at),
               moves.moved_at
          FROM moves JOIN stock USING (variant_id) LEFT JOIN later USING (variant_id)
    ),
    in_stock AS (
        SELECT variant_id, sum(extract(epoch FROM ends_at - begins_at)) / 86400 AS days
          FROM (SELECT variant_id, on_hand, begins_at,
                       lead(begins_at, 1, %(at)s::timestamptz) OVER (
                           PARTITION BY variant_id ORDER BY begins_at) AS ends_at
                  FROM stretches) AS bounded
         WHERE on_hand > 0
         GROUP BY variant_id
    ),
    sold AS ({sold})
    SELECT variant.id, variant.sku,
           concat_ws(', ', product.name, nullif(variant.name, '')) AS name,
           stock.on_hand, stock.available,
           greatest(coalesce(sold.units, 0), 0), ceil(coalesce(in_stock.days, 0))::int
      FROM stock
      JOIN catalog_variant AS variant ON variant.id = stock.variant_id
      JOIN catalog_product AS product ON product.id = variant.product_id
      LEFT JOIN in_stock ON in_stock.variant_id = variant.id
      LEFT JOIN sold ON sold.variant_id = variant.id
     WHERE stock.on_hand > 0 OR sold.units > 0
     ORDER BY variant.sku
""".replace("{sold}", _SOLD)


def cover_report(
    *, at: datetime, window: timedelta = QUARTER, variant_id: int | None = None
) -> list[CoverRow]:
    """
    Return how many days the free units last, of every article in stock or sold of late.

    Demand is units sold, less returns, per day on which there was stock: an article that was sold
    out for a month did not stop being wanted. What sold without ever being in stock, found at the
    sale, counts over the whole window. Warehouses and stores count, goods on the road do not.
    On hand and free units are those of now, whatever the moment that the window ends at.
    The shortest cover first, what sold nothing last.
    Source: P b9, demand over days in stock.
    """
    rows = []
    for pk, sku, name, on_hand, available, sold, days in _rows(
        _COVER, since=at - window, at=at, variant_id=variant_id
    ):
        selling_days = days or max(window.days, 1)
        rows.append(
            CoverRow(
                variant_id=pk,
                sku=sku,
                name=name,
                on_hand=on_hand,
                available=available,
                sold=sold,
                days_in_stock=days,
                daily_units=round(Decimal(sold) / selling_days, 3),
                cover_days=available * selling_days // sold if sold else None,
            )
        )
    rows.sort(key=lambda row: (row.cover_days is None, row.cover_days or 0, row.sku))
    return rows


_DEAD = """
    WITH stock AS (
        SELECT variant_id, sum(on_hand) AS on_hand FROM inventory_stocklevel
         GROUP BY variant_id HAVING sum(on_hand) > 0
    ),
    moved AS (
        SELECT level.variant_id,
               max(movement.moved_at) FILTER (WHERE movement.kind IN ('SALE', 'SHIPMENT')
                                                AND movement.quantity < 0) AS sold,
               max(movement.moved_at) FILTER (WHERE movement.quantity > 0
                                                AND movement.kind <> 'TRANSFER') AS received,
               coalesce(sum(movement.quantity) FILTER (WHERE movement.moved_at > %(since)s), 0)
                   AS units_since
          FROM inventory_stockmovement AS movement
          JOIN inventory_stocklevel AS level ON level.id = movement.level_id
         GROUP BY level.variant_id
    )
    SELECT variant.id, variant.sku,
           concat_ws(', ', product.name, nullif(variant.name, '')) AS name,
           stock.on_hand, coalesce(pool.value, 0),
           moved.sold, moved.received
      FROM stock
      JOIN moved USING (variant_id)
      JOIN catalog_variant AS variant ON variant.id = stock.variant_id
      JOIN catalog_product AS product ON product.id = variant.product_id
      LEFT JOIN inventory_costpool AS pool ON pool.variant_id = variant.id
     WHERE stock.on_hand - moved.units_since > 0
       AND (moved.sold IS NULL OR moved.sold <= %(since)s)
     ORDER BY coalesce(pool.value, 0) DESC, variant.sku
"""


def dead_stock(*, at: datetime, window: timedelta = HALF_A_YEAR) -> list[DeadRow]:
    """
    Return articles of which none was sold since the window began, though there was stock then.

    What came in later, after it was sold out, has not had its chance yet and is left out. Stock and
    value are those of now. The most valuable first.
    """
    return [DeadRow(*row) for row in _rows(_DEAD, since=at - window)]


def _rows(query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()
