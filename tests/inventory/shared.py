"""What the tests of this app look at: every stored figure, to see that nothing changed."""

from decimal import Decimal

from inventory.models import (
    Allocation,
    AvailabilityChange,
    ClosedPeriod,
    CostMovement,
    CostPool,
    CountRequest,
    StockLevel,
    StockMovement,
    WithdrawnPromise,
)

WRITTEN_BY_OPERATIONS = (
    Allocation,
    AvailabilityChange,
    ClosedPeriod,
    CostMovement,
    CostPool,
    CountRequest,
    StockLevel,
    StockMovement,
    WithdrawnPromise,
)


def everything():
    """Return all rows of stock and cost, to compare before and after a refusal."""
    return [list(model.objects.order_by("pk").values_list()) for model in WRITTEN_BY_OPERATIONS]


def figures(level):
    """Return on hand and promised units of a level as they are stored now."""
    return StockLevel.objects.values_list("on_hand", "allocated").get(pk=level.pk)


def pool_of(level):
    """Return units and value of a level's cost pool as they are stored now."""
    units, value = CostPool.objects.values_list("units", "value").get(variant=level.variant_id)
    return units, Decimal(value)
