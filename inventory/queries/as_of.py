"""How much there was, and what it was worth, at a moment that is over."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from inventory.models import StockMovement, StockSnapshot


@dataclass(frozen=True, slots=True)
class StockAsOf:
    """Units of one variant at one location at a moment."""

    variant_id: int
    location_id: int
    on_hand: int


@dataclass(frozen=True, slots=True)
class ValueAsOf:
    """Units and value, in book currency, of one variant in the whole company at a moment."""

    variant_id: int
    units: int
    value: Decimal


# The nearest snapshot before the moment and the ledger between the two. Without a snapshot it is
# the ledger from its beginning.
_STOCK = """
    SELECT level.variant_id, level.location_id, moved.units
      FROM (SELECT level_id, sum(units) AS units
              FROM (SELECT level_id, on_hand AS units
                      FROM inventory_levelsnapshot WHERE snapshot_id = %(snapshot)s
                    UNION ALL
                    SELECT level_id, quantity FROM inventory_stockmovement
                     WHERE moved_at <= %(moment)s
                       AND (%(since)s::timestamptz IS NULL OR moved_at >= %(since)s)) AS rows
             GROUP BY level_id HAVING sum(units) <> 0) AS moved
      JOIN inventory_stocklevel AS level ON level.id = moved.level_id
     WHERE (%(location)s::bigint IS NULL OR level.location_id = %(location)s)
       AND (%(variants)s::bigint[] IS NULL OR level.variant_id = ANY(%(variants)s))
     ORDER BY level.variant_id, level.location_id
"""
# For a moment of late it is less to take off today's totals what happened since.
_STOCK_BACKWARDS = """
    SELECT level.variant_id, level.location_id, level.on_hand - coalesce(later.units, 0)
      FROM inventory_stocklevel AS level
      LEFT JOIN (SELECT level_id, sum(quantity) AS units FROM inventory_stockmovement
                  WHERE moved_at > %(moment)s GROUP BY level_id) AS later
        ON later.level_id = level.id
     WHERE level.on_hand <> coalesce(later.units, 0)
       AND (%(location)s::bigint IS NULL OR level.location_id = %(location)s)
       AND (%(variants)s::bigint[] IS NULL OR level.variant_id = ANY(%(variants)s))
     ORDER BY level.variant_id, level.location_id
"""
_VALUE = """
    SELECT pool.variant_id, moved.units, moved.value
      FROM (SELECT pool_id, sum(units) AS units, sum(value) AS value
              FROM (SELECT pool_id, units, value
                      FROM inventory_poolsnapshot WHERE snapshot_id = %(snapshot)s
                    UNION ALL
                    SELECT pool_id, units, value FROM inventory_costmovement
                     WHERE moved_at <= %(moment)s
                       AND (%(since)s::timestamptz IS NULL OR moved_at >= %(since)s)) AS rows
             GROUP BY pool_id HAVING sum(units) <> 0 OR sum(value) <> 0) AS moved
      JOIN inventory_costpool AS pool ON pool.id = moved.pool_id
     WHERE (%(variants)s::bigint[] IS NULL OR pool.variant_id = ANY(%(variants)s))
     ORDER BY pool.variant_id
"""
_VALUE_BACKWARDS = """
    SELECT pool.variant_id, pool.units - coalesce(later.units, 0),
           pool.value - coalesce(later.value, 0)
      FROM inventory_costpool AS pool
      LEFT JOIN (SELECT pool_id, sum(units) AS units, sum(value) AS value
                   FROM inventory_costmovement
                  WHERE moved_at > %(moment)s GROUP BY pool_id) AS later
        ON later.pool_id = pool.id
     WHERE (pool.units <> coalesce(later.units, 0) OR pool.value <> coalesce(later.value, 0))
       AND (%(variants)s::bigint[] IS NULL OR pool.variant_id = ANY(%(variants)s))
     ORDER BY pool.variant_id
"""


def stock_as_of(
    moment: datetime, *, location_id: int | None = None, variant_ids: Collection[int] | None = None
) -> list[StockAsOf]:
    """Return what lay where at a moment, movements of that very moment included; no zero rows."""
    snapshot = _snapshot_before(moment)
    query = _STOCK if _is_nearer(snapshot, moment) else _STOCK_BACKWARDS
    rows = _rows(query, moment, snapshot, variant_ids, location=location_id)
    return [StockAsOf(*row) for row in rows]


def value_as_of(moment: datetime, *, variant_ids: Collection[int] | None = None) -> list[ValueAsOf]:
    """Return units and value of each variant at a moment, as the books said; no empty rows."""
    snapshot = _snapshot_before(moment)
    query = _VALUE if _is_nearer(snapshot, moment) else _VALUE_BACKWARDS
    return [ValueAsOf(*row) for row in _rows(query, moment, snapshot, variant_ids)]


def _snapshot_before(moment: datetime) -> StockSnapshot | None:
    return StockSnapshot.objects.filter(ends_at__lte=moment).order_by("-ends_at").first()


def _is_nearer(snapshot: StockSnapshot | None, moment: datetime) -> bool:
    """Tell whether less happened between the snapshot and the moment than after the moment."""
    # The row written last stands for now: the ledger has no index that finds the latest moment.
    newest = StockMovement.objects.order_by("-pk").values_list("moved_at", flat=True).first()
    return (
        snapshot is not None and newest is not None and moment - snapshot.ends_at < newest - moment
    )


def _rows(
    query: str,
    moment: datetime,
    snapshot: StockSnapshot | None,
    variant_ids: Collection[int] | None,
    location: int | None = None,
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            query,
            {
                "moment": moment,
                "snapshot": snapshot.pk if snapshot else None,
                "since": snapshot.ends_at if snapshot else None,
                "variants": list(variant_ids) if variant_ids is not None else None,
                "location": location,
            },
        )
        return cursor.fetchall()
