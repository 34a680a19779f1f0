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
from purchasing.queries import differences
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory


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
    """Hold rejected units of a receipt line in quarantine."""
    return HeldGoods.objects.create(
        receipt=line.receipt,
        receipt_line=line,
        kind="REJECTED",
        variant=line.order_line.variant,
        location=LocationFactory(kind=Location.Kind.QUARANTINE, is_shipping=False),
        reject_reason="DAMAGED",
        units=units,
        **values,
    )
