"""What the tests of returns to suppliers look at, and goods that are held."""

from inventory.models import CostMovement, CostPool, Location, StockLevel, StockMovement
from inventory.queries import differences as stock_differences
from purchasing import operations
from purchasing.models import (
    GoodsReceiptLine,
    HeldGoods,
    HeldGoodsDecision,
    PurchaseOrder,
    PurchaseOrderLine,
    SupplierReturn,
    SupplierReturnCredit,
    SupplierReturnLine,
)
from purchasing.operations import ReceivedLine
from purchasing.queries import differences
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing_invoices import bill, matched, printed


def everything():
    """Return every row that a return writes, to compare before and after a refusal."""
    models = (
        *(SupplierReturn, SupplierReturnLine, SupplierReturnCredit, GoodsReceiptLine, HeldGoods),
        *(HeldGoodsDecision, PurchaseOrder, PurchaseOrderLine, StockLevel, StockMovement),
        *(CostPool, CostMovement),
    )
    return [list(model.objects.order_by("pk").values_list()) for model in models]


def all_is_proved():
    return differences() == [] and stock_differences() == []


def ship(returned, **values):
    return operations.ship_return(return_id=returned.pk, at=NOON, by=UserFactory(), **values)


def held(line, units=3, **values):
    """Hold units that nobody ordered, of the same delivery and article, in quarantine."""
    return HeldGoods.objects.create(
        receipt=line.receipt,
        kind="UNPLANNED",
        variant=line.order_line.variant,
        location=LocationFactory(kind=Location.Kind.QUARANTINE, is_shipping=False),
        units=units,
        **values,
    )


def receive(line, units, *, key="replacement-1"):
    return operations.receive_goods(
        order_id=line.order_line.order_id,
        lines=[ReceivedLine(order_line_id=line.order_line_id, accepted=units)],
        delivery_note="",
        key=key,
        at=NOON,
        by=None,
    )


def order_line_of(line):
    return PurchaseOrderLine.objects.get(pk=line.order_line_id)


def order_of(line):
    return PurchaseOrder.objects.get(lines=line.order_line_id)


def pay_all(line):
    """Bill everything that came of a line, so that its order is closed."""
    order = order_of(line)
    matched(bill(printed(order_line_of(line), line.accepted, line.unit_cost), order=order))
    return order_of(line)
