"""Where the ledger of buying does not say what its documents do."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings

from retail.common.money import minor_units

PAYABLE = "('APPROVED', 'EXPORTED', 'PAID')"
# Units of a match as they count: a credit note gives back, as does a bill's line that takes away.
COUNTED_UNITS = """
    CASE WHEN (invoice.kind = 'CREDIT_NOTE') <> billed.is_deduction THEN -match.units
         ELSE match.units END
"""


def checks() -> Mapping[str, str]:
    """Return name of a check -> query of key, what it should be, what it is."""
    return {
        "goods received not invoiced": _grni(minor_units(settings.RETAIL_CURRENCY)),
        "posting of the ledger": _POSTINGS,
        "stock and cost of a posting": _STOCK,
        "payable in the ledger": _payables(
            settings.RETAIL_CURRENCY, minor_units(settings.RETAIL_CURRENCY)
        ),
        "landed charges in the ledger": _LANDED,
    }


# ruff: noqa: S608 - what is put into these queries are words of ours and a number
def _grni(decimals: int) -> str:
    """
    Compare an order line's balance with its receipts, bills and returns.

    Of a receipt line its value by the units that are neither billed nor sent back; of a bill's
    line what its waiting units are worth; and what was cleared.
    """
    return f"""
        WITH came AS (
            SELECT line.id, line.order_line_id, line.value, line.accepted,
                   CASE receipt.status WHEN 'REVERSED' THEN 0
                        ELSE line.accepted - coalesce(gone.units, 0) - coalesce(paid.units, 0)
                    END AS open_units
              FROM purchasing_goodsreceiptline AS line
              JOIN purchasing_goodsreceipt AS receipt ON receipt.id = line.receipt_id
              LEFT JOIN (SELECT line.receipt_line_id, sum(line.units) AS units
                           FROM purchasing_supplierreturnline AS line
                           JOIN purchasing_supplierreturn AS returned
                             ON returned.id = line.supplier_return_id
                          WHERE returned.shipped_at IS NOT NULL AND returned.expects <> 'NOTHING'
                          GROUP BY line.receipt_line_id) AS gone
                ON gone.receipt_line_id = line.id
              LEFT JOIN (SELECT match.receipt_line_id, sum({COUNTED_UNITS}) AS units
                           FROM purchasing_matchallocation AS match
                           JOIN purchasing_supplierinvoiceline AS billed
                             ON billed.id = match.invoice_line_id
                           JOIN purchasing_supplierinvoice AS invoice
                             ON invoice.id = billed.invoice_id
                          WHERE invoice.status IN {PAYABLE} AND NOT match.is_price_only
                          GROUP BY match.receipt_line_id) AS paid
                ON paid.receipt_line_id = line.id
             WHERE line.accepted > 0
        ), parts AS (
            SELECT match.order_line_id, match.receipt_line_id, billed.quantity, whole.amount,
                   sum(match.units) OVER (
                       PARTITION BY match.invoice_line_id
                       ORDER BY match.receipt_line_id IS NULL, match.order_line_id, match.id
                   ) AS until,
                   match.units
              FROM purchasing_matchallocation AS match
              JOIN purchasing_purchaseorderline AS ordered ON ordered.id = match.order_line_id
              JOIN catalog_variant AS variant
                ON variant.id = ordered.variant_id AND variant.is_stocked
              JOIN purchasing_supplierinvoiceline AS billed ON billed.id = match.invoice_line_id
              JOIN purchasing_supplierinvoice AS invoice
                ON invoice.id = billed.invoice_id AND invoice.status IN {PAYABLE}
              JOIN (SELECT line.invoice_line_id, sum(line.amount) AS amount
                      FROM purchasing_ledgerline AS line
                      JOIN purchasing_ledgerposting AS posting
                        ON posting.id = line.posting_id AND posting.kind = 'INVOICE'
                     WHERE line.invoice_line_id IS NOT NULL
                     GROUP BY line.invoice_line_id) AS whole
                ON whole.invoice_line_id = billed.id
        ), documents AS (
            SELECT order_line_id, -round(value * open_units / accepted, {decimals}) AS amount
              FROM came
             UNION ALL
            SELECT order_line_id,
                   round(amount * until / quantity, {decimals})
                   - round(amount * (until - units) / quantity, {decimals})
              FROM parts
             WHERE receipt_line_id IS NULL
             UNION ALL
            SELECT line.order_line_id, line.amount
              FROM purchasing_ledgerline AS line
              JOIN purchasing_ledgerposting AS posting
                ON posting.id = line.posting_id AND posting.kind = 'CLEARED'
             WHERE line.account = 'GRNI'
        ), due AS (
            SELECT order_line_id, sum(amount) AS amount FROM documents GROUP BY order_line_id
        ), posted AS (
            SELECT order_line_id, sum(amount) AS amount
              FROM purchasing_ledgerline WHERE account = 'GRNI' GROUP BY order_line_id
        )
        SELECT orders.number || ' line ' || line.position, coalesce(due.amount, 0),
               coalesce(posted.amount, 0)
          FROM due
          FULL JOIN posted USING (order_line_id)
          JOIN purchasing_purchaseorderline AS line ON line.id = order_line_id
          JOIN purchasing_purchaseorder AS orders ON orders.id = line.order_id
         WHERE coalesce(due.amount, 0) <> coalesce(posted.amount, 0)
         ORDER BY 1
    """


_POSTINGS = """
    SELECT posting.reference, 0, sum(line.amount)
      FROM purchasing_ledgerposting AS posting
      LEFT JOIN purchasing_ledgerline AS line ON line.posting_id = posting.id
     GROUP BY posting.reference
    HAVING coalesce(sum(line.amount), 1) <> 0
     ORDER BY 1
