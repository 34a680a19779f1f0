"""Stock that is promised to documents and given back; promises touch no cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db import connection, transaction

from channels.models import Channel
from inventory.models import Allocation, Location, StockLevel, WithdrawnPromise
from inventory.operations.levels import (
    InsufficientStock,
    ReferenceUsed,
    add_to_levels,
    as_array,
    lock_existing_levels,
    require_active,
    require_free,
    require_locations,
    require_positive,
)
from retail.common.errors import BusinessError
from retail.common.models import User


class NotPromised(BusinessError):
    """More units than a promise still holds, or a promise that does not exist."""


@transaction.atomic
def allocate_stock(
    *,
    location: Location,
    units: Mapping[int, int],
    reference: str,
    at: datetime,
    expires_at: datetime | None = None,
    channel: Channel | None = None,
    note: str = "",
    by: User | None = None,
) -> list[Allocation]:
    """
    Promise units at one location to one document, every variant or none.

    Reservations that are over give way first, where units are short.
    units: variant id -> units, each at least 1.
    reference: number of the document; a second call with it changes nothing.
    expires_at: until when they are held; None for a promise to an order.
    channel: whose order it is; its reserve is used up by this.
    Locks: the StockLevel rows, then expired Allocation rows, each by primary key.

    :raises InsufficientStock: carries shortages, variant id -> units missing.
    :raises InvalidQuantity: fewer units than 1.
    :raises InactiveVariant: an article that is no longer dealt in; NotStocked, UnknownVariant.
    :raises UnknownLocation: the location does not exist.
    :raises ReferenceUsed: the reference stands for other units here already.
    """
    require_positive(units)
    require_active(units)
    levels = lock_existing_levels([location], units)
    if earlier := _earlier_promises(levels, reference):
        if {promise.level.variant_id: promise.units for promise in earlier} != units:
            msg = f"{reference} was promised other goods here before."
            raise ReferenceUsed(msg, reference=reference)
        return earlier
    if len(levels) < len(units):
        require_locations({location.pk})
    if any(level.on_hand - level.allocated < units[level.variant_id] for level in levels):
        sweep_levels(levels, at=at)
    require_free(levels, units)
    return _promise(
        {level: units[level.variant_id] for level in levels},
        Allocation(
            reference=reference,
            allocated_at=at,
            allocated_by=by,
            expires_at=expires_at,
            channel=channel,
            note=note,
        ),
    )


def allocate_levels(
    *,
    units: Mapping[StockLevel, int],
    reference: str,
    at: datetime,
    channel: Channel | None = None,
) -> list[Allocation]:
    """
    Promise units of chosen stock levels to one document, all of them or none.

    Part of an operation that chooses among locations: it locks levels, chooses, then calls this
    with the rows as they were locked, in the same transaction.
    units: stock level -> units.
    reference: one that no promise of these levels has; a constraint stops a second.
    channel: whose order it is; its reserve is used up by this.

    :raises InsufficientStock: carries shortages, variant id -> units missing.
    :raises InvalidQuantity: fewer units than 1.
    """
    require_positive({level.pk: count for level, count in units.items()})
    shortages: dict[int, int] = defaultdict(int)
    for level, count in units.items():
        shortages[level.variant_id] += max(0, count - (level.on_hand - level.allocated))
    if any(shortages.values()):
        raise InsufficientStock({pk: short for pk, short in shortages.items() if short})
    return _promise(units, Allocation(reference=reference, allocated_at=at, channel=channel))


@transaction.atomic
def release_allocation(*, units: Mapping[int, int], at: datetime) -> list[Allocation]:
    """
    Give promised units back, so that they are free again.

    units: allocation id -> units to give back. The caller holds the lock of the document that
    the units were promised to.
    Locks: the StockLevel rows, then the Allocation rows, each by primary key.

    :raises NotPromised: more units than are still promised; nothing is given back then.
    :raises InvalidQuantity: fewer units than 1.
    """
    require_positive(units)
    level_ids = Allocation.objects.filter(pk__in=list(units)).values_list("level_id", flat=True)
    list(StockLevel.objects.for_update().filter(pk__in=list(level_ids)))  # a lazy one locks nothing
    allocations = lock_promises(units)
    given_back: dict[int, int] = defaultdict(int)
    for allocation in allocations:
        allocation.released += units[allocation.pk]
        close_when_consumed(allocation, at=at)
        given_back[allocation.level_id] -= units[allocation.pk]
    Allocation.objects.bulk_update(allocations, ["released", "closed_at"])
    add_to_levels(allocated=given_back, at=at)
    return allocations


def sweep_levels(levels: Collection[StockLevel], *, at: datetime) -> list[WithdrawnPromise]:
    """
    Take back what locked levels hold for reservations that are over.

    The levels know of it afterwards. Locks: the Allocation rows, by primary key.
    """
    by_pk = {level.pk: level for level in levels}
    over = list(Allocation.objects.expired(at).for_update().filter(level__in=list(levels)))
    if not over:
        return []
    freed: dict[int, int] = defaultdict(int)
    withdrawn = []
    for promise in over:
        units = promise.open_units
        freed[promise.level_id] -= units
        by_pk[promise.level_id].allocated -= units
        promise.released += units
        promise.closed_at = at
        withdrawn.append(
            WithdrawnPromise(
                allocation=promise,
                units=units,
                cause=WithdrawnPromise.Cause.EXPIRED,
                reference=promise.reference,
                withdrawn_at=at,
            )
        )
    Allocation.objects.bulk_update(over, ["released", "closed_at"])
    add_to_levels(allocated=freed, at=at)
    return WithdrawnPromise.objects.bulk_create(withdrawn)


def withdraw_promises(
    *,
    short: Mapping[int, int],
    cause: str,
    reference: str,
    at: datetime,
    reason: str = "",
    by: User | None = None,
) -> list[WithdrawnPromise]:
    """
    Take promised units back, because the goods are not there, and write down whose they were.

    Reservations that are over give first, then the youngest promise. The levels are locked by the
    caller, who also takes the units off their `allocated`, together with the goods.

    short: level id -> units to take back, no more than are promised there.
    Locks: the Allocation rows, by primary key.
    """
    if not short:
        return []
    promises = Allocation.objects.open().for_update().filter(level_id__in=list(short))
    taken = choose_to_withdraw(promises, short, at=at)
    for promise, units in taken.items():
        promise.released += units
        close_when_consumed(promise, at=at)
    Allocation.objects.bulk_update(list(taken), ["released", "closed_at"])
    return WithdrawnPromise.objects.bulk_create(
        [
            WithdrawnPromise(
                allocation=promise,
                units=units,
                cause=cause,
                reference=reference,
                reason=reason,
                withdrawn_at=at,
                withdrawn_by=by,
            )
            for promise, units in taken.items()
        ]
    )


def choose_to_withdraw(
    promises: Iterable[Allocation], short: Mapping[int, int], *, at: datetime
) -> dict[Allocation, int]:
    """
    Return which promises give way, and with how many units each: the first to give first.

    Those that are over, then the youngest. promises: the open ones of the levels, in any order.
    short: level id -> units to take back.
    """
    left = dict(short)
    taken: dict[Allocation, int] = {}
    for promise in sorted(
        promises,
        key=lambda promise: (_is_over(promise, at), promise.allocated_at, promise.pk),
        reverse=True,
    ):
        if units := min(left[promise.level_id], promise.open_units):
            taken[promise] = units
            left[promise.level_id] -= units
    return taken


def _is_over(promise: Allocation, at: datetime) -> bool:
    return promise.expires_at is not None and promise.expires_at <= at


def lock_promises(units: Mapping[int, int]) -> list[Allocation]:
    """
    Lock allocations whose levels are locked already, and pass when they still hold these units.

    :raises NotPromised: an allocation holds fewer, or does not exist.
    """
    allocations = list(Allocation.objects.for_update().filter(pk__in=list(units)))
    if unknown := sorted(units.keys() - {allocation.pk for allocation in allocations}):
        msg = "These units were never promised."
        raise NotPromised(msg, allocations=unknown)
    for allocation in allocations:
        if units[allocation.pk] > allocation.open_units:
            msg = (
                f"{allocation.reference} is promised {allocation.open_units} more units here,"
                f" not {units[allocation.pk]}."
            )
            raise NotPromised(msg, allocations=[allocation.pk])
    return allocations


def close_when_consumed(allocation: Allocation, *, at: datetime) -> None:
    """Set the moment of closing on an allocation that holds nothing any more."""
    if not allocation.open_units:
        allocation.closed_at = at


def _earlier_promises(levels: Collection[StockLevel], reference: str) -> list[Allocation]:
    ids = [level.pk for level in levels]
    with connection.cursor() as cursor:
        # Nearly never there, and asked for with every promise: the short way to a no.
        cursor.execute(
            """
            SELECT EXISTS (SELECT FROM inventory_allocation
                            WHERE level_id = ANY(%s::bigint[]) AND reference = %s)
            """,
            [as_array(ids), reference],
        )
        (is_known,) = cursor.fetchone()
    if not is_known:
        return []
    return list(
        Allocation.objects.filter(level_id__in=ids, reference=reference)
        .select_related("level")
        .order_by("pk")
    )


def _promise(taken: Mapping[StockLevel, int], like: Allocation) -> list[Allocation]:
    """Promise free units of locked levels (level -> units), each in a row that is like this."""
    if not taken:
        return []
    keys = write_promises({level.pk: count for level, count in taken.items()}, like)
    return [
        Allocation(
            pk=keys[level.pk],
            level=level,
            units=count,
            reference=like.reference,
            allocated_at=like.allocated_at,
            allocated_by=like.allocated_by,
            expires_at=like.expires_at,
            channel=like.channel,
            note=like.note,
        )
        for level, count in taken.items()
    ]


def write_promises(units: Mapping[int, int], like: Allocation) -> dict[int, int]:
    """
    Write the promises and add them to the totals; level id -> units, and then -> allocation id.

    One statement, as every sale waits for it. The units are added in the database, for the reason
    that `add_to_levels` gives.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH wanted AS (
                SELECT * FROM unnest(%(levels)s::bigint[], %(units)s::int[]) AS wanted (id, units)
            ), changed AS (
                UPDATE inventory_stocklevel AS level SET allocated = level.allocated + wanted.units
                  FROM wanted WHERE level.id = wanted.id
                RETURNING level.variant_id
            ), noted AS (
                INSERT INTO inventory_availabilitychange (variant_id, changed_at)
                SELECT DISTINCT variant_id, %(at)s::timestamptz FROM changed
            )
            INSERT INTO inventory_allocation
                (level_id, units, shipped, released, reference, allocated_at, allocated_by_id,
                 expires_at, channel_id, note)
            SELECT id, units, 0, 0, %(reference)s, %(at)s, %(by)s, %(expires_at)s, %(channel)s,
                   %(note)s
              FROM wanted ORDER BY id
            RETURNING level_id, id
            """,
            {
                "levels": as_array(units),
                "units": as_array(units.values()),
                "reference": like.reference,
                "at": like.allocated_at,
                "by": like.allocated_by_id,
                "expires_at": like.expires_at,
                "channel": like.channel_id,
                "note": like.note,
            },
        )
        return dict(cursor.fetchall())
