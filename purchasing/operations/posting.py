"""The one way in which delivered goods enter stock, of one order or of several."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import connection
from django.db.models import prefetch_related_objects

from catalog.queries import exchange_rate
from inventory.models import Location, StockMovement
from inventory.operations import Received, Source, receive_stock
from purchasing.models import (
    Delivery,
    GoodsReceipt,
    GoodsReceiptLine,
    PurchaseOrder,
    PurchaseOrderLine,
    Supplier,
)
from purchasing.operations.holding import UnplannedGoods, hold_goods, reject_words
from purchasing.operations.ledger import post_received
from purchasing.operations.ordered_for import lock_customers, serve_ordered_for
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
    """
    What came of an order line; a reason is needed where units are rejected.

    reject_reason: a RejectReason, or words. note: what else there is to say about rejected units.
    """

    order_line_id: int
    accepted: int
    rejected: int = 0
    reject_reason: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """What every line of a receipt has in common; `delivery` where it was counted at the desk."""

    supplier: Supplier
    location: Location
    delivery_note: str
    key: str
    at: datetime
    by: User | None
    delivery: Delivery | None = None


@dataclass(frozen=True)
class LockedOrders:
    """Orders and all of their lines, locked, by their keys."""

    orders: Mapping[int, PurchaseOrder]
    lines: Mapping[int, PurchaseOrderLine]


def lock_orders(order_ids: Collection[int]) -> LockedOrders:
    """
    Lock orders, then their lines, each by primary key.

    :raises PurchaseOrder.DoesNotExist: an id that no order has.
    """
    wanted = set(order_ids)
    orders = {
        order.pk: order
        for order in PurchaseOrder.objects.for_update()
        .select_related("supplier", "location")
        .filter(pk__in=list(wanted))
    }
    if wanted - orders.keys():
        raise PurchaseOrder.DoesNotExist
    lines = PurchaseOrderLine.objects.for_update().filter(order__in=list(orders))
    return LockedOrders(orders=orders, lines={line.pk: line for line in lines})


def require_receivable(locked: LockedOrders, received: Sequence[ReceivedLine]) -> None:
    """
    Pass when all lines are of these orders, which were sent, and can have come so.

    :raises WrongStatus: goods of an order come that was not sent, has ended, or that the supplier
        sends to a customer.
    :raises InvalidReceiptLine: names the line that cannot be right.
    """
    named = {
        locked.lines[line.order_line_id].order_id
        for line in received
        if line.order_line_id in locked.lines
    }
    for order in locked.orders.values():
        is_alone = len(locked.orders) == 1
        if order.status != PurchaseOrder.Status.SENT and (is_alone or order.pk in named):
            msg = f"{order} is {order.get_status_display().lower()}: goods come in on a sent order."
            raise WrongStatus(msg, status=order.status)
        if order.drop_ship_order_id is not None:
            msg = f"{order} goes to a customer: note there what the supplier has sent."
            raise WrongStatus(msg, status=order.status)
    times_named = Counter(line.order_line_id for line in received)
    for line in received:
        if line.order_line_id not in locked.lines:
            problem = "is not on this order"
        elif times_named[line.order_line_id] > 1:
            problem = "is named twice"
        elif min(line.accepted, line.rejected) < 0 or line.accepted + line.rejected >= MAX_UNITS:
            problem = "cannot come in that number of units"
        elif line.rejected and not line.reject_reason.strip():
            problem = "needs a reason for what was rejected"
        else:
            continue
        subject = locked.lines.get(line.order_line_id)
        name = f"{subject.variant}" if subject else f"Line {line.order_line_id}"
        raise InvalidReceiptLine(f"{name} {problem}.", order_line=line.order_line_id)


def refuse_excess(locked: LockedOrders, received: Sequence[ReceivedLine]) -> None:
    """
    Pass when no line takes in more than is expected and the supplier's tolerance allows.

    :raises MoreThanOrdered: names every line that does.
    """
    if excess := excess_of(locked, received):
        _prefetch_variants(locked, excess)
        named = ", ".join(
            f"{locked.lines[line_id].variant} by {units}" for line_id, units in excess.items()
        )
        orders = {locked.lines[line_id].order_id for line_id in excess}
        who = " and ".join(f"{locked.orders[order_id]}" for order_id in sorted(orders))
        verb = "expects" if len(orders) == 1 else "expect"
        msg = f"More than {who} still {verb}: {named}. Nothing was taken in."
        raise MoreThanOrdered(msg, excess=excess)


def excess_of(locked: LockedOrders, received: Sequence[ReceivedLine]) -> dict[int, int]:
    """
    Return order line id -> units beyond what is expected and what is allowed without asking.

    Allowed are whole units of the supplier's percentage of what the line orders, counted over all
    of its deliveries: of 15 units and 10 percent it is one.
    """
    excess = {}
    for line in received:
        if line.order_line_id not in locked.lines:
            continue
        ordered = locked.lines[line.order_line_id]
        allowance = allowed_over(ordered, locked.orders[ordered.order_id].supplier)
        due = ordered.ordered - ordered.cancelled + ordered.to_replace
        most = max(due + allowance - ordered.received, 0)
        if line.accepted > most:
            excess[line.order_line_id] = line.accepted - most
    return excess


def allowed_over(line: PurchaseOrderLine, supplier: Supplier) -> int:
    """Return how many units more than it orders a line may take in without asking."""
    return int((line.ordered - line.cancelled) * supplier.over_receipt_percent // 100)


def post_receipt(
    locked: LockedOrders,
    received: Sequence[ReceivedLine],
    arrival: Arrival,
    *,
    unplanned: Sequence[UnplannedGoods] = (),
) -> GoodsReceipt:
    """
    Take checked lines into stock at the cost of their orders, and post them in the ledger of
    buying; hold what is rejected or unplanned.

    Customers whom goods were ordered for are served first, in the same transaction.
    Locks: the caller holds the orders and their lines; then those customers' orders, then what
    `receive_stock` locks.

    :raises NothingReceived: no line has a unit.
    :raises NoExchangeRate: the currency of an order has no rate for the day.
    """
    came = [line for line in received if line.accepted or line.rejected]
    if not came and not unplanned:
        numbers = [order.number for order in locked.orders.values()]
        msg = "Enter what came: every line is empty."
        raise NothingReceived(msg, order=", ".join(numbers))

    units = {line.order_line_id: line.accepted for line in came}
    accepted = {line_id: count for line_id, count in units.items() if count}
    customers = lock_customers(purchase_line_ids=accepted)
    receipt = GoodsReceipt.objects.create(
        supplier=arrival.supplier,
        location=arrival.location,
        delivery=arrival.delivery,
        delivery_note=arrival.delivery_note,
        over_receipt_percent=arrival.supplier.over_receipt_percent,
        is_over_allowed=bool(excess_of(locked, came)),
        key=arrival.key,
        received_at=arrival.at,
        received_by=arrival.by,
    )
    receipt_lines = _receipt_lines(receipt, locked, came)
    insert_objects(receipt_lines)
    hold_goods(
        receipt,
        receipt_lines,
        reasons={line.order_line_id: (line.reject_reason, line.note) for line in came},
        unplanned=unplanned,
    )
    add_received(accepted)
    refresh_progress(order_ids={line.order_line.order_id for line in receipt_lines}, at=arrival.at)
    if accepted:
        receive_stock(
            location=arrival.location,
            received=by_variant(receipt_lines),
            reference=receipt.number,
            at=arrival.at,
            by=arrival.by,
            source=source_of(receipt, receipt_lines),
        )
        post_received(receipt, receipt_lines, at=arrival.at, by=arrival.by)
        if customers:
            serve_ordered_for(
                accepted=accepted, location=arrival.location, at=arrival.at, by=arrival.by
            )
    return receipt


def add_received(accepted: Mapping[int, int]) -> None:
    """Add signed accepted units to locked order lines (line id -> units), in one query."""
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


def source_of(receipt: GoodsReceipt, receipt_lines: Sequence[GoodsReceiptLine]) -> Source:
    """Return what the movements of a receipt name as their document."""
    lines: dict[int, list[int]] = defaultdict(list)
    for line in receipt_lines:
        if line.accepted:
            lines[line.order_line.variant_id].append(line.pk)
    return Source(kind=StockMovement.SourceKind.GOODS_RECEIPT, document_id=receipt.pk, lines=lines)


def by_variant(receipt_lines: Sequence[GoodsReceiptLine]) -> dict[int, Received]:
    """Add up the accepted units and their value; a receipt may name a variant on several lines."""
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


def _receipt_lines(
    receipt: GoodsReceipt, locked: LockedOrders, came: Sequence[ReceivedLine]
) -> list[GoodsReceiptLine]:
    """Return the unsaved lines, each valued in book currency at the order's cost."""
    ordered = [locked.lines[line.order_line_id] for line in came]
    on = receipt.received_at.date()
    currencies = {locked.orders[line.order_id].currency for line in ordered}
    rates = {currency: exchange_rate(currency, on) for currency in sorted(currencies)}
    return [
        GoodsReceiptLine(
            receipt=receipt,
            order_line=order_line,
            delivered=line.accepted + line.rejected,
            accepted=line.accepted,
            rejected=line.rejected,
            reject_reason=reject_words(line.reject_reason, line.note) if line.rejected else "",
            unit_cost=order_line.unit_cost,
            value=round_amount(
                line.accepted
                * order_line.unit_cost
                * rates[locked.orders[order_line.order_id].currency],
                settings.RETAIL_CURRENCY,
            ),
        )
        for line, order_line in zip(came, ordered, strict=True)
    ]


def _prefetch_variants(locked: LockedOrders, line_ids: Collection[int]) -> None:
    prefetch_related_objects([locked.lines[line_id] for line_id in line_ids], "variant")
