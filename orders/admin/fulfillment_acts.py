"""What can be done to goods on their way out: one button, one page, one operation each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import F, Sum
from django.http import HttpRequest, HttpResponse

from orders import operations
from orders.admin.fulfillment_forms import (
    CorrectTrackingForm,
    ParcelsForm,
    ReasonForm,
    ScanForm,
    StartPickingForm,
)
from orders.models import Fulfillment, PickList
from orders.printing import print_packing_slip, print_pick_list
from retail.common.admin import Act, Download, PageAct
from retail.common.models import User

Cleaned = Mapping[str, Any]

PICKS = "orders.pick_fulfillment"
SHIPS = "orders.ship_order"
PASSED_OVER_TOLD = 10

Status = Fulfillment.Status


def is_picking(fulfillment: Fulfillment) -> bool:
    return fulfillment.status == Status.PICKING


def is_complete(fulfillment: Fulfillment) -> bool:
    return is_picking(fulfillment) and not fulfillment.items.filter(packed__lt=F("units")).exists()


def is_packed(fulfillment: Fulfillment) -> bool:
    return fulfillment.status == Status.PACKED


def is_ready_to_ship(fulfillment: Fulfillment) -> bool:
    return is_packed(fulfillment) and fulfillment.method == Fulfillment.Method.SHIP


def can_go_back(fulfillment: Fulfillment) -> bool:
    return fulfillment.status in {Status.PICKING, Status.PACKED}


def has_parcels_out(fulfillment: Fulfillment) -> bool:
    return fulfillment.status in Fulfillment.GONE and fulfillment.parcels.exists()


def start_picking(
    request: HttpRequest, cleaned: Cleaned, now: datetime
) -> tuple[str, PickList | None]:
    wave = operations.start_picking(
        location=cleaned["location"],
        order_ids=cleaned["order_ids"],
        limit=cleaned["limit"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    told = f"{wave.pick_list} is for {wave.pick_list.fulfillments.count()} orders."
    if wave.passed_over:
        reasons = list(wave.passed_over.values())
        more = len(reasons) - PASSED_OVER_TOLD
        told += f" Left out: {' '.join(reasons[:PASSED_OVER_TOLD])}"
        told += f" And {more} more." if more > 0 else ""
    return told, wave.pick_list


def scan(request: HttpRequest, fulfillment: Fulfillment, cleaned: Cleaned, now: datetime) -> str:
    scanned = operations.scan_unit(
        fulfillment_id=fulfillment.pk,
        code=cleaned["code"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    left = fulfillment.items.aggregate(left=Sum(F("units") - F("packed")))["left"]
    told = f"{scanned.variant}: {scanned.units} in."
    return f"{told} {left:,} units are still to come." if left else f"{told} Everything is in."


def pack(request: HttpRequest, fulfillment: Fulfillment, cleaned: Cleaned, now: datetime) -> str:
    operations.pack(
        fulfillment_id=fulfillment.pk,
        parcels=cleaned["parcels"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    return f"{fulfillment} is packed."


def ship(request: HttpRequest, fulfillment: Fulfillment, cleaned: Cleaned, now: datetime) -> str:
    operations.ship_packed(
        fulfillment_id=fulfillment.pk, parcels=cleaned["parcels"], at=now, by=_person(request)
    )
    return f"{fulfillment} has left {fulfillment.location}."


def unpack(request: HttpRequest, fulfillment: Fulfillment, cleaned: Cleaned, now: datetime) -> str:
    operations.unpack(
        fulfillment_id=fulfillment.pk, reason=cleaned["reason"], at=now, by=_person(request)
    )
    return f"{fulfillment} is open again."


def put_back(
    request: HttpRequest, fulfillment: Fulfillment, cleaned: Cleaned, now: datetime
) -> str:
    operations.put_back(
        fulfillment_id=fulfillment.pk, reason=cleaned["reason"], at=now, by=_person(request)
    )
    return f"The goods of {fulfillment} are back on the shelf."


def correct_tracking(
    request: HttpRequest, _fulfillment: Fulfillment, cleaned: Cleaned, now: datetime
) -> str:
    parcel = operations.correct_tracking(
        parcel_id=cleaned["parcel"].pk,
        carrier=cleaned["carrier"],
        tracking_number=cleaned["tracking_number"],
        tracking_url=cleaned["tracking_url"],
        at=now,
        by=_person(request),
    )
    return f"The parcel is {parcel}."


def ship_consequences(fulfillment: Fulfillment) -> Sequence[str]:
    units = fulfillment.items.aggregate(units=Sum("units"))["units"] or 0
    sentences = [
        f"{units:,} units leave stock at {fulfillment.location}, and the promise of them is kept."
    ]
    if fulfillment.order.external_id is not None:
        sentences.append("A connected channel is told carrier and tracking number of each parcel.")
    return sentences


def put_back_consequences(fulfillment: Fulfillment) -> Sequence[str]:
    return (
        "The goods go back on the shelf and stay promised to the order.",
        f"{fulfillment.order} can be picked again.",
    )


def unpack_consequences(_fulfillment: Fulfillment) -> Sequence[str]:
    return ("Every unit is scanned anew.", "The boxes and their numbers are forgotten.")


def tracking_consequences(fulfillment: Fulfillment) -> Sequence[str]:
    if fulfillment.order.external_id is None:
        return ()
    return ("A connected channel is told that the number has changed.",)


def open_pick_list(_request: HttpRequest, pick_list: PickList) -> HttpResponse:
    return _pdf(print_pick_list(pick_list), pick_list.number)


def open_packing_slip(_request: HttpRequest, fulfillment: Fulfillment) -> HttpResponse:
    return _pdf(print_packing_slip(fulfillment), fulfillment.number)


def _pdf(content: bytes, name: str) -> HttpResponse:
    """Answer with a page that the browser shows and prints."""
    return HttpResponse(
        content,
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}.pdf"'},
    )


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


START_PICKING = PageAct(
    name="start",
    label="Start picking",
    permission=PICKS,
    perform=start_picking,
    form=StartPickingForm,
    consequences=(
        "What is promised to each order there is in somebody's hands until it leaves or goes back.",
        "Orders that are held are left out.",
    ),
    icon="shopping_cart",
)
PICK_LIST = Download(
    name="list",
    label="Download pick list",
    permission="orders.view_picklist",
    open=open_pick_list,
)
PACKING_SLIP = Download(
    name="slip",
    label="Download packing slip",
    permission=PICKS,
    open=open_packing_slip,
)
FULFILLMENT_ACTS = (
    Act(
        name="pack",
        label="Pack",
        permission=PICKS,
        perform=pack,
        form=ParcelsForm,
        is_offered=is_complete,
        icon="package_2",
    ),
    Act(
        name="scan",
        label="Scan",
        permission=PICKS,
        perform=scan,
        form=ScanForm,
        is_offered=is_picking,
        is_repeated=True,
        icon="barcode_scanner",
    ),
    Act(
        name="ship",
        label="Ship",
        permission=SHIPS,
        perform=ship,
        form=ParcelsForm,
        is_offered=is_ready_to_ship,
        consequences=ship_consequences,
        icon="local_shipping",
    ),
    Act(
        name="correct-tracking",
        label="Correct tracking",
        permission=SHIPS,
        perform=correct_tracking,
        form=CorrectTrackingForm,
        is_offered=has_parcels_out,
        consequences=tracking_consequences,
        icon="edit",
    ),
    Act(
        name="unpack",
        label="Unpack",
        permission=PICKS,
        perform=unpack,
        form=ReasonForm,
        is_offered=is_packed,
        consequences=unpack_consequences,
        icon="unarchive",
    ),
    Act(
        name="put-back",
        label="Put back",
        permission=PICKS,
        perform=put_back,
        form=ReasonForm,
        is_offered=can_go_back,
        consequences=put_back_consequences,
        is_dangerous=True,
        icon="undo",
    ),
)
