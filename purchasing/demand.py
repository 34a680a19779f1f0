"""
What sells of an article in a day, whatever hid it.

Source: P b9: units sold over the days on which there was stock, single big orders capped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

# A first good day is not taken for every day: so many days count at least.
LEAST_DAYS = 7
# What an order is worth at most: four times the middle one, or what nine in ten do not exceed. Of
# fewer orders nobody can say what is usual.
LEAST_ORDERS, TIMES_THE_MIDDLE, USUAL_SHARE = 4, 4, Decimal("0.9")


@dataclass(frozen=True, slots=True)
class Sold:
    """So many orders of a day, each for so many units, what came back taken off."""

    day: date
    units: int
    orders: int = 1


@dataclass(frozen=True, slots=True)
class History:
    """
    What an article sold in a window of days.

    days_in_stock: on how many of them there was stock, 0 where it never was. returned: units that
    came back of sales that nobody could name.
    """

    window_days: int
    days_in_stock: int
    sold: Sequence[Sold] = ()
    returned: int = 0


@dataclass(frozen=True, slots=True)
class Demand:
    """
    What sells in a day.

    cap: what one order counts at most, None where nothing was cut. cut: units above it.
    days: by which it was divided. spread: standard deviation of a day.
    """

    sold: int
    orders: int
    biggest: int
    cap: int | None
    cut_orders: int
    cut: int
    returned: int
    days: int
    per_day: Decimal
    spread: Decimal


def demand_of(history: History) -> Demand:
    """
    Return what sells in a day: units sold by days in stock, not by days of the calendar.

    A day on which something was sold counts as one in stock. What sold without ever being in stock,
    found at the sale, counts over the whole window.
    """
    sold = [each for each in history.sold if each.units > 0 and each.orders > 0]
    cap = usual_order([(each.units, each.orders) for each in sold])
    big = [each for each in sold if cap is not None and each.units > cap]
    cut = sum((each.units - (cap or 0)) * each.orders for each in big)
    by_day: dict[date, int] = defaultdict(int)
    for each in sold:
        by_day[each.day] += min(each.units, cap or each.units) * each.orders
    all_sold = sum(each.units * each.orders for each in sold)
    days = max(
        min(history.days_in_stock or history.window_days, history.window_days),
        len(by_day),
        LEAST_DAYS,
    )
    return Demand(
        sold=all_sold,
        orders=sum(each.orders for each in sold),
        biggest=max((each.units for each in sold), default=0),
        cap=cap if big else None,
        cut_orders=sum(each.orders for each in big),
        cut=cut,
        returned=history.returned,
        days=days,
        per_day=Decimal(max(all_sold - cut - history.returned, 0)) / days,
        spread=_spread(list(by_day.values()), days),
    )


def usual_order(orders: Sequence[tuple[int, int]]) -> int | None:
    """
    Return the units that one order counts at most, None where too few orders say what is usual.

    orders: units of an order, and how many such orders there were.
    """
    count = sum(number for _units, number in orders)
    if count < LEAST_ORDERS:
        return None
    ranked = sorted(orders)
    middle = _at_rank(ranked, (count + 1) // 2)
    return max(TIMES_THE_MIDDLE * middle, _at_rank(ranked, int(count * USUAL_SHARE)))


def _spread(totals: Sequence[int], days: int) -> Decimal:
    """Return the standard deviation of a day, days that sold nothing included."""
    total, squares = sum(totals), sum(units * units for units in totals)
    # In whole numbers, so that it cannot fall below zero by rounding.
    return (Decimal(days * squares - total * total) / (days * (days - 1))).sqrt()


def _at_rank(ranked: Sequence[tuple[int, int]], rank: int) -> int:
    """Return the units of the order at this place, counted from 1, of orders by their units."""
    for units, number in ranked:
        rank -= number
        if rank <= 0:
            return units
    return ranked[-1][0]
