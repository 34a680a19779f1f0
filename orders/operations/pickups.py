"""Orders that customers collect: ready in time, handed over to the right person, or put back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from orders.models import (
    Fulfillment,
    FulfillmentItem,
    FulfillmentLine,
    Order,
    OrderCancellation,
    OrderEvent,
    OrderLine,
    Pickup,
)
from orders.operations.begun import begun_pieces, free_pieces
from orders.operations.cancelling import cancel_order
from orders.operations.events import event, record_events
from orders.operations.leaving import let_go, require_ready
from orders.operations.packing import NotAllPacked
from orders.operations.parcels import tell_channel
from orders.operations.payment_rules import is_paid_for
from orders.operations.promised import lines_of, promises_of
from orders.operations.putting_back import begun_fulfillments, put_back
from orders.operations.statuses import locked_order, settle_order
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.status import check_move

DIGITS_OF_CODE = 6


class UnknownPickup(BusinessError):
    """The order is not one that is collected."""


class NotAllThere(BusinessError):
    """Goods of the order are not promised at the place where it is collected."""


class WrongCode(BusinessError):
    """The code is not the one of this order."""


class ProofMissing(BusinessError):
    """Neither the code was told nor a name was written down."""


class PaymentDue(BusinessError):
    """The order is to be paid before it is handed over."""


class KeptTooShort(BusinessError):
    """An order is kept until a moment that is still to come."""


def open_pickup(
    *, order: Order, at: datetime, collector_name: str = "", is_curbside: bool = False
) -> Pickup:
    """
    Begin the collecting of a new order that has a pickup location.

    It is promised to be ready in the minutes that its location allows itself.
    """
    place = order.pickup_location
    if place is None:
        raise UnknownPickup(f"{order} is sent, not collected.", order=order.number)
    return Pickup.objects.create(
        order=order,
        code="".join(secrets.choice("0123456789") for _ in range(DIGITS_OF_CODE)),
        collector_name=collector_name,
        is_curbside=is_curbside,
        promised_at=at + timedelta(minutes=place.pickup_ready_minutes),
    )


@transaction.atomic
def mark_ready(*, order_id: int, key: str, at: datetime, by: User | None = None) -> Pickup:
    """
    Note that all goods of an order lie ready at its pickup location, and from when they are kept.

    What was picked for it must be scanned to the last unit; what nobody picks yet is taken from the
    shelf with this. One that is ready already stays as it is.
    key: made by whoever asks; of the goods that are taken from the shelf.
    Locks: the order, then, where a promise was withdrawn, stock levels.

    :raises UnknownPickup: the order is sent.
    :raises WrongStatus: it was collected, put back or cancelled.
    :raises OrderOnHold: names every open hold.
    :raises NotAllThere: names the lines that are not promised there to the last piece.
    :raises NotAllPacked: some of what was picked is not scanned.
    """
    order, pickup = _locked(order_id)
    if pickup.status == Pickup.Status.READY:
        return pickup
    check_move(pickup, Pickup.Status.READY)
    lines = lines_of(order)
    promises = promises_of(order=order, lines=lines, at=at)
    require_ready(order)
    begun = begun_fulfillments(order)
    free = free_pieces(promises, begun_pieces([order.pk]), _place_id(order))
    _require_whole(order, lines, begun, free)
    _require_scanned(begun)
    for fulfillment in begun:
        check_move(fulfillment, Fulfillment.Status.READY)
        fulfillment.status = Fulfillment.Status.READY
        fulfillment.save(update_fields=["status"])
    if free:
        _take_from_shelf(order, free, key=key, at=at, by=by)

    pickup.status = Pickup.Status.READY
    pickup.ready_at = at
    pickup.expires_at = at + timedelta(days=_hold_days(order))
    pickup.save(update_fields=["status", "ready_at", "expires_at"])
    _note(order, OrderEvent.Kind.READY, at=at, by=by, kept_until=pickup.expires_at.isoformat())
    settle_order(order=order, lines=lines)
    return pickup


@transaction.atomic
def hand_over(
    *, order_id: int, at: datetime, by: User | None = None, code: str = "", handed_to: str = ""
) -> Pickup:
    """
    Hand a ready order over to whoever tells its code, or shows a document with a name.

    Its goods leave stock. Handed over already, it stays as it is.
    handed_to: the name on the document; without the code it is what proves the hand-over.
    Locks: the order, then cost pools, stock levels and allocations.

    :raises UnknownPickup: the order is sent.
    :raises WrongStatus: it is not ready, or was put back.
    :raises WrongCode: a code was told that is another one.
    :raises ProofMissing: neither code nor name.
    :raises PaymentDue: it is not paid, and no rule lets it go unpaid.
    :raises OrderOnHold: names every open hold.
    :raises NotEnoughPromised: goods were promised and are gone.
    """
    order, pickup = _locked(order_id)
    if pickup.status == Pickup.Status.COLLECTED:
        return pickup
    check_move(pickup, Pickup.Status.COLLECTED)
    proof = _proof(pickup, code.strip(), handed_to.strip())
    if not is_paid_for(order):
        raise PaymentDue(
            f"{order} is {order.get_payment_status_display().lower()}: record the payment first.",
            status=order.payment_status,
        )
    lines = lines_of(order)
    for fulfillment in begun_fulfillments(order):
        sent = let_go(order=order, fulfillment=fulfillment, lines=lines, at=at, by=by)
        tell_channel(order=order, fulfillment=fulfillment, sent=sent, parcels=[], at=at)

    pickup.status = Pickup.Status.COLLECTED
    pickup.proof = proof
    pickup.handed_to = handed_to.strip()
    pickup.collected_at = pickup.handed_over_at = at
    pickup.handed_over_by = by
    pickup.save(
        update_fields=[
            *("status", "proof", "handed_to", "collected_at"),
            *("handed_over_at", "handed_over_by"),
        ]
    )
    settle_order(order=order, lines=lines)
    return pickup


@transaction.atomic
def note_arrival(
    *, order_id: int, at: datetime, vehicle: str = "", bay: str = "", by: User | None = None
) -> Pickup:
    """
    Note that the customer waits outside, in which vehicle and where; told again, the last counts.

    :raises UnknownPickup: the order is sent.
    :raises WrongStatus: there is nothing more to be collected.
    """
    order, pickup = _locked(order_id)
    if pickup.status not in {Pickup.Status.WAITING, Pickup.Status.READY}:
        raise WrongStatus(
            f"{order} is {pickup.get_status_display().lower()}: nothing is left to be collected.",
            status=pickup.status,
        )
    if (pickup.arrived_at, pickup.vehicle, pickup.bay) == (at, vehicle, bay):
        return pickup
    pickup.is_curbside = True
    pickup.arrived_at, pickup.vehicle, pickup.bay = at, vehicle, bay
    pickup.save(update_fields=["is_curbside", "arrived_at", "vehicle", "bay"])
    _note(order, OrderEvent.Kind.ARRIVED, at=at, by=by, bay=bay)
    return pickup


@transaction.atomic
def keep_longer(*, order_id: int, until: datetime, at: datetime, by: User | None = None) -> Pickup:
    """
    Keep a ready order until a later moment; a proposal to put it back is taken off the desk.

    :raises UnknownPickup: the order is sent.
    :raises WrongStatus: it is not ready.
    :raises KeptTooShort: the moment has passed.
    """
    order, pickup = _locked(order_id)
    if pickup.status != Pickup.Status.READY:
        raise WrongStatus(
            f"{order} is {pickup.get_status_display().lower()}, not ready.", status=pickup.status
        )
    if until <= at:
        raise KeptTooShort(f"{until:%d %b %Y %H:%M} has passed.", until=until.isoformat())
    if pickup.expires_at == until:
        return pickup
    pickup.expires_at = until
    pickup.expiry_proposed_at = None
    pickup.save(update_fields=["expires_at", "expiry_proposed_at"])
    _note(order, OrderEvent.Kind.READY, at=at, by=by, kept_until=until.isoformat())
    return pickup


@transaction.atomic
def propose_expired(*, at: datetime) -> int:
    """
    Propose to put back what nobody collected in time; a person decides. Returns how many are new.
    """
    return Pickup.objects.filter(
        status=Pickup.Status.READY, expires_at__lte=at, expiry_proposed_at__isnull=True
    ).update(expiry_proposed_at=at)


@transaction.atomic
def expire_pickup(
    *, order_id: int, reason: str, at: datetime, by: User | None = None
) -> OrderCancellation:
    """
    Put back a ready order that nobody collected: its goods are free again, the order is cancelled.

    What was paid for it is given back by a refund, which is an act of its own.
    Locks: the order, then stock levels.

    :raises UnknownPickup: the order is sent.
    :raises WrongStatus: it is not ready.
    """
    order, pickup = _locked(order_id)
    key = f"pickup-{pickup.pk}"
    if earlier := order.cancellations.filter(key=key).first():
        return earlier
    check_move(pickup, Pickup.Status.EXPIRED)
    put_back(fulfillments=begun_fulfillments(order), reason=reason, at=at, by=by)
    pickup.status = Pickup.Status.EXPIRED
    pickup.save(update_fields=["status"])
    _note(order, OrderEvent.Kind.PICKUP_EXPIRED, at=at, by=by, reason=reason)
    return cancel_order(
        order_id=order_id,
        reason=reason,
        key=key,
        cause=OrderCancellation.Cause.NOT_COLLECTED,
        at=at,
        by=by,
    )


def _locked(order_id: int) -> tuple[Order, Pickup]:
    order = locked_order(order_id)
    pickup = Pickup.objects.filter(order=order).first()
    if pickup is None:
        raise UnknownPickup(f"{order} is sent, not collected.", order=order.number)
    return order, pickup


def _place_id(order: Order) -> int:
    if order.pickup_location_id is None:
        raise UnknownPickup(f"{order} is sent, not collected.", order=order.number)
    return order.pickup_location_id


def _hold_days(order: Order) -> int:
    place = order.pickup_location
    return place.pickup_hold_days if place is not None else 0


def _require_whole(
    order: Order,
    lines: Sequence[OrderLine],
    begun: Sequence[Fulfillment],
    free: Mapping[int, int],
) -> None:
    """Pass when every open piece of goods is picked, or free on the shelf of the place."""
    there = dict(free)
    for fulfillment in begun:
        for row in fulfillment.lines.all():
            there[row.line_id] = there.get(row.line_id, 0) + row.quantity
    lacking = [
        line for line in lines if line.is_stocked and line.open_quantity > there.get(line.pk, 0)
    ]
    if lacking:
        names = ", ".join(
            f"{there.get(line.pk, 0)} of {line.open_quantity} {line}" for line in lacking
        )
        raise NotAllThere(
            f"Not all of {order} is at {order.pickup_location}: {names}.",
            lines=[line.pk for line in lacking],
        )


def _require_scanned(begun: Sequence[Fulfillment]) -> None:
    items = FulfillmentItem.objects.filter(
        fulfillment__in=[one for one in begun if one.status == Fulfillment.Status.PICKING]
    )
    lacking = {
        item.variant.sku: item.units - item.packed
        for item in items.select_related("variant").order_by("pk")
        if item.packed < item.units
    }
    if lacking:
        names = ", ".join(f"{units} of {sku}" for sku, units in lacking.items())
        raise NotAllPacked(f"Still to be scanned: {names}.", lacking=lacking)


def _take_from_shelf(
    order: Order, pieces: Mapping[int, int], *, key: str, at: datetime, by: User | None
) -> None:
    """Write the fulfillment of goods that nobody picked before, lying ready at once."""
    fulfillment = Fulfillment.objects.create(
        order=order,
        location=order.pickup_location,
        method=Fulfillment.Method.PICKUP,
        status=Fulfillment.Status.READY,
        key=key,
        packed_at=at,
        packed_by=by,
    )
    FulfillmentLine.objects.bulk_create(
        FulfillmentLine(fulfillment=fulfillment, line_id=line_id, quantity=quantity)
        for line_id, quantity in pieces.items()
    )


def _proof(pickup: Pickup, code: str, handed_to: str) -> str:
    if code:
        if not secrets.compare_digest(code.encode(), pickup.code.encode()):
            raise WrongCode("This is not the code of this order.")
        return Pickup.Proof.CODE
    if handed_to:
        return Pickup.Proof.NAME
    raise ProofMissing("Ask for the code, or write down the name on a document.")


def _note(order: Order, kind: str, *, at: datetime, by: User | None, **details: str) -> None:
    record_events([event(order, kind, at=at, by=by, **details)])
