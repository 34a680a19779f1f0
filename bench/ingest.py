"""
Orders of three lines taken in with their promise, one after the other and from several connections.

Beside them the same rows written by hand: eleven statements a transaction, nothing checked that the
database does not check.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from bench.harness import Act, Measure, do_side_by_side
from catalog.models import Product, Variant
from channels.connectors.base import (
    IncomingAddress,
    IncomingBuyer,
    IncomingLine,
    IncomingOrder,
    IncomingStatus,
)
from channels.models import Channel
from inventory.models import Location
from inventory.operations import Received, receive_stock
from orders.operations import ingest_order

VARIANTS, BUYERS, LINES = 300, 100, 3
ORDERS = {1: 300, 4: 400, 8: 400}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One run: which orders, over how many connections; `is_hot` puts one SKU in every order."""

    prefix: str
    connections: int
    is_hot: bool

    @property
    def name(self) -> str:
        spread = "one hot SKU" if self.is_hot else "uniform"
        return f"ingest with promise, {self.connections} connection(s), {spread}"


def measure() -> list[Measure]:
    """Measure 1, 4 and 8 connections, each with uniform SKUs and with a hot one."""
    prepare()
    measures = []
    for is_hot in (False, True):
        for connections in ORDERS:
            kind = "hot" if is_hot else "uniform"
            ours = Work(prefix=f"O{kind}{connections}", connections=connections, is_hot=is_hot)
            theirs = Work(prefix=f"S{kind}{connections}", connections=connections, is_hot=is_hot)
            measures.append(
                Measure(
                    name=ours.name,
                    unit="orders",
                    ours=_rate(ours, _ours),
                    theirs=_rate(theirs, _by_hand),
                )
            )
    return measures


def prepare() -> None:
    """Make articles with plenty of stock, a channel, and its buyers, who are known then."""
    now = timezone.now()
    product = Product.objects.create(name="Bench", status=Product.Status.ACTIVE)
    variants = Variant.objects.bulk_create(
        [Variant(product=product, sku=_sku(number)) for number in range(VARIANTS)]
    )
    location = Location.objects.create(
        code="bench", name="Bench", kind=Location.Kind.WAREHOUSE, country="GB"
    )
    receive_stock(
        location=location,
        received={
            variant.pk: Received(units=10_000_000, value=Decimal(1_000_000)) for variant in variants
        },
        reference="OPENING",
        at=now,
    )
    channel = Channel.objects.create(
        code="bench", name="Bench", kind=Channel.Kind.MANUAL, currency="GBP"
    )
    for buyer in range(BUYERS):
        ingest_order(channel=channel, incoming=incoming(f"W{buyer}", buyer, [0, 1, 2], now), at=now)


def _rate(work: Work, take_in: Callable[[IncomingOrder, datetime], None]) -> float:
    """Return orders a second over all connections."""
    seconds = do_side_by_side(lambda part: _acts(work, take_in, part), processes=work.connections)
    return ORDERS[work.connections] / seconds


