"""Orders of every channel, from the moment they are known until the goods are out, or back."""

from orders.models.fulfillments import (
    Fulfillment,
    FulfillmentItem,
    FulfillmentLine,
    FulfillmentQuerySet,
    PackScan,
    Parcel,
    PickList,
)
from orders.models.orders import (
    LIFECYCLE_MOVES,
    LineComponent,
    Order,
    OrderLine,
    OrderLineQuerySet,
    OrderQuerySet,
)
from orders.models.payments import Payment, PaymentEvent, PaymentQuerySet, PaymentRule
from orders.models.pickups import Pickup
from orders.models.records import (
    CancelledLine,
    ChannelConflict,
    ChannelConflictQuerySet,
    OrderCancellation,
    OrderEvent,
    OrderHold,
    OrderHoldQuerySet,
)
from orders.models.refunds import Refund, RefundLine, RefundQuerySet
from orders.models.returns import Claim, Exchange, Return, ReturnLine, ReturnQuerySet
from orders.models.routing import (
    LineAllocation,
    OversellIncident,
    PostcodeCentroid,
    RoutingDecision,
    RoutingRejection,
    RoutingRule,
)
from orders.models.tills import RegisterDay, StoreReceipt

__all__ = [
    "LIFECYCLE_MOVES",
    "CancelledLine",
    "ChannelConflict",
    "ChannelConflictQuerySet",
    "Claim",
    "Exchange",
    "Fulfillment",
    "FulfillmentItem",
    "FulfillmentLine",
    "FulfillmentQuerySet",
    "LineAllocation",
    "LineComponent",
    "Order",
    "OrderCancellation",
    "OrderEvent",
    "OrderHold",
    "OrderHoldQuerySet",
    "OrderLine",
    "OrderLineQuerySet",
    "OrderQuerySet",
    "OversellIncident",
    "PackScan",
    "Parcel",
    "Payment",
    "PaymentEvent",
    "PaymentQuerySet",
    "PaymentRule",
    "PickList",
    "Pickup",
    "PostcodeCentroid",
    "Refund",
    "RefundLine",
    "RefundQuerySet",
    "RegisterDay",
    "Return",
    "ReturnLine",
    "ReturnQuerySet",
    "RoutingDecision",
    "RoutingRejection",
    "RoutingRule",
    "StoreReceipt",
]
