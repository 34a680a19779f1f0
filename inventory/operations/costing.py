"""The arithmetic of the moving average: pure functions of units and values, no database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import prod

from retail.common.money import ZERO, round_amount, round_part


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


def left_of(
    amount: Decimal,
    *,
    units_then: int,
    units_now: int,
    received: Iterable[tuple[int, int]],
    currency: str,
) -> Decimal:
    """
    Return how much of an amount is in a pool's value today that was put into it earlier.

    units_then, units_now: units in the pool just after the amount came in, and today. received:
    units in the pool just before and units received, of every receipt since then at a cost of its
    own.

    Whatever leaves takes the same part of everything in the pool, and what comes back at the
    average (a return, goods found) brings it in again: neither changes how much of the amount is
    in one unit. Only goods received at a cost of their own thin it, and where they met an empty
    pool nothing is left. So the issues, of which there are many, need not be looked at: each
    multiplied by (units after / units before), and the units after one are those before the next.
    More than the amount can be left, when more came back since than went out: those units were
    booked in at an average that held it, or should have held it.
    """
    if not (units_then and units_now):
        return ZERO
    before, units = as_one_receipt(received)
    return round_part(amount, units_now * before, units_then * (before + units), currency)


def as_one_receipt(received: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """
    Return the receipt that thins a pool as much as all of these one after the other.

    received, and what is returned: units in the pool just before, and units received. The numbers
    grow to as many digits as exactness takes.
    """
    pairs = list(received)
    before = _product([units_before for units_before, _ in pairs])
    return before, _product([sum(pair) for pair in pairs]) - before


def correction_parts(
    *, amount: Decimal, left: Decimal, stock_value: Decimal
) -> tuple[Decimal, Decimal]:
    """
    Split a late cost, of which so much is left, into what goes to stock and to cost of sales.

    Both add to the amount to the cent. The stock value never falls below zero: what is too much
    goes to cost of sales.
    """
    to_stock = max(left, -stock_value)
    return to_stock, amount - to_stock


def _product(factors: list[int]) -> int:
    """Multiply in pairs, then the pairs in pairs: far faster than one after the other."""
    while len(factors) > 1:
        factors = [prod(factors[start : start + 2]) for start in range(0, len(factors), 2)]
    return prod(factors)
