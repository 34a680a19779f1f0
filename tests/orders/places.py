"""Where orders are promised to, other places that have their goods, and picking there."""

from orders.models import Fulfillment, FulfillmentItem, FulfillmentLine, LineAllocation
from tests.factories.inventory import LocationFactory, stock


def elsewhere(level, units=10, **place):
    """Put units of the same article at another place, which comes after the first."""
    location = LocationFactory(priority=5, **place)
    return stock(
        variant=level.variant, location=location, units=units, reference=f"GR-{location.pk}"
    )


def promised_at(order) -> dict[int, int]:
    """Return location id -> units promised to an order."""
    rows = LineAllocation.objects.filter(line__order=order, units__gt=0).order_by("pk")
    return {row.allocation.level.location_id: row.units for row in rows}


def picking(order, level, pieces, *, packed=0, key="picking"):
    """Begin to pick pieces of the one line of an order, as the pick list of a place does."""
    line = order.lines.get()
    fulfillment = Fulfillment.objects.create(
        order=order, location=level.location, key=key, status=Fulfillment.Status.PICKING
    )
    FulfillmentLine.objects.create(fulfillment=fulfillment, line=line, quantity=pieces)
    FulfillmentItem.objects.create(
        fulfillment=fulfillment, variant=level.variant, units=pieces, packed=packed
    )
    return fulfillment
