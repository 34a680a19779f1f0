"""
Which units of a bill belong to which order line and which delivery: arithmetic, no database.

The whole answer is worked out anew from all claims each time, in an order that the documents
give themselves, so the same documents give the same answer in whatever order they came in.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from retail.common.money import ZERO


class OrderedLine(NamedTuple):
    """An order line: what it costs, and how many of its units can be billed at all."""

    id: int
    unit_cost: Decimal
    billable: int


class ReceivedLine(NamedTuple):
    """A receipt line: accepted units of one order line."""

    id: int
    order_line_id: int
    accepted: int


class Share(NamedTuple):
    """
    Units of an invoice line set against an order line and, once received, a receipt line.

    Of a price-only claim they say for which units, which stay billed, money comes back.
    """

    invoice_line_id: int
    order_line_id: int
    receipt_line_id: int | None
    units: int


@dataclass(slots=True)
class Claim:
    """
    An invoice line that wants its units found among the order lines it may belong to.

    is_credit: it gives units back. is_price_only: it gives money back for units that stay billed.
    rounding: by how much the amount may be off because a discount of the document was shared out.
    receipt_line_ids: goods of these deliveries are taken first. fixed: its shares when the
    invoice is payable; they stay, and only units among them that have no receipt line still look
    for goods.
    """

    id: int
    units: int
    net_amount: Decimal
    currency: str
    order_line_ids: frozenset[int]
    is_credit: bool = False
    is_price_only: bool = False
    is_service: bool = False
    rounding: Decimal = ZERO
    receipt_line_ids: frozenset[int] = frozenset()
    fixed: tuple[Share, ...] = ()

    @property
    def unit_price(self) -> Decimal:
        """Net per unit, with the line's charges and discounts."""
        return self.net_amount / self.units


def split_claims(
    claims: Sequence[Claim],
    *,
    ordered: Sequence[OrderedLine],
    received: Sequence[ReceivedLine],
) -> list[Share]:
    """
    Return the shares of all claims.

    claims: the earlier one is served first; those with fixed shares and then invoices come before
    credit notes whatever their place. ordered, received: the older line comes first.

    A claim takes the order line whose cost is nearest to its price, of several equal ones what
    was received first; then what may still come; what is left stays on the nearest line as too
    much. A credit note gives back units that wait for goods, then received ones, the latest first,
    and never more than was billed. Money alone goes to billed units, those billed farthest above
    their cost first, received ones before those that wait.
    """
    board = _Board(ordered, received, knows_prices=any(one.is_price_only for one in claims))
    for claim in claims:
        board.keep_fixed(claim)
    for claim in claims:
        board.supply_fixed(claim)
    open_claims = [claim for claim in claims if not claim.fixed]
    for claim in open_claims:
        if not claim.is_credit and not claim.is_price_only:
            board.place_invoice(claim)
    for claim in open_claims:
        if claim.is_credit and not claim.is_price_only:
            board.place_credit(claim)
    for claim in open_claims:
        if claim.is_price_only:
            board.place_price(claim)
    return board.shares()


