"""
How many units of an article should be bought, and the sentences that explain the figure.

Source: P b9: position over everything that comes, demand over days in stock, single big orders
capped; rounded up to the multiple, then to the minimum, then a hint at the next price break.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from math import lcm
from statistics import NormalDist

from purchasing.demand import Demand, History, demand_of
from retail.common.money import ZERO, display, display_rate


@dataclass(frozen=True, slots=True)
class Position:
    """Units of one article at one place: there, coming, and spoken for."""

    on_hand: int = 0
    promised: int = 0
    ordered: int = 0
    approved: int = 0
    drafted: int = 0
    in_transit: int = 0
    waiting: int = 0

    @property
    def units(self) -> int:
        coming = self.ordered + self.approved + self.drafted + self.in_transit
        return self.on_hand - self.promised + coming - self.waiting


@dataclass(frozen=True, slots=True)
class Limits:
    """Bought up to `maximum` when no more than `minimum` are there or coming."""

    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Cover:
    """What sells in lead time and `days`, without a shortage in `service_level` percent."""

    days: int
    service_level: Decimal


@dataclass(frozen=True, slots=True)
class LeadTime:
    """Days from order to delivery, how far they spread, and how that is known."""

    days: Decimal
    spread: Decimal = ZERO
    source: str = "as stated"


@dataclass(frozen=True, slots=True)
class Tier:
    min_quantity: int
    unit_cost: Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """How a supplier sells an article; prices in the supplier's currency."""

    currency: str
    pack_size: int = 1
    order_multiple: int = 1
    minimum_quantity: int = 1
    tiers: Sequence[Tier] = ()

    @property
    def multiple(self) -> int:
        """Units that can be ordered at a time: whole packs, and whole multiples."""
        return lcm(self.pack_size, self.order_multiple)

    def cost_of(self, units: int) -> Decimal | None:
        """Return the lowest price for so many units, None where there is none."""
        return min(
            (tier.unit_cost for tier in self.tiers if tier.min_quantity <= units), default=None
        )


@dataclass(frozen=True, slots=True)
class Inputs:
    rule: Limits | Cover
    position: Position
    history: History
    lead_time: LeadTime
    terms: Terms


@dataclass(frozen=True, slots=True)
class Suggestion:
    """
    What should be bought: 0 units where nothing is needed.

    need: before rounding. hint: what the next price break would bring, which is never taken
    silently. steps: how it all follows, a sentence each.
    """

    units: int
    need: int
    unit_cost: Decimal | None
    position: int
    reorder_point: int
    target: int
    safety: Decimal
    demand: Demand
    hint: str
    steps: tuple[str, ...]

    @property
    def days_of_cover(self) -> int | None:
        """Whole days that the position lasts, None where nothing sells."""
        if not self.demand.per_day:
            return None
        return max(int(self.position / self.demand.per_day), 0)


def suggest(inputs: Inputs) -> Suggestion:
    """Work out what should be bought of one article for one place, from one supplier."""
    position = inputs.position.units
    demand = demand_of(inputs.history)
    if isinstance(inputs.rule, Limits):
        safety, reorder_point, target = ZERO, inputs.rule.minimum, inputs.rule.maximum
        steps = [f"The rule: order up to {target:,} when no more than {reorder_point:,} are there."]
    else:
        safety, reorder_point, target = _by_demand(inputs.rule, demand, inputs.lead_time)
        steps = [
            *_demand_steps(demand, inputs.history),
            *_level_steps(inputs.rule, demand, inputs.lead_time, (safety, reorder_point, target)),
        ]
    need = max(target - position, 0) if position <= reorder_point else 0
    units, rounding = order_units(need, inputs.terms)
    hint = _price_break(units, inputs.terms, demand) if units else ""
    return Suggestion(
        units=units,
        need=need,
        unit_cost=inputs.terms.cost_of(units),
        position=position,
        reorder_point=reorder_point,
        target=target,
        safety=safety,
        demand=demand,
        hint=hint,
        steps=(
            _position_step(inputs.position),
            *steps,
            _need_step(position, reorder_point, target, need),
            *rounding,
            *([hint] if hint else []),
        ),
    )


def order_units(need: int, terms: Terms) -> tuple[int, list[str]]:
    """Return the units to order for a need, and how they came about: multiple, then minimum."""
    if need <= 0:
        return 0, []
    steps = []
    units = _up_to_multiple(need, terms.multiple)
    if units != need:
        packs = f"{units // terms.multiple:,} x {terms.multiple:,}"
        steps.append(
            f"The supplier sells multiples of {terms.multiple:,}:"
            f" {need:,} is rounded up to {units:,} ({packs})."
        )
    if units < terms.minimum_quantity:
        least = _up_to_multiple(terms.minimum_quantity, terms.multiple)
        steps.append(
            f"The supplier sells {terms.minimum_quantity:,} at least:"
            f" {units:,} is raised to {least:,}."
        )
        units = least
    return units, steps


def _by_demand(cover: Cover, demand: Demand, lead_time: LeadTime) -> tuple[Decimal, int, int]:
    """Return safety stock, reorder point and target."""
    safety = service_factor(cover.service_level) * _spread_in_lead_time(demand, lead_time)
    needed = demand.per_day * lead_time.days + safety
    return safety, _up(needed), _up(needed + demand.per_day * cover.days)


