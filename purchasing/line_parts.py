"""The parts of bills on their order lines, with all that was billed and given back before."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from purchasing.models import MatchLevel
from purchasing.splitting import Claim, Share
from purchasing.tolerances import Limits, match_level
from retail.common.money import ZERO


@dataclass(frozen=True, slots=True)
class Terms:
    """
    What an order line says, beside which its bills are laid.

    accepted: units that came and stayed, or came in place of others. returned: sent back for a
    credit. raised_to: the level that the order asks for.
    """

    unit_cost: Decimal
    currency: str
    billable: int
    accepted: int
    limits: Limits
    returned: int = 0
    is_stocked: bool = True
    raised_to: str = ""

    @property
    def net_amount(self) -> Decimal:
        return self.billable * self.unit_cost

    def level(self, claim: Claim) -> str:
        """Return what this claim is laid beside here."""
        is_service = claim.is_service or not self.is_stocked
        return match_level(self.limits, raised_to=self.raised_to, is_service=is_service)


@dataclass(slots=True)
class Part:
    """
    The part of a claim on one order line, with the running totals of the line up to it.

    Credit notes are taken off the running totals first, whenever they came. given_back: what of
    its price other documents gave back. is_last: no later bill of the order line is known.
    """

    claim: Claim
    terms: Terms
    level: str
    units: int
    units_so_far: int
    net_so_far: Decimal
    given_back: Decimal = ZERO
    is_last: bool = False

    @property
    def net_amount(self) -> Decimal:
        """What its units cost once all is given back."""
        return self.claim.net_amount * self.units / self.claim.units - self.given_back

    @property
    def above_cost(self) -> Decimal:
        return self.net_amount - self.units * self.terms.unit_cost

    @property
    def is_three_way(self) -> bool:
        return self.level == MatchLevel.THREE_WAY

    @property
    def due(self) -> int:
        """Units of the order line that may be billed by now."""
        return self.terms.accepted if self.is_three_way else self.terms.billable

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


def parts_by_claim(
    claims: Sequence[Claim], shares: Iterable[Share], terms: Mapping[int, Terms]
) -> dict[int, list[Part]]:
    """Return invoice line id -> its parts; shares stand in the order they were served."""
    claim_of = {claim.id: claim for claim in claims}
    units: dict[tuple[int, int], int] = {}
    for claim_id, order_line_id, _, share in shares:
        key = claim_id, order_line_id
        units[key] = units.get(key, 0) + share

    totals = _Totals()
    for (claim_id, order_line_id), credited in units.items():
        totals.credit(claim_of[claim_id], order_line_id, credited, terms)

    parts: dict[int, list[Part]] = {}
    billing: dict[int, list[Part]] = defaultdict(list)
    for (claim_id, order_line_id), billed in units.items():
        claim, line_terms = claim_of[claim_id], terms[order_line_id]
        gives_back = claim.is_credit or claim.is_price_only
        if not gives_back:
            totals.bill(claim, order_line_id, billed)
        part = Part(
            claim=claim,
            terms=line_terms,
            level=line_terms.level(claim),
            units=billed,
            units_so_far=totals.units[order_line_id],
            net_so_far=totals.net[order_line_id],
        )
        parts.setdefault(claim_id, []).append(part)
        if not gives_back:
            billing[order_line_id].append(part)
    for order_line_id, line_parts in billing.items():
        line_parts[-1].is_last = True
        if order_line_id in totals.given_back:
            _give_back(totals.given_back[order_line_id], line_parts)
    return parts


class _Totals:
    """
    Running totals of order lines: units and money billed, and what was given back of the price.

    Units that were billed above cost and are given back at that price give back what was too much.
    """

    def __init__(self) -> None:
        self.units: Counter[int] = Counter()
        self.net: dict[int, Decimal] = defaultdict(Decimal)
        self.given_back: dict[int, Decimal] = {}

    def bill(self, claim: Claim, order_line_id: int, units: int) -> None:
        self.units[order_line_id] += units
        self.net[order_line_id] += claim.net_amount * units / claim.units

    def credit(
        self, claim: Claim, order_line_id: int, units: int, terms: Mapping[int, Terms]
    ) -> None:
        if not (claim.is_credit or claim.is_price_only):
            return
        net_amount = claim.net_amount * units / claim.units
        self.net[order_line_id] -= net_amount
        if not claim.is_price_only:
            self.units[order_line_id] -= units
            net_amount -= units * terms[order_line_id].unit_cost
        if net_amount > 0:
            before = self.given_back.get(order_line_id, ZERO)
            self.given_back[order_line_id] = before + net_amount


def _give_back(amount: Decimal, parts: Sequence[Part]) -> None:
    """
    Take what credit notes gave back of the price of an order line off its bills.

    Off those that are not payable yet before the others, the dearest first.
    """
    for part in sorted(
        parts, key=lambda part: (bool(part.claim.fixed), -part.above_cost / part.units)
    ):
        part.given_back = min(max(part.above_cost, ZERO), amount)
        amount -= part.given_back
