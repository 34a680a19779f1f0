"""Rounding and splitting amounts of money: the only place that knows cents."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

ZERO = Decimal(0)

# Source: ISO 4217, table A.1, column "minor unit"; every other currency in use has two.
WITHOUT_DECIMALS = frozenset(
    {
        *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW"),
        *("PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"),
    }
)
WITH_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def minor_units(currency: str) -> int:
    """Return the number of decimals an amount in this currency has."""
    if currency in WITHOUT_DECIMALS:
        return 0
    return 3 if currency in WITH_THREE_DECIMALS else 2


def cent(currency: str) -> Decimal:
    """Return the smallest amount of this currency, 0.01 for most."""
    return Decimal(1).scaleb(-minor_units(currency))


def round_amount(amount: Decimal, currency: str) -> Decimal:
    """Round half away from zero to the decimals of the currency."""
    return amount.quantize(cent(currency), rounding=ROUND_HALF_UP)


def round_part(amount: Decimal, numerator: int, denominator: int, currency: str) -> Decimal:
    """
    Return numerator / denominator of an amount, rounded as `round_amount` does.

    denominator: above zero. Worked out in whole numbers, so that it is exact however many digits
    the fraction has.
    """
    amount_numerator, amount_denominator = amount.as_integer_ratio()
    dividend = amount_numerator * numerator * 10 ** minor_units(currency)
    divisor = amount_denominator * denominator
    cents = (2 * abs(dividend) + divisor) // (2 * divisor)
    return Decimal(-cents if dividend < 0 else cents) * cent(currency)


def floor_part(amount: Decimal, numerator: int, denominator: int, currency: str) -> Decimal:
    """
    Return numerator / denominator of an amount, what is left of a cent dropped.

    Cut towards zero, so that of pieces paid for together the last ones get the cents left over.
    """
    amount_numerator, amount_denominator = amount.as_integer_ratio()
    dividend = amount_numerator * numerator * 10 ** minor_units(currency)
    cents = abs(dividend) // (amount_denominator * denominator)
    return Decimal(-cents if dividend < 0 else cents) * cent(currency)


def round_rate(rate: Decimal) -> Decimal:
    """Round a unit price or unit cost to its four decimals."""
    return rate.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)


def split_amount(amount: Decimal, weights: Sequence[Decimal | int], currency: str) -> list[Decimal]:
    """
    Split an amount by weights so that the shares add up to it to the cent.

    Each share is rounded down to the cent; the cents left over go to the largest remainders, the
    earlier share winning a tie. No share is on the other side of zero than the amount.

    :raises ValueError: no weights, a negative weight, or weights that add up to zero.
    """
    total_weight = sum(weights, ZERO)
    if not weights or min(weights) < 0 or total_weight == 0:
        msg = "An amount is split by weights that are not negative and not all zero."
        raise ValueError(msg)
    unit = cent(currency)
    sign = -1 if amount < 0 else 1
    cents = int(round_amount(abs(amount), currency) / unit)
    exact = [Decimal(cents) * Decimal(weight) / total_weight for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(shares)), key=lambda i: (shares[i] - exact[i], i))
    for index in by_remainder[: cents - sum(shares)]:
        shares[index] += 1
    return [sign * share * unit for share in shares]


def display(amount: Decimal, currency: str) -> str:
    """Return the amount as people read it: `1,234.50 GBP`."""
    return f"{round_amount(amount, currency):,} {currency}"


def display_rate(rate: Decimal) -> str:
    """Return a unit price or cost with the decimals it needs, two at least: `7.03`, `0.0125`."""
    return f"{rate:,.2f}" if rate == round(rate, 2) else f"{rate.normalize():,f}"
