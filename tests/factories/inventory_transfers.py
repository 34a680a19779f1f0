"""Transfers as the operations make them, from a draft to one that was received."""

import itertools

from inventory.models import Location, Transfer, TransferLine, TransferReceipt
from inventory.operations import create_transfer, dispatch_transfer, receive_transfer
from tests.factories.inventory import STOCKED_AT, LocationFactory, stock

_keys = itertools.count()


def transit_location():
    """Return the location of goods on the way, made when there is none."""
    place = Location.objects.filter(kind=Location.Kind.TRANSIT).first()
    return place or LocationFactory(
        kind=Location.Kind.TRANSIT, is_shipping=False, code="transit", name="On the road"
    )


def drafted_transfer(*levels, units=3, to_location=None, key=None, at=STOCKED_AT, **said):
    """
    Draft a transfer of units of each level, by default of a new one, to a new warehouse.

    units: of each article, or variant id -> units.
    """
    levels = levels or (stock(),)
    if isinstance(units, int):
        units = {level.variant_id: units for level in levels}
    return create_transfer(
        from_location=levels[0].location,
        to_location=to_location or LocationFactory(),
        units=units,
        key=key or f"T-{next(_keys)}",
        at=at,
        **said,
    )


def dispatched_transfer(*levels, by=None, at=STOCKED_AT, **said):
    """Send a new transfer off, over the location in transit."""
    transit_location()
    transfer = drafted_transfer(*levels, at=at, **said)
    return dispatch_transfer(transfer_id=transfer.pk, at=at, by=by)


def arrival(transfer=None, *, units=1, key="R-1", at=STOCKED_AT, by=None):
    """Receive units of every line of a transfer, by default of a new one; return the receipt."""
    transfer = transfer or dispatched_transfer()
    return receive_transfer(
        transfer_id=transfer.pk,
        received=dict.fromkeys(transfer.lines.values_list("pk", flat=True), units),
        key=key,
        at=at,
        by=by,
    )


def transfer_line():
    """Return the only line of a new draft."""
    return drafted_transfer().lines.get()


MAKERS = {
    Transfer: drafted_transfer,
    TransferLine: transfer_line,
    TransferReceipt: arrival,
}
