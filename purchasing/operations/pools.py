"""Finding and locking all bills, orders and receipts that have to be worked out together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db import transaction
from django.db.models.expressions import RawSQL

from purchasing.line_finding import OrderNumbers
from purchasing.matching_facts import (
    ArticleFacts,
    InvoiceLineFacts,
    MatchFacts,
    OrderFacts,
    OrderLineFacts,
    ReceiptFacts,
    ReceiptLineFacts,
)
from purchasing.models import (
    GoodsReceipt,
    GoodsReceiptLine,
    MatchAllocation,
    PurchaseOrder,
    PurchaseOrderLine,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from purchasing.operations.pool_search import BILLED_ORDERS, MATCHABLE, PAYABLE, PoolSearch
from retail.common.among import among
from retail.common.errors import BusinessError

__all__ = ["BILLED_ORDERS", "MATCHABLE", "PAYABLE", "Pool", "StillBeingMatched", "lock_pool"]

TRIES = 5


class StillBeingMatched(BusinessError):
    """Others keep matching bills of the same articles; try again."""


class _OutgrownError(Exception):
    """While it waited for the locks, bills were matched in another way than was read before."""


@dataclass(frozen=True)
class Pool:
    """
    Every open bill, order line and receipt line of one supplier that hang together.

    Bills that may mean the same order lines compete for the same receipts, so they are worked out
    together and the answer does not depend on which of them was matched last. Order lines stand
    in the order they were made, receipt lines with the oldest delivery first. invoices: locked;
    those with charges on the same orders are among them though none of their lines may be.
    lines: id -> line to be set against order lines, or set for good where its bill is payable.
    charge_lines: those of all invoices that charge for these orders.
    """

    supplier_id: int
    seeds: frozenset[int]
    numbers: OrderNumbers
    orders: dict[int, OrderFacts]
    order_lines: Sequence[OrderLineFacts]
    articles: dict[int, ArticleFacts]
    receipt_lines: Sequence[ReceiptLineFacts]
    receipts: dict[int, ReceiptFacts]
    invoices: dict[int, SupplierInvoice]
    lines: dict[int, InvoiceLineFacts]
    charge_lines: Sequence[InvoiceLineFacts]
    matches: Sequence[MatchFacts]

    @cached_property
    def credits(self) -> frozenset[int]:
        """The invoices whose lines give back, unless they take away from that."""
        credit_note = SupplierInvoice.Kind.CREDIT_NOTE
        return frozenset(pk for pk, one in self.invoices.items() if one.kind == credit_note)

    @cached_property
    def lines_of(self) -> dict[int, list[InvoiceLineFacts]]:
        """Invoice id -> its lines that are worked out here."""
        found: dict[int, list[InvoiceLineFacts]] = {pk: [] for pk in self.invoices}
        for line in self.lines.values():
            found[line.invoice_id].append(line)
        return found

    def invoice_of(self, line_id: int) -> SupplierInvoice:
        return self.invoices[self.lines[line_id].invoice_id]

    def gives_back(self, line: InvoiceLineFacts) -> bool:
        """Tell whether a line counts the other way than a bill's."""
        return (line.invoice_id in self.credits) != line.is_deduction

    def sign_of(self, line_id: int) -> int:
        """Return which way the units of an invoice line count."""
        return -1 if self.gives_back(self.lines[line_id]) else 1


def lock_pool(*invoice_ids: int, also: Collection[int] = ()) -> Pool:
    """
    Lock and read all that has a part in matching these invoices of one supplier.

    also: order lines that one of their lines is to be set against, whatever is printed on it.
    Locks: the orders, the invoices, the order lines, the receipt lines, each by primary key.

    :raises StillBeingMatched: what hangs together grew every time while it waited for the locks.
    """
    [supplier_id] = (
        SupplierInvoice.objects.filter(pk__in=invoice_ids)
        .values_list("supplier", flat=True)
        .distinct()
    )
    for _ in range(TRIES):
        search = PoolSearch(supplier_id, invoice_ids)
        search.run(also)
        try:
            # Its end gives back the locks if they turn out to be too few.
            with transaction.atomic():
                return _locked(search)
        except _OutgrownError:
            continue
    msg = "Somebody else is matching bills of the same articles. Try again."
    raise StillBeingMatched(msg)


