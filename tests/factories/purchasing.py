from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from uuid import uuid4

import factory
from factory.django import DjangoModelFactory

from purchasing import operations
from purchasing.models import (
    GoodsReceipt,
    GoodsReceiptLine,
    PurchaseOrder,
    PurchaseOrderLine,
    Supplier,
    SupplierFileProfile,
    SupplierFileRow,
    SupplierFileRun,
    SupplierPrice,
    SupplierProduct,
)
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, ImportRunFactory, UserFactory
from tests.factories.inventory import LocationFactory


class SupplierFactory(DjangoModelFactory):
    class Meta:
        model = Supplier

    code = factory.Sequence(lambda n: f"supplier-{n}")
    name = factory.Sequence(lambda n: f"Supplier {n}")
    currency = "GBP"
    email = factory.Sequence(lambda n: f"orders@supplier-{n}.example")


class SupplierProductFactory(DjangoModelFactory):
    class Meta:
        model = SupplierProduct

    supplier = factory.SubFactory(SupplierFactory)
    variant = factory.SubFactory(VariantFactory)
    supplier_sku = factory.Sequence(lambda n: f"S-{n}")


class SupplierPriceFactory(DjangoModelFactory):
    class Meta:
        model = SupplierPrice

    supplier_product = factory.SubFactory(SupplierProductFactory)
    unit_cost = Decimal("2.5000")
    valid_from = date(2026, 1, 1)


class SupplierFileProfileFactory(DjangoModelFactory):
    class Meta:
        model = SupplierFileProfile

    supplier = factory.SubFactory(SupplierFactory)
    code = factory.Sequence(lambda n: f"profile-{n}")
    delimiter = ";"
    columns = factory.LazyFunction(
        lambda: {
            "supplier_sku": "SKU",
            "gtin": "EAN",
            "name": "Name",
            "unit_cost": "Cost",
            "pack_size": "Pack",
            "minimum_quantity": "Minimum",
            "available_units": "Stock",
        }
    )


class SupplierFileRunFactory(ImportRunFactory):
    class Meta:
        model = SupplierFileRun

    kind = "supplier_prices"


class SupplierFileRowFactory(DjangoModelFactory):
    class Meta:
        model = SupplierFileRow

    run = factory.SubFactory(ImportRunFactory)
    line_number = factory.Sequence(lambda n: n + 2)
    supplier_sku = factory.Sequence(lambda n: f"S-{n}")
    unit_cost = Decimal("2.5000")


class PurchaseOrderFactory(DjangoModelFactory):
    """A draft without lines; `sent_order` makes one that goods can come in on."""

    class Meta:
        model = PurchaseOrder

    supplier = factory.SubFactory(SupplierFactory)
    location = factory.SubFactory(LocationFactory)
    currency = factory.SelfAttribute("supplier.currency")
    reference = factory.Sequence(lambda n: f"order-{n}")
    raised_at = NOON
    raised_by = factory.SubFactory(UserFactory)


class PurchaseOrderLineFactory(DjangoModelFactory):
    class Meta:
        model = PurchaseOrderLine

    order = factory.SubFactory(PurchaseOrderFactory)
    position = factory.Sequence(lambda n: n + 1)
    variant = factory.SubFactory(VariantFactory)
    ordered = 10
    unit_cost = Decimal("2.5000")


class GoodsReceiptFactory(DjangoModelFactory):
    """The paper only; `receive_goods` also moves stock."""

    class Meta:
        model = GoodsReceipt

    supplier = factory.SubFactory(SupplierFactory)
    location = factory.SubFactory(LocationFactory)
    key = factory.Sequence(lambda n: f"receipt-{n}")
    received_at = NOON


class GoodsReceiptLineFactory(DjangoModelFactory):
    class Meta:
        model = GoodsReceiptLine

    receipt = factory.SubFactory(GoodsReceiptFactory)
    order_line = factory.SubFactory(PurchaseOrderLineFactory)
    delivered = 4
    accepted = 4
    unit_cost = Decimal("2.5000")
    value = Decimal("10.0000")


def draft_order(
    *, units: Sequence[int] = (10,), unit_cost: str = "2.50", **values
) -> PurchaseOrder:
    """Raise an order of one new variant per number of units."""
    return operations.create_purchase_order(
        supplier=values.pop("supplier", None) or SupplierFactory(),
        location=values.pop("location", None) or LocationFactory(),
        lines=[
            operations.NewLine(
                variant_id=VariantFactory().pk, units=count, unit_cost=Decimal(unit_cost)
            )
            for count in units
        ],
        reference=values.pop("reference", None) or uuid4().hex,
        at=NOON,
        by=values.pop("by", None) or UserFactory(),
        **values,
    )


def approved_order(**values) -> PurchaseOrder:
    order = operations.submit(order_id=draft_order(**values).pk, at=NOON)
    if order.status == PurchaseOrder.Status.APPROVED:  # there are rules, and none asks anybody
        return order
    return operations.approve(order_id=order.pk, at=NOON, by=UserFactory())


def sent_order(**values) -> PurchaseOrder:
    """Raise, approve and send an order, so that goods can come in on it."""
    return operations.send(order_id=approved_order(**values).pk, at=NOON)
