"""Orders of channels: each a fact, stored once, whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import transaction

from channels.connectors.base import IncomingOrder, IncomingStatus
from channels.models import Channel
from channels.operations import ResolvedLine, resolve_variants
from customers.models import Customer
from customers.operations import Buyer, PostalAddress, identify, record_address
from inventory.models import Location
from inventory.operations import PeriodClosed
from orders.models import Order, OrderEvent, OrderHold, OrderLine
from orders.operations.allocation import promise_lines, stock_hold
from orders.operations.contents import Articles, articles_of, store_components
from orders.operations.events import event, record_events
from orders.operations.holds import NewHold, open_holds
from orders.operations.reading import (
    Reading,
    lacks_buyer,
    new_line,
    new_order,
    read_order,
    reading_holds,
)
from orders.operations.shipping import sell_at_once
from orders.operations.statuses import DERIVED_FIELDS, apply_statuses
from orders.operations.updating import update_order


class Outcome(StrEnum):
    """What became of an incoming order."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"
    STALE = "STALE"


@dataclass(frozen=True, slots=True)
class Ingested:
    """The order that an incoming order is, and what became of it."""

    order: Order
    outcome: Outcome


@transaction.atomic
def ingest_order(
    *, channel: Channel, incoming: IncomingOrder, at: datetime, location: Location | None = None
) -> Ingested:
    """
    Take in an order of a channel as the fact it is: new, changed, or known already.

    Never refused for what it says: an unknown article, a quantity that makes no sense, a total
    that does not add up, a missing buyer or stock that is short open a hold, and what can be
    promised is promised. Delivered again, it changes nothing; an older version than the one we
    have is left alone. An order the channel has shipped already is sold at once.

    location: where a channel that ships itself takes the goods from; by default the location that
    has most of them.

    A buyer is needed only for sending: an open order with goods is held while the channel names
    no buyer, or one that nobody can be recognized by and no address either.
    Locks: the order, keys of its customer, then cost pools and stock levels.

    :raises UnusableOrder: the order has no id that could be stored.
    """
    reading = read_order(incoming)
    order = _locked(channel, reading, at)
    if not order.payload_digest:
        _take_in(order, reading, location, at)
        return Ingested(order, Outcome.CREATED)
    known_at = order.external_updated_at
    if known_at is not None and incoming.updated_at < known_at:
        return Ingested(order, Outcome.STALE)
    is_changed = order.payload_digest != reading.digest and update_order(
        order=order, reading=reading, at=at
    )
    order.payload_digest = reading.digest
    order.external_updated_at = incoming.updated_at
    order.save(update_fields=["payload_digest", "external_updated_at"])
    return Ingested(order, Outcome.UPDATED if is_changed else Outcome.UNCHANGED)


def _locked(channel: Channel, reading: Reading, at: datetime) -> Order:
    """
    Lock the order, inserting its row first when there is none.

    A row without a digest is one that this very transaction has inserted: whoever inserts writes
    the digest before committing. When two insert at once, the second waits and finds the first's.
    """
    incoming = reading.order
    known = Order.objects.for_update().filter(channel=channel, external_id=incoming.external_id)
    order = known.first()
    if order is None:
        order = new_order(
            channel_id=channel.pk, incoming=incoming, currency=channel.currency, created_at=at
        )
        Order.objects.bulk_create([order], ignore_conflicts=True)
        order = known.get()
    order.channel = channel
    return order


def _take_in(order: Order, reading: Reading, location: Location | None, at: datetime) -> None:
    """Store everything about a new order, promise or book its goods, and save it."""
    incoming = reading.order
    order.payload_digest = reading.digest
    order.external_updated_at = incoming.updated_at
    order.rounding_difference = reading.rounding_difference
    customer = _identify(order, incoming, at)
    lines = store_lines(order=order, reading=reading)
    events = [event(order, OrderEvent.Kind.INGESTED, at=at, **ingested_details(reading))]
    if customer is not None:
        events.append(
            event(order, OrderEvent.Kind.CUSTOMER_IDENTIFIED, at=at, customer=customer.pk)
        )
    record_events(events)
    if incoming.status == IncomingStatus.CANCELLED:
        _store_as_cancelled(order, lines, at)
    else:
        holds = [*reading_holds(reading), *line_holds(lines)]
        if incoming.status == IncomingStatus.SHIPPED:
            holds += _sell(order, reading, lines, location, at)
        else:
            holds += _promise(order, reading, lines, at)
        open_holds(order=order, holds=holds, at=at)
        apply_statuses(order=order, lines=lines, is_held=bool(holds))
    order.save(
        update_fields=[
            *DERIVED_FIELDS,
            "payload_digest",
            "external_updated_at",
            "rounding_difference",
            "customer",
            "delivery_address",
            "location",
        ]
    )


