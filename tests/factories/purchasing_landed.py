"""Bills of freight, and landed costs as the operations make them."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import uuid4

from purchasing import operations
from purchasing.models import (
    FreightClaim,
    GoodsReceipt,
    LandedCost,
    LandedCostLine,
    LandedCostShare,
    SupplierInvoice,
)
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import sent_order
from tests.factories.purchasing_invoices import bill, delivery


def received(
    *, units: Sequence[int] = (10,), unit_cost: str = "2.50", costs: Sequence[str] = ()
) -> GoodsReceipt:
    """Order and receive units of new variants, one line each, at one cost or at one cost each."""
    order = sent_order(units=units, unit_cost=unit_cost)
    for line, cost in zip(order.lines.order_by("pk"), costs, strict=False):
        line.unit_cost = Decimal(cost)
        line.save(update_fields=["unit_cost"])
    return delivery(order)


def freight_bill(amount: str = "100.00", **values) -> SupplierInvoice:
    """Capture a carrier's bill that charges freight and nothing else."""
    charge = operations.NewInvoiceLine(
        kind="CHARGE", quantity=1, unit_price=Decimal(amount), net_amount=Decimal(amount)
    )
    return bill(charge, **values)


def drafted(
    *receipts: GoodsReceipt,
    amount: str = "10.00",
    method: str = "VALUE",
    invoice: SupplierInvoice | None = None,
    **values,
) -> LandedCost:
    """Draft a landed cost on these deliveries, by default a new one of a new bill."""
    return operations.draft_landed_cost(
        invoice_id=(invoice or freight_bill(amount)).pk,
        amount=Decimal(amount),
        method=method,
        receipt_ids=[receipt.pk for receipt in receipts or (received(),)],
        **({"key": uuid4().hex, "at": NOON, "by": UserFactory()} | values),
    )


def posted(*receipts: GoodsReceipt, **values) -> LandedCost:
    """Draft a landed cost as `drafted` does and post it."""
    landed = drafted(*receipts, **values)
    return operations.post_landed_cost(landed_cost_id=landed.pk, at=NOON, by=UserFactory())


def _of_posted(model):
    def make():
        posted()
        return model.objects.latest("pk")

    return make


MAKERS = {
    LandedCost: drafted,
    **{model: _of_posted(model) for model in (FreightClaim, LandedCostLine, LandedCostShare)},
}
