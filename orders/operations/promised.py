"""What is promised to the lines of an order, less what was taken back behind its back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from inventory.models import StockLevel, WithdrawnPromise
from inventory.operations import release_allocation
from orders.models import LineAllocation, Order, OrderEvent, OrderHold, OrderLine
from orders.operations.contents import Contents, contents_of
from orders.operations.events import event, record_events
from orders.operations.holds import NewHold, open_holds
from orders.operations.incidents import note_withdrawn
from retail.common.models import User

WHAT_HAPPENED = {
    WithdrawnPromise.Cause.SALE: "sold over the counter",
    WithdrawnPromise.Cause.COUNT: "not found in a count",
    WithdrawnPromise.Cause.ADJUSTMENT: "taken out of stock",
    WithdrawnPromise.Cause.EXPIRED: "put aside for too long",
}


class Spot(NamedTuple):
    """Where units of an article are promised to a line."""

    line_id: int
    location_id: int
    variant_id: int


@dataclass(frozen=True, slots=True)
class Promises:
    """
    What is promised to lines of an order.

    rows: with units, oldest first, with their allocation and its level. contents: line id -> what
    one piece of it is made of.
    """

    rows: Sequence[LineAllocation]
    contents: Mapping[int, Contents]

    def units(self) -> dict[Spot, int]:
        """Return the units that are promised where."""
        units: dict[Spot, int] = defaultdict(int)
        for row in self.rows:
            units[_spot(row)] += row.units
        return dict(units)

    def at_location(self, location_id: int) -> Promises:
        """Return what is promised at one location."""
        rows = [row for row in self.rows if row.allocation.level.location_id == location_id]
        return Promises(rows=rows, contents=self.contents)

    def pieces(self) -> dict[int, int]:
        """Line id -> whole pieces promised; all of one piece lies at one location."""
        pieces: dict[int, int] = defaultdict(int)
        for (line_id, _), count in self._pieces_by_place().items():
            pieces[line_id] += count
        return dict(pieces)

    def broken(self) -> dict[Spot, int]:
        """Return the units that make no whole piece with others at their location."""
        pieces = self._pieces_by_place()
        broken = {
            spot: units
            - pieces[spot.line_id, spot.location_id]
            * self.contents[spot.line_id].get(spot.variant_id, 0)
            for spot, units in self.units().items()
        }
        return {spot: units for spot, units in broken.items() if units}

    def beyond(self, wanted: Mapping[int, int]) -> dict[Spot, int]:
        """Return the units of pieces beyond these (line id -> pieces), the youngest first."""
        by_place = self._pieces_by_place()
        left = {line_id: count - wanted[line_id] for line_id, count in self.pieces().items()}
        beyond: dict[Spot, int] = {}
        for row in reversed(self.rows):
            spot = _spot(row)
            surplus = min(left[spot.line_id], by_place.pop((spot.line_id, spot.location_id), 0))
            if surplus > 0:
                left[spot.line_id] -= surplus
                for variant_id, each in self.contents[spot.line_id].items():
                    beyond[spot._replace(variant_id=variant_id)] = surplus * each
        return beyond

    def _pieces_by_place(self) -> dict[tuple[int, int], int]:
        units = self.units()
        return {
            (line_id, location_id): min(
                units.get(Spot(line_id, location_id, variant_id), 0) // each
                for variant_id, each in self.contents[line_id].items()
            )
            for line_id, location_id, _ in units
        }


def lines_of(order: Order) -> list[OrderLine]:
    """Return the lines of a locked order, oldest first."""
    return list(order.lines.order_by("pk"))


def read_promises(lines: Sequence[OrderLine]) -> Promises:
    """Return what is promised to lines by the rows; whoever acts on it uses `promises_of`."""
    withdrawn = WithdrawnPromise.objects.filter(
        allocation=OuterRef("allocation"), settled_at__isnull=True
    )
    rows = (
        LineAllocation.objects.filter(line_id__in=[line.pk for line in lines], units__gt=0)
        .select_related("allocation__level")
        .annotate(is_withdrawn=Exists(withdrawn))
        .order_by("pk")
    )
    return Promises(rows=list(rows), contents=contents_of(lines))


def standing_promises(lines: Sequence[OrderLine]) -> Promises:
    """
    Return what is promised to lines less what was taken back, without settling that.

    For whoever holds other locks already and may not take those that settling needs. Its rows are
    not to be stored.
    """
    promises = read_promises(lines)
    if any(row.is_withdrawn for row in promises.rows):  # type: ignore[attr-defined]  # annotated
        taken_back = WithdrawnPromise.objects.filter(
            allocation_id__in={row.allocation_id for row in promises.rows}, settled_at__isnull=True
        )
        for withdrawn in taken_back.order_by("pk"):
            _take_withdrawn(promises.rows, withdrawn)
    return promises


def promises_of(*, order: Order, lines: Sequence[OrderLine], at: datetime) -> Promises:
    """
    Return what is promised to all lines of a locked order, so that it can be acted on.

    What a sale or a count has taken back meanwhile is settled first, see `settle_promises`.
    """
    promises = read_promises(lines)
    settle_promises(order=order, promises=promises, at=at)
    return promises


def settle_promises(*, order: Order, promises: Promises, at: datetime) -> int:
    """
    Take off what was withdrawn from the promises of a locked order; return the units.

    Units that make no whole piece any more are free again. The order is held for stock, for the
    reason that the goods are gone. The promises know of it afterwards; does not settle the order.
    Locks: the stock levels the order's lines may touch, by primary key.
    """
    if not any(row.is_withdrawn for row in promises.rows):  # type: ignore[attr-defined]  # annotated
        return 0
    lock_stock(promises.contents)
    pending = list(
        WithdrawnPromise.objects.filter(
            allocation_id__in={row.allocation_id for row in promises.rows}, settled_at__isnull=True
        )
        .select_related("allocation__level__variant")
        .order_by("pk")
    )
    for withdrawn in pending:
        _take_withdrawn(promises.rows, withdrawn)
        withdrawn.settled_at = at
    broken = take_off(reversed(promises.rows), promises.broken())
    if broken:
        release_allocation(units=broken, at=at)
    LineAllocation.objects.bulk_update(promises.rows, ["units"])
    WithdrawnPromise.objects.bulk_update(pending, ["settled_at"])
    _tell(order, pending, sum(broken.values()), at)
    note_withdrawn(order=order, withdrawn=pending, at=at)
    return sum(withdrawn.units for withdrawn in pending)


def locked_promises_of(*, order: Order, lines: Sequence[OrderLine], at: datetime) -> Promises:
    """
    Lock the stock levels of all lines of a locked order, then return what is promised to them.

    For whoever gives promises back: from here on nobody else takes them.
    """
    lock_stock(contents_of(lines))
    return promises_of(order=order, lines=lines, at=at)


@transaction.atomic
def settle_withdrawn_reservations(*, limit: int, at: datetime) -> int:
    """
    Settle withdrawn promises that serve no order: stock put aside that waits for nobody.

    Returns how many.
    """
    of_orders = LineAllocation.objects.filter(allocation=OuterRef("allocation"))
    rows = (
        WithdrawnPromise.objects.filter(~Exists(of_orders), settled_at__isnull=True)
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
    )
    claimed = list(rows.values_list("pk", flat=True)[:limit])
    return WithdrawnPromise.objects.filter(pk__in=claimed).update(settled_at=at)


def lock_stock(contents: Mapping[int, Contents]) -> None:
    """
    Lock every stock level that giving back and promising to these lines touches, by primary key.

    Giving back and promising each lock their own; one after the other they would break the one
    order of locks.

    contents: line id -> what one piece of it is made of.
    """
    variant_ids = {pk for parts in contents.values() for pk in parts}
    held = LineAllocation.objects.filter(line_id__in=list(contents), units__gt=0)
    list(
        StockLevel.objects.for_update().filter(
            Q(variant_id__in=variant_ids)
            & (Q(location__is_shipping=True) | Q(location__is_pickup=True))
            | Q(pk__in=held.values("allocation__level_id"))
        )
    )


def take_off(rows: Iterable[LineAllocation], wanted: Mapping[Spot, int]) -> dict[int, int]:
    """
    Take units off promises, the first row first; not stored yet.

    Returns allocation id -> units taken.
    """
    left = dict(wanted)
    taken: dict[int, int] = defaultdict(int)
    for row in rows:
        spot = _spot(row)
        if units := min(row.units, left.get(spot, 0)):
            row.units -= units
            left[spot] -= units
            taken[row.allocation_id] += units
    return dict(taken)


def give_back(
    *,
    order: Order,
    promises: Promises,
    units: Mapping[Spot, int],
    at: datetime,
    by: User | None = None,
    details: Mapping[str, str] | None = None,
) -> int:
    """
    Give back promised units of a locked order, the youngest promise first.

    Returns the units given back; the promises know of it afterwards.
    """
    taken = take_off(reversed(promises.rows), units)
    if not taken:
        return 0
    given_back = sum(taken.values())
    release_allocation(units=taken, at=at)
    LineAllocation.objects.bulk_update(promises.rows, ["units"])
    record_events([_released(order, at=at, by=by, units=given_back, **(details or {}))])
    return given_back


def _spot(row: LineAllocation) -> Spot:
    level = row.allocation.level
    return Spot(row.line_id, level.location_id, level.variant_id)


def _take_withdrawn(rows: Sequence[LineAllocation], withdrawn: WithdrawnPromise) -> None:
    """Take what was withdrawn off the lines that the allocation serves, the youngest first."""
    left = withdrawn.units
    for row in reversed(rows):
        if row.allocation_id == withdrawn.allocation_id:
            units = min(row.units, left)
            row.units -= units
            left -= units


def _tell(order: Order, pending: Sequence[WithdrawnPromise], broken: int, at: datetime) -> None:
    """Write to the timeline what was withdrawn, and hold an open order for it."""
    events = [
        _released(
            order,
            at=at,
            by=withdrawn.withdrawn_by,
            units=withdrawn.units,
            cause=withdrawn.cause,
            reference=withdrawn.reference,
            reason=withdrawn.reason,
        )
        for withdrawn in pending
    ]
    if broken:
        reason = "No whole pieces are left of them."
        events.append(_released(order, at=at, units=broken, reason=reason))
    record_events(events)
    if order.is_open:
        reason = " ".join(_sentence(withdrawn) for withdrawn in pending)
        hold = NewHold(kind=OrderHold.Kind.STOCK, reason=reason)
        open_holds(order=order, holds=[hold], at=at)


def _released(
    order: Order, *, at: datetime, by: User | None = None, **details: int | str
) -> OrderEvent:
    return event(order, OrderEvent.Kind.PROMISE_RELEASED, at=at, by=by, **details)


def _sentence(withdrawn: WithdrawnPromise) -> str:
    sku = withdrawn.allocation.level.variant.sku
    units = (
        f"1 unit of {sku} was" if withdrawn.units == 1 else f"{withdrawn.units} units of {sku} were"
    )
    happened = WHAT_HAPPENED[WithdrawnPromise.Cause(withdrawn.cause)]
    return f"{units} {happened} ({withdrawn.reference})."
