"""Whether the charges and totals of bills agree with what their orders make, no database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from purchasing.models import PurchaseOrderCharge
from purchasing.tolerances import (
    Below,
    Beyond,
    Finding,
    Kind,
    Limits,
    is_charge_within,
    is_not_below,
    is_within,
)
from retail.common.money import ZERO, cent, round_amount

Code = tuple[int, str]
WHOLE_LABELS = dict(PurchaseOrderCharge.Kind.choices)


@dataclass(frozen=True)
class ChargeLine:
    """A charge of a document: `amount` is below zero where it gives money back."""

    line_id: int
    kind: str
    amount: Decimal
    order_ids: Sequence[int] = ()


@dataclass(frozen=True)
class ChargedDocument:
    """The charges of a document; payable ones are counted and not tested again."""

    id: int
    currency: str
    lines: Sequence[ChargeLine]
    limits: Limits
    is_tested: bool = True


@dataclass(frozen=True)
class ChargeOutcome:
    """What is beyond the limits, and line id -> how much of a charge the orders provide for."""

    beyond: Mapping[int, Sequence[Beyond]]
    provided: Mapping[int, Decimal]


def charge_differences(
    documents: Sequence[ChargedDocument], ordered: Mapping[Code, Decimal]
) -> ChargeOutcome:
    """
    Lay the charges of bills beside those of their orders, each kind over all bills of an order.

    documents: the earlier one is served first; what was given back counts first, whenever it
    came. ordered: (order id, kind) -> amount. Returns the differences by document.
    """
    billed: dict[Code, Decimal] = defaultdict(Decimal)
    for document in documents:
        for line in document.lines:
            if line.amount < 0 and line.order_ids:
                billed[_first(line, ordered)] += line.amount
    beyond: dict[int, list[Beyond]] = defaultdict(list)
    provided: dict[int, Decimal] = {}
    for document in documents:
        for line in document.lines:
            provided[line.line_id] = line.amount
            if line.amount <= 0:
                continue
            excess = _place(line, ordered, billed)
            provided[line.line_id] = line.amount - excess
            if document.is_tested and excess:
                beyond[document.id] += _beyond(document, line, excess, ordered, billed)
    return ChargeOutcome(beyond, provided)


def _first(line: ChargeLine, ordered: Mapping[Code, Decimal]) -> Code:
    codes = [(order_id, line.kind) for order_id in line.order_ids]
    return next((code for code in codes if ordered.get(code)), codes[0])


def _place(
    line: ChargeLine, ordered: Mapping[Code, Decimal], billed: dict[Code, Decimal]
) -> Decimal:
    """Take a charge off what its orders provide for; return what they do not."""
    left = line.amount
    for order_id in line.order_ids:
        code = order_id, line.kind
        taken = min(left, max(ordered.get(code, ZERO) - billed[code], ZERO))
        billed[code] += taken
        left -= taken
    if left and line.order_ids:
        billed[_first(line, ordered)] += left
    return left


def _beyond(
    document: ChargedDocument,
    line: ChargeLine,
    excess: Decimal,
    ordered: Mapping[Code, Decimal],
    billed: Mapping[Code, Decimal],
) -> Iterator[Beyond]:
    codes = [(order_id, line.kind) for order_id in line.order_ids]
    expected = sum((ordered.get(code, ZERO) for code in codes), ZERO)
    actual = sum((billed[code] for code in codes), ZERO) if codes else line.amount
    if not is_charge_within(document.limits, actual=actual, expected=expected):
        yield Beyond(
            Finding(
                line.line_id,
                Kind.CHARGE,
                expected,
                actual,
                subject=str(WHOLE_LABELS.get(line.kind, line.kind.capitalize())),
                at_stake=excess,
            ),
            document.limits,
        )


@dataclass(frozen=True)
class HeaderLine:
    """
    A line of a bill: what it says, and what the order's prices make of it.

    All signed as they count. before_discount: at the order's prices before the discount of the
    whole order. A line on no order is expected as it stands, for it is somebody's to decide
    already.
    """

    actual: Decimal
    expected: Decimal
    before_discount: Decimal
    tax_rate: Decimal = ZERO
    is_charge: bool = False
    is_discount: bool = False


@dataclass(frozen=True)
class StatedTotals:
    """What a bill says at its foot; `taxes` by rate where it does."""

    currency: str
    tax_total: Decimal
    total: Decimal
    rounding: Decimal
    taxes: Mapping[Decimal, Decimal]


def header_differences(
    lines: Sequence[HeaderLine], totals: StatedTotals, limits: Limits
) -> list[Beyond]:
    """
    Lay the totals of a bill beside what the prices of its orders make.

    Net of the goods, discount, charges, tax of each stated rate, rounding and the total with tax;
    each may be off by the smallest coin per line besides. A discount of the whole order may stand
    on the bill by itself or in its prices.
    """
    return list(_header_differences(_Header(lines, totals, limits)))


class _Header:
    """The sums of a bill beside those of its orders."""

    def __init__(self, lines: Sequence[HeaderLine], totals: StatedTotals, limits: Limits) -> None:
        self.totals, self.limits = totals, limits
        self.slack = cent(totals.currency) * max(len(lines), 1)
        goods = [line for line in lines if not (line.is_charge or line.is_discount)]
        charges = [line for line in lines if line.is_charge]
        self.lines = [*goods, *charges]
        self.net = sum((line.actual for line in goods), ZERO)
        self.net_of_all = sum((line.expected for line in goods), ZERO)
        gross = sum((line.before_discount for line in goods), ZERO)
        is_in_prices = abs(self.net - self.net_of_all) < abs(self.net - gross)
        self.expected_net = self.net_of_all if is_in_prices else gross
        self.expected_discount = self.expected_net - self.net_of_all
        self.discount = -sum((line.actual for line in lines if line.is_discount), ZERO)
        self.charges = sum((line.actual for line in charges), ZERO)
        self.expected_charges = sum((line.expected for line in charges), ZERO)

    def expected_tax(self, rate: Decimal) -> Decimal:
        base = sum((line.expected for line in self.lines if line.tax_rate == rate), ZERO)
        return round_amount(base * rate / 100, self.totals.currency)

    def test(
        self, kind: str, *, expected: Decimal, actual: Decimal, subject: str = ""
    ) -> Iterator[Beyond]:
        """Yield what is too much, or too little where the policy wants to know."""
        limits, blocks = self.limits, True
        if abs(actual - expected) <= self.slack:
            return
        is_less = actual < expected
        # Less discount than ordered is what costs us.
        costs_us = is_less if kind == Kind.DISCOUNT_TOTAL else not is_less
        within = is_not_below if is_less else is_within
        if within(
            actual, expected=expected, percent=limits.header_percent, amount=limits.header_amount
        ):
            return
        if not costs_us:
            if limits.below == Below.PASS:
                return
            blocks = limits.below == Below.BLOCK
        yield Beyond(
            Finding(
                None,
                kind,
                round_amount(expected, self.totals.currency),
                actual,
                subject=subject,
                is_blocking=blocks,
                at_stake=abs(actual - expected) if costs_us else ZERO,
            ),
            limits,
        )


def _header_differences(header: _Header) -> Iterator[Beyond]:
    totals = header.totals
    yield from header.test(Kind.NET_TOTAL, expected=header.expected_net, actual=header.net)
    yield from header.test(
        Kind.DISCOUNT_TOTAL, expected=header.expected_discount, actual=header.discount
    )
    yield from header.test(
        Kind.CHARGES_TOTAL, expected=header.expected_charges, actual=header.charges
    )
    rates = sorted({line.tax_rate for line in header.lines if line.tax_rate})
    expected_tax = sum((header.expected_tax(rate) for rate in rates), ZERO)
    if rates and all(rate in totals.taxes for rate in rates):
        for rate in rates:
            yield from header.test(
                Kind.TAX_TOTAL,
                expected=header.expected_tax(rate),
                actual=totals.taxes[rate],
                subject=f"{rate.normalize():f} %",
            )
    elif rates:
        yield from header.test(Kind.TAX_TOTAL, expected=expected_tax, actual=totals.tax_total)
    yield from _rounding(header)
    # Of tax that no line states a rate for nothing can be expected.
    expected = (
        header.net_of_all + header.expected_charges + (expected_tax if rates else totals.tax_total)
    )
    yield from header.test(Kind.GRAND_TOTAL, expected=expected, actual=totals.total)


def _rounding(header: _Header) -> Iterator[Beyond]:
    """Yield a rounding beyond the limits; the percentage is that of the whole total."""
    rounding, limits = header.totals.rounding, header.limits
    is_small = is_within(
        header.totals.total + abs(rounding),
        expected=header.totals.total,
        percent=limits.header_percent,
        amount=limits.header_amount,
    )
    if abs(rounding) > header.slack and not is_small:
        yield Beyond(
            Finding(None, Kind.ROUNDING, ZERO, rounding, at_stake=max(rounding, ZERO)), limits
        )


def share_of_discount(discount: Decimal, net_amount: Decimal, net_total: Decimal) -> Decimal:
    """Return what of a document's discount falls on a line of it, by value and not rounded."""
    return discount * net_amount / net_total if net_total else ZERO
