"""A shop that owes for many open bills, written set-based: three lines each, half of them off."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import connection, transaction

from bench.order_rows import NEWEST
from catalog.models import Product, Variant
from inventory.models import Location

ARTICLES, SUPPLIERS = 1_000, 200
TODAY: date = NEWEST.date()

# What is told of a bill follows from its number `n`: of twenty, twelve are on hold with an open
# difference (of the three roles in turn, one in four of them two), one is on hold with nothing
# left to decide, three wait for goods, two are matched, one was never matched, one is approved.
# Each has an order of three lines of its own, received but for those that wait.
_SHOP = (
    """
    INSERT INTO purchasing_supplier (code, name, currency, email, tax_number, iban, country,
        language, payment_days, lead_time_days, is_active)
    SELECT 'bench-' || n, 'Bench ' || n, 'GBP', '', '', '', 'GB', 'en', 30, 7, true
      FROM generate_series(1, %(suppliers)s) AS n
    """,
    """
    CREATE TEMPORARY TABLE story ON COMMIT DROP AS
    SELECT n, supplier.id AS supplier_id, %(today)s::date - (n * 7919 %% 60) AS invoiced_on,
           CASE WHEN n %% 20 < 13 THEN 'ON_HOLD' WHEN n %% 20 < 16 THEN 'MATCHING'
                WHEN n %% 20 < 18 THEN 'MATCHED' WHEN n %% 20 = 18 THEN 'CAPTURED'
                ELSE 'APPROVED' END AS status
      FROM generate_series(1, %(invoices)s) AS n
      JOIN purchasing_supplier AS supplier ON supplier.code = 'bench-' || 1 + n %% %(suppliers)s
    """,
    "ANALYZE story",
    """
    INSERT INTO purchasing_purchaseorder (supplier_id, location_id, status, receipt_status,
        invoice_status, currency, reference, note, raised_at, approved_at, is_approved_by_rule,
        sent_at, close_reason)
    SELECT supplier_id, %(place)s, 'SENT', 'COMPLETE', 'COMPLETE', 'GBP', 'bench-' || n, '',
           %(newest)s, %(newest)s, true, %(newest)s, ''
      FROM story ORDER BY n
    """,
    """
    CREATE TEMPORARY TABLE known ON COMMIT DROP AS
    SELECT story.*, po.id AS order_id, po.number AS order_number
      FROM story JOIN purchasing_purchaseorder AS po ON po.reference = 'bench-' || n
    """,
    "ANALYZE known",
    """
    INSERT INTO purchasing_purchaseorderline (order_id, position, variant_id, supplier_sku,
        ordered, cancelled, received, invoiced, unit_cost)
    SELECT order_id, position, variant.id, 'S-' || variant.sku, 10, 0,
           CASE WHEN status = 'MATCHING' THEN 0 ELSE 10 END, 10, 2.5
      FROM known CROSS JOIN generate_series(1, 3) AS position
      JOIN catalog_variant AS variant
        ON variant.sku = 'BENCH-' || lpad(((n * 31 + position * 300) %% %(articles)s)::text, 4, '0')
     ORDER BY n, position
    """,
    "ANALYZE purchasing_purchaseorderline",
    """
    INSERT INTO purchasing_goodsreceipt (supplier_id, location_id, delivery_note, key, received_at)
    SELECT supplier_id, %(place)s, '', 'bench-' || n, %(newest)s
      FROM known WHERE status <> 'MATCHING' ORDER BY n
    """,
    """
    INSERT INTO purchasing_goodsreceiptline (receipt_id, order_line_id, delivered, accepted,
        rejected, reject_reason, matched, unit_cost, value)
    SELECT receipt.id, line.id, 10, 10, 0, '', 10, 2.5, 25
      FROM known JOIN purchasing_goodsreceipt AS receipt ON receipt.key = 'bench-' || n
      JOIN purchasing_purchaseorderline AS line ON line.order_id = known.order_id ORDER BY line.id
    """,
    "ANALYZE purchasing_goodsreceiptline",
    """
    INSERT INTO purchasing_supplierinvoice (supplier_id, kind, supplier_number, duplicate_reason,
        status, invoiced_on, due_on, currency, net_total, tax_total, total, captured_at,
        approved_at, approved_by_id, void_reason)
    SELECT supplier_id, 'INVOICE', 'R-' || n, '', status, invoiced_on, invoiced_on + 30, 'GBP', 75,
           0, 75, invoiced_on::timestamptz,
           CASE WHEN status = 'APPROVED' THEN %(newest)s END,
           CASE WHEN status = 'APPROVED' THEN %(person)s END, ''
      FROM known ORDER BY n
    """,
    """
    CREATE TEMPORARY TABLE billed ON COMMIT DROP AS
    SELECT known.*, invoice.id AS invoice_id FROM known JOIN purchasing_supplierinvoice AS invoice
        ON invoice.supplier_id = known.supplier_id AND invoice.supplier_number = 'R-' || n
    """,
    "ANALYZE billed",
    """
    INSERT INTO purchasing_supplierinvoiceline (invoice_id, position, kind, order_number,
        supplier_sku, gtin, description, quantity, unit_price, net_amount, tax_rate,
        variance_posted)
    SELECT invoice_id, line.position, 'GOODS', order_number, line.supplier_sku, '', 'Bench', 10,
           2.5, 25, 0, 0
      FROM billed JOIN purchasing_purchaseorderline AS line ON line.order_id = billed.order_id
     ORDER BY line.id
    """,
    "ANALYZE purchasing_supplierinvoiceline",
    """
    INSERT INTO purchasing_matchallocation (invoice_line_id, order_line_id, receipt_line_id, units,
        matched_at)
    SELECT printed.id, line.id, came.id, 10, %(newest)s
      FROM billed JOIN purchasing_purchaseorderline AS line ON line.order_id = billed.order_id
      JOIN purchasing_supplierinvoiceline AS printed
        ON printed.invoice_id = billed.invoice_id AND printed.position = line.position
      LEFT JOIN purchasing_goodsreceiptline AS came ON came.order_line_id = line.id
     WHERE status <> 'CAPTURED' ORDER BY printed.id
    """,
    """
    INSERT INTO purchasing_matchexception (invoice_id, invoice_line_id, kind, expected, actual,
        at_stake, tolerance, owner, due_on, status, raised_at, decided_at, decided_by_id, reason)
    SELECT invoice_id, printed.id,
           CASE WHEN status = 'MATCHING' THEN 'NOT_RECEIVED' WHEN n %% 3 = 0 THEN 'PRICE'
                WHEN n %% 3 = 1 THEN 'QUANTITY' ELSE 'TAX' END,
           2.5, 3, 5, '{}',
           CASE WHEN status = 'MATCHING' THEN 'Warehouse' ELSE
                (ARRAY['Buyer', 'Warehouse', 'Accountant'])[1 + n %% 3] END,
           invoiced_on + 25,
           CASE WHEN n %% 20 = 12 THEN 'DISPUTED' ELSE 'OPEN' END, invoiced_on,
           CASE WHEN n %% 20 = 12 THEN %(newest)s END,
           CASE WHEN n %% 20 = 12 THEN %(person)s END,
           CASE WHEN n %% 20 = 12 THEN 'Bench' ELSE '' END
      FROM billed JOIN purchasing_supplierinvoiceline AS printed USING (invoice_id)
     WHERE status IN ('ON_HOLD', 'MATCHING')
       AND (printed.position = 1 OR (printed.position = 2 AND n %% 4 = 0))
     ORDER BY printed.id
    """,
    """
    INSERT INTO purchasing_invoicestep (invoice_id, kind, text, happened_at)
    SELECT invoice_id, kind, '', invoiced_on
      FROM billed CROSS JOIN (VALUES ('CAPTURED'), ('MATCHED')) AS step (kind)
    """,
)


def make_open_invoices(*, invoices: int, person_id: int) -> None:
    """
    Write so many open bills with their orders, receipts, matches, differences and steps.

    person_id: who approved what is approved and decided what is decided.
    """
    product = Product.objects.create(name="Bench", status=Product.Status.ACTIVE)
    Variant.objects.bulk_create(
        [Variant(product=product, sku=f"BENCH-{number:04}") for number in range(ARTICLES)]
    )
    place = Location.objects.create(
        code="bench", name="Bench", kind=Location.Kind.WAREHOUSE, country="GB"
    )
    given: dict[str, Any] = {
        "invoices": invoices,
        "articles": ARTICLES,
        "suppliers": SUPPLIERS,
        "newest": NEWEST,
        "today": TODAY,
        "place": place.pk,
        "person": person_id,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        for statement in _SHOP:
            cursor.execute(statement, given)
