"""What can be done to an order: one button, one page to confirm, one operation each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Sum
from django.http import HttpRequest

from orders import operations
from orders.admin.change_acts import CANCEL, LINK, NEEDS_NO_STOCK
from orders.admin.claim_acts import OPEN_CLAIM
from orders.admin.forms import (
    ReasonForm,
    ReleaseForm,
    ShipForm,
)
from orders.admin.return_acts import ORDER_RETURN_ACTS
from orders.models import LineAllocation, Order
from retail.common.admin import Act
from retail.common.models import User

Cleaned = Mapping[str, Any]


def is_open(order: Order) -> bool:
    return order.is_open


def may_be_sent(order: Order) -> bool:
    return order.delivery == Order.Delivery.SHIP and is_promised_anything(order)


def is_promised_anything(order: Order) -> bool:
    return order.is_open and _promised_units(order) > 0


def is_on_hold(order: Order) -> bool:
    return order.holds.open().exists()


def promise(request: HttpRequest, order: Order, _cleaned: Cleaned, now: datetime) -> str:
    promised = operations.allocate_order(order_id=order.pk, at=now, by=_person(request))
    if promised.missing:
        missing = sum(promised.missing.values())
        return f"{promised.units} units are promised now, {missing} are missing still."
    return f"{order} has all it needs."


def take_back(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    units = operations.release_promises(
        order_id=order.pk, reason=cleaned["reason"], at=now, by=_person(request)
    )
    return f"{units} units are free again."


def ship(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    fulfillment = operations.ship(
        order_id=order.pk,
        quantities=cleaned["pieces"],
        location_id=cleaned["location"].pk,
        carrier=cleaned["carrier"],
        tracking_number=cleaned["tracking_number"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    return f"{fulfillment} has left {fulfillment.location}."


def hold(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    operations.hold_order(order_id=order.pk, reason=cleaned["reason"], at=now, by=_person(request))
    return f"{order} is on hold."


def release(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    released = operations.release_hold(
        hold_id=cleaned["hold"].pk, note=cleaned["note"], at=now, by=_person(request)
    )
    return f"{order} is no longer held for: {released.get_kind_display()}."


def ship_consequences(order: Order) -> Sequence[str]:
    sentences = ["The pieces leave stock, and the promise of them is kept."]
    if order.external_id is not None:
        sentences.append("A connected channel is told carrier and tracking number.")
    return sentences


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def _promised_units(order: Order) -> int:
    promised = LineAllocation.objects.filter(line__order=order).aggregate(units=Sum("units"))
    return promised["units"] or 0


ORDER_ACTS = (
    Act(
        name="ship",
        label="Ship",
        permission="orders.ship_order",
        perform=ship,
        form=ShipForm,
        is_offered=may_be_sent,
        consequences=ship_consequences,
        icon="local_shipping",
    ),
    Act(
        name="promise",
        label="Promise stock",
        permission="orders.promise_order",
        perform=promise,
        is_offered=is_open,
        icon="bookmark_add",
    ),
    Act(
        name="take-back",
        label="Take promise back",
        permission="orders.promise_order",
        perform=take_back,
        form=ReasonForm,
        is_offered=is_promised_anything,
        icon="bookmark_remove",
    ),
    Act(
        name="hold",
        label="Hold",
        permission="orders.hold_order",
        perform=hold,
        form=ReasonForm,
        is_offered=is_open,
        icon="pan_tool",
    ),
    Act(
        name="release",
        label="Release hold",
        permission="orders.hold_order",
        perform=release,
        form=ReleaseForm,
        is_offered=is_on_hold,
        icon="play_arrow",
    ),
    LINK,
    NEEDS_NO_STOCK,
    *ORDER_RETURN_ACTS,
    OPEN_CLAIM,
    CANCEL,
)
