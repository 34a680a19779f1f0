"""Customers' orders that wait for what is on order, and goods that come for them."""

from decimal import Decimal

from django.db import transaction
from django.db.models import F

from inventory.operations import Received, receive_stock
from orders.models import Order
from purchasing import operations
from purchasing.models import OrderedFor, PurchaseOrder, PurchaseOrderLine
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import stock
from tests.factories.orders import open_order
from tests.factories.purchasing import SupplierFactory, sent_order


def sold_out(**values):
    """Return a level of which nothing is left: whoever orders waits."""
    level = stock(units=1, **values)
    open_order(level=level, quantity=1)
    return level


def on_order(level, units=10, **values) -> PurchaseOrderLine:
    """Return the line of a sent purchase order of the article of a level, to come to its place."""
    line = sent_order(units=(units,), location=level.location, **values).lines.get()
    line.variant = level.variant
    line.save(update_fields=["variant"])
    return line


def ordered_for(line: PurchaseOrderLine, order: Order, units: int) -> OrderedFor:
    return OrderedFor.objects.create(
        purchase_line=line, order_line=order.lines.get(), units=units, linked_at=NOON
    )


@transaction.atomic
def come_in(line: PurchaseOrderLine, units: int, *, reference: str) -> list[operations.Served]:
    """Take units of a purchase line in, in the order of locks that receipts keep."""
    PurchaseOrder.objects.for_update().get(pk=line.order_id)
    list(PurchaseOrderLine.objects.for_update().filter(pk=line.pk))
    operations.lock_customers(purchase_line_ids=[line.pk])
    PurchaseOrderLine.objects.filter(pk=line.pk).update(received=F("received") + units)
    receive_stock(
        location=line.order.location,
        received={line.variant_id: Received(units=units, value=units * line.unit_cost)},
        reference=reference,
        at=NOON,
    )
    return operations.serve_ordered_for(
        accepted={line.pk: units}, location=line.order.location, at=NOON, by=None
    )


def promised(order: Order) -> int:
    """Return the units that are promised to an order."""
    units = order.lines.values_list("line_allocations__units", flat=True)
    return sum(each or 0 for each in units)


def dropped(order: Order, units: int, *, line=None, cost="2.50", **values) -> PurchaseOrder:
    """Have a supplier send units of an order's line to its customer."""
    line = line or order.lines.get()
    return operations.raise_drop_shipment(
        order_id=order.pk,
        supplier=values.pop("supplier", None) or SupplierFactory(),
        units={line.pk: units},
        unit_costs={line.pk: Decimal(cost)},
        key=values.pop("key", "drop"),
        at=NOON,
        by=values.pop("by", None) or UserFactory(),
    )


def send_purchase(purchase: PurchaseOrder) -> PurchaseOrder:
    """Have a draft approved by somebody else, and send it."""
    operations.submit(order_id=purchase.pk, at=NOON)
    operations.approve(order_id=purchase.pk, at=NOON, by=UserFactory())
    return operations.send(order_id=purchase.pk, at=NOON)
