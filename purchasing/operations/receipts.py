"""Taking delivered goods into stock."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import connection, transaction
from django.db.models import prefetch_related_objects

from catalog.queries import exchange_rate
from inventory.models import StockMovement
from inventory.operations import Received, Source, receive_stock
from purchasing.models import GoodsReceipt, GoodsReceiptLine, PurchaseOrder, PurchaseOrderLine
from purchasing.operations.progress import refresh_progress
from retail.common.copying import insert_objects
from retail.common.errors import BusinessError, WrongStatus
from retail.common.fields import MAX_UNITS
from retail.common.models import User
from retail.common.money import ZERO, round_amount


class NothingReceived(BusinessError):
    """A receipt on which no line has a unit."""


class InvalidReceiptLine(BusinessError):
    """A line of another order, named twice, below zero, or rejected without a reason."""


class MoreThanOrdered(BusinessError):
    """More units would be accepted than are expected; `excess` is order line id -> units."""


@dataclass(frozen=True)
class ReceivedLine:
    """What came of an order line; a reason is needed where units are rejected."""

    order_line_id: int
    accepted: int
    rejected: int = 0
    reject_reason: str = ""


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
    Take a delivery into stock at the order's cost; rejected units never enter it.

    key: of this act; a second call with it returns the first receipt and changes nothing.
    Locks: the order, its lines, then what `receive_stock` locks.

    :raises WrongStatus: the order was not sent, or has ended.
    :raises MoreThanOrdered, InvalidReceiptLine, NothingReceived: nothing is stored.
    :raises NoExchangeRate: the order's currency has no rate for the day.
    """
    order, lines_by_id = _lock(order_id)
    if earlier := GoodsReceipt.objects.filter(key=key).first():
        return earlier
    _check(order, lines_by_id, lines)
    _refuse_excess(order, lines_by_id, lines)
    return _post(order, lines_by_id, lines, delivery_note=delivery_note, key=key, at=at, by=by)


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
    Take a delivery into stock although more came than was ordered.

    For people with the permission `purchasing.over_receive`, which the edge checks; otherwise as
    `receive_goods`.
    """
    order, lines_by_id = _lock(order_id)
    if earlier := GoodsReceipt.objects.filter(key=key).first():
        return earlier
    _check(order, lines_by_id, lines)
    return _post(order, lines_by_id, lines, delivery_note=delivery_note, key=key, at=at, by=by)


def _lock(order_id: int) -> tuple[PurchaseOrder, dict[int, PurchaseOrderLine]]:
    order = PurchaseOrder.objects.for_update().select_related("supplier").get(pk=order_id)
    return order, {line.pk: line for line in order.lines.for_update()}


def _check(
    order: PurchaseOrder,
    lines_by_id: Mapping[int, PurchaseOrderLine],
    received: Sequence[ReceivedLine],
) -> None:
    if order.status != PurchaseOrder.Status.SENT:
        msg = f"{order} is {order.get_status_display().lower()}: goods come in on a sent order."
        raise WrongStatus(msg, status=order.status)
    times_named = Counter(line.order_line_id for line in received)
    for line in received:
        if line.order_line_id not in lines_by_id:
            problem = "is not on this order"
        elif times_named[line.order_line_id] > 1:
            problem = "is named twice"
        elif min(line.accepted, line.rejected) < 0 or line.accepted + line.rejected >= MAX_UNITS:
            problem = "cannot come in that number of units"
        elif line.rejected and not line.reject_reason.strip():
            problem = "needs a reason for what was rejected"
        else:
            continue
        subject = lines_by_id.get(line.order_line_id)
        name = f"{subject.variant}" if subject else f"Line {line.order_line_id}"
        raise InvalidReceiptLine(f"{name} {problem}.", order_line=line.order_line_id)
    if not any(line.accepted or line.rejected for line in received):
        msg = "Enter what came: every line is empty."
        raise NothingReceived(msg, order=order.number)


def _refuse_excess(
    order: PurchaseOrder,
    lines_by_id: Mapping[int, PurchaseOrderLine],
    received: Sequence[ReceivedLine],
) -> None:
    excess = {
        line.order_line_id: line.accepted - lines_by_id[line.order_line_id].expected
        for line in received
        if line.accepted > lines_by_id[line.order_line_id].expected
    }
    if excess:
        prefetch_related_objects([lines_by_id[line_id] for line_id in excess], "variant")
        named = ", ".join(
            f"{lines_by_id[line_id].variant} by {units}" for line_id, units in excess.items()
        )
        msg = f"More than {order} still expects: {named}. Nothing was taken in."
        raise MoreThanOrdered(msg, excess=excess)


def _post(
    order: PurchaseOrder,
    lines_by_id: Mapping[int, PurchaseOrderLine],
    received: Sequence[ReceivedLine],
    *,
    delivery_note: str,
    key: str,
    at: datetime,
    by: User | None,
) -> GoodsReceipt:
    receipt = GoodsReceipt.objects.create(
        supplier=order.supplier,
        location_id=order.location_id,
        delivery_note=delivery_note,
        key=key,
        received_at=at,
        received_by=by,
    )
    receipt_lines = _receipt_lines(
        receipt, lines_by_id, received, rate=exchange_rate(order.currency, at.date())
    )
    insert_objects(receipt_lines)
    _add_received({line.order_line_id: line.accepted for line in receipt_lines})
    refresh_progress(order_ids=[order.pk], at=at)

    if accepted := _by_variant(receipt_lines):
        receive_stock(
            location=order.location,
            received=accepted,
            reference=receipt.number,
            at=at,
            by=by,
            source=_source(receipt, receipt_lines),
        )
    return receipt


def _add_received(accepted: Mapping[int, int]) -> None:
    """Add accepted units to locked order lines (line id -> units), in one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE purchasing_purchaseorderline AS line
               SET received = line.received + came.accepted
              FROM unnest(%s::bigint[], %s::int[]) AS came (id, accepted)
             WHERE line.id = came.id
            """,
            [list(accepted), list(accepted.values())],
        )


def _receipt_lines(
    receipt: GoodsReceipt,
    lines_by_id: Mapping[int, PurchaseOrderLine],
    received: Sequence[ReceivedLine],
    *,
    rate: Decimal,
) -> list[GoodsReceiptLine]:
    """Return the unsaved lines, each valued in book currency at the order's cost."""
    return [
        GoodsReceiptLine(
            receipt=receipt,
            order_line=order_line,
            delivered=line.accepted + line.rejected,
            accepted=line.accepted,
            rejected=line.rejected,
            reject_reason=line.reject_reason.strip() if line.rejected else "",
            unit_cost=order_line.unit_cost,
            value=round_amount(
                line.accepted * order_line.unit_cost * rate, settings.RETAIL_CURRENCY
            ),
        )
        for line in received
        if line.accepted or line.rejected
        for order_line in [lines_by_id[line.order_line_id]]
    ]


def _source(receipt: GoodsReceipt, receipt_lines: Sequence[GoodsReceiptLine]) -> Source:
    lines: dict[int, list[int]] = defaultdict(list)
    for line in receipt_lines:
        if line.accepted:
            lines[line.order_line.variant_id].append(line.pk)
    return Source(kind=StockMovement.SourceKind.GOODS_RECEIPT, document_id=receipt.pk, lines=lines)


def _by_variant(receipt_lines: Sequence[GoodsReceiptLine]) -> dict[int, Received]:
    """Add up the accepted units and their value; an order may name a variant on several lines."""
    units: dict[int, int] = defaultdict(int)
    value: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for line in receipt_lines:
        if line.accepted:
            units[line.order_line.variant_id] += line.accepted
            value[line.order_line.variant_id] += line.value
    return {
        variant_id: Received(units=units[variant_id], value=value[variant_id])
        for variant_id in units
    }
