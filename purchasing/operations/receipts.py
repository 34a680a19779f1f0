"""Taking delivered goods into stock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from purchasing.models import GoodsReceipt
from purchasing.operations.posting import (
    Arrival,
    LockedOrders,
    ReceivedLine,
    lock_orders,
    post_receipt,
    refuse_excess,
    require_receivable,
)
from retail.common.models import User


@transaction.atomic
def receive_goods(
    *,
    order_id: int,
    lines: Sequence[ReceivedLine],
    delivery_note: str,
    key: str,
    at: datetime,
    by: User | None,
) -> GoodsReceipt:
    """
    Take a delivery of one order into stock at its cost; rejected units are held, at no value.

    key: of this act; a second call with it returns the first receipt and changes nothing.
    Locks: the order, its lines, the customers' orders it is for, then what `receive_stock` locks.

    :raises WrongStatus: the order was not sent, or has ended.
    :raises MoreThanOrdered: beyond the supplier's tolerance; nothing is stored.
    :raises InvalidReceiptLine, NothingReceived: nothing is stored.
    :raises NoExchangeRate: the order's currency has no rate for the day.
    """
    locked = lock_orders([order_id])
    if earlier := GoodsReceipt.objects.filter(key=key).first():
        return earlier
    require_receivable(locked, lines)
    refuse_excess(locked, lines)
    arrival = _arrival(locked, order_id, delivery_note=delivery_note, key=key, at=at, by=by)
    return post_receipt(locked, lines, arrival)


@transaction.atomic
def receive_over_order(
    *,
    order_id: int,
    lines: Sequence[ReceivedLine],
    delivery_note: str,
    key: str,
    at: datetime,
    by: User,
) -> GoodsReceipt:
    """
    Take a delivery into stock although more came than was ordered and is tolerated.

    For people with the permission `purchasing.over_receive`, which the edge checks; otherwise as
    `receive_goods`.
    """
    locked = lock_orders([order_id])
    if earlier := GoodsReceipt.objects.filter(key=key).first():
        return earlier
    require_receivable(locked, lines)
    arrival = _arrival(locked, order_id, delivery_note=delivery_note, key=key, at=at, by=by)
    return post_receipt(locked, lines, arrival)


def _arrival(
    locked: LockedOrders,
    order_id: int,
    *,
    delivery_note: str,
    key: str,
    at: datetime,
    by: User | None,
) -> Arrival:
    order = locked.orders[order_id]
    return Arrival(
        supplier=order.supplier,
        location=order.location,
        delivery_note=delivery_note,
        key=key,
        at=at,
        by=by,
    )
