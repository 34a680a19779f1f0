"""Deliveries as they are counted, and goods of suppliers that are held."""

from collections.abc import Sequence
from uuid import uuid4

import factory
from factory.django import DjangoModelFactory

from catalog.models import Variant
from purchasing import operations
from purchasing.models import (
    Delivery,
    DeliveryLine,
    DeliveryScan,
    GoodsReceipt,
    HeldGoods,
    HeldGoodsDecision,
    PurchaseOrder,
)
from purchasing.operations import Count, ReceivedLine
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import SupplierFactory, sent_order


class DeliveryFactory(DjangoModelFactory):
    """The paper only; `opened` has the lines of its orders."""

    class Meta:
        model = Delivery

    supplier = factory.SubFactory(SupplierFactory)
    location = factory.SubFactory(LocationFactory)
    key = factory.Sequence(lambda n: f"delivery-{n}")
    opened_at = NOON


class DeliveryLineFactory(DjangoModelFactory):
    class Meta:
        model = DeliveryLine

    delivery = factory.SubFactory(DeliveryFactory)
    code = factory.Sequence(lambda n: f"unknown-{n}")


class DeliveryScanFactory(DjangoModelFactory):
    class Meta:
        model = DeliveryScan

    delivery = factory.SubFactory(DeliveryFactory)
    key = factory.Sequence(lambda n: f"scan-{n}")
    code = "unknown"
    units = 1
    scanned_at = NOON


def order_of(*articles: tuple[Variant, int], like: PurchaseOrder | None = None, **values):
    """Send an order of these articles and units, to the supplier and place of another."""
    if like is not None:
        values = {"supplier": like.supplier, "location": like.location} | values
    order = sent_order(units=[units for _, units in articles], **values)
    for line, (variant, _) in zip(order.lines.order_by("pk"), articles, strict=True):
        line.variant = variant
        line.save(update_fields=["variant"])
    return order


def opened(*orders: PurchaseOrder, **values) -> Delivery:
    """Begin to count a delivery of these orders, by default a new one of ten units."""
    orders = orders or (sent_order(),)
    stated = {
        "supplier": orders[0].supplier,
        "location": orders[0].location,
        "order_ids": [order.pk for order in orders],
        "delivery_note": "DN-1",
        "key": uuid4().hex,
        "at": NOON,
        "by": None,
    }
    return operations.open_delivery(**(stated | values))


def scanned(delivery: Delivery, code: str, units: int = 1, **values) -> DeliveryScan:
    stated = {"key": uuid4().hex, "at": NOON, "by": None}
    return operations.scan_goods(
        delivery_id=delivery.pk, code=code, units=units, **(stated | values)
    )


def counted(delivery: Delivery, *accepted: int, **values) -> Delivery:
    """Set what came of the delivery's lines, in the order they stand there."""
    return operations.enter_counts(
        delivery_id=delivery.pk,
        counts=[
            Count(line_id=line.pk, accepted=units, **values)
            for line, units in zip(delivery.lines.order_by("pk"), accepted, strict=True)
        ],
        at=NOON,
        by=None,
    )


def posted(delivery: Delivery) -> GoodsReceipt:
    return operations.post_delivery(delivery_id=delivery.pk, at=NOON, by=None)


def rejected_goods(
    units: int = 4, *, order: PurchaseOrder | None = None, reason: str = "DAMAGED"
) -> HeldGoods:
    """Receive a delivery of which these units were rejected and nothing was taken."""
    order = order or sent_order()
    receipt = operations.receive_goods(
        order_id=order.pk,
        lines=[
            ReceivedLine(
                order_line_id=order.lines.order_by("pk")[0].pk,
                accepted=0,
                rejected=units,
                reject_reason=reason,
            )
        ],
        delivery_note="DN-1",
        key=uuid4().hex,
        at=NOON,
        by=None,
    )
    return receipt.held_goods.get()


def unplanned_goods(
    code: str = "no such code", units: int = 3, *, order: PurchaseOrder | None = None
) -> HeldGoods:
    """Post a delivery that brought goods which nobody ordered, and nothing else."""
    delivery = opened(order or sent_order())
    scanned(delivery, code, units)
    return posted(delivery).held_goods.get()


def scrapped(held: HeldGoods | None = None, units: int = 1, *, key: str = "") -> HeldGoodsDecision:
    return operations.scrap_held(
        held_id=(held or rejected_goods()).pk,
        units=units,
        reason="Not worth the postage",
        key=key or uuid4().hex,
        at=NOON,
        by=UserFactory(),
    )


def variants(count: int) -> Sequence[Variant]:
    return [VariantFactory() for _ in range(count)]


MAKERS = {HeldGoods: rejected_goods, HeldGoodsDecision: scrapped}
