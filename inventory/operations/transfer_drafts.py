"""Transfers being written: what is to go where, before anything moves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime

from django.db import transaction
from django.db.models import F, Func, Value

from inventory.models import Location, Transfer, TransferLine
from inventory.operations.levels import (
    ReferenceUsed,
    require_active,
    require_locations,
    require_positive,
)
from inventory.operations.transfers import close_document, locked_transfer
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.status import check_move


class SamePlace(BusinessError):
    """A transfer goes from one location to another, neither of them in transit."""


@transaction.atomic
def create_transfer(
    *,
    from_location: Location,
    to_location: Location,
    units: Mapping[int, int],
    key: str,
    at: datetime,
    by: User | None = None,
    note: str = "",
    expected_on: date | None = None,
) -> Transfer:
    """
    Draft a transfer; nothing moves yet.

    units: variant id -> units; may be empty, to be filled in later.
    key: made by whoever asks; a second call with it returns the first transfer.

    :raises SamePlace: both are the same place, or one is in transit.
    :raises UnknownLocation: a place that does not exist.
    :raises InvalidQuantity: fewer units than 1.
    :raises InactiveVariant: an article that is no longer dealt in; NotStocked, UnknownVariant.
    :raises ReferenceUsed: the key stands for a transfer of other goods or places.
    """
    is_on_the_way = Location.Kind.TRANSIT in {from_location.kind, to_location.kind}
    if from_location == to_location or is_on_the_way:
        msg = "A transfer goes from one location to another, neither of them in transit."
        raise SamePlace(msg)
    require_locations({from_location.pk, to_location.pk})
    require_positive(units)
    transfer, is_new = Transfer.objects.get_or_create(
        key=key,
        defaults={
            "from_location": from_location,
            "to_location": to_location,
            "note": note,
            "expected_on": expected_on,
            "created_at": at,
            "created_by": by,
        },
    )
    if not is_new:
        return _same(transfer, from_location, to_location, units)
    require_active(units)
    _write_lines(transfer, units)
    return transfer


@transaction.atomic
def change_transfer_lines(
    *, transfer_id: int, units: Mapping[int, int], taken_off: Collection[int] = ()
) -> Transfer:
    """
    Make a draft carry these units (variant id -> units), and take articles off it.

    Articles that are not named stay as they are: somebody else may be scanning them.
    taken_off: variant ids.
    Locks: the transfer.

    :raises WrongStatus: it was sent or cancelled.
    :raises InvalidQuantity: fewer units than 1.
    :raises InactiveVariant: an article that is no longer dealt in; NotStocked, UnknownVariant.
    """
    transfer = locked_transfer(transfer_id)
    _require_draft(transfer)
    require_positive(units)
    require_active(units)
    transfer.lines.filter(variant_id__in=list(taken_off)).delete()
    _write_lines(transfer, units)
    return transfer


@transaction.atomic
def add_to_transfer(*, transfer_id: int, units: Mapping[int, int], key: str) -> Transfer:
    """
    Add units to a draft (variant id -> units), as a scan does: on top of what it has of them.

    key: made by whoever adds; a second call with it changes nothing.
    Locks: the transfer.

    :raises WrongStatus: it was sent or cancelled.
    :raises InvalidQuantity: fewer units than 1, or too many in all.
    :raises InactiveVariant: an article that is no longer dealt in; NotStocked, UnknownVariant.
    :raises ReferenceUsed: the key stands for other articles.
    """
    transfer = locked_transfer(transfer_id)
    lines = {line.variant_id: line for line in transfer.lines.all()}
    if added := {pk for pk, line in lines.items() if key in line.addition_keys}:
        if added - units.keys():
            msg = f"This was added to {transfer} before, of other articles."
            raise ReferenceUsed(msg, reference=transfer.number)
        return transfer
    _require_draft(transfer)
    require_positive(units)
    require_active(units)
    totals = {pk: count + (lines[pk].quantity if pk in lines else 0) for pk, count in units.items()}
    require_positive(totals)
    _write_lines(transfer, totals)
    # A line that was taken off meanwhile forgets its keys, as it forgets its units.
    transfer.lines.filter(variant_id__in=list(units)).update(
        addition_keys=Func(F("addition_keys"), Value(key), function="array_append")
    )
    return transfer


@transaction.atomic
def cancel_transfer(*, transfer_id: int, at: datetime, by: User | None = None) -> Transfer:
    """
    Drop a draft; cancelling it twice changes nothing.

    Locks: the transfer.

    :raises WrongStatus: the goods have left.
    """
    transfer = locked_transfer(transfer_id)
    if transfer.status == Transfer.Status.CANCELLED:
        return transfer
    check_move(transfer, Transfer.Status.CANCELLED)
    close_document(transfer, Transfer.Status.CANCELLED, at=at, by=by)
    return transfer


def _require_draft(transfer: Transfer) -> None:
    if transfer.status != Transfer.Status.DRAFT:
        msg = f"{transfer} is {transfer.get_status_display().lower()}: its lines stay as they are."
        raise WrongStatus(msg, status=transfer.status)


def _write_lines(transfer: Transfer, units: Mapping[int, int]) -> None:
    TransferLine.objects.bulk_create(
        [
            TransferLine(transfer=transfer, variant_id=variant_id, quantity=count)
            for variant_id, count in units.items()
        ],
        update_conflicts=True,
        unique_fields=["transfer", "variant"],
        update_fields=["quantity"],
    )


def _same(
    transfer: Transfer, from_location: Location, to_location: Location, units: Mapping[int, int]
) -> Transfer:
    """Return the transfer if it is what is asked for again."""
    lines = dict(transfer.lines.values_list("variant_id", "quantity"))
    places = transfer.from_location_id, transfer.to_location_id
    if places != (from_location.pk, to_location.pk) or lines != dict(units):
        msg = f"This is {transfer} already, of other goods or between other places."
        raise ReferenceUsed(msg, reference=transfer.number)
    return transfer
