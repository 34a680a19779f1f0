"""Goods sent from one location to another: on the way they are stock of a location in transit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime

from django.db import transaction

from inventory.models import (
    Location,
    StockMovement,
    Transfer,
    TransferLine,
    TransferReceipt,
    WithdrawnPromise,
)
from inventory.operations.issues import ReasonMissing, put_right
from inventory.operations.levels import (
    InvalidQuantity,
    ReferenceUsed,
    lock_levels,
    require_active,
    require_free,
    require_positive,
)
from inventory.operations.posting import Act, Source, post_transfer
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.status import check_move


class NoTransitLocation(BusinessError):
    """There is no location that goods on the way could belong to."""


class SamePlace(BusinessError):
    """A transfer goes from one location to another, neither of them in transit."""


class EmptyTransfer(BusinessError):
    """There is nothing on the transfer that could be sent."""


class NotInTransit(BusinessError):
    """More units than are still on the way, or a line of another transfer."""


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
    :raises InvalidQuantity: fewer units than 1.
    :raises InactiveVariant: an article that is no longer dealt in; NotStocked, UnknownVariant.
    :raises ReferenceUsed: the key stands for a transfer of other goods or places.
    """
    is_on_the_way = Location.Kind.TRANSIT in {from_location.kind, to_location.kind}
    if from_location == to_location or is_on_the_way:
        msg = "A transfer goes from one location to another, neither of them in transit."
        raise SamePlace(msg)
    _require_sendable(units)
    if earlier := Transfer.objects.filter(key=key).first():
        return _same(earlier, from_location, to_location, units)
    transfer = Transfer.objects.create(
        from_location=from_location,
        to_location=to_location,
        key=key,
        note=note,
        expected_on=expected_on,
        created_at=at,
        created_by=by,
    )
    _write_lines(transfer, units)
    return transfer


@transaction.atomic
def change_transfer_lines(*, transfer_id: int, units: Mapping[int, int]) -> Transfer:
    """
    Make a draft carry exactly these units (variant id -> units).

    Locks: the transfer.

    :raises WrongStatus: it was sent or cancelled.
    :raises InvalidQuantity: fewer units than 1.
    :raises InactiveVariant: an article that is no longer dealt in; NotStocked, UnknownVariant.
    """
    transfer = _locked(transfer_id)
    _require_draft(transfer)
    _require_sendable(units)
    transfer.lines.exclude(variant_id__in=list(units)).delete()
    _write_lines(transfer, units)
    return transfer


@transaction.atomic
def add_to_transfer(*, transfer_id: int, variant_id: int, units: int) -> Transfer:
    """
    Add units of one article to a draft, as a scan does: on top of what it has of it.

    Locks: the transfer.

    :raises WrongStatus: it was sent or cancelled.
    :raises InvalidQuantity: fewer units than 1.
    :raises InactiveVariant: an article that is no longer dealt in; NotStocked, UnknownVariant.
    """
    transfer = _locked(transfer_id)
    _require_draft(transfer)
    _require_sendable({variant_id: units})
    line = transfer.lines.filter(variant_id=variant_id).first()
    _write_lines(transfer, {variant_id: units + (line.quantity if line else 0)})
    return transfer


@transaction.atomic
def dispatch_transfer(*, transfer_id: int, at: datetime, by: User | None = None) -> Transfer:
    """
    Send the goods off: they leave the shelf and belong to the location in transit.

    Only free units travel. Sending it twice changes nothing.
    Locks: the transfer, then the StockLevel rows of both places, by primary key.

    :raises WrongStatus: it was cancelled.
    :raises EmptyTransfer: it has no lines.
    :raises NoTransitLocation: nobody set up a location in transit.
    :raises InsufficientStock: names every article that is short.
    :raises InactiveVariant: an article that is no longer dealt in.
    """
    transfer = _locked(transfer_id)
    if transfer.dispatched_at is not None:
        return transfer
    check_move(transfer, Transfer.Status.DISPATCHED)
    lines = list(transfer.lines.order_by("pk"))
    if not lines:
        msg = f"{transfer} has no lines: there is nothing to send."
        raise EmptyTransfer(msg)
    units = {line.variant_id: line.quantity for line in lines}
    require_active(units)
    transit = _transit_location()
    _move(
        transfer=transfer,
        lines=lines,
        units=units,
        places=(transfer.from_location_id, transit.pk),
        reference=transfer.number,
        at=at,
        by=by,
    )
    transfer.status = Transfer.Status.DISPATCHED
    transfer.transit, transfer.dispatched_at, transfer.dispatched_by = transit, at, by
    transfer.save(update_fields=["status", "transit", "dispatched_at", "dispatched_by"])
    return transfer


