"""Orders in the admin: read everything, and do to an order what can be done to it."""

from orders.admin.fulfillments import (
    FulfillmentAdmin,
    FulfillmentLineAdmin,
    ParcelAdmin,
    PickListAdmin,
)
from orders.admin.orders import OrderAdmin
from orders.admin.payments import PaymentAdmin, PaymentRuleAdmin, RefundAdmin
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

__all__ = [
    "ClaimAdmin",
    "ExchangeAdmin",
    "FulfillmentAdmin",
    "FulfillmentLineAdmin",
    "LineAllocationAdmin",
    "OrderAdmin",
    "OrderEventAdmin",
    "OrderHoldAdmin",
    "OrderLineAdmin",
    "ParcelAdmin",
    "PaymentAdmin",
    "PaymentRuleAdmin",
    "PickListAdmin",
    "PostcodeCentroidAdmin",
    "RefundAdmin",
    "ReturnAdmin",
    "ReturnLineAdmin",
    "RoutingDecisionAdmin",
    "RoutingRejectionAdmin",
    "RoutingRuleAdmin",
]