def _locked(search: PoolSearch) -> Pool:
    orders = _lock_orders(search)
    invoices = {
        invoice.pk: invoice
        for invoice in SupplierInvoice.objects.for_update().filter(pk__in=among(search.invoice_ids))
    }
    order_lines = _lock_order_lines(search.order_line_ids)
    receipt_lines, receipts = _lock_receipt_lines(search.order_line_ids)
    pool = Pool(
        supplier_id=search.supplier_id,
        seeds=frozenset(search.seeds),
        numbers=search.numbers,
        orders=orders,
        order_lines=order_lines,
        articles=search.articles,
        receipt_lines=receipt_lines,
        receipts=receipts,
        invoices=invoices,
        lines=search.lines,
        charge_lines=search.charge_lines,
        matches=_matches(search, invoices),
    )
    _require_assigned_as_read(pool)
    return pool


def _lock_orders(search: PoolSearch) -> dict[int, OrderFacts]:
    # Every operation that bills or receives on their lines holds them: those stand still now.
    locked = PurchaseOrder.objects.for_update().only(*OrderFacts._fields)
    return {
        order.pk: OrderFacts(*(getattr(order, name) for name in OrderFacts._fields))
        for order in locked.filter(pk__in=among(search.order_ids))
    }


def _lock_order_lines(line_ids: Collection[int]) -> list[OrderLineFacts]:
    rows = (
        PurchaseOrderLine.objects.filter(pk__in=among(line_ids))
        .order_by("pk")
        .select_for_update(no_key=True)
        .values_list(*OrderLineFacts._fields)
    )
    return list(map(OrderLineFacts._make, rows))


def _lock_receipt_lines(
    order_line_ids: Collection[int],
) -> tuple[list[ReceiptLineFacts], dict[int, ReceiptFacts]]:
    """Lock the lines of deliveries that were not reversed, and return them, the oldest first."""
    posted = GoodsReceipt.objects.filter(status=GoodsReceipt.Status.POSTED)
    rows = (
        GoodsReceiptLine.objects.filter(order_line__in=among(order_line_ids), receipt__in=posted)
        .order_by("pk")
        .select_for_update(no_key=True)
        .values_list(*ReceiptLineFacts._fields)
    )
    lines = list(map(ReceiptLineFacts._make, rows))
    receipts = {
        receipt.id: receipt
        for receipt in map(
            ReceiptFacts._make,
            GoodsReceipt.objects.filter(
                pk__in=among({line.receipt_id for line in lines})
            ).values_list(*ReceiptFacts._fields),
        )
    }
    lines.sort(key=lambda line: (receipts[line.receipt_id].received_at, line.id))
    return lines, receipts


def _matches(search: PoolSearch, invoices: dict[int, SupplierInvoice]) -> list[MatchFacts]:
    """
    Return the matches of all lines of the pool, as they stand under the locks.

    Of a payable bill only those on the pool's order lines have a part in it.
    """
    order_line_ids = search.order_line_ids
    rows = _read_matches(invoice_line__in=among(search.lines))
    rows |= _read_matches(order_line__in=among(order_line_ids))
    found = []
    for match in sorted(rows):
        line = search.lines.get(match.invoice_line_id)
        if line is None:
            raise _OutgrownError
        if match.order_line_id in order_line_ids:
            found.append(match)
        elif invoices[line.invoice_id].status in MATCHABLE:
            raise _OutgrownError
    return found


def _read_matches(**which: RawSQL) -> set[MatchFacts]:
    # Two queries for the two ways to them: each has its index, their disjunction often has none.
    rows = MatchAllocation.objects.filter(**which).values_list(*MatchFacts._fields)
    return set(map(MatchFacts._make, rows))


def _require_assigned_as_read(pool: Pool) -> None:
    """What a person said of the lines may have changed since they were read."""
    said = SupplierInvoiceLine.objects.filter(invoice__in=among(pool.invoices))
    rows = {
        (pk, assigned, is_price_only)
        for pk, assigned, is_price_only in said.exclude(
            assigned_line=None, is_price_only=False
        ).values_list("pk", "assigned_line", "is_price_only")
        if pk in pool.lines
    }
    read = {
        (line.id, line.assigned_line_id, line.is_price_only)
        for line in pool.lines.values()
        if line.assigned_line_id is not None or line.is_price_only
    }
    if rows != read:
        raise _OutgrownError
