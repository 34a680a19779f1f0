"""Boxes on their way, and what the order's channel is told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction

from channels.models import Channel, OutboxEntry
from channels.operations import enqueue
from orders.models import Fulfillment, FulfillmentLine, Order, OrderEvent, Parcel
from orders.operations.events import event, record_events
from orders.operations.statuses import locked_order
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.money import round_amount

# These have nobody to be told: we wrote the order ourselves, or the file goes one way only.
SILENT_KINDS = frozenset({Channel.Kind.MANUAL, Channel.Kind.POS, Channel.Kind.TABULAR})
UNCONNECTED_MODES = frozenset({Channel.Mode.OFF, Channel.Mode.SHADOW})


class UnknownParcel(BusinessError):
    """There is no such parcel."""


class ParcelTwice(BusinessError):
    """Two boxes of one fulfillment have the same carrier and number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewParcel:
    """
    A box as it is handed to a carrier.

    weight: grams. cost: what the carrier charges, by default in the currency of the books.
    """

    carrier: str = ""
    tracking_number: str = ""
    tracking_url: str = ""
    weight: int | None = None
    cost: Decimal | None = None
    cost_currency: str = ""


def store_parcels(*, fulfillment: Fulfillment, parcels: Sequence[NewParcel]) -> list[Parcel]:
    """
    Write the boxes of a fulfillment that has none.

    :raises ParcelTwice: two have the same carrier and number.
    """
    numbers = [(parcel.carrier, parcel.tracking_number) for parcel in parcels]
    if twice := sorted({" ".join(number) for number in numbers if numbers.count(number) > 1}):
        raise ParcelTwice(f"Each box has a number of its own: {', '.join(twice)}.", parcels=twice)
    return Parcel.objects.bulk_create(_parcel(fulfillment, parcel) for parcel in parcels)


def _parcel(fulfillment: Fulfillment, new: NewParcel) -> Parcel:
    currency = new.cost_currency or settings.RETAIL_CURRENCY
    return Parcel(
        fulfillment=fulfillment,
        carrier=new.carrier,
        tracking_number=new.tracking_number,
        tracking_url=new.tracking_url,
        weight=new.weight,
        cost=None if new.cost is None else round_amount(new.cost, currency),
        cost_currency="" if new.cost is None else currency,
    )


def tell_channel(
    *,
    order: Order,
    fulfillment: Fulfillment,
    sent: Sequence[FulfillmentLine],
    parcels: Sequence[Parcel],
    at: datetime,
) -> None:
    """
    Note that the order's channel must be told what left: one entry of the outbox for each parcel.

    sent: lines of the fulfillment with the lines of the order. parcels: all of the fulfillment, in
    the order of their keys; without any, it is told of one. Nothing is noted for a channel that has
    nobody to be told.
    """
    if not is_told(order):
        return
    for place, parcel in enumerate(parcels or [None]):
        _enqueue(order, fulfillment, sent, place=place, parcel=parcel, at=at)


@transaction.atomic
def correct_tracking(
    *,
    parcel_id: int,
    carrier: str,
    tracking_number: str,
    at: datetime,
    by: User | None = None,
    tracking_url: str = "",
) -> Parcel:
    """
    Put right the number of a box that has left, and note that the channel must be told.

    The channel is told which numbers of the box this one takes the place of, so that it shows one
    parcel and not two. With the number that it has it changes nothing.
    Locks: the order.

    :raises UnknownParcel: no parcel has this id.
    :raises WrongStatus: it has not left yet: pack it again instead.
    :raises ParcelTwice: another box of the fulfillment has this number.
    """
    parcel = (
        Parcel.objects.filter(pk=parcel_id)
        .values_list("fulfillment_id", "fulfillment__order_id")
        .first()
    )
    if parcel is None:
        raise UnknownParcel("There is no such parcel.", parcel_id=parcel_id)
    fulfillment_id, order_id = parcel
    order = locked_order(order_id)
    fulfillment = order.fulfillments.get(pk=fulfillment_id)
    if fulfillment.status not in Fulfillment.GONE:
        raise WrongStatus(
            f"{fulfillment} is {fulfillment.get_status_display().lower()}: its parcels can be"
            " changed by packing it again.",
            status=fulfillment.status,
        )
    parcels = list(fulfillment.parcels.order_by("pk"))
    [place] = [index for index, each in enumerate(parcels) if each.pk == parcel_id]
    return _correct(
        order,
        fulfillment,
        parcels,
        place,
        NewParcel(carrier=carrier, tracking_number=tracking_number, tracking_url=tracking_url),
        at=at,
        by=by,
    )


