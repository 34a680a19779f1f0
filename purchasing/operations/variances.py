"""What a bill cost more or less than the goods were received at, brought into the stock value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from django.conf import settings

from catalog.queries import exchange_rate
from inventory.models import CostPool
from inventory.operations import correct_cost
from purchasing.models import (
    GoodsReceiptLine,
    MatchAllocation,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from retail.common.money import ZERO, round_amount


def post_price_differences(*, invoice_ids: Collection[int], at: datetime) -> None:
    """
    Correct the cost of received goods by what payable invoices bill beyond the receipt's cost.

    Once per invoice line and receipt line, at the rate of the invoice's day; a second call posts
    only what was matched since. A credit note counts the other way.
    Locks: the CostPool rows; the caller holds the invoices.
    """
    matches = _received_matches(invoice_ids)
    _lock_pools({match.order_line.variant_id for match, _ in matches})
    posted: dict[SupplierInvoiceLine, Decimal] = defaultdict(Decimal)
    exact: dict[SupplierInvoiceLine, Decimal] = defaultdict(Decimal)
    for match, receipt_line in matches:
        line = match.invoice_line
        exact[line] += _difference(match, receipt_line)
        # The rounded running total, so that the parts add up to the line's difference.
        amount = round_amount(exact[line], settings.RETAIL_CURRENCY) - posted[line]
        posted[line] += amount
        if amount:
            correct_cost(
                variant_id=match.order_line.variant_id,
                receipt_reference=receipt_line.receipt.number,
                amount=amount,
                reference=_reference(match),
                at=at,
            )
    _store(posted)


def take_back_price_differences(*, invoice_id: int, at: datetime) -> None:
    """
    Undo what an approved invoice added to the cost of goods, by corrections the other way.

    Locks: the CostPool rows; the caller holds the invoice.
    """
    matches = _received_matches([invoice_id])
    pools = _lock_pools({match.order_line.variant_id for match, _ in matches})
    for match, receipt_line in matches:
        pool = pools[match.order_line.variant_id]
        posted = pool.movements.filter(kind="CORRECTION", reference=_reference(match)).first()
        if posted:
            correct_cost(
                variant_id=pool.variant_id,
                receipt_reference=receipt_line.receipt.number,
                amount=-(posted.value + posted.expensed),
                reference=f"{_reference(match)}/void",
                at=at,
            )
    _store({match.invoice_line: ZERO for match, _ in matches})


def _received_matches(
    invoice_ids: Collection[int],
) -> list[tuple[MatchAllocation, GoodsReceiptLine]]:
    """Return the matches that goods stand behind, each with its receipt line."""
    matches = (
        MatchAllocation.objects.filter(invoice_line__invoice__in=list(invoice_ids))
        .select_related("invoice_line__invoice", "order_line__order", "receipt_line__receipt")
        .order_by("invoice_line", "pk")
    )
    return [(match, match.receipt_line) for match in matches if match.receipt_line]


def _difference(match: MatchAllocation, receipt_line: GoodsReceiptLine) -> Decimal:
    """Return billed less received, of the match's units, in book currency and not rounded."""
    line = match.invoice_line
    invoice = line.invoice
    on = invoice.invoiced_on
    billed = line.net_amount / line.quantity * exchange_rate(invoice.currency, on)
    received = receipt_line.unit_cost * exchange_rate(match.order_line.order.currency, on)
    difference = match.units * (billed - received)
    return -difference if invoice.kind == SupplierInvoice.Kind.CREDIT_NOTE else difference


def _reference(match: MatchAllocation) -> str:
    line = match.invoice_line
    return f"{line.invoice.number}/{line.position}/{match.receipt_line_id}"


def _lock_pools(variant_ids: Collection[int]) -> dict[int, CostPool]:
    pools = CostPool.objects.for_update().filter(variant_id__in=list(variant_ids))
    return {pool.variant_id: pool for pool in pools}


def _store(posted: dict[SupplierInvoiceLine, Decimal]) -> None:
    for line, amount in posted.items():
        line.variance_posted = amount
    SupplierInvoiceLine.objects.bulk_update(list(posted), ["variance_posted"])
