"""What stands on the desk page of a bill: its differences, who may decide them, its lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings

from purchasing.admin.decision_words import DECISIONS
from purchasing.admin.invoice_assigning import Assigning
from purchasing.models import MatchException, SupplierInvoice, SupplierInvoiceLine
from purchasing.queries import STILL_BLOCKING, Comparison, decision_limit
from retail.common import money
from retail.common.models import User

DECIDES = "purchasing.decide_matchexception"
DECIDES_ALL = "purchasing.decide_any_matchexception"
Kind, Status = MatchException.Kind, MatchException.Status

# One key for each decision, the first letter of what people say.
KEYS = {
    "ACCEPTED": "a",
    "CREDIT_ASKED": "c",
    "ORDER_WRONG": "o",
    "RECEIPT_WRONG": "r",
    "DISPUTED": "d",
}
_COUNTED_KINDS = {Kind.QUANTITY, Kind.NOT_RECEIVED, Kind.UNIT}
# Which of the limits in force a difference was held against: of (name, words) both halves of one.
_PRICE = (("unit_price_percent", "{} % on the price"),)
_TOTAL = (("total_percent", "{} % of all billed"), ("total_amount", "{} in all"))
_QUANTITY = (("quantity_percent", "{} % of the units"), ("quantity_units", "{} units"))
_CHARGE = (("charge_percent", "{} % of the charge"), ("charge_amount", "{} of a charge"))
_HEADER = (("header_percent", "{} % of the total"), ("header_amount", "{} of the total"))
_LIMITS_OF: Mapping[str, Sequence[tuple[str, str]]] = {
    Kind.PRICE: _PRICE,
    Kind.PRICE_TOTAL: _TOTAL,
    Kind.QUANTITY: _QUANTITY,
    Kind.NOT_RECEIVED: _QUANTITY,
    Kind.CHARGE: _CHARGE,
    Kind.NET_TOTAL: _HEADER,
    Kind.DISCOUNT_TOTAL: _HEADER,
    Kind.CHARGES_TOTAL: _HEADER,
    Kind.TAX_TOTAL: _HEADER,
    Kind.GRAND_TOTAL: _HEADER,
    Kind.TAX: (("tax_amount", "{} of tax"),),
}


@dataclass(frozen=True)
class Choice:
    """A decision that can be made, the key that chooses it, and why not, if it cannot be made."""

    value: str
    label: str
    key: str
    why_not: str = ""
    is_chosen: bool = False


@dataclass(frozen=True)
class DifferenceCard:
    """A difference in place: its figures, what may be decided about it, or why nothing may."""

    exception: MatchException
    title: str
    expected: str
    actual: str
    difference: str
    at_stake: str
    tolerance: str
    is_overdue: bool
    choices: Sequence[Choice]
    why_not: str
    reason: str = ""
    can_reconsider: bool = False

    @property
    def is_open(self) -> bool:
        return self.exception.status == Status.OPEN

    @property
    def still_blocks(self) -> bool:
        return self.exception.status in STILL_BLOCKING


@dataclass(frozen=True)
class LineRow:
    """
    A line of the bill beside one order line, or none.

    A line that was set against several order lines has several rows; the last one shows its cards.
    """

    comparison: Comparison
    cards: Sequence[DifferenceCard]
    is_first: bool
    is_last: bool
    assigning: Assigning | None = None

    @property
    def line(self) -> SupplierInvoiceLine:
        return self.comparison.line

    @property
    def is_marked(self) -> bool:
        return any(card.is_open or card.still_blocks for card in self.cards)

    @property
    def units_are_off(self) -> bool:
        return any(
            card.exception.kind in _COUNTED_KINDS and (card.is_open or card.still_blocks)
            for card in self.cards
        )


@dataclass(frozen=True)
class Decider:
    """The person at the desk: whose differences they may decide, and up to what they may cost."""

    user: User
    may_decide: bool
    may_decide_all: bool
    roles: frozenset[str]
    limit: Decimal | None

    @classmethod
    def of(cls, user: User) -> Decider:
        return cls(
            user=user,
            may_decide=user.has_perm(DECIDES),
            may_decide_all=user.has_perm(DECIDES_ALL),
            roles=frozenset(user.groups.values_list("name", flat=True)),
            limit=decision_limit(user),
        )

    def why_not(
        self, exception: MatchException, invoice: SupplierInvoice, raisers: set[Any]
    ) -> str:
        """Return why this person decides nothing about it; empty when they may."""
        if not self.may_decide:
            return "Your role does not decide about differences."
        if not self.may_decide_all and exception.owner not in self.roles:
            return f"For the {exception.get_owner_display().lower()} to decide."
        if invoice.captured_by_id == self.user.pk:
            return "You entered this invoice: somebody else has to decide."
        if self.user.pk in raisers:
            return "You raised the order: somebody else has to decide."
        return ""

    def why_not_accept(self, exception: MatchException) -> str:
        if self.limit is None or exception.at_stake <= self.limit:
            return ""
        limit = money.display(self.limit, settings.RETAIL_CURRENCY)
        return f"Accepting costs more than you may accept ({limit})."


@dataclass(frozen=True)
class Entered:
    """What was sent and refused, so that nobody types a reason twice."""

    exception_id: int
    decision: str
    reason: str


def cards_of(
    exceptions: Sequence[MatchException],
    comparisons: Sequence[Comparison],
    invoice: SupplierInvoice,
    *,
    decider: Decider,
    today: date,
    entered: Entered | None,
) -> dict[int | None, list[DifferenceCard]]:
    """Return invoice line id, or None for the document -> its differences, open ones first."""
    raisers: dict[int | None, set[int | None]] = defaultdict(set)
    for row in comparisons:
        if row.order_line is not None:
            raisers[row.line.pk].add(row.order_line.order.raised_by_id)
            raisers[None].add(row.order_line.order.raised_by_id)
    cards: dict[int | None, list[DifferenceCard]] = defaultdict(list)
    for exception in sorted(exceptions, key=_open_first):
        where = exception.invoice_line_id
        why_not = decider.why_not(
            exception, invoice, {*raisers[where], exception.order_raised_by_id}
        )
        cards[where].append(
            _card(exception, decider=decider, why_not=why_not, today=today, entered=entered)
        )
    return cards


def limits_in_words(kind: str, tolerance: Mapping[str, Any]) -> str:
    """Return the limits that a difference of this kind was held against, and whose they were."""
    stated = [
        words.format(_plain(tolerance[name]))
        for name, words in _LIMITS_OF.get(Kind(kind), ())
        if tolerance.get(name) is not None
    ]
    policy = tolerance.get("policy") or ""
    if not stated:
        return ""
    whose = "No policy" if policy in {"", "none"} else f"Policy: {policy}"
    return f"{whose}, up to {' or '.join(stated)}"


def _open_first(exception: MatchException) -> tuple[bool, bool, int]:
    return (
        exception.status != Status.OPEN,
        exception.status not in STILL_BLOCKING,
        exception.pk,
    )


def _card(
    exception: MatchException,
    *,
    decider: Decider,
    why_not: str,
    today: date,
    entered: Entered | None,
) -> DifferenceCard:
    shown = _units if exception.kind in _COUNTED_KINDS else money.display_rate
    is_open = exception.status == Status.OPEN
    sent = entered if entered and entered.exception_id == exception.pk else None
    no_figures = exception.expected == exception.actual
    return DifferenceCard(
        exception=exception,
        title=f"{exception.get_kind_display()} {exception.subject}".strip(),
        expected="" if no_figures else shown(exception.expected),
        actual="" if no_figures else shown(exception.actual),
        difference="" if no_figures else _signed(shown, exception.actual - exception.expected),
        at_stake=money.display(exception.at_stake, settings.RETAIL_CURRENCY)
        if exception.at_stake
        else "",
        tolerance=limits_in_words(exception.kind, exception.tolerance),
        is_overdue=bool(is_open and exception.due_on and exception.due_on < today),
        choices=_choices(exception, decider, sent) if is_open and not why_not else (),
        why_not=why_not if is_open else "",
        reason=sent.reason if sent else "",
        can_reconsider=exception.status in STILL_BLOCKING
        and decider.may_decide
        and (decider.may_decide_all or exception.owner in decider.roles),
    )


def _choices(exception: MatchException, decider: Decider, sent: Entered | None) -> list[Choice]:
    return [
        Choice(
            value=str(value),
            label=label,
            key=KEYS.get(str(value), ""),
            why_not=decider.why_not_accept(exception) if value == Status.ACCEPTED else "",
            is_chosen=sent is not None and sent.decision == value,
        )
        for value, label in DECISIONS
    ]


def _signed(shown: Any, difference: Decimal) -> str:
    return f"+{shown(difference)}" if difference > 0 else shown(difference)


def _units(amount: Decimal) -> str:
    return f"{amount.normalize():,f}"


def _plain(value: Any) -> str:
    try:
        return f"{Decimal(str(value)).normalize():f}"
    except ArithmeticError:
        return str(value)
