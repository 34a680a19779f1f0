"""Orders that changed on their channel, or were called off in part."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

from channels.connectors.base import IncomingStatus
from orders.models import CancelledLine, ChannelConflict, Fulfillment, Order, OrderCancellation
from orders.operations import (
    NewParcel,
    cancel_order,
    ingest_order,
    pack,
    scan_unit,
    start_picking,
)
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders import incoming_line, incoming_order, open_order

_numbers = count(1)


def begin_picking(order: Order) -> Fulfillment:
    """Begin to fetch everything that is promised to an order at one location."""
    wave = start_picking(
        location=order.lines.first().line_allocations.first().allocation.level.location,
        order_ids=[order.pk],
        key=f"changes-wave-{next(_numbers)}",
        at=NOON,
    )
    return wave.pick_list.fulfillments.get(order=order)


def begin_packed(order: Order) -> Fulfillment:
    """Fetch and pack everything that is promised to an order at one location."""
    fulfillment = begin_picking(order)
    for item in fulfillment.items.select_related("variant"):
        scan_unit(
            fulfillment_id=fulfillment.pk,
            code=item.variant.sku,
            units=item.units,
            key=f"scan-{next(_numbers)}",
            at=NOON,
        )
    parcel = NewParcel(carrier="DPD", tracking_number=f"TN-{next(_numbers)}")
    return pack(fulfillment_id=fulfillment.pk, parcels=[parcel], key="packed", at=NOON)


def disputed_order() -> Order:
    """Take in an order, pack it, and let its channel cancel it then."""
    channel = ChannelFactory()
    level = stock(units=10, reference=f"GR-disputed-{next(_numbers)}")
    incoming = incoming_order(incoming_line(sku=level.variant.sku, quantity=2))
    order = ingest_order(channel=channel, incoming=incoming, at=NOON).order
    begin_packed(order)
    later = NOON + timedelta(minutes=5)
    cancelled = replace(incoming, status=IncomingStatus.CANCELLED, updated_at=later)
    return ingest_order(channel=channel, incoming=cancelled, at=later).order


def partly_cancelled_order() -> Order:
    order = open_order(quantity=3)
    cancel_order(
        order_id=order.pk,
        quantities={order.lines.get().pk: 1},
        reason="One is enough.",
        key="call",
        at=NOON,
    )
    order.refresh_from_db()
    return order


MAKERS = {
    ChannelConflict: lambda: ChannelConflict.objects.get(order=disputed_order()),
    OrderCancellation: lambda: OrderCancellation.objects.get(order=partly_cancelled_order()),
    CancelledLine: lambda: CancelledLine.objects.get(cancellation__order=partly_cancelled_order()),
}
