"""Totals of buying that are not what their documents say."""

from __future__ import annotations

from purchasing.queries import ledger_integrity, returns_integrity
from retail.common.integrity import Difference, differences_of

# Name of a check -> query of key, what it should be, what it is. Credit notes count the other way,
# and so do lines that take away; money back for units that stay billed counts nothing.
_CHECKS = {
    "units received": """
        SELECT orders.number || ' line ' || line.position, coalesce(came.units, 0), line.received
          FROM purchasing_purchaseorderline AS line
          JOIN purchasing_purchaseorder AS orders ON orders.id = line.order_id
          LEFT JOIN (SELECT came.order_line_id, sum(came.accepted) AS units
                       FROM purchasing_goodsreceiptline AS came
                       JOIN purchasing_goodsreceipt AS receipt ON receipt.id = came.receipt_id
                      WHERE receipt.status = 'POSTED'
                      GROUP BY came.order_line_id) AS came
            ON came.order_line_id = line.id
         WHERE line.received <> coalesce(came.units, 0)
         ORDER BY 1
    """,
    "units invoiced": """
        SELECT orders.number || ' line ' || line.position, coalesce(billed.units, 0),
               line.invoiced
          FROM purchasing_purchaseorderline AS line
          JOIN purchasing_purchaseorder AS orders ON orders.id = line.order_id
          LEFT JOIN (SELECT match.order_line_id, sum(
                            CASE WHEN (invoice.kind = 'CREDIT_NOTE') <> billed.is_deduction
                                 THEN -match.units ELSE match.units END) AS units
                       FROM purchasing_matchallocation AS match
                       JOIN purchasing_supplierinvoiceline AS billed
                         ON billed.id = match.invoice_line_id
                       JOIN purchasing_supplierinvoice AS invoice ON invoice.id = billed.invoice_id
                      WHERE NOT match.is_price_only
                      GROUP BY match.order_line_id) AS billed
            ON billed.order_line_id = line.id
         WHERE line.invoiced <> coalesce(billed.units, 0)
         ORDER BY 1
    """,
    "units of a receipt matched": """
        SELECT receipt.number || ' line ' || line.id, coalesce(billed.units, 0), line.matched
          FROM purchasing_goodsreceiptline AS line
          JOIN purchasing_goodsreceipt AS receipt ON receipt.id = line.receipt_id
          LEFT JOIN (SELECT match.receipt_line_id, sum(
                            CASE WHEN (invoice.kind = 'CREDIT_NOTE') <> billed.is_deduction
                                 THEN -match.units ELSE match.units END) AS units
                       FROM purchasing_matchallocation AS match
                       JOIN purchasing_supplierinvoiceline AS billed
                         ON billed.id = match.invoice_line_id
                       JOIN purchasing_supplierinvoice AS invoice ON invoice.id = billed.invoice_id
                      WHERE NOT match.is_price_only
                      GROUP BY match.receipt_line_id) AS billed
            ON billed.receipt_line_id = line.id
         WHERE line.matched <> coalesce(billed.units, 0) OR line.matched > line.accepted
            OR (receipt.status = 'REVERSED' AND line.matched <> 0)
         ORDER BY 1
    """,
    "held goods decided": """
        SELECT receipt.number || ' held ' || held.id || ' ' || kind.outcome,
               coalesce(decided.units, 0), kind.units
          FROM purchasing_heldgoods AS held
          JOIN purchasing_goodsreceipt AS receipt ON receipt.id = held.receipt_id
         CROSS JOIN LATERAL (VALUES ('ACCEPTED', held.accepted), ('RETURNED', held.returned),
                                    ('SCRAPPED', held.scrapped)) AS kind (outcome, units)
          LEFT JOIN (SELECT held_goods_id, outcome, sum(units) AS units
                       FROM purchasing_heldgoodsdecision
                      GROUP BY held_goods_id, outcome) AS decided
            ON decided.held_goods_id = held.id AND decided.outcome = kind.outcome
         WHERE kind.units <> coalesce(decided.units, 0)
         ORDER BY 1
    """,
    "units rejected and held": """
        SELECT receipt.number || ' line ' || line.id, line.rejected, coalesce(held.units, 0)
          FROM purchasing_goodsreceiptline AS line
          JOIN purchasing_goodsreceipt AS receipt ON receipt.id = line.receipt_id
          LEFT JOIN (SELECT receipt_line_id, sum(units) AS units
                       FROM purchasing_heldgoods GROUP BY receipt_line_id) AS held
            ON held.receipt_line_id = line.id
         WHERE held.units IS NOT NULL AND line.rejected <> held.units
         ORDER BY 1
    """,
    "units of an invoice line matched": """
        SELECT invoice.number || ' line ' || line.position, line.quantity, sum(match.units)
          FROM purchasing_supplierinvoiceline AS line
          JOIN purchasing_supplierinvoice AS invoice ON invoice.id = line.invoice_id
          JOIN purchasing_matchallocation AS match ON match.invoice_line_id = line.id
         GROUP BY invoice.number, line.position, line.quantity
        HAVING sum(match.units) > line.quantity
         ORDER BY 1
    """,
    "matches of a void invoice": """
        SELECT invoice.number || ' line ' || line.position, 0, sum(match.units)
          FROM purchasing_supplierinvoiceline AS line
          JOIN purchasing_supplierinvoice AS invoice ON invoice.id = line.invoice_id
          JOIN purchasing_matchallocation AS match ON match.invoice_line_id = line.id
         WHERE invoice.status = 'VOID'
         GROUP BY invoice.number, line.position
         ORDER BY 1
    """,
    "freight of a bill on goods": """
        SELECT invoice.number, coalesce(landed.amount, 0), coalesce(claim.claimed, 0)
          FROM purchasing_freightclaim AS claim
          FULL JOIN (SELECT invoice_id, sum(amount) AS amount
                       FROM purchasing_landedcost WHERE status = 'POSTED'
                      GROUP BY invoice_id) AS landed
            ON landed.invoice_id = claim.invoice_id
          JOIN purchasing_supplierinvoice AS invoice
            ON invoice.id = coalesce(claim.invoice_id, landed.invoice_id)
         WHERE coalesce(claim.claimed, 0) <> coalesce(landed.amount, 0)
         ORDER BY 1
    """,
    "shares of a landed cost": """
        SELECT landed.number, landed.amount, coalesce(shared.amount, 0)
          FROM purchasing_landedcost AS landed
          LEFT JOIN (SELECT landed_cost_id, sum(amount) AS amount
                       FROM purchasing_landedcostshare GROUP BY landed_cost_id) AS shared
            ON shared.landed_cost_id = landed.id
         WHERE landed.status = 'POSTED' AND coalesce(shared.amount, 0) <> landed.amount
         ORDER BY 1
    """,
    "cost of a landed share": """
        SELECT landed.number || ' line ' || share.receipt_line_id,
               share.to_stock || ' and ' || share.expensed,
               movement.value || ' and ' || movement.expensed
          FROM purchasing_landedcostshare AS share
          JOIN purchasing_landedcost AS landed ON landed.id = share.landed_cost_id
          JOIN inventory_costmovement AS movement ON movement.id = share.cost_movement_id
         WHERE share.to_stock <> movement.value OR share.expensed <> movement.expensed
         ORDER BY 1
    """,
}


def differences() -> list[Difference]:
    """
    Return every total of orders, receipts, returns, freight and postings that documents deny.

    The caller opens a snapshot first, else a receipt between two queries looks like a mistake.
    """
    return differences_of({**_CHECKS, **returns_integrity.CHECKS, **ledger_integrity.checks()})
