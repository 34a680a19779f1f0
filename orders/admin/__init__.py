"""Orders in the admin: read everything, and do to an order what can be done to it."""

from orders.admin.conflicts import ChannelConflictAdmin, OrderCancellationAdmin
from orders.admin.fulfillments import (
    FulfillmentAdmin,
    FulfillmentLineAdmin,
    ParcelAdmin,
    PickListAdmin,
)
from orders.admin.orders import OrderAdmin
from orders.admin.payments import PaymentAdmin, PaymentRuleAdmin, RefundAdmin
from orders.admin.pickups import PickupAdmin
from orders.admin.records import (
    LineAllocationAdmin,
    OrderEventAdmin,
    OrderHoldAdmin,
    OrderLineAdmin,
)
from orders.admin.returns import ClaimAdmin, ExchangeAdmin, ReturnAdmin, ReturnLineAdmin
from orders.admin.routing import (
    PostcodeCentroidAdmin,
    RoutingDecisionAdmin,
    RoutingRejectionAdmin,
    RoutingRuleAdmin,
)
from orders.admin.tills import OversellIncidentAdmin, RegisterDayAdmin, StoreReceiptAdmin

__all__ = [
    "ChannelConflictAdmin",
    "ClaimAdmin",
    "ExchangeAdmin",
    "FulfillmentAdmin",
    "FulfillmentLineAdmin",
    "LineAllocationAdmin",
    "OrderAdmin",
    "OrderCancellationAdmin",
    "OrderEventAdmin",
    "OrderHoldAdmin",
    "OrderLineAdmin",
    "OversellIncidentAdmin",
    "ParcelAdmin",
    "PaymentAdmin",
    "PaymentRuleAdmin",
    "PickListAdmin",
    "PickupAdmin",
    "PostcodeCentroidAdmin",
    "RefundAdmin",
    "RegisterDayAdmin",
    "ReturnAdmin",
    "ReturnLineAdmin",
    "RoutingDecisionAdmin",
    "RoutingRejectionAdmin",
    "RoutingRuleAdmin",
    "StoreReceiptAdmin",
]
