"""Working out what should be bought, of everything that a rule asks about."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from catalog.models import Product, Variant
from catalog.queries import NoExchangeRate, exchange_rate
from inventory.models import Location
from purchasing.models import (
    ReplenishmentFault,
    ReplenishmentProposal,
    ReplenishmentRun,
    Supplier,
)
from purchasing.operations.sourcing import CannotBeBought, Choice, Need, choose
from purchasing.queries.demand import Pair, histories, positions
from purchasing.queries.reliability import LeadTime, measured_lead_times
from purchasing.queries.sourcing import (
    Rules,
    pairs_that_can_be_bought,
    replenishment_rules,
    supplier_articles,
)
from retail.common.models import User

logger = structlog.get_logger(__name__)

VARIANTS_PER_BATCH, ROWS_PER_WRITE = 2000, 500
# How far back deliveries say how long a supplier takes.
LEAD_TIMES_OF = timedelta(days=365)
# Sets the advisory lock taken here apart from everybody else's.
RUN_LOCK = 0x5245504C
NO_LONGER_NEEDED = "No longer needed."
LONGEST_TEXT, LONGEST_REASON = 500, 200

_FIGURES = (
    *("supplier_id", "supplier_product_id", "units", "unit_cost", "currency"),
    *("position", "reorder_point", "target", "inputs", "steps"),
)


@transaction.atomic
def propose_replenishment(
    *, key: str, at: datetime, by: User | None, location: Location | None = None
) -> ReplenishmentRun:
    """
    Work out what should be bought by the rules of a location, or of all, and keep it as proposals.

    Open proposals are brought up to date, those that are no longer needed are withdrawn, so there
    is never a second one of an article. What was dismissed until a day waits for it. An article
    that cannot be worked out becomes a fault of the run and stops none of the others.
    key: of this act; a second call with it returns the first run.
    Locks: one run at a time (advisory), then every open proposal of the locations, by primary key.
    """
    _one_at_a_time()
    run, is_new = ReplenishmentRun.objects.get_or_create(
        key=key, defaults={"location": location, "started_at": at, "started_by": by}
    )
    if not is_new:
        return run
    work = _Work(run=run, at=at, rules=replenishment_rules(), rates=_rates(at))
    work.lock_open(location)
    work.lead_times = measured_lead_times(
        pairs=pairs_that_can_be_bought(),
        first=timezone.localdate(at - LEAD_TIMES_OF),
        last=timezone.localdate(at),
    )
    for pairs in _batches(work.rules, location):
        work.look_at(pairs)
    work.withdraw_the_rest()
    run.finished_at = at
    run.save()
    return run


@dataclass
class _Work:
    """A run under way: what it knows, and the open proposals that it has not come by yet."""

    run: ReplenishmentRun
    at: datetime
    rules: Rules
    rates: Mapping[str, Decimal]
    lead_times: Mapping[tuple[int, int], LeadTime] = field(default_factory=dict)
    left: dict[Pair, ReplenishmentProposal] = field(default_factory=dict)
    faults: dict[Pair, ReplenishmentFault] = field(default_factory=dict)

    def lock_open(self, location: Location | None) -> None:
        proposals = ReplenishmentProposal.objects.open()
        if location is not None:
            proposals = proposals.filter(location=location)
        self.left = {
            (proposal.variant_id, proposal.location_id): proposal
            for proposal in proposals.for_update()
        }

    def look_at(self, pairs: Collection[Pair]) -> None:
        """Work out some articles and store what came of it, in a bounded number of queries."""
        self.run.considered += len(pairs)
        dismissed = _dismissed(pairs, self.at)
        choices = self._choices([pair for pair in pairs if pair not in dismissed])
        new: list[ReplenishmentProposal] = []
        changed: list[ReplenishmentProposal] = []
        same: list[ReplenishmentProposal] = []
        for pair, choice in choices.items():
            proposal = self.left.pop(pair, None)
            if proposal is None:
                new.append(self._filled(ReplenishmentProposal(), pair, choice))
                continue
            before = [getattr(proposal, name) for name in _FIGURES]
            self._filled(proposal, pair, choice)
            is_same = before == [getattr(proposal, name) for name in _FIGURES]
            (same if is_same else changed).append(proposal)
        ReplenishmentProposal.objects.bulk_create(new, batch_size=ROWS_PER_WRITE)
        ReplenishmentProposal.objects.bulk_update(
            changed, ["run", *_FIGURES], batch_size=ROWS_PER_WRITE
        )
        ReplenishmentProposal.objects.filter(pk__in=[each.pk for each in same]).update(run=self.run)
        self.run.proposed += len(new)
        self.run.renewed += len(changed) + len(same)

    def withdraw_the_rest(self) -> None:
        """End the open proposals that nothing came of, and store why something failed."""
        ReplenishmentFault.objects.bulk_create(self.faults.values())
        status = ReplenishmentProposal.Status.WITHDRAWN
        for pair, proposal in self.left.items():
            fault = self.faults.get(pair)
            proposal.run, proposal.status, proposal.decided_at = self.run, status, self.at
            proposal.reason = (fault.text if fault else NO_LONGER_NEEDED)[:LONGEST_REASON]
        ReplenishmentProposal.objects.bulk_update(
            self.left.values(), ["run", "status", "decided_at", "reason"], batch_size=ROWS_PER_WRITE
        )
        self.run.withdrawn = len(self.left)

    def _choices(self, pairs: Collection[Pair]) -> dict[Pair, Choice]:
        windows = {pair: rule.demand_days for pair in pairs if (rule := self.rules.rule_for(*pair))}
        past = histories(windows=windows, at=self.at)
        here = positions(pairs=windows, place_of=self.rules.place_of)
        articles = supplier_articles(
            variant_ids={variant_id for variant_id, _ in windows}, on=timezone.localdate(self.at)
        )
        choices = {}
        for pair in windows:
            rule = self.rules.rule_for(*pair)
            try:
                choice = rule and choose(
                    Need(
                        rule=rule,
                        position=here[pair],
                        history=past[pair],
                        articles=articles.get(pair[0], []),
                        lead_times=self.lead_times,
                        rates=self.rates,
                        at=self.at,
                    )
                )
            except CannotBeBought as refusal:
                self._fault(pair, refusal.reason, refusal.message)
            except Exception as error:  # one article must not stop the others
                logger.exception("article_not_worked_out", variant=pair[0], location=pair[1])
                self._fault(pair, "unexpected", f"{type(error).__name__}: {error}")
            else:
                if choice:
                    choices[pair] = choice
        return choices

    def _fault(self, pair: Pair, code: str, text: str) -> None:
        variant_id, location_id = pair
        self.faults[pair] = ReplenishmentFault(
            run=self.run,
            variant_id=variant_id,
            location_id=location_id,
            code=code,
            text=text[:LONGEST_TEXT],
        )

    def _filled(
        self, proposal: ReplenishmentProposal, pair: Pair, choice: Choice
    ) -> ReplenishmentProposal:
        proposal.run = self.run
        proposal.variant_id, proposal.location_id = pair
        proposal.supplier_id = choice.article.supplier_id
        proposal.supplier_product_id = choice.article.product_id
        proposal.units = choice.suggestion.units
        proposal.unit_cost = choice.unit_cost
        proposal.currency = choice.article.terms.currency
        proposal.position = choice.suggestion.position
        proposal.reorder_point = choice.suggestion.reorder_point
        proposal.target = choice.suggestion.target
        proposal.inputs, proposal.steps = dict(choice.inputs), list(choice.steps)
        return proposal


def _one_at_a_time() -> None:
    """Let runs wait for each other: two would both see that an article has no proposal yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [RUN_LOCK])


