"""Goods sent from one location to another: on the way they are stock of a location in transit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from inventory.models import (
    Location,
    StockLevel,
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
from inventory.operations.promises import sweep_levels
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.status import check_move


class NoTransitLocation(BusinessError):
    """There is no location that goods on the way could belong to."""


class EmptyTransfer(BusinessError):
    """There is nothing on the transfer that could be sent."""


class LinesChanged(BusinessError):
    """What is on the transfer is not what its sender has seen on it."""


class NotInTransit(BusinessError):
    """More units than are still on the way, or a line of another transfer."""


@dataclass(frozen=True)
class Arriving:
    """A line with units on the way, and how many of them arrive now."""

    line: TransferLine
    units: int

    @property
    def left(self) -> int:
        """Units that stay on the way."""
        return self.line.in_transit - self.units


@transaction.atomic
def dispatch_transfer(
    *,
    transfer_id: int,
    at: datetime,
    by: User | None = None,
    seen: Mapping[int, int] | None = None,
) -> Transfer:
    """
    Send the goods off: they leave the shelf and belong to the location in transit.

    Only free units travel; reservations that are over give way first, where units are short.
    Sending it twice changes nothing.
    seen: what the sender saw on it (variant id -> units), where a page showed that first.
    Locks: the transfer, the StockLevel rows of both places, then expired Allocation rows, each by
    primary key.

    :raises WrongStatus: it was cancelled.
    :raises EmptyTransfer: it has no lines.
    :raises LinesChanged: it carries something else than was seen.
    :raises NoTransitLocation: nobody set up a location in transit.
    :raises InsufficientStock: names every article that is short.
    :raises InactiveVariant: an article that is no longer dealt in.
    """
    transfer = locked_transfer(transfer_id)
    if transfer.dispatched_at is not None:
        return transfer
    check_move(transfer, Transfer.Status.DISPATCHED)
    lines = list(transfer.lines.order_by("pk"))
    if not lines:
        msg = f"{transfer} has no lines: there is nothing to send."
        raise EmptyTransfer(msg)
    units = {line.variant_id: line.quantity for line in lines}
    if seen is not None and seen != units:
        msg = f"The lines of {transfer} were changed meanwhile: look at them again."
        raise LinesChanged(msg)
    require_active(units)
    transit = _transit_location()
    places = transfer.from_location_id, transit.pk
    levels = _locked_levels(places, units)
    leaving = [levels[places[0], variant_id] for variant_id in units]
    if any(level.on_hand - level.allocated < units[level.variant_id] for level in leaving):
        sweep_levels(leaving, at=at)
    require_free(leaving, units)
    _move(
        levels=levels,
        units=units,
        places=places,
        act=_act(transfer, lines, reference=transfer.number, at=at, by=by),
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
    :raises InsufficientStock: the goods were taken off the location in transit meanwhile.
    :raises ReferenceUsed: the key stands for other units already.
    """
    transfer = locked_transfer(transfer_id)
    if earlier := transfer.receipts.filter(key=key).first():
        return _same_receipt(earlier, transfer, received)
    lines = _locked_lines(transfer)
    arrived = _arriving(transfer, lines, received)
    receipt = TransferReceipt.objects.create(
        transfer=transfer, key=key, received_at=at, received_by=by
    )
    units = {line.variant_id: received[line.pk] for line in arrived}
    transit_id: int = transfer.transit_id  # type: ignore[assignment]  # set when it was sent
    places = transit_id, transfer.to_location_id
    levels = _locked_levels(places, units)
    require_free([levels[transit_id, variant_id] for variant_id in units], units)
    _move(
        levels=levels,
        units=units,
        places=places,
        act=_act(transfer, arrived, reference=receipt.number, at=at, by=by),
    )
    for line in arrived:
        line.received += received[line.pk]
    TransferLine.objects.bulk_update(arrived, ["received"])
    _settle(transfer, lines, at=at, by=by)
    return receipt