class _Board:
    """What is still free while claims are placed one after the other."""

    def __init__(
        self,
        ordered: Sequence[OrderedLine],
        received: Sequence[ReceivedLine],
        *,
        knows_prices: bool,
    ) -> None:
        self._knows_prices = knows_prices
        self._ordered = {line.id: line for line in ordered}
        self._place = {line.id: place for place, line in enumerate(ordered)}
        self._age = {receipt.id: age for age, receipt in enumerate(received)}
        self._receipts: dict[int, list[ReceivedLine]] = defaultdict(list)
        for receipt in received:
            self._receipts[receipt.order_line_id].append(receipt)
        self._free = {receipt.id: receipt.accepted for receipt in received}
        # Of each order line, how many of its oldest receipts have nothing free any more.
        self._used_up: Counter[int] = Counter()
        self._billed: Counter[int] = Counter()
        self._waiting: Counter[int] = Counter()
        self._above_cost: dict[int, Decimal] = defaultdict(Decimal)
        self._units: dict[tuple[int, int, int | None], int] = {}

    def shares(self) -> list[Share]:
        return [Share(*key, units) for key, units in self._units.items() if units]

    def keep_fixed(self, claim: Claim) -> None:
        for share in claim.fixed:
            self._put(claim, share.order_line_id, share.receipt_line_id, share.units)

    def supply_fixed(self, claim: Claim) -> None:
        """Give goods that came after the invoice became payable to its units that wait."""
        if claim.is_credit or claim.is_price_only:
            return
        for share in claim.fixed:
            # Units that a credit note gave back wait for nothing.
            wanted = min(share.units, max(self._waiting[share.order_line_id], 0))
            if share.receipt_line_id is None and wanted:
                # Its cost difference is posted once per receipt line, so a share never grows.
                had = {other.receipt_line_id for other in claim.fixed}
                receipts = [
                    receipt
                    for receipt in self._with_goods([share.order_line_id])
                    if receipt.id not in had
                ]
                left = self._take(claim, receipts, wanted)
                self._put(claim, share.order_line_id, None, left - wanted)

    def place_invoice(self, claim: Claim) -> None:
        left = claim.units
        nearest_first = self._by_distance(claim)
        for _, group in groupby(nearest_first, key=lambda pair: pair[0]):
            lines = [line for _, line in group]
            left = self._take(claim, self._preferred(claim, lines), left)
            for line in lines:
                if not left:
                    return
                room = max(line.billable - self._billed[line.id], 0)
                left -= self._put(claim, line.id, None, min(left, room))
        if left and nearest_first:
            self._put(claim, nearest_first[0][1].id, None, left)

    def place_credit(self, claim: Claim) -> None:
        left = claim.units
        lines = [line for _, line in self._by_distance(claim)]
        for line in lines:
            left -= self._put(claim, line.id, None, min(left, max(self._waiting[line.id], 0)))
        for line in lines:
            for receipt in reversed(self._receipts[line.id]):
                if not left:
                    return
                taken = min(left, receipt.accepted - self._free[receipt.id])
                left -= self._put(claim, line.id, receipt.id, taken)

    def place_price(self, claim: Claim) -> None:
        left = claim.units
        dearest_first = sorted(
            claim.order_line_ids & self._ordered.keys(),
            key=lambda pk: (-self._above_cost[pk], self._place[pk]),
        )
        for line_id in dearest_first:
            for receipt in self._receipts[line_id]:
                taken = min(left, max(receipt.accepted - self._free[receipt.id], 0))
                left -= self._put(claim, line_id, receipt.id, taken)
            waiting = min(left, max(self._waiting[line_id], 0))
            left -= self._put(claim, line_id, None, waiting)

    def _by_distance(self, claim: Claim) -> list[tuple[Decimal, OrderedLine]]:
        """Return how far each order line's cost is from the claim's price, the nearest first."""
        lines = [self._ordered[pk] for pk in claim.order_line_ids if pk in self._ordered]
        if len(lines) == 1:
            return [(ZERO, lines[0])]
        price = claim.unit_price
        pairs = [(abs(line.unit_cost - price), line) for line in lines]
        return sorted(pairs, key=lambda pair: (pair[0], self._place[pair[1].id]))

    def _preferred(self, claim: Claim, lines: Sequence[OrderedLine]) -> list[ReceivedLine]:
        """Return receipts with goods, those the document names and then the oldest first."""
        receipts = self._with_goods([line.id for line in lines])
        if not claim.receipt_line_ids:
            return receipts
        return sorted(receipts, key=lambda receipt: receipt.id not in claim.receipt_line_ids)

    def _with_goods(self, order_line_ids: Collection[int]) -> list[ReceivedLine]:
        """Return the receipts of which something is free, the oldest first."""
        found: list[ReceivedLine] = []
        for line_id in order_line_ids:
            receipts = self._receipts.get(line_id, ())
            # Nothing becomes free again before the last claim that takes goods.
            while (
                self._used_up[line_id] < len(receipts)
                and self._free[receipts[self._used_up[line_id]].id] <= 0
            ):
                self._used_up[line_id] += 1
            found += receipts[self._used_up[line_id] :]
        if len(order_line_ids) > 1:
            found.sort(key=lambda receipt: self._age[receipt.id])
        return found

    def _take(self, claim: Claim, receipts: Iterable[ReceivedLine], units: int) -> int:
        """Take free received units in this order; return how many were not found."""
        for receipt in receipts:
            if not units:
                break
            taken = min(units, max(self._free[receipt.id], 0))
            units -= self._put(claim, receipt.order_line_id, receipt.id, taken)
        return units

    def _put(
        self, claim: Claim, order_line_id: int, receipt_line_id: int | None, units: int
    ) -> int:
        """Add units to a share, negative ones take away; return them."""
        if not units:
            return 0
        key = (claim.id, order_line_id, receipt_line_id)
        self._units[key] = self._units.get(key, 0) + units
        if claim.is_price_only:
            return units
        billed = -units if claim.is_credit else units
        self._billed[order_line_id] += billed
        if self._knows_prices and order_line_id in self._ordered:
            above = claim.unit_price - self._ordered[order_line_id].unit_cost
            self._above_cost[order_line_id] += above * billed
        if receipt_line_id is None:
            self._waiting[order_line_id] += billed
        else:
            self._free[receipt_line_id] -= billed
        return units
