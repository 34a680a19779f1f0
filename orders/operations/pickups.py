"""Orders that customers collect: ready in time, handed over to the right person, or put back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from orders.models import (
    Fulfillment,
    FulfillmentItem,
    FulfillmentLine,
    Order,
    OrderEvent,
    OrderLine,
    PaymentEvent,
    Pickup,
)
from orders.operations.begun import begun_pieces, free_pieces
from orders.operations.events import event, record_events
from orders.operations.leaving import let_go, require_ready
from orders.operations.packing import NotAllPacked
from orders.operations.parcels import tell_channel
from orders.operations.payment_rules import is_paid_for
from orders.operations.payments import record_payment
from orders.operations.promised import lines_of, promises_of
from orders.operations.putting_back import begun_fulfillments
from orders.operations.statuses import locked_order, settle_order
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.status import check_move

DIGITS_OF_CODE = 6
LONGEST_NAME = 200


class UnknownPickup(BusinessError):
    """The order is not one that is collected."""


class NotAllThere(BusinessError):
    """Goods of the order do not lie at the place where it is collected."""


class WrongCode(BusinessError):
    """The code is not the one of this order."""


class ProofMissing(BusinessError):
    """Neither the code was told nor a name was written down."""


class PaymentDue(BusinessError):
    """The order is to be paid before it is handed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidAtPickup:
    """What the customer pays at the till when they collect: register and number of the receipt."""

    amount: Decimal
    method: str
    register: str
    receipt: str


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
    shelf with this. One that lies ready already stays as it is; what was added to it since then is
    made ready too.
    key: made by whoever asks; of the goods that are taken from the shelf.
    Locks: the order, then, where a promise was withdrawn, stock levels.

    :raises UnknownPickup: the order is sent.
    :raises WrongStatus: it was collected, put back or cancelled.
    :raises OrderOnHold: names every open hold.
    :raises NotAllThere: names the lines that are not promised there to the last piece.
    :raises NotAllPacked: some of what was picked is not scanned.
    """
    order, pickup = locked_pickup(order_id)
    lines = lines_of(order)
    begun = begun_fulfillments(order)
    if pickup.status != Pickup.Status.READY:
        check_move(pickup, Pickup.Status.READY)
    elif not _lacking(lines, _pieces_in(_ready(begun))):
        return pickup
    promises = promises_of(order=order, lines=lines, at=at)
    require_ready(order)
    free = free_pieces(promises, begun_pieces([order.pk]), _place_id(order))
    _require_whole(order, lines, begun, free)
    _require_scanned(begun)
    for fulfillment in begun:
        if fulfillment.status != Fulfillment.Status.READY:
            check_move(fulfillment, Fulfillment.Status.READY)
            fulfillment.status = Fulfillment.Status.READY
            fulfillment.save(update_fields=["status"])
    if free:
        _take_from_shelf(order, free, key=key, at=at, by=by)
    _keep(order, pickup, at=at)
    kept_until = pickup.expires_at and pickup.expires_at.isoformat()
    record_events([event(order, OrderEvent.Kind.READY, at=at, by=by, kept_until=kept_until)])
    settle_order(order=order, lines=lines)
    return pickup


@transaction.atomic
def hand_over(
    *,
    order_id: int,
    at: datetime,
    by: User | None = None,
    code: str = "",
    handed_to: str = "",
    payment: PaidAtPickup | None = None,
) -> Pickup:
    """
    Hand a ready order over to whoever tells its code, or shows a document with a name.

    Its goods leave stock. Handed over already, it stays as it is, and the same payment too.
    handed_to: the name on the document; without the code it is what proves the hand-over.
    payment: what is paid at the till now, written down with it or not at all.
    Locks: the order, then cost pools, stock levels and allocations.

    :raises UnknownPickup: the order is sent.
    :raises WrongStatus: it is not ready, or was put back; or it was handed over already, and now
        something else is paid for it.
    :raises WrongCode: a code was told that is another one.
    :raises ProofMissing: neither code nor name.
    :raises PaymentDue: it is not paid, and no rule lets it go unpaid.
    :raises OrderOnHold: names every open hold.
    :raises NotAllThere: not all of it lies ready, as something was added since.
    :raises NotEnoughPromised: goods were promised and are gone.
    """
    order, pickup = locked_pickup(order_id)
    if pickup.status == Pickup.Status.COLLECTED:
        _require_recorded(order, payment)
        return pickup
    check_move(pickup, Pickup.Status.COLLECTED)
    proof = _proof(pickup, code.strip(), handed_to.strip())
    if payment is not None:
        _record(order, payment, at=at, by=by)
        order, pickup = locked_pickup(order_id)
    _require_paid(order)
    lines = lines_of(order)
    # A promise that was withdrawn holds the order before anybody asks whether all lies ready.
    promises_of(order=order, lines=lines, at=at)
    require_ready(order)
    ready = _ready(begun_fulfillments(order))
    _require_whole(order, lines, ready, {})
    for fulfillment in ready:
        sent = let_go(order=order, fulfillment=fulfillment, lines=lines, at=at, by=by)
        tell_channel(order=order, fulfillment=fulfillment, sent=sent, parcels=[], at=at)

    pickup.status = Pickup.Status.COLLECTED
    pickup.proof = proof
    pickup.handed_to = handed_to.strip()[:LONGEST_NAME]
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


def locked_pickup(order_id: int) -> tuple[Order, Pickup]:
    """
    Lock an order that is collected for this transaction; return it and its pickup.

    :raises UnknownOrder: no order has this id.
    :raises UnknownPickup: the order is sent.
    """
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


def _keep(order: Order, pickup: Pickup, *, at: datetime) -> None:
    """Keep what lies ready for the days of its place, and let its customer be told anew."""
    pickup.status = Pickup.Status.READY
    pickup.ready_at = at
    pickup.expires_at = at + timedelta(days=_hold_days(order))
    pickup.expiry_proposed_at = None
    pickup.messages_sent = 0
    pickup.save(
        update_fields=["status", "ready_at", "expires_at", "expiry_proposed_at", "messages_sent"]
    )


def _require_whole(
    order: Order,
    lines: Sequence[OrderLine],
    begun: Sequence[Fulfillment],
    free: Mapping[int, int],
) -> None:
    """Pass when every open piece of goods is in these fulfillments, or free on the shelf."""
    there = _pieces_in(begun, free)
    if lacking := _lacking(lines, there):
        names = ", ".join(
            f"{there.get(line.pk, 0)} of {line.open_quantity} {line}" for line in lacking
        )
        raise NotAllThere(
            f"Not all of {order} is at {order.pickup_location}: {names}.",
            lines=[line.pk for line in lacking],
        )


def _ready(begun: Sequence[Fulfillment]) -> list[Fulfillment]:
    return [one for one in begun if one.status == Fulfillment.Status.READY]


def _pieces_in(
    fulfillments: Sequence[Fulfillment], besides: Mapping[int, int] | None = None
) -> dict[int, int]:
    """Return line id -> pieces in fulfillments that were read with their lines."""
    pieces = dict(besides or {})
    for fulfillment in fulfillments:
        for row in fulfillment.lines.all():
            pieces[row.line_id] = pieces.get(row.line_id, 0) + row.quantity
    return pieces


def _lacking(lines: Sequence[OrderLine], there: Mapping[int, int]) -> list[OrderLine]:
    return [
        line for line in lines if line.is_stocked and line.open_quantity > there.get(line.pk, 0)
    ]


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
        location_id=_place_id(order),
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


def _record(order: Order, payment: PaidAtPickup, *, at: datetime, by: User | None) -> None:
    record_payment(
        order_id=order.pk,
        kind=PaymentEvent.Kind.CHARGED,
        amount=payment.amount,
        method=payment.method,
        external_id=_transaction(payment),
        reference=payment.receipt,
        register=payment.register,
        at=at,
        by=by,
    )


def _require_recorded(order: Order, payment: PaidAtPickup | None) -> None:
    """Pass when what is paid was written down: money that was taken must not get lost silently."""
    if payment is None:
        return
    if not order.payments.filter(external_id=_transaction(payment)).exists():
        raise WrongStatus(
            f"{order} was handed over already: {payment.receipt} is not written down for it."
        )


def _transaction(payment: PaidAtPickup) -> str:
    return f"{payment.register}/{payment.receipt}"


def _require_paid(order: Order) -> None:
    if not is_paid_for(order):
        raise PaymentDue(
            f"{order} is {order.get_payment_status_display().lower()}: record the payment first.",
            status=order.payment_status,
        )


def _proof(pickup: Pickup, code: str, handed_to: str) -> str:
    if code:
        if not secrets.compare_digest(code.encode(), pickup.code.encode()):
            raise WrongCode("This is not the code of this order.")
        return Pickup.Proof.CODE
    if handed_to:
        return Pickup.Proof.NAME
    raise ProofMissing("Ask for the code, or write down the name on a document.")
