"""
How far a bill may be off, and what is beyond that: limits and measures, no database.

Exactly at a limit passes. What is above the order costs us money and stops a bill; what is below
does what the policy says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from purchasing.models import MatchException, MatchLevel, TolerancePolicy
from retail.common.money import ZERO, round_amount

Kind = MatchException.Kind
Below = TolerancePolicy.Below
LEVELS = tuple(MatchLevel)


@dataclass(frozen=True)
class Limits:
    """The limits in force, and whose they are; None means that measure is not used."""

    policy: str
    match_level: str = ""
    unit_price_percent: Decimal = ZERO
    total_percent: Decimal | None = None
    total_amount: Decimal | None = None
    quantity_percent: Decimal = ZERO
    quantity_units: int | None = None
    charge_percent: Decimal | None = None
    charge_amount: Decimal | None = None
    header_percent: Decimal | None = None
    header_amount: Decimal | None = None
    tax_amount: Decimal | None = None
    below: str = Below.WARN
    exception_days: int = 3

    @classmethod
    def of(cls, policy: TolerancePolicy | None) -> Limits:
        """Return the limits of a policy; without one nothing may be off."""
        if policy is None:
            return cls(policy="none")
        if policy.variant_id is None:
            name = "company" if policy.supplier_id is None else "supplier"
        else:
            name = "article" if policy.supplier_id is None else "article of supplier"
        return cls(
            policy=name,
            match_level=policy.match_level,
            unit_price_percent=policy.unit_price_percent,
            total_percent=policy.total_percent,
            total_amount=policy.total_amount,
            quantity_percent=policy.quantity_percent,
            quantity_units=policy.quantity_units,
            charge_percent=policy.charge_percent,
            charge_amount=policy.charge_amount,
            header_percent=policy.header_percent,
            header_amount=policy.header_amount,
            tax_amount=policy.tax_amount,
            below=policy.below,
            exception_days=policy.exception_days,
        )

    @property
    def tests_header(self) -> bool:
        return self.header_percent is not None or self.header_amount is not None

    def snapshot(self) -> dict[str, str | None]:
        """Return the limits as they are stored with an exception."""
        return {name: None if value is None else str(value) for name, value in vars(self).items()}


class Policies:
    """Which limits hold for what: of the article of the supplier, else of less and less."""

    def __init__(self, policies: Iterable[TolerancePolicy]) -> None:
        self._limits = {
            (policy.supplier_id, policy.variant_id): Limits.of(policy) for policy in policies
        }

    def for_line(self, supplier_id: int, variant_id: int) -> Limits:
        """Return the limits of the most specific policy, as a whole."""
        for key in (supplier_id, variant_id), (None, variant_id):
            if key in self._limits:
                return self._limits[key]
        return self.for_document(supplier_id)

    def for_document(self, supplier_id: int) -> Limits:
        """Return the limits of the supplier, else of the company, else none."""
        limits = self._limits.get((supplier_id, None)) or self._limits.get((None, None))
        return limits or Limits.of(None)


@dataclass(frozen=True)
class Finding:
    """
    A difference beyond the limits; without an invoice line it is the whole document's.

    subject: what of the line or document, where there may be several (a tax rate, a charge).
    at_stake: what accepting it costs, in the document's currency.
    """

    invoice_line_id: int | None
    kind: str
    expected: Decimal
    actual: Decimal
    subject: str = ""
    detail: str = ""
    is_blocking: bool = True
    at_stake: Decimal = ZERO


@dataclass(frozen=True)
class Beyond:
    """A finding with the limits that it is beyond."""

    finding: Finding
    limits: Limits


def match_level(limits: Limits, *, raised_to: str, is_service: bool) -> str:
    """
    Return what a bill is laid beside: what the policy says, which the order may only raise.

    Where the policy says nothing, services are laid beside the order, goods beside what came too.
    """
    default = MatchLevel.TWO_WAY if is_service else MatchLevel.THREE_WAY
    level = limits.match_level or default
    return max(level, raised_to or level, key=LEVELS.index)


def is_within_percent(actual: Decimal, *, expected: Decimal, percent: Decimal) -> bool:
    """Tell whether actual is above expected by at most so many percent; of 0 nothing is."""
    return actual * 100 <= expected * (100 + percent)


def is_within(
    actual: Decimal, *, expected: Decimal, percent: Decimal | None, amount: Decimal | None
) -> bool:
    """Tell whether actual is above expected by at most percentage and amount, where they are."""
    return (percent is None or is_within_percent(actual, expected=expected, percent=percent)) and (
        amount is None or actual - expected <= amount
    )


def is_not_below(
    actual: Decimal, *, expected: Decimal, percent: Decimal | None, amount: Decimal | None
) -> bool:
    """Tell whether actual is below expected by at most percentage and amount, where they are."""
    return (percent is None or actual * 100 >= expected * (100 - percent)) and (
        amount is None or expected - actual <= amount
    )


def is_unit_price_within(
    limits: Limits,
    *,
    net_amount: Decimal,
    units: int,
    unit_cost: Decimal,
    currency: str,
    rounding: Decimal = ZERO,
) -> bool:
    """
    Tell whether a line's net amount is at most that of the order's unit cost and the limit.

    Printed amounts are rounded to the cent, so the limit is too, when that is more.
    rounding: by how much else its amount may be off because it was rounded elsewhere.
    """
    limit = units * unit_cost * (100 + limits.unit_price_percent) / 100
    return net_amount <= limit or net_amount <= max(limit, round_amount(limit, currency)) + rounding


def is_unit_price_not_below(
    limits: Limits,
    *,
    net_amount: Decimal,
    units: int,
    unit_cost: Decimal,
    currency: str,
    rounding: Decimal = ZERO,
) -> bool:
    """Tell the same of a line that may be too cheap, or give back too little."""
    limit = units * unit_cost * (100 - limits.unit_price_percent) / 100
    return net_amount >= limit or net_amount >= min(limit, round_amount(limit, currency)) - rounding


def is_total_within(limits: Limits, *, actual: Decimal, expected: Decimal) -> bool:
    """Tell whether all that was billed of an order line is within percentage and amount."""
    return is_within(
        actual, expected=expected, percent=limits.total_percent, amount=limits.total_amount
    )


def is_quantity_within(limits: Limits, *, actual: int, expected: int) -> bool:
    """Tell whether all units billed of an order line are within the limits of those accepted."""
    if actual <= expected:
        return True
    units = limits.quantity_units
    return is_within(
        Decimal(actual),
        expected=Decimal(expected),
        percent=limits.quantity_percent,
        amount=None if units is None else Decimal(units),
    )


def is_charge_within(limits: Limits, *, actual: Decimal, expected: Decimal) -> bool:
    """
    Tell whether a charge is within percentage and amount of what was ordered.

    What was not ordered is not; without any limit it is exactly what was ordered.
    """
    percent, amount = limits.charge_percent, limits.charge_amount
    if actual <= expected:
        return True
    if expected == 0 or (percent is None and amount is None):
        return False
    return is_within(actual, expected=expected, percent=percent, amount=amount)
