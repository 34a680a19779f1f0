"""Promises of stock to order lines: made under lock, and taken back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F

from inventory.models import Location, StockLevel, StockLevelQuerySet
from inventory.operations import allocate_levels
from orders.models import LineAllocation, Order, OrderEvent, OrderHold, OrderLine
from orders.operations.begun import begun_pieces, free_units
from orders.operations.contents import contents_of
from orders.operations.events import event, record_events
from orders.operations.holds import NewHold, close_holds, open_holds
from orders.operations.payment_rules import awaits_payment_first, require_promisable
from orders.operations.promised import (
    give_back,
    lines_of,
    locked_promises_of,
    promises_of,
    read_promises,
    settle_promises,
)
from orders.operations.routing import (
    ASKED_AGAIN,
    NEW_ORDER,
    ORDER_CHANGED,
    Attempt,
    route_needs,
    store_decision,
)
from orders.operations.statuses import locked_order, settle_order
from orders.routing import Need
from retail.common.errors import WrongStatus
from retail.common.models import User


class Share(NamedTuple):
    """Units of a stock level that are to serve a line."""

    line_id: int
    level: StockLevel
    units: int


@dataclass(frozen=True, slots=True)
class Promised:
    """
    What an attempt to promise came to.

    units: promised now. missing: variant id -> units still wanted after it.
    """

    units: int
    missing: Mapping[int, int]


def promise_lines(
    *,
    order: Order,
    lines: Sequence[OrderLine],
    promised: Mapping[int, int],
    at: datetime,
    by: User | None = None,
    attempt: Attempt = NEW_ORDER,
) -> Promised:
    """
    Promise what there is to the lines of a locked order, oldest line first and whole pieces only.

    The rules of the order's channel choose the places, see `orders.routing.route`; without rules
    the fewest places do, then the places' priorities. All of one piece, a pack or a bundle, comes
    from one place. What was decided is kept. Neither saves the order nor opens holds.

    lines: all lines of the order. promised: line id -> pieces it has already.
    """
    needs = _needs(lines, promised)
    if not needs:
        return Promised(units=0, missing={})
    levels = list(serving_levels(order, needs, attempt).for_update())
    routed = route_needs(
        order=order,
        needs=needs,
        levels=levels,
        is_served_already=any(promised.values()),
        attempt=attempt,
        at=at,
    )
    shares = _shares(needs, levels, routed.route.served)
    units = sum(share.units for share in shares)
    if shares:
        allocate_shares(order, shares, at)
        record_events([event(order, OrderEvent.Kind.ALLOCATED, at=at, by=by, units=units)])
        if order.location_id is None:
            order.location = shares[0].level.location
    store_decision(order=order, routed=routed, needs=needs, attempt=attempt, at=at, by=by)
    return Promised(units=units, missing=routed.short(needs))


def _shares(
    needs: Sequence[Need], levels: Sequence[StockLevel], served: Mapping[int, Mapping[int, int]]
) -> list[Share]:
    """Return the units of which levels serve which lines; served: location id -> pieces."""
    level_at = {(level.location_id, level.variant_id): level for level in levels}
    contents = {need.line_id: need.contents for need in needs}
    return [
        Share(line_id, level_at[location_id, variant_id], count * each)
        for location_id, pieces in served.items()
        for line_id, count in pieces.items()
        for variant_id, each in contents[line_id].items()
    ]


def hold_short_order(
    *, order: Order, missing: Mapping[int, int], at: datetime, by: User | None = None
) -> None:
    """Open the stock hold of a locked order that is short, close it on one that is not."""
    if not missing:
        close_holds(
            order=order,
            kinds=[OrderHold.Kind.STOCK],
            note="Everything is promised.",
            at=at,
            by=by,
        )
        return
    open_holds(order=order, holds=[stock_hold(missing)], at=at, by=by)


def stock_hold(missing: Mapping[int, int]) -> NewHold:
    """Return the hold of an order that is short of these units (variant id -> units)."""
    units = sum(missing.values())
    return NewHold(
        kind=OrderHold.Kind.STOCK,
        reason=f"Stock is missing: {units} units, {len(missing)} articles.",
        details={"units": units},
    )


@transaction.atomic
def allocate_order(*, order_id: int, at: datetime, by: User | None = None) -> Promised:
    """
    Promise to an order what it still wants, and hold it for stock while something is missing.

    With everything promised already it changes nothing.
    Locks: the order, then the stock levels.

    :raises WrongStatus: nothing of the order is left to be shipped.
    :raises AwaitsPayment: its payment rule asks for money first.
    """
    order = locked_order(order_id)
    if not order.is_open:
        raise WrongStatus(
            f"{order} is {order.get_lifecycle_display().lower()}: it needs no stock.",
            status=order.lifecycle,
        )
    require_promisable(order)
    lines = lines_of(order)
    promised = promise_rest(order=order, lines=lines, attempt=ASKED_AGAIN, at=at, by=by)
    hold_short_order(order=order, missing=promised.missing, at=at, by=by)
    settle_order(order=order, lines=lines)
    return promised


@transaction.atomic
def release_promises(*, order_id: int, reason: str, at: datetime, by: User | None = None) -> int:
    """
    Take back everything promised to an order, and hold it by hand so that it does not wait for
    stock again before somebody releases it.

    What is being picked or is packed stays promised: put it back first. Returns the units taken
    back; with nothing promised it changes nothing.
    Locks: the order, then the stock levels.
    """
    order = locked_order(order_id)
    lines = lines_of(order)
    promises = locked_promises_of(order=order, lines=lines, at=at)
    units = give_back(
        order=order,
        promises=promises,
        units=free_units(promises, begun_pieces([order.pk])),
        at=at,
        by=by,
        details={"reason": reason},
    )
    if units:
        open_holds(
            order=order,
            holds=[NewHold(kind=OrderHold.Kind.MANUAL, reason=f"Promise taken back: {reason}")],
            at=at,
            by=by,
        )
        settle_order(order=order, lines=lines)
    return units


@transaction.atomic
def settle_withdrawn(*, order_id: int, at: datetime) -> int:
    """
    Take off an order's promises what a sale, a count or an adjustment has taken back.

    The order waits for stock again and is held, for the reason that the goods are gone. Returns
    the units; with nothing withdrawn it changes nothing. Every other act on the order's promises
    does the same first.
    Locks: the order, then the stock levels.
    """
    order = locked_order(order_id)
    lines = lines_of(order)
    units = settle_promises(order=order, promises=read_promises(lines), at=at)
    if units:
        settle_order(order=order, lines=lines)
    return units


def promise_rest(
    *,
    order: Order,
    lines: Sequence[OrderLine],
    at: datetime,
    by: User | None = None,
    attempt: Attempt = ORDER_CHANGED,
) -> Promised:
    """
    Promise to the lines of a locked order what they still want, see `promise_lines`.

    Nothing while it has to be paid first.
    """
    if awaits_payment_first(order):
        return Promised(units=0, missing={})
    promised = promises_of(order=order, lines=lines, at=at).pieces()
    return promise_lines(order=order, lines=lines, promised=promised, at=at, by=by, attempt=attempt)


def ranked_locations(levels: Iterable[StockLevel], wanted: Mapping[int, int]) -> list[Location]:
    """
    Return the locations of levels, those that serve most of what is wanted first, then by priority.
    """
    served: dict[Location, int] = defaultdict(int)
    for level in levels:
        served[level.location] += min(level.on_hand - level.allocated, wanted[level.variant_id])
    return sorted(served, key=lambda location: (-served[location], location.priority, location.pk))


def free_levels(wanted: Collection[int]) -> StockLevelQuerySet:
    """Return the levels with free units of these variants, at locations that ship."""
    return StockLevel.objects.filter(
        variant_id__in=list(wanted), location__is_shipping=True, on_hand__gt=F("allocated")
    ).select_related("location")


def serving_levels(order: Order, needs: Sequence[Need], attempt: Attempt) -> StockLevelQuerySet:
    """Return the levels that may serve an order: where it is collected, or at places that ship."""
    wanted = {variant_id for need in needs for variant_id in need.contents}
    levels = (
        StockLevel.objects.filter(
            variant_id__in=wanted,
            location=order.pickup_location_id,
            location__is_pickup=True,
            on_hand__gt=F("allocated"),
        ).select_related("location")
        if order.delivery == Order.Delivery.PICKUP
        else free_levels(wanted)
    )
    if attempt.only_location_id is not None:
        levels = levels.filter(location=attempt.only_location_id)
    return levels


def _needs(lines: Sequence[OrderLine], promised: Mapping[int, int]) -> list[Need]:
    contents = contents_of(lines)
    needs = (
        Need(
            line_id=line.pk,
            contents=contents[line.pk],
            pieces=line.wanted_from_stock - promised.get(line.pk, 0),
        )
        for line in lines
        if line.pk in contents
    )
    return [need for need in needs if need.pieces > 0]


def allocate_shares(order: Order, shares: Sequence[Share], at: datetime) -> None:
    """Promise the shares to a locked order; their levels are as they were locked."""
    units: dict[StockLevel, int] = defaultdict(int)
    for share in shares:
        units[share.level] += share.units
    allocations = allocate_levels(
        units=units, reference=_next_reference(order), at=at, channel=order.channel
    )
    allocation_of = {allocation.level_id: allocation for allocation in allocations}
    LineAllocation.objects.bulk_create(
        LineAllocation(
            line_id=share.line_id, allocation=allocation_of[share.level.pk], units=share.units
        )
        for share in shares
    )


def _next_reference(order: Order) -> str:
    """
    Return a reference that no promise to this order has: its number, then number/2, number/3.

    Counted by the events of promises, one per attempt that got any, under the order's lock.
    """
    with connection.cursor() as cursor:
        # Every new order asks, and to compose it takes Django longer than the answer.
        cursor.execute(
            "SELECT count(*) FROM orders_orderevent WHERE order_id = %s AND kind = %s",
            [order.pk, OrderEvent.Kind.ALLOCATED],
        )
        (attempts,) = cursor.fetchone()
    return f"{order.number}/{attempts + 1}" if attempts else order.number
