"""Whether totals of stock, promises and cost, and what documents claim, are in the ledgers."""

from __future__ import annotations

from retail.common.integrity import Difference, differences_of

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
    # Nothing else takes promised units out of stock. One level ships many promises in one movement,
    # so only the sums can be told.
    "units shipped of promises": """
        SELECT variant.sku || ' at ' || location.code, coalesce(moved.units, 0),
               coalesce(promised.units, 0)
          FROM (SELECT level_id, sum(shipped) AS units
                  FROM inventory_allocation WHERE shipped <> 0 GROUP BY level_id) AS promised
          FULL JOIN (SELECT level_id, -sum(quantity) AS units
                       FROM inventory_stockmovement
                      WHERE kind = 'SHIPMENT' OR source_kind = 'ALLOCATION'
                      GROUP BY level_id) AS moved
            USING (level_id)
          JOIN inventory_stocklevel AS level ON level.id = level_id
          JOIN catalog_variant AS variant ON variant.id = level.variant_id
          JOIN inventory_location AS location ON location.id = level.location_id
         WHERE coalesce(moved.units, 0) <> coalesce(promised.units, 0)
         ORDER BY 1
    """,
    # A promise may also be given up by its own document, so it may have released more.
    "units taken back of a promise": """
        SELECT allocation.reference || ': ' || variant.sku || ' at ' || location.code,
               'at most ' || allocation.released, taken.units
          FROM (SELECT allocation_id, sum(units) AS units
                  FROM inventory_withdrawnpromise GROUP BY allocation_id) AS taken
          JOIN inventory_allocation AS allocation ON allocation.id = taken.allocation_id
          JOIN inventory_stocklevel AS level ON level.id = allocation.level_id
          JOIN catalog_variant AS variant ON variant.id = level.variant_id
          JOIN inventory_location AS location ON location.id = level.location_id
         WHERE taken.units > allocation.released
         ORDER BY 1
    """,
    # What a count or an adjustment takes from a location in transit, or adds to it, is a difference
    # until the transfer is closed short or the units are put back: the two disagree on the goods.
    "units on the way": """
        SELECT variant.sku || ' at ' || location.code, coalesce(sent.units, 0),
               coalesce(level.on_hand, 0)
          FROM (SELECT transfer.transit_id AS location_id, line.variant_id,
                       sum(line.quantity - line.received - line.lost) AS units
                  FROM inventory_transferline AS line
                  JOIN inventory_transfer AS transfer ON transfer.id = line.transfer_id
                 WHERE transfer.dispatched_at IS NOT NULL
                 GROUP BY 1, 2) AS sent
          FULL JOIN inventory_stocklevel AS level USING (location_id, variant_id)
          JOIN inventory_location AS location ON location.id = location_id
          JOIN catalog_variant AS variant ON variant.id = variant_id
         WHERE (location.kind = 'TRANSIT' OR sent.units > 0)
           AND coalesce(sent.units, 0) <> coalesce(level.on_hand, 0)
         ORDER BY 1
    """,
    "units put right by a count": """
        SELECT coalesce(line.number, movement.reference) || ': ' || variant.sku || ' at '
                   || location.code,
               coalesce(line.variance, 0), coalesce(movement.quantity, 0)
          FROM (SELECT count.number, line.level_id, line.counted - line.expected AS variance
                  FROM inventory_stockcountline AS line
                  JOIN inventory_stockcount AS count ON count.id = line.count_id
                 WHERE count.status = 'POSTED') AS line
          FULL JOIN (SELECT reference, level_id, quantity
                       FROM inventory_stockmovement
                      WHERE kind = 'COUNT' AND source_kind = 'COUNT') AS movement
            ON movement.reference = line.number AND movement.level_id = line.level_id
          JOIN inventory_stocklevel AS level
            ON level.id = coalesce(line.level_id, movement.level_id)
          JOIN catalog_variant AS variant ON variant.id = level.variant_id
          JOIN inventory_location AS location ON location.id = level.location_id
         WHERE coalesce(line.variance, 0) <> coalesce(movement.quantity, 0)
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
                      WHERE movement.kind NOT IN ('CORRECTION', 'LANDED', 'VARIANCE')
                      GROUP BY 1, 2, 3) AS costed
            USING (variant_id, reference, is_issue)
          JOIN catalog_variant AS variant ON variant.id = variant_id
         WHERE coalesce(costed.value, 0) <> coalesce(moved.value, 0)
         ORDER BY 1
    """,
    # What is had for goods that go back is known only where they leave, so one goes with the other.
    "variance of goods sent back": """
        SELECT variant.sku || ' by ' || variance.reference,
               coalesce((issue.units_before + issue.units) || ' units left', 'an issue'),
               CASE WHEN issue.id IS NULL THEN 'none'
                    ELSE variance.units_before || ' units left' END
          FROM inventory_costmovement AS variance
          JOIN inventory_costpool AS pool ON pool.id = variance.pool_id
          JOIN catalog_variant AS variant ON variant.id = pool.variant_id
          LEFT JOIN inventory_costmovement AS issue
            ON issue.pool_id = variance.pool_id AND issue.reference = variance.reference
               AND issue.kind = 'ISSUE' AND issue.id < variance.id
         WHERE variance.kind = 'VARIANCE'
           AND (issue.id IS NULL OR variance.units_before <> issue.units_before + issue.units)
         ORDER BY 1
    """,
    # The newest only: each goes on from the one before, and older ones are thinned out.
    "units at the end of a day": """
        WITH day AS (
            SELECT id, ends_at FROM inventory_stocksnapshot ORDER BY ends_at DESC LIMIT 1
        )
        SELECT variant.sku || ' at ' || location.code || ' before '
                   || to_char(day.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC',
               coalesce(moved.units, 0), coalesce(kept.on_hand, 0)
          FROM (SELECT level_id, sum(quantity) AS units
                  FROM inventory_stockmovement
                 WHERE moved_at < (SELECT ends_at FROM day) GROUP BY level_id) AS moved
          FULL JOIN (SELECT level_id, on_hand FROM inventory_levelsnapshot
                      WHERE snapshot_id = (SELECT id FROM day)) AS kept
            USING (level_id)
          CROSS JOIN day
          JOIN inventory_stocklevel AS level ON level.id = level_id
          JOIN catalog_variant AS variant ON variant.id = level.variant_id
          JOIN inventory_location AS location ON location.id = level.location_id
         WHERE coalesce(moved.units, 0) <> coalesce(kept.on_hand, 0)
         ORDER BY 1
    """,
    "value at the end of a day": """
        WITH day AS (
            SELECT id, ends_at FROM inventory_stocksnapshot ORDER BY ends_at DESC LIMIT 1
        )
        SELECT variant.sku || ' before '
                   || to_char(day.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC',
               coalesce(moved.units, 0) || ' units, ' || coalesce(moved.value, 0),
               coalesce(kept.units, 0) || ' units, ' || coalesce(kept.value, 0)
          FROM (SELECT pool_id, sum(units) AS units, sum(value) AS value
                  FROM inventory_costmovement
                 WHERE moved_at < (SELECT ends_at FROM day) GROUP BY pool_id) AS moved
          FULL JOIN (SELECT pool_id, units, value FROM inventory_poolsnapshot
                      WHERE snapshot_id = (SELECT id FROM day)) AS kept
            USING (pool_id)
          CROSS JOIN day
          JOIN inventory_costpool AS pool ON pool.id = pool_id
          JOIN catalog_variant AS variant ON variant.id = pool.variant_id
         WHERE coalesce(moved.units, 0) <> coalesce(kept.units, 0)
            OR coalesce(moved.value, 0) <> coalesce(kept.value, 0)
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

    So is every figure that a document claims to have moved: transfers, counts, promises.

    The caller opens a snapshot first, else a sale between two queries looks like a mistake.
    """
    return differences_of(_CHECKS)
