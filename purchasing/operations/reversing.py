"""Undoing a goods receipt that should not have been posted, as long as its goods are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from inventory.operations import reverse_receipt as take_out_again
from purchasing.models import (
    GoodsReceipt,
    GoodsReceiptLine,
    HeldGoods,
    HeldGoodsDecision,
    LandedCost,
    LandedCostLine,
    PurchaseOrder,
    PurchaseOrderLine,
    SupplierInvoice,
    SupplierReturn,
    SupplierReturnLine,
)
from purchasing.operations.ending import MissingReason
from purchasing.operations.ledger import post_receipt_reversed
from purchasing.operations.ordered_for import take_back_served
from purchasing.operations.pools import PAYABLE
from purchasing.operations.posting import (
    LockedOrders,
    add_received,
    by_variant,
    lock_orders,
    source_of,
)
from purchasing.operations.progress import refresh_progress
from purchasing.operations.rematching import ask_to_match, let_wait_again, lock_bills_of
from retail.common.errors import BusinessError
from retail.common.models import User
from retail.common.status import check_move


class ReceiptInUse(BusinessError):
    """Something was built on the receipt: a bill, a landed cost, a return, a decision."""


@transaction.atomic
def reverse_receipt(*, receipt_id: int, reason: str, at: datetime, by: User | None) -> GoodsReceipt:
    """
    Take a receipt back: its goods leave the stock, and its orders expect them again.

    They leave at today's average; what that differs from the value they came in at is a variance.
    Where they are promised, the youngest promises are withdrawn. Held goods of the receipt are no
    longer held. A second call changes nothing.
    Units of bills that nobody approved yet wait for goods again, and are to be matched again.
    Locks: the orders, their bills, their lines, the receipt, its lines, what it holds, then what
    `inventory.operations.reverse_receipt` locks.

    :raises MissingReason: the reason is empty.
    :raises ReceiptInUse: names what was built on it.
    :raises InsufficientStock: fewer units are there than it brought.
    """
    order_ids = set(
        GoodsReceiptLine.objects.filter(receipt=receipt_id).values_list(
            "order_line__order", flat=True
        )
    )
    list(PurchaseOrder.objects.for_update().filter(pk__in=order_ids))
    bills = lock_bills_of(receipt_id)
    locked = lock_orders(order_ids)
    receipt = (
        GoodsReceipt.objects.for_update().select_related("supplier", "location").get(pk=receipt_id)
    )
    if receipt.status == GoodsReceipt.Status.REVERSED:
        return receipt
    check_move(receipt, GoodsReceipt.Status.REVERSED)
    if not reason.strip():
        msg = "Say why: the reason is kept with the receipt."
        raise MissingReason(msg, receipt=receipt.number)
    lines = list(receipt.lines.for_update().select_related("order_line"))
    _refuse_if_used(receipt, lines, bills)

    receipt.status, receipt.reverse_reason = GoodsReceipt.Status.REVERSED, reason.strip()
    receipt.reversed_at, receipt.reversed_by = at, by
    receipt.save(update_fields=["status", "reverse_reason", "reversed_at", "reversed_by"])
    add_received({line.order_line_id: -line.accepted for line in lines})
    take_back_served(purchase_line_ids=[line.order_line_id for line in lines])
    _open_again(locked, {line.order_line_id: line.accepted for line in lines})
    let_wait_again(lines, at=at)
    refresh_progress(order_ids=order_ids, at=at)
    ask_to_match(
        order_ids=order_ids, why=f"{receipt} was reversed: {receipt.reverse_reason}", at=at
    )
    if came := by_variant(lines):
        place = receipt.location_id
        movements = take_out_again(
            units={(place, variant_id): goods.units for variant_id, goods in came.items()},
            credits={variant_id: goods.value for variant_id, goods in came.items()},
            reference=f"{receipt.number}/reversed",
            at=at,
            by=by,
            source=source_of(receipt, lines),
        )
        post_receipt_reversed(receipt, lines, movements, at=at, by=by)
    return receipt


def _refuse_if_used(
    receipt: GoodsReceipt, lines: Sequence[GoodsReceiptLine], bills: Sequence[SupplierInvoice]
) -> None:
    problem = _billed(bills) or _landed(lines) or _sent_back(receipt, lines) or _decided(receipt)
    if problem:
        raise ReceiptInUse(f"{receipt} cannot be reversed: {problem}.", receipt=receipt.number)


def _billed(bills: Sequence[SupplierInvoice]) -> str:
    # By the bills, not the total: a bill and its credit note may add up to nothing.
    payable = [bill for bill in bills if bill.status in PAYABLE]
    return f"the supplier billed its goods with {payable[0].number}" if payable else ""


def _landed(lines: Sequence[GoodsReceiptLine]) -> str:
    landed = (
        LandedCostLine.objects.filter(receipt_line__in=lines)
        .exclude(landed_cost__status=LandedCost.Status.CANCELLED)
        .values_list("landed_cost__number", flat=True)
        .order_by("landed_cost")
    )
    number = landed.first()
    return f"{number} lays freight on its goods" if number else ""


def _sent_back(receipt: GoodsReceipt, lines: Sequence[GoodsReceiptLine]) -> str:
    going = SupplierReturnLine.objects.exclude(
        supplier_return__status=SupplierReturn.Status.CANCELLED
    )
    number = (
        going.filter(receipt_line__in=lines)
        .union(going.filter(held_goods__receipt=receipt))
        .values_list("supplier_return__number", flat=True)
        .first()
    )
    if number:
        return f"goods of it go back to the supplier with {number}"
    return "goods of it went back" if any(line.returned for line in lines) else ""


def _decided(receipt: GoodsReceipt) -> str:
    held = list(HeldGoods.objects.for_update().filter(receipt=receipt))
    if any(goods.left < goods.units for goods in held):
        return "it was decided what becomes of goods that it did not take in"
    if HeldGoodsDecision.objects.filter(receipt=receipt).exists():
        return "it took in goods that were held; send them back to the supplier instead"
    return ""


def _open_again(locked: LockedOrders, taken_back: Mapping[int, int]) -> None:
    """Let lines that were closed, and orders, be received on where something is expected again."""
    expecting = []
    for line_id, units in taken_back.items():
        line = locked.lines[line_id]
        line.received -= units
        if units and line.expected:
            expecting.append(line)
    PurchaseOrderLine.objects.filter(
        pk__in=[line.pk for line in expecting], closed_at__isnull=False
    ).update(closed_at=None, closed_by=None, close_reason="")
    closed = [
        locked.orders[order_id]
        for order_id in sorted({line.order_id for line in expecting})
        if locked.orders[order_id].status == PurchaseOrder.Status.CLOSED
    ]
    for order in closed:
        check_move(order, PurchaseOrder.Status.SENT)
        order.status = PurchaseOrder.Status.SENT
        order.closed_at = order.closed_by = None
        order.close_reason = ""
    PurchaseOrder.objects.bulk_update(closed, ["status", "closed_at", "closed_by", "close_reason"])
