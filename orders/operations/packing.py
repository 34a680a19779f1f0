"""The packing table: every unit scanned into its parcel, and goods put back on the shelf."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F

from catalog.scanning import scan
from orders.models import Fulfillment, FulfillmentItem, Order, OrderEvent, PackScan
from orders.operations.events import event, record_events
from orders.operations.leaving import locked_fulfillment
from orders.operations.parcels import NewParcel, store_parcels
from retail.common.errors import BusinessError, WrongStatus
from retail.common.fields import MAX_UNITS
from retail.common.models import User
from retail.common.status import check_move

LONGEST_CODE = 100
LONGEST_REASON = 300


class ParcelStopped(BusinessError):
    """Something happened to the order: its parcel must not leave."""


class WrongArticle(BusinessError):
    """An article was scanned that does not belong in the parcel."""


class SurplusUnit(BusinessError):
    """More units of an article were scanned than belong in the parcel."""


class InvalidScan(BusinessError):
    """A scan of no units, or of more than there can be."""


class NotAllPacked(BusinessError):
    """Units that belong in the parcel were not scanned into it."""


@transaction.atomic
def scan_unit(
    *,
    fulfillment_id: int,
    code: str,
    key: str,
    at: datetime,
    by: User | None = None,
    units: int = 1,
) -> PackScan:
    """
    Count units that are put into a parcel, by any code of their article.

    code: an SKU, a GTIN, any barcode; that of a carton counts as many units as it holds.
    key: made by the scanner or its page; the same scan sent twice counts once.
    units: how often the code is to count.
    Locks: the order.

    :raises UnknownFulfillment: no fulfillment has this id.
    :raises ParcelStopped: the order is held, cancelled, or its channel disagrees with us.
    :raises WrongStatus: it is not being packed.
    :raises UnknownCode: no article has the code; AmbiguousCode, several have.
    :raises WrongArticle: names what belongs in.
    :raises SurplusUnit: more than are still to be packed; nothing is counted then.
    """
    if not 0 < units <= MAX_UNITS:
        msg = "Scan at least one unit."
        raise InvalidScan(msg, units=units)
    order, fulfillment = locked_fulfillment(fulfillment_id)
    if earlier := fulfillment.scans.filter(key=key).first():
        return earlier
    if fulfillment.status not in Fulfillment.GONE:
        require_not_stopped(order, fulfillment)
    if fulfillment.status != Fulfillment.Status.PICKING:
        raise WrongStatus(
            f"{fulfillment} is {fulfillment.get_status_display().lower()}: nothing is packed.",
            status=fulfillment.status,
        )
    scanned = scan(code)
    items = list(fulfillment.items.select_related("variant").order_by("pk"))
    item = next((item for item in items if item.variant_id == scanned.variant.pk), None)
    if item is None:
        raise WrongArticle(
            f"{scanned.variant} does not belong in {fulfillment}. {_lacking_words(items)}",
            lacking=_lacking(items),
        )
    count = units * scanned.units
    if count > item.units - item.packed:
        raise SurplusUnit(
            f"{item.units} of {item.variant} belong in {fulfillment}, {item.packed} are in:"
            f" {count} more are too many.",
            units=item.units,
            packed=item.packed,
        )
    _count(item, count)
    return PackScan.objects.create(
        fulfillment=fulfillment,
        variant=item.variant,
        key=key,
        code=code.strip()[:LONGEST_CODE],
        units=count,
        scanned_at=at,
        scanned_by=by,
    )


def _count(item: FulfillmentItem, units: int) -> None:
    FulfillmentItem.objects.filter(pk=item.pk).update(packed=F("packed") + units)


@transaction.atomic
def pack(
    *,
    fulfillment_id: int,
    parcels: Sequence[NewParcel],
    key: str,
    at: datetime,
    by: User | None = None,
) -> Fulfillment:
    """
    Close the parcels of a fulfillment into which every unit was scanned.

    parcels: the boxes, none when they get their numbers later.
    key: made by whoever asks; the same key again changes nothing.
    Locks: the order.

    :raises UnknownFulfillment: no fulfillment has this id.
    :raises ParcelStopped: the order is held, cancelled, or its channel disagrees with us.
    :raises WrongStatus: it is not being packed.
    :raises NotAllPacked: names what lacks.
    :raises ParcelTwice: two boxes have the same carrier and number.
    """
    order, fulfillment = locked_fulfillment(fulfillment_id)
    if _is_packed_by(order, fulfillment, key):
        return fulfillment
    require_not_stopped(order, fulfillment)
    check_move(fulfillment, Fulfillment.Status.PACKED)
    items = list(fulfillment.items.select_related("variant").order_by("pk"))
    if lacking := _lacking(items):
        raise NotAllPacked(
            f"{fulfillment} is not complete. {_lacking_words(items)}", lacking=lacking
        )
    fulfillment.status = Fulfillment.Status.PACKED
    fulfillment.packed_at = at
    fulfillment.packed_by = by
    fulfillment.save(update_fields=["status", "packed_at", "packed_by"])
    stored = store_parcels(fulfillment=fulfillment, parcels=parcels)
    record_events(
        [
            event(
                order,
                OrderEvent.Kind.PACKED,
                at=at,
                by=by,
                fulfillment=fulfillment.number,
                parcels=len(stored),
                key=key,
            )
        ]
    )
    return fulfillment


def _is_packed_by(order: Order, fulfillment: Fulfillment, key: str) -> bool:
    return order.events.filter(
        kind=OrderEvent.Kind.PACKED,
        details__fulfillment=fulfillment.number,
        details__key=key,
    ).exists()


@transaction.atomic
def unpack(
    *, fulfillment_id: int, reason: str, at: datetime, by: User | None = None
) -> Fulfillment:
    """
    Open the parcels of a packed fulfillment again; every unit is scanned anew.

    One that is being picked stays as it is. The boxes and their numbers are forgotten.
    Locks: the order.

    :raises UnknownFulfillment: no fulfillment has this id.
    :raises WrongStatus: it has left, lies ready for its customer, or was put back.
    """
    order, fulfillment = locked_fulfillment(fulfillment_id)
    if fulfillment.status == Fulfillment.Status.PICKING:
        return fulfillment
    check_move(fulfillment, Fulfillment.Status.PICKING)
    fulfillment.status = Fulfillment.Status.PICKING
    fulfillment.packed_at = fulfillment.packed_by = None
    fulfillment.save(update_fields=["status", "packed_at", "packed_by"])
    fulfillment.parcels.all().delete()
    fulfillment.items.update(packed=0)
    record_events(
        [
            event(
                order,
                OrderEvent.Kind.PICKING,
                at=at,
                by=by,
                fulfillment=fulfillment.number,
                unpacked=True,
                reason=reason,
            )
        ]
    )
    return fulfillment


@transaction.atomic
def put_back(
    *, fulfillment_id: int, reason: str, at: datetime, by: User | None = None
) -> Fulfillment:
    """
    Put the goods of a fulfillment that is picked or packed back on the shelf.

    They stay promised to the order, so that they can be picked again. One that was put back stays
    as it is. What lies ready for a customer goes back with its pickup.
    Locks: the order.

    :raises UnknownFulfillment: no fulfillment has this id.
    :raises WrongStatus: it has left, or lies ready for its customer.
    """
    order, fulfillment = locked_fulfillment(fulfillment_id)
    if fulfillment.status == Fulfillment.Status.CANCELLED:
        return fulfillment
    if fulfillment.status == Fulfillment.Status.READY:
        raise WrongStatus(f"{fulfillment} lies ready for its customer.", status=fulfillment.status)
    put_goods_back(order=order, fulfillment=fulfillment, reason=reason, at=at, by=by)
    return fulfillment


def put_goods_back(
    *,
    order: Order,
    fulfillment: Fulfillment,
    reason: str,
    at: datetime,
    by: User | None = None,
) -> None:
    """
    Call off a begun fulfillment of a locked order; its pieces stay promised to the order.

    :raises WrongStatus: its goods have left.
    """
    check_move(fulfillment, Fulfillment.Status.CANCELLED)
    fulfillment.status = Fulfillment.Status.CANCELLED
    fulfillment.cancelled_at = at
    fulfillment.cancelled_by = by
    fulfillment.cancel_reason = reason[:LONGEST_REASON]
    fulfillment.save(update_fields=["status", "cancelled_at", "cancelled_by", "cancel_reason"])
    record_events(
        [
            event(
                order,
                OrderEvent.Kind.FULFILLMENT_CANCELLED,
                at=at,
                by=by,
                fulfillment=fulfillment.number,
                reason=reason,
            )
        ]
    )


def require_not_stopped(order: Order, fulfillment: Fulfillment) -> None:
    """
    Pass when nothing has happened to a locked order that stops its parcel.

    :raises ParcelStopped: it is not open any more, held, or its channel disagrees with us.
    """
    reasons = [str(hold).rstrip(".") for hold in order.holds.open().order_by("pk")]
    reasons += [
        f"{conflict} (disagreement with the channel)"
        for conflict in order.conflicts.open().order_by("pk")
    ]
    if not order.is_open:
        reasons.insert(0, f"The order is {order.get_lifecycle_display().lower()}")
    if reasons:
        raise ParcelStopped(
            f"Stop: {fulfillment} of {order} must not leave. {'; '.join(reasons)}.",
            reasons=reasons,
        )


def _lacking(items: Sequence[FulfillmentItem]) -> dict[str, int]:
    """Return SKU -> units that are still to be scanned."""
    return {
        item.variant.sku: item.units - item.packed for item in items if item.packed < item.units
    }


def _lacking_words(items: Sequence[FulfillmentItem]) -> str:
    lacking = ", ".join(f"{units} of {sku}" for sku, units in _lacking(items).items())
    return f"Still to come: {lacking}." if lacking else "Everything is in."
