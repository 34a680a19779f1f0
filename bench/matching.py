"""
Bills of 100,000 lines matched in one run: by us, and by one statement of SQL.

The same bills twice, of other suppliers with the same articles: each names its order and the
supplier's SKU, one bill in five has a line dearer than ordered or waits for goods, a tenth of the
goods come in two deliveries. The statement does the joins and writes the matches and the running
totals of orders and receipts; ours also tests every line against its tolerances, keeps what is
beyond them, and moves the bills and their orders on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial

from django.db import connection, transaction

from bench.harness import Measure, gather_statistics, seconds_for
from catalog.models import Product, Variant
from inventory.models import Location
from purchasing.models import (
    GoodsReceipt,
    PurchaseOrder,
    Supplier,
    SupplierInvoice,
    TolerancePolicy,
)
from purchasing.operations import match_invoices
from retail.common.copying import copy_rows
from retail.common.models import User

LINES_PER_BILL = 10
ARTICLES = 1_000
SUPPLIERS = 5
UNITS = 12
ORDERED_AT = datetime(2026, 9, 1, 9, tzinfo=UTC)
RECEIVED_AT = datetime(2026, 9, 10, 9, tzinfo=UTC)
BILLED_ON = date(2026, 9, 12)
MATCHED_AT = datetime(2026, 9, 14, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that is ordered, received and billed: how many units came when, at which price."""

    variant_id: int
    sku: str
    unit_cost: Decimal
    billed_at: Decimal
    came: Sequence[int]


def measure(*, lines: int = 100_000) -> list[Measure]:
    """Measure so many lines, each way once: the second run would find nothing to do."""
    bills = lines // LINES_PER_BILL
    variants = _articles()
    TolerancePolicy.objects.create(unit_price_percent=2, total_percent=5, total_amount=100)
    ours = _bills(variants, bills=bills, prefix="ours")
    theirs = _bills(variants, bills=bills, prefix="theirs")
    gather_statistics()
    their_seconds = seconds_for(partial(match_by_hand, theirs))
    our_seconds = seconds_for(partial(match_by_us, ours))
    if _written(ours) != _written(theirs):
        msg = f"Not the same matches: {_written(ours)} by us, {_written(theirs)} by SQL."
        raise RuntimeError(msg)
    return [
        Measure(
            name=f"bills of {lines:,} lines matched in one run",
            unit="lines",
            ours=lines / our_seconds,
            theirs=lines / their_seconds,
            note="ours with tolerances, differences and statuses",
        )
    ]


def match_by_us(invoice_ids: Sequence[int]) -> None:
    """Match them as the scheduled task does."""
    match_invoices(invoice_ids=invoice_ids, at=MATCHED_AT)


def match_by_hand(invoice_ids: Sequence[int]) -> None:
    """Match them by one statement: the same joins, the same matches and counters."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MATCH, {"invoices": list(invoice_ids), "at": MATCHED_AT})


# Units are laid along an order line, bills one after the other and deliveries one after the other:
# where a bill's stretch and a delivery's overlap, the one is set against the other.
_MATCH = """
WITH meant AS (
    SELECT line.id, ordered.id AS order_line_id, line.quantity,
           sum(line.quantity) OVER billed AS up_to
      FROM purchasing_supplierinvoiceline AS line
      JOIN purchasing_supplierinvoice AS invoice ON invoice.id = line.invoice_id
      JOIN purchasing_purchaseorder AS orders
        ON orders.number = line.order_number AND orders.supplier_id = invoice.supplier_id
       AND orders.status IN ('SENT', 'CLOSED')
      JOIN purchasing_purchaseorderline AS ordered
        ON ordered.order_id = orders.id
       AND upper(ordered.supplier_sku) = upper(line.supplier_sku)
     WHERE invoice.id = ANY(%(invoices)s)
    WINDOW billed AS (
        PARTITION BY ordered.id
        ORDER BY invoice.invoiced_on, invoice.number_normalised, line.position, line.id
    )
), came AS (
    SELECT came.id, came.order_line_id, came.accepted,
           sum(came.accepted) OVER (
               PARTITION BY came.order_line_id ORDER BY receipt.received_at, came.id
           ) AS up_to
      FROM purchasing_goodsreceiptline AS came
      JOIN purchasing_goodsreceipt AS receipt ON receipt.id = came.receipt_id
     WHERE receipt.status = 'POSTED'
       AND came.order_line_id IN (SELECT order_line_id FROM meant)
), received AS (
    SELECT meant.id, meant.order_line_id, came.id AS receipt_line_id,
           least(meant.up_to, came.up_to)
           - greatest(meant.up_to - meant.quantity, came.up_to - came.accepted) AS units
      FROM meant
      JOIN came ON came.order_line_id = meant.order_line_id
       AND came.up_to > meant.up_to - meant.quantity
       AND came.up_to - came.accepted < meant.up_to
), shares AS (
    SELECT id, order_line_id, receipt_line_id, units FROM received
     UNION ALL
    SELECT meant.id, meant.order_line_id, NULL,
           meant.quantity - coalesce(found.units, 0)
      FROM meant
      LEFT JOIN (SELECT id, sum(units) AS units FROM received GROUP BY id) AS found USING (id)
     WHERE meant.quantity > coalesce(found.units, 0)
), written AS (
    INSERT INTO purchasing_matchallocation
        (invoice_line_id, order_line_id, receipt_line_id, units, is_price_only, matched_at)
    SELECT id, order_line_id, receipt_line_id, units, false, %(at)s FROM shares
    RETURNING order_line_id, receipt_line_id, units
), invoiced AS (
    UPDATE purchasing_purchaseorderline AS line SET invoiced = line.invoiced + more.units
      FROM (SELECT order_line_id, sum(units) AS units FROM written GROUP BY order_line_id) AS more
     WHERE line.id = more.order_line_id
)
UPDATE purchasing_goodsreceiptline AS line SET matched = line.matched + more.units
  FROM (SELECT receipt_line_id, sum(units) AS units FROM written
         WHERE receipt_line_id IS NOT NULL GROUP BY receipt_line_id) AS more
 WHERE line.id = more.receipt_line_id
