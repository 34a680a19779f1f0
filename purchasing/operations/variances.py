"""What a bill cost more or less than the goods were received at, brought into the stock value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal

from django.conf import settings

from catalog.queries import exchange_rate
from inventory.operations import LateCost, correct_costs, take_back_costs
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
    only what was matched since. A credit note counts the other way. Landed cost has no part in it:
    the comparison is with what the supplier was to be paid.
    Locks: the CostPool rows; the caller holds the invoices.
    """
    rates = _Rates()
    billed: dict[SupplierInvoiceLine, Decimal] = defaultdict(Decimal)
    received: dict[SupplierInvoiceLine, Decimal] = defaultdict(Decimal)
    posted: dict[SupplierInvoiceLine, Decimal] = defaultdict(Decimal)
    costs = []
    for match, receipt_line in _received_matches(invoice_ids):
        line = match.invoice_line
        billed[line] += _billed(match, rates)
        received[line] += _received(match, receipt_line, rates)
        # The running totals as they are booked, each to the cent: the goods end at what the bill
        # says, and the parts add up to the line's difference.
        so_far = _booked(billed[line]) - _booked(received[line])
        if line.invoice.kind == SupplierInvoice.Kind.CREDIT_NOTE:
            so_far = -so_far
        amount = so_far - posted[line]
        posted[line] = so_far
        if amount:
            costs.append(
                LateCost(
                    variant_id=match.order_line.variant_id,
                    receipt_reference=receipt_line.receipt.number,
                    amount=amount,
                    reference=_reference(match),
                )
            )
    correct_costs(costs=costs, at=at)
    _store(posted)


def take_back_price_differences(*, invoice_id: int, at: datetime) -> None:
    """
    Undo what an approved invoice added to the cost of goods, by corrections the other way.

    Locks: the CostPool rows; the caller holds the invoice.
    """
    matches = [match for match, _ in _received_matches([invoice_id])]
    references = [_reference(match) for match in matches]
    take_back_costs(references={name: f"{name}/void" for name in references}, at=at)
    _store({match.invoice_line: ZERO for match in matches})


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


class _Rates(dict[tuple[str, date], Decimal]):
    """Exchange rates by currency and day, each looked up once."""

    def __missing__(self, key: tuple[str, date]) -> Decimal:
        currency, on = key
        self[key] = rate = exchange_rate(currency, on)
        return rate


def _billed(match: MatchAllocation, rates: _Rates) -> Decimal:
    """Return what the bill says the match's units cost, in book currency and not rounded."""
    line = match.invoice_line
    rate = rates[line.invoice.currency, line.invoice.invoiced_on]
    return match.units * line.net_amount * rate / line.quantity


def _received(match: MatchAllocation, receipt_line: GoodsReceiptLine, rates: _Rates) -> Decimal:
    """
    Return what the order says the match's units cost, in book currency and not rounded.

    At the rate of the bill's day too: what a currency gained or lost since is no cost of goods.
    """
    rate = rates[match.order_line.order.currency, match.invoice_line.invoice.invoiced_on]
    return match.units * receipt_line.unit_cost * rate


def _booked(amount: Decimal) -> Decimal:
    return round_amount(amount, settings.RETAIL_CURRENCY)


def _reference(match: MatchAllocation) -> str:
    line = match.invoice_line
    return f"{line.invoice.number}/{line.position}/{match.receipt_line_id}"


def _store(posted: dict[SupplierInvoiceLine, Decimal]) -> None:
    for line, amount in posted.items():
        line.variance_posted = amount
    SupplierInvoiceLine.objects.bulk_update(list(posted), ["variance_posted"])