def ingested_details(reading: Reading) -> dict[str, Any]:
    """Return what the timeline keeps of an order as it came."""
    return {
        "status": str(reading.order.status),
        "total": str(reading.order.total),
        "lines": len(reading.order.lines),
    }


def _identify(order: Order, incoming: IncomingOrder, at: datetime) -> Customer | None:
    if incoming.buyer is not None:
        order.customer = identify(
            channel_code=order.channel.code, buyer=Buyer(**asdict(incoming.buyer)), at=at
        )
    if incoming.delivery_address is not None:
        order.delivery_address = record_address(
            customer=order.customer,
            address=PostalAddress(**asdict(incoming.delivery_address)),
            at=at,
        )
    return order.customer


def store_lines(*, order: Order, reading: Reading) -> list[OrderLine]:
    """Store the lines of a new order with the variants they mean."""
    resolved = resolve_variants(channel=order.channel, lines=reading.lines)
    articles = articles_of(line.variant_id for line in resolved if line.variant_id)
    lines = OrderLine.objects.bulk_create(
        build_lines(orders=[order], readings=[reading], resolved=resolved, articles=articles)
    )
    store_components(lines=lines, articles=articles)
    return lines


def build_lines(
    *,
    orders: Sequence[Order],
    readings: Sequence[Reading],
    resolved: Sequence[ResolvedLine],
    articles: Articles,
) -> list[OrderLine]:
    """
    Make the rows of the lines of several orders, not stored yet.

    resolved: one per line, order after order. articles: their variants.
    """
    lines = [
        (order, line)
        for order, reading in zip(orders, readings, strict=True)
        for line in reading.lines
    ]
    return [
        new_line(
            order=order,
            line=line,
            variant_id=found.variant_id,
            pack_size=found.pack_size,
            is_stocked=line.is_stocked and found.variant_id not in articles.services,
            is_bundle=line.is_stocked and found.variant_id in articles.bundles,
        )
        for (order, line), found in zip(lines, resolved, strict=True)
    ]


def line_holds(lines: Sequence[OrderLine]) -> list[NewHold]:
    """Return the holds of the lines whose article nobody knows."""
    return [
        NewHold(
            kind=OrderHold.Kind.UNKNOWN_ITEM,
            reason=f"{line.raw_sku or line.raw_gtin or line.name or 'An article without a code'}"
            " is unknown.",
            line=line,
        )
        for line in lines
        if line.is_stocked and line.variant_id is None
    ]


def _promise(
    order: Order, reading: Reading, lines: Sequence[OrderLine], at: datetime
) -> list[NewHold]:
    """Promise the goods of a new order; return what keeps them from being sent."""
    holds = []
    missing = promise_lines(order=order, lines=lines, promised={}, at=at).missing
    if missing:
        holds.append(stock_hold(missing))
    if any(line.is_stocked for line in lines) and lacks_buyer(order, reading.order):
        reason = "The channel does not say who bought it."
        holds.append(NewHold(kind=OrderHold.Kind.NO_BUYER, reason=reason))
    return holds


def _sell(
    order: Order,
    reading: Reading,
    lines: Sequence[OrderLine],
    location: Location | None,
    at: datetime,
) -> list[NewHold]:
    """Book the goods of an order that the channel has shipped; return what is wrong then."""
    if not any(line.is_stocked and line.variant_id is not None for line in lines):
        return []
    sold_at = min(reading.order.updated_at, at)
    try:
        sale = sell_at_once(order=order, lines=lines, location=location, sold_at=sold_at)
    except PeriodClosed:
        # The order is a fact, however late it is told: its goods leave the open books.
        sale = sell_at_once(order=order, lines=lines, location=location, sold_at=at)
    return [] if sale else [sold_without_stock()]


def sold_without_stock() -> NewHold:
    """Return the hold of an order that the channel shipped and that stock cannot account for."""
    return NewHold(
        kind=OrderHold.Kind.CHANNEL_CONFLICT,
        reason="The channel has shipped it, but there is no such stock to take it from.",
    )


def _store_as_cancelled(order: Order, lines: Sequence[OrderLine], at: datetime) -> None:
    for line in lines:
        line.cancelled = line.ordered
    OrderLine.objects.bulk_update(lines, ["cancelled"])
    record_events(
        [event(order, OrderEvent.Kind.CANCELLED, at=at, reason="Cancelled on the channel.")]
    )
    order.lifecycle = Order.Lifecycle.CANCELLED
    apply_statuses(order=order, lines=lines, is_held=False)
