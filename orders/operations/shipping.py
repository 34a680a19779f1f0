"""Goods leaving: what was promised is sent, what the channel sold by itself is booked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from channels.models import Channel, OutboxEntry
from channels.operations import enqueue
from inventory.models import ChannelStockSource, Location, StockMovement
from inventory.operations import InsufficientStock, issue_stock, sell_stock, ship_allocated
from orders.models import (
    Fulfillment,
    FulfillmentLine,
    LineAllocation,
    Order,
    OrderEvent,
    OrderLine,
    Parcel,
)
from orders.operations.allocation import free_levels, ranked_locations
from orders.operations.contents import Contents, contents_of, shipment, units_in
from orders.operations.events import event, record_events
from orders.operations.promised import Promises, Spot, lines_of, promises_of, take_off
from orders.operations.statuses import locked_order, settle_order
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User

# These have nobody to be told: we wrote the order ourselves, or the file goes one way only.
SILENT_KINDS = frozenset({Channel.Kind.MANUAL, Channel.Kind.POS, Channel.Kind.TABULAR})
UNCONNECTED_MODES = frozenset({Channel.Mode.OFF, Channel.Mode.SHADOW})
# Key of the one fulfillment that a channel does itself.
SOLD_BY_CHANNEL = "channel"


class OrderOnHold(BusinessError):
    """Something has to be decided about the order before it can be shipped."""


class NotEnoughPromised(BusinessError):
    """More pieces were to be shipped than are promised to the order there."""


class NothingToShip(BusinessError):
    """Nothing is promised to the order there."""


class UnknownLine(BusinessError):
    """A line is not one of this order."""


@transaction.atomic
def ship(
    *,
    order_id: int,
    key: str,
    at: datetime,
    by: User | None = None,
    quantities: Mapping[int, int] | None = None,
    carrier: str = "",
    tracking_number: str = "",
    location_id: int | None = None,
) -> Fulfillment:
    """
    Send promised goods of an order from one location, and note that the channel must be told.

    quantities: line id -> pieces, as the channel counts them; None sends everything that is
    promised at the location. What is not stocked, postage for one, goes along with the first.
    key: made by whoever asks; the same key again returns the first fulfillment.
    location_id: where they leave from; by default where the order is served from, or, when
    nothing is promised there any more, wherever something is.
    Locks: the order, then cost pools, stock levels and allocations.

    :raises WrongStatus: the order is completed or cancelled.
    :raises OrderOnHold: names every open hold; what was promised may be gone by now.
    :raises NothingToShip: nothing is promised there.
    :raises NotEnoughPromised: names the lines with fewer pieces promised there than asked for.
    :raises UnknownLine: a line of another order.
    """
    order = locked_order(order_id)
    if earlier := order.fulfillments.filter(key=key).first():
        return earlier
    lines = lines_of(order)
    promises = promises_of(order=order, lines=lines, at=at)
    _require_ready(order)
    if location_id is None:
        location_id = _default_location_id(order, promises)
    promises = promises.at_location(location_id)
    pieces = _pieces_to_ship(order, lines, promises, quantities)
    fulfillment = Fulfillment.objects.create(
        order=order, location_id=location_id, key=key, shipped_at=at, shipped_by=by
    )
    sent = list_sent(fulfillment=fulfillment, lines=lines, pieces=pieces)
    ship_allocated(
        units=_consume(promises, pieces, location_id),
        reference=fulfillment.number,
        at=at,
        by=by,
        source=shipment(fulfillment, sent, promises.contents),
    )
    LineAllocation.objects.bulk_update(promises.rows, ["units"])
    book_sent(fulfillment=fulfillment, sent=sent, at=at, by=by)
    if carrier or tracking_number:
        Parcel.objects.create(
            fulfillment=fulfillment, carrier=carrier, tracking_number=tracking_number
        )
    _tell_channel(order, fulfillment, sent, carrier, tracking_number)
    settle_order(order=order, lines=lines)
    return fulfillment


def list_sent(
    *, fulfillment: Fulfillment, lines: Sequence[OrderLine], pieces: Mapping[int, int]
) -> list[FulfillmentLine]:
    """
    Write the lines of a fulfillment: these pieces of goods (line id -> pieces).

    What is not stocked leaves with the first fulfillment of the order.
    """
    leaving = (
        (line, pieces.get(line.pk, 0) if line.is_stocked else line.open_quantity) for line in lines
    )
    return FulfillmentLine.objects.bulk_create(
        FulfillmentLine(fulfillment=fulfillment, line=line, quantity=quantity)
        for line, quantity in leaving
        if quantity
    )


def book_sent(
    *,
    fulfillment: Fulfillment,
    sent: Sequence[FulfillmentLine],
    at: datetime,
    by: User | None = None,
) -> None:
    """Count what left with a fulfillment on the lines of its order, and write the event."""
    for row in sent:
        row.line.shipped += row.quantity
    OrderLine.objects.bulk_update([row.line for row in sent], ["shipped"])
    goods = sum(row.quantity for row in sent if row.line.is_stocked)
    record_events(
        [
            event(
                fulfillment.order,
                OrderEvent.Kind.SHIPPED,
                at=at,
                by=by,
                fulfillment=fulfillment.number,
                pieces=goods,
            )
        ]
    )


def sell_at_once(
    *,
    order: Order,
    lines: Sequence[OrderLine],
    location: Location | None,
    sold_at: datetime,
) -> Fulfillment | None:
    """
    Book goods that the channel has handed over itself, without a promise.

    All goods of known articles or nothing. A till's goods are gone from the store, whatever the
    system knew of them: see `sell_stock`. Another channel's come out of free stock, and when there
    is not enough nothing is booked. Neither saves the order nor opens a hold.

    lines: all lines of the order. location: where the goods were taken from; by default where the
    till stands, else the location that has most of them. None is returned without one, too.
    """
    contents = contents_of(lines)
    pieces = {line.pk: line.open_quantity for line in lines if line.pk in contents}
    units = units_in((contents[line_id], count) for line_id, count in pieces.items())
    location = location or _place_of_sale(order.channel, units)
    if location is None:
        return None
    try:
        # A savepoint: the fulfillment goes with the goods that turn out not to be there.
        with transaction.atomic():
            fulfillment = Fulfillment.objects.create(
                order=order,
                location=location,
                method=sale_method(order.channel),
                key=SOLD_BY_CHANNEL,
                shipped_at=sold_at,
            )
            sent = list_sent(fulfillment=fulfillment, lines=lines, pieces=pieces)
            _take_sold(fulfillment, units, sent, contents)
    except InsufficientStock:
        return None
    book_sent(fulfillment=fulfillment, sent=sent, at=sold_at)
    order.location = location
    return fulfillment


def _take_sold(
    fulfillment: Fulfillment,
    units: Mapping[int, int],
    sent: Sequence[FulfillmentLine],
    contents: Mapping[int, Contents],
) -> None:
    """Take the units of a sale out of stock, as far as it knows of them."""
    source = shipment(fulfillment, sent, contents)
    if fulfillment.method == Fulfillment.Method.COUNTER:
        sell_stock(
            location=fulfillment.location,
            units=units,
            reference=fulfillment.number,
            at=fulfillment.shipped_at,
            source=source,
        )
    else:
        issue_stock(
            location=fulfillment.location,
            units=units,
            kind=StockMovement.Kind.SALE,
            reference=fulfillment.number,
            at=fulfillment.shipped_at,
            source=source,
        )


def _place_of_sale(channel: Channel, units: Mapping[int, int]) -> Location | None:
    """Return where a till stands, or else the location that has most of the units."""
    if channel.kind == Channel.Kind.POS:
        sources = ChannelStockSource.objects.filter(channel=channel).select_related("location")
        if source := sources.order_by("location__priority", "pk").first():
            return source.location
    return next(iter(ranked_locations(free_levels(units), units)), None)


def sale_method(channel: Channel) -> str:
    """Return how goods leave that the channel hands over itself."""
    is_till = channel.kind == Channel.Kind.POS
    return Fulfillment.Method.COUNTER if is_till else Fulfillment.Method.SHIP


def _require_ready(order: Order) -> None:
    if not order.is_open:
        raise WrongStatus(
            f"{order} is {order.get_lifecycle_display().lower()} and cannot be shipped.",
            status=order.lifecycle,
        )
    holds = list(order.holds.open().order_by("pk"))
    if holds:
        reasons = "; ".join(str(hold) for hold in holds)
        raise OrderOnHold(
            f"{order} is on hold. {reasons}", holds=sorted({hold.kind for hold in holds})
        )


def _default_location_id(order: Order, promises: Promises) -> int:
    places = [row.allocation.level.location_id for row in promises.rows]
    if not places:
        raise NothingToShip(f"Nothing is promised to {order}.", order=order.number)
    return order.location_id if order.location_id in places else places[0]


def _pieces_to_ship(
    order: Order,
    lines: Sequence[OrderLine],
    promises: Promises,
    quantities: Mapping[int, int] | None,
) -> dict[int, int]:
    """Return line id -> pieces: those asked for when all are promised here, else all promised."""
    promised = promises.pieces()
    if not any(promised.values()):
        raise NothingToShip(f"Nothing is promised to {order} there.", order=order.number)
    if quantities is None:
        return promised
    asked = {line_id: pieces for line_id, pieces in quantities.items() if pieces}
    if unknown := sorted(asked.keys() - {line.pk for line in lines}):
        raise UnknownLine(f"{order} has no such line.", lines=unknown)
    short = [
        line
        for line in lines
        if line.pk in asked and not 0 < asked[line.pk] <= promised.get(line.pk, 0)
    ]
    if short:
        names = ", ".join(
            f"{promised.get(line.pk, 0)} of {line} instead of {asked[line.pk]}" for line in short
        )
        raise NotEnoughPromised(
            f"Promised to {order} there: {names}.", lines=[line.pk for line in short]
        )
    if not asked:
        raise NothingToShip(f"No pieces of {order} were chosen.", order=order.number)
    return asked


def _consume(promises: Promises, pieces: Mapping[int, int], location_id: int) -> dict[int, int]:
    """Take pieces (line id -> pieces) off the promises, oldest first; allocation id -> units."""
    wanted = {
        Spot(line_id, location_id, variant_id): count * each
        for line_id, count in pieces.items()
        for variant_id, each in promises.contents.get(line_id, {}).items()
    }
    return take_off(promises.rows, wanted)


def _tell_channel(
    order: Order,
    fulfillment: Fulfillment,
    sent: Sequence[FulfillmentLine],
    carrier: str,
    tracking_number: str,
) -> None:
    channel = order.channel
    is_silent = channel.kind in SILENT_KINDS or channel.mode in UNCONNECTED_MODES
    if is_silent or order.external_id is None:
        return
    payload: dict[str, Any] = {
        "external_order_id": order.external_id,
        "carrier": carrier,
        # Channels tell one parcel from the next by this number; ours stands in where none is.
        "tracking_number": tracking_number or fulfillment.number,
        "shipped_at": fulfillment.shipped_at.isoformat(),
        "lines": {row.line.external_line_id: row.quantity for row in sent},
    }
    enqueue(
        channel=channel,
        kind=OutboxEntry.Kind.TRACKING,
        key=fulfillment.number,
        payload=payload,
        at=fulfillment.shipped_at,
    )
