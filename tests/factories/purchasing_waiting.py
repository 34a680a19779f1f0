"""Goods ordered for customers, and days that moved."""

from datetime import timedelta

import factory
from factory.django import DjangoModelFactory

from purchasing.models import DeliverySlip, OrderedFor
from tests.factories.common import NOON
from tests.factories.orders import OrderLineFactory
from tests.factories.purchasing import PurchaseOrderLineFactory


class OrderedForFactory(DjangoModelFactory):
    class Meta:
        model = OrderedFor

    order_line = factory.SubFactory(OrderLineFactory)
    purchase_line = factory.SubFactory(
        PurchaseOrderLineFactory, variant=factory.SelfAttribute("..order_line.variant")
    )
    units = 1
    linked_at = NOON


class DeliverySlipFactory(DjangoModelFactory):
    class Meta:
        model = DeliverySlip

    line = factory.SubFactory(PurchaseOrderLineFactory)
    from_on = NOON.date()
    to_on = (NOON + timedelta(days=7)).date()
    waiting_orders = 1
    waiting_units = 2
    noted_at = NOON
