"""From whom an article is bought, and how many: one article for one place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import timezone

from purchasing.demand import History
from purchasing.models import ReplenishmentRule
from purchasing.queries.reliability import LeadTime as KnownLeadTime
from purchasing.queries.reliability import LeadTimeSource
from purchasing.queries.sourcing import SupplierArticle
from purchasing.replenishment import (
    Cover,
    Inputs,
    LeadTime,
    Limits,
    Position,
    Suggestion,
    Terms,
    suggest,
)
from retail.common.errors import BusinessError
from retail.common.fields import MAX_UNITS

# What a supplier said it has is believed for so long; a feed may have stopped.
SAYING_HOLDS = timedelta(days=30)
# Where nobody sells an article it is still told that some are needed.
USUAL_LEAD_TIME = LeadTime(days=Decimal(7), source="as is usual")


class CannotBeBought(BusinessError):
    """Something is needed of an article that cannot be ordered; `reason` is a stable code."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message, reason=reason)
        self.reason = reason


@dataclass(frozen=True)
class Need:
    """One article for one place, and everything that its suggestion is worked out from."""

    rule: ReplenishmentRule
    position: Position
    history: History
    articles: Sequence[SupplierArticle]
    lead_times: Mapping[tuple[int, int], KnownLeadTime]
    rates: Mapping[str, Decimal]
    at: datetime


@dataclass(frozen=True)
class Choice:
    """What should be bought, and of whom."""

    article: SupplierArticle
    lead_time: LeadTime
    suggestion: Suggestion
    unit_cost: Decimal
    steps: tuple[str, ...]
    inputs: Mapping[str, Any]


def choose(need: Need) -> Choice | None:
    """
    Return what should be bought of which supplier, None where nothing is needed.

    The supplier of the rule; else of those with a price the lowest rank, then the lowest price for
    the quantity in book currency. Who has none and names no day is not asked.

    :raises CannotBeBought: something is needed and nobody sells it, or too much is.
    """
    asked, problem = _asked(need)
    priced = [article for article in asked if article.terms.cost_of(MAX_UNITS) is not None]
    if not priced:
        _require_nothing(need, problem or _no_price(asked))
        return None
    lowest = min(article.rank for article in priced)
    offers = [_offer(need, article) for article in priced if article.rank == lowest]
    offer = min(offers, key=lambda each: (_cost_in_book(need, each), each.article.product_id))
    if not offer.suggestion.units:
        return None
    if offer.suggestion.units >= MAX_UNITS or abs(offer.suggestion.position) >= MAX_UNITS:
        msg = f"{offer.suggestion.units:,} units are more than an order can have."
        raise CannotBeBought(msg, reason="too_many_units")
    if offer.suggestion.unit_cost is None:
        least = min(tier.min_quantity for tier in offer.article.terms.tiers)
        msg = (
            f"{offer.suggestion.units:,} are needed, and {offer.article.supplier} has prices from"
            f" {least:,} only."
        )
        raise CannotBeBought(msg, reason="no_price")
    return _choice(need, offer, offer.suggestion.unit_cost, among=len(asked), alike=len(offers))


@dataclass(frozen=True)
class _Offer:
    article: SupplierArticle
    lead_time: LeadTime
    inputs: Inputs
    suggestion: Suggestion


def _asked(need: Need) -> tuple[list[SupplierArticle], str]:
    """Return the articles that may be ordered, and else why there are none."""
    articles = [
        article
        for article in need.articles
        if need.rule.supplier_id is None or article.supplier_id == need.rule.supplier_id
    ]
    if not articles:
        if need.rule.supplier is not None:
            return [], f"{need.rule.supplier.name}, whom the rule names, does not sell it."
        return [], "No active supplier's article is linked to it."
    there = [article for article in articles if not _is_gone(article, need.at)]
    if not there:
        names = ", ".join(sorted({article.supplier for article in articles}))
        return [], f"{names} has none and names no day from which it does."
    return there, ""


def _is_gone(article: SupplierArticle, at: datetime) -> bool:
    """Tell whether the supplier said of late that it has none, and no day from which it does."""
    return (
        article.available_units == 0
        and article.back_in_stock_on is None
        and article.available_said_at is not None
        and at - article.available_said_at <= SAYING_HOLDS
    )


