"""Orders in the admin: read everything, and do to an order what can be done to it."""

from orders.admin.orders import OrderAdmin
from orders.admin.records import (
    FulfillmentAdmin,
    FulfillmentLineAdmin,
    LineAllocationAdmin,
    OrderEventAdmin,
    OrderHoldAdmin,
    OrderLineAdmin,
    ParcelAdmin,
    ReturnAdmin,
    ReturnLineAdmin,
)

__all__ = [
    "FulfillmentAdmin",
    "FulfillmentLineAdmin",
    "LineAllocationAdmin",
    "OrderAdmin",
    "OrderEventAdmin",
    "OrderHoldAdmin",
    "OrderLineAdmin",
    "ParcelAdmin",
    "ReturnAdmin",
    "ReturnLineAdmin",
]
