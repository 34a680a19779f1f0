"""Writing off what stays open between goods and bills when nothing more is expected."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from purchasing.models import (
    Account,
    GoodsReceiptLine,
    LedgerPosting,
    MatchAllocation,
    PurchaseOrder,
    PurchaseOrderLine,
    SupplierReturn,
    SupplierReturnLine,
)
from purchasing.operations.ending import MissingReason
from purchasing.operations.ledger import Entry, NewPosting, post
from purchasing.operations.pools import MATCHABLE
from purchasing.operations.posting import lock_orders
from purchasing.queries.grni import GrniLine, grni_lines
from retail.common.errors import BusinessError
from retail.common.models import User


class NothingOpen(BusinessError):
    """Goods and bills of the order line make up for each other."""


class StillExpected(BusinessError):
    """Something more is expected that may settle it: goods, a bill, or a credit."""


@transaction.atomic
def clear_grni(
    *, order_line_id: int, reason: str, key: str, at: datetime, by: User
) -> LedgerPosting:
    """
    Move what stays open of an order line between goods and bills to the accounts it belongs to.

    Units billed that never came, or came and were never billed, are a quantity difference; what is
    left of prices is cost of sales, what a rate changed an exchange difference. Should a document
    come after all, what was cleared stands open the other way, and is cleared back.
    key: of this act; a second call with it returns the first posting and changes nothing.
    Locks: the order, its lines, then their receipt lines.

    :raises MissingReason: the reason is empty.
    :raises StillExpected: units are still to come, an open bill or a return is at work on it.
    :raises NothingOpen: its balance is nothing.
    """
    order_id = PurchaseOrderLine.objects.values_list("order", flat=True).get(pk=order_line_id)
    locked = lock_orders([order_id])
    list(GoodsReceiptLine.objects.for_update().filter(order_line=order_line_id))
    reference = f"clear {key}"
    if earlier := LedgerPosting.objects.filter(reference=reference).first():
        return earlier
    order, line = locked.orders[order_id], locked.lines[order_line_id]
    if not reason.strip():
        msg = "Say why: the reason is kept in the ledger."
        raise MissingReason(msg, order=order.number)
    require_nothing_expected(order, line)
    found = _require_open(order, line, at=at)
    posting = post(
        NewPosting(
            kind=LedgerPosting.Kind.CLEARED,
            reference=reference,
            reason=reason.strip(),
            entries=[
                Entry(Account.GRNI, -found.balance, line.pk),
                *(Entry(account, amount, line.pk) for account, amount in found.to_clear.items()),
            ],
        ),
        at=at,
        by=by,
    )
    assert posting is not None  # noqa: S101 - its balance is not nothing  # pragma: no branch
    return posting


def plan_clearing(*, order_line_id: int, at: datetime) -> GrniLine:
    """Return what `clear_grni` would move now; nothing is locked, and it refuses alike."""
    line = PurchaseOrderLine.objects.select_related("order").get(pk=order_line_id)
    require_nothing_expected(line.order, line)
    return _require_open(line.order, line, at=at)


def open_balance(line: PurchaseOrderLine, *, at: datetime) -> GrniLine | None:
    """Return what is open of an order line between goods and bills, if anything is."""
    return next(iter(grni_lines(as_of=at, order_line_ids=[line.pk])), None)


def _require_open(order: PurchaseOrder, line: PurchaseOrderLine, *, at: datetime) -> GrniLine:
    found = open_balance(line, at=at)
    if found is None:
        msg = f"{order} line {line.position} has nothing open between goods and bills."
        raise NothingOpen(msg, order=order.number, position=line.position)
    return found


def require_nothing_expected(order: PurchaseOrder, line: PurchaseOrderLine) -> None:
    """
    Pass when no document is on its way that would settle an order line.

    :raises StillExpected: says what is.
    """
    is_over = order.status != PurchaseOrder.Status.SENT or line.closed_at is not None
    bill = (
        MatchAllocation.objects.filter(order_line=line, invoice_line__invoice__status__in=MATCHABLE)
        .values_list("invoice_line__invoice__number", flat=True)
        .order_by("invoice_line__invoice")
        .first()
    )
    returned = (
        SupplierReturnLine.objects.filter(
            receipt_line__order_line=line,
            supplier_return__status=SupplierReturn.Status.SHIPPED,
            units__gt=F("credited") + F("replaced"),
        )
        .exclude(supplier_return__expects=SupplierReturn.Expects.NOTHING)
        .values_list("supplier_return__number", flat=True)
        .order_by("supplier_return")
        .first()
    )
    if line.expected and not is_over:
        problem = f"{line.expected:,} units are still to come: close the line first"
    elif bill:
        problem = f"{bill} is open on it: approve it, or void it"
    elif returned:
        problem = f"for {returned} something is still awaited: settle it first"
    else:
        return
    raise StillExpected(
        f"{order} line {line.position}: {problem}.", order=order.number, position=line.position
    )
