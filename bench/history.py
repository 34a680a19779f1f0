"""
Sales of the past, taken in by the thousand: orders of three lines, shipped and paid long ago.

Beside them the same rows written set-based by hand: eleven statements a batch, nothing checked
that the database does not check, the cost of goods at the average that there was before the batch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from bench import ingest
from bench.harness import Act, Measure, gather_statistics, in_turn
from channels.connectors.base import IncomingOrder, IncomingStatus
from channels.models import Channel
from inventory.models import Location
from orders.operations import ingest_orders

BATCH = 1_000
NOW = timezone.now()

_ORDERS = """
INSERT INTO orders_order (channel_id, external_id, external_number, external_updated_at,
    payload_digest, customer_id, delivery_address_id, location_id, lifecycle, payment_status,
    fulfillment_status, return_status, currency, shipping_total, discount_total, tax_total, total,
    rounding_difference, placed_at, created_at)
SELECT channel.id, told.external_id, told.external_id, told.sold_at, md5(told.external_id),
    identity.customer_id, address.id, location.id, 'COMPLETED', 'PAID', 'FULFILLED', 'NONE', 'GBP',
    0, 0, 0, told.total, 0, told.sold_at, %(now)s
FROM unnest(%(ids)s::text[], %(accounts)s::text[], %(totals)s::numeric[], %(sold)s::timestamptz[])
    AS told (external_id, account, total, sold_at)
JOIN channels_channel AS channel ON channel.code = 'bench'
JOIN inventory_location AS location ON location.code = 'bench'
JOIN customers_customeridentity AS identity ON identity.kind = 'CHANNEL_ACCOUNT'
    AND identity.channel_code = 'bench' AND identity.normalised = told.account
    AND identity.is_active
JOIN customers_address AS address ON address.customer_id = identity.customer_id
ON CONFLICT DO NOTHING RETURNING id
"""
_LINES = """
INSERT INTO orders_orderline (order_id, external_line_id, variant_id, raw_sku, raw_gtin, name,
    pack_size, is_stocked, ordered, cancelled, shipped, returned, unit_price, discount, tax, total)
SELECT sold.id, told.position, variant.id, told.sku, '', 'Bench', 1, true, told.quantity, 0,
    told.quantity, 0, told.price, 0, 0, told.price
FROM unnest(%(line_orders)s::text[], %(positions)s::text[], %(skus)s::text[],
    %(quantities)s::int[], %(prices)s::numeric[])
    AS told (external_id, position, sku, quantity, price)
JOIN orders_order AS sold ON sold.external_id = told.external_id AND sold.id = ANY(%(orders)s)
JOIN catalog_variant AS variant ON upper(variant.sku) = upper(told.sku)
"""
_FULFILLMENTS = """
INSERT INTO orders_fulfillment (order_id, location_id, method, status, key, shipped_at)
SELECT id, location_id, 'SHIP', 'SHIPPED', 'channel', placed_at
FROM orders_order WHERE id = ANY(%(orders)s)
"""
_FULFILLMENT_LINES = """
INSERT INTO orders_fulfillmentline (fulfillment_id, line_id, quantity)
SELECT fulfillment.id, line.id, line.shipped
FROM orders_fulfillment AS fulfillment
JOIN orders_orderline AS line USING (order_id) WHERE order_id = ANY(%(orders)s)
"""
_PAYMENTS = """
WITH paid AS (
    INSERT INTO orders_payment (order_id, channel_id, external_id, method, provider, register,
        currency, authorized, charged, refunded, voided, created_at)
    SELECT id, channel_id, 'order-' || id, 'CHANNEL', '', '', currency, 0, total, 0, 0,
        %(now)s
    FROM orders_order WHERE id = ANY(%(orders)s)
    RETURNING id, charged
)
INSERT INTO orders_paymentevent (payment_id, kind, amount, reference, note, happened_at)
SELECT id, 'CHARGED', charged, 'paid', '', %(now)s FROM paid
"""
_EVENTS = """
INSERT INTO orders_orderevent (order_id, kind, details, happened_at)
SELECT id, kind, '{"lines": 3}', %(now)s
FROM orders_order
CROSS JOIN unnest(ARRAY['INGESTED', 'CUSTOMER_IDENTIFIED', 'SHIPPED']) AS kind
WHERE id = ANY(%(orders)s)
"""
_LOCK = """
SELECT level.id, pool.id FROM inventory_stocklevel AS level
JOIN inventory_costpool AS pool USING (variant_id)
JOIN inventory_location AS location ON location.id = level.location_id AND location.code = 'bench'
JOIN catalog_variant AS variant ON variant.id = variant_id
WHERE upper(variant.sku) = ANY(%(skus)s) ORDER BY pool.id, level.id FOR NO KEY UPDATE
"""
_SOLD = """
CREATE TEMPORARY TABLE sold ON COMMIT DROP AS
SELECT line.id AS line_id, fulfillment.id AS fulfillment_id, fulfillment.number, row.id AS row_id,
    level.id AS level_id, pool.id AS pool_id, line.variant_id, line.shipped AS units,
    fulfillment.shipped_at, pool.units AS pool_units,
    round(pool.value * line.shipped / pool.units, 4) AS value,
    sum(line.shipped) OVER (PARTITION BY pool.id ORDER BY line.id) - line.shipped AS before
