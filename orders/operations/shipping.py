"""Goods leaving: what was promised is sent, what the channel sold by itself is booked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from channels.models import Channel
from inventory.models import ChannelStockSource, Location, StockMovement
from inventory.operations import InsufficientStock, issue_stock, sell_stock
from orders.models import Fulfillment, FulfillmentLine, Order, OrderLine
from orders.operations.allocation import free_levels, ranked_locations
from orders.operations.begun import BegunPieces, begun_pieces, free_pieces
from orders.operations.contents import Contents, contents_of, shipment, units_in
from orders.operations.leaving import (
    book_sent,
    let_go,
    list_sent,
    locked_fulfillment,
    require_promised,
    require_ready,
    take_out,
)
from orders.operations.parcels import NewParcel, store_parcels, tell_channel
from orders.operations.promised import Promises, lines_of, promises_of
from orders.operations.statuses import locked_order, settle_order
from retail.common.errors import BusinessError
from retail.common.models import User

# Key of the first fulfillment that a channel does itself.
SOLD_BY_CHANNEL = "channel"


class NothingToShip(BusinessError):
    """Nothing is promised to the order there."""


class UnknownLine(BusinessError):
    """A line is not one of this order."""


class WrongMethod(BusinessError):
    """Goods that are collected were to be sent."""


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

    :raises WrongMethod: its customer collects it.
    :raises WrongStatus: the order is completed or cancelled.
    :raises OrderOnHold: names every open hold; what was promised may be gone by now.
    :raises NothingToShip: nothing is promised there.
    :raises NotEnoughPromised: names the lines with fewer pieces promised there than asked for.
    :raises UnknownLine: a line of another order.
    """
    order = locked_order(order_id)
    if earlier := order.fulfillments.filter(key=key).first():
        return earlier
    if order.delivery == Order.Delivery.PICKUP:
        raise WrongMethod(f"{order} is handed over to its customer, not sent.")
    lines = lines_of(order)
    promises = promises_of(order=order, lines=lines, at=at)
    require_ready(order)
    begun = begun_pieces([order.pk])
    if location_id is None:
        location_id = _default_location_id(order, promises, begun)
    pieces = _pieces_to_ship(order, lines, free_pieces(promises, begun, location_id), quantities)
    fulfillment = Fulfillment.objects.create(
        order=order, location_id=location_id, key=key, shipped_at=at, shipped_by=by
    )
    sent = list_sent(fulfillment=fulfillment, lines=lines, pieces=pieces)
    take_out(fulfillment=fulfillment, sent=sent, promises=promises, at=at, by=by)
    is_parcel = bool(carrier or tracking_number)
    parcels = [NewParcel(carrier=carrier, tracking_number=tracking_number)] if is_parcel else []
    tell_channel(
        order=order,
        fulfillment=fulfillment,
        sent=sent,
        parcels=store_parcels(fulfillment=fulfillment, parcels=parcels),
        at=at,
    )
    settle_order(order=order, lines=lines)
    return fulfillment


@transaction.atomic
def ship_packed(
    *,
    fulfillment_id: int,
    at: datetime,
    by: User | None = None,
    parcels: Sequence[NewParcel] | None = None,
) -> Fulfillment:
    """
    Send what is packed in a fulfillment, and note that the channel must be told of its parcels.

    parcels: the boxes, in place of those named when it was packed; None keeps those. Called again
    for one that was sent it changes nothing.
    Locks: the order, then cost pools, stock levels and allocations.

    :raises UnknownFulfillment: no fulfillment has this id.
    :raises WrongStatus: it is not packed, or its order is cancelled.
    :raises WrongMethod: its customer collects it.
    :raises OrderOnHold: names every open hold; what was promised may be gone by now.
    :raises NotEnoughPromised: names the lines with fewer pieces promised than are packed.
    :raises ParcelTwice: two boxes have the same carrier and number.
    """
    order, fulfillment = locked_fulfillment(fulfillment_id)
    if fulfillment.status == Fulfillment.Status.SHIPPED:
        return fulfillment
    if fulfillment.method == Fulfillment.Method.PICKUP:
        raise WrongMethod(f"{fulfillment} is handed over to its customer, not sent.")
    lines = lines_of(order)
    sent = let_go(order=order, fulfillment=fulfillment, lines=lines, at=at, by=by)
    if parcels is not None:
        fulfillment.parcels.all().delete()
        store_parcels(fulfillment=fulfillment, parcels=parcels)
    tell_channel(
        order=order,
        fulfillment=fulfillment,
        sent=sent,
        parcels=list(fulfillment.parcels.order_by("pk")),
        at=at,
    )
    settle_order(order=order, lines=lines)
    return fulfillment


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
    pieces = {
        line.pk: line.open_quantity for line in lines if line.pk in contents and line.open_quantity
    }
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
                key=_key_of_sale(order, lines),
                shipped_at=sold_at,
            )
            sent = list_sent(fulfillment=fulfillment, lines=lines, pieces=pieces)
            _take_sold(fulfillment, units, sent, contents, sold_at)
    except InsufficientStock:
        return None
    book_sent(fulfillment=fulfillment, sent=sent, at=sold_at)
    order.location = location
    return fulfillment


def _key_of_sale(order: Order, lines: Sequence[OrderLine]) -> str:
    """Return the key of what a channel hands over now; lines linked later have one of their own."""
    if not any(line.shipped for line in lines):
        return SOLD_BY_CHANNEL
    times = order.fulfillments.filter(key__startswith=SOLD_BY_CHANNEL).count()
    return f"{SOLD_BY_CHANNEL} {times + 1}"


def _take_sold(
    fulfillment: Fulfillment,
    units: Mapping[int, int],
    sent: Sequence[FulfillmentLine],
    contents: Mapping[int, Contents],
    sold_at: datetime,
) -> None:
    """Take the units of a sale out of stock, as far as it knows of them."""
    source = shipment(fulfillment, sent, contents)
    if fulfillment.method == Fulfillment.Method.COUNTER:
        sell_stock(
            location=fulfillment.location,
            units=units,
            reference=fulfillment.number,
            at=sold_at,
            source=source,
        )
    else:
        issue_stock(
            location=fulfillment.location,
            units=units,
            kind=StockMovement.Kind.SALE,
            reference=fulfillment.number,
            at=sold_at,
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


def _default_location_id(order: Order, promises: Promises, begun: BegunPieces) -> int:
    places = [row.allocation.level.location_id for row in promises.rows]
    if not places:
        raise NothingToShip(f"Nothing is promised to {order}.", order=order.number)
    usual = [order.location_id] if order.location_id in places else []
    free = [place for place in [*usual, *places] if free_pieces(promises, begun, place)]
    return next(iter(free), places[0])


def _pieces_to_ship(
    order: Order,
    lines: Sequence[OrderLine],
    promised: Mapping[int, int],
    quantities: Mapping[int, int] | None,
) -> dict[int, int]:
    """Return line id -> pieces: those asked for when all are free here, else all that are."""
    if not promised:
        raise NothingToShip(
            f"Nothing is promised to {order} there that is not being picked already.",
            order=order.number,
        )
    if quantities is None:
        return dict(promised)
    asked = {line_id: pieces for line_id, pieces in quantities.items() if pieces}
    if unknown := sorted(asked.keys() - {line.pk for line in lines}):
        raise UnknownLine(f"{order} has no such line.", lines=unknown)
    if not asked:
        raise NothingToShip(f"No pieces of {order} were chosen.", order=order.number)
    require_promised(order=order, lines=lines, promised=promised, asked=asked)
    return asked
