"""Orders of our own: accepted whole or refused whole."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from channels.models import Channel
from customers.models import Address, Customer
from inventory.operations import InsufficientStock
from orders.models import Order, OrderEvent, OrderLine
from orders.operations.allocation import promise_lines
from orders.operations.contents import articles_of, store_components
from orders.operations.events import event, record_events
from orders.operations.order_plans import (
    Collecting,
    NewOrderLine,
    PricedLine,
    price_lines,
    require_pickup,
    require_sane,
)
from orders.operations.pickups import open_pickup
from orders.operations.reading import LONGEST_NAME
from orders.operations.routing import OWN_ORDER
from orders.operations.statuses import settle_order
from retail.common.errors import BusinessError
from retail.common.models import User
from retail.common.money import ZERO


class KeyReused(BusinessError):
    """The key belongs to another order."""


@transaction.atomic
def place_order(  # noqa: PLR0913 - what an order of our own says
    *,
    channel: Channel,
    lines: Sequence[NewOrderLine],
    key: str,
    at: datetime,
    by: User | None = None,
    customer: Customer | None = None,
    delivery_address: Address | None = None,
    ship_by: datetime | None = None,
    collecting: Collecting | None = None,
) -> Order:
    """
    Place an order of our own and promise all of it, or refuse it whole and leave nothing behind.

    Quantities are in the variant's own units.
    collecting: for an order that is not sent; all of it is promised where it is collected.
    key: made by whoever asks, unique on the channel; the same order with the same key again
    returns the first.
    Locks: the order, then the stock levels.

    :raises InvalidLines: no lines, a quantity below one, a variant unknown or no longer active.
    :raises NoPrice: names every article without a price.
    :raises InsufficientStock: carries every shortage, variant id -> units missing.
    :raises NoPickupThere: customers do not collect there.
    :raises KeyReused: the key belongs to an order that says something else.
    """
    require_sane(lines)
    require_pickup(collecting)
    digest = _digest(lines, customer, delivery_address, collecting)
    own = Order.objects.for_update().filter(channel=channel, external_id=key)
    if earlier := own.first():
        return _same(earlier, digest)
    priced = price_lines(channel=channel, lines=lines, at=at)
    order = Order(
        channel=channel,
        external_id=key,
        customer=customer,
        delivery_address=delivery_address,
        currency=channel.currency,
        total=sum((line.total for line in priced), ZERO),
        placed_at=at,
        ship_by=ship_by,
        delivery=Order.Delivery.PICKUP if collecting else Order.Delivery.SHIP,
        pickup_location=collecting.location if collecting else None,
        created_at=at,
    )
    Order.objects.bulk_create([order], ignore_conflicts=True)
    order = own.get()
    if order.payload_digest:
        return _same(order, digest)
    stored = _store_lines(order, priced)
    record_events([event(order, OrderEvent.Kind.PLACED, at=at, by=by, total=str(order.total))])
    if collecting is not None:
        open_pickup(
            order=order,
            at=at,
            collector_name=collecting.name,
            is_curbside=collecting.is_curbside,
        )
    _promise_whole(order, stored, at=at, by=by)
    order.payload_digest = digest
    order.save(update_fields=["payload_digest"])
    return order


def _store_lines(order: Order, priced: Sequence[PricedLine]) -> list[OrderLine]:
    articles = articles_of(line.variant.pk for line in priced)
    stored = OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            external_line_id=str(position),
            variant=line.variant,
            raw_sku=line.variant.sku,
            name=str(line.variant.product)[:LONGEST_NAME],
            is_stocked=line.variant.pk not in articles.services,
            is_bundle=line.variant.pk in articles.bundles,
            ordered=line.quantity,
            unit_price=line.unit_price,
            total=line.total,
        )
        for position, line in enumerate(priced, start=1)
    )
    store_components(lines=stored, articles=articles)
    return stored


def _promise_whole(
    order: Order, lines: Sequence[OrderLine], *, at: datetime, by: User | None
) -> None:
    promised = promise_lines(order=order, lines=lines, promised={}, at=at, by=by, attempt=OWN_ORDER)
    if promised.missing:
        raise InsufficientStock(promised.missing)
    settle_order(order=order, lines=lines)


def _same(order: Order, digest: str) -> Order:
    if order.payload_digest != digest:
        raise KeyReused(f"This key belongs to {order}, which is another order.", order=order.number)
    return order


def _digest(
    lines: Sequence[NewOrderLine],
    customer: Customer | None,
    address: Address | None,
    collecting: Collecting | None,
) -> str:
    place = collecting and (collecting.location.pk, collecting.name, collecting.is_curbside)
    said = (tuple(lines), customer and customer.pk, address and address.pk, place)
    return hashlib.sha256(repr(said).encode()).hexdigest()
