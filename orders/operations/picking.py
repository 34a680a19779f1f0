"""Waves: the goods of several orders fetched in one walk through a location."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from inventory.models import Location
from orders.models import (
    Fulfillment,
    FulfillmentItem,
    FulfillmentLine,
    Order,
    OrderEvent,
    OrderHold,
    OrderLine,
    PickList,
)
from orders.operations.begun import begun_pieces, free_pieces
from orders.operations.contents import units_in
from orders.operations.events import event, record_events
from orders.operations.leaving import OrderOnHold
from orders.operations.promised import read_promises
from orders.operations.statuses import UnknownOrder
from orders.queries import orders_begun_today, orders_to_pick
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User

# Sets the advisory locks taken here apart from everybody else's.
LOCK_SPACE = 0x5049434B
ORDERS_IN_A_WAVE = 500
# Orders passed over that are named; a desk with more of them has its own queue of holds.
PASSED_OVER_NAMED = 100
REASONS_TOLD = 3


class NothingToPick(BusinessError):
    """No goods of the orders are promised there that nobody picks already."""


class CapacityReached(BusinessError):
    """The location sends no more orders today."""


class TooManyOrders(BusinessError):
    """More orders than one walk can be for."""


@dataclass(frozen=True, slots=True)
class Wave:
    """
    A pick list, and the orders whose turn it was and that were left out.

    passed_over: number of the order -> why.
    """

    pick_list: PickList
    passed_over: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Pieces:
    """What is to be picked of an order: line id -> pieces, and the units that hands hold."""

    lines: Mapping[int, int]
    units: Mapping[int, int]


@transaction.atomic
def start_picking(
    *,
    location: Location,
    key: str,
    at: datetime,
    by: User | None = None,
    order_ids: Collection[int] | None = None,
    limit: int = 20,
) -> Wave:
    """
    Begin a fulfillment for each of several orders: all that is promised to it there and that
    nobody picks already.

    order_ids: these orders, all of them or none; None takes those whose turn it is, `limit` at
    most and no more than the location can send that day. What is held is passed over.
    key: made by whoever asks; the same key again returns the first list.
    Locks: the waves of the location, then the orders.

    :raises NothingToPick: nothing there is left to be picked.
    :raises CapacityReached: the location can send no more, or fewer than these, today.
    :raises TooManyOrders: more than 500.
    :raises UnknownOrder: an order does not exist.
    :raises WrongStatus: an order that was named is completed or cancelled.
    :raises OrderOnHold: an order that was named is held.
    """
    if (limit if order_ids is None else len(set(order_ids))) > ORDERS_IN_A_WAVE:
        msg = f"A walk is for {ORDERS_IN_A_WAVE} orders at most."
        raise TooManyOrders(msg, most=ORDERS_IN_A_WAVE)
    _lock_waves(location)
    if earlier := PickList.objects.filter(key=key).first():
        return Wave(pick_list=earlier, passed_over={})
    passed_over: dict[str, str] = {}
    if order_ids is None:
        chosen = _in_turn(location, limit, passed_over, at=at)
    else:
        chosen = sorted(set(order_ids))
        _require_room(location, chosen, at=at)
    orders = _locked(chosen)
    pieces, refusals = _what_to_pick(orders, location)
    if refusals and order_ids is not None:
        raise next(iter(refusals.values()))
    passed_over |= {order.number: refusal.message for order, refusal in refusals.items()}
    taken = [order for order in orders if order not in refusals]
    if not taken:
        why = "".join(f" {reason}" for reason in list(passed_over.values())[:REASONS_TOLD])
        raise NothingToPick(f"Nothing is left to be picked at {location}.{why}")
    pick_list = PickList.objects.create(location=location, key=key, started_at=at, started_by=by)
    _begin(pick_list, [(order, pieces[order.pk]) for order in taken], at=at, by=by)
    return Wave(pick_list=pick_list, passed_over=passed_over)


def _lock_waves(location: Location) -> None:
    """Let one wave of a location begin at a time, so that its capacity is kept."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s::int)", [LOCK_SPACE, location.pk])


def _room(location: Location, at: datetime) -> int:
    """Return how many more orders the location can send today."""
    if location.daily_capacity is None:
        return ORDERS_IN_A_WAVE
    return max(0, location.daily_capacity - orders_begun_today(location=location, at=at))


def _capacity_reached(location: Location) -> CapacityReached:
    return CapacityReached(
        f"{location} sends {location.daily_capacity} orders a day, and has as many already.",
        capacity=location.daily_capacity,
    )


def _require_room(location: Location, order_ids: Sequence[int], *, at: datetime) -> None:
    sent = Order.objects.filter(pk__in=order_ids, delivery=Order.Delivery.SHIP)
    if location.daily_capacity is not None and sent.count() > _room(location, at):
        raise _capacity_reached(location)


