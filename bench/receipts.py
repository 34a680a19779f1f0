"""
A delivery of 500 lines taken into stock: the stock alone, and with its order and receipt.

Beside each the same rows by hand: a statement for each table, of values that are known before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from bench.harness import Measure, gather_statistics, in_turn
from catalog.models import Product, Variant
from inventory.models import Location
from inventory.operations import Received, receive_stock
from purchasing.models import PurchaseOrder, PurchaseOrderLine, Supplier
from purchasing.operations import (
    NewLine,
    ReceivedLine,
    approve,
    create_purchase_order,
    receive_goods,
    send,
    submit,
)
from retail.common.models import User

UNITS, UNIT_COST = 12, Decimal("2.5000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What comes, from whom, and where to: each variant once."""

    location: Location
    supplier: Supplier
    buyer: User
    approver: User
    variant_ids: Sequence[int]


def measure(*, lines: int = 500, turns: int = 15) -> list[Measure]:
    """Measure so many lines of articles that are in stock already."""
    delivery = prepare(lines=lines)
    by_us, by_hand = _orders(delivery, "ours", turns), _orders(delivery, "theirs", turns)
    gather_statistics()
    return [
        in_turn(
            name=f"receipt of {lines} lines, stock and cost",
            unit="lines",
            units=lines,
            ours=[
                partial(receive_stock_by_us, delivery, f"STOCK-O{turn}") for turn in range(turns)
            ],
            theirs=[
                partial(receive_stock_by_hand, delivery, f"STOCK-S{turn}") for turn in range(turns)
            ],
        ),
        in_turn(
            name=f"receipt of {lines} lines, with its purchase order",
            unit="lines",
            units=lines,
            ours=[partial(receive_goods_by_us, order) for order in by_us],
            theirs=[partial(receive_goods_by_hand, order) for order in by_hand],
        ),
    ]


def prepare(*, lines: int) -> Delivery:
    """Make articles that a place has in stock already, as it has nearly all that comes."""
    product = Product.objects.create(name="Delivered", status=Product.Status.ACTIVE)
    variants = Variant.objects.bulk_create(
        [Variant(product=product, sku=f"DELIVERY-{number:04}") for number in range(lines)]
    )
    delivery = Delivery(
        location=Location.objects.create(
            code="deliveries", name="Deliveries", kind=Location.Kind.WAREHOUSE, country="GB"
        ),
        supplier=Supplier.objects.create(code="deliveries", name="Deliveries", currency="GBP"),
        buyer=User.objects.create(username="buyer"),
        approver=User.objects.create(username="approver"),
        variant_ids=[variant.pk for variant in variants],
    )
    receive_stock_by_us(delivery, "DELIVERIES-OPENING")
    return delivery


def sent_order(delivery: Delivery, reference: str) -> PurchaseOrder:
    """Order every article of the delivery."""
    order = create_purchase_order(
        supplier=delivery.supplier,
        location=delivery.location,
        lines=[
            NewLine(variant_id=variant_id, units=UNITS, unit_cost=UNIT_COST)
            for variant_id in delivery.variant_ids
        ],
        reference=reference,
        at=timezone.now(),
        by=delivery.buyer,
    )
    submit(order_id=order.pk, at=timezone.now())
    approve(order_id=order.pk, at=timezone.now(), by=delivery.approver)
    return send(order_id=order.pk, at=timezone.now())


def _orders(delivery: Delivery, prefix: str, count: int) -> list[PurchaseOrder]:
    return [sent_order(delivery, f"{prefix}-{number}") for number in range(count)]


def receive_stock_by_us(delivery: Delivery, reference: str) -> None:
    """Put the delivery into stock."""
    receive_stock(
        location=delivery.location,
        received={
            variant_id: Received(units=UNITS, value=UNITS * UNIT_COST)
            for variant_id in delivery.variant_ids
        },
        reference=reference,
        at=timezone.now(),
    )


def receive_goods_by_us(order: PurchaseOrder) -> None:
    """Take in all that was ordered, as the page of the order does."""
    line_ids = PurchaseOrderLine.objects.filter(order=order).values_list("pk", flat=True)
    receive_goods(
        order_id=order.pk,
        lines=[ReceivedLine(order_line_id=pk, accepted=UNITS) for pk in line_ids],
        delivery_note="",
        key=order.reference,
        at=timezone.now(),
        by=order.raised_by,
    )


