"""Taking in goods that were held: on an order line after all."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from purchasing.models import HeldGoods, HeldGoodsDecision, PurchaseOrderLine
from purchasing.operations.held import lock_held, require_held, take_held
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


class UnknownArticleHeld(BusinessError):
    """Nobody has said yet what the goods are."""


class WrongOrderLine(BusinessError):
    """The order line is of another article, supplier or place."""


@transaction.atomic
def accept_held(
    *,
    held_id: int,
    order_line_id: int,
    units: int,
    reason: str,
    key: str,
    at: datetime,
    by: User | None,
) -> HeldGoodsDecision:
    """
    Take held goods into stock on a line of an order that expects them, by a receipt of their own.

    key: of this act; a second call with it returns the first decision and changes nothing.
    Locks: the order, its lines, the held goods, then what the posting of a receipt locks.

    :raises UnknownArticleHeld, WrongOrderLine: the line is for something else.
    :raises WrongStatus: the order was not sent, or has ended.
    :raises MoreThanOrdered: beyond the supplier's tolerance.
    :raises NotThatManyHeld, HeldGoodsReversed, MissingReason: nothing is taken in.
    """
    locked, held = _lock(held_id, order_line_id)
    if earlier := held.decisions.filter(key=key).first():
        return earlier
    received = _checked(locked, held, order_line_id, units=units, reason=reason)
    refuse_excess(locked, received)
    return _accept(locked, held, received, reason=reason, key=key, at=at, by=by)


@transaction.atomic
def accept_held_over_order(
    *,
    held_id: int,
    order_line_id: int,
    units: int,
    reason: str,
    key: str,
    at: datetime,
    by: User,
) -> HeldGoodsDecision:
    """
    Take held goods into stock although the line expects fewer and they are not tolerated.

    For people with the permission `purchasing.over_receive`, which the edge checks; otherwise as
    `accept_held`.
    """
    locked, held = _lock(held_id, order_line_id)
    if earlier := held.decisions.filter(key=key).first():
        return earlier
    received = _checked(locked, held, order_line_id, units=units, reason=reason)
    return _accept(locked, held, received, reason=reason, key=key, at=at, by=by)


def _lock(held_id: int, order_line_id: int) -> tuple[LockedOrders, HeldGoods]:
    order_id = PurchaseOrderLine.objects.values_list("order", flat=True).get(pk=order_line_id)
    return lock_orders([order_id]), lock_held(held_id)


def _checked(
    locked: LockedOrders, held: HeldGoods, order_line_id: int, *, units: int, reason: str
) -> list[ReceivedLine]:
    require_held(held, units=units, reason=reason)
    if held.variant is None:
        msg = f"Say first what {held.code} is."
        raise UnknownArticleHeld(msg, held_goods=held.pk)
    line = locked.lines[order_line_id]
    order = locked.orders[line.order_id]
    if line.variant_id != held.variant_id:
        problem = f"is not for {held.variant}"
    elif order.supplier_id != held.receipt.supplier_id:
        problem = "is of another supplier"
    elif order.location_id != held.receipt.location_id:
        problem = "is for another location"
    else:
        received = [ReceivedLine(order_line_id=order_line_id, accepted=units)]
        require_receivable(locked, received)
        return received
    raise WrongOrderLine(f"{order} line {line.position} {problem}.", order_line=order_line_id)


def _accept(
    locked: LockedOrders,
    held: HeldGoods,
    received: list[ReceivedLine],
    *,
    reason: str,
    key: str,
    at: datetime,
    by: User | None,
) -> HeldGoodsDecision:
    [line] = received
    order = locked.orders[locked.lines[line.order_line_id].order_id]
    receipt = post_receipt(
        locked,
        received,
        Arrival(
            supplier=order.supplier,
            location=order.location,
            delivery_note=held.receipt.delivery_note,
            key=f"held-{held.pk}/{key}",
            at=at,
            by=by,
        ),
    )
    return take_held(
        held_id=held.pk,
        units=line.accepted,
        outcome=HeldGoodsDecision.Outcome.ACCEPTED,
        reason=reason,
        key=key,
        at=at,
        by=by,
        receipt=receipt,
    )