def _in_turn(
    location: Location, limit: int, passed_over: dict[str, str], *, at: datetime
) -> list[int]:
    """Return the orders whose turn it is, and note those before them that are left out."""
    room = _room(location, at)
    chosen: list[int] = []
    turn: QuerySet[Any] = orders_to_pick(location=location).order_by(
        "ship_by", "-priority", "placed_at", "pk"
    )
    rows = turn.values_list("pk", "number", "delivery", "is_held")
    for pk, number, delivery, is_held in rows[: limit + PASSED_OVER_NAMED]:
        if len(chosen) == limit:
            break
        is_sent = delivery == Order.Delivery.SHIP
        if is_held:
            passed_over[number] = f"{number} is on hold."
        elif is_sent and not room:
            passed_over[number] = _capacity_reached(location).message
        else:
            room -= is_sent
            chosen.append(pk)
    return chosen


def _locked(order_ids: Collection[int]) -> list[Order]:
    """Lock the orders; return them in their turn."""
    orders = list(Order.objects.for_update().filter(pk__in=list(order_ids)))
    if unknown := sorted(set(order_ids) - {order.pk for order in orders}):
        raise UnknownOrder("There is no such order.", order_ids=unknown)
    return sorted(orders, key=_turn)


def _turn(order: Order) -> tuple[bool, float, int, datetime, int]:
    due = order.ship_by.timestamp() if order.ship_by else 0.0
    return order.ship_by is None, due, -order.priority, order.placed_at, order.pk


def _what_to_pick(
    orders: Sequence[Order], location: Location
) -> tuple[dict[int, _Pieces], dict[Order, BusinessError]]:
    """Return order id -> what is to be picked of it there, and why the others cannot be picked."""
    lines = list(OrderLine.objects.filter(order__in=orders).order_by("pk"))
    order_of = {line.pk: line.order_id for line in lines}
    promises = read_promises(lines)
    free: dict[int, dict[int, int]] = defaultdict(dict)
    begun = begun_pieces([order.pk for order in orders])
    for line_id, count in free_pieces(promises, begun, location.pk).items():
        free[order_of[line_id]][line_id] = count
    # To settle them here would lock stock, order by order; the schedule does it in a minute.
    unsettled = {
        order_of[row.line_id]
        for row in promises.rows
        if row.is_withdrawn  # type: ignore[attr-defined]  # annotated
    }
    holds = _open_holds(orders)
    refusals = {}
    for order in orders:
        refusal = _refusal(order, holds[order.pk], is_settled=order.pk not in unsettled)
        if refusal is None and not free[order.pk]:
            refusal = NothingToPick(f"Nothing of {order} is left to be picked at {location}.")
        if refusal is not None:
            refusals[order] = refusal
    return {
        order_id: _Pieces(
            lines=pieces,
            units=units_in((promises.contents[pk], count) for pk, count in pieces.items()),
        )
        for order_id, pieces in free.items()
    }, refusals


def _open_holds(orders: Sequence[Order]) -> dict[int, list[OrderHold]]:
    holds: dict[int, list[OrderHold]] = defaultdict(list)
    for hold in OrderHold.objects.open().filter(order__in=orders).order_by("pk"):
        holds[hold.order_id].append(hold)
    return holds


def _refusal(order: Order, holds: Sequence[OrderHold], *, is_settled: bool) -> BusinessError | None:
    """Return why a locked order may not be picked, None when it may."""
    if not order.is_open:
        words = order.get_lifecycle_display().lower()
        return WrongStatus(f"{order} is {words}: nothing is picked.", status=order.lifecycle)
    if holds:
        reasons = "; ".join(str(hold) for hold in holds)
        kinds = sorted({hold.kind for hold in holds})
        return OrderOnHold(f"{order} is on hold. {reasons}", holds=kinds)
    if not is_settled:
        return OrderOnHold(f"Goods promised to {order} were taken back just now.", holds=["STOCK"])
    return None


def _begin(
    pick_list: PickList,
    taken: Sequence[tuple[Order, _Pieces]],
    *,
    at: datetime,
    by: User | None,
) -> None:
    """Write a fulfillment for each order, in their turn, with its lines, units and event."""
    fulfillments = Fulfillment.objects.bulk_create(
        Fulfillment(
            order=order,
            location=pick_list.location,
            method=_method(order),
            status=Fulfillment.Status.PICKING,
            key=pick_list.number,
            pick_list=pick_list,
        )
        for order, _ in taken
    )
    begun = list(zip(fulfillments, taken, strict=True))
    FulfillmentLine.objects.bulk_create(
        FulfillmentLine(fulfillment=fulfillment, line_id=line_id, quantity=count)
        for fulfillment, (_, pieces) in begun
        for line_id, count in pieces.lines.items()
    )
    FulfillmentItem.objects.bulk_create(
        FulfillmentItem(fulfillment=fulfillment, variant_id=variant_id, units=units)
        for fulfillment, (_, pieces) in begun
        for variant_id, units in pieces.units.items()
    )
    record_events(
        event(
            order,
            OrderEvent.Kind.PICKING,
            at=at,
            by=by,
            fulfillment=fulfillment.number,
            pick_list=pick_list.number,
            pieces=sum(pieces.lines.values()),
        )
        for fulfillment, (order, pieces) in begun
    )


def _method(order: Order) -> str:
    is_collected = order.delivery == Order.Delivery.PICKUP
    return Fulfillment.Method.PICKUP if is_collected else Fulfillment.Method.SHIP