def _rates(at: datetime) -> dict[str, Decimal]:
    """Return the rate into book currency of every currency that suppliers ask for, if known."""
    rates = {settings.RETAIL_CURRENCY: Decimal(1)}
    currencies = Supplier.objects.filter(is_active=True).order_by().values_list("currency")
    for (currency,) in currencies.distinct():
        try:
            rates[currency] = exchange_rate(currency, timezone.localdate(at))
        except NoExchangeRate:
            continue
    return rates


def _batches(rules: Rules, location: Location | None) -> Iterator[list[Pair]]:
    """Give what a rule asks about, some articles at a time: those that are dealt in."""
    places = [pk for pk in rules.places if location is None or pk == location.pk]
    variants = Variant.objects.filter(
        is_active=True, is_stocked=True, product__status=Product.Status.ACTIVE
    ).order_by("pk")
    if not any(place in rules.general for place in places):
        variants = variants.filter(pk__in={variant_id for variant_id, _ in rules.own})
    last = 0
    ids = variants.values_list("pk", flat=True)
    while batch := list(ids.filter(pk__gt=last)[:VARIANTS_PER_BATCH]):
        last = batch[-1]
        yield [(pk, place) for pk in batch for place in places if rules.rule_for(pk, place)]


def _dismissed(pairs: Collection[Pair], at: datetime) -> set[Pair]:
    """Return the pairs that a person does not want to see before a day still to come."""
    rows = ReplenishmentProposal.objects.filter(
        status=ReplenishmentProposal.Status.DISMISSED,
        dismissed_until__gt=timezone.localdate(at),
        variant__in={variant_id for variant_id, _ in pairs},
    )
    return set(rows.order_by().values_list("variant_id", "location_id"))