def plan_arrival(*, transfer_id: int, received: Mapping[int, int]) -> list[Arriving]:
    """
    Return what receiving these units (line id -> units) would do to the lines still on the way.

    It refuses what `receive_transfer` would refuse.
    """
    transfer = Transfer.objects.get(pk=transfer_id)
    lines = list(transfer.lines.select_related("variant").order_by("variant__sku", "pk"))
    _arriving(transfer, lines, received)
    return [
        Arriving(line=line, units=received.get(line.pk, 0)) for line in lines if line.in_transit
    ]


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
    transfer = locked_transfer(transfer_id)
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
    close_document(transfer, Transfer.Status.CLOSED_SHORT, at=at, by=by, reason=reason.strip())
    return transfer


def locked_transfer(transfer_id: int) -> Transfer:
    """Return the transfer, locked."""
    return Transfer.objects.for_update().get(pk=transfer_id)


def _locked_lines(transfer: Transfer) -> list[TransferLine]:
    return list(
        transfer.lines.select_related("variant")
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )


def _arriving(
    transfer: Transfer, lines: Collection[TransferLine], received: Mapping[int, int]
) -> list[TransferLine]:
    """Return the lines of which something arrives, if that can be; see `receive_transfer`."""
    if transfer.status not in {Transfer.Status.DISPATCHED, Transfer.Status.PARTLY_RECEIVED}:
        msg = f"{transfer} is {transfer.get_status_display().lower()}: nothing can arrive."
        raise WrongStatus(msg, status=transfer.status)
    if not received:
        msg = "Say how many units of what arrived."
        raise InvalidQuantity(msg, units=0)
    require_positive(received)
    arriving = [line for line in lines if line.pk in received]
    if len(arriving) < len(received):
        msg = "A line is not one of this transfer."
        raise NotInTransit(msg)
    over = [line for line in arriving if received[line.pk] > line.in_transit]
    if over:
        named = ", ".join(
            f"{received[line.pk]} of {line.variant} ({line.in_transit} on the way)" for line in over
        )
        msg = f"Cannot arrive: {named}. Book what came too much as an adjustment."
        raise NotInTransit(msg, lines=[line.pk for line in over])
    return arriving


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


def _act(
    transfer: Transfer,
    lines: Collection[TransferLine],
    *,
    reference: str,
    at: datetime,
    by: User | None,
) -> Act:
    return Act(
        kind=StockMovement.Kind.TRANSFER,
        reference=reference,
        at=at,
        by=by,
        reason=transfer.note,
        source=_source(transfer, lines),
    )


def _locked_levels(
    places: tuple[int, int], units: Collection[int]
) -> dict[tuple[int, int], StockLevel]:
    """Lock the levels of these variants at both places; (location id, variant id) -> level."""
    return lock_levels({(place, variant_id) for place in places for variant_id in units})


def _move(
    *,
    levels: Mapping[tuple[int, int], StockLevel],
    units: Mapping[int, int],
    places: tuple[int, int],
    act: Act,
) -> None:
    """Move units (variant id -> units) from the first place to the second."""
    origin, goal = places
    changes = {}
    for variant_id, count in units.items():
        changes[levels[origin, variant_id]] = -count
        changes[levels[goal, variant_id]] = count
    post_transfer(act=act, changes=changes)


def _settle(
    transfer: Transfer, lines: Collection[TransferLine], *, at: datetime, by: User | None
) -> None:
    if any(line.in_transit for line in lines):
        if transfer.status == Transfer.Status.DISPATCHED:
            transfer.status = Transfer.Status.PARTLY_RECEIVED
            transfer.save(update_fields=["status"])
        return
    close_document(transfer, Transfer.Status.RECEIVED, at=at, by=by)


def close_document(
    transfer: Transfer, status: str, *, at: datetime, by: User | None, reason: str = ""
) -> None:
    """Move a locked transfer to a status that ends it."""
    transfer.status = status
    transfer.closed_at, transfer.closed_by, transfer.close_reason = at, by, reason
    transfer.save(update_fields=["status", "closed_at", "closed_by", "close_reason"])
