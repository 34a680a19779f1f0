"""How much there was, and what it was worth, at a moment that is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from catalog.models import Variant
from inventory.models import StockMovement, StockSnapshot
from retail.common.money import ZERO, round_part


@dataclass(frozen=True, slots=True)
class StockAsOf:
    """Units of one variant at one location at a moment."""

    variant_id: int
    location_id: int
    on_hand: int


@dataclass(frozen=True, slots=True)
class ArticleAsOf:
    """Units of one article at a moment, and their value at the average cost of that moment."""

    variant_id: int
    sku: str
    name: str
    units: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class ValueAsOf:
    """Units and value, in book currency, of one variant in the whole company at a moment."""

    variant_id: int
    units: int
    value: Decimal


# Each of these is one statement, so that it sees one moment: a posting that is dated back may drop
# the snapshot at any time, and then the ledger is added up from an earlier one, or from its start.
_BASE = """
    WITH base AS (
        SELECT id, ends_at FROM inventory_stocksnapshot
         WHERE ends_at <= %(moment)s ORDER BY ends_at DESC LIMIT 1
    )
"""
_SINCE_BASE = "coalesce((SELECT ends_at FROM base), '-infinity')"
# Without a choice of articles these are constants for the planner and cost nothing.
_OF_LEVELS = """(%(variants)s::bigint[] IS NULL OR level_id = ANY(ARRAY(
                 SELECT id FROM inventory_stocklevel WHERE variant_id = ANY(%(variants)s))))"""
_OF_POOLS = """(%(variants)s::bigint[] IS NULL OR pool_id = ANY(ARRAY(
                 SELECT id FROM inventory_costpool WHERE variant_id = ANY(%(variants)s))))"""

# The nearest snapshot before the moment, and the ledger between the two.
_STOCK = f"""
    {_BASE}
    SELECT level.variant_id, level.location_id, moved.units
      FROM (SELECT level_id, sum(units) AS units
              FROM (SELECT level_id, on_hand AS units
                      FROM inventory_levelsnapshot
                     WHERE snapshot_id = (SELECT id FROM base) AND {_OF_LEVELS}
                    UNION ALL
                    SELECT level_id, quantity FROM inventory_stockmovement
                     WHERE moved_at <= %(moment)s AND moved_at >= {_SINCE_BASE}
                       AND {_OF_LEVELS}) AS rows
             GROUP BY level_id HAVING sum(units) <> 0) AS moved
      JOIN inventory_stocklevel AS level ON level.id = moved.level_id
     WHERE (%(location)s::bigint IS NULL OR level.location_id = %(location)s)
     ORDER BY level.variant_id, level.location_id
"""  # noqa: S608 - put together from constants of this module
# For a moment of late it is less to take off today's totals what happened since.
_STOCK_BACKWARDS = f"""
    SELECT level.variant_id, level.location_id, level.on_hand - coalesce(later.units, 0)
      FROM inventory_stocklevel AS level
      LEFT JOIN (SELECT level_id, sum(quantity) AS units FROM inventory_stockmovement
                  WHERE moved_at > %(moment)s AND {_OF_LEVELS} GROUP BY level_id) AS later
        ON later.level_id = level.id
     WHERE level.on_hand <> coalesce(later.units, 0)
       AND (%(location)s::bigint IS NULL OR level.location_id = %(location)s)
       AND (%(variants)s::bigint[] IS NULL OR level.variant_id = ANY(%(variants)s))
     ORDER BY level.variant_id, level.location_id
"""  # noqa: S608 - put together from constants of this module
_VALUE = f"""
    {_BASE}
    SELECT pool.variant_id, moved.units, moved.value
      FROM (SELECT pool_id, sum(units) AS units, sum(value) AS value
              FROM (SELECT pool_id, units, value
                      FROM inventory_poolsnapshot
                     WHERE snapshot_id = (SELECT id FROM base) AND {_OF_POOLS}
                    UNION ALL
                    SELECT pool_id, units, value FROM inventory_costmovement
                     WHERE moved_at <= %(moment)s AND moved_at >= {_SINCE_BASE}
                       AND {_OF_POOLS}) AS rows
             GROUP BY pool_id HAVING sum(units) <> 0 OR sum(value) <> 0) AS moved
      JOIN inventory_costpool AS pool ON pool.id = moved.pool_id
     ORDER BY pool.variant_id
