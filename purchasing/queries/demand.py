"""What an article sold at a place, and what is there or coming, of many articles at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F, Sum
from django.utils import timezone

from inventory.models import StockLevel, Transfer, TransferLine
from orders.models import LineAllocation, LineComponent
from orders.queries import waiting_lines
from orders.queries.terms import WANTED_FROM_STOCK
from purchasing.demand import History, Sold
from purchasing.models import OrderedFor, PurchaseOrder, PurchaseOrderLine
from purchasing.queries.incoming import STILL_TO_COME
from purchasing.replenishment import Position

# A variant at a location, by their ids.
Pair = tuple[int, int]

_WANTED = """
    WITH wanted AS (
        SELECT variant_id, location_id, level.id AS level_id, level.on_hand,
               %(at)s - make_interval(days => days) AS since
          FROM unnest(%(variants)s::bigint[], %(locations)s::bigint[], %(days)s::int[])
            AS pair(variant_id, location_id, days)
          JOIN inventory_stocklevel AS level USING (variant_id, location_id)
    )
"""

# One row per order, not per parcel, so that an order sent in three is still a big one. Drop
# shipments stand at a location of their own, which nobody buys for.
#
# What came back is taken off the sale that it belongs to, wherever it came back to; of an order
# that several places served, off the first. What belongs to a sale before the window is no matter
# of the window. Goods set apart cannot be sold again, so they do not count as back.
_SOLD = f"""
    {_WANTED},
    sold AS (
        SELECT wanted.variant_id, wanted.location_id, fulfillment.order_id,
               coalesce(fulfillment.order_id::text, movement.reference) AS document,
               min((movement.moved_at AT TIME ZONE %(zone)s)::date) AS day,
               -sum(movement.quantity) AS units
          FROM wanted
          JOIN inventory_stockmovement AS movement ON movement.level_id = wanted.level_id
          LEFT JOIN orders_fulfillment AS fulfillment
            ON movement.source_kind = 'FULFILLMENT' AND fulfillment.id = movement.source_id
         WHERE movement.kind IN ('SALE', 'SHIPMENT')
           AND movement.moved_at > wanted.since AND movement.moved_at <= %(at)s
         GROUP BY 1, 2, 3, 4
    ),
    back AS (
        SELECT level.variant_id, returned.order_id, sum(movement.quantity) AS units
          FROM inventory_stocklevel AS level
          JOIN inventory_location AS location ON location.id = level.location_id
          JOIN inventory_stockmovement AS movement ON movement.level_id = level.id
          JOIN orders_return AS returned ON returned.id = movement.source_id
         WHERE movement.kind = 'RETURN' AND movement.source_kind = 'CUSTOMER_RETURN'
           AND movement.moved_at > %(earliest)s AND movement.moved_at <= %(at)s
           AND level.variant_id = ANY(%(variants)s)
           AND location.kind IN ('WAREHOUSE', 'STORE')
         GROUP BY 1, 2
    ),
    kept AS (
        SELECT sold.variant_id, sold.location_id, day,
               sold.units - least(sold.units, greatest(
                   coalesce(back.units, 0) - coalesce(sum(sold.units) OVER (
                       PARTITION BY sold.variant_id, sold.order_id ORDER BY sold.location_id
                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0), 0)) AS units
          FROM sold LEFT JOIN back USING (variant_id, order_id)
    )
    SELECT variant_id, location_id, day, units::int, count(*)::int
      FROM kept WHERE units > 0 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""  # noqa: S608 - put together from constants of this module

# What came back of a sale that nobody could name is taken off the place that it came back to.
_BACK_UNNAMED = f"""
    {_WANTED}
    SELECT wanted.variant_id, wanted.location_id, sum(movement.quantity)::int
      FROM wanted
      JOIN inventory_stockmovement AS movement ON movement.level_id = wanted.level_id
      LEFT JOIN orders_return AS returned
        ON movement.source_kind = 'CUSTOMER_RETURN' AND returned.id = movement.source_id
     WHERE movement.kind = 'RETURN' AND returned.order_id IS NULL
       AND movement.moved_at > wanted.since AND movement.moved_at <= %(at)s
     GROUP BY 1, 2
"""  # noqa: S608 - put together from constants of this module

# On hand after each movement, which is that of now less what moved later, tells whether there was
# stock until the next. Movements of one moment count as one.
_IN_STOCK = f"""
    {_WANTED},
    points AS (
        SELECT variant_id, location_id, on_hand, since AS moment, 0 AS units FROM wanted
        UNION ALL
        SELECT variant_id, location_id, on_hand, movement.moved_at, movement.quantity
          FROM wanted
          JOIN inventory_stockmovement AS movement ON movement.level_id = wanted.level_id
         WHERE movement.moved_at > wanted.since
    ),
    stretches AS (
        SELECT variant_id, location_id, moment AS begins_at,
               on_hand - coalesce(sum(units) OVER (
                   PARTITION BY variant_id, location_id ORDER BY moment DESC
                   RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP), 0) AS on_hand,
               least(%(at)s::timestamptz, lead(moment, 1, %(at)s::timestamptz) OVER (
                   PARTITION BY variant_id, location_id ORDER BY moment)) AS ends_at
          FROM points
    )
    SELECT variant_id, location_id,
           ceil(sum(extract(epoch FROM ends_at - begins_at)) / 86400)::int
      FROM stretches WHERE on_hand > 0 AND ends_at > begins_at GROUP BY 1, 2
"""  # noqa: S608 - put together from constants of this module


def histories(*, windows: Mapping[Pair, int], at: datetime) -> dict[Pair, History]:
    """
    Return what each variant sold at each location, in so many days up to a moment.

    windows: pair -> days. Every pair is in the answer. Components of bundles are sold as such.
    """
    sold: dict[Pair, list[Sold]] = defaultdict(list)
    for variant_id, location_id, day, units, orders in _rows(_SOLD, windows, at):
        sold[variant_id, location_id].append(Sold(day, units, orders))
    back = {(row[0], row[1]): row[2] for row in _rows(_BACK_UNNAMED, windows, at)}
    in_stock = {(row[0], row[1]): row[2] for row in _rows(_IN_STOCK, windows, at)}
    return {
        pair: History(
            window_days=days,
            days_in_stock=in_stock.get(pair, 0),
            sold=tuple(sold[pair]),
            returned=back.get(pair, 0),
        )
        for pair, days in windows.items()
    }


def positions(
    *, pairs: Collection[Pair], place_of: Callable[[int, int | None], int | None]
) -> dict[Pair, Position]:
    """
    Return what is there, coming and spoken for of each variant at each location.

    place_of: (variant id, location id where the customer collects it or None) -> the location that
    buys for a customer who waits, None where nobody does.
    Drop shipments come to no place of ours, and what they are for waits for none.
    """
    variants = {variant_id for variant_id, _ in pairs}
    locations = {location_id for _, location_id in pairs}
    found = dict.fromkeys(pairs, Position())
    levels = StockLevel.objects.filter(variant__in=variants, location__in=locations)
    for variant_id, location_id, on_hand, promised in levels.values_list(
        "variant_id", "location_id", "on_hand", "allocated"
    ):
        if (variant_id, location_id) in found:
            found[variant_id, location_id] = Position(on_hand=on_hand, promised=promised)
    parts = {
        "in_transit": _in_transit(variants),
        "waiting": _waiting(variants, place_of),
        **_on_order(variants, locations),
    }
    for name, units_of in parts.items():
        for pair, units in units_of.items():
            if pair in found:
                found[pair] = replace(found[pair], **{name: units})
    return found


_PART_OF_STATUS: Mapping[str, str] = {
    PurchaseOrder.Status.SENT: "ordered",
    PurchaseOrder.Status.APPROVED: "approved",
    PurchaseOrder.Status.AWAITING_APPROVAL: "approved",
    PurchaseOrder.Status.DRAFT: "drafted",
}


def _on_order(variants: Collection[int], locations: Collection[int]) -> dict[str, Counter[Pair]]:
    """Return the part of the position -> units that orders of that status will bring."""
    parts: dict[str, Counter[Pair]] = {part: Counter() for part in _PART_OF_STATUS.values()}
    rows = (
        PurchaseOrderLine.objects.filter(
            variant__in=variants,
            order__location__in=locations,
            order__status__in=list(_PART_OF_STATUS),
            order__drop_ship_order__isnull=True,
            ordered__gt=F("cancelled") + F("received") - F("to_replace"),
        )
        .values("variant_id", "order__location_id", "order__status")
        .order_by()
        .annotate(units=Sum(STILL_TO_COME))
    )
    for row in rows:
        part = parts[_PART_OF_STATUS[row["order__status"]]]
        part[row["variant_id"], row["order__location_id"]] += row["units"]
    return parts


def _in_transit(variants: Collection[int]) -> Counter[Pair]:
    lines = (
        TransferLine.objects.filter(
            variant__in=variants, transfer__in=Transfer.objects.on_the_way()
        )
        .values("variant_id", "transfer__to_location_id")
        .order_by()
        .annotate(units=Sum(F("quantity") - F("received") - F("lost")))
        .values_list("variant_id", "transfer__to_location_id", "units")
    )
    return Counter({(variant_id, location_id): units for variant_id, location_id, units in lines})


def _waiting(
    variants: Collection[int], place_of: Callable[[int, int | None], int | None]
) -> Counter[Pair]:
    """
    Return the units that customers wait for, each at one location.

    What was ordered for a customer waits where it will come in; the rest where it is collected or
    sent from. So each of them is missing once, and an order raised for a customer covers them.
    """
    wanted = _unpromised(variants)
    waiting: Counter[Pair] = Counter()
    tied = OrderedFor.objects.filter(
        order_line__in={line_id for line_id, _ in wanted},
        units__gt=F("served"),
        purchase_line__order__status__in=list(_PART_OF_STATUS),
        purchase_line__order__drop_ship_order__isnull=True,
    )
    for line_id, variant_id, location_id, units in tied.order_by("pk").values_list(
        "order_line_id",
        "purchase_line__variant_id",
        "purchase_line__order__location_id",
        F("units") - F("served"),
    ):
        pickup_id, missing = wanted.get((line_id, variant_id), (None, 0))
        taken = min(units, missing)
        waiting[variant_id, location_id] += taken
        wanted[line_id, variant_id] = (pickup_id, missing - taken)
    for (_line_id, variant_id), (pickup_id, missing) in wanted.items():
        place_id = place_of(variant_id, pickup_id)
        if place_id is not None and missing > 0:
            waiting[variant_id, place_id] += missing
    return waiting


def _unpromised(variants: Collection[int]) -> dict[tuple[int, int], tuple[int | None, int]]:
    """Return (order line, variant) -> where it is collected, and the units not promised to it."""
    lines = list(
        waiting_lines(variant_ids=variants).values_list(
            "pk",
            "variant_id",
            "is_bundle",
            "pack_size",
            "order__pickup_location_id",
            WANTED_FROM_STOCK,
        )
    )
    units_in_one: dict[int, dict[int, int]] = defaultdict(dict)
    for line_id, variant_id, is_bundle, pack_size, _pickup, _pieces in lines:
        if not is_bundle:
            units_in_one[line_id][variant_id] = pack_size
    bundles = [line[0] for line in lines if line[2]]
    for line_id, variant_id, units in LineComponent.objects.filter(
        line__in=bundles, variant__in=variants
    ).values_list("line_id", "variant_id", "units"):
        units_in_one[line_id][variant_id] = units
    promised: Counter[tuple[int, int]] = Counter()
    for line_id, variant_id, units in (
        LineAllocation.objects.filter(line__in=[line[0] for line in lines], units__gt=0)
        .values_list("line_id", "allocation__level__variant_id")
        .annotate(sum_of_units=Sum("units"))
    ):
        promised[line_id, variant_id] = units
    return {
        (line_id, variant_id): (pickup_id, pieces * units - promised[line_id, variant_id])
        for line_id, _variant_id, _is_bundle, _pack_size, pickup_id, pieces in lines
        for variant_id, units in units_in_one[line_id].items()
    }


def _rows(query: str, windows: Mapping[Pair, int], at: datetime) -> list[tuple[Any, ...]]:
    if not windows:
        return []
    parameters: dict[str, Any] = {
        "variants": [variant_id for variant_id, _ in windows],
        "locations": [location_id for _, location_id in windows],
        "days": list(windows.values()),
        "at": at,
        "earliest": at - timedelta(days=max(windows.values())),
        "zone": timezone.get_current_timezone_name(),
    }
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()