def _no_price(asked: Collection[SupplierArticle]) -> str:
    names = ", ".join(sorted({article.supplier for article in asked}))
    return f"{names} has no price for it today."


def _require_nothing(need: Need, problem: str) -> None:
    """Pass when nothing is needed; say why else that nothing can be ordered."""
    terms = Terms(currency=settings.RETAIL_CURRENCY)
    suggestion = suggest(
        Inputs(_figures(need.rule), need.position, need.history, USUAL_LEAD_TIME, terms)
    )
    if suggestion.units:
        msg = f"{suggestion.units:,} are needed. {problem}"
        raise CannotBeBought(msg, reason="no_supplier" if not need.articles else "not_sold")


def _offer(need: Need, article: SupplierArticle) -> _Offer:
    lead_time = _lead_time(need, article)
    inputs = Inputs(_figures(need.rule), need.position, need.history, lead_time, article.terms)
    return _Offer(article, lead_time, inputs, suggest(inputs))


def _figures(rule: ReplenishmentRule) -> Limits | Cover:
    if rule.method == ReplenishmentRule.Method.MIN_MAX:
        return Limits(minimum=rule.minimum_units or 0, maximum=rule.maximum_units or 0)
    return Cover(days=rule.cover_days, service_level=rule.service_level)


def _lead_time(need: Need, article: SupplierArticle) -> LeadTime:
    """Return the lead time, longer by the days in which the supplier has none."""
    known = need.lead_times.get((article.supplier_id, article.variant_id))
    if known is None:
        return USUAL_LEAD_TIME
    source = known.source.label
    if known.source != LeadTimeSource.STATED:
        source = f"{source}, over {known.receipts:,} deliveries"
    days = known.mean_days
    today = timezone.localdate(need.at)
    if (
        article.available_units == 0
        and article.back_in_stock_on
        and article.back_in_stock_on > today
    ):
        wait = (article.back_in_stock_on - today).days
        source = f"{source}, and {wait:,} days in which they have none"
        days += wait
    return LeadTime(days=days, spread=known.spread_days, source=source)


def _cost_in_book(need: Need, offer: _Offer) -> tuple[bool, Decimal]:
    """Return what sorts offers by price: what has none, in a currency without a rate, last."""
    terms = offer.article.terms
    cost = terms.cost_of(offer.suggestion.units or terms.minimum_quantity)
    rate = need.rates.get(terms.currency)
    if cost is None or rate is None:
        return True, Decimal(0)
    return False, cost * rate


def _choice(need: Need, offer: _Offer, unit_cost: Decimal, *, among: int, alike: int) -> Choice:
    article = offer.article
    if need.rule.supplier_id is not None:
        why = "whom the rule names"
    elif among == 1:
        why = "the only one that sells it"
    elif alike == 1:
        why = f"of the lowest rank of {among:,} that sell it"
    else:
        why = f"of the lowest price of {alike:,} of the same rank"
    steps = [
        *offer.suggestion.steps,
        f"Bought of {article.supplier}, {why}, as {article.supplier_sku}.",
    ]
    if article.available_units is not None and article.available_units < offer.suggestion.units:
        steps.append(f"They said that they have {article.available_units:,}.")
    return Choice(
        article=article,
        lead_time=offer.lead_time,
        suggestion=offer.suggestion,
        unit_cost=unit_cost,
        steps=tuple(steps),
        inputs=_plain(
            {
                "rule": {"method": need.rule.method, **asdict(offer.inputs.rule)},
                "position": asdict(need.position),
                "history": {
                    "window_days": need.history.window_days,
                    "days_in_stock": need.history.days_in_stock,
                },
                "demand": asdict(offer.suggestion.demand),
                "lead_time": asdict(offer.lead_time),
                "terms": asdict(article.terms),
                "need": offer.suggestion.need,
                "safety": offer.suggestion.safety,
                "days_of_cover": offer.suggestion.days_of_cover,
                "hint": offer.suggestion.hint,
            }
        ),
    )


def _plain(value: Any) -> Any:
    """Return figures as JSON keeps them exactly: amounts and rates as text."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return f"{round(value, 4).normalize():f}" if isinstance(value, Decimal) else value
