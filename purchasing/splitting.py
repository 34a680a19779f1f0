"""
Which units of a bill belong to which order line and which delivery: arithmetic, no database.

The whole answer is worked out anew from all claims each time, in an order that the documents
give themselves, so the same documents give the same answer in whatever order they came in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby


@dataclass(frozen=True)
class OrderedLine:
    """An order line: what it costs, and how many of its units can be billed at all."""

    id: int
    unit_cost: Decimal
    billable: int


@dataclass(frozen=True)
class ReceivedLine:
    """A receipt line: accepted units of one order line."""

    id: int
    order_line_id: int
    accepted: int


@dataclass(frozen=True)
class Share:
    """Units of an invoice line set against an order line and, once received, a receipt line."""

    invoice_line_id: int
    order_line_id: int
    receipt_line_id: int | None
    units: int


@dataclass(frozen=True)
class Claim:
    """
    An invoice line that wants its units found among the order lines it may belong to.

    fixed: its shares when the invoice is payable. They stay; only units among them that have no
    receipt line still look for goods.
    """

    id: int
    units: int
    net_amount: Decimal
    currency: str
    order_line_ids: frozenset[int]
    is_credit: bool = False
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
    and never more than was billed.
    """
    board = _Board(ordered, received)
    for claim in claims:
        board.keep_fixed(claim)
    for claim in claims:
        board.supply_fixed(claim)
    for claim in claims:
        if not claim.fixed and not claim.is_credit:
            board.place_invoice(claim)
    for claim in claims:
        if not claim.fixed and claim.is_credit:
            board.place_credit(claim)
    return board.shares()


class _Board:
    """What is still free while claims are placed one after the other."""

    def __init__(self, ordered: Sequence[OrderedLine], received: Sequence[ReceivedLine]) -> None:
        self._ordered = ordered
        self._received = received
        self._free = {receipt.id: receipt.accepted for receipt in received}
        self._billed: Counter[int] = Counter()
        self._waiting: Counter[int] = Counter()
        self._units: dict[tuple[int, int, int | None], int] = {}

    def shares(self) -> list[Share]:
        return [Share(*key, units) for key, units in self._units.items() if units]

    def keep_fixed(self, claim: Claim) -> None:
        for share in claim.fixed:
            self._put(claim, share.order_line_id, share.receipt_line_id, share.units)

    def supply_fixed(self, claim: Claim) -> None:
        """Give goods that came after the invoice became payable to its units that wait."""
        if claim.is_credit:
            return
        for share in claim.fixed:
            # Units that a credit note gave back wait for nothing.
            wanted = min(share.units, max(self._waiting[share.order_line_id], 0))
            if share.receipt_line_id is None and wanted:
                # Its cost difference is posted once per receipt line, so a share never grows.
                had = {other.receipt_line_id for other in claim.fixed}
                left = self._take_received(claim, {share.order_line_id}, wanted, but_not=had)
                self._put(claim, share.order_line_id, None, left - wanted)

    def place_invoice(self, claim: Claim) -> None:
        left = claim.units
        nearest_first = self._by_distance(claim)
        for _, group in groupby(nearest_first, key=lambda line: _distance(claim, line)):
            lines = list(group)
            left = self._take_received(claim, {line.id for line in lines}, left)
            for line in lines:
                room = max(line.billable - self._billed[line.id], 0)
                left -= self._put(claim, line.id, None, min(left, room))
        if left and nearest_first:
            self._put(claim, nearest_first[0].id, None, left)

    def place_credit(self, claim: Claim) -> None:
        left = claim.units
        nearest_first = self._by_distance(claim)
        for line in nearest_first:
            left -= self._put(claim, line.id, None, min(left, max(self._waiting[line.id], 0)))
        for line in nearest_first:
            for receipt in reversed(self._received):
                if receipt.order_line_id == line.id:
                    taken = min(left, receipt.accepted - self._free[receipt.id])
                    left -= self._put(claim, line.id, receipt.id, taken)

    def _by_distance(self, claim: Claim) -> list[OrderedLine]:
        lines = [line for line in self._ordered if line.id in claim.order_line_ids]
        return sorted(lines, key=lambda line: _distance(claim, line))

    def _take_received(
        self,
        claim: Claim,
        order_line_ids: Collection[int],
        units: int,
        but_not: Collection[int | None] = (),
    ) -> int:
        """Take free received units, the oldest first; return how many were not found."""
        for receipt in self._received:
            if receipt.order_line_id in order_line_ids and receipt.id not in but_not:
                taken = min(units, max(self._free[receipt.id], 0))
                units -= self._put(claim, receipt.order_line_id, receipt.id, taken)
        return units

    def _put(
        self, claim: Claim, order_line_id: int, receipt_line_id: int | None, units: int
    ) -> int:
        """Add units to a share, negative ones take away; return them."""
        key = (claim.id, order_line_id, receipt_line_id)
        self._units[key] = self._units.get(key, 0) + units
        billed = -units if claim.is_credit else units
        self._billed[order_line_id] += billed
        if receipt_line_id is None:
            self._waiting[order_line_id] += billed
        else:
            self._free[receipt_line_id] -= billed
        return units


def _distance(claim: Claim, line: OrderedLine) -> Decimal:
    return abs(line.unit_cost - claim.unit_price)
