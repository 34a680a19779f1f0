"""Orders in the admin: read everything, and do to an order what can be done to it."""

from orders.admin.fulfillments import (
    FulfillmentAdmin,
    FulfillmentLineAdmin,
    ParcelAdmin,
    PickListAdmin,
)
from orders.admin.orders import OrderAdmin
from orders.admin.records import (
    LineAllocationAdmin,
    OrderEventAdmin,
    OrderHoldAdmin,
    OrderLineAdmin,
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
    "PickListAdmin",
    "ReturnAdmin",
    "ReturnLineAdmin",
]
