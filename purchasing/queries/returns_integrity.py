"""Totals of goods that went back to suppliers that are not what their documents say."""

from __future__ import annotations

# Name of a check -> query of key, what it should be, what it is.
CHECKS = {
    "units of a receipt sent back": """
        SELECT receipt.number || ' line ' || line.id, coalesce(back.units, 0), line.returned
          FROM purchasing_goodsreceiptline AS line
          JOIN purchasing_goodsreceipt AS receipt ON receipt.id = line.receipt_id
          LEFT JOIN (SELECT sent.receipt_line_id, sum(sent.units) AS units
                       FROM purchasing_supplierreturnline AS sent
                       JOIN purchasing_supplierreturn AS returned
                         ON returned.id = sent.supplier_return_id
                      WHERE returned.status IN ('SHIPPED', 'SETTLED')
                      GROUP BY sent.receipt_line_id) AS back
            ON back.receipt_line_id = line.id
         WHERE line.returned <> coalesce(back.units, 0)
         ORDER BY 1
    """,
    # What was to be replaced and was credited instead counts as returned; what was given up when
    # the return was settled counts as neither.
    "units of an order sent back": """
        SELECT orders.number || ' line ' || line.position,
               coalesce(back.returned, 0) || ' returned, ' || coalesce(back.to_replace, 0)
                   || ' to replace',
               line.returned || ' returned, ' || line.to_replace || ' to replace'
          FROM purchasing_purchaseorderline AS line
          JOIN purchasing_purchaseorder AS orders ON orders.id = line.order_id
          LEFT JOIN (SELECT received.order_line_id,
                            sum(CASE returned.expects WHEN 'CREDIT' THEN sent.units
                                                      WHEN 'REPLACEMENT' THEN sent.credited
                                                      ELSE 0 END) AS returned,
                            sum(CASE WHEN returned.expects <> 'REPLACEMENT' THEN 0
                                     WHEN returned.status = 'SETTLED' THEN sent.replaced
                                     ELSE sent.units - sent.credited END) AS to_replace
                       FROM purchasing_supplierreturnline AS sent
                       JOIN purchasing_supplierreturn AS returned
                         ON returned.id = sent.supplier_return_id
                       JOIN purchasing_goodsreceiptline AS received
                         ON received.id = sent.receipt_line_id
                      WHERE returned.status IN ('SHIPPED', 'SETTLED')
                      GROUP BY received.order_line_id) AS back
            ON back.order_line_id = line.id
         WHERE line.returned <> coalesce(back.returned, 0)
            OR line.to_replace <> coalesce(back.to_replace, 0)
         ORDER BY 1
    """,
    "units credited": """
        SELECT returned.number || ' line ' || line.position, coalesce(noted.units, 0), line.credited
          FROM purchasing_supplierreturnline AS line
          JOIN purchasing_supplierreturn AS returned ON returned.id = line.supplier_return_id
          LEFT JOIN (SELECT line_id, sum(units) AS units
                       FROM purchasing_supplierreturncredit GROUP BY line_id) AS noted
            ON noted.line_id = line.id
         WHERE line.credited <> coalesce(noted.units, 0)
         ORDER BY 1
    """,
    "goods of a return to a supplier": """
        SELECT coalesce(sent.number, moved.reference) || ': ' || variant.sku || ' at '
                   || location.code,
               coalesce(sent.units, 0) || ' units, ' || coalesce(sent.value, 0),
               coalesce(moved.units, 0) || ' units, ' || coalesce(moved.value, 0)
          FROM (SELECT returned.number, line.location_id, line.variant_id,
                       sum(line.units) AS units, sum(line.stock_value) AS value
                  FROM purchasing_supplierreturnline AS line
                  JOIN purchasing_supplierreturn AS returned
                    ON returned.id = line.supplier_return_id
                 WHERE returned.status IN ('SHIPPED', 'SETTLED') AND line.held_goods_id IS NULL
                 GROUP BY 1, 2, 3) AS sent
          FULL JOIN (SELECT movement.reference, level.location_id, level.variant_id,
                            -movement.quantity AS units, -movement.cost_value AS value
                       FROM inventory_stockmovement AS movement
                       JOIN inventory_stocklevel AS level ON level.id = movement.level_id
                      WHERE movement.kind = 'SUPPLIER_RETURN') AS moved
            ON moved.reference = sent.number AND moved.location_id = sent.location_id
               AND moved.variant_id = sent.variant_id
          JOIN catalog_variant AS variant
            ON variant.id = coalesce(sent.variant_id, moved.variant_id)
          JOIN inventory_location AS location
            ON location.id = coalesce(sent.location_id, moved.location_id)
         WHERE coalesce(sent.units, 0) <> coalesce(moved.units, 0)
            OR coalesce(sent.value, 0) <> coalesce(moved.value, 0)
         ORDER BY 1
    """,
    "variance of a return to a supplier": """
        SELECT sent.number || ': ' || variant.sku, sent.variance, coalesce(moved.expensed, 0)
          FROM (SELECT returned.number, line.variant_id,
                       sum(line.stock_value - line.credit_value) AS variance
                  FROM purchasing_supplierreturnline AS line
                  JOIN purchasing_supplierreturn AS returned
                    ON returned.id = line.supplier_return_id
                 WHERE returned.status IN ('SHIPPED', 'SETTLED') AND line.held_goods_id IS NULL
                 GROUP BY 1, 2) AS sent
          JOIN catalog_variant AS variant ON variant.id = sent.variant_id
          JOIN inventory_costpool AS pool ON pool.variant_id = sent.variant_id
          LEFT JOIN inventory_costmovement AS moved
            ON moved.pool_id = pool.id AND moved.kind = 'VARIANCE'
               AND moved.reference = sent.number
         WHERE sent.variance <> coalesce(moved.expensed, 0)
         ORDER BY 1
    """,
    "held goods sent back": """
        SELECT returned.number || ' line ' || line.position, line.units,
               coalesce(decision.units, 0)
          FROM purchasing_supplierreturnline AS line
          JOIN purchasing_supplierreturn AS returned ON returned.id = line.supplier_return_id
          LEFT JOIN purchasing_heldgoodsdecision AS decision
            ON decision.held_goods_id = line.held_goods_id AND decision.outcome = 'RETURNED'
               AND decision.key = returned.number || '/' || line.id
         WHERE returned.status IN ('SHIPPED', 'SETTLED') AND line.held_goods_id IS NOT NULL
           AND line.units <> coalesce(decision.units, 0)
         ORDER BY 1
    """,
}
