"""
A shop of a million orders, written set-based: three years, five orders a customer on average.

What the rows do not show anywhere is left out: receipts and movements of what was sold long ago.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from catalog.models import Product, Variant
from channels.models import Channel
from inventory.models import Location
from inventory.operations import Received, receive_stock

ARTICLES, CHANNELS, PLACES = 1_000, 5, 4
NEWEST = datetime(2026, 11, 20, 12, tzinfo=UTC)
STEP = timedelta(seconds=95)

# What is told of an order follows from its number `n`, the newest first: the first fiftieth is
# open; of all, each 200th is held, each 50th called off, each 30th came back, each 25th is unpaid.
# A shop with the same number of orders is the same shop in each run.
_SHOP = (
    """
    INSERT INTO customers_customer (uuid, kind, name, tax_number, language, created_at, updated_at)
    SELECT gen_random_uuid(), 'PERSON',
           (ARRAY['Anna', 'Marek', 'Ewa', 'Jan', 'Olga', 'Piotr', 'Zofia', 'Adam', 'Julia', 'Ula'])
               [1 + n %% 10] || ' ' || initcap(substr(md5(n::text), 1, 8)), '', '',
           %(newest)s, %(newest)s
      FROM generate_series(1, greatest(%(orders)s / 5, 1)) AS n
    """,
    """
    INSERT INTO customers_customeridentity
        (customer_id, kind, channel_code, raw, normalised, is_linking, is_active, first_seen_at)
    SELECT id, 'EMAIL', '', mail, mail, true, true, %(newest)s
      FROM customers_customer, lower(replace(name, ' ', '.') || id || '@example.com') AS mail
    """,
    """
    CREATE TEMPORARY TABLE story ON COMMIT DROP AS
    SELECT n, n <= %(orders)s / 50 AS is_open, n %% 200 = 7 AS is_held, n %% 50 = 11 AS is_off,
           n %% 30 = 3 AND n > %(orders)s / 50 AND n %% 50 <> 11 AS is_back,
           %(newest)s - n * %(step)s AS placed_at,
           (%(channels)s::bigint[])[1 + n * 7 %% 11 %% %(channel_count)s] AS channel_id,
           (%(places)s::bigint[])[1 + n * 3 %% 7 %% %(place_count)s] AS location_id,
           %(first_customer)s + (n::bigint * 7919) %% greatest(%(orders)s / 5, 1) AS customer_id
      FROM generate_series(1, %(orders)s) AS n
    """,
    """
    INSERT INTO orders_order (channel_id, external_id, external_number, external_updated_at,
        payload_digest, customer_id, location_id, lifecycle, payment_status, fulfillment_status,
        return_status, currency, shipping_total, discount_total, tax_total, total,
        rounding_difference, placed_at, ship_by, created_at)
    SELECT channel_id, 'E' || n, 'W-' || 5000000 + n, placed_at, md5(n::text), customer_id,
           location_id,
           CASE WHEN is_off THEN 'CANCELLED' WHEN is_open AND is_held THEN 'PLACED'
                WHEN is_open THEN 'CONFIRMED' ELSE 'COMPLETED' END,
           CASE WHEN n %% 25 = 4 THEN 'UNPAID' WHEN is_back THEN 'REFUNDED' ELSE 'PAID' END,
           CASE WHEN is_open OR is_off THEN 'UNFULFILLED' ELSE 'FULFILLED' END,
           CASE WHEN is_back THEN 'RETURNED' ELSE 'NONE' END,
           'EUR', 0, 0, 0, 20, 0, placed_at, placed_at + interval '2 days', placed_at
      FROM story ORDER BY n DESC
    """,
    """
    CREATE TEMPORARY TABLE known ON COMMIT DROP AS
    SELECT story.*, orders_order.id
      FROM story JOIN orders_order ON orders_order.external_id = 'E' || n
    """,
    "ANALYZE known",
    """
    INSERT INTO orders_orderline (order_id, external_line_id, variant_id, raw_sku, raw_gtin, name,
        pack_size, is_stocked, ordered, cancelled, shipped, returned, unit_price, discount, tax,
        total)
    SELECT known.id, position::text, variant.id, variant.sku, '', 'Bench', 1, true, 1,
           is_off::int, (NOT is_open AND NOT is_off)::int, is_back::int, 10, 0, 0, 10
      FROM known CROSS JOIN generate_series(0, 1) AS position
      JOIN catalog_variant AS variant
        ON variant.sku = 'BENCH-' || lpad(((n * 31 + position * 500) %% %(articles)s)::text, 4, '0')
     ORDER BY n DESC, position
    """,
    """
    INSERT INTO orders_orderevent (order_id, kind, details, happened_at)
    SELECT id, 'INGESTED', '{}', placed_at FROM known ORDER BY n DESC
    """,
    """
    INSERT INTO orders_orderhold (order_id, kind, reason, opened_at, released_at, release_note)
    SELECT id, CASE WHEN n %% 400 = 7 THEN 'STOCK' ELSE 'MANUAL' END, 'Bench', placed_at,
           CASE WHEN NOT is_open THEN placed_at END, ''
      FROM known WHERE is_held
    """,
    """
    INSERT INTO orders_fulfillment (order_id, location_id, method, status, key, shipped_at)
    SELECT id, location_id, 'SHIP', CASE WHEN is_open THEN 'PICKING' ELSE 'SHIPPED' END, 'bench',
           CASE WHEN NOT is_open THEN placed_at + interval '1 day' END
      FROM known WHERE NOT is_off AND NOT is_held AND (NOT is_open OR n %% 10 = 0)
    """,
    """
    INSERT INTO orders_parcel (fulfillment_id, carrier, tracking_number)
    SELECT fulfillment.id, 'DPD', 'TN' || lpad(known.n::text, 12, '0')
      FROM orders_fulfillment AS fulfillment JOIN known ON known.id = fulfillment.order_id
     WHERE fulfillment.status = 'SHIPPED'
    """,
    """
    INSERT INTO orders_return (order_id, channel_id, customer_id, location_id, status, currency,
        received_at, closed_at)
    SELECT id, channel_id, customer_id, location_id,
           CASE WHEN n <= %(orders)s / 20 THEN 'RECEIVED' ELSE 'CLOSED' END, 'EUR',
           placed_at + interval '9 days',
           CASE WHEN n > %(orders)s / 20 THEN placed_at + interval '9 days' END
      FROM known WHERE is_back
    """,
    """
    UPDATE inventory_stocklevel AS level SET allocated = wanted.units
      FROM (SELECT known.location_id, line.variant_id, count(*) AS units
              FROM known JOIN orders_orderline AS line ON line.order_id = known.id
             WHERE is_open AND NOT is_off GROUP BY 1, 2) AS wanted
     WHERE level.location_id = wanted.location_id AND level.variant_id = wanted.variant_id
    """,
    """
    INSERT INTO inventory_allocation
        (level_id, reference, units, shipped, released, channel_id, note, allocated_at)
    SELECT level.id, 'SO-' || known.id + 100000, count(*), 0, 0, known.channel_id, '', placed_at
      FROM known JOIN orders_orderline AS line ON line.order_id = known.id
      JOIN inventory_stocklevel AS level
        ON level.variant_id = line.variant_id AND level.location_id = known.location_id
     WHERE is_open AND NOT is_off GROUP BY level.id, known.id, known.channel_id, placed_at
    """,
    """
    INSERT INTO orders_lineallocation (line_id, allocation_id, units)
    SELECT line.id, allocation.id, 1
      FROM known JOIN orders_orderline AS line ON line.order_id = known.id
      JOIN inventory_stocklevel AS level
        ON level.variant_id = line.variant_id AND level.location_id = known.location_id
      JOIN inventory_allocation AS allocation
        ON allocation.level_id = level.id AND allocation.reference = 'SO-' || known.id + 100000
     WHERE is_open AND NOT is_off
    """,
)


def make_orders(*, orders: int) -> None:
    """Write so many orders with their lines, promises, parcels, holds and returns."""
    product = Product.objects.create(name="Bench", status=Product.Status.ACTIVE)
    variants = Variant.objects.bulk_create(
        [Variant(product=product, sku=f"BENCH-{number:04}") for number in range(ARTICLES)]
    )
    channels = Channel.objects.bulk_create(
        [
            Channel(code=f"bench-{n}", name=f"Bench {n}", kind=Channel.Kind.MANUAL, currency="EUR")
            for n in range(CHANNELS)
        ]
    )
    places = Location.objects.bulk_create(
        [
            Location(
                code=f"bench-{n}", name=f"Bench {n}", kind=Location.Kind.WAREHOUSE, country="PL"
            )
            for n in range(PLACES)
        ]
    )
    for place in places:
        receive_stock(
            location=place,
            received={
                variant.pk: Received(units=100_000, value=Decimal(1_000)) for variant in variants
            },
            reference=f"OPENING {place.code}",
            at=NEWEST,
        )
    given: dict[str, Any] = {
        "orders": orders,
        "articles": ARTICLES,
        "newest": NEWEST,
        "step": STEP,
        "channels": [channel.pk for channel in channels],
        "channel_count": CHANNELS,
        "places": [place.pk for place in places],
        "place_count": PLACES,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        for statement in _SHOP:
            if "story ON COMMIT" in statement:
                cursor.execute("SELECT min(id) FROM customers_customer")
                (given["first_customer"],) = cursor.fetchone()
            cursor.execute(statement, given)
