"""Goods leaving: what was promised is sent, what the channel sold by itself is booked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from channels.models import Channel, OutboxEntry
from channels.operations import enqueue
from inventory.models import Location, StockMovement
from inventory.operations import InsufficientStock, issue_stock, ship_allocated
from orders.models import (
    Fulfillment,
    FulfillmentLine,
    LineAllocation,
    Order,
    OrderEvent,
    OrderLine,
    Parcel,
)
from orders.operations.allocation import lines_of, ranked_locations
from orders.operations.events import event, record_events
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
    Locks: the order, then cost pools and stock levels.

    :raises WrongStatus: the order is completed or cancelled.
    :raises OrderOnHold: names every open hold.
    :raises NothingToShip: nothing is promised there.
    :raises NotEnoughPromised: names the lines with fewer pieces promised there than asked for.
    :raises UnknownLine: a line of another order.
    """
    order = locked_order(order_id)
    if earlier := order.fulfillments.filter(key=key).first():
        return earlier
    _require_ready(order)
    lines = lines_of(order)
    promises = list(
        LineAllocation.objects.filter(line__order=order, units__gt=0)
        .select_related("allocation__level")
        .order_by("pk")
    )
    if location_id is None:
        location_id = _default_location_id(order, promises)
    promises = [row for row in promises if row.allocation.level.location_id == location_id]
    pieces = _pieces_to_ship(order, lines, promises, quantities)
    fulfillment = Fulfillment.objects.create(
        order=order, location_id=location_id, key=key, shipped_at=at, shipped_by=by
    )
    units = _consume(promises, {line.pk: pieces.get(line.pk, 0) * line.pack_size for line in lines})
    ship_allocated(units=units, reference=fulfillment.number, at=at, by=by)
    LineAllocation.objects.bulk_update(promises, ["units"])
    sent = book_sent(fulfillment=fulfillment, lines=lines, pieces=pieces, at=at, by=by)
    if carrier or tracking_number:
        Parcel.objects.create(
            fulfillment=fulfillment, carrier=carrier, tracking_number=tracking_number
        )
    _tell_channel(order, fulfillment, sent, carrier, tracking_number)
    settle_order(order=order, lines=lines)
    return fulfillment


def book_sent(
    *,
    fulfillment: Fulfillment,
    lines: Sequence[OrderLine],
    pieces: Mapping[int, int],
    at: datetime,
    by: User | None = None,
) -> dict[str, int]:
    """
    Write what left with a fulfillment: its lines, the pieces shipped of each, the event.

    What is not stocked leaves with the first fulfillment of the order.
    Returns the channel's line id -> pieces.
    """
    leaving = {
        line: pieces.get(line.pk, 0) if line.is_stocked else line.open_quantity for line in lines
    }
    leaving = {line: quantity for line, quantity in leaving.items() if quantity}
    for line, quantity in leaving.items():
        line.shipped += quantity
    OrderLine.objects.bulk_update(list(leaving), ["shipped"])
    FulfillmentLine.objects.bulk_create(
        FulfillmentLine(fulfillment=fulfillment, line=line, quantity=quantity)
        for line, quantity in leaving.items()
    )
    goods = sum(quantity for line, quantity in leaving.items() if line.is_stocked)
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
    return {line.external_line_id: quantity for line, quantity in leaving.items()}


def sell_at_once(
    *,
    order: Order,
    goods: Sequence[OrderLine],
    lines: Sequence[OrderLine],
    location: Location | None,
    sold_at: datetime,
) -> Fulfillment | None:
    """
    Book goods that the channel has handed over itself, out of free stock and without a promise.

    All of the goods or nothing; None when there is not enough. Neither saves the order nor opens
    a hold.

    goods: lines of known articles, of all `lines`. location: where they were taken from; by
    default the one that has most of them.
    """
    units: dict[int, int] = defaultdict(int)
    for line in goods:
        if line.variant_id is not None:
            units[line.variant_id] += line.open_quantity * line.pack_size
    location = location or next(iter(ranked_locations(units)), None)
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
            issue_stock(
                location=location,
                units=units,
                kind=StockMovement.Kind.SALE,
                reference=fulfillment.number,
                at=sold_at,
            )
    except InsufficientStock:
        return None
    book_sent(
        fulfillment=fulfillment,
        lines=lines,
        pieces={line.pk: line.open_quantity for line in goods},
        at=sold_at,
    )
    order.location = location
    return fulfillment


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


def _default_location_id(order: Order, promises: Sequence[LineAllocation]) -> int:
    places = [row.allocation.level.location_id for row in promises]
    if not places:
        raise NothingToShip(f"Nothing is promised to {order}.", order=order.number)
    return order.location_id if order.location_id in places else places[0]


def _pieces_to_ship(
    order: Order,
    lines: Sequence[OrderLine],
    promises: Sequence[LineAllocation],
    quantities: Mapping[int, int] | None,
) -> dict[int, int]:
    """Return line id -> pieces: those asked for when all are promised here, else all promised."""
    units: dict[int, int] = defaultdict(int)
    for row in promises:
        units[row.line_id] += row.units
    promised = {line.pk: units[line.pk] // line.pack_size for line in lines if line.pk in units}
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


def _consume(promises: Sequence[LineAllocation], units: dict[int, int]) -> dict[int, int]:
    """Take units (line id -> units) off the promises, oldest first; allocation id -> units."""
    taken: dict[int, int] = defaultdict(int)
    for row in promises:
        count = min(row.units, units.get(row.line_id, 0))
        if not count:
            continue
        row.units -= count
        units[row.line_id] -= count
        taken[row.allocation_id] += count
    return dict(taken)


def _tell_channel(
    order: Order,
    fulfillment: Fulfillment,
    sent: Mapping[str, int],
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
        "lines": dict(sent),
    }
    enqueue(
        channel=channel,
        kind=OutboxEntry.Kind.TRACKING,
        key=fulfillment.number,
        payload=payload,
        at=fulfillment.shipped_at,
    )