"""  # noqa: S608 - put together from constants of this module
_VALUE_BACKWARDS = f"""
    SELECT pool.variant_id, pool.units - coalesce(later.units, 0),
           pool.value - coalesce(later.value, 0)
      FROM inventory_costpool AS pool
      LEFT JOIN (SELECT pool_id, sum(units) AS units, sum(value) AS value
                   FROM inventory_costmovement
                  WHERE moved_at > %(moment)s AND {_OF_POOLS} GROUP BY pool_id) AS later
        ON later.pool_id = pool.id
     WHERE (pool.units <> coalesce(later.units, 0) OR pool.value <> coalesce(later.value, 0))
       AND (%(variants)s::bigint[] IS NULL OR pool.variant_id = ANY(%(variants)s))
     ORDER BY pool.variant_id
"""  # noqa: S608 - put together from constants of this module


def stock_as_of(
    moment: datetime, *, location_id: int | None = None, variant_ids: Collection[int] | None = None
) -> list[StockAsOf]:
    """Return what lay where at a moment, movements of that very moment included; no zero rows."""
    query = _STOCK if _is_nearer_to_snapshot(moment) else _STOCK_BACKWARDS
    rows = _rows(query, moment, variant_ids, location=location_id)
    return [StockAsOf(*row) for row in rows]


def value_as_of(moment: datetime, *, variant_ids: Collection[int] | None = None) -> list[ValueAsOf]:
    """Return units and value of each variant at a moment, as the books said; no empty rows."""
    query = _VALUE if _is_nearer_to_snapshot(moment) else _VALUE_BACKWARDS
    return [ValueAsOf(*row) for row in _rows(query, moment, variant_ids)]


def articles_as_of(moment: datetime, *, location_id: int | None = None) -> list[ArticleAsOf]:
    """
    Return the articles that lay at a location, or anywhere, at a moment, by SKU.

    The company has one average cost of each article: the value of what lies at one location is its
    part of the units, rounded, so that locations may add up to the whole but for cents.
    """
    units: Counter[int] = Counter()
    for row in stock_as_of(moment, location_id=location_id):
        units[row.variant_id] += row.on_hand
    pools = {row.variant_id: row for row in value_as_of(moment)}
    variants = Variant.objects.select_related("product").filter(pk__in=list(units))
    return [
        ArticleAsOf(
            variant_id=variant.pk,
            sku=variant.sku,
            name=variant.full_name,
            units=units[variant.pk],
            value=_part(pools.get(variant.pk), units[variant.pk]),
        )
        for variant in variants.order_by("sku")
    ]


def _part(pool: ValueAsOf | None, units: int) -> Decimal:
    """Return the value of so many units of all that the pool has."""
    if pool is None or not pool.units:
        return ZERO
    return round_part(pool.value, units, pool.units, settings.RETAIL_CURRENCY)


def days_without_snapshot(*, at: datetime, within: timedelta, limit: int) -> list[datetime]:
    """
    Return the ends of days that are over and have no snapshot, the oldest first.

    A day ends at midnight where the company is. Days before the first movement need none. Of more
    than the limit, the latest are returned.
    """
    first = StockMovement.objects.order_by("pk").values_list("moved_at", flat=True).first()
    if first is None:
        return []
    earliest = max(first, at - within)
    today, ends = timezone.localdate(at), []
    for days in range(within.days + 1):
        end = _start_of(today - timedelta(days=days))
        if end <= earliest:
            break
        ends.append(end)
    taken = set(
        StockSnapshot.objects.filter(ends_at__gt=earliest).values_list("ends_at", flat=True)
    )
    return sorted([end for end in ends if end not in taken][:limit])


def _start_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _is_nearer_to_snapshot(moment: datetime) -> bool:
    """Tell whether less happened since the snapshot before the moment than after the moment."""
    # The rows written first and last stand for the ledger's ends: it has no index by moment.
    ledger = StockMovement.objects.values_list("moved_at", flat=True)
    newest, oldest = ledger.order_by("-pk").first(), ledger.order_by("pk").first()
    if newest is None or oldest is None:
        return False
    base = (
        StockSnapshot.objects.filter(ends_at__lte=moment)
        .order_by("-ends_at")
        .values_list("ends_at", flat=True)
        .first()
    )
    return moment - (base or oldest) < newest - moment


def _rows(
    query: str,
    moment: datetime,
    variant_ids: Collection[int] | None,
    location: int | None = None,
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            query,
            {
                "moment": moment,
                "variants": list(variant_ids) if variant_ids is not None else None,
                "location": location,
            },
        )
        return cursor.fetchall()