_STOCK = (
    """
    SELECT id FROM inventory_costpool WHERE variant_id = ANY(%(variants)s)
     ORDER BY id FOR NO KEY UPDATE
    """,
    """
    SELECT id FROM inventory_stocklevel
     WHERE location_id = %(location)s AND variant_id = ANY(%(variants)s)
     ORDER BY id FOR NO KEY UPDATE
    """,
    """
    INSERT INTO inventory_costmovement
        (pool_id, kind, units, value, expensed, units_before, reference, moved_at)
    SELECT id, 'RECEIPT', %(units)s, %(value)s, 0, units, %(reference)s, %(at)s
      FROM inventory_costpool WHERE variant_id = ANY(%(variants)s)
    """,
    """
    UPDATE inventory_costpool SET units = units + %(units)s, value = value + %(value)s
     WHERE variant_id = ANY(%(variants)s)
    """,
    """
    INSERT INTO inventory_stockmovement
        (level_id, kind, quantity, cost_value, reference, reason, source_kind, source_id,
         source_line_ids, moved_at, moved_by_id)
    SELECT level.id, 'RECEIPT', %(units)s, %(value)s, %(reference)s, '', %(source)s, %(receipt)s,
           array_remove(ARRAY[line.id], NULL), %(at)s, %(by)s
      FROM inventory_stocklevel AS level
      JOIN unnest(%(variants)s::bigint[], %(lines)s::bigint[]) AS line (variant_id, id)
        USING (variant_id)
     WHERE level.location_id = %(location)s
    """,
    """
    UPDATE inventory_stocklevel SET on_hand = on_hand + %(units)s
     WHERE location_id = %(location)s AND variant_id = ANY(%(variants)s)
    """,
    """
    INSERT INTO inventory_availabilitychange (variant_id, changed_at)
    SELECT unnest(%(variants)s::bigint[]), %(at)s
    """,
)


def receive_stock_by_hand(delivery: Delivery, reference: str) -> None:
    """Put the delivery into stock."""
    given: dict[str, Any] = {
        "location": delivery.location.pk,
        "variants": list(delivery.variant_ids),
        "units": UNITS,
        "value": UNITS * UNIT_COST,
        "reference": reference,
        "source": "",
        "receipt": None,
        "lines": [None] * len(delivery.variant_ids),
        "at": timezone.now(),
        "by": None,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in _STOCK:
            cursor.execute(statement, given)


_ORDER = """
SELECT supplier_id, location_id FROM purchasing_purchaseorder WHERE id = %(order)s
FOR NO KEY UPDATE
"""
_LINES = """
SELECT variant_id FROM purchasing_purchaseorderline WHERE order_id = %(order)s
ORDER BY id FOR NO KEY UPDATE
"""
_RECEIPT = """
INSERT INTO purchasing_goodsreceipt
    (supplier_id, location_id, delivery_note, key, received_at, received_by_id)
VALUES (%(supplier)s, %(location)s, '', %(key)s, %(at)s, %(by)s) RETURNING id, number
"""
_RECEIPT_LINES = """
INSERT INTO purchasing_goodsreceiptline
    (receipt_id, order_line_id, delivered, accepted, rejected, reject_reason, matched,
     unit_cost, value)
SELECT %(receipt)s, id, %(units)s, %(units)s, 0, '', 0, unit_cost, %(units)s * unit_cost
  FROM purchasing_purchaseorderline WHERE order_id = %(order)s ORDER BY id
RETURNING id
"""
_ORDERED = (
    """
    UPDATE purchasing_purchaseorderline SET received = received + %(units)s
     WHERE order_id = %(order)s
    """,
    """
    UPDATE purchasing_purchaseorder SET receipt_status = 'COMPLETE' WHERE id = %(order)s
    """,
)


def receive_goods_by_hand(order: PurchaseOrder) -> None:
    """Take in all that was ordered, which leaves nothing to come."""
    given: dict[str, Any] = {
        "order": order.pk,
        "key": order.reference,
        "units": UNITS,
        "value": UNITS * UNIT_COST,
        "source": "GOODS_RECEIPT",
        "at": timezone.now(),
        "by": order.raised_by_id,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ORDER, given)
        given["supplier"], given["location"] = cursor.fetchone()
        cursor.execute(_LINES, given)
        given["variants"] = [variant_id for (variant_id,) in cursor.fetchall()]
        cursor.execute(_RECEIPT, given)
        given["receipt"], given["reference"] = cursor.fetchone()
        cursor.execute(_RECEIPT_LINES, given)
        given["lines"] = [line_id for (line_id,) in cursor.fetchall()]
        for statement in (*_ORDERED, *_STOCK):
            cursor.execute(statement, given)
