"""Stock put aside for a while: promises that end by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from inventory.models import Allocation, Location, StockLevel, WithdrawnPromise
from inventory.operations.promises import NotPromised, allocate_stock, sweep_levels
from retail.common.errors import BusinessError
from retail.common.models import User


class ExpiresInThePast(BusinessError):
    """Stock is put aside until a moment that is still to come."""


@transaction.atomic
def reserve_stock(
    *,
    location: Location,
    units: Mapping[int, int],
    reference: str,
    expires_at: datetime,
    note: str,
    at: datetime,
    by: User | None = None,
) -> list[Allocation]:
    """
    Put units aside until a moment, every variant or none.

    units: variant id -> units. note: for whom. reference: a second call with it changes nothing.
    Locks: the StockLevel rows, by primary key.

    :raises ExpiresInThePast: the moment is over.
    :raises InsufficientStock: carries shortages, variant id -> units missing.
    :raises InvalidQuantity: fewer units than 1.
    :raises InactiveVariant: an article that is no longer dealt in; NotStocked, UnknownVariant.
    :raises ReferenceUsed: the reference stands for other units here already.
    """
    _require_to_come(expires_at, at)
    return allocate_stock(
        location=location,
        units=units,
        reference=reference,
        at=at,
        expires_at=expires_at,
        note=note,
        by=by,
    )


@transaction.atomic
def extend_reservation(*, allocation_id: int, expires_at: datetime, at: datetime) -> Allocation:
    """
    Keep units put aside until another moment, as long as they still are.

    Locks: the StockLevel row, then the Allocation row.

    :raises ExpiresInThePast: the moment is over.
    :raises NotPromised: it was handed over or taken back, or belongs to an order.
    """
    _require_to_come(expires_at, at)
    levels = Allocation.objects.filter(pk=allocation_id).values("level_id")
    list(StockLevel.objects.for_update().filter(pk__in=levels))
    allocation = Allocation.objects.for_update().filter(pk=allocation_id).first()
    if allocation is None or not allocation.open_units or allocation.expires_at is None:
        msg = "Nothing is put aside there any more."
        raise NotPromised(msg, allocations=[allocation_id])
    allocation.expires_at = expires_at
    allocation.save(update_fields=["expires_at"])
    return allocation


@transaction.atomic
def release_expired(*, limit: int, at: datetime) -> list[WithdrawnPromise]:
    """
    Take back what is held for reservations that are over, those longest over first.

    Safe beside itself and beside a sale of the same units: who has the level's lock decides.
    Locks: the StockLevel rows, then the Allocation rows, each by primary key.
    """
    over = Allocation.objects.expired(at).order_by("expires_at", "pk")
    level_ids = set(over.values_list("level_id", flat=True)[:limit])
    levels = list(StockLevel.objects.for_update().filter(pk__in=list(level_ids)))
    return sweep_levels(levels, at=at)


def _require_to_come(expires_at: datetime, at: datetime) -> None:
    if expires_at <= at:
        msg = "Put stock aside until a moment that is still to come."
        raise ExpiresInThePast(msg, expires_at=expires_at.isoformat())
