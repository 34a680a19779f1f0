"""Pieces of orders that are on order with a supplier, and those the supplier sends by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from inventory.models import Location, StockMovement
from inventory.operations import issue_stock
from orders.models import Fulfillment, Order, OrderEvent, OrderLine
from orders.operations.applying import promise_again
from orders.operations.contents import contents_of, shipment, units_in
from orders.operations.events import event, record_events
from orders.operations.leaving import book_sent, list_sent
from orders.operations.parcels import NewParcel, store_parcels, tell_channel
from orders.operations.payment_rules import require_promisable
from orders.operations.promised import lines_of, standing_promises
from orders.operations.statuses import locked_order, settle_order
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User


class NoLongerWanted(BusinessError):
    """The supplier was to send pieces that the order does not want any more; names the lines."""


@dataclass(frozen=True, slots=True)
class Wanting:
    """
    What a locked order wants and is not promised.

    pieces: line id -> pieces of known articles; a line that wants nothing is left out.
    """

    order: Order
    lines: Sequence[OrderLine]
    pieces: Mapping[int, int]


@transaction.atomic
def what_is_wanted(*, order_id: int) -> Wanting:
    """
    Lock an order and return what could be ordered from a supplier for it.

    Locks: the order.

    :raises WrongStatus: nothing of the order is left to be shipped.
    :raises AwaitsPayment: its payment rule asks for money first.
    """
    order = locked_order(order_id)
    if not order.is_open:
        raise WrongStatus(
            f"{order} is {order.get_lifecycle_display().lower()}: nothing is ordered for it.",
            status=order.lifecycle,
        )
    require_promisable(order)
    lines = lines_of(order)
    promised = standing_promises(lines).pieces()
    pieces = {
        line.pk: line.wanted_from_stock - promised.get(line.pk, 0)
        for line in lines
        if line.is_stocked and line.variant_id is not None
    }
    return Wanting(
        order=order, lines=lines, pieces={pk: count for pk, count in pieces.items() if count > 0}
    )


def note_ordered(
    *,
    order: Order,
    line: OrderLine,
    units: int,
    number: str,
    key: str,
    at: datetime,
    by: User | None,
) -> None:
    """Write to the timeline of a locked order that units were ordered for one of its lines."""
    details = {"on": number, "units": units, "line": line.pk, "key": key}
    record_events([event(order, OrderEvent.Kind.FROM_SUPPLIER, at=at, by=by, **details)])


@transaction.atomic
def set_from_supplier(
    *, order_id: int, units: Mapping[int, int], number: str, at: datetime, by: User | None
) -> None:
    """
    Say how much of its lines a supplier sends to the customer, in place of what was said before.

    No more than is wanted and not promised; none of ours is promised to these pieces. What no
    supplier sends any more is promised from stock, and the order is held while it is short.

    units: line id -> base units, of which whole pieces count. number: of the purchase order this is
    about, for the timeline. The same figures again change nothing.
    Locks: the order, then the stock levels.
    """
    order = locked_order(order_id)
    lines = lines_of(order)
    promised = standing_promises(lines).pieces()
    pieces = {
        line.pk: max(
            min(units[line.pk] // line.pack_size, line.open_quantity - promised.get(line.pk, 0)), 0
        )
        for line in lines
        if line.pk in units
    }
    changed = [
        line for line in lines if pieces.get(line.pk, line.from_supplier) != line.from_supplier
    ]
    if not changed:
        return
    more = sum(pieces[line.pk] - line.from_supplier for line in changed)
    for line in changed:
        line.from_supplier = pieces[line.pk]
    OrderLine.objects.bulk_update(changed, ["from_supplier"])
    told = {"sent_by_supplier": more} if more > 0 else {"no_longer_sent_by_supplier": -more}
    record_events([event(order, OrderEvent.Kind.FROM_SUPPLIER, at=at, by=by, on=number, **told)])
    if order.is_open:
        promise_again(order, lines, at=at, by=by)
    settle_order(order=order, lines=lines)


@transaction.atomic
def require_sendable(*, order_id: int, pieces: Mapping[int, int]) -> None:
    """
    Pass when a supplier may send these pieces (line id -> pieces) to the customer of an order.

    What holds the order makes no difference: the goods have left.
    Locks: the order.

    :raises NoLongerWanted: more than the lines still want from a supplier.
    """
    order = locked_order(order_id)
    gone = [
        (line, min(line.from_supplier, line.open_quantity) if order.is_open else 0)
        for line in lines_of(order)
        if line.pk in pieces
    ]
    short = [(line, left) for line, left in gone if pieces[line.pk] > left]
    if short:
        names = ", ".join(f"{left} of {line} instead of {pieces[line.pk]}" for line, left in short)
        raise NoLongerWanted(
            f"{order} wants no more than {names}: the rest was cancelled. Have it sent back.",
            lines=[line.pk for line, _ in short],
        )


@transaction.atomic
def ship_from_supplier(
    *,
    order_id: int,
    pieces: Mapping[int, int],
    location: Location,
    key: str,
    at: datetime,
    by: User | None = None,
    carrier: str = "",
    tracking_number: str = "",
) -> Fulfillment:
    """
    Book that a supplier has sent pieces to the customer, and note that the channel must be told.

    The goods are free stock at the location, whose cost pools and levels are locked by the caller
    in the same transaction: they came in there just now.

    pieces: line id -> pieces. key: the same key again returns the first fulfillment.
    Locks: the order.

    :raises NoLongerWanted: more than the lines still want from a supplier.
    """
    order = locked_order(order_id)
    if earlier := order.fulfillments.filter(key=key).first():
        return earlier
    require_sendable(order_id=order_id, pieces=pieces)
    lines = lines_of(order)
    fulfillment = Fulfillment.objects.create(
        order=order, location=location, key=key, shipped_at=at, shipped_by=by
    )
    sent = list_sent(fulfillment=fulfillment, lines=lines, pieces=pieces)
    contents = contents_of(lines)
    issue_stock(
        location=location,
        units=units_in((contents[line_id], count) for line_id, count in pieces.items()),
        kind=StockMovement.Kind.SALE,
        reference=fulfillment.number,
        at=at,
        by=by,
        source=shipment(fulfillment, sent, contents),
    )
    for line in lines:
        line.from_supplier -= pieces.get(line.pk, 0)
    OrderLine.objects.bulk_update(lines, ["from_supplier"])
    book_sent(fulfillment=fulfillment, sent=sent, at=at, by=by)
    parcels = [NewParcel(carrier=carrier, tracking_number=tracking_number)]
    tell_channel(
        order=order,
        fulfillment=fulfillment,
        sent=sent,
        parcels=store_parcels(
            fulfillment=fulfillment, parcels=parcels if carrier or tracking_number else []
        ),
        at=at,
    )
    settle_order(order=order, lines=lines)
    return fulfillment