def _spread_in_lead_time(demand: Demand, lead_time: LeadTime) -> Decimal:
    of_days = lead_time.days * demand.spread**2
    of_delivery = demand.per_day**2 * lead_time.spread**2
    return (of_days + of_delivery).sqrt()


def service_factor(service_level: Decimal) -> Decimal:
    """Return by how many standard deviations stock covers this percentage of the cycles."""
    return Decimal(f"{NormalDist().inv_cdf(float(service_level) / 100):.4f}")


def _price_break(units: int, terms: Terms, demand: Demand) -> str:
    """Say what ordering some more would save, where a price break is above."""
    now = terms.cost_of(units)
    if now is None:
        return ""
    breaks = [
        (tier.min_quantity, tier.unit_cost)
        for tier in terms.tiers
        if tier.min_quantity > units and tier.unit_cost < now
    ]
    if not breaks:
        return ""
    quantity, cost = min(breaks)
    at_break = _up_to_multiple(quantity, terms.multiple)
    saved = display((now - cost) * at_break, terms.currency)
    more = at_break - units
    lasting = f" They last {int(more / demand.per_day):,} days longer." if demand.per_day else ""
    return (
        f"{more:,} more ({at_break:,} in all) cost {display_rate(cost)} each instead of"
        f" {display_rate(now)}: {saved} less than so many at the price of {units:,}.{lasting}"
    )


def _position_step(position: Position) -> str:
    parts = [
        (position.ordered, "+", "ordered"),
        (position.approved, "+", "in orders not sent yet"),
        (position.drafted, "+", "in drafts"),
        (position.in_transit, "+", "on the way from another place"),
        (position.promised, "-", "promised"),
        (position.waiting, "-", "that customers wait for"),
    ]
    shown = "".join(f" {sign} {units:,} {what}" for units, sign, what in parts if units)
    return f"Position: {position.on_hand:,} on hand{shown} = {position.units:,}."


def _demand_steps(demand: Demand, history: History) -> list[str]:
    if not demand.sold:
        return [f"Demand: nothing was sold in the last {history.window_days:,} days."]
    orders = _count(demand.orders, "order")
    steps = [f"Demand: {demand.sold:,} units in {orders} of the last {history.window_days:,} days."]
    if demand.cap is not None:
        verb, each = ("counts", "") if demand.cut_orders == 1 else ("count", " each")
        steps.append(
            f"{_count(demand.cut_orders, 'unusually big order')} of up to {demand.biggest:,} units"
            f" {verb} as {demand.cap:,}{each}:"
            f" {demand.cut:,} units are left out."
        )
    if demand.returned:
        steps.append(f"{demand.returned:,} units came back, of sales that nobody could name.")
    counted = max(demand.sold - demand.cut - demand.returned, 0)
    steps.append(
        f"{_days_step(demand, history)}: {counted:,} / {demand.days:,} ="
        f" {_short(demand.per_day)} a day, give or take {_short(demand.spread)}."
    )
    return steps


def _days_step(demand: Demand, history: History) -> str:
    if not history.days_in_stock:
        return "It never was in stock, so all days count"
    if demand.days > history.days_in_stock:
        return f"There was stock on {history.days_in_stock:,} days, {demand.days:,} count"
    return f"There was stock on {demand.days:,} of {history.window_days:,} days"


def _level_steps(
    cover: Cover, demand: Demand, lead_time: LeadTime, levels: tuple[Decimal, int, int]
) -> list[str]:
    safety, reorder, target = levels[0], f"{levels[1]:,}", levels[2]
    per_day, days = _short(demand.per_day), _short(lead_time.days)
    around = f", give or take {_short(lead_time.spread)}" if lead_time.spread else ""
    factor = service_factor(cover.service_level)
    root = f"{days} x {_short(demand.spread)}² + {per_day}² x {_short(lead_time.spread)}²"
    return [
        f"Lead time: {days} days{around}, {lead_time.source}.",
        (
            f"Safety stock for {cover.service_level.normalize():f} % of cycles without a shortage:"
            f" {factor} x the root of ({root}) = {_short(safety)}."
        ),
        f"Reorder point: {per_day} x {days} days + {_short(safety)}, rounded up: {reorder}.",
        f"Target: the same for {cover.days:,} days longer, rounded up: {target:,}.",
    ]


def _need_step(position: int, reorder_point: int, target: int, need: int) -> str:
    if position > reorder_point:
        return f"The position {position:,} is above {reorder_point:,}: nothing is needed."
    if not need:
        return f"The position {position:,} is the target {target:,}: nothing is needed."
    return (
        f"The position {position:,} is not above the reorder point {reorder_point:,}:"
        f" {target:,} less {position:,} makes {need:,}."
    )


def _up(units: Decimal) -> int:
    # A third three times is one, not a hair above.
    return int(round(units, 9).to_integral_value(ROUND_CEILING))


def _up_to_multiple(units: int, multiple: int) -> int:
    return -(-units // multiple) * multiple


def _short(figure: Decimal) -> str:
    """Return a figure as people read it: three decimals at most."""
    return f"{round(figure, 3).normalize():,f}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
