"""Stock that comes in: from a supplier, from the opening count, back from a customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from inventory.models import Location, StockMovement
from inventory.operations.levels import (
    earlier_movements,
    lock_levels,
    lock_pools,
    require_active,
    require_positive,
)
from inventory.operations.posting import Act, InvalidValue, Source, post_act
from retail.common.models import User


@dataclass(frozen=True, slots=True)
class Received:
    """Units that came in and what they are worth together, in book currency."""

    units: int
    value: Decimal


@transaction.atomic
def receive_stock(
    *,
    location: Location,
    received: Mapping[int, Received],
    reference: str,
    at: datetime,
    by: User | None = None,
    kind: str = StockMovement.Kind.RECEIPT,
    source: Source | None = None,
) -> list[StockMovement]:
    """
    Put units into stock at their cost, every variant in one movement.

    received: variant id -> units and their value in all, rounded to the cent when booked.
    reference: number of the document; a second call with it changes nothing.
    kind: RECEIPT, or OPENING for the stock a shop begins with.
    Locks: the CostPool rows, then the StockLevel rows, each by primary key.

    :raises InvalidQuantity: fewer units than 1.
    :raises InvalidValue: a value below zero.
    :raises InactiveVariant: an article that is no longer dealt in; NotStocked, UnknownVariant.
    :raises ReferenceUsed: the reference stands for other goods already.
    """
    require_positive({pk: goods.units for pk, goods in received.items()})
    require_active(received)
    for goods in received.values():
        if not goods.value.is_finite() or goods.value < 0:
            msg = f"Goods cannot be received at a value of {goods.value}."
            raise InvalidValue(msg, value=str(goods.value))
    return _put_in(
        location=location,
        units={pk: goods.units for pk, goods in received.items()},
        values={pk: goods.value for pk, goods in received.items()},
        act=Act(kind=kind, reference=reference, at=at, by=by, source=source),
    )


@transaction.atomic
def return_stock(
    *,
    location: Location,
    units: Mapping[int, int],
    reference: str,
    at: datetime,
    by: User | None = None,
    source: Source | None = None,
) -> list[StockMovement]:
    """
    Put goods that a customer sent back into stock, at today's average cost.

    units: variant id -> units. The last known unit cost counts where nothing is in stock.
    reference: number of the return; a second call with it changes nothing.
    Locks: the CostPool rows, then the StockLevel rows, each by primary key.

    :raises InvalidQuantity: fewer units than 1.
    :raises ReferenceUsed: the reference stands for other goods already.
    """
    require_positive(units)
    return _put_in(
        location=location,
        units=units,
        values={},
        act=Act(kind=StockMovement.Kind.RETURN, reference=reference, at=at, by=by, source=source),
    )


def _put_in(
    *,
    location: Location,
    units: Mapping[int, int],
    values: Mapping[int, Decimal],
    act: Act,
) -> list[StockMovement]:
    if not units:
        return []
    quantities = {(location.pk, variant_id): count for variant_id, count in units.items()}
    pools = lock_pools(units)
    levels = lock_levels(quantities)
    if earlier := earlier_movements(quantities=quantities, kind=act.kind, reference=act.reference):
        return earlier
    return post_act(
        act=act,
        pools=pools,
        changes={levels[key]: count for key, count in quantities.items()},
        values=values,
    )