def _correct(
    order: Order,
    fulfillment: Fulfillment,
    parcels: Sequence[Parcel],
    place: int,
    wanted: NewParcel,
    *,
    at: datetime,
    by: User | None,
) -> Parcel:
    parcel = parcels[place]
    known = (parcel.carrier, parcel.tracking_number, parcel.tracking_url)
    if known == (wanted.carrier, wanted.tracking_number, wanted.tracking_url):
        return parcel
    others = {(each.carrier, each.tracking_number) for each in parcels if each != parcel}
    if (wanted.carrier, wanted.tracking_number) in others:
        raise ParcelTwice(
            f"Another box of {fulfillment} is {wanted.carrier} {wanted.tracking_number}.",
            parcels=[wanted.tracking_number],
        )
    before = parcel.tracking_number
    parcel.carrier = wanted.carrier
    parcel.tracking_number = wanted.tracking_number
    parcel.tracking_url = wanted.tracking_url
    parcel.save(update_fields=["carrier", "tracking_number", "tracking_url"])
    record_events(
        [
            event(
                order,
                OrderEvent.Kind.SHIPPED,
                at=at,
                by=by,
                fulfillment=fulfillment.number,
                corrected=True,
                carrier=wanted.carrier,
                tracking_number=wanted.tracking_number,
                before=before,
            )
        ]
    )
    if is_told(order):
        sent = list(fulfillment.lines.select_related("line").order_by("pk"))
        _enqueue(order, fulfillment, sent, place=place, parcel=parcel, at=at, is_known=True)
    return parcel


def is_told(order: Order) -> bool:
    channel = order.channel
    is_silent = channel.kind in SILENT_KINDS or channel.mode in UNCONNECTED_MODES
    return not is_silent and order.external_id is not None


def _enqueue(
    order: Order,
    fulfillment: Fulfillment,
    sent: Sequence[FulfillmentLine],
    *,
    place: int,
    parcel: Parcel | None,
    at: datetime,
    is_known: bool = False,
) -> None:
    """Note what the channel must be told of one box; is_known: it may have been told before."""
    key = f"{fulfillment.number}/{place + 1}" if place else fulfillment.number
    tracking_number = parcel.tracking_number if parcel else ""
    payload: dict[str, Any] = {
        "external_order_id": order.external_id,
        "carrier": parcel.carrier if parcel else "",
        # Channels tell one parcel from the next by this number; ours stands in where none is.
        "tracking_number": tracking_number or key,
        "shipped_at": (fulfillment.shipped_at or at).isoformat(),
        # Nobody notes which box holds what: the pieces are told once, with the first.
        "lines": {row.line.external_line_id: 0 if place else row.quantity for row in sent},
    }
    if parcel and parcel.tracking_url:
        payload["tracking_url"] = parcel.tracking_url
    if is_known and (replaced := _told_before(order, key, payload["tracking_number"])):
        payload["replaces"] = replaced
    enqueue(channel=order.channel, kind=OutboxEntry.Kind.TRACKING, key=key, payload=payload, at=at)


def _told_before(order: Order, key: str, tracking_number: str) -> Sequence[str]:
    """Return the other numbers under which the channel knows this box, or may know it."""
    entries = OutboxEntry.objects.filter(
        channel=order.channel, kind=OutboxEntry.Kind.TRACKING, key=key
    )
    told: Mapping[str, Any] | None = (
        entries.order_by("-pk").values_list("payload", flat=True).first()
    )
    if told is None:
        return []
    numbers = [*told.get("replaces", []), told["tracking_number"]]
    return [number for number in dict.fromkeys(numbers) if number != tracking_number]
