"""Applying what changed about an order on its channel, by how far it got here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from channels.connectors.base import IncomingOrder
from customers.operations import Buyer, PostalAddress, identify, record_address
from orders.models import Order, OrderEvent, OrderHold, OrderLine
from orders.operations.allocation import hold_short_order, promise_lines
from orders.operations.cancelling import call_off
from orders.operations.changes import Changes, diff
from orders.operations.events import event, record_events
from orders.operations.holds import NewHold, close_holds, open_holds
from orders.operations.promised import give_back, lines_of, locked_promises_of
from orders.operations.reading import (
    Reading,
    amount_or_zero,
    lacks_buyer,
    order_amounts,
)
from orders.operations.routing import ORDER_CHANGED
from orders.operations.statuses import settle_order


def update_order(*, order: Order, reading: Reading, at: datetime) -> bool:
    """
    Apply what a newer version of a locked order changed; tell whether it changed anything.

    Before anything is shipped the channel's word counts: cancelled, another address, other
    quantities. Afterwards, and for everything else, the order is held for a person to decide.
    """
    lines = lines_of(order)
    changes = diff(order=order, lines=lines, reading=reading)
    is_begun = any(line.shipped for line in lines)
    conflicts = list(changes.others)
    is_moved = False
    if changes.has_buyer:
        is_moved |= _meet_buyer(order, reading, at)
    if changes.has_address:
        is_moved |= _change_address(order, reading, conflicts, at, is_begun=is_begun)
    if changes.is_paid:
        order.payment_status = Order.PaymentStatus.PAID
    if changes.is_shipped:
        conflicts.append("The channel says it is shipped, and here it is not.")
    if changes.quantities and is_begun:
        conflicts.append("Quantities changed after goods were shipped.")
    elif changes.quantities:
        _change_quantities(order, lines, changes.quantities, reading, at)
    if changes.is_cancelled and is_begun:
        conflicts.append("The channel cancelled it after goods were shipped.")
    elif changes.is_cancelled:
        call_off(order=order, lines=lines, reason="Cancelled on the channel.", at=at)
    is_changed = is_moved or changes.is_certain
    if is_changed:
        _close_update(order, lines, changes, conflicts, reading.order, at)
    return is_changed


def _close_update(
    order: Order,
    lines: Sequence[OrderLine],
    changes: Changes,
    conflicts: Sequence[str],
    incoming: IncomingOrder,
    at: datetime,
) -> None:
    record_events([event(order, OrderEvent.Kind.UPDATED, at=at, **changes.summary())])
    if not lacks_buyer(order, incoming):
        note = "The channel told who it is for."
        close_holds(order=order, kinds=[OrderHold.Kind.NO_BUYER], note=note, at=at)
    if conflicts:
        kind = OrderHold.Kind.CHANNEL_CONFLICT
        open_holds(order=order, holds=[NewHold(kind=kind, reason=" ".join(conflicts))], at=at)
    settle_order(order=order, lines=lines)
    order.save(
        update_fields=[
            "customer",
            "delivery_address",
            "rounding_difference",
            *("shipping_total", "discount_total", "tax_total", "total"),
        ]
    )


def _meet_buyer(order: Order, reading: Reading, at: datetime) -> bool:
    buyer = reading.order.buyer
    if buyer is None:
        return False
    order.customer = identify(channel_code=order.channel.code, buyer=Buyer(**asdict(buyer)), at=at)
    if order.customer is None:
        return False
    record_events(
        [
            event(
                order,
                OrderEvent.Kind.CUSTOMER_IDENTIFIED,
                at=at,
                customer=order.customer.pk,
            )
        ]
    )
    return True


def _change_address(
    order: Order, reading: Reading, conflicts: list[str], at: datetime, *, is_begun: bool
) -> bool:
    """Take the address when it is another one; after goods were shipped it is a conflict."""
    told = reading.order.delivery_address
    if told is None:
        return False
    address = record_address(customer=order.customer, address=PostalAddress(**asdict(told)), at=at)
    before = order.delivery_address
    if before is not None and before.digest == address.digest:
        return False
    if is_begun:
        conflicts.append("The address changed after goods were shipped.")
        return True
    order.delivery_address = address
    return True


def _change_quantities(
    order: Order,
    lines: Sequence[OrderLine],
    quantities: Mapping[str, int],
    reading: Reading,
    at: datetime,
) -> None:
    """Set other quantities, with the amounts that go with them, and promise anew."""
    promises = locked_promises_of(order=order, lines=lines, at=at)
    told = {line.external_line_id: line for line in reading.lines}
    for line in lines:
        if (now := quantities.get(line.external_line_id)) is None:
            continue
        line.ordered = now or line.ordered
        line.cancelled = 0 if now else line.ordered
        if (incoming := told.get(line.external_line_id)) is not None:
            for name in ("unit_price", "discount", "tax", "total"):
                setattr(line, name, amount_or_zero(getattr(incoming, name)))
    OrderLine.objects.bulk_update(
        lines, ["ordered", "cancelled", "unit_price", "discount", "tax", "total"]
    )
    surplus = promises.beyond({line.pk: line.open_quantity for line in lines})
    give_back(order=order, promises=promises, units=surplus, at=at)
    short = promise_lines(
        order=order, lines=lines, promised=promises.pieces(), at=at, attempt=ORDER_CHANGED
    ).missing
    hold_short_order(order=order, missing=short, at=at)
    _check_total(order, reading, at)


def _check_total(order: Order, reading: Reading, at: datetime) -> None:
    for name, amount in order_amounts(reading.order).items():
        setattr(order, name, amount)
    order.rounding_difference = reading.rounding_difference
    kind = OrderHold.Kind.PRICE_MISMATCH
    if reading.mismatch:
        open_holds(order=order, holds=[NewHold(kind=kind, reason=reading.mismatch)], at=at)
    else:
        close_holds(order=order, kinds=[kind], note="The total adds up now.", at=at)
