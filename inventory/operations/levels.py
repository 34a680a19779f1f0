"""What every operation shares: locking in the one order, refusing, writing the running totals."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import BigIntegerField, Func, Value
from django.db.models.functions import Cast

from catalog.models import Variant
from inventory.models import (
    CostPool,
    Location,
    StockLevel,
    StockMovement,
)
from retail.common.errors import BusinessError
from retail.common.fields import MAX_UNITS

SHORTAGES_NAMED = 5
_ARRAY = ArrayField(BigIntegerField())


class InvalidQuantity(BusinessError):
    """A number of units that cannot be moved: zero, below it, or beyond counting."""


class ReferenceUsed(BusinessError):
    """The reference already names another act on the same goods."""


class InsufficientStock(BusinessError):
    """Fewer units are free than were asked for; `shortages` is variant id -> units missing."""

    def __init__(self, shortages: Mapping[int, int]) -> None:
        self.shortages = dict(shortages)
        named = sorted(shortages)[:SHORTAGES_NAMED]
        skus = dict(Variant.objects.filter(pk__in=named).values_list("pk", "sku"))
        text = ", ".join(f"{shortages[pk]} of {skus.get(pk, pk)}" for pk in named)
        more = len(shortages) - len(named)
        ending = f" and {more} more." if more else "."
        super().__init__(f"Not enough stock, missing {text}{ending}", shortages=self.shortages)


class UnknownVariant(BusinessError):
    """No article has this id."""


class UnknownLocation(BusinessError):
    """No location has this id."""


class NotStocked(BusinessError):
    """An article that is not kept in stock: postage, a fee, a bundle."""


class InactiveVariant(BusinessError):
    """An article that is no longer bought or promised."""


def require_positive(units: Mapping[int, int]) -> None:
    """
    Pass when every number of units is at least 1, and none is beyond counting.

    :raises InvalidQuantity: names the first that is not right.
    """
    for count in units.values():
        if count < 1:
            msg = f"Units are counted from 1; {count} cannot be moved."
            raise InvalidQuantity(msg, units=count)
        if count >= MAX_UNITS:
            msg = f"Fewer than {MAX_UNITS:,} units can be moved at once."
            raise InvalidQuantity(msg, units=count)


def require_free(levels: Iterable[StockLevel], units: Mapping[int, int]) -> None:
    """
    Pass when the locked levels together have these units free (variant id -> units).

    :raises InsufficientStock: names every variant that is short.
    """
    missing = dict(units)
    for level in levels:
        missing[level.variant_id] -= level.on_hand - level.allocated
    if shortages := {variant_id: short for variant_id, short in missing.items() if short > 0}:
        raise InsufficientStock(shortages)


def require_on_hand(changes: Mapping[StockLevel, int]) -> None:
    """
    Pass when no locked level falls below zero by these signed units.

    :raises InsufficientStock: names every variant of which more would be taken than lies there.
    """
    missing: dict[int, int] = {}
    for level, count in changes.items():
        if level.on_hand + count < 0:
            missing[level.variant_id] = -(level.on_hand + count)
    if missing:
        raise InsufficientStock(missing)


def require_stocked(variant_ids: Collection[int]) -> None:
    """
    Pass when all of these are articles that are kept in stock.

    :raises UnknownVariant: an id that no article has.
    :raises NotStocked: names the articles that are not.
    """
    _check_variants(variant_ids)


def require_active(variant_ids: Collection[int]) -> None:
    """
    Pass when all of these are articles that are kept in stock and still dealt in.

    :raises UnknownVariant: an id that no article has.
    :raises NotStocked: names the articles that are not.
    :raises InactiveVariant: names the articles that are not.
    """
    if inactive := _check_variants(variant_ids):
        msg = f"No longer dealt in: {_named(inactive)}. Activate the article first."
        raise InactiveVariant(msg, skus=inactive)


def _check_variants(variant_ids: Collection[int]) -> list[str]:
    """Return the SKUs of those that are no longer dealt in; only what is odd is read."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT wanted.id, variant.sku, variant.is_stocked
              FROM unnest(%s::bigint[]) AS wanted (id)
              LEFT JOIN catalog_variant AS variant ON variant.id = wanted.id
             WHERE variant.id IS NULL OR NOT variant.is_stocked OR NOT variant.is_active
             ORDER BY variant.sku, wanted.id
            """,
            [as_array(sorted(variant_ids))],
        )
        odd = cursor.fetchall()
    if unknown := [pk for pk, sku, _ in odd if sku is None]:
        msg = f"There is no article with the number {unknown[0]}."
        raise UnknownVariant(msg, variants=unknown)
    if services := [sku for _, sku, is_stocked in odd if not is_stocked]:
        msg = f"Not kept in stock: {_named(services)}."
        raise NotStocked(msg, skus=services)
    return [sku for _, sku, _ in odd]


def _named(skus: Sequence[str]) -> str:
    more = len(skus) - SHORTAGES_NAMED
    ending = f" and {more} more" if more > 0 else ""
    return ", ".join(skus[:SHORTAGES_NAMED]) + ending


def as_array(numbers: Iterable[int | Decimal | None]) -> str:
    """Return numbers as PostgreSQL writes an array: in one piece, not dumped one by one."""
    texts = ("NULL" if number is None else str(number) for number in numbers)
    return f"{{{','.join(texts)}}}"


class Ids(Func):
    """
    Ids for `__in`, sent as one array.

    Of a list with thousands, as history brings them, preparing a parameter each takes longer
    than the query.
    """

    template = "(SELECT unnest(%(expressions)s::bigint[]))"
    output_field = BigIntegerField()

    def __init__(self, ids: Iterable[int]) -> None:
        super().__init__(Value(as_array(sorted(ids))))


class IdsOfAll(Func):
    """
    Ids of the rows with these keys for `__in`, or none where a row is missing.

    keys: values of the columns. To lock by: as long as rows have to be made, nothing is locked.
    """

    template = (
        "(SELECT id FROM (SELECT kept.id, count(*) OVER () AS found"
        " FROM unnest(%(expressions)s) AS wanted (%(columns)s)"
        " JOIN %(table)s AS kept USING (%(columns)s)) AS known WHERE found = %(wanted)d)"
    )
    output_field = BigIntegerField()

    def __init__(
        self, *, table: str, columns: Sequence[str], keys: Collection[tuple[int, ...]]
    ) -> None:
        arrays = [as_array(values) for values in zip(*sorted(keys), strict=True)]
        super().__init__(
            *(Cast(Value(array), _ARRAY) for array in arrays),
            table=table,
            columns=", ".join(columns),
            wanted=len(keys),
        )


def lock_pools(variant_ids: Collection[int]) -> dict[int, CostPool]:
    """Create the cost pools that are missing, lock all by primary key; variant id -> pool."""
    wanted = set(variant_ids)
    if not wanted:
        return {}
    pools = CostPool.objects.for_update().filter(
        pk__in=IdsOfAll(
            table="inventory_costpool", columns=["variant_id"], keys={(pk,) for pk in wanted}
        )
    )
    locked = list(pools)
    if not locked:
        known = CostPool.objects.filter(variant_id__in=Ids(wanted))
        missing = wanted - set(known.values_list("variant_id", flat=True))
        CostPool.objects.bulk_create(
            [CostPool(variant_id=variant_id) for variant_id in sorted(missing)],
            ignore_conflicts=True,
        )
        locked = list(pools.all())
    return {pool.variant_id: pool for pool in locked}


def lock_levels(pairs: Collection[tuple[int, int]]) -> dict[tuple[int, int], StockLevel]:
    """
    Create the levels that are missing, lock all by primary key.

    pairs: (location id, variant id), which are also the keys of what is returned.

    :raises UnknownVariant: an id that no article has.
    :raises UnknownLocation: an id that no location has.
    :raises NotStocked: an article that is not kept in stock.
    """
    wanted = set(pairs)
    if not wanted:
        return {}
    levels = StockLevel.objects.for_update().filter(
        pk__in=IdsOfAll(
            table="inventory_stocklevel", columns=["location_id", "variant_id"], keys=wanted
        )
    )
    locked = list(levels)
    if not locked:
        _create_levels(wanted)
        locked = list(levels.all())
    return {(level.location_id, level.variant_id): level for level in locked}


def lock_goods(*, location: Location, variant_ids: Collection[int]) -> None:
    """
    Lock the cost pools and the levels at one place of all these articles.

    For whoever moves them by several operations in one transaction: each would lock its own, and
    one after the other they would break the one order of locks.

    :raises NotStocked: an article that is not kept in stock.
    """
    lock_pools(variant_ids)
    lock_levels({(location.pk, variant_id) for variant_id in variant_ids})


def _create_levels(pairs: Collection[tuple[int, int]]) -> None:
    known = StockLevel.objects.filter(
        location_id__in=Ids({place for place, _ in pairs}),
        variant_id__in=Ids({variant for _, variant in pairs}),
    )
    missing = sorted(set(pairs) - set(known.values_list("location_id", "variant_id")))
    # Where a level is, the article and the place were seen to be right when it was made.
    require_stocked({variant for _, variant in missing})
    require_locations({place for place, _ in missing})
    StockLevel.objects.bulk_create(
        [StockLevel(location_id=place, variant_id=variant) for place, variant in missing],
        ignore_conflicts=True,
    )


def require_locations(location_ids: Collection[int | None]) -> None:
    """
    Pass when all of these are locations; None stands for one that was never stored.

    :raises UnknownLocation: at least one is not.
    """
    known = set(Location.objects.filter(pk__in=list(location_ids)).values_list("pk", flat=True))
    if unknown := set(location_ids) - known:
        msg = "The location does not exist, or no longer."
        raise UnknownLocation(msg, locations=list(unknown))


def lock_existing_levels(
    locations: Collection[Location], variant_ids: Collection[int]
) -> list[StockLevel]:
    """Lock the levels there are of these variants at these places; none is created."""
    return list(
        StockLevel.objects.for_update().filter(
            location_id__in=[location.pk for location in locations],
            variant_id__in=list(variant_ids),
        )
    )


def earlier_movements(
    *, quantities: Mapping[tuple[int, int], int], kind: str, reference: str
) -> list[StockMovement]:
    """
    Return the movements that the first call with this reference wrote; none if it is new.

    quantities: (location id, variant id) -> signed units of this call. Call it holding the locks.

    :raises ReferenceUsed: the reference moved other units, or the same goods in another act.
    """
    written = list(
        StockMovement.objects.filter(
            reference=reference, level__variant_id__in=Ids({variant for _, variant in quantities})
        )
        .select_related("level")
        .order_by("pk")
    )
    earlier = {
        (movement.level.location_id, movement.level.variant_id): movement
        for movement in written
        if movement.kind == kind
        and (movement.level.location_id, movement.level.variant_id) in quantities
    }
    if earlier:
        if {key: movement.quantity for key, movement in earlier.items()} != quantities:
            msg = f"{reference} was used before, for other units."
            raise ReferenceUsed(msg, reference=reference)
        return list(earlier.values())
    # The cost of a variant is booked once per reference and direction, wherever the goods lie. A
    # transfer has none.
    directions = {(variant, units > 0) for (_, variant), units in quantities.items()}
    costed = [m for m in written if m.kind != StockMovement.Kind.TRANSFER]
    if any((m.level.variant_id, m.quantity > 0) in directions for m in costed):
        msg = f"{reference} was used before, for another movement of the same goods."
        raise ReferenceUsed(msg, reference=reference)
    return []


def add_to_levels(
    *,
    on_hand: Mapping[int, int] | None = None,
    allocated: Mapping[int, int] | None = None,
    at: datetime,
) -> None:
    """
    Add signed units to the running totals of locked levels (level id -> units), in one query.

    It also notes that the listings of their variants must be told. Added in the database, not set
    to a figure read before: without its lock a caller would then run into the CHECK instead of
    overwriting another's work. `bulk_update` would write a CASE of as many branches as rows, which
    PostgreSQL searches once per row.
    """
    on_hand, allocated = on_hand or {}, allocated or {}
    ids = sorted(on_hand.keys() | allocated.keys())
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH changed AS (
                UPDATE inventory_stocklevel AS level
                   SET on_hand = level.on_hand + change.on_hand,
                       allocated = level.allocated + change.allocated
                  FROM unnest(%s::bigint[], %s::int[], %s::int[])
                       AS change (id, on_hand, allocated)
                 WHERE level.id = change.id
                RETURNING level.variant_id
            )
            INSERT INTO inventory_availabilitychange (variant_id, changed_at)
            SELECT DISTINCT variant_id, %s::timestamptz FROM changed
            """,
            [
                as_array(ids),
                as_array(on_hand.get(pk, 0) for pk in ids),
                as_array(allocated.get(pk, 0) for pk in ids),
                at,
            ],
        )


def add_to_pools(changes: Mapping[int, tuple[int, Decimal]]) -> None:
    """Add signed units and value to locked pools (pool id -> both), as `add_to_levels` does."""
    ids = sorted(changes)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE inventory_costpool AS pool
               SET units = pool.units + change.units, value = pool.value + change.value
              FROM unnest(%s::bigint[], %s::int[], %s::numeric[]) AS change (id, units, value)
             WHERE pool.id = change.id
            """,
            [
                as_array(ids),
                as_array(changes[pk][0] for pk in ids),
                as_array(changes[pk][1] for pk in ids),
            ],
        )
