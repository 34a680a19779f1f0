"""What can be done to an order: one button, one page to confirm, one operation each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Sum
from django.http import HttpRequest

from customers.operations import identify, record_address
from orders import operations
from orders.admin.claim_acts import OPEN_CLAIM
from orders.admin.forms import (
    LinkForm,
    NewOrderForm,
    ReasonForm,
    ReleaseForm,
    ShipForm,
)
from orders.admin.return_acts import ORDER_RETURN_ACTS
from orders.models import LineAllocation, Order
from retail.common.admin import Act, PageAct
from retail.common.models import User

Cleaned = Mapping[str, Any]


def is_open(order: Order) -> bool:
    return order.is_open


def is_promised_anything(order: Order) -> bool:
    return order.is_open and _promised_units(order) > 0


def is_on_hold(order: Order) -> bool:
    return order.holds.open().exists()


def has_unknown_article(order: Order) -> bool:
    return order.is_open and order.lines.unknown().exists()


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


def link(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    line = operations.link_line(
        line_id=cleaned["line"].pk,
        variant_id=cleaned["variant_id"],
        pack_size=cleaned["pack_size"],
        at=now,
        by=_person(request),
    )
    return f"{line} of {order} is {line.variant}."


def cancel(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    operations.cancel_order(
        order_id=order.pk, reason=cleaned["reason"], at=now, by=_person(request)
    )
    return f"What was left of {order} is cancelled."


def ship_consequences(order: Order) -> Sequence[str]:
    sentences = ["The pieces leave stock, and the promise of them is kept."]
    if order.external_id is not None:
        sentences.append("A connected channel is told carrier and tracking number.")
    return sentences


def cancel_consequences(order: Order) -> Sequence[str]:
    pieces = sum(line.open_quantity for line in order.lines.filter(is_stocked=True))
    sentences = [
        f"{pieces} pieces will not be shipped.",
        f"{_promised_units(order)} promised units are free again.",
    ]
    if order.external_id is not None:
        sentences.append("The channel is not told: cancel it there too.")
    return sentences


def place(request: HttpRequest, cleaned: Cleaned, now: datetime) -> tuple[str, Order]:
    channel = cleaned["channel"]
    customer = identify(channel_code=channel.code, buyer=cleaned["buyer"], at=now)
    order = operations.place_order(
        channel=channel,
        customer=customer,
        delivery_address=record_address(customer=customer, address=cleaned["address"], at=now),
        lines=cleaned["lines"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    return f"{order} is placed and everything is promised.", order


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
        is_offered=is_promised_anything,
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
    Act(
        name="link",
        label="Link unknown article",
        permission="orders.link_orderline",
        perform=link,
        form=LinkForm,
        is_offered=has_unknown_article,
        icon="link",
    ),
    *ORDER_RETURN_ACTS,
    OPEN_CLAIM,
    Act(
        name="cancel",
        label="Cancel",
        permission="orders.cancel_order",
        perform=cancel,
        form=ReasonForm,
        is_offered=is_open,
        consequences=cancel_consequences,
        is_dangerous=True,
        icon="cancel",
    ),
)

NEW_ORDER = PageAct(
    name="new",
    label="New order",
    permission="orders.place_order",
    perform=place,
    form=NewOrderForm,
    consequences=("Everything is promised at once; when something is missing, nothing is kept.",),
    icon="add",
)
