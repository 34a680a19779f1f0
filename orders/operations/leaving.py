"""Goods of an order on their way out of the door, however they leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from inventory.operations import ship_allocated
from orders.models import Fulfillment, FulfillmentLine, LineAllocation, Order, OrderEvent, OrderLine
from orders.operations.contents import shipment
from orders.operations.events import event, record_events
from orders.operations.promised import Promises, Spot, promises_of, take_off
from orders.operations.statuses import locked_order
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.status import check_move


class OrderOnHold(BusinessError):
    """Something has to be decided about the order before it can be shipped."""


class NotEnoughPromised(BusinessError):
    """More pieces were to be shipped than are promised to the order there."""


class UnknownFulfillment(BusinessError):
    """There is no such fulfillment."""


def locked_fulfillment(fulfillment_id: int) -> tuple[Order, Fulfillment]:
    """
    Lock the order of a fulfillment for this transaction; return both as they are under the lock.

    :raises UnknownFulfillment: no fulfillment has this id.
    """
    found = Fulfillment.objects.filter(pk=fulfillment_id)
    order_id = found.values_list("order_id", flat=True).first()
    if order_id is None:
        raise UnknownFulfillment("There is no such fulfillment.", fulfillment_id=fulfillment_id)
    order = locked_order(order_id)
    return order, order.fulfillments.select_related("location").get(pk=fulfillment_id)


def let_go(
    *,
    order: Order,
    fulfillment: Fulfillment,
    lines: Sequence[OrderLine],
    at: datetime,
    by: User | None = None,
) -> list[FulfillmentLine]:
    """
    Let a begun fulfillment of a locked order leave: SHIPPED, or COLLECTED when it is a pickup.

    Consumes the promises of its pieces at its location and books the movement, the quantities of
    the lines and the event. What is not stocked goes along when it is the first that leaves.
    Neither settles the order nor tells the channel.

    lines: all lines of the order, which know of it afterwards. Returns what left.
    Locks: cost pools, stock levels and allocations.

    :raises WrongStatus: the order is not open, or the fulfillment is not where it may leave.
    :raises OrderOnHold: names every open hold; what was promised may be gone by now.
    :raises NotEnoughPromised: names the lines with fewer pieces promised than are to leave.
    """
    is_pickup = fulfillment.method == Fulfillment.Method.PICKUP
    gone = Fulfillment.Status.COLLECTED if is_pickup else Fulfillment.Status.SHIPPED
    check_move(fulfillment, gone)
    promises = promises_of(order=order, lines=lines, at=at)
    require_ready(order)
    goods = list(fulfillment.lines.order_by("pk"))
    require_promised(
        order=order,
        lines=lines,
        promised=promises.at_location(fulfillment.location_id).pieces(),
        asked={row.line_id: row.quantity for row in goods},
    )

    fulfillment.status = gone
    fulfillment.shipped_at = at
    fulfillment.shipped_by = by
    fulfillment.save(update_fields=["status", "shipped_at", "shipped_by"])
    line_of = {line.pk: line for line in lines}
    for row in goods:
        row.line = line_of[row.line_id]
    sent = [*goods, *list_sent(fulfillment=fulfillment, lines=lines, pieces={})]
    take_out(fulfillment=fulfillment, sent=sent, promises=promises, at=at, by=by)
    return sent


def list_sent(
    *, fulfillment: Fulfillment, lines: Sequence[OrderLine], pieces: Mapping[int, int]
) -> list[FulfillmentLine]:
    """
    Write the lines of a fulfillment: these pieces of goods (line id -> pieces).

    What is not stocked leaves with the first fulfillment of the order.
    """
    leaving = (
        (line, pieces.get(line.pk, 0) if line.is_stocked else line.open_quantity) for line in lines
    )
    return FulfillmentLine.objects.bulk_create(
        FulfillmentLine(fulfillment=fulfillment, line=line, quantity=quantity)
        for line, quantity in leaving
        if quantity
    )


def book_sent(
    *,
    fulfillment: Fulfillment,
    sent: Sequence[FulfillmentLine],
    at: datetime,
    by: User | None = None,
) -> None:
    """Count what left with a fulfillment on the lines of its order, and write the event."""
    for row in sent:
        row.line.shipped += row.quantity
    OrderLine.objects.bulk_update([row.line for row in sent], ["shipped"])
    goods = sum(row.quantity for row in sent if row.line.is_stocked)
    is_collected = fulfillment.status == Fulfillment.Status.COLLECTED
    record_events(
        [
            event(
                fulfillment.order,
                OrderEvent.Kind.COLLECTED if is_collected else OrderEvent.Kind.SHIPPED,
                at=at,
                by=by,
                fulfillment=fulfillment.number,
                pieces=goods,
            )
        ]
    )


def take_out(
    *,
    fulfillment: Fulfillment,
    sent: Sequence[FulfillmentLine],
    promises: Promises,
    at: datetime,
    by: User | None,
) -> None:
    """
    Take what leaves off the promises and out of stock, and book it on the lines of the order.

    sent: lines of the fulfillment with the lines of the order, all of whose goods are promised at
    its location.
    """
    here = promises.at_location(fulfillment.location_id)
    ship_allocated(
        units=_consume(here, sent, fulfillment.location_id),
        reference=fulfillment.number,
        at=at,
        by=by,
        source=shipment(fulfillment, sent, here.contents),
    )
    LineAllocation.objects.bulk_update(here.rows, ["units"])
    book_sent(fulfillment=fulfillment, sent=sent, at=at, by=by)


def require_ready(order: Order) -> None:
    """
    Pass when nothing keeps the goods of a locked order from leaving.

    :raises WrongStatus: the order is completed or cancelled.
    :raises OrderOnHold: names every open hold.
    """
    if not order.is_open:
        raise WrongStatus(
            f"{order} is {order.get_lifecycle_display().lower()} and cannot be shipped.",
            status=order.lifecycle,
        )
    holds = list(order.holds.open().order_by("pk"))
    if holds:
        reasons = "; ".join(str(hold) for hold in holds)
        raise OrderOnHold(
            f"{order} is on hold. {reasons}", holds=sorted({hold.kind for hold in holds})
        )


def require_promised(
    *,
    order: Order,
    lines: Sequence[OrderLine],
    promised: Mapping[int, int],
    asked: Mapping[int, int],
) -> None:
    """
    Pass when all pieces asked for (line id -> pieces) are among those that are promised.

    :raises NotEnoughPromised: names the lines that are short.
    """
    short = [
        line
        for line in lines
        if line.pk in asked and not 0 < asked[line.pk] <= promised.get(line.pk, 0)
    ]
    if short:
        names = ", ".join(
            f"{promised.get(line.pk, 0)} of {line} instead of {asked[line.pk]}" for line in short
        )
        raise NotEnoughPromised(
            f"Promised to {order} there: {names}.", lines=[line.pk for line in short]
        )


def _consume(
    promises: Promises, sent: Sequence[FulfillmentLine], location_id: int
) -> dict[int, int]:
    """Take what leaves off the promises, oldest first; allocation id -> units."""
    wanted = {
        Spot(row.line_id, location_id, variant_id): row.quantity * each
        for row in sent
        for variant_id, each in promises.contents.get(row.line_id, {}).items()
    }
    return take_off(promises.rows, wanted)
