"""Goods leave to the supplier: what that means for stock, receipts, orders and held goods."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import F

from catalog.queries import exchange_rate
from inventory.models import StockMovement
from inventory.operations import Source, return_to_supplier
from purchasing.models import (
    GoodsReceiptLine,
    HeldGoodsDecision,
    PurchaseOrder,
    PurchaseOrderLine,
    SupplierReturn,
    SupplierReturnLine,
)
from purchasing.operations.held import take_held
from purchasing.operations.ledger import post_returned
from purchasing.operations.progress import refresh_progress
from purchasing.operations.return_lines import require_returnable, units_by_receipt_line
from purchasing.operations.supplier_returns import lock_return
from retail.common.models import User
from retail.common.money import ZERO, round_amount, split_amount
from retail.common.status import check_move

Status = SupplierReturn.Status
Expects = SupplierReturn.Expects
NOTHING_AWAITED = "Nothing more is expected."


@transaction.atomic
def ship_return(
    *, return_id: int, at: datetime, by: User | None, tracking_number: str = ""
) -> SupplierReturn:
    """
    Send approved goods back: they leave the stock, and what is expected for them is owed to us.

    Goods leave at today's average cost. The credit expected for goods of a receipt is worth what
    the receipt's goods were worth when they came in: the rate of that day, whatever it is today;
    stock without a receipt is worth the rate of today. What that differs from the average is a
    variance (`return_to_supplier`). A replacement is worth the same: it comes in at the order's
    cost again. Held goods leave without value. For a replacement the order line expects the units
    anew, and an order that was closed is open again. When nothing at all is awaited for the
    goods, the return is settled.
    Locks: the return, the orders, their lines, the receipt lines, the held goods, then what
    `return_to_supplier` locks.

    :raises WrongStatus: it is not approved, or was sent before.
    :raises MoreThanReceived, ReceiptReversed: of a receipt fewer units are left.
    :raises NotThatManyHeld, HeldGoodsReversed: fewer units are held.
    :raises InsufficientStock: the goods are not free where they should lie.
    :raises NoExchangeRate: of stock without a receipt, the currency has no rate for the day.
    :raises PeriodClosed: the books are closed for that moment.
    """
    returned = lock_return(return_id)
    check_move(returned, Status.SHIPPED)
    lines = list(returned.lines.order_by("position"))
    lock_orders_of(lines)
    _return_received(returned, lines, at=at)
    _return_held(returned, lines, at=at, by=by)
    _return_stock(returned, lines, at=at, by=by)
    SupplierReturnLine.objects.bulk_update(lines, ["stock_value", "credit_value"])
    returned.status, returned.tracking_number = Status.SHIPPED, tracking_number.strip()
    returned.shipped_at, returned.shipped_by = at, by
    returned.save(update_fields=["status", "tracking_number", "shipped_at", "shipped_by"])
    post_returned(returned, lines, at=at, by=by)
    if not any(is_awaited(returned, line) for line in lines):
        end_return(returned, note=NOTHING_AWAITED, at=at, by=by)
    return returned


def is_awaited(returned: SupplierReturn, line: SupplierReturnLine) -> bool:
    """Tell whether something is still to come for units of a line, whatever came meanwhile."""
    is_owed = returned.expects != Expects.NOTHING and line.held_goods_id is None
    return is_owed and line.units > line.credited + line.replaced


def end_return(returned: SupplierReturn, *, note: str, at: datetime, by: User | None) -> None:
    """Settle a locked return that was sent."""
    check_move(returned, Status.SETTLED)
    returned.status, returned.end_note = Status.SETTLED, note
    returned.ended_at, returned.ended_by = at, by
    returned.save(update_fields=["status", "end_note", "ended_at", "ended_by"])


def lock_orders_of(lines: Sequence[SupplierReturnLine]) -> dict[int, PurchaseOrderLine]:
    """Lock the orders whose goods these were, then their lines; return receipt line id -> line."""
    # Of which order line a receipt line is never changes, so it may be read before the lock.
    order_line_of = dict(
        GoodsReceiptLine.objects.filter(
            pk__in=[line.receipt_line_id for line in lines if line.receipt_line_id]
        ).values_list("pk", "order_line_id")
    )
    order_lines = PurchaseOrderLine.objects.filter(pk__in=list(set(order_line_of.values())))
    order_ids = list(order_lines.order_by("order").values_list("order", flat=True).distinct())
    list(PurchaseOrder.objects.for_update().filter(pk__in=order_ids))
    locked = {line.pk: line for line in order_lines.for_update().select_related("order")}
    return {pk: locked[order_line_id] for pk, order_line_id in order_line_of.items()}


def add_to_order_lines(
    changes: Mapping[int, tuple[int, int]], *, order_ids: Sequence[int], at: datetime
) -> None:
    """
    Add to what locked order lines count as returned for a credit, and as to be replaced.

    changes: order line id -> (units returned, units to replace), signed. An order that expects
    something again is open again.
    """
    lines = list(PurchaseOrderLine.objects.filter(pk__in=list(changes)).order_by("pk"))
    for line in lines:
        line.returned = F("returned") + changes[line.pk][0]
        line.to_replace = F("to_replace") + changes[line.pk][1]
    PurchaseOrderLine.objects.bulk_update(lines, ["returned", "to_replace"])
    expected_again = [pk for pk, (_, to_replace) in changes.items() if to_replace > 0]
    PurchaseOrderLine.objects.filter(pk__in=expected_again, closed_at__isnull=False).update(
        closed_at=None, closed_by=None, close_reason=""
    )
    refresh_progress(order_ids=order_ids, at=at)


def _return_received(
    returned: SupplierReturn, lines: Sequence[SupplierReturnLine], *, at: datetime
) -> None:
    """Count units of receipts as sent back, on the receipt lines and the order lines."""
    units = units_by_receipt_line((line.receipt_line_id, line.units) for line in lines)
    if not units:
        return
    receipt_lines = list(
        GoodsReceiptLine.objects.filter(pk__in=list(units))
        .select_related("receipt", "order_line__order", "order_line__variant")
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )
    require_returnable(receipt_lines, units)
    by_key = {line.pk: line for line in receipt_lines}
    changes: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for line in lines:
        if line.receipt_line_id:
            line.receipt_line = by_key[line.receipt_line_id]
            order_line_id = line.receipt_line.order_line_id
            credited, replaced = order_counts(returned, line)
            before = changes[order_line_id]
            changes[order_line_id] = (before[0] + credited, before[1] + replaced)
    order_ids = sorted({line.order_line.order_id for line in receipt_lines})
    for receipt_line in receipt_lines:
        receipt_line.returned = F("returned") + units[receipt_line.pk]
    GoodsReceiptLine.objects.bulk_update(receipt_lines, ["returned"])
    add_to_order_lines(changes, order_ids=order_ids, at=at)


def order_counts(returned: SupplierReturn, line: SupplierReturnLine) -> tuple[int, int]:
    """Return what a line that is sent adds to its order line: returned, and to be replaced."""
    if returned.expects == Expects.CREDIT:
        return line.units, 0
    if returned.expects == Expects.REPLACEMENT:
        return line.credited, line.units - line.credited
    return 0, 0


def _return_held(
    returned: SupplierReturn,
    lines: Sequence[SupplierReturnLine],
    *,
    at: datetime,
    by: User | None,
) -> None:
    held = [line for line in lines if line.held_goods_id]
    for line in sorted(held, key=lambda line: (line.held_goods_id, line.pk)):
        take_held(
            held_id=line.held_goods_id or 0,
            units=line.units,
            outcome=HeldGoodsDecision.Outcome.RETURNED,
            reason=returned.reason,
            key=f"{returned.number}/{line.pk}",
            at=at,
            by=by,
        )


def _return_stock(
    returned: SupplierReturn,
    lines: Sequence[SupplierReturnLine],
    *,
    at: datetime,
    by: User | None,
) -> None:
    """Take the goods out of stock, and note on the lines what they were worth and what is owed."""
    ours = [line for line in lines if not line.held_goods_id]
    units: Counter[tuple[int, int]] = Counter()
    credits: dict[int, Decimal] = defaultdict(lambda: ZERO)  # noqa: A001 - the trade's word
    lines_of: dict[int, list[int]] = defaultdict(list)
    rate = _rate_of_today(returned, ours, at)
    for line in ours:
        line.credit_value = _credit_value(line, rate)
        variant_id = line.variant_id or 0
        units[line.location_id, variant_id] += line.units
        credits[variant_id] += line.credit_value
        lines_of[variant_id].append(line.pk)
    movements = return_to_supplier(
        units=units,
        credits=credits,
        reference=returned.number,
        at=at,
        by=by,
        source=Source(
            kind=StockMovement.SourceKind.SUPPLIER_RETURN,
            document_id=returned.pk,
            lines=lines_of,
        ),
    )
    _share_stock_value(ours, movements)


def _share_stock_value(
    lines: Sequence[SupplierReturnLine], movements: Sequence[StockMovement]
) -> None:
    """Split what left at each place over the lines that sent it from there, by units."""
    places = {
        level_id: (location_id, variant_id)
        for level_id, location_id, variant_id in StockMovement.objects.filter(
            pk__in=[movement.pk for movement in movements]
        ).values_list("level_id", "level__location_id", "level__variant_id")
    }
    for movement in movements:
        place = places[movement.level_id]
        here = [line for line in lines if (line.location_id, line.variant_id) == place]
        shares = split_amount(
            -movement.cost_value, [line.units for line in here], settings.RETAIL_CURRENCY
        )
        for line, share in zip(here, shares, strict=True):
            line.stock_value = share


def _rate_of_today(
    returned: SupplierReturn, lines: Sequence[SupplierReturnLine], at: datetime
) -> Decimal:
    """Return the rate of the day for what no receipt has a rate of; 1 where all have."""
    is_needed = any(line.unit_credit and not _has_rate(line) for line in lines)
    return exchange_rate(returned.currency, at.date()) if is_needed else Decimal(1)


def _has_rate(line: SupplierReturnLine) -> bool:
    """Tell whether the receipt says what its currency was worth: goods for nothing do not."""
    source = line.receipt_line
    return source is not None and source.value > 0 and source.unit_cost > 0


def _credit_value(line: SupplierReturnLine, rate: Decimal) -> Decimal:
    credit = line.units * line.unit_credit
    source = line.receipt_line
    if source is None or not _has_rate(line):
        return round_amount(credit * rate, settings.RETAIL_CURRENCY)
    # Multiplied first: the rate is a fraction that need not have an end.
    worth = credit * source.value / (source.accepted * source.unit_cost)
    return round_amount(worth, settings.RETAIL_CURRENCY)
