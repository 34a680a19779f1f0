"""The arithmetic of the moving average: pure functions of units and values, no database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from retail.common.money import ZERO, round_amount


@dataclass(slots=True)
class RunningCost:
    """
    Units and value of one variant while movements are worked out one after the other.

    `last_units` and `last_value` are those of the latest movement, which tells the last known
    unit cost once nothing is left. Values are in `currency` and always rounded to its cents.
    """

    units: int
    value: Decimal
    currency: str
    last_units: int = 0
    last_value: Decimal = ZERO

    def issue(self, units: int) -> Decimal:
        """
        Take units out at the average and return their value.

        The last unit takes what is left, so that no units are worth exactly nothing and no cent
        is lost on the way. A rate rounded to cents is never used: it would cost one cent a unit.
        """
        taken = self.value if units == self.units else self._at_average(units)
        self.units -= units
        self.value -= taken
        self.last_units, self.last_value = units, taken
        return taken

    def receive(self, units: int, value: Decimal) -> Decimal:
        """Put units in at a value and return the value as booked, to the cent."""
        booked = round_amount(value, self.currency)
        self.units += units
        self.value += booked
        self.last_units, self.last_value = units, booked
        return booked

    def take_back(self, units: int) -> Decimal:
        """Put units in at the average, the last known one when none is left; return the value."""
        if self.units:
            return self.receive(units, self._at_average(units))
        if not self.last_units:
            return self.receive(units, ZERO)
        return self.receive(units, self.last_value * units / self.last_units)

    def _at_average(self, units: int) -> Decimal:
        return round_amount(self.value * units / self.units, self.currency)


def share_left(issues: Iterable[tuple[int, int]]) -> Fraction:
    """
    Return which share of the goods that were in a pool is still there after these issues.

    issues: units in the pool just before, units issued (positive), in the order they happened.
    Each issue takes the same fraction of everything in the pool, later receipts change nothing.
    """
    share = Fraction(1)
    for units_before, issued in issues:
        share *= Fraction(units_before - issued, units_before)
        if not share:
            break
    return share


def correction_parts(
    *, amount: Decimal, share: Fraction, stock_value: Decimal, currency: str
) -> tuple[Decimal, Decimal]:
    """
    Split a late cost into what goes to stock and what goes to cost of sales.

    Both add to the amount to the cent. The stock value never falls below zero: what is too much
    goes to cost of sales.
    """
    to_stock = round_amount(amount * share.numerator / share.denominator, currency)
    to_stock = max(to_stock, -stock_value)
    return to_stock, amount - to_stock
