"""What an order of our own would come to: its prices and whose they are, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from catalog.models import Variant
from channels.models import Channel
from channels.queries import price_for
from customers.models import Address
from inventory.models import Location
from orders.models import Order
from orders.operations.allocation import serving_levels
from orders.operations.contents import articles_of
from orders.operations.routing import OWN_ORDER, route_needs
from orders.routing import Need
from retail.common.errors import BusinessError
from retail.common.fields import MAX_UNITS
from retail.common.money import ZERO, round_amount, round_rate


class InvalidLines(BusinessError):
    """Lines that make no order: none at all, no whole pieces, an unknown article."""


class NoPrice(BusinessError):
    """The channel has no price for an article, and none was given."""


class NoPickupThere(BusinessError):
    """Customers do not collect orders at this place."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedLine:
    """
    A line with its price, in the channel's currency.

    price_list: name of the list that has it, empty when the price was given; why: why that list.
    """

    variant: Variant
    quantity: int
    unit_price: Decimal
    total: Decimal
    price_list: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlan:
    """
    An order that is not placed yet.

    missing: what it is short of, variant -> units; with anything missing it would be refused.
    """

    lines: tuple[PricedLine, ...]
    total: Decimal
    missing: Mapping[Variant, int]


def plan_order(
    *,
    channel: Channel,
    lines: Sequence[NewOrderLine],
    at: datetime,
    delivery_address: Address | None = None,
    collecting: Collecting | None = None,
) -> OrderPlan:
    """
    Work out what `place_order` would do with this order at this moment; changes nothing.

    What is read without a lock may be gone when the order is placed: that looks again.

    :raises InvalidLines: no lines, a quantity below one, a variant unknown or no longer active.
    :raises NoPrice: names every article without a price.
    :raises NoPickupThere: customers do not collect there.
    """
    require_sane(lines)
    require_pickup(collecting)
    priced = price_lines(channel=channel, lines=lines, at=at)
    order = Order(
        channel=channel,
        delivery=Order.Delivery.PICKUP if collecting else Order.Delivery.SHIP,
        pickup_location=collecting.location if collecting else None,
        delivery_address=delivery_address,
        total=sum((line.total for line in priced), ZERO),
    )
    missing = _missing(order, priced, at)
    return OrderPlan(
        lines=tuple(priced),
        total=order.total,
        missing={
            variant: missing[variant.pk]
            for variant in Variant.objects.filter(pk__in=list(missing)).order_by("sku", "pk")
        },
    )


def price_lines(
    *, channel: Channel, lines: Sequence[NewOrderLine], at: datetime
) -> list[PricedLine]:
    """
    Return the lines with their prices and amounts, in the same order.

    :raises InvalidLines: a variant unknown or no longer active.
    :raises NoPrice: names every article without a price.
    """
    variants = _known_variants(lines)
    priced = [_priced(channel, line, variants[line.variant_id], at) for line in lines]
    without = sorted(
        variants[line.variant_id].sku
        for line, found in zip(lines, priced, strict=True)
        if found is None
    )
    if without:
        raise NoPrice(f"{channel} has no price for {', '.join(without)}.", skus=without)
    return [line for line in priced if line is not None]


def require_sane(lines: Sequence[NewOrderLine]) -> None:
    """
    Pass when lines could make an order, by what they say alone.

    :raises InvalidLines: no lines, a quantity below one, a price below zero.
    """
    if not lines:
        raise InvalidLines("An order has at least one line.")
    if wrong := [line.quantity for line in lines if not 0 < line.quantity < MAX_UNITS]:
        raise InvalidLines(f"{wrong[0]} pieces cannot be ordered.", quantities=wrong)
    if negative := [line.unit_price for line in lines if line.unit_price and line.unit_price < 0]:
        raise InvalidLines("A price is not negative.", prices=[str(price) for price in negative])


def require_pickup(collecting: Collecting | None) -> None:
    """
    Pass when an order may be collected where it is to be, or is sent.

    :raises NoPickupThere: customers do not collect there.
    """
    if collecting is not None and not collecting.location.is_pickup:
        raise NoPickupThere(f"Customers do not collect orders at {collecting.location}.")


def _known_variants(lines: Sequence[NewOrderLine]) -> dict[int, Variant]:
    variants = Variant.objects.select_related("product").in_bulk(
        [line.variant_id for line in lines]
    )
    if unknown := sorted({line.variant_id for line in lines} - variants.keys()):
        raise InvalidLines("There is no such article.", variants=unknown)
    if inactive := sorted(variant.sku for variant in variants.values() if not variant.is_active):
        raise InvalidLines(f"No longer dealt in: {', '.join(inactive)}.", skus=inactive)
    return variants


def _priced(
    channel: Channel, line: NewOrderLine, variant: Variant, at: datetime
) -> PricedLine | None:
    price, price_list, why = line.unit_price, "", ""
    if price is None:
        decision = price_for(variant_id=variant.pk, channel=channel, quantity=line.quantity, at=at)
        if decision is None:
            return None
        price, price_list, why = decision.unit_price, decision.price_list.name, decision.why
    price = round_rate(price)
    return PricedLine(
        variant=variant,
        quantity=line.quantity,
        unit_price=price,
        total=round_amount(price * line.quantity, channel.currency),
        price_list=price_list,
        why=why,
    )


def _missing(order: Order, priced: Sequence[PricedLine], at: datetime) -> dict[int, int]:
    """Return variant id -> units that the rules find nowhere for an order, stored or not."""
    articles = articles_of(line.variant.pk for line in priced)
    needs = [
        Need(line_id=position, contents=articles.contents(line.variant.pk), pieces=line.quantity)
        for position, line in enumerate(priced)
        if line.variant.pk not in articles.services
    ]
    routed = route_needs(
        order=order,
        needs=needs,
        levels=serving_levels(order, needs, OWN_ORDER),
        is_served_already=False,
        attempt=OWN_ORDER,
        at=at,
    )
    return routed.short(needs)
