"""Promises of stock to order lines: made under lock, served to who waits, taken back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from inventory.models import Location, StockLevel, StockLevelQuerySet
from inventory.operations import allocate_levels
from orders.models import LineAllocation, Order, OrderEvent, OrderHold, OrderLine
from orders.operations.contents import Contents, contents_of, units_in
from orders.operations.events import event, record_events
from orders.operations.holds import NewHold, close_holds, open_holds
from orders.operations.promised import (
    give_back,
    lines_of,
    locked_promises_of,
    promises_of,
    read_promises,
    settle_promises,
)
from orders.operations.statuses import locked_order, settle_order
from orders.queries import servable_orders
from retail.common.errors import WrongStatus
from retail.common.models import User


class Need(NamedTuple):
    """Pieces that a line still wants, and what one of them is made of."""

    line_id: int
    contents: Contents
    pieces: int


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
) -> Promised:
    """
    Promise what there is to the lines of a locked order, oldest line first and whole pieces only.

    The location that can serve most of it is asked first, so that an order is split as little as
    can be; among equals the location's priority decides. All of one piece, a pack or a bundle,
    comes from one location. Neither saves the order nor opens holds.

    lines: all lines of the order. promised: line id -> pieces it has already.
    """
    needs = _needs(lines, promised)
    wanted = units_in((need.contents, need.pieces) for need in needs)
    levels = _lock_free_levels(wanted)
    shares = share_out(needs, levels, ranked_locations(levels, wanted))
    units = sum(share.units for share in shares)
    if shares:
        _allocate(order, shares, at)
        record_events([event(order, OrderEvent.Kind.ALLOCATED, at=at, by=by, units=units)])
        if order.location_id is None:
            order.location = shares[0].level.location
    return Promised(units=units, missing=_missing(needs, levels, shares))


def share_out(
    needs: Sequence[Need], levels: Sequence[StockLevel], locations: Sequence[Location]
) -> list[Share]:
    """
    Share the free units of levels among lines, location by location, the earlier line first.

    Whole pieces only, none of them from two locations.
    """
    level_at = {(level.location_id, level.variant_id): level for level in levels}
    free = {key: level.on_hand - level.allocated for key, level in level_at.items()}
    wanted = {need.line_id: need.pieces for need in needs}
    shares = []
    for location in locations:
        for need in needs:
            spots = {(location.pk, pk): each for pk, each in need.contents.items()}
            there = min(free.get(spot, 0) // each for spot, each in spots.items())
            pieces = min(wanted[need.line_id], there)
            if not pieces:
                continue
            wanted[need.line_id] -= pieces
            for spot, each in spots.items():
                free[spot] -= pieces * each
                shares.append(Share(need.line_id, level_at[spot], pieces * each))
    return shares


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
    """
    order = locked_order(order_id)
    if not order.is_open:
        raise WrongStatus(
            f"{order} is {order.get_lifecycle_display().lower()}: it needs no stock.",
            status=order.lifecycle,
        )
    lines = lines_of(order)
    promised = promise_rest(order=order, lines=lines, at=at, by=by)
    hold_short_order(order=order, missing=promised.missing, at=at, by=by)
    settle_order(order=order, lines=lines)
    return promised


@transaction.atomic
def serve_order(*, order_id: int, at: datetime) -> Promised:
    """
    Promise to a waiting order what came in meanwhile; release its stock hold once it has all.

    Unlike `allocate_order` it opens no hold: somebody may have decided to ship without the rest.
    An order that no longer waits is left alone.
    Locks: the order, then the stock levels.
    """
    order = locked_order(order_id)
    if not order.is_open:
        return Promised(units=0, missing={})
    lines = lines_of(order)
    promised = promise_rest(order=order, lines=lines, at=at)
    if not promised.missing:
        hold_short_order(order=order, missing={}, at=at)
    settle_order(order=order, lines=lines)
    return promised


def allocate_waiting(*, at: datetime, variant_ids: Collection[int] | None = None) -> int:
    """
    Serve orders that wait for stock, the one to be shipped first before the others.

    Each order is a transaction of its own, so call it outside of any other: it locks orders by
    their turn and not by their key. Orders held by hand are passed over.

    variant_ids: only orders waiting for these; None for all.
    Returns how many orders were promised something.
    """
    turn = servable_orders(variant_ids=variant_ids).order_by("ship_by", "placed_at", "pk")
    served = 0
    for order_id in list(turn.values_list("pk", flat=True)):
        served += serve_order(order_id=order_id, at=at).units > 0
    return served


@transaction.atomic
def release_promises(*, order_id: int, reason: str, at: datetime, by: User | None = None) -> int:
    """
    Take back everything promised to an order, and hold it by hand so that it does not wait for
    stock again before somebody releases it.

    Returns the units taken back; with nothing promised it changes nothing.
    Locks: the order, then the stock levels.
    """
    order = locked_order(order_id)
    lines = lines_of(order)
    promises = locked_promises_of(order=order, lines=lines, at=at)
    units = give_back(
        order=order,
        promises=promises,
        units=promises.units(),
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
    *, order: Order, lines: Sequence[OrderLine], at: datetime, by: User | None = None
) -> Promised:
    """Promise to the lines of a locked order what they still want, see `promise_lines`."""
    promised = promises_of(order=order, lines=lines, at=at).pieces()
    return promise_lines(order=order, lines=lines, promised=promised, at=at, by=by)


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


def _lock_free_levels(wanted: Collection[int]) -> list[StockLevel]:
    return list(free_levels(wanted).for_update()) if wanted else []


def _needs(lines: Sequence[OrderLine], promised: Mapping[int, int]) -> list[Need]:
    contents = contents_of(lines)
    needs = (
        Need(
            line_id=line.pk,
            contents=contents[line.pk],
            pieces=line.open_quantity - promised.get(line.pk, 0),
        )
        for line in lines
        if line.pk in contents
    )
    return [need for need in needs if need.pieces > 0]


def _allocate(order: Order, shares: Sequence[Share], at: datetime) -> None:
    """Promise the shares, whose levels are locked."""
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


def _missing(
    needs: Sequence[Need], levels: Sequence[StockLevel], shares: Sequence[Share]
) -> dict[int, int]:
    """
    Return variant id -> units that are not there for what is left of the needs.

    Where all of it is there, but nowhere together, all of it is missing.
    """
    free: dict[int, int] = defaultdict(int)
    served: dict[int, int] = defaultdict(int)
    for level in levels:
        free[level.variant_id] += level.on_hand - level.allocated
    for share in shares:
        free[share.level.variant_id] -= share.units
        served[share.line_id] += share.units
    left = [
        (need.contents, need.pieces - served[need.line_id] // sum(need.contents.values()))
        for need in needs
    ]
    left = [(contents, pieces) for contents, pieces in left if pieces]
    short = {pk: units - free[pk] for pk, units in units_in(left).items() if units > free[pk]}
    scattered = units_in(pair for pair in left if not short.keys() & pair[0].keys())
    return short | scattered


def _next_reference(order: Order) -> str:
    """
    Return a reference that no promise to this order has: its number, then number/2, number/3.

    Counted by the events of promises, one per attempt that got any, under the order's lock.
    """
    attempts = order.events.filter(kind=OrderEvent.Kind.ALLOCATED).count()
    return f"{order.number}/{attempts + 1}" if attempts else order.number
