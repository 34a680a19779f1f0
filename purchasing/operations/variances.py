"""What a bill cost more or less than the goods were received at, brought into the stock value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from catalog.queries import exchange_rate
from inventory.models import CostMovement
from inventory.operations import LateCost, correct_costs, take_back_costs
from purchasing.models import GoodsReceiptLine, MatchAllocation, SupplierInvoiceLine
from retail.common.money import ZERO


@dataclass(frozen=True, slots=True)
class BilledGoods:
    """
    Units of a bill that goods stand behind, signed as they count, in book currency to the cent.

    billed: what the bill says they cost. received: what the order says, at the rate of the bill's
    day. goods: what their receipt took them in at. Landed cost has no part in any of them.
    """

    match: MatchAllocation
    receipt_line: GoodsReceiptLine
    billed: Decimal
    received: Decimal
    goods: Decimal

    @property
    def price_difference(self) -> Decimal:
        """What the goods cost beyond the order, which is a cost of them."""
        return self.billed - self.received

    @property
    def drift(self) -> Decimal:
        """What a currency gained or lost since the receipt, which is none; or cents."""
        return self.received - self.goods


class Rates(dict[tuple[str, date], Decimal]):
    """Exchange rates by currency and day, each looked up once."""

    def __missing__(self, key: tuple[str, date]) -> Decimal:
        currency, on = key
        self[key] = rate = exchange_rate(currency, on)
        return rate


def book_price_differences(
    billed: Sequence[BilledGoods], *, at: datetime
) -> dict[int, CostMovement]:
    """
    Correct the cost of received goods by what they are billed beyond the order.

    Each match once: what was booked before under it would have to be the same amount. Returns
    match id -> the movement that says what went to stock and what to cost of sales.
    Locks: the CostPool rows; the caller holds the invoices.

    :raises ReferenceUsed: a match was booked before with another amount; nothing is lost so.
    """
    differing = [goods for goods in billed if goods.price_difference]
    movements = correct_costs(
        costs=[
            LateCost(
                variant_id=goods.match.order_line.variant_id,
                receipt_reference=goods.receipt_line.receipt.number,
                amount=goods.price_difference,
                reference=_reference(goods.match),
            )
            for goods in differing
        ],
        at=at,
    )
    fresh: dict[SupplierInvoiceLine, Decimal] = defaultdict(lambda: ZERO)
    for goods in differing:
        fresh[goods.match.invoice_line] += goods.price_difference
    for line, amount in fresh.items():
        line.variance_posted += amount
    SupplierInvoiceLine.objects.bulk_update(list(fresh), ["variance_posted"])
    return {goods.match.pk: row for goods, row in zip(differing, movements, strict=True)}


def take_back_price_differences(
    matches: Iterable[MatchAllocation], *, at: datetime
) -> dict[int, CostMovement]:
    """
    Undo what a bill's matches added to the cost of goods, by corrections the other way.

    Returns match id -> the movement that took its part back.
    Locks: the CostPool rows; the caller holds the invoice.
    """
    backwards = {f"{_reference(match)}/void": match for match in matches}
    movements = take_back_costs(
        references={name.removesuffix("/void"): name for name in backwards}, at=at
    )
    lines = {match.invoice_line_id: match.invoice_line for match in backwards.values()}
    for line in lines.values():
        line.variance_posted = ZERO
    SupplierInvoiceLine.objects.bulk_update(list(lines.values()), ["variance_posted"])
    return {backwards[row.reference].pk: row for row in movements}


def matches_of(line_ids: Collection[int]) -> dict[int, list[MatchAllocation]]:
    """Return invoice line id -> its matches in the order they were made, with what they name."""
    matches = (
        MatchAllocation.objects.filter(invoice_line__in=list(line_ids))
        .select_related(
            "invoice_line__invoice",
            "order_line__order",
            "order_line__variant",
            "receipt_line__receipt",
        )
        .order_by("invoice_line", "pk")
    )
    of_line: Mapping[int, list[MatchAllocation]] = defaultdict(list)
    for match in matches:
        of_line[match.invoice_line_id].append(match)
    return dict(of_line)


def _reference(match: MatchAllocation) -> str:
    line = match.invoice_line
    return f"{line.invoice.number}/{line.position}/{match.receipt_line_id}"
