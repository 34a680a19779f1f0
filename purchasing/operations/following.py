"""What a customer's order knows of what a supplier sends for it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from orders.models import Order, OrderLine
from orders.operations import set_from_supplier
from purchasing.models import OrderedFor, PurchaseOrder
from purchasing.queries import OPEN_ORDERS
from retail.common.models import User


@transaction.atomic
def follow_drop_shipment(*, order: PurchaseOrder, at: datetime, by: User | None) -> None:
    """
    Let the customer's order know what a supplier still sends, once less or more is on order.

    What is not sent any more is promised from stock again, or waits for it. Of an order that comes
    to us nothing is to be told.
    Locks: the purchase order and its lines are locked by the caller; the customer's order, then the
    stock levels.
    """
    order_id = order.drop_ship_order_id
    if order_id is None or not Order.objects.open().filter(pk=order_id).exists():
        return
    of_this = Q(ordered_from_suppliers__purchase_line__order=order) | Q(from_supplier__gt=0)
    lines = OrderLine.objects.filter(of_this, order=order_id)
    line_ids = set(lines.values_list("pk", flat=True))
    links = OrderedFor.objects.filter(
        order_line_id__in=line_ids,
        purchase_line__order__drop_ship_order=order_id,
        purchase_line__order__status__in=OPEN_ORDERS,
    ).select_related("purchase_line")
    units: dict[int, int] = dict.fromkeys(line_ids, 0)
    for link in links:
        units[link.order_line_id] += min(link.units - link.served, link.purchase_line.expected)
    set_from_supplier(order_id=order_id, units=units, number=order.number, at=at, by=by)
