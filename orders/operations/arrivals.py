"""Goods that came in for one customer: promised before anybody else can take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.db import transaction

from inventory.models import Location, StockLevel
from orders.models import Order, OrderEvent, OrderLine
from orders.operations.allocation import Share, allocate_shares, hold_short_order
from orders.operations.contents import contents_of
from orders.operations.events import event, record_events
from orders.operations.payment_rules import awaits_payment_first
from orders.operations.promised import lines_of, standing_promises
from orders.operations.routing import STOCK_CAME_IN, Routed, store_decision
from orders.operations.statuses import locked_order, settle_order
from orders.routing import Candidate, Look, Need, Route
from retail.common.models import User


@transaction.atomic
def promise_received(
    *,
    order_id: int,
    units: Mapping[int, int],
    location: Location,
    reference: str,
    at: datetime,
    by: User | None = None,
) -> dict[int, int]:
    """
    Promise to lines of an order the goods that came in for them just now, at that place.

    No rule chooses the place, and an order held by hand gets them too: they were bought for it.
    Whole pieces only, no more than a line still wants from stock, and nothing while the order has
    to be paid first, when it has ended, or where its place cannot serve it. A bundle waits for its
    components like everybody.

    units: line id -> units of its article, at most. reference: number of what they came on, for the
    timeline. Returns line id -> pieces promised.
    Locks: the order; the stock levels of these articles at the location are locked by the caller.
    """
    order = locked_order(order_id)
    if not order.is_open or not _serves(location, order) or awaits_payment_first(order):
        return {}
    lines = lines_of(order)
    promised = standing_promises(lines).pieces()
    needs = _needs(lines, units, promised)
    levels = {
        level.variant_id: level
        for level in StockLevel.objects.filter(
            location=location, variant_id__in=[pk for need in needs for pk in need.contents]
        ).select_related("location")
    }
    shares = _shares(needs, levels)
    if not shares:
        return {}
    allocate_shares(order, shares, at)
    details = {"units": sum(share.units for share in shares), "reference": reference}
    record_events([event(order, OrderEvent.Kind.ALLOCATED, at=at, by=by, **details)])
    if order.location_id is None:
        order.location = location
    pieces = {
        need.line_id: share.units // need.contents[share.level.variant_id]
        for need in needs
        for share in shares
        if share.line_id == need.line_id
    }
    _decide(order, needs, pieces, location, at=at, by=by)
    if not _is_short(lines, promised, pieces):
        hold_short_order(order=order, missing={}, at=at, by=by)
    settle_order(order=order, lines=lines)
    return pieces


def _serves(location: Location, order: Order) -> bool:
    if order.delivery == Order.Delivery.PICKUP:
        return location.is_pickup and location.pk == order.pickup_location_id
    return location.is_shipping


def _needs(
    lines: Sequence[OrderLine], units: Mapping[int, int], promised: Mapping[int, int]
) -> list[Need]:
    """Return the pieces that these units make of what each line still wants."""
    contents = contents_of([line for line in lines if line.pk in units and not line.is_bundle])
    needs = []
    for line in lines:
        if line.pk not in contents:
            continue
        wanted = line.wanted_from_stock - promised.get(line.pk, 0)
        pieces = min(wanted, units[line.pk] // line.pack_size)
        if pieces > 0:
            needs.append(Need(line_id=line.pk, contents=contents[line.pk], pieces=pieces))
    return needs


def _shares(needs: Sequence[Need], levels: Mapping[int, StockLevel]) -> list[Share]:
    """Return what the levels have for the needs, the first line first."""
    free = {pk: level.on_hand - level.allocated for pk, level in levels.items()}
    shares = []
    for need in needs:
        for variant_id, each in need.contents.items():
            pieces = min(need.pieces, free.get(variant_id, 0) // each)
            if pieces > 0:
                free[variant_id] -= pieces * each
                shares.append(Share(need.line_id, levels[variant_id], pieces * each))
    return shares


def _decide(
    order: Order,
    needs: Sequence[Need],
    pieces: Mapping[int, int],
    location: Location,
    *,
    at: datetime,
    by: User | None,
) -> None:
    """Keep from where it is served, as of every other promise."""
    served = [
        replace(need, pieces=pieces[need.line_id]) for need in needs if need.line_id in pieces
    ]
    look = Look(location.code, pieces=sum(pieces.values()))
    route = Route(served={location.pk: dict(pieces)}, left={}, looks=[look])
    place = Candidate(location_id=location.pk, code=location.code, free={})
    routed = Routed(route=route, candidates=[place])
    store_decision(order=order, routed=routed, needs=served, attempt=STOCK_CAME_IN, at=at, by=by)


def _is_short(
    lines: Sequence[OrderLine], promised: Mapping[int, int], pieces: Mapping[int, int]
) -> bool:
    """Tell whether goods of known articles are still wanted."""
    return any(
        line.wanted_from_stock > promised.get(line.pk, 0) + pieces.get(line.pk, 0)
        for line in lines
        if line.is_stocked and line.variant_id is not None
    )
