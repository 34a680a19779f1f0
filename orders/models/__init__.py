"""Orders of every channel, from the moment they are known until the goods are out, or back."""

from orders.models.fulfillments import Fulfillment, FulfillmentLine, Parcel
from orders.models.orders import (
    LineAllocation,
    LineComponent,
    Order,
    OrderEvent,
    OrderHold,
    OrderHoldQuerySet,
    OrderLine,
    OrderLineQuerySet,
    OrderQuerySet,
)
from orders.models.returns import Return, ReturnLine

__all__ = [
    "Fulfillment",
    "FulfillmentLine",
    "LineAllocation",
    "LineComponent",
    "Order",
    "OrderEvent",
    "OrderHold",
    "OrderHoldQuerySet",
    "OrderLine",
    "OrderLineQuerySet",
    "OrderQuerySet",
    "Parcel",
    "Return",
    "ReturnLine",
]