"""

# What goods cost beyond a supplier's credit is expected there and posted at the receipt's cost, so
# of what went back only the stock can be told.
_STOCK = """
    WITH posted AS (
        SELECT coalesce(receipt.number, returned.number, invoice.number, landed.number) AS number,
               sum(line.amount) FILTER (WHERE line.account = 'STOCK') AS stock,
               sum(line.amount) FILTER (WHERE line.account = 'COST_OF_SALES'
                                          AND posting.kind <> 'RETURN') AS expensed
          FROM purchasing_ledgerposting AS posting
          JOIN purchasing_ledgerline AS line
            ON line.posting_id = posting.id AND line.account IN ('STOCK', 'COST_OF_SALES')
          LEFT JOIN purchasing_goodsreceipt AS receipt ON receipt.id = posting.receipt_id
          LEFT JOIN purchasing_supplierreturn AS returned
            ON returned.id = posting.supplier_return_id
          LEFT JOIN purchasing_supplierinvoice AS invoice ON invoice.id = posting.invoice_id
          LEFT JOIN purchasing_landedcost AS landed ON landed.id = posting.landed_cost_id
         WHERE posting.kind <> 'CLEARED'
         GROUP BY 1
    ), moved AS (
        SELECT document.number, sum(moved.value) AS stock, sum(moved.expensed) AS expensed
          FROM (SELECT number, number AS reference FROM purchasing_goodsreceipt
                 UNION ALL
                SELECT number, number || '/reversed' FROM purchasing_goodsreceipt) AS document
          JOIN inventory_costmovement AS moved
            ON moved.reference = document.reference
           AND moved.kind IN ('RECEIPT', 'ISSUE', 'VARIANCE')
         GROUP BY document.number
         UNION ALL
        SELECT returned.number, sum(moved.value), 0
          FROM purchasing_supplierreturn AS returned
          JOIN inventory_costmovement AS moved
            ON moved.reference = returned.number AND moved.kind = 'ISSUE'
         GROUP BY returned.number
         UNION ALL
        SELECT document.number, sum(moved.value), sum(moved.expensed)
          FROM (SELECT number, 'CORRECTION' AS kind FROM purchasing_supplierinvoice
                 UNION ALL
                SELECT number, 'LANDED' FROM purchasing_landedcost) AS document
          JOIN inventory_costmovement AS moved
            ON moved.kind = document.kind AND split_part(moved.reference, '/', 1) = document.number
         GROUP BY document.number
    )
    SELECT number, coalesce(moved.stock, 0) || ' and ' || coalesce(moved.expensed, 0),
           coalesce(posted.stock, 0) || ' and ' || coalesce(posted.expensed, 0)
      FROM posted
      FULL JOIN moved USING (number)
     WHERE coalesce(moved.stock, 0) <> coalesce(posted.stock, 0)
        OR coalesce(moved.expensed, 0) <> coalesce(posted.expensed, 0)
     ORDER BY 1
"""


def _payables(currency: str, decimals: int) -> str:
    """
    Compare what an approved document is posted as payable with what it says.

    In another currency its rate may have been corrected since, so there only which way.
    """
    return f"""
        SELECT invoice.number, due.amount, coalesce(posted.amount, 0)
          FROM purchasing_supplierinvoice AS invoice
          LEFT JOIN (SELECT posting.invoice_id, sum(line.amount) AS amount
                       FROM purchasing_ledgerposting AS posting
                       JOIN purchasing_ledgerline AS line
                         ON line.posting_id = posting.id AND line.account = 'PAYABLES'
                      GROUP BY posting.invoice_id) AS posted
            ON posted.invoice_id = invoice.id
         CROSS JOIN LATERAL (
               SELECT CASE WHEN invoice.status NOT IN {PAYABLE} THEN 0
                           WHEN invoice.kind = 'CREDIT_NOTE'
                           THEN round(invoice.payable, {decimals})
                           ELSE -round(invoice.payable, {decimals}) END AS amount) AS due
         WHERE CASE WHEN invoice.currency = '{currency}' OR due.amount = 0
                    THEN coalesce(posted.amount, 0) <> due.amount
                    ELSE sign(coalesce(posted.amount, 0)) <> sign(due.amount) END
         ORDER BY 1
    """


_LANDED = """
    SELECT landed.number, CASE landed.status WHEN 'POSTED' THEN -landed.amount ELSE 0 END,
           coalesce(posted.amount, 0)
      FROM purchasing_landedcost AS landed
      LEFT JOIN (SELECT posting.landed_cost_id, sum(line.amount) AS amount
                   FROM purchasing_ledgerposting AS posting
                   JOIN purchasing_ledgerline AS line
                     ON line.posting_id = posting.id AND line.account = 'CHARGES'
                  GROUP BY posting.landed_cost_id) AS posted
        ON posted.landed_cost_id = landed.id
     WHERE coalesce(posted.amount, 0)
           <> CASE landed.status WHEN 'POSTED' THEN -landed.amount ELSE 0 END
     ORDER BY 1
"""
