"""Whether the lines of bills agree with their order lines and deliveries, no database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from purchasing.line_parts import Part, Terms, parts_by_claim
from purchasing.models import MatchLevel
from purchasing.splitting import Claim, Share
from purchasing.tolerances import (
    Below,
    Beyond,
    Finding,
    Kind,
    Limits,
    is_not_below,
    is_quantity_within,
    is_total_within,
    is_unit_price_not_below,
    is_unit_price_within,
)
from retail.common.money import ZERO, round_amount, round_rate


def differences_beyond(
    *,
    claims: Sequence[Claim],
    shares: Iterable[Share],
    terms: Mapping[int, Terms],
    other_limits: Limits,
    tested: Collection[int] | None = None,
) -> list[Beyond]:
    """
    Return what of these claims is beyond the limits, line by line.

    claims and shares as `split_claims` took and gave them; payable claims are counted and not
    tested again. terms: order line id -> what it says. other_limits: of what is on no order.
    tested: ids of the claims to test, by default all.
    """
    parts_of = parts_by_claim(claims, shares, terms)
    return [
        beyond
        for claim in claims
        if not claim.fixed and (tested is None or claim.id in tested)
        for beyond in _claim_differences(claim, parts_of.get(claim.id, ()), other_limits)
    ]


def _claim_differences(
    claim: Claim, parts: Sequence[Part], other_limits: Limits
) -> Iterator[Beyond]:
    if not claim.order_line_ids:
        if other_limits.match_level != MatchLevel.NONE:
            yield Beyond(_no_order(claim), other_limits)
        return
    if all(part.level == MatchLevel.NONE for part in parts) and parts:
        return
    if claim.is_credit or claim.is_price_only:
        yield from _credit_differences(claim, parts, other_limits)
        return
    tested = [part for part in parts if part.level != MatchLevel.NONE]
    yield from _quantity_differences(claim, tested)
    foreign = [part for part in tested if part.terms.currency != claim.currency]
    if foreign:
        yield _currency(claim, foreign)
        return
    yield from _price_differences(claim, tested)
    yield from _total_differences(claim, tested)


def _no_order(claim: Claim) -> Finding:
    at_stake = ZERO if claim.is_credit or claim.is_price_only else claim.net_amount
    return Finding(
        claim.id, Kind.NO_ORDER, ZERO, round_rate(claim.net_amount), at_stake=cents(claim, at_stake)
    )


def _quantity_differences(claim: Claim, parts: Sequence[Part]) -> Iterator[Beyond]:
    beyond = [
        part
        for part in parts
        if not is_quantity_within(part.terms.limits, actual=part.units_so_far, expected=part.due)
    ]
    too_many = sum(part.too_many for part in beyond)
    if too_many:
        limits = next(part.terms.limits for part in beyond if part.too_many)
        yield _units(claim, Kind.QUANTITY, claim.units - too_many, claim.units, limits)
    else:
        yield from _too_few(claim, parts)
    waiting = [part for part in beyond if part.is_three_way and part.awaited]
    if waiting:
        billable = claim.units - too_many
        awaited = sum(part.awaited for part in waiting)
        limits = waiting[0].terms.limits
        yield _units(claim, Kind.NOT_RECEIVED, billable - awaited, billable, limits)


def _too_few(claim: Claim, parts: Sequence[Part]) -> Iterator[Beyond]:
    """
    Yield what the last bill of an order line leaves unbilled, where units are limited.

    The percentage has no say: part of what came is billed all the time.
    """
    for part in parts:
        limits = part.terms.limits
        if limits.quantity_units is None or limits.below == Below.PASS or not part.is_last:
            continue
        missing = part.due - part.terms.returned - part.units_so_far
        if missing > limits.quantity_units:
            yield Beyond(
                Finding(
                    claim.id,
                    Kind.QUANTITY,
                    Decimal(claim.units + missing),
                    Decimal(claim.units),
                    is_blocking=limits.below == Below.BLOCK,
                ),
                limits,
            )
            return


def _units(claim: Claim, kind: str, expected: int, actual: int, limits: Limits) -> Beyond:
    at_stake = cents(claim, (actual - expected) * claim.unit_price)
    return Beyond(
        Finding(claim.id, kind, Decimal(expected), Decimal(actual), at_stake=at_stake), limits
    )


def _price_differences(claim: Claim, parts: Sequence[Part]) -> Iterator[Beyond]:
    dear = [part for part in parts if not _is_price_within(part)]
    if dear:
        at_stake = sum((max(part.above_cost, ZERO) for part in dear), ZERO)
        yield _price(claim, dear, at_stake=at_stake)
        return
    cheap = [
        part
        for part in parts
        if part.terms.limits.below != Below.PASS and not _is_price_not_below(part)
    ]
    if cheap:
        is_blocking = any(part.terms.limits.below == Below.BLOCK for part in cheap)
        yield _price(claim, cheap, is_blocking=is_blocking)


def _is_price_within(part: Part) -> bool:
    claim, terms = part.claim, part.terms
    return is_unit_price_within(
        terms.limits,
        net_amount=_of_whole_line(part),
        units=claim.units,
        unit_cost=terms.unit_cost,
        currency=claim.currency,
        rounding=claim.rounding,
    )


def _is_price_not_below(part: Part) -> bool:
    claim, terms = part.claim, part.terms
    return is_unit_price_not_below(
        terms.limits,
        net_amount=_of_whole_line(part),
        units=claim.units,
        unit_cost=terms.unit_cost,
        currency=claim.currency,
        rounding=claim.rounding,
    )


def _of_whole_line(part: Part) -> Decimal:
    """Return the amount of the whole line at the price of this part of it."""
    claim = part.claim
    if not part.given_back:
        return claim.net_amount
    return claim.net_amount - part.given_back * claim.units / part.units


def _total_differences(claim: Claim, parts: Sequence[Part]) -> Iterator[Beyond]:
    above = [
        part
        for part in parts
        if not is_total_within(
            part.terms.limits, actual=part.net_so_far, expected=part.terms.net_amount
        )
    ]
    if above:
        worst = max(above, key=lambda part: part.net_so_far - part.terms.net_amount)
        excess = sum(
            (min(part.net_amount, part.net_so_far - part.terms.net_amount) for part in above), ZERO
        )
        yield _total(claim, worst, at_stake=max(excess, ZERO))
        return
    for part in parts:
        limits = part.terms.limits
        # What is not billed yet may still come.
        is_whole = part.is_last and part.units_so_far >= part.terms.billable
        if limits.below != Below.PASS and is_whole and not _is_total_not_below(part):
            yield _total(claim, part, is_blocking=limits.below == Below.BLOCK)
            return


def _is_total_not_below(part: Part) -> bool:
    limits = part.terms.limits
    return is_not_below(
        part.net_so_far,
        expected=part.terms.net_amount,
        percent=limits.total_percent,
        amount=limits.total_amount,
    )


def _credit_differences(
    claim: Claim, parts: Sequence[Part], other_limits: Limits
) -> Iterator[Beyond]:
    """Yield what speaks against a credit: more units than billed, or too little money for them."""
    credited = sum(part.units for part in parts)
    if credited < claim.units:
        limits = parts[0].terms.limits if parts else other_limits
        yield Beyond(
            Finding(claim.id, Kind.QUANTITY, Decimal(credited), Decimal(claim.units)), limits
        )
    foreign = [part for part in parts if part.terms.currency != claim.currency]
    if foreign:
        yield _currency(claim, foreign)
        return
    meager = [part for part in parts if not claim.is_price_only and not _is_price_not_below(part)]
    if meager:
        at_stake = -sum((min(part.above_cost, ZERO) for part in meager), ZERO)
        yield _price(claim, meager, at_stake=at_stake)


def _price(
    claim: Claim, parts: Sequence[Part], *, at_stake: Decimal = ZERO, is_blocking: bool = True
) -> Beyond:
    """Name the order line that is furthest away."""
    worst = max(parts, key=lambda part: abs(part.above_cost / part.units))
    return Beyond(
        Finding(
            claim.id,
            Kind.PRICE,
            worst.terms.unit_cost,
            round_rate(worst.net_amount / worst.units),
            is_blocking=is_blocking,
            at_stake=cents(claim, at_stake),
        ),
        worst.terms.limits,
    )


def _currency(claim: Claim, parts: Sequence[Part]) -> Beyond:
    other = parts[0].terms
    return Beyond(
        Finding(
            claim.id,
            Kind.CURRENCY,
            other.unit_cost,
            round_rate(claim.unit_price),
            detail=f"Billed in {claim.currency}, ordered in {other.currency}.",
            at_stake=ZERO if claim.is_credit else cents(claim, claim.net_amount),
        ),
        other.limits,
    )


def _total(
    claim: Claim, part: Part, *, at_stake: Decimal = ZERO, is_blocking: bool = True
) -> Beyond:
    return Beyond(
        Finding(
            claim.id,
            Kind.PRICE_TOTAL,
            part.terms.net_amount,
            round_rate(part.net_so_far),
            is_blocking=is_blocking,
            at_stake=cents(claim, at_stake),
        ),
        part.terms.limits,
    )


def cents(claim: Claim, amount: Decimal) -> Decimal:
    """Return an amount as it is paid, in the claim's currency."""
    return round_amount(amount, claim.currency)
