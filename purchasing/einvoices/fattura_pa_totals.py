"""What a body of FatturaPA comes to: which of its discounts and roundings its totals hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from purchasing.einvoices.documents import Charge, ReadCharge, ReadTax
from purchasing.einvoices.fattura_pa_parts import (
    CENT,
    DEDUCTIONS,
    HUNDRED,
    ON_TOP,
    SPLIT_PAYMENT,
    Body,
    Detail,
    charge_of,
)
from retail.common.money import ZERO

HALF_A_CENT = CENT / 2


@dataclass(frozen=True, kw_only=True)
class Part:
    """Something that a total may or may not hold: programs differ in it, the totals tell."""

    amount: Decimal
    charge: Charge
    reason: str


@dataclass(frozen=True, kw_only=True)
class Totals:
    """The totals of a body, and the charges that lead from its lines to them."""

    net: Decimal
    tax: Decimal
    total: Decimal
    rounding: Decimal
    kept_back: Decimal
    charges: tuple[ReadCharge, ...]


def is_charge(detail: Detail) -> bool:
    """Tell a line that is no goods: a discount, or what comes on top of them."""
    return detail.kind == ON_TOP or detail.kind in DEDUCTIONS


def taxes_of(body: Body) -> tuple[ReadTax, ...]:
    """Return the tax per category and rate; natures of one category are added up."""
    rows: dict[tuple[str, Decimal], tuple[Decimal, Decimal]] = {}
    for summary in body.summaries:
        key = (summary.category, summary.rate)
        taxable, tax = rows.get(key, (ZERO, ZERO))
        rows[key] = (taxable + summary.taxable, tax + summary.tax)
    return tuple(
        ReadTax(category=category, rate=rate, taxable=taxable, tax=tax)
        for (category, rate), (taxable, tax) in rows.items()
    )


def totals_of(body: Body) -> Totals:
    """
    Work out the totals, taking what the document states wherever it does.

    A discount on the whole document may be in the taxable amounts already or come off below the
    tax, a rounding be in the total or not: the first set of them that gives what the document
    states is what it means.
    """
    taxable = sum((summary.taxable for summary in body.summaries), ZERO)
    tax = sum((summary.tax for summary in body.summaries), ZERO)
    discount = _discount(body)
    rounding = Part(
        amount=sum((summary.rounding for summary in body.summaries), ZERO),
        charge=Charge.OTHER,
        reason="Rounding",
    )
    extra = Part(
        amount=sum((summary.extra for summary in body.summaries), ZERO),
        charge=Charge.OTHER,
        reason="Ancillary expenses",
    )
    goods = sum((detail.amount for detail in body.details), ZERO)
    funds = sum((fund.amount for fund in body.funds), ZERO)
    within_cents = CENT * max(1, len(body.details))
    if not body.summaries:
        taxable = goods + funds
    above = _that_give(taxable - goods - funds, (extra, rounding, discount), within_cents) or ()

    left = [part for part in (discount, rounding) if part not in above]
    whole = Part(amount=body.rounding, charge=Charge.OTHER, reason="Rounding")
    stamp = Part(amount=body.stamp, charge=Charge.OTHER, reason="Stamp duty")
    below: Sequence[Part] | None
    if body.stated_total is None:
        below = [part for part in left if part is discount and part.amount]
    else:
        gap = body.stated_total - taxable - tax
        below = _that_give(gap, (*left, whole, stamp), HALF_A_CENT)
    net = taxable + sum((part.amount for part in below or ()), ZERO)
    total = net + tax if body.stated_total is None else body.stated_total
    split = sum((row.tax for row in body.summaries if row.due == SPLIT_PAYMENT), ZERO)
    return Totals(
        net=net,
        tax=tax,
        total=total,
        rounding=ZERO if below is None or whole in below else body.rounding,
        kept_back=body.withheld + split,
        charges=(*_charges_of_lines(body), *_as_charges([*above, *(below or ())])),
    )


def _discount(body: Body) -> Part:
    """Return what the discounts of the whole document come to, one after the other."""
    base = sum((detail.amount for detail in body.details), ZERO)
    running = base
    for discount in body.discounts:
        running += discount.of(running)
    amount = (running - base).quantize(CENT)
    charge = Charge.DISCOUNT if amount < 0 else Charge.OTHER
    return Part(amount=amount, charge=charge, reason="Discount on the document")


def _that_give(gap: Decimal, parts: Sequence[Part], tolerance: Decimal) -> list[Part] | None:
    """Return the fewest parts that add up to a gap, the first ones before others; or None."""
    there = [part for part in parts if part.amount]
    for count in range(len(there) + 1):
        for chosen in combinations(there, count):
            if abs(gap - sum((part.amount for part in chosen), ZERO)) <= tolerance:
                return list(chosen)
    return None


def _charges_of_lines(body: Body) -> list[ReadCharge]:
    charges = [
        ReadCharge(
            is_allowance=detail.amount < 0,
            amount=abs(detail.amount),
            charge=charge_of(detail.description) if detail.kind == ON_TOP else Charge.DISCOUNT,
            reason=detail.description,
            tax_category=detail.category,
            tax_rate=detail.rate,
        )
        for detail in body.details
        if is_charge(detail)
    ]
    charges += [
        ReadCharge(
            is_allowance=fund.amount < 0,
            amount=abs(fund.amount),
            reason="Contribution to a pension fund",
            tax_category=fund.category,
            tax_rate=fund.rate,
        )
        for fund in body.funds
        if fund.amount
    ]
    return charges


def _as_charges(parts: Iterable[Part]) -> list[ReadCharge]:
    return [
        ReadCharge(
            is_allowance=part.amount < 0,
            amount=abs(part.amount),
            charge=part.charge,
            reason=part.reason,
        )
        for part in parts
    ]


def tax_on(amount: Decimal, rate: Decimal) -> Decimal:
    """Return the tax of a rate on an amount, to the cent."""
    return (amount * rate / HUNDRED).quantize(CENT)
