"""Serving an order from another place, because a person says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from inventory.models import Location, StockLevel
from orders.models import Order, OrderEvent, OrderLine, RoutingDecision
from orders.operations.allocation import hold_short_order, promise_rest
from orders.operations.begun import BegunPieces, begun_pieces, free_pieces, free_units
from orders.operations.events import event, record_events
from orders.operations.promised import Promises, Spot, give_back, lines_of, locked_promises_of
from orders.operations.routing import DECIDED_BY_HAND, Attempt
from orders.operations.statuses import locked_order, settle_order
from orders.routing import Candidate, Need, route
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User


class CannotServe(BusinessError):
    """The place sends nothing, has nothing of it, or is not where the order is collected."""


class NothingToMove(BusinessError):
    """Everything of the order has left, or is in somebody's hands."""


@transaction.atomic
def reroute(
    *,
    order_id: int,
    location_id: int | None,
    key: str,
    at: datetime,
    by: User | None = None,
) -> RoutingDecision:
    """
    Serve an order from another place, which a person has chosen, or from where the rules say now.

    What is being picked or is packed stays where it is. The place named gets what is waiting for
    stock first, then what is promised elsewhere, as far as it has it; the rest stays where it was.
    What a person decides goes before what the place rejected before and how much it has to do.

    location_id: None gives back what nobody has in hand, and chooses by the rules among all.
    key: made by whoever asks; the same key again returns the first decision.
    Locks: the order, then the stock levels.

    :raises WrongStatus: the order is completed or cancelled.
    :raises CannotServe: the place does not send orders, has nothing of it free, or the order is
    collected elsewhere.
    :raises NothingToMove: nothing of the order could be moved.
    """
    order = locked_order(order_id)
    done = order.events.filter(kind=OrderEvent.Kind.ROUTED, details__key=key).first()
    if done is not None:
        return order.routing_decisions.get(pk=done.details["decision"])
    require_served(order)
    lines = lines_of(order)
    promises = locked_promises_of(order=order, lines=lines, at=at)
    begun = begun_pieces([order.pk])
    if location_id is None:
        attempt = DECIDED_BY_HAND
        instead = free_units(promises, begun)
        if not instead and not _waiting(lines, promises):
            raise NothingToMove(f"All of {order} is picked or packed already.")
        order.location = order.location if begun else None
    else:
        attempt = Attempt(cause=DECIDED_BY_HAND.cause, only_location_id=location_id)
        order.location = location = _place_to_serve(order, location_id)
        instead = _served_instead(order, lines, promises, begun, location)
    give_back(order=order, promises=promises, units=instead, at=at, by=by)
    promise_anew(order, lines, attempt, at=at, by=by)
    decision = order.routing_decisions.latest("pk")
    details = {"key": key, "decision": decision.pk, "places": ", ".join(sorted(decision.chosen))}
    record_events([event(order, OrderEvent.Kind.ROUTED, at=at, by=by, **details)])
    return decision


def require_served(order: Order) -> None:
    """
    Pass when an order is still served from somewhere.

    :raises WrongStatus: it is completed or cancelled.
    """
    if not order.is_open:
        raise WrongStatus(
            f"{order} is {order.get_lifecycle_display().lower()}: nothing is served from anywhere.",
            status=order.lifecycle,
        )


def promise_anew(
    order: Order,
    lines: Sequence[OrderLine],
    attempt: Attempt,
    *,
    at: datetime,
    by: User | None,
) -> None:
    """Promise what the order wants now, hold it when something is missing, and settle it."""
    promised = promise_rest(order=order, lines=lines, attempt=attempt, at=at, by=by)
    hold_short_order(order=order, missing=promised.missing, at=at, by=by)
    settle_order(order=order, lines=lines)


def _place_to_serve(order: Order, location_id: int) -> Location:
    location = Location.objects.filter(pk=location_id).first()
    if location is None:
        raise CannotServe("There is no such place.", location=location_id)
    if order.delivery == Order.Delivery.PICKUP:
        if location_id != order.pickup_location_id:
            raise CannotServe(
                f"{order} is collected, and is served from where it is collected alone.",
                location=location.code,
            )
    elif not location.is_shipping:
        raise CannotServe(f"{location} does not send orders.", location=location.code)
    return location


def _waiting(lines: Sequence[OrderLine], promises: Promises) -> dict[int, int]:
    """Return line id -> pieces of goods that are wanted and not promised."""
    promised = promises.pieces()
    waiting = {
        line.pk: line.wanted_from_stock - promised.get(line.pk, 0)
        for line in lines
        if line.pk in promises.contents
    }
    return {line_id: pieces for line_id, pieces in waiting.items() if pieces > 0}


def _served_instead(
    order: Order,
    lines: Sequence[OrderLine],
    promises: Promises,
    begun: BegunPieces,
    location: Location,
) -> dict[Spot, int]:
    """
    Return the units to be given back elsewhere, since a location serves them instead.

    It serves first what waits for stock. The stock levels are locked.
    """
    places = dict.fromkeys(spot.location_id for spot in promises.units())
    elsewhere = [
        (place, free_pieces(promises, begun, place)) for place in places if place != location.pk
    ]
    waiting = _waiting(lines, promises)
    wanted = dict(waiting)
    for _, free in elsewhere:
        for line_id, pieces in free.items():
            wanted[line_id] = wanted.get(line_id, 0) + pieces
    if not wanted:
        raise NothingToMove(
            f"Nothing of {order} can be served from another place: it is there, or picked already."
        )
    instead: dict[Spot, int] = {}
    for line_id, pieces in _pieces_it_has(location, lines, promises, wanted, order).items():
        left = pieces - waiting.get(line_id, 0)
        for place, free in elsewhere:
            if (moved := min(left, free.get(line_id, 0))) > 0:
                left -= moved
                for pk, each in promises.contents[line_id].items():
                    instead[Spot(line_id, place, pk)] = moved * each
    return instead


def _pieces_it_has(
    location: Location,
    lines: Sequence[OrderLine],
    promises: Promises,
    wanted: Mapping[int, int],
    order: Order,
) -> Mapping[int, int]:
    """Return line id -> pieces of those wanted that a location has free."""
    variant_ids = {pk for parts in promises.contents.values() for pk in parts}
    levels = StockLevel.objects.filter(location=location, variant_id__in=variant_ids)
    place = Candidate(
        location_id=location.pk,
        code=location.code,
        free={level.variant_id: level.on_hand - level.allocated for level in levels},
    )
    needs = [
        Need(line.pk, promises.contents[line.pk], wanted[line.pk])
        for line in lines
        if line.pk in wanted
    ]
    served = route(needs=needs, candidates=[place]).served
    if not served:
        raise CannotServe(f"{location} has nothing of {order} free.", location=location.code)
    return served[location.pk]
