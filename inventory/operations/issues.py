"""Stock that goes out or is put right: shipments, sales, adjustments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from inventory.models import (
    Allocation,
    CostPool,
    Location,
    StockLevel,
    StockMovement,
    WithdrawnPromise,
)
from inventory.operations.count_requests import levels_counted_since, request_counts
from inventory.operations.levels import (
    InvalidQuantity,
    ReferenceUsed,
    earlier_movements,
    lock_levels,
    lock_pools,
    require_free,
    require_on_hand,
    require_positive,
)
from inventory.operations.posting import Act, Source, post_act
from inventory.operations.promises import (
    NotPromised,
    close_when_consumed,
    lock_promises,
    withdraw_promises,
)
from retail.common.errors import BusinessError
from retail.common.models import User


@dataclass(frozen=True, slots=True)
class Taken:
    """What an act moved, and the promises it had to take back for that."""

    movements: Sequence[StockMovement]
    withdrawn: Sequence[WithdrawnPromise] = ()


# What the adjustment says that makes room for the sale of a unit nobody knew of.
FOUND_AT_SALE = "Found at sale"


class ReasonMissing(BusinessError):
    """An adjustment says why, or it is not made."""


@transaction.atomic
def issue_stock(
    *,
    location: Location,
    units: Mapping[int, int],
    kind: str,
    reference: str,
    at: datetime,
    by: User | None = None,
    reason: str = "",
    source: Source | None = None,
) -> list[StockMovement]:
    """
    Take free units out of stock, at today's average cost.

    units: variant id -> units. Units promised to documents are not free.
    reference: number of the document; a second call with it changes nothing.
    Locks: the CostPool rows, then the StockLevel rows, each by primary key.

    :raises InsufficientStock: carries shortages, variant id -> units missing.
    :raises InvalidQuantity: fewer units than 1.
    :raises ReferenceUsed: the reference stands for other goods already.
    """
    require_positive(units)
    return _move_free_units(
        location=location,
        quantities={variant_id: -count for variant_id, count in units.items()},
        act=Act(kind=kind, reference=reference, at=at, by=by, reason=reason, source=source),
    )


@transaction.atomic
def adjust_stock(
    *,
    location: Location,
    quantities: Mapping[int, int],
    reference: str,
    reason: str,
    at: datetime,
    by: User | None = None,
) -> Taken:
    """
    Put stock right: add units that were found, take those that are gone or broken.

    quantities: variant id -> signed units. Units that are added come in at today's average cost,
    the last known one where nothing is in stock. Units that are gone are gone, promised or not:
    the youngest promises are withdrawn and returned.
    reference: a second call with it changes nothing.
    Locks: the CostPool rows, the StockLevel rows, then the Allocation rows, each by primary key.

    :raises InsufficientStock: more units than are there; shortages, variant id -> units missing.
    :raises InvalidQuantity: a quantity of zero.
    :raises ReasonMissing: no reason was given.
    :raises ReferenceUsed: the reference stands for other goods already.
    """
    require_adjustable(quantities, reason)
    return put_right(
        location=location,
        quantities=quantities,
        act=Act(
            kind=StockMovement.Kind.ADJUSTMENT,
            reference=reference,
            at=at,
            by=by,
            reason=reason.strip(),
        ),
        cause=WithdrawnPromise.Cause.ADJUSTMENT,
    )


def require_adjustable(quantities: Mapping[int, int], reason: str) -> None:
    """
    Pass when stock can be adjusted by these signed units, for this reason.

    :raises InvalidQuantity: a quantity of zero, or beyond counting.
    :raises ReasonMissing: no reason was given.
    """
    if not reason.strip():
        msg = "Say why the stock is adjusted."
        raise ReasonMissing(msg)
    if 0 in quantities.values():
        msg = "An adjustment adds units or takes units; zero does neither."
        raise InvalidQuantity(msg, units=0)
    require_positive({pk: abs(count) for pk, count in quantities.items()})


@transaction.atomic
def sell_stock(
    *,
    location: Location,
    units: Mapping[int, int],
    reference: str,
    at: datetime,
    by: User | None = None,
    source: Source | None = None,
) -> Taken:
    """
    Book what a store has sold: the goods are gone, whatever the system thought of them.

    Units that it did not know are found first, by an adjustment at today's average cost, and then
    sold. Units that were promised are withdrawn from the youngest promises, which are returned.
    In both cases somebody is asked to count the article there, and where it was counted between
    the sale and its booking: the count took for missing what the sale takes now.
    units: variant id -> units.
    reference: number of the receipt; a second call with it changes nothing.
    Locks: the CostPool rows, the StockLevel rows, then the Allocation rows, each by primary key.

    :raises InvalidQuantity: fewer units than 1.
    :raises ReferenceUsed: the reference stands for other goods already.
    """
    require_positive(units)
    if not units:
        return Taken(movements=())
    moves = {(location.pk, variant_id): -count for variant_id, count in units.items()}
    act = Act(kind=StockMovement.Kind.SALE, reference=reference, at=at, by=by, source=source)
    cause = WithdrawnPromise.Cause.SALE
    pools = lock_pools(units)
    levels = lock_levels(moves)
    if earlier := _earlier(moves, levels, act, cause):
        return earlier
    changes = {levels[key]: count for key, count in moves.items()}
    unknown = {level: -(level.on_hand + count) for level, count in changes.items()}
    found = {level: count for level, count in unknown.items() if count > 0}
    if found:
        _find(found, pools=pools, act=replace(act, kind=StockMovement.Kind.ADJUSTMENT))
        pools = lock_pools(units)
    taken = take_units(act=act, pools=pools, changes=changes, cause=cause)
    doubted = {level.pk for level in found} | {
        promise.allocation.level_id for promise in taken.withdrawn
    }
    request_counts(level_ids=doubted, reason=f"Sold by {reference}, not as expected", at=at)
    if late := levels_counted_since(levels.values(), at):
        reason = f"Sold by {reference} before it was counted, booked after"
        request_counts(level_ids=late, reason=reason, at=at)
    return taken


def _find(found: Mapping[StockLevel, int], *, pools: Mapping[int, CostPool], act: Act) -> None:
    """Put units in stock that a sale proves to be there; the locked levels know of them then."""
    places = {(level.location_id, level.variant_id): count for level, count in found.items()}
    if earlier_movements(quantities=places, kind=act.kind, reference=act.reference):
        msg = f"{act.reference} was used before, for an adjustment of the same goods."
        raise ReferenceUsed(msg, reference=act.reference)
    post_act(act=replace(act, reason=FOUND_AT_SALE), pools=pools, changes=found)
    for level, count in found.items():
        level.on_hand += count


def put_right(*, location: Location, quantities: Mapping[int, int], act: Act, cause: str) -> Taken:
    """
    Move units at one location in one act, those that are promised too.

    quantities: variant id -> signed units, none of them zero. An act done before returns what it
    wrote then.
    Locks: the CostPool rows, the StockLevel rows, then the Allocation rows, each by primary key.

    :raises InsufficientStock: more units than are on hand.
    :raises ReferenceUsed: the reference stands for other goods already.
    """
    if not quantities:
        return Taken(movements=())
    moves = {(location.pk, variant_id): count for variant_id, count in quantities.items()}
    pools = lock_pools(quantities)
    levels = lock_levels(moves)
    if earlier := _earlier(moves, levels, act, cause):
        return earlier
    changes = {levels[key]: count for key, count in moves.items()}
    return take_units(act=act, pools=pools, changes=changes, cause=cause)


def take_units(
    *,
    act: Act,
    pools: Mapping[int, CostPool],
    changes: Mapping[StockLevel, int],
    cause: str,
) -> Taken:
    """
    Move units of locked levels in one act, and withdraw the promises that cannot be kept then.

    changes: level -> signed units, none of them zero.
    Locks: the Allocation rows, by primary key.

    :raises InsufficientStock: more units than are on hand.
    """
    require_on_hand(changes)
    short = {
        level.pk: level.allocated - (level.on_hand + count)
        for level, count in changes.items()
        if level.on_hand + count < level.allocated
    }
    withdrawn = withdraw_promises(
        short=short,
        cause=cause,
        reference=act.reference,
        at=act.at,
        reason=act.reason,
        by=act.by,
    )
    return Taken(
        movements=post_act(act=act, pools=pools, changes=changes, promised=short),
        withdrawn=withdrawn,
    )


def _earlier(
    moves: Mapping[tuple[int, int], int],
    levels: Mapping[tuple[int, int], StockLevel],
    act: Act,
    cause: str,
) -> Taken | None:
    """Return what the first call with the act's reference did, None if it is new."""
    movements = earlier_movements(quantities=moves, kind=act.kind, reference=act.reference)
    if not movements:
        return None
    withdrawn = WithdrawnPromise.objects.filter(
        cause=cause, reference=act.reference, allocation__level__in=list(levels.values())
    )
    return Taken(movements=movements, withdrawn=list(withdrawn.order_by("pk")))


