"""Whether what is to be collected agrees with the orders it is of."""

from __future__ import annotations

from collections.abc import Iterator

from orders.models import Order, Pickup
from retail.common.integrity import Difference

CLOSED = (Order.Lifecycle.COMPLETED, Order.Lifecycle.CANCELLED)


def pickup_differences() -> Iterator[Difference]:
    """Nobody is awaited for an order of which nothing is left."""
    awaited = Pickup.objects.filter(
        status__in=Pickup.AWAITED, order__lifecycle__in=CLOSED
    ).select_related("order")
    for pickup in awaited.order_by("pk"):
        yield Difference(
            kind="pickup",
            key=pickup.order.number,
            expected=f"over, as the order is {pickup.order.get_lifecycle_display().lower()}",
            actual=pickup.status,
        )