"""


def _written(invoice_ids: Sequence[int]) -> tuple[int, ...]:
    """Return how many matches there are, of how many units, and how far the counters went."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*), sum(match.units), count(match.receipt_line_id),
                   (SELECT sum(invoiced) FROM purchasing_purchaseorderline
                     WHERE id = ANY(array_agg(match.order_line_id))),
                   (SELECT sum(matched) FROM purchasing_goodsreceiptline
                     WHERE id = ANY(array_agg(match.receipt_line_id)))
              FROM purchasing_matchallocation AS match
              JOIN purchasing_supplierinvoiceline AS line ON line.id = match.invoice_line_id
             WHERE line.invoice_id = ANY(%s)
            """,
            [list(invoice_ids)],
        )
        return tuple(cursor.fetchone())


def _articles() -> list[Variant]:
    product = Product.objects.create(name="Billed", status=Product.Status.ACTIVE)
    return Variant.objects.bulk_create(
        [Variant(product=product, sku=f"BILLED-{number:04}") for number in range(ARTICLES)]
    )


def _bills(variants: Sequence[Variant], *, bills: int, prefix: str) -> list[int]:
    """Make orders, their deliveries and a bill for each; return the bills."""
    place, _ = Location.objects.get_or_create(
        code="bills",
        defaults={"name": "Bills", "kind": Location.Kind.WAREHOUSE, "country": "GB"},
    )
    buyer, _ = User.objects.get_or_create(username="buyer")
    suppliers = Supplier.objects.bulk_create(
        [
            Supplier(code=f"{prefix}-{number}", name=f"{prefix} {number}", currency="GBP")
            for number in range(SUPPLIERS)
        ]
    )
    orders = PurchaseOrder.objects.bulk_create(
        [
            PurchaseOrder(
                supplier=suppliers[number % SUPPLIERS],
                location=place,
                status=PurchaseOrder.Status.SENT,
                receipt_status=PurchaseOrder.Progress.PARTIAL,
                currency="GBP",
                reference=f"{prefix}-{number}",
                raised_at=ORDERED_AT,
                raised_by=buyer,
                approved_at=ORDERED_AT,
                is_approved_by_rule=True,
                sent_at=ORDERED_AT,
            )
            for number in range(bills)
        ],
        batch_size=2_000,
    )
    lines_of = [list(_lines(variants, number)) for number in range(bills)]
    order_line_ids = _copy_order_lines(orders, lines_of)
    _copy_receipts(orders, lines_of, order_line_ids, place=place, prefix=prefix)
    return _copy_bills(orders, lines_of, prefix=prefix)


def _lines(variants: Sequence[Variant], bill: int) -> Iterator[Line]:
    for position in range(LINES_PER_BILL):
        number = bill * LINES_PER_BILL + position
        variant = variants[(bill * 7 + position * 97) % ARTICLES]
        unit_cost = Decimal(100 + number % 900).scaleb(-2)
        is_dear, in_two, is_awaited = number % 50 == 13, number % 10 == 5, number % 50 == 7
        yield Line(
            variant_id=variant.pk,
            sku=f"S-{variant.sku}",
            unit_cost=unit_cost,
            billed_at=unit_cost + Decimal("0.10") if is_dear else unit_cost,
            came=(UNITS - 5, 5) if in_two else (UNITS - 4,) if is_awaited else (UNITS,),
        )


def _copy_order_lines(
    orders: Sequence[PurchaseOrder], lines_of: Sequence[Sequence[Line]]
) -> list[int]:
    """Return the keys of the order lines, order after order."""
    copy_rows(
        table="purchasing_purchaseorderline",
        columns=(
            *("order_id", "position", "variant_id", "supplier_sku", "ordered", "cancelled"),
            *("received", "invoiced", "unit_cost"),
        ),
        rows=(
            (
                *(order.pk, position, line.variant_id, line.sku, UNITS, 0),
                *(sum(line.came), 0, line.unit_cost),
            )
            for order, lines in zip(orders, lines_of, strict=True)
            for position, line in enumerate(lines, start=1)
        ),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM purchasing_purchaseorderline WHERE order_id = ANY(%s)"
            " ORDER BY order_id, position",
            [[order.pk for order in orders]],
        )
        return [key for (key,) in cursor.fetchall()]


def _copy_receipts(
    orders: Sequence[PurchaseOrder],
    lines_of: Sequence[Sequence[Line]],
    order_line_ids: Sequence[int],
    *,
    place: Location,
    prefix: str,
) -> None:
    """Make two deliveries of each order, the second with what came late."""
    for turn in range(2):
        receipts = GoodsReceipt.objects.bulk_create(
            [
                GoodsReceipt(
                    supplier_id=order.supplier_id,
                    location=place,
                    key=f"{prefix}-{order.pk}-{turn}",
                    received_at=RECEIVED_AT + timedelta(days=turn),
                )
                for order in orders
            ],
            batch_size=2_000,
        )
        keys = iter(order_line_ids)
        copy_rows(
            table="purchasing_goodsreceiptline",
            columns=(
                *("receipt_id", "order_line_id", "delivered", "accepted", "rejected"),
                *("reject_reason", "matched", "unit_cost", "value"),
            ),
            rows=[
                (
                    *(receipt.pk, key, line.came[turn], line.came[turn], 0),
                    *("", 0, line.unit_cost, line.came[turn] * line.unit_cost),
                )
                for receipt, lines in zip(receipts, lines_of, strict=True)
                for line, key in zip(lines, keys, strict=False)
                if turn < len(line.came)
            ],
        )


def _copy_bills(
    orders: Sequence[PurchaseOrder], lines_of: Sequence[Sequence[Line]], *, prefix: str
) -> list[int]:
    totals = [sum(UNITS * line.billed_at for line in lines) for lines in lines_of]
    invoices = SupplierInvoice.objects.bulk_create(
        [
            SupplierInvoice(
                supplier_id=order.supplier_id,
                supplier_number=f"{prefix}-{order.pk}",
                invoiced_on=BILLED_ON,
                due_on=BILLED_ON + timedelta(days=30),
                currency="GBP",
                net_total=total,
                total=total,
                captured_at=MATCHED_AT,
            )
            for order, total in zip(orders, totals, strict=True)
        ],
        batch_size=2_000,
    )
    numbers = dict(
        PurchaseOrder.objects.filter(pk__in=[order.pk for order in orders]).values_list(
            "pk", "number"
        )
    )
    copy_rows(
        table="purchasing_supplierinvoiceline",
        columns=(
            *("invoice_id", "position", "kind", "order_number", "supplier_sku", "gtin"),
            *("description", "quantity", "unit_price", "net_amount", "tax_rate"),
            "variance_posted",
        ),
        rows=(
            (
                *(invoice.pk, position, "GOODS", numbers[order.pk], line.sku, ""),
                *("", UNITS, line.billed_at, UNITS * line.billed_at, 0, 0),
            )
            for invoice, order, lines in zip(invoices, orders, lines_of, strict=True)
            for position, line in enumerate(lines, start=1)
        ),
    )
    return [invoice.pk for invoice in invoices]
