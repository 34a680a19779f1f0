"""What the database holds about orders and stock, to see that nothing was changed."""

from typing import Any

from catalog.models import Variant
from channels.models import OutboxEntry
from customers.models import Address, Customer
from inventory.models import (
    Allocation,
    CostMovement,
    StockLevel,
    StockMovement,
    WithdrawnPromise,
)
from orders.models import (
    CancelledLine,
    Claim,
    Exchange,
    Fulfillment,
    FulfillmentItem,
    LineAllocation,
    LineComponent,
    Order,
    OrderEvent,
    OrderHold,
    OrderLine,
    OversellIncident,
    PackScan,
    Parcel,
    Payment,
    PaymentEvent,
    PickList,
    Refund,
    RefundLine,
    Return,
    ReturnLine,
    RoutingDecision,
    RoutingRejection,
)

WATCHED = (
    Variant, OutboxEntry, Address, Customer, Allocation, CostMovement, StockLevel, StockMovement,
    WithdrawnPromise, Fulfillment, FulfillmentItem, LineAllocation, LineComponent, Order,
    OrderEvent, OrderHold, OrderLine, PackScan, PickList, Parcel, Payment, PaymentEvent, Refund,
    RefundLine, Return, ReturnLine, RoutingDecision, RoutingRejection,
    CancelledLine, Claim, Exchange, OversellIncident,
)  # fmt: skip


def books() -> dict[str, list[dict[str, Any]]]:
    """Return every row of the tables an order touches, to compare before and after."""
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in WATCHED}
