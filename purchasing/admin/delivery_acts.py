"""What is done at the receiving desk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from purchasing import operations
from purchasing.admin.delivery_forms import (
    AddOrderForm,
    CountForm,
    DiscardForm,
    FindDeliveryForm,
    NewDeliveryForm,
    ScanForm,
)
from purchasing.models import Delivery, Supplier
from purchasing.queries import DeliveryRow, delivery_rows
from purchasing.waking import wake_matching
from retail.common.admin import Act, PageAct

RECEIVES = "purchasing.post_goodsreceipt"


def new_delivery(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Delivery]:
    delivery = operations.open_delivery(
        supplier=cleaned["supplier"],
        location=cleaned["location"],
        order_ids=cleaned["order_ids"],
        delivery_note=cleaned["delivery_note"],
        key=cleaned["key"],
        at=now,
        by=request.user,
    )
    return f"{delivery} is open: scan what came.", delivery


def find(request: HttpRequest, cleaned: Mapping[str, Any], now: datetime) -> tuple[str, Delivery]:
    if cleaned["found"] is not None:
        delivery: Delivery = cleaned["found"]
        return f"{delivery} is open already: scan on.", delivery
    order = cleaned["order"]
    return new_delivery(
        request,
        {
            "supplier": order.supplier,
            "location": order.location,
            "order_ids": [order.pk],
            "delivery_note": cleaned["delivery_note"],
            "key": cleaned["key"],
        },
        now,
    )


def scan(
    request: HttpRequest, delivery: Delivery, cleaned: Mapping[str, Any], now: datetime
) -> str:
    scanned = operations.scan_goods(
        delivery_id=delivery.pk,
        code=cleaned["code"],
        units=cleaned["units"],
        key=cleaned["key"],
        at=now,
        by=request.user,
    )
    if scanned.variant is None:
        return f"{scanned.code}: nobody knows this code; {scanned.units:,} are set apart."
    of_article = [
        row for row in delivery_rows(delivery.pk) if row.line.variant_id == scanned.variant_id
    ]
    counted = sum(row.line.accepted for row in of_article)
    if all(row.is_unplanned for row in of_article):
        return f"{scanned.variant} is not on this delivery; {counted:,} are set apart."
    expected = sum(row.expected for row in of_article)
    told = f"{scanned.variant}: {scanned.units:,} counted, {counted:,} of {expected:,}."
    return f"{told} That is more than is expected." if counted > expected else told


def enter_counts(
    request: HttpRequest, delivery: Delivery, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.enter_counts(
        delivery_id=delivery.pk, counts=cleaned["counts"], at=now, by=request.user
    )
    changed = len(cleaned["counts"])
    return f"{changed} lines are set." if changed != 1 else "1 line is set."


def add_order(
    _request: HttpRequest, delivery: Delivery, cleaned: Mapping[str, Any], _now: datetime
) -> str:
    operations.add_order(delivery_id=delivery.pk, order_id=cleaned["order"].pk)
    return f"{cleaned['order']} comes with this delivery."


def post(
    request: HttpRequest, delivery: Delivery, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    receipt = operations.post_delivery(delivery_id=delivery.pk, at=now, by=request.user)
    wake_matching()
    return f"{receipt} is posted; the goods are in stock at {delivery.location}."


def post_over_order(
    request: HttpRequest, delivery: Delivery, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    receipt = operations.post_delivery_over_order(delivery_id=delivery.pk, at=now, by=request.user)
    wake_matching()
    return f"{receipt} is posted; the goods are in stock at {delivery.location}."


def discard(
    request: HttpRequest, delivery: Delivery, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.discard_delivery(
        delivery_id=delivery.pk, reason=cleaned["reason"], at=now, by=request.user
    )
    return f"{delivery} is discarded; nothing of it was taken in."


def post_consequences(delivery: Delivery) -> Sequence[str]:
    rows = delivery_rows(delivery.pk)
    planned = [row for row in rows if not row.is_unplanned]
    accepted = sum(row.line.accepted for row in planned)
    rejected = sum(row.line.rejected for row in planned)
    unplanned = sum(row.counted for row in rows if row.is_unplanned)
    missing = sum(max(row.expected - row.line.accepted, 0) for row in planned)
    told = [
        f"{accepted:,} units enter stock at {delivery.location} at the cost of their orders.",
        "Customers who wait for them are served first.",
    ]
    if rejected:
        told.append(f"{rejected:,} rejected units are held for {delivery.supplier}, at no value.")
    if unplanned:
        told.append(f"{unplanned:,} units that nobody ordered are held until somebody decides.")
    told += [_over_words(row) for row in planned if row.is_over]
    told += tolerance_words(delivery.supplier)
    if missing:
        told.append(f"{missing:,} units did not come and stay expected.")
    return told


def tolerance_words(supplier: Supplier) -> Sequence[str]:
    """Say how much more than ordered may come in, where it may."""
    if not supplier.over_receipt_percent:
        return ()
    percent = supplier.over_receipt_percent.normalize()
    return (f"Up to {percent:f} percent more than a line orders may come in, in whole units.",)


def _over_words(row: DeliveryRow) -> str:
    surplus = row.line.accepted - row.expected
    return f"{row.sku} on {row.order_number}: {surplus:,} more than expected."


def is_open(delivery: Delivery) -> bool:
    return delivery.status == Delivery.Status.OPEN


def is_over(delivery: Delivery) -> bool:
    return is_open(delivery) and any(row.is_over for row in delivery_rows(delivery.pk))


DELIVERY_ACTS = (
    Act(
        name="post",
        label="Post",
        permission=RECEIVES,
        perform=post,
        is_offered=is_open,
        consequences=post_consequences,
        icon="move_to_inbox",
    ),
    Act(
        name="count",
        label="Type counts",
        permission=RECEIVES,
        perform=enter_counts,
        form=CountForm,
        is_offered=is_open,
        consequences=lambda _delivery: (
            "What you type replaces what was counted of a line; it is not added to it.",
        ),
        icon="edit_note",
    ),
    Act(
        name="add-order",
        label="Add an order",
        permission=RECEIVES,
        perform=add_order,
        form=AddOrderForm,
        is_offered=is_open,
        consequences=lambda _delivery: ("All that it still expects may come with this delivery.",),
        icon="playlist_add",
    ),
    Act(
        name="post-over-order",
        label="Post more than ordered",
        permission="purchasing.over_receive",
        perform=post_over_order,
        is_offered=is_over,
        consequences=lambda delivery: (
            *post_consequences(delivery),
            "More than was ordered is accepted; the supplier will bill it.",
        ),
        icon="add_box",
    ),
    Act(
        name="scan",
        label="Scan",
        permission=RECEIVES,
        perform=scan,
        form=ScanForm,
        is_offered=is_open,
        icon="barcode_scanner",
    ),
    Act(
        name="discard",
        label="Discard",
        permission=RECEIVES,
        perform=discard,
        form=DiscardForm,
        is_offered=is_open,
        consequences=lambda _delivery: (
            "What was counted is forgotten, and nothing of it enters stock.",
        ),
        is_dangerous=True,
        icon="delete",
    ),
)

DELIVERY_PAGE_ACTS = (
    PageAct(
        name="find",
        label="Scan an order",
        permission=RECEIVES,
        perform=find,
        form=FindDeliveryForm,
        icon="barcode_scanner",
    ),
    PageAct(
        name="new",
        label="New delivery",
        permission=RECEIVES,
        perform=new_delivery,
        form=NewDeliveryForm,
        icon="add",
    ),
)
