"""Promises that are no longer wanted: given back, and the goods put back on the shelf."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from orders.models import Fulfillment, Order, Pickup
from orders.operations.begun import BegunPieces, begun_pieces, free_pieces
from orders.operations.packing import put_goods_back
from orders.operations.promised import Promises, Spot, give_back
from retail.common.models import User
from retail.common.status import check_move

# What is called off first: goods that are only being fetched, then those in a closed parcel.
EASIEST_FIRST = (
    Fulfillment.Status.PICKING,
    Fulfillment.Status.PACKED,
    Fulfillment.Status.READY,
)


def keep_only(
    *,
    order: Order,
    promises: Promises,
    wanted: Mapping[int, int],
    reason: str,
    at: datetime,
    by: User | None = None,
) -> list[Fulfillment]:
    """
    Give back what is promised to a locked order beyond these pieces (line id -> pieces).

    Pieces that nobody has fetched yet go first, the youngest promise before the others. A begun
    fulfillment that holds pieces beyond is called off whole; its other pieces stay promised and
    are picked again. Returns the fulfillments that were called off.

    promises: with their stock levels locked, see `locked_promises_of`; they know of it afterwards.
    """
    called_off = _call_off_begun(order, wanted, reason=reason, at=at, by=by)
    begun = begun_pieces([order.pk])
    units = _surplus(promises, wanted, begun)
    give_back(order=order, promises=promises, units=units, at=at, by=by)
    return called_off


def put_back(
    *,
    fulfillments: Collection[Fulfillment],
    reason: str,
    at: datetime,
    by: User | None = None,
) -> None:
    """
    Call off begun fulfillments of locked orders: their goods go back on the shelf.

    The goods stay promised to the orders, so that they can be picked again. A pickup whose goods
    lay ready waits for them again.

    :raises WrongStatus: one has left, or was put back already.
    """
    lay_ready = {
        fulfillment.order_id
        for fulfillment in fulfillments
        if fulfillment.status == Fulfillment.Status.READY
    }
    for fulfillment in fulfillments:
        put_goods_back(
            order=fulfillment.order, fulfillment=fulfillment, reason=reason, at=at, by=by
        )
    if lay_ready:
        Pickup.objects.filter(order__in=lay_ready, status=Pickup.Status.READY).update(
            status=Pickup.Status.WAITING, ready_at=None, expires_at=None, expiry_proposed_at=None
        )


def end_pickup(order: Order) -> None:
    """End the pickup of a locked order of which nothing is left to be collected here."""
    pickup = Pickup.objects.filter(order=order).first()
    if pickup is not None and pickup.is_awaited:
        check_move(pickup, Pickup.Status.CANCELLED)
        pickup.status = Pickup.Status.CANCELLED
        pickup.save(update_fields=["status"])


def begun_fulfillments(order: Order) -> list[Fulfillment]:
    """Return the begun fulfillments of an order with their lines, those easiest to stop first."""
    begun = list(order.fulfillments.begun().prefetch_related("lines").order_by("-pk"))
    return sorted(begun, key=lambda one: EASIEST_FIRST.index(Fulfillment.Status(one.status)))


def _call_off_begun(
    order: Order, wanted: Mapping[int, int], *, reason: str, at: datetime, by: User | None
) -> list[Fulfillment]:
    begun = begun_fulfillments(order)
    held = _held(begun)
    called_off: list[Fulfillment] = []
    for fulfillment in begun:
        pieces = {row.line_id: row.quantity for row in fulfillment.lines.all()}
        if all(held[line_id] <= wanted.get(line_id, 0) for line_id in pieces):
            continue
        for line_id, quantity in pieces.items():
            held[line_id] -= quantity
        called_off.append(fulfillment)
    put_back(fulfillments=called_off, reason=reason, at=at, by=by)
    return called_off


def _held(fulfillments: Sequence[Fulfillment]) -> dict[int, int]:
    held: dict[int, int] = {}
    for fulfillment in fulfillments:
        for row in fulfillment.lines.all():
            held[row.line_id] = held.get(row.line_id, 0) + row.quantity
    return held


def _surplus(promises: Promises, wanted: Mapping[int, int], begun: BegunPieces) -> dict[Spot, int]:
    """Return the units of pieces beyond those wanted that are in nobody's hands."""
    left = {line_id: count - wanted.get(line_id, 0) for line_id, count in promises.pieces().items()}
    places = dict.fromkeys(row.allocation.level.location_id for row in reversed(promises.rows))
    surplus: dict[Spot, int] = {}
    for place in places:
        for line_id, free in free_pieces(promises, begun, place).items():
            pieces = min(left[line_id], free)
            if pieces <= 0:
                continue
            left[line_id] -= pieces
            for variant_id, each in promises.contents[line_id].items():
                surplus[Spot(line_id, place, variant_id)] = pieces * each
    return surplus