@transaction.atomic
def receive_transfer(
    *,
    transfer_id: int,
    received: Mapping[int, int],
    key: str,
    at: datetime,
    by: User | None = None,
) -> TransferReceipt:
    """
    Put what arrived on the shelf of the location it was sent to.

    received: line id -> units. key: made by whoever receives; a second call with it returns the
    first receipt.
    Locks: the transfer, its lines, then the StockLevel rows of both places, by primary key.

    :raises WrongStatus: it was not sent, or everything has arrived.
    :raises InvalidQuantity: fewer units than 1, or no line at all.
    :raises NotInTransit: more units than are on the way, or a line of another transfer.
    :raises ReferenceUsed: the key stands for other units already.
    """
    transfer = _locked(transfer_id)
    if earlier := transfer.receipts.filter(key=key).first():
        return _same_receipt(earlier, transfer, received)
    if transfer.status not in {Transfer.Status.DISPATCHED, Transfer.Status.PARTLY_RECEIVED}:
        msg = f"{transfer} is {transfer.get_status_display().lower()}: nothing can arrive."
        raise WrongStatus(msg, status=transfer.status)
    if not received:
        msg = "Say how many units of what arrived."
        raise InvalidQuantity(msg, units=0)
    require_positive(received)
    lines = {line.pk: line for line in _locked_lines(transfer)}
    _require_on_the_way(lines, received)
    receipt = TransferReceipt.objects.create(
        transfer=transfer, key=key, received_at=at, received_by=by
    )
    arrived = [lines[pk] for pk in sorted(received)]
    _move(
        transfer=transfer,
        lines=arrived,
        units={line.variant_id: received[line.pk] for line in arrived},
        places=(transfer.transit_id or 0, transfer.to_location_id),
        reference=receipt.number,
        at=at,
        by=by,
    )
    for line in arrived:
        line.received += received[line.pk]
    TransferLine.objects.bulk_update(arrived, ["received"])
    _settle(transfer, lines.values(), at=at, by=by)
    return receipt


@transaction.atomic
def close_transfer(
    *, transfer_id: int, reason: str, at: datetime, by: User | None = None
) -> Transfer:
    """
    Give up what never arrived: it is written off at today's average cost.

    Closing it twice changes nothing.
    Locks: the transfer, its lines, the CostPool rows, then the StockLevel rows, by primary key.

    :raises WrongStatus: it was not sent, or everything has arrived.
    :raises ReasonMissing: no reason was given.
    :raises InsufficientStock: the goods were taken off the location in transit meanwhile.
    """
    if not reason.strip():
        msg = "Say what became of the goods."
        raise ReasonMissing(msg)
    transfer = _locked(transfer_id)
    if transfer.status == Transfer.Status.CLOSED_SHORT:
        return transfer
    check_move(transfer, Transfer.Status.CLOSED_SHORT)
    missing = [line for line in _locked_lines(transfer) if line.in_transit]
    put_right(
        location=transfer.transit,  # type: ignore[arg-type]  # set when it was sent
        quantities={line.variant_id: -line.in_transit for line in missing},
        act=Act(
            kind=StockMovement.Kind.ADJUSTMENT,
            reference=transfer.number,
            at=at,
            by=by,
            reason=reason.strip(),
            source=_source(transfer, missing),
        ),
        cause=WithdrawnPromise.Cause.ADJUSTMENT,
    )
    for line in missing:
        line.lost = line.in_transit
    TransferLine.objects.bulk_update(missing, ["lost"])
    _close(transfer, Transfer.Status.CLOSED_SHORT, at=at, by=by, reason=reason.strip())
    return transfer


@transaction.atomic
def cancel_transfer(*, transfer_id: int, at: datetime, by: User | None = None) -> Transfer:
    """
    Drop a draft; cancelling it twice changes nothing.

    Locks: the transfer.

    :raises WrongStatus: the goods have left.
    """
    transfer = _locked(transfer_id)
    if transfer.status == Transfer.Status.CANCELLED:
        return transfer
    check_move(transfer, Transfer.Status.CANCELLED)
    _close(transfer, Transfer.Status.CANCELLED, at=at, by=by)
    return transfer