def _acts(
    work: Work, take_in: Callable[[IncomingOrder, datetime], None], part: int
) -> Iterator[Act]:
    """Yield the taking in of this process's part of the orders."""
    chance = random.Random(f"{work.prefix}{part}")
    now = timezone.now()
    for number in range(ORDERS[work.connections] // work.connections):
        yield partial(take_in, _order(work, f"{part}-{number}", chance, now), now)


def _order(work: Work, number: str, chance: random.Random, now: datetime) -> IncomingOrder:
    skus = chance.sample(range(1, VARIANTS), LINES)
    if work.is_hot:
        skus[0] = 0
    return incoming(f"{work.prefix}-{number}", chance.randrange(BUYERS), skus, now)


def _sku(number: int) -> str:
    return f"BENCH-{number:04}"


def incoming(external_id: str, buyer: int, skus: list[int], now: datetime) -> IncomingOrder:
    price = Decimal("9.99")
    return IncomingOrder(
        external_id=external_id,
        external_number=external_id,
        status=IncomingStatus.OPEN,
        currency="GBP",
        total=price * len(skus),
        placed_at=now,
        updated_at=now,
        lines=tuple(
            IncomingLine(
                external_line_id=str(position),
                quantity=1,
                unit_price=price,
                total=price,
                sku=_sku(sku),
                name="Bench",
            )
            for position, sku in enumerate(skus, start=1)
        ),
        buyer=IncomingBuyer(account=f"A{buyer}", name=f"Buyer {buyer}"),
        delivery_address=IncomingAddress(street=f"{buyer} Bench Road", country="GB"),
        is_paid=True,
    )


def _ours(order: IncomingOrder, now: datetime) -> None:
    ingest_order(channel=Channel.objects.get(code="bench"), incoming=order, at=now)


_CUSTOMER = """
SELECT identity.customer_id, address.id, channel.id, location.id
FROM customers_customeridentity AS identity
JOIN customers_address AS address ON address.customer_id = identity.customer_id
CROSS JOIN channels_channel AS channel CROSS JOIN inventory_location AS location
WHERE identity.kind = 'CHANNEL_ACCOUNT' AND identity.channel_code = 'bench'
    AND identity.normalised = %(account)s AND identity.is_active
    AND channel.code = 'bench' AND location.code = 'bench'
"""
_ORDER = """
INSERT INTO orders_order (channel_id, external_id, external_number, external_updated_at,
    payload_digest, customer_id, delivery_address_id, location_id, lifecycle, payment_status,
    fulfillment_status, return_status, currency, shipping_total, discount_total, tax_total, total,
    rounding_difference, placed_at, created_at)
VALUES (%(channel)s, %(external_id)s, %(external_id)s, %(now)s, md5(%(external_id)s), %(customer)s,
    %(address)s, %(location)s, 'CONFIRMED', 'PAID', 'UNFULFILLED', 'NONE', 'GBP', 0, 0, 0,
    %(total)s, 0, %(now)s, %(now)s)
ON CONFLICT DO NOTHING RETURNING id, number
"""
_LINES = """
INSERT INTO orders_orderline (order_id, external_line_id, variant_id, raw_sku, raw_gtin, name,
    pack_size, is_stocked, ordered, cancelled, shipped, returned, unit_price, discount, tax, total)
SELECT %(order)s, line.position, variant.id, line.sku, '', 'Bench', 1, true, line.quantity, 0, 0,
    0, line.price, 0, 0, line.price
FROM unnest(%(positions)s::text[], %(skus)s::text[], %(quantities)s::int[], %(prices)s::numeric[])
    AS line (position, sku, quantity, price)
JOIN catalog_variant AS variant ON upper(variant.sku) = upper(line.sku)
RETURNING id, variant_id, ordered
"""
_LOCK = """
SELECT id, variant_id, on_hand - allocated FROM inventory_stocklevel
WHERE location_id = %(location)s AND variant_id = ANY(%(variants)s) ORDER BY id FOR NO KEY UPDATE
"""
_LEVELS = """
UPDATE inventory_stocklevel AS level SET allocated = allocated + wanted.units
FROM unnest(%(levels)s::bigint[], %(units)s::int[]) AS wanted (id, units)
WHERE level.id = wanted.id
"""
_ALLOCATIONS = """
WITH promised AS (
    INSERT INTO inventory_allocation
        (level_id, reference, units, shipped, released, channel_id, note, allocated_at)
    SELECT id, %(number)s, units, 0, 0, %(channel)s, '', %(now)s
    FROM unnest(%(levels)s::bigint[], %(units)s::int[]) AS wanted (id, units)
    RETURNING id, level_id, units
)
INSERT INTO orders_lineallocation (line_id, allocation_id, units)
SELECT line.id, promised.id, promised.units FROM promised
JOIN unnest(%(levels)s::bigint[], %(lines)s::bigint[]) AS line (level_id, id) USING (level_id)
"""
_CHANGES = """
INSERT INTO inventory_availabilitychange (variant_id, changed_at)
SELECT unnest(%(variants)s::bigint[]), %(now)s
"""
_EVENTS = """
INSERT INTO orders_orderevent (order_id, kind, details, happened_at)
SELECT %(order)s, kind, %(details)s, %(now)s
FROM unnest(ARRAY['INGESTED', 'CUSTOMER_IDENTIFIED', 'ALLOCATED']) AS kind
"""
_PAYMENT = """
WITH paid AS (
    INSERT INTO orders_payment (order_id, channel_id, external_id, method, provider, register,
        currency, authorized, charged, refunded, voided, created_at)
    VALUES (%(order)s, %(channel)s, 'order-' || %(order)s, 'CHANNEL', '', '', 'GBP', 0, %(total)s,
        0, 0, %(now)s)
    RETURNING id, charged
)
INSERT INTO orders_paymentevent (payment_id, kind, amount, reference, note, happened_at)
SELECT id, 'CHARGED', charged, 'paid', '', %(now)s FROM paid
"""
_DECISION = """
INSERT INTO orders_routingdecision
    (order_id, cause, decided_by_rule, candidates, chosen, missing, decided_at)
VALUES (%(order)s, 'NEW', '', %(details)s, %(details)s, 0, %(now)s)
"""


def _by_hand(order: IncomingOrder, now: datetime) -> None:
    assert order.buyer is not None  # noqa: S101 - made so by this module
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CUSTOMER, {"account": order.buyer.account})
        customer, address, channel, location = cursor.fetchone()
        given: dict[str, Any] = {
            "customer": customer,
            "address": address,
            "channel": channel,
            "location": location,
            "external_id": order.external_id,
            "total": order.total,
            "now": now,
            "positions": [line.external_line_id for line in order.lines],
            "skus": [line.sku for line in order.lines],
            "quantities": [line.quantity for line in order.lines],
            "prices": [line.unit_price for line in order.lines],
            "details": json.dumps({"lines": len(order.lines)}),
        }
        cursor.execute(_ORDER, given)
        given["order"], given["number"] = cursor.fetchone()
        cursor.execute(_LINES, given)
        lines = {variant: (line, units) for line, variant, units in cursor.fetchall()}
        given["variants"] = sorted(lines)
        cursor.execute(_LOCK, given)
        levels = cursor.fetchall()
        if any(free < lines[variant][1] for _, variant, free in levels):
            msg = "The benchmark ran out of stock."
            raise RuntimeError(msg)
        given["levels"] = [level for level, _, _ in levels]
        given["lines"] = [lines[variant][0] for _, variant, _ in levels]
        given["units"] = [lines[variant][1] for _, variant, _ in levels]
        written = (_LEVELS, _ALLOCATIONS, _CHANGES, _EVENTS, _PAYMENT, _DECISION)
        for statement in written:
            cursor.execute(statement, given)
