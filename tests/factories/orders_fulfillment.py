"""Orders on their way out: in a wave, at the packing table, and in their parcels."""

from itertools import count

from orders.models import (
    Fulfillment,
    FulfillmentItem,
    FulfillmentLine,
    PackScan,
    Parcel,
    PickList,
)
from orders.operations import NewParcel, pack, scan_unit, start_picking
from tests.factories.common import NOON
from tests.factories.orders import open_order

_numbers = count(1)

DPD = NewParcel(carrier="DPD", tracking_number="TN-1")


def picked(order=None, **values) -> Fulfillment:
    """Begin to pick all that is promised to an order, by default a new one, where it is."""
    order = order or open_order(**values)
    wave = start_picking(
        location=order.lines.filter(is_stocked=True)
        .earliest("pk")
        .line_allocations.earliest("pk")
        .allocation.level.location,
        order_ids=[order.pk],
        key=f"wave-{next(_numbers)}",
        at=NOON,
    )
    return wave.pick_list.fulfillments.get()


def scanned(order=None, **values) -> Fulfillment:
    """Pick an order and scan every unit of it."""
    fulfillment = picked(order, **values)
    for item in fulfillment.items.select_related("variant"):
        scan_unit(
            fulfillment_id=fulfillment.pk,
            code=item.variant.sku,
            units=item.units,
            key=f"scan-{item.pk}",
            at=NOON,
        )
    return fulfillment


def packed(order=None, *, parcels=(DPD,), **values) -> Fulfillment:
    """Pick an order, scan every unit of it and close its parcels."""
    fulfillment = scanned(order, **values)
    return pack(fulfillment_id=fulfillment.pk, parcels=parcels, key="pack", at=NOON)


MAKERS = {
    PickList: lambda: picked().pick_list,
    Fulfillment: picked,
    FulfillmentLine: lambda: FulfillmentLine.objects.get(fulfillment=picked()),
    FulfillmentItem: lambda: FulfillmentItem.objects.get(fulfillment=picked()),
    PackScan: lambda: PackScan.objects.get(fulfillment=scanned()),
    Parcel: lambda: Parcel.objects.get(fulfillment=packed()),
}
