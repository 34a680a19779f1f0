"""Goods that customers sent back: each where it belongs, and what becomes of those set apart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from inventory.models import Location, StockMovement
from inventory.operations.issues import ReasonMissing
from inventory.operations.levels import (
    InvalidQuantity,
    earlier_movements,
    lock_levels,
    lock_pools,
    require_free,
    require_positive,
)
from inventory.operations.posting import Act, Source, post_act, post_transfer
from retail.common.models import User


@transaction.atomic
def put_away(
    *,
    units: Mapping[tuple[int, int], int],
    reference: str,
    at: datetime,
    by: User | None = None,
    source: Source | None = None,
    scrapped: Mapping[tuple[int, int], int] | None = None,
    reason: str = "",
) -> list[StockMovement]:
    """
    Put goods of one return into stock at several places, at today's average cost.

    units: (location id, variant id) -> units that come in. scrapped: the same for those of them
    that are good for nothing: they come in with the others and go out at once as an adjustment, so
    that the ledger tells both. reason: why; needed when anything is scrapped.
    reference: number of the return; a second call with it changes nothing.
    Locks: the CostPool rows, then the StockLevel rows, each by primary key.

    :raises InvalidQuantity: fewer units than 1, or more scrapped than come in.
    :raises ReasonMissing: something is scrapped without a reason.
    :raises ReferenceUsed: the reference stands for other goods already.
    """
    scrapped = scrapped or {}
    _require_sane(units, scrapped, reason)
    if not units:
        return []
    variants = {variant_id for _, variant_id in units}
    pools = lock_pools(variants)
    levels = lock_levels(units)
    act = Act(kind=StockMovement.Kind.RETURN, reference=reference, at=at, by=by, source=source)
    if earlier := earlier_movements(quantities=units, kind=act.kind, reference=reference):
        return earlier
    moved = post_act(
        act=act, pools=pools, changes={levels[key]: count for key, count in units.items()}
    )
    if not scrapped:
        return moved
    out = Act(
        kind=StockMovement.Kind.ADJUSTMENT,
        reference=reference,
        at=at,
        by=by,
        reason=reason.strip(),
        source=source,
    )
    return moved + post_act(
        act=out,
        # Read again, as what came in changed the average.
        pools=lock_pools(variants),
        changes={levels[key]: -count for key, count in scrapped.items()},
    )


def _require_sane(
    units: Mapping[tuple[int, int], int], scrapped: Mapping[tuple[int, int], int], reason: str
) -> None:
    require_positive(dict(enumerate([*units.values(), *scrapped.values()])))
    if any(count > units.get(key, 0) for key, count in scrapped.items()):
        msg = "No more can be scrapped than came in."
        raise InvalidQuantity(msg)
    if scrapped and not reason.strip():
        msg = "Say why goods are scrapped."
        raise ReasonMissing(msg)


@transaction.atomic
def put_on_shelf(
    *,
    from_location: Location,
    to_location: Location,
    units: Mapping[int, int],
    reference: str,
    at: datetime,
    by: User | None = None,
    source: Source | None = None,
) -> list[StockMovement]:
    """
    Move free goods from where they were set apart to a shelf of the same site, in one step.

    Between sites goods travel by a transfer; here nothing is ever on the way.
    units: variant id -> units. reference: a second call with it changes nothing.
    Locks: the StockLevel rows of both places, by primary key.

    :raises InsufficientStock: names every article that is short.
    :raises InvalidQuantity: fewer units than 1, or both places are the same.
    :raises ReferenceUsed: the reference stands for other goods already.
    """
    require_positive(units)
    if from_location == to_location:
        msg = f"The goods are at {to_location} already."
        raise InvalidQuantity(msg)
    changes = {
        (place.pk, variant_id): sign * count
        for place, sign in ((from_location, -1), (to_location, 1))
        for variant_id, count in units.items()
    }
    levels = lock_levels(changes)
    act = Act(kind=StockMovement.Kind.TRANSFER, reference=reference, at=at, by=by, source=source)
    if earlier := earlier_movements(quantities=changes, kind=act.kind, reference=reference):
        return earlier
    require_free([levels[from_location.pk, variant_id] for variant_id in units], units)
    return post_transfer(act=act, changes={levels[key]: count for key, count in changes.items()})
