"""The receiving desk: a delivery is opened, counted by whoever is there, and posted once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from inventory.models import Location
from purchasing.models import (
    Delivery,
    DeliveryLine,
    GoodsReceipt,
    PurchaseOrder,
    PurchaseOrderLine,
    Supplier,
)
from purchasing.operations.counting import fill_lines, lines_of_article, lock_open_delivery
from purchasing.operations.ending import MissingReason
from purchasing.operations.holding import UnplannedGoods
from purchasing.operations.posting import (
    Arrival,
    LockedOrders,
    ReceivedLine,
    lock_orders,
    post_receipt,
    refuse_excess,
    require_receivable,
)
from retail.common.errors import BusinessError
from retail.common.models import User
from retail.common.status import check_move


class NotOnThisDelivery(BusinessError):
    """An order of another supplier or place, one that was not sent, or that goes to a customer."""


@transaction.atomic
def open_delivery(
    *,
    supplier: Supplier,
    location: Location,
    order_ids: Collection[int],
    delivery_note: str,
    key: str,
    at: datetime,
    by: User | None,
) -> Delivery:
    """
    Begin to count a delivery: a line for everything that is still to come on its orders.

    order_ids: of one supplier and for one location; none where nobody ordered what came.
    key: of this act; a second call with it returns the first delivery and changes nothing.

    :raises NotOnThisDelivery: names the order that cannot come with it; nothing is stored.
    """
    delivery, is_new = Delivery.objects.get_or_create(
        key=key,
        defaults={
            "supplier": supplier,
            "location": location,
            "delivery_note": delivery_note.strip(),
            "opened_at": at,
            "opened_by": by,
        },
    )
    if is_new:
        _add_lines(delivery, order_ids)
    return delivery


@transaction.atomic
def add_order(*, delivery_id: int, order_id: int) -> Delivery:
    """
    Let goods of another order come with a delivery; adding it again changes nothing.

    What was counted as not ordered and is on this order counts for it from now on.
    Locks: the delivery.

    :raises WrongStatus: it is posted or discarded.
    :raises NotOnThisDelivery: the order cannot come with it.
    """
    delivery = lock_open_delivery(delivery_id)
    added = _add_lines(delivery, [order_id])
    unplanned = delivery.lines.filter(
        order_line__isnull=True,
        variant__in={line.variant_id for line in added},
        accepted__gt=0,
        rejected=0,
    )
    for line in list(unplanned.order_by("pk")):
        left = fill_lines(
            lines_of_article(delivery, line.variant_id),
            units=line.accepted,
            at=line.counted_at,
            by=line.counted_by,
        )
        if left:
            line.accepted = left
            line.save(update_fields=["accepted"])
        else:
            line.delete()
    return delivery


@transaction.atomic
def discard_delivery(*, delivery_id: int, reason: str, at: datetime, by: User | None) -> Delivery:
    """
    Forget what was counted: nothing of it is taken in. A second call changes nothing.

    Locks: the delivery.

    :raises WrongStatus: it is posted.
    :raises MissingReason: the reason is empty.
    """
    delivery = Delivery.objects.for_update().get(pk=delivery_id)
    if delivery.status == Delivery.Status.DISCARDED:
        return delivery
    check_move(delivery, Delivery.Status.DISCARDED)
    if not reason.strip():
        msg = "Say why: the reason is kept with the delivery."
        raise MissingReason(msg, delivery=delivery.number)
    _close(delivery, Delivery.Status.DISCARDED, at=at, by=by, reason=reason.strip())
    return delivery


@transaction.atomic
def post_delivery(*, delivery_id: int, at: datetime, by: User | None) -> GoodsReceipt:
    """
    Take what was counted into stock, by one receipt over all of its orders.

    What was rejected or never ordered is held for its supplier. A second call returns the receipt.
    Locks: the delivery, its orders, their lines, the customers' orders they are for, then what
    `receive_stock` locks.

    :raises WrongStatus: it was discarded, or an order of which goods were counted has ended.
    :raises MoreThanOrdered: beyond the supplier's tolerance; nothing is posted.
    :raises NothingReceived: nothing was counted.
    :raises NoExchangeRate: the currency of an order has no rate for the day.
    """
    delivery, locked, received = _counted(delivery_id)
    if delivery.status == Delivery.Status.POSTED:
        return delivery.receipt
    require_receivable(locked, received)
    refuse_excess(locked, received)
    return _post(delivery, locked, received, at=at, by=by)


@transaction.atomic
def post_delivery_over_order(*, delivery_id: int, at: datetime, by: User) -> GoodsReceipt:
    """
    Take what was counted into stock although more came than was ordered and is tolerated.

    For people with the permission `purchasing.over_receive`, which the edge checks; otherwise as
    `post_delivery`.
    """
    delivery, locked, received = _counted(delivery_id)
    if delivery.status == Delivery.Status.POSTED:
        return delivery.receipt
    require_receivable(locked, received)
    return _post(delivery, locked, received, at=at, by=by)


def _add_lines(delivery: Delivery, order_ids: Collection[int]) -> list[DeliveryLine]:
    """Add a line for everything that is still to come on these orders and not there yet."""
    orders = list(PurchaseOrder.objects.filter(pk__in=list(order_ids)).order_by("pk"))
    for order in orders:
        _require_fitting(delivery, order)
    known = set(
        delivery.lines.filter(order_line__isnull=False).values_list("order_line", flat=True)
    )
    expected = [
        line
        for line in PurchaseOrderLine.objects.filter(order__in=orders).order_by("order", "position")
        if line.expected and line.pk not in known
    ]
    return DeliveryLine.objects.bulk_create(
        [
            DeliveryLine(delivery=delivery, order_line=line, variant_id=line.variant_id)
            for line in expected
        ]
    )


def _require_fitting(delivery: Delivery, order: PurchaseOrder) -> None:
    if order.supplier_id != delivery.supplier_id:
        problem = "is of another supplier"
    elif order.drop_ship_order_id is not None:
        problem = "goes from the supplier to the customer"
    elif order.location_id != delivery.location_id:
        problem = "goes to another location"
    elif order.status != PurchaseOrder.Status.SENT:
        problem = f"is {order.get_status_display().lower()}: goods come in on a sent order"
    else:
        return
    raise NotOnThisDelivery(f"{order} {problem}.", order=order.number)


def _counted(delivery_id: int) -> tuple[Delivery, LockedOrders, list[ReceivedLine]]:
    """Lock a delivery and the orders it counts goods of; return what was counted of their lines."""
    delivery = (
        Delivery.objects.for_update().select_related("supplier", "location").get(pk=delivery_id)
    )
    if delivery.status == Delivery.Status.POSTED:
        return delivery, LockedOrders(orders={}, lines={}), []
    check_move(delivery, Delivery.Status.POSTED)
    counted = (
        delivery.lines.filter(Q(accepted__gt=0) | Q(rejected__gt=0), order_line__isnull=False)
        .select_related("order_line")
        .order_by("order_line")
    )
    came = [(line, line.order_line) for line in counted if line.order_line is not None]
    received = [
        ReceivedLine(
            order_line_id=ordered.pk,
            accepted=line.accepted,
            rejected=line.rejected,
            reject_reason=line.reject_reason,
            note=line.note if line.rejected else "",
        )
        for line, ordered in came
    ]
    return delivery, lock_orders({ordered.order_id for _, ordered in came}), received


def _post(
    delivery: Delivery,
    locked: LockedOrders,
    received: Sequence[ReceivedLine],
    *,
    at: datetime,
    by: User | None,
) -> GoodsReceipt:
    unplanned = _unplanned(delivery.lines.filter(order_line__isnull=True).order_by("pk"))
    receipt = post_receipt(
        locked,
        received,
        Arrival(
            supplier=delivery.supplier,
            location=delivery.location,
            delivery=delivery,
            delivery_note=delivery.delivery_note,
            key=delivery.number,
            at=at,
            by=by,
        ),
        unplanned=unplanned,
    )
    _close(delivery, Delivery.Status.POSTED, at=at, by=by)
    return receipt


def _unplanned(lines: Iterable[DeliveryLine]) -> list[UnplannedGoods]:
    return [
        UnplannedGoods(
            units=line.accepted + line.rejected,
            variant_id=line.variant_id,
            code=line.code,
            reject_reason=line.reject_reason if line.rejected else "",
            note=line.note,
        )
        for line in lines
        if line.accepted or line.rejected
    ]


def _close(
    delivery: Delivery, status: str, *, at: datetime, by: User | None, reason: str = ""
) -> None:
    delivery.status, delivery.closed_at, delivery.closed_by = status, at, by
    delivery.close_reason = reason
    delivery.save(update_fields=["status", "closed_at", "closed_by", "close_reason"])
