"""Orders of our own: accepted whole or refused whole."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from catalog.models import Variant
from channels.models import Channel
from channels.queries import price_for
from customers.models import Address, Customer
from inventory.models import Location
from inventory.operations import InsufficientStock
from orders.models import Order, OrderEvent, OrderLine
from orders.operations.allocation import promise_lines
from orders.operations.contents import articles_of, store_components
from orders.operations.events import event, record_events
from orders.operations.pickups import open_pickup
from orders.operations.reading import LONGEST_NAME
from orders.operations.routing import OWN_ORDER
from orders.operations.statuses import settle_order
from retail.common.errors import BusinessError
from retail.common.fields import MAX_UNITS
from retail.common.models import User
from retail.common.money import ZERO, round_amount, round_rate


class InvalidLines(BusinessError):
    """Lines that make no order: none at all, no whole pieces, an unknown article."""


class NoPrice(BusinessError):
    """The channel has no price for an article, and none was given."""


class NoPickupThere(BusinessError):
    """Customers do not collect orders at this place."""


class KeyReused(BusinessError):
    """The key belongs to another order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collecting:
    """Where a customer collects an order, who will come, and whether they wait at the curb."""

    location: Location
    name: str = ""
    is_curbside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrderLine:
    """An article to be ordered; without a price of its own the channel's price counts."""

    variant_id: int
    quantity: int
    unit_price: Decimal | None = None


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
    variants = _known_variants(lines)
    if collecting is not None and not collecting.location.is_pickup:
        raise NoPickupThere(f"Customers do not collect orders at {collecting.location}.")
    digest = _digest(lines, customer, delivery_address, collecting)
    own = Order.objects.for_update().filter(channel=channel, external_id=key)
    if earlier := own.first():
        return _same(earlier, digest)
    prices = _prices(lines, variants, channel, at)
    totals = [
        round_amount(price * line.quantity, channel.currency)
        for line, price in zip(lines, prices, strict=True)
    ]
    order = Order(
        channel=channel,
        external_id=key,
        customer=customer,
        delivery_address=delivery_address,
        currency=channel.currency,
        total=sum(totals, ZERO),
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
    stored = _store_lines(order, lines, variants, prices, totals)
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


def _store_lines(
    order: Order,
    lines: Sequence[NewOrderLine],
    variants: Mapping[int, Variant],
    prices: Sequence[Decimal],
    totals: Sequence[Decimal],
) -> list[OrderLine]:
    articles = articles_of(variants)
    stored = OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            external_line_id=str(position),
            variant=variants[line.variant_id],
            raw_sku=variants[line.variant_id].sku,
            name=str(variants[line.variant_id].product)[:LONGEST_NAME],
            is_stocked=line.variant_id not in articles.services,
            is_bundle=line.variant_id in articles.bundles,
            ordered=line.quantity,
            unit_price=price,
            total=total,
        )
        for position, (line, price, total) in enumerate(
            zip(lines, prices, totals, strict=True), start=1
        )
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


def _known_variants(lines: Sequence[NewOrderLine]) -> dict[int, Variant]:
    if not lines:
        raise InvalidLines("An order has at least one line.")
    if wrong := [line.quantity for line in lines if not 0 < line.quantity < MAX_UNITS]:
        raise InvalidLines(f"{wrong[0]} pieces cannot be ordered.", quantities=wrong)
    if negative := [line.unit_price for line in lines if line.unit_price and line.unit_price < 0]:
        raise InvalidLines("A price is not negative.", prices=[str(price) for price in negative])
    variants = Variant.objects.select_related("product").in_bulk(
        [line.variant_id for line in lines]
    )
    if unknown := sorted({line.variant_id for line in lines} - variants.keys()):
        raise InvalidLines("There is no such article.", variants=unknown)
    if inactive := sorted(variant.sku for variant in variants.values() if not variant.is_active):
        raise InvalidLines(f"No longer dealt in: {', '.join(inactive)}.", skus=inactive)
    return variants


def _prices(
    lines: Sequence[NewOrderLine],
    variants: dict[int, Variant],
    channel: Channel,
    at: datetime,
) -> list[Decimal]:
    prices: list[Decimal] = []
    missing: list[str] = []
    for line in lines:
        price = line.unit_price
        if price is None:
            decision = price_for(
                variant_id=line.variant_id, channel=channel, quantity=line.quantity, at=at
            )
            price = decision.unit_price if decision else None
        if price is None:
            missing.append(variants[line.variant_id].sku)
        else:
            prices.append(round_rate(price))
    if missing:
        names = ", ".join(sorted(missing))
        raise NoPrice(f"{channel} has no price for {names}.", skus=sorted(missing))
    return prices


def _digest(
    lines: Sequence[NewOrderLine],
    customer: Customer | None,
    address: Address | None,
    collecting: Collecting | None,
) -> str:
    place = collecting and (collecting.location.pk, collecting.name, collecting.is_curbside)
    said = (tuple(lines), customer and customer.pk, address and address.pk, place)
    return hashlib.sha256(repr(said).encode()).hexdigest()
