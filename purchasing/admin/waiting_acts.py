"""Acts about customers who wait: on a purchase order, and on the page of the customer's order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from orders.models import Order
from orders.queries import waiting_lines
from purchasing import operations
from purchasing.admin.waiting_forms import (
    ConfirmForm,
    DropShipForm,
    KeepForm,
    OrderFromSupplierForm,
    SentForm,
)
from purchasing.models import OrderedFor, PurchaseOrder
from purchasing.queries import OPEN_ORDERS
from retail.common.admin import Act

Cleaned = Mapping[str, Any]


def confirm(request: HttpRequest, order: PurchaseOrder, cleaned: Cleaned, now: datetime) -> str:
    operations.confirm_order(
        order_id=order.pk,
        dates=cleaned["dates"],
        supplier_reference=cleaned["supplier_reference"],
        at=now,
        by=request.user,
    )
    return f"{order} is confirmed. Later days are on the list of slipped deliveries."


def keep(request: HttpRequest, _order: PurchaseOrder, cleaned: Cleaned, now: datetime) -> str:
    purchase_line_id, order_line_id = map(int, cleaned["waiting"].split("-"))
    link = operations.tie_to_line(
        purchase_line_id=purchase_line_id,
        order_line_id=order_line_id,
        units=cleaned["units"],
        key=cleaned["key"],
        at=now,
        by=request.user,
    )
    return f"{link.units:,} units are kept for {link.order_line.order}."


def note_sent(request: HttpRequest, order: PurchaseOrder, cleaned: Cleaned, now: datetime) -> str:
    receipt = operations.confirm_drop_shipment(
        order_id=order.pk,
        units=cleaned["sent"],
        carrier=cleaned["carrier"],
        tracking_number=cleaned["tracking_number"],
        key=cleaned["key"],
        at=now,
        by=request.user,
    )
    return f"{order.drop_ship_order} is shipped; {receipt} is posted at the cost of {order}."


def order_from_supplier(
    request: HttpRequest, _order: Order, cleaned: Cleaned, now: datetime
) -> str:
    link = operations.order_for_customer(
        order_line_id=int(cleaned["line"]),
        supplier=cleaned["supplier"],
        location=cleaned["location"],
        units=cleaned["units"],
        key=cleaned["key"],
        at=now,
        by=request.user,
    )
    return f"{cleaned['units']:,} units are on {link.purchase_line.order}, a draft for the buyers."


def drop_ship(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    purchase = operations.raise_drop_shipment(
        order_id=order.pk,
        supplier=cleaned["supplier"],
        units=cleaned["sent"],
        unit_costs=cleaned["costs"],
        expected_on=cleaned["expected_on"],
        key=cleaned["key"],
        at=now,
        by=request.user,
    )
    return f"{purchase} is a draft for the buyers."


def waits(order: Order) -> bool:
    return order.is_open and waiting_lines().filter(order=order).exists()


def waits_for_a_parcel(order: Order) -> bool:
    return order.delivery == Order.Delivery.SHIP and waits(order)


def is_sent(order: PurchaseOrder) -> bool:
    return order.status == PurchaseOrder.Status.SENT


def is_sent_to_us(order: PurchaseOrder) -> bool:
    return order.status in OPEN_ORDERS and order.drop_ship_order_id is None


def is_drop_shipment(order: PurchaseOrder) -> bool:
    return is_sent(order) and order.drop_ship_order_id is not None


PURCHASE_ACTS = (
    Act(
        name="note-sent",
        label="Supplier has sent it",
        # Nobody of ours holds the goods: it is the supplier's word, as the day is.
        permission="purchasing.confirm_purchaseorder",
        perform=note_sent,
        form=SentForm,
        is_offered=is_drop_shipment,
        consequences=lambda order: (
            f"{order.drop_ship_order} is shipped, and its channel is told of the parcel.",
            "The goods are bought at the cost of this order and sold in the same moment.",
        ),
        icon="local_shipping",
    ),
    Act(
        name="confirm",
        label="Confirmed by supplier",
        permission="purchasing.confirm_purchaseorder",
        perform=confirm,
        form=ConfirmForm,
        is_offered=is_sent,
        consequences=lambda _order: (
            "Where a day is later than before, it is on the list of slipped deliveries.",
        ),
        icon="event_available",
    ),
    Act(
        name="keep",
        label="Keep for a customer",
        permission="purchasing.add_orderedfor",
        perform=keep,
        form=KeepForm,
        is_offered=is_sent_to_us,
        consequences=lambda _order: (
            "When the units come they are promised to that order before any other.",
        ),
        icon="bookmark_add",
    ),
)
ORDER_FROM_SUPPLIER = Act(
    name="order-from-supplier",
    label="Order from supplier",
    permission="purchasing.add_orderedfor",
    perform=order_from_supplier,
    form=OrderFromSupplierForm,
    is_offered=waits,
    consequences=lambda order: (
        "The units are put on a draft for that supplier and place.",
        f"When they come they are promised to {order} before any other.",
    ),
    icon="add_shopping_cart",
)
DROP_SHIP = Act(
    name="drop-ship",
    label="Have the supplier send it",
    permission="purchasing.add_orderedfor",
    perform=drop_ship,
    form=DropShipForm,
    is_offered=waits_for_a_parcel,
    consequences=lambda _order: (
        "A draft is raised by which the supplier sends the goods to the customer.",
        "None of our stock is promised to them any more.",
    ),
    icon="conveyor_belt",
)


def untie(_request: HttpRequest, link: OrderedFor, _cleaned: Cleaned, _now: datetime) -> str:
    operations.untie(link_id=link.pk)
    return "The units come for whoever waits first."


UNTIE = Act(
    name="untie",
    label="Keep for nobody",
    permission="purchasing.delete_orderedfor",
    perform=untie,
    is_offered=lambda link: link.served == 0,
    consequences=lambda link: (
        f"What is ordered from the supplier stays; {link.order_line.order} waits in its turn.",
    ),
    is_dangerous=True,
    icon="bookmark_remove",
)
