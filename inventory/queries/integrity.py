"""Whether the running totals of stock, promises and cost are what their ledgers say."""

from __future__ import annotations

from django.db import connection

from retail.common.integrity import Difference

# Each query returns key, expected, actual for the rows that differ, and nothing otherwise.
_CHECKS = {
    "units on hand": """
        SELECT variant.sku || ' at ' || location.code, coalesce(moved.units, 0), level.on_hand
          FROM inventory_stocklevel AS level
          JOIN catalog_variant AS variant ON variant.id = level.variant_id
          JOIN inventory_location AS location ON location.id = level.location_id
          LEFT JOIN (SELECT level_id, sum(quantity) AS units
                       FROM inventory_stockmovement GROUP BY level_id) AS moved
            ON moved.level_id = level.id
         WHERE level.on_hand <> coalesce(moved.units, 0)
         ORDER BY 1
    """,
    "units promised": """
        SELECT variant.sku || ' at ' || location.code, coalesce(held.units, 0), level.allocated
          FROM inventory_stocklevel AS level
          JOIN catalog_variant AS variant ON variant.id = level.variant_id
          JOIN inventory_location AS location ON location.id = level.location_id
          LEFT JOIN (SELECT level_id, sum(units - shipped - released) AS units
                       FROM inventory_allocation WHERE closed_at IS NULL
                      GROUP BY level_id) AS held
            ON held.level_id = level.id
         WHERE level.allocated <> coalesce(held.units, 0)
         ORDER BY 1
    """,
    "units in the cost pool": """
        SELECT variant.sku, coalesce(moved.units, 0), pool.units
          FROM inventory_costpool AS pool
          JOIN catalog_variant AS variant ON variant.id = pool.variant_id
          LEFT JOIN (SELECT pool_id, sum(units) AS units
                       FROM inventory_costmovement GROUP BY pool_id) AS moved
            ON moved.pool_id = pool.id
         WHERE pool.units <> coalesce(moved.units, 0)
         ORDER BY 1
    """,
    "stock value": """
        SELECT variant.sku, coalesce(moved.value, 0), pool.value
          FROM inventory_costpool AS pool
          JOIN catalog_variant AS variant ON variant.id = pool.variant_id
          LEFT JOIN (SELECT pool_id, sum(value) AS value
                       FROM inventory_costmovement GROUP BY pool_id) AS moved
            ON moved.pool_id = pool.id
         WHERE pool.value <> coalesce(moved.value, 0)
         ORDER BY 1
    """,
    "units with a cost": """
        SELECT variant.sku, coalesce(lying.units, 0), coalesce(pool.units, 0)
          FROM catalog_variant AS variant
          LEFT JOIN (SELECT variant_id, sum(on_hand) AS units
                       FROM inventory_stocklevel GROUP BY variant_id) AS lying
            ON lying.variant_id = variant.id
          LEFT JOIN inventory_costpool AS pool ON pool.variant_id = variant.id
         WHERE coalesce(lying.units, 0) <> coalesce(pool.units, 0)
         ORDER BY 1
    """,
    "cost of a movement": """
        SELECT variant.sku || ' by ' || coalesce(costed.reference, moved.reference),
               coalesce(costed.value, 0), coalesce(moved.value, 0)
          FROM (SELECT level.variant_id, movement.reference, movement.quantity < 0 AS is_issue,
                       sum(movement.cost_value) AS value
                  FROM inventory_stockmovement AS movement
                  JOIN inventory_stocklevel AS level ON level.id = movement.level_id
                 WHERE movement.kind <> 'TRANSFER'
                 GROUP BY 1, 2, 3) AS moved
          FULL JOIN (SELECT pool.variant_id, movement.reference, movement.units < 0 AS is_issue,
                            sum(movement.value) AS value
                       FROM inventory_costmovement AS movement
                       JOIN inventory_costpool AS pool ON pool.id = movement.pool_id
                      WHERE movement.kind NOT IN ('CORRECTION', 'LANDED')
                      GROUP BY 1, 2, 3) AS costed
            USING (variant_id, reference, is_issue)
          JOIN catalog_variant AS variant ON variant.id = variant_id
         WHERE coalesce(costed.value, 0) <> coalesce(moved.value, 0)
         ORDER BY 1
    """,
    "offer without its terms": """
        SELECT channel.code || ': ' || listing.external_product_id
                   || coalesce('/' || listing.external_variant_id, ''),
               coalesce(newest.quantity::text, 'no terms'), listing.offered_quantity
          FROM channels_listing AS listing
          JOIN channels_channel AS channel ON channel.id = listing.channel_id
          LEFT JOIN LATERAL (SELECT quantity FROM inventory_availabilitysnapshot AS snapshot
                              WHERE snapshot.listing_id = listing.id
                              ORDER BY id DESC LIMIT 1) AS newest ON true
         WHERE listing.status IN ('PUBLISHED', 'PAUSED') AND listing.offered_quantity IS NOT NULL
           AND listing.offered_quantity IS DISTINCT FROM newest.quantity
         ORDER BY 1
    """,
}


def differences() -> list[Difference]:
    """
    Return every total that is not what its ledger says; empty when stock and cost are right.

    The caller opens a snapshot first, else a sale between two queries looks like a mistake.
    """
    found = []
    with connection.cursor() as cursor:
        for kind, query in _CHECKS.items():
            cursor.execute(query)
            found += [
                Difference(kind=kind, key=key, expected=str(expected), actual=str(actual))
                for key, expected, actual in cursor.fetchall()
            ]
    return found