@transaction.atomic
def ship_allocated(
    *,
    units: Mapping[int, int],
    reference: str,
    at: datetime,
    by: User | None = None,
    source: Source | None = None,
) -> list[StockMovement]:
    """
    Send promised units out, one movement per stock level.

    units: allocation id -> units. The caller holds the lock of the document that the units were
    promised to.
    reference: number of the shipment; a second call with it changes nothing.
    Locks: the CostPool rows, the StockLevel rows, then the Allocation rows, each by primary key.

    :raises NotPromised: more units than are still promised; nothing is sent then.
    :raises InvalidQuantity: fewer units than 1.
    :raises ReferenceUsed: the reference stands for other goods already.
    """
    return _consume(
        units,
        Act(kind=StockMovement.Kind.SHIPMENT, reference=reference, at=at, by=by, source=source),
    )


@transaction.atomic
def hand_over_reserved(
    *, units: Mapping[int, int], reference: str, at: datetime, by: User | None = None
) -> list[StockMovement]:
    """
    Sell over the counter what was put aside there.

    units: allocation id -> units. An expired reservation may be handed over as long as the sweep
    has not taken it back.
    reference: number of the receipt; a second call with it changes nothing. The movements name
    the allocations as the lines of their source, the first of them as its document.
    Locks: the CostPool rows, the StockLevel rows, then the Allocation rows, each by primary key.

    :raises NotPromised: more units than are still put aside, or an order's promise; nothing is
        sold then.
    :raises InvalidQuantity: fewer units than 1.
    :raises ReferenceUsed: the reference stands for other goods already.
    """
    if not units:
        return []
    # Neither its article nor whether it is a reservation ever changes: read before the lock.
    put_aside = dict(
        Allocation.objects.filter(pk__in=list(units), expires_at__isnull=False).values_list(
            "pk", "level__variant_id"
        )
    )
    if others := sorted(units.keys() - put_aside.keys()):
        msg = "These units are not put aside; what an order was promised leaves with its shipment."
        raise NotPromised(msg, allocations=others)
    lines: dict[int, list[int]] = defaultdict(list)
    for pk, variant_id in put_aside.items():
        lines[variant_id].append(pk)
    source = Source(
        kind=StockMovement.SourceKind.ALLOCATION, document_id=min(put_aside), lines=lines
    )
    return _consume(
        units,
        Act(kind=StockMovement.Kind.SALE, reference=reference, at=at, by=by, source=source),
    )


