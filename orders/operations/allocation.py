"""Promises of stock to order lines: made under lock, served to who waits, given back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Sum

from inventory.models import Allocation, Location, StockLevel
from inventory.operations import allocate_available, release_allocation
from orders.models import LineAllocation, Order, OrderEvent, OrderHold, OrderLine
from orders.operations.events import event, record_events
from orders.operations.holds import NewHold, close_holds, open_holds
from orders.operations.statuses import locked_order, settle_order
from orders.queries import servable_orders
from retail.common.errors import WrongStatus
from retail.common.models import User


class Need(NamedTuple):
    """Units of a variant that a line still wants, in packs that are not broken up."""

    line_id: int
    variant_id: int
    pack_size: int
    units: int


class Share(NamedTuple):
    """Units of an allocation that serve a line."""

    line_id: int
    allocation_id: int
    units: int


@dataclass(frozen=True, slots=True)
class Promised:
    """
    What an attempt to promise came to.

    units: promised now. missing: variant id -> units still wanted after it.
    """

    units: int
    missing: Mapping[int, int]


def lines_of(order: Order) -> list[OrderLine]:
    """Return the lines of a locked order, oldest first."""
    return list(order.lines.order_by("pk"))


def promised_units(lines: Collection[OrderLine]) -> dict[int, int]:
    """Line id -> units promised to it."""
    return dict(
        LineAllocation.objects.filter(line__in=list(lines), units__gt=0)
        .values("line_id")
        .annotate(promised=Sum("units"))
        .values_list("line_id", "promised")
    )


def promise_lines(
    *,
    order: Order,
    lines: Sequence[OrderLine],
    promised: Mapping[int, int],
    at: datetime,
    by: User | None = None,
) -> Promised:
    """
    Promise what there is to the lines of a locked order, oldest line first.

    The location that can serve most of it is asked first, so that an order is split as little as
    can be; among equals the location's priority decides. Neither saves the order nor opens holds.

    lines: all lines of the order. promised: line id -> units it has already.
    """
    needs = _needs(lines, promised)
    wanted = _by_variant((need.variant_id, need.units) for need in needs)
    locations = ranked_locations(wanted)
    if not locations:
        return Promised(units=0, missing=wanted)
    allocations = allocate_available(
        locations=locations,
        units=wanted,
        reference=_next_reference(order),
        at=at,
    )
    if not allocations:
        return Promised(units=0, missing=wanted)
    shares, leftovers = share_out(needs, allocations)
    LineAllocation.objects.bulk_create(
        LineAllocation(line_id=share.line_id, allocation_id=share.allocation_id, units=share.units)
        for share in shares
    )
    if leftovers:
        release_allocation(units=leftovers, at=at)
    units = sum(share.units for share in shares)
    record_events([event(order, OrderEvent.Kind.ALLOCATED, at=at, by=by, units=units)])
    if shares and order.location_id is None:
        order.location = locations[0]
    return Promised(units=units, missing=_missing(needs, shares))


def share_out(
    needs: Sequence[Need], allocations: Sequence[Allocation]
) -> tuple[list[Share], dict[int, int]]:
    """
    Share promised units among lines, the earlier line first and whole packs only.

    Returns the shares, and allocation id -> units that make no whole pack for anybody.
    """
    open_needs = {need.line_id: need.units for need in needs}
    shares: list[Share] = []
    leftovers: dict[int, int] = {}
    for allocation in allocations:
        units = allocation.units
        for need in needs:
            if need.variant_id != allocation.level.variant_id:
                continue
            taken = min(open_needs[need.line_id], units) // need.pack_size * need.pack_size
            if taken:
                shares.append(Share(need.line_id, allocation.pk, taken))
                open_needs[need.line_id] -= taken
                units -= taken
        if units:
            leftovers[allocation.pk] = units
    return shares, leftovers


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
    promised = promise_lines(order=order, lines=lines, promised=promised_units(lines), at=at, by=by)
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
    promised = promise_lines(order=order, lines=lines, promised=promised_units(lines), at=at)
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
    units = give_back(
        order=order, units=promised_units(lines), at=at, by=by, details={"reason": reason}
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


def give_back(
    *,
    order: Order,
    units: Mapping[int, int],
    at: datetime,
    by: User | None = None,
    details: Mapping[str, str] | None = None,
) -> int:
    """
    Give back promised units of a locked order (line id -> units), the youngest promise first.

    Returns the units given back.
    """
    line_allocations = list(
        LineAllocation.objects.filter(line_id__in=list(units), units__gt=0).order_by("-pk")
    )
    left = dict(units)
    by_allocation: dict[int, int] = defaultdict(int)
    for line_allocation in line_allocations:
        taken = min(left[line_allocation.line_id], line_allocation.units)
        if not taken:
            continue
        line_allocation.units -= taken
        left[line_allocation.line_id] -= taken
        by_allocation[line_allocation.allocation_id] += taken
    given_back = sum(by_allocation.values())
    if given_back:
        release_allocation(units=by_allocation, at=at)
        LineAllocation.objects.bulk_update(line_allocations, ["units"])
        record_events(
            [
                event(
                    order,
                    OrderEvent.Kind.PROMISE_RELEASED,
                    at=at,
                    by=by,
                    units=given_back,
                    **(details or {}),
                )
            ]
        )
    return given_back


def _needs(lines: Sequence[OrderLine], promised: Mapping[int, int]) -> list[Need]:
    needs = (
        Need(
            line_id=line.pk,
            variant_id=line.variant_id,
            pack_size=line.pack_size,
            units=line.open_quantity * line.pack_size - promised.get(line.pk, 0),
        )
        for line in lines
        if line.is_stocked and line.variant_id is not None
    )
    return [need for need in needs if need.units > 0]


def _missing(needs: Sequence[Need], shares: Sequence[Share]) -> dict[int, int]:
    served = _by_variant((share.line_id, share.units) for share in shares)
    still = _by_variant(
        (need.variant_id, need.units - served.get(need.line_id, 0)) for need in needs
    )
    return {variant_id: units for variant_id, units in still.items() if units}


def _by_variant(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    sums: dict[int, int] = defaultdict(int)
    for key, units in pairs:
        sums[key] += units
    return dict(sums)


def ranked_locations(wanted: Mapping[int, int]) -> list[Location]:
    """
    Return the locations that have any of it, those that serve most first, then by priority.

    Read without a lock and good for the order of asking only: the promise itself is decided
    under lock.
    """
    if not wanted:
        return []
    levels = StockLevel.objects.filter(
        variant_id__in=list(wanted), location__is_shipping=True, on_hand__gt=F("allocated")
    ).select_related("location")
    served: dict[Location, int] = defaultdict(int)
    for level in levels:
        served[level.location] += min(level.on_hand - level.allocated, wanted[level.variant_id])
    return sorted(served, key=lambda location: (-served[location], location.priority, location.pk))


def _next_reference(order: Order) -> str:
    """
    Return a reference that no promise to this order has: its number, then number/2, number/3.

    Counted by the events of promises, one per attempt that got any, under the order's lock.
    """
    attempts = order.events.filter(kind=OrderEvent.Kind.ALLOCATED).count()
    return f"{order.number}/{attempts + 1}" if attempts else order.number