def _locked(transfer_id: int) -> Transfer:
    return Transfer.objects.for_update().get(pk=transfer_id)


def _locked_lines(transfer: Transfer) -> list[TransferLine]:
    return list(transfer.lines.order_by("pk").select_for_update(of=("self",), no_key=True))


def _require_draft(transfer: Transfer) -> None:
    if transfer.status != Transfer.Status.DRAFT:
        msg = f"{transfer} is {transfer.get_status_display().lower()}: its lines stay as they are."
        raise WrongStatus(msg, status=transfer.status)


def _require_sendable(units: Mapping[int, int]) -> None:
    require_positive(units)
    if units:
        require_active(units)


def _require_on_the_way(lines: Mapping[int, TransferLine], received: Mapping[int, int]) -> None:
    if any(pk not in lines for pk in received):
        msg = "A line is not one of this transfer."
        raise NotInTransit(msg)
    over = [pk for pk, units in received.items() if units > lines[pk].in_transit]
    if over:
        line = lines[over[0]]
        msg = (
            f"{received[line.pk]} units of {line.variant} cannot arrive: {line.in_transit} are on"
            " the way. Book what is too much as an adjustment."
        )
        raise NotInTransit(msg, lines=over)


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
        msg = "This transfer was made before, of other goods."
        raise ReferenceUsed(msg, reference=transfer.number)
    return transfer


def _same_receipt(
    receipt: TransferReceipt, transfer: Transfer, received: Mapping[int, int]
) -> TransferReceipt:
    """Return the receipt if it is of the same units."""
    units = dict(
        StockMovement.objects.filter(
            reference=receipt.number, level__location_id=transfer.to_location_id
        ).values_list("level__variant_id", "quantity")
    )
    lines = dict(transfer.lines.values_list("pk", "variant_id"))
    if {lines.get(pk): count for pk, count in received.items()} != units:
        msg = "These goods were received before, in other numbers."
        raise ReferenceUsed(msg, reference=receipt.number)
    return receipt


def _transit_location() -> Location:
    places = Location.objects.filter(kind=Location.Kind.TRANSIT).order_by("priority", "code")
    transit = places.first()
    if transit is None:
        msg = "Set up a location of the kind In transit first: goods on the way belong there."
        raise NoTransitLocation(msg)
    return transit


def _source(transfer: Transfer, lines: Collection[TransferLine]) -> Source:
    return Source(
        kind=StockMovement.SourceKind.TRANSFER,
        document_id=transfer.pk,
        lines={line.variant_id: [line.pk] for line in lines},
    )


def _move(
    *,
    transfer: Transfer,
    lines: Collection[TransferLine],
    units: Mapping[int, int],
    places: tuple[int, int],
    reference: str,
    at: datetime,
    by: User | None,
) -> None:
    """Move units (variant id -> units) from the first place to the second."""
    origin, goal = places
    pairs = {(place, variant_id) for place in places for variant_id in units}
    levels = lock_levels(pairs)
    leaving = [level for (place, _), level in levels.items() if place == origin]
    require_free(leaving, units)
    changes = {}
    for variant_id, count in units.items():
        changes[levels[origin, variant_id]] = -count
        changes[levels[goal, variant_id]] = count
    post_transfer(
        act=Act(
            kind=StockMovement.Kind.TRANSFER,
            reference=reference,
            at=at,
            by=by,
            reason=transfer.note,
            source=_source(transfer, lines),
        ),
        changes=changes,
    )


def _settle(
    transfer: Transfer, lines: Collection[TransferLine], *, at: datetime, by: User | None
) -> None:
    if any(line.in_transit for line in lines):
        if transfer.status == Transfer.Status.DISPATCHED:
            transfer.status = Transfer.Status.PARTLY_RECEIVED
            transfer.save(update_fields=["status"])
        return
    _close(transfer, Transfer.Status.RECEIVED, at=at, by=by)


def _close(
    transfer: Transfer, status: str, *, at: datetime, by: User | None, reason: str = ""
) -> None:
    transfer.status = status
    transfer.closed_at, transfer.closed_by, transfer.close_reason = at, by, reason
    transfer.save(update_fields=["status", "closed_at", "closed_by", "close_reason"])
