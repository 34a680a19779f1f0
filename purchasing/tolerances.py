"""
Whether a bill agrees with order and delivery within the limits allowed: arithmetic, no database.

Exactly at a limit passes. What is billed below the order passes too: only a difference that
costs us money stops a bill.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from purchasing.models import MatchException, TolerancePolicy
from purchasing.splitting import Claim, Share
from retail.common.money import ZERO, cent, round_amount, round_rate

Kind = MatchException.Kind


@dataclass(frozen=True)
class Limits:
    """The limits in force, and whose they are; None means that measure is not used."""

    policy: str
    unit_price_percent: Decimal = ZERO
    total_percent: Decimal | None = None
    total_amount: Decimal | None = None
    quantity_percent: Decimal = ZERO
    exception_days: int = 3
    tax_amount: Decimal | None = None

    @classmethod
    def of(cls, policy: TolerancePolicy | None) -> Limits:
        """Return the limits of a policy; without one nothing may be off."""
        if policy is None:
            return cls(policy="none")
        return cls(
            policy="company" if policy.supplier_id is None else "supplier",
            unit_price_percent=policy.unit_price_percent,
            total_percent=policy.total_percent,
            total_amount=policy.total_amount,
            quantity_percent=policy.quantity_percent,
            exception_days=policy.exception_days,
            tax_amount=policy.tax_amount,
        )

    def snapshot(self) -> dict[str, str | None]:
        """Return the limits as they are stored with an exception."""
        return {name: None if value is None else str(value) for name, value in vars(self).items()}


@dataclass(frozen=True)
class Terms:
    """What an order line says, beside which its bills are laid."""

    unit_cost: Decimal
    currency: str
    billable: int
    accepted: int
    is_three_way: bool = True

    @property
    def net_amount(self) -> Decimal:
        return self.billable * self.unit_cost


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
class _Part:
    """
    The part of a claim on one order line, with the running totals of the line up to it.

    Credit notes are taken off the running totals first, whenever they came.
    """

    claim: Claim
    terms: Terms
    units: int
    units_so_far: int
    net_so_far: Decimal

    @property
    def too_many(self) -> int:
        """Units of this part beyond what can be billed at all."""
        before = self.units_so_far - self.units
        return max(self.units_so_far - max(before, self.terms.billable), 0)

    @property
    def awaited(self) -> int:
        """Units of this part that were ordered and have not come yet."""
        before = self.units_so_far - self.units
        coming_to = min(self.units_so_far, self.terms.billable)
        return max(coming_to - max(before, self.terms.accepted), 0)


def differences_beyond(
    limits: Limits,
    *,
    claims: Sequence[Claim],
    shares: Sequence[Share],
    terms: Mapping[int, Terms],
) -> list[Finding]:
    """
    Return what of these claims is beyond the limits, line by line.

    claims and shares as `split_claims` took and gave them; payable claims are counted and not
    tested again. terms: order line id -> what it says.
    """
    parts_of = _parts(claims, shares, terms)
    return [
        finding
        for claim in claims
        if not claim.fixed
        for finding in _claim_findings(limits, claim=claim, parts=parts_of.get(claim.id, ()))
    ]


def document_findings(
    *,
    net_amounts: Sequence[Decimal],
    tax_rates: Sequence[Decimal],
    net_total: Decimal,
    tax_total: Decimal,
    total: Decimal,
    currency: str,
) -> list[Finding]:
    """
    Return whether the document adds up, at most one finding: the first sum that is wrong.

    Each line may be off by the smallest coin, for suppliers round by line or in all. Tax is
    worked out only when the document states a rate.
    """
    slack = cent(currency) * max(len(net_amounts), 1)
    sums = [(sum(net_amounts, ZERO), net_total), (net_total + tax_total, total)]
    if any(tax_rates):
        tax = sum(
            (net * rate / 100 for net, rate in zip(net_amounts, tax_rates, strict=True)), ZERO
        )
        sums.append((round_amount(tax, currency), tax_total))
    return [
        Finding(invoice_line_id=None, kind=Kind.HEADER, expected=expected, actual=actual)
        for expected, actual in sums
        if abs(expected - actual) > slack
    ][:1]


def is_within_percent(actual: Decimal, *, expected: Decimal, percent: Decimal) -> bool:
    """Tell whether actual is above expected by at most so many percent; of 0 nothing is."""
    return actual * 100 <= expected * (100 + percent)


def is_unit_price_within(
    limits: Limits, *, net_amount: Decimal, units: int, unit_cost: Decimal, currency: str
) -> bool:
    """
    Tell whether a line's net amount is at most that of the order's unit cost and the limit.

    Printed amounts are rounded to the cent, so the limit is too, when that is more.
    """
    limit = units * unit_cost * (100 + limits.unit_price_percent) / 100
    return net_amount <= max(limit, round_amount(limit, currency))


def is_total_within(limits: Limits, *, actual: Decimal, expected: Decimal) -> bool:
    """Tell whether all that was billed of an order line is within percentage and amount."""
    percent, amount = limits.total_percent, limits.total_amount
    return (percent is None or is_within_percent(actual, expected=expected, percent=percent)) and (
        amount is None or actual - expected <= amount
    )


def is_quantity_within(limits: Limits, *, actual: int, expected: int) -> bool:
    """Tell whether all units billed of an order line are within the limit of those accepted."""
    return is_within_percent(
        Decimal(actual), expected=Decimal(expected), percent=limits.quantity_percent
    )


def _parts(
    claims: Sequence[Claim], shares: Sequence[Share], terms: Mapping[int, Terms]
) -> dict[int, list[_Part]]:
    """Return invoice line id -> its parts; shares stand in the order they were served."""
    claim_of = {claim.id: claim for claim in claims}
    units: Counter[tuple[int, int]] = Counter()
    for share in shares:
        units[share.invoice_line_id, share.order_line_id] += share.units

    units_so_far: Counter[int] = Counter()
    net_so_far: dict[int, Decimal] = defaultdict(Decimal)
    for (claim_id, order_line_id), credited in units.items():
        if claim_of[claim_id].is_credit:
            units_so_far[order_line_id] -= credited
            net_so_far[order_line_id] -= claim_of[claim_id].unit_price * credited

    parts: dict[int, list[_Part]] = defaultdict(list)
    for (claim_id, order_line_id), billed in units.items():
        claim = claim_of[claim_id]
        if not claim.is_credit:
            units_so_far[order_line_id] += billed
            net_so_far[order_line_id] += claim.net_amount * billed / claim.units
        parts[claim_id].append(
            _Part(
                claim=claim,
                terms=terms[order_line_id],
                units=billed,
                units_so_far=units_so_far[order_line_id],
                net_so_far=net_so_far[order_line_id],
            )
        )
    return parts


def _claim_findings(limits: Limits, *, claim: Claim, parts: Sequence[_Part]) -> Iterable[Finding]:
    if not claim.order_line_ids:
        yield Finding(claim.id, Kind.NO_ORDER, ZERO, claim.net_amount)
        return
    if claim.is_credit:
        yield from _credit_findings(limits, claim=claim, parts=parts)
        return
    yield from _quantity_findings(limits, claim=claim, parts=parts)
    foreign = [part.terms for part in parts if part.terms.currency != claim.currency]
    if foreign:
        yield _price_finding(claim, Kind.CURRENCY, foreign)
        return
    dear = [
        part.terms
        for part in parts
        if not is_unit_price_within(
            limits,
            net_amount=claim.net_amount,
            units=claim.units,
            unit_cost=part.terms.unit_cost,
            currency=claim.currency,
        )
    ]
    if dear:
        yield _price_finding(claim, Kind.PRICE, dear)
    above = [
        part
        for part in parts
        if not is_total_within(limits, actual=part.net_so_far, expected=part.terms.net_amount)
    ]
    if above:
        worst = max(above, key=lambda part: part.net_so_far - part.terms.net_amount)
        yield Finding(
            claim.id, Kind.PRICE_TOTAL, worst.terms.net_amount, round_rate(worst.net_so_far)
        )


def _quantity_findings(
    limits: Limits, *, claim: Claim, parts: Sequence[_Part]
) -> Iterable[Finding]:
    beyond = [
        part
        for part in parts
        if not is_quantity_within(
            limits,
            actual=part.units_so_far,
            expected=part.terms.accepted if part.terms.is_three_way else part.terms.billable,
        )
    ]
    too_many = sum(part.too_many for part in beyond)
    awaited = sum(part.awaited for part in beyond if part.terms.is_three_way)
    if too_many:
        expected = Decimal(claim.units - too_many)
        yield Finding(claim.id, Kind.QUANTITY, expected, Decimal(claim.units))
    if awaited:
        billable = claim.units - too_many
        yield Finding(claim.id, Kind.NOT_RECEIVED, Decimal(billable - awaited), Decimal(billable))


def _credit_findings(limits: Limits, *, claim: Claim, parts: Sequence[_Part]) -> Iterable[Finding]:
    """Return what speaks against a credit note: more units than billed, or too little money."""
    credited = sum(part.units for part in parts)
    if credited < claim.units:
        yield Finding(claim.id, Kind.QUANTITY, Decimal(credited), Decimal(claim.units))
    foreign = [part.terms for part in parts if part.terms.currency != claim.currency]
    if foreign:
        yield _price_finding(claim, Kind.CURRENCY, foreign)
        return
    meager = [
        part.terms
        for part in parts
        if not _is_credit_price_within(limits, claim=claim, unit_cost=part.terms.unit_cost)
    ]
    if meager:
        yield _price_finding(claim, Kind.PRICE, meager)


def _is_credit_price_within(limits: Limits, *, claim: Claim, unit_cost: Decimal) -> bool:
    limit = claim.units * unit_cost * (100 - limits.unit_price_percent) / 100
    return claim.net_amount >= min(limit, round_amount(limit, claim.currency))


def _price_finding(claim: Claim, kind: str, terms: Sequence[Terms]) -> Finding:
    """Name the order line that is furthest away."""
    worst = max(terms, key=lambda line: abs(claim.unit_price - line.unit_cost))
    return Finding(claim.id, kind, worst.unit_cost, round_rate(claim.unit_price))
