"""What the tests of this app look at: every stored figure, to see that nothing changed."""

from decimal import Decimal

from inventory.models import (
    Allocation,
    AvailabilityChange,
    CostMovement,
    CostPool,
    StockLevel,
    StockMovement,
)


def everything():
    """Return all rows of stock and cost, to compare before and after a refusal."""
    return [
        sorted(model.objects.values_list())
        for model in (CostMovement, CostPool, StockLevel, StockMovement, AvailabilityChange)
    ] + [sorted(Allocation.objects.values_list("pk", "units", "shipped", "released"))]


def figures(level):
    """Return on hand and promised units of a level as they are stored now."""
    return StockLevel.objects.values_list("on_hand", "allocated").get(pk=level.pk)


def pool_of(level):
    """Return units and value of a level's cost pool as they are stored now."""
    units, value = CostPool.objects.values_list("units", "value").get(variant=level.variant_id)
    return units, Decimal(value)