FROM orders_fulfillment AS fulfillment
JOIN orders_fulfillmentline AS row ON row.fulfillment_id = fulfillment.id
JOIN orders_orderline AS line ON line.id = row.line_id
JOIN inventory_stocklevel AS level
    ON level.location_id = fulfillment.location_id AND level.variant_id = line.variant_id
JOIN inventory_costpool AS pool ON pool.variant_id = line.variant_id
WHERE fulfillment.order_id = ANY(%(orders)s)
"""
_STOCK = (
    """
    INSERT INTO inventory_stockmovement (level_id, kind, quantity, cost_value, reference, reason,
        moved_at, source_kind, source_id, source_line_ids)
    SELECT level_id, 'SALE', -units, -value, number, '', shipped_at, 'FULFILLMENT',
        fulfillment_id, ARRAY[row_id]
    FROM sold ORDER BY line_id
    """,
    """
    INSERT INTO inventory_costmovement (pool_id, kind, units, value, expensed, units_before,
        reference, moved_at)
    SELECT pool_id, 'ISSUE', -units, -value, 0, pool_units - before, number, shipped_at
    FROM sold ORDER BY line_id
    """,
    """
    UPDATE inventory_stocklevel AS level SET on_hand = on_hand - gone.units
    FROM (SELECT level_id, sum(units) AS units FROM sold GROUP BY level_id) AS gone
    WHERE level.id = gone.level_id
    """,
    """
    UPDATE inventory_costpool AS pool SET units = pool.units - gone.units,
        value = pool.value - gone.value
    FROM (SELECT pool_id, sum(units) AS units, sum(value) AS value FROM sold GROUP BY pool_id)
        AS gone
    WHERE pool.id = gone.pool_id
    """,
    """
    INSERT INTO inventory_availabilitychange (variant_id, changed_at)
    SELECT DISTINCT variant_id, %(now)s::timestamptz FROM sold
    """,
)


def measure(*, orders: int = BATCH, turns: int = 5) -> list[Measure]:
    """Measure batches of so many orders; units are lines."""
    ingest.prepare()
    gather_statistics()
    ours = (partial(_ours, batch) for batch in _batches("B", orders, turns))
    theirs = (partial(_by_hand, batch) for batch in _batches("H", orders, turns))
    return [
        in_turn(
            name=f"history, {orders:,} orders of {ingest.LINES} lines at once",
            unit="lines",
            units=orders * ingest.LINES,
            ours=list[Act](ours),
            theirs=list[Act](theirs),
        )
    ]


def _batches(prefix: str, orders: int, turns: int) -> Iterator[Sequence[IncomingOrder]]:
    for turn in range(turns):
        chance = random.Random(f"{prefix}{turn}")
        yield [
            replace(
                ingest.incoming(
                    f"{prefix}{turn}-{number}",
                    chance.randrange(ingest.BUYERS),
                    chance.sample(range(ingest.VARIANTS), ingest.LINES),
                    NOW - timedelta(days=1) + timedelta(seconds=number),
                ),
                status=IncomingStatus.SHIPPED,
            )
            for number in range(orders)
        ]


def _ours(batch: Sequence[IncomingOrder]) -> None:
    ingest_orders(
        channel=Channel.objects.get(code="bench"),
        batch=batch,
        location=Location.objects.get(code="bench"),
        at=NOW,
    )


def _by_hand(batch: Sequence[IncomingOrder]) -> None:
    lines = [(order.external_id, line) for order in batch for line in order.lines]
    given: dict[str, Any] = {
        "now": NOW,
        "ids": [order.external_id for order in batch],
        "accounts": [order.buyer.account for order in batch if order.buyer],
        "totals": [order.total for order in batch],
        "sold": [order.placed_at for order in batch],
        "line_orders": [external_id for external_id, _ in lines],
        "positions": [line.external_line_id for _, line in lines],
        "skus": [line.sku for _, line in lines],
        "quantities": [line.quantity for _, line in lines],
        "prices": [line.unit_price for _, line in lines],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ORDERS, given)
        given["orders"] = [pk for (pk,) in cursor.fetchall()]
        for statement in (_LINES, _FULFILLMENTS, _FULFILLMENT_LINES, _PAYMENTS, _EVENTS):
            cursor.execute(statement, given)
        for statement in (_LOCK, _SOLD, *_STOCK):
            cursor.execute(statement, given)
