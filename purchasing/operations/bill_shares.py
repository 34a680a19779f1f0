"""How much of a bill's line each of its units stands for, in book currency to the cent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from purchasing.models import Account, MatchAllocation, SupplierInvoice, SupplierInvoiceLine
from purchasing.operations.ledger import Entry
from retail.common.money import ZERO, round_part


def direction(invoice: SupplierInvoice, line: SupplierInvoiceLine) -> int:
    """Return 1 where a line adds to what we owe, -1 where it gives back."""
    is_credit = invoice.kind == SupplierInvoice.Kind.CREDIT_NOTE
    return -1 if is_credit != line.is_deduction else 1


def counted(match: MatchAllocation) -> int:
    """Return the units a match bills, below zero those it gives back."""
    return (
        0
        if match.is_price_only
        else match.units * direction(match.invoice_line.invoice, match.invoice_line)
    )


@dataclass(frozen=True)
class LineShares:
    """
    A line of a bill, worth `total` in book currency, split over what its units stand against.

    First goods that came, in the order they were matched, then what waits for goods, then services
    on an order, then what is on no order: each ends where the running total, to the cent, does.
    found: matches that came since it was posted; without it none was posted yet.
    """

    line: SupplierInvoiceLine
    total: Decimal
    matches: Sequence[MatchAllocation]
    found: Collection[int] | None = None

    def goods(self) -> list[tuple[MatchAllocation, Decimal]]:
        """Return each match with a receipt line, and its part."""
        received = [match for match in self.matches if match.receipt_line_id]
        parts = self._parts(0, [match.units for match in received])
        return list(zip(received, parts, strict=True))

    def is_new(self, match: MatchAllocation) -> bool:
        return self.found is None or match.pk in self.found

    def waiting_entries(self) -> list[Entry]:
        """Return what changes of the parts that wait for goods, by order line."""
        if self.found is None:
            before: dict[int, Decimal] = {}
        else:
            taken: Counter[int] = Counter()
            for match in self.matches:
                if match.pk in self.found:
                    taken[match.order_line_id] += match.units
            before = self._waiting(taken)
        after = self._waiting(Counter())
        return [
            Entry(
                Account.GRNI,
                after.get(order_line_id, ZERO) - before.get(order_line_id, ZERO),
                order_line_id,
                invoice_line_id=self.line.pk,
            )
            for order_line_id in sorted(before.keys() | after.keys())
        ]

    def other_entries(self) -> list[Entry]:
        """Return what is no goods of an order: services, and units on no order."""
        services = [
            match
            for match in self.matches
            if not match.receipt_line_id and not match.order_line.variant.is_stocked
        ]
        matched = sum(match.units for match in self.matches)
        start = matched - sum(match.units for match in services)
        parts = self._parts(start, [match.units for match in services])
        entries = [
            Entry(Account.PURCHASES, part, match.order_line_id, invoice_line_id=self.line.pk)
            for match, part in zip(services, parts, strict=True)
        ]
        rest = self.total - round_part(
            self.total, matched, self.line.quantity, settings.RETAIL_CURRENCY
        )
        return [*entries, Entry(Account.PURCHASES, rest, invoice_line_id=self.line.pk)]

    def _waiting(self, taken: Counter[int]) -> dict[int, Decimal]:
        """Return order line id -> its part that waits, before these units got their goods."""
        units: dict[int, int] = dict(sorted(taken.items()))
        for match in self.matches:
            if not match.receipt_line_id and match.order_line.variant.is_stocked:
                units[match.order_line_id] = units.get(match.order_line_id, 0) + match.units
        received = sum(match.units for match in self.matches if match.receipt_line_id)
        start = received - taken.total()
        places = sorted(units)
        return dict(
            zip(places, self._parts(start, [units[place] for place in places]), strict=True)
        )

    def _parts(self, start: int, units: Sequence[int]) -> list[Decimal]:
        parts, ends = [], [self._until(start)]
        for count in units:
            start += count
            ends.append(self._until(start))
            parts.append(ends[-1] - ends[-2])
        return parts

    def _until(self, units: int) -> Decimal:
        return round_part(self.total, units, self.line.quantity, settings.RETAIL_CURRENCY)
