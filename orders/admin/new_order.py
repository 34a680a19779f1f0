"""Placing an order of our own: the form, what it comes to, and the order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from customers.operations import identify, record_address
from inventory.operations import InsufficientStock
from orders import operations
from orders.admin.new_order_form import NewOrderForm, planned_address
from orders.models import Order
from orders.operations import Collecting, PricedLine
from retail.common.admin import PageAct
from retail.common.models import User
from retail.common.money import display, display_rate

Cleaned = Mapping[str, Any]


def plan(_request: HttpRequest, cleaned: Cleaned, now: datetime) -> Sequence[str]:
    """
    Say what the order comes to, line by line.

    :raises InsufficientStock: carries every shortage: it would be refused.
    """
    channel, collecting = cleaned["channel"], cleaned["collecting"]
    if Order.objects.filter(channel=channel, external_id=cleaned["key"]).exists():
        # The form was sent twice: what it asked for is done, and not planned against what is left.
        return ()
    address = planned_address(cleaned)
    planned = operations.plan_order(
        channel=channel,
        lines=cleaned["lines"],
        delivery_address=address,
        collecting=collecting,
        at=now,
    )
    if planned.missing:
        raise InsufficientStock({variant.pk: n for variant, n in planned.missing.items()})
    for_whom = cleaned["customer"] or cleaned["name"]
    return [
        f"{for_whom} orders on {channel}:",
        *(line_words(line, channel.currency) for line in planned.lines),
        f"In all {display(planned.total, channel.currency)}.",
        _where(collecting) if collecting else f"It is sent to {address}.",
    ]


def line_words(line: PricedLine, currency: str) -> str:
    """Say what one line costs and whose price that is."""
    price = f"{display_rate(line.unit_price)} {currency}"
    whose = f"by {line.price_list}" if line.price_list else "as given"
    total = display(line.total, currency)
    return f"{line.quantity} of {line.variant}, {price} each {whose}: {total}. {line.why}".strip()


def place(request: HttpRequest, cleaned: Cleaned, now: datetime) -> tuple[str, Order]:
    channel, collecting = cleaned["channel"], cleaned["collecting"]
    customer = cleaned["customer"] or identify(
        channel_code=channel.code, buyer=cleaned["buyer"], at=now
    )
    address = cleaned["known_address"]
    if cleaned["address"] is not None:
        address = record_address(customer=customer, address=cleaned["address"], at=now)
    order = operations.place_order(
        channel=channel,
        customer=customer,
        delivery_address=address,
        collecting=collecting,
        lines=cleaned["lines"],
        key=cleaned["key"],
        at=now,
        by=request.user if isinstance(request.user, User) else None,
    )
    return f"{order} is placed and everything is promised.", order


def _where(collecting: Collecting) -> str:
    who = f" by {collecting.name}" if collecting.name else ""
    curb = ", who waits outside" if collecting.is_curbside else ""
    return f"It is collected at {collecting.location}{who}{curb}."


NEW_ORDER = PageAct(
    name="new",
    label="New order",
    permission="orders.place_order",
    perform=place,
    plan=plan,
    form=NewOrderForm,
    consequences=("All of it is promised at once, or the order is refused.",),
    icon="add",
)
