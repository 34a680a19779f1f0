"""Locations, and stock as the operations make it: what they write, no factory may write."""

from datetime import UTC, datetime
from decimal import Decimal

import factory
from factory.django import DjangoModelFactory

from inventory.models import (
    Allocation,
    AvailabilityChange,
    CostMovement,
    CostPool,
    Location,
    StockLevel,
    StockMovement,
)
from inventory.operations import Received, allocate_stock, receive_stock
from tests.factories.catalog import VariantFactory

STOCKED_AT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)


class LocationFactory(DjangoModelFactory):
    """A warehouse that ships orders."""

    class Meta:
        model = Location

    code = factory.Sequence(lambda n: f"warehouse-{n}")
    name = factory.Sequence(lambda n: f"Warehouse {n}")
    kind = Location.Kind.WAREHOUSE


def stock(*, units=10, value="0", variant=None, location=None, reference="GR-1", at=STOCKED_AT):
    """Receive units of a variant, by default a new one in a new warehouse; return its level."""
    variant = variant or VariantFactory()
    location = location or LocationFactory()
    receive_stock(
        location=location,
        received={variant.pk: Received(units=units, value=Decimal(value))},
        reference=reference,
        at=at,
    )
    return StockLevel.objects.get(variant=variant, location=location)


def promise(*, level=None, units=1, reference="SO-1", at=STOCKED_AT):
    """Promise units of a level, by default a new one with stock; return the allocation."""
    level = level or stock(units=units)
    (allocation,) = allocate_stock(
        location=level.location, units={level.variant_id: units}, reference=reference, at=at
    )
    return allocation


def _after_receipt(model):
    """Return a maker: receive some stock and pick the newest row that this wrote."""

    def make():
        stock()
        return model.objects.latest("pk")

    return make


MAKERS = {
    Allocation: promise,
    **{
        model: _after_receipt(model)
        for model in (AvailabilityChange, CostMovement, CostPool, StockLevel, StockMovement)
    },
}