def _consume(units: Mapping[int, int], act: Act) -> list[StockMovement]:
    """Take promised units out of stock (allocation id -> units), one movement per level."""
    require_positive(units)
    if not units:
        return []
    # Level and variant of an allocation never change, so they may be read before the lock.
    places = {
        pk: (level_id, variant_id)
        for pk, level_id, variant_id in Allocation.objects.filter(pk__in=list(units)).values_list(
            "pk", "level_id", "level__variant_id"
        )
    }
    pools = lock_pools({variant_id for _, variant_id in places.values()})
    levels = {
        level.pk: level
        for level in StockLevel.objects.for_update().filter(
            pk__in=[level_id for level_id, _ in places.values()]
        )
    }
    shipped: dict[int, int] = defaultdict(int)
    for pk, (level_id, _) in places.items():
        shipped[level_id] += units[pk]
    quantities = {
        (levels[level_id].location_id, levels[level_id].variant_id): -count
        for level_id, count in shipped.items()
    }
    if earlier := earlier_movements(quantities=quantities, kind=act.kind, reference=act.reference):
        return earlier
    allocations = lock_promises(units)
    for allocation in allocations:
        allocation.shipped += units[allocation.pk]
        close_when_consumed(allocation, at=act.at)
    Allocation.objects.bulk_update(allocations, ["shipped", "closed_at"])
    return post_act(
        act=act,
        pools=pools,
        changes={levels[level_id]: -count for level_id, count in shipped.items()},
        promised=shipped,
    )


def _move_free_units(
    *, location: Location, quantities: Mapping[int, int], act: Act
) -> list[StockMovement]:
    if not quantities:
        return []
    moves = {(location.pk, variant_id): count for variant_id, count in quantities.items()}
    pools = lock_pools(quantities)
    levels = lock_levels(moves)
    if earlier := earlier_movements(quantities=moves, kind=act.kind, reference=act.reference):
        return earlier
    require_free(levels.values(), {variant_id: -count for variant_id, count in quantities.items()})
    return post_act(
        act=act, pools=pools, changes={levels[key]: count for key, count in moves.items()}
    )
