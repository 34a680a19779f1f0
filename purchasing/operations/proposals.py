"""Deciding about what should be bought: ordered, or not."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from django.db import transaction
from django.utils import timezone

from inventory.models import Location
from purchasing.models import (
    PurchaseOrder,
    ReplenishmentProposal,
    ReplenishmentProposalQuerySet,
    Supplier,
)
from purchasing.operations.drafting import (
    InvalidOrderLine,
    NewLine,
    create_purchase_order,
)
from purchasing.operations.ending import MissingReason
from purchasing.queries import supplier_offers
from retail.common.errors import BusinessError, WrongStatus
from retail.common.fields import MAX_UNITS
from retail.common.models import User
from retail.common.money import ZERO, round_amount

Status = ReplenishmentProposal.Status
LONGEST_KEY = 64


class NothingChosen(BusinessError):
    """No proposal was named, or one that does not exist."""


class DayIsOver(BusinessError):
    """Something is put off until a day that has begun."""


@dataclass(frozen=True)
class PlannedOrder:
    """The draft that accepted proposals of one supplier for one location become."""

    supplier: Supplier
    location: Location
    proposals: tuple[ReplenishmentProposal, ...]
    lines: tuple[NewLine, ...]

    @property
    def amount(self) -> Decimal:
        """In the supplier's currency, without tax."""
        costs = (line.units * (line.list_cost or ZERO) for line in self.lines)
        return round_amount(sum(costs, ZERO), self.supplier.currency)

    @property
    def missing(self) -> Decimal:
        """What the supplier's minimum order asks for beyond it."""
        return max((self.supplier.minimum_order_amount or ZERO) - self.amount, ZERO)


def plan_acceptance(
    *,
    proposal_ids: Collection[int],
    at: datetime,
    units: Mapping[int, int] | None = None,
    reason: str = "",
) -> list[PlannedOrder]:
    """
    Return what `accept_proposals` would order now, and write nothing.

    :raises NothingChosen, WrongStatus, InvalidOrderLine, MissingReason: as that would.
    """
    proposals = _chosen(ReplenishmentProposal.objects.all(), proposal_ids)
    return _planned(proposals, _changed(proposals, units or {}, reason), on=at.date())


@transaction.atomic
def accept_proposals(
    *,
    proposal_ids: Collection[int],
    key: str,
    at: datetime,
    by: User | None,
    units: Mapping[int, int] | None = None,
    reason: str = "",
) -> list[PurchaseOrder]:
    """
    Order what was proposed: one new draft for each supplier and location, all of them or none.

    units: proposal id -> units to order instead of those proposed; `reason`, then needed, is kept
    with each of these. A line costs what the supplier asks today for its units, or what it was
    proposed at where there is no price any more.
    key: of this act; a second call with it returns the first orders.
    Locks: the proposals, by primary key.

    :raises NothingChosen: none, or one that does not exist.
    :raises WrongStatus: one was decided before.
    :raises InvalidOrderLine: fewer units than 1. MissingReason: other units, and no reason.
    :raises InactiveSupplier: the supplier was switched off.
    """
    proposals = _chosen(ReplenishmentProposal.objects.for_update(), proposal_ids)
    if earlier := orders_of_acceptance(key):
        return earlier
    changed = _changed(proposals, units or {}, reason)
    orders = []
    for planned in _planned(proposals, changed, on=at.date()):
        wanted = planned.proposals
        order = create_purchase_order(
            supplier=planned.supplier,
            location=planned.location,
            lines=planned.lines,
            reference=f"{_prefix(key)}{planned.supplier.pk}/{planned.location.pk}",
            at=at,
            by=by,
            expected_on=_expected_on(wanted, timezone.localdate(at)),
        )
        lines = {line.variant_id: line for line in order.lines.all()}
        for proposal in wanted:
            proposal.status, proposal.order_line = Status.ACCEPTED, lines[proposal.variant_id]
            proposal.decided_at, proposal.decided_by = at, by
            proposal.reason = reason.strip() if proposal.pk in changed else ""
        orders.append(order)
    ReplenishmentProposal.objects.bulk_update(
        proposals, ["status", "order_line", "decided_at", "decided_by", "reason"], batch_size=500
    )
    return orders


def orders_of_acceptance(key: str) -> list[PurchaseOrder]:
    """Return the drafts that an acceptance with this key made, none if there was none."""
    orders = PurchaseOrder.objects.filter(reference__startswith=_prefix(key))
    return list(orders.order_by("pk"))


@transaction.atomic
def dismiss_proposals(
    *,
    proposal_ids: Collection[int],
    reason: str,
    at: datetime,
    by: User | None,
    until: date | None = None,
) -> list[ReplenishmentProposal]:
    """
    Decide that these are not bought, all of them or none.

    until: the first day on which they may be proposed again; None: by the next run, if they are
    still needed then. What was dismissed before for the same reason and day stays as it is.
    Locks: the proposals, by primary key.

    :raises NothingChosen: none, or one that does not exist.
    :raises MissingReason: the reason is empty. DayIsOver: the day is not after today.
    :raises WrongStatus: one was decided in another way.
    """
    reason = reason.strip()
    if not reason:
        msg = "Say why it is not bought: the reason is kept with the proposal."
        raise MissingReason(msg)
    if until is not None and until <= timezone.localdate(at):
        msg = "Name a day after today, or none at all."
        raise DayIsOver(msg, until=until.isoformat())
    proposals = _chosen(ReplenishmentProposal.objects.for_update(), proposal_ids)
    decision = (Status.DISMISSED, reason, until)
    undecided = [
        each for each in proposals if (each.status, each.reason, each.dismissed_until) != decision
    ]
    _require_open(undecided)
    for proposal in undecided:
        proposal.status, proposal.reason, proposal.dismissed_until = decision
        proposal.decided_at, proposal.decided_by = at, by
    ReplenishmentProposal.objects.bulk_update(
        undecided, ["status", "reason", "dismissed_until", "decided_at", "decided_by"]
    )
    return proposals


def _prefix(key: str) -> str:
    """Return how references of the orders begin; a long key would leave no room for the rest."""
    if len(key) > LONGEST_KEY:
        key = hashlib.sha256(key.encode()).hexdigest()
    return f"accept/{key}/"


def _chosen(
    proposals: ReplenishmentProposalQuerySet, proposal_ids: Collection[int]
) -> list[ReplenishmentProposal]:
    """Return the proposals that were named, by primary key."""
    chosen = list(
        proposals.select_related("variant", "location")
        .filter(pk__in=list(proposal_ids))
        .order_by("pk")
    )
    if not chosen or len(chosen) < len(set(proposal_ids)):
        msg = "Choose what to buy; something that was chosen is not there."
        raise NothingChosen(msg, proposals=sorted(set(proposal_ids)))
    return chosen


def _require_open(proposals: Sequence[ReplenishmentProposal]) -> None:
    for proposal in proposals:
        if proposal.status != Status.OPEN:
            msg = (
                f"{proposal.variant} for {proposal.location} was decided before:"
                f" {proposal.get_status_display().lower()}. Nothing was done."
            )
            raise WrongStatus(msg, status=proposal.status, proposal=proposal.pk)


def _changed(
    proposals: Sequence[ReplenishmentProposal], units: Mapping[int, int], reason: str
) -> dict[int, int]:
    """Return proposal id -> units, of those that are to be ordered in other units; all are open."""
    _require_open(proposals)
    by_id = {proposal.pk: proposal for proposal in proposals}
    changed = {pk: count for pk, count in units.items() if pk in by_id and count != by_id[pk].units}
    for pk, count in changed.items():
        if not 1 <= count < MAX_UNITS:
            msg = f"{by_id[pk].variant}: at least one unit is ordered. Dismiss it to order none."
            raise InvalidOrderLine(msg, variant=by_id[pk].variant_id, units=count)
    if changed and not reason.strip():
        pk = min(changed)
        msg = (
            f"Say why other units are ordered than proposed, {changed[pk]:,} of"
            f" {by_id[pk].variant} instead of {by_id[pk].units:,}."
        )
        raise MissingReason(msg, proposals=sorted(changed))
    return changed


def _planned(
    proposals: Sequence[ReplenishmentProposal], changed: Mapping[int, int], *, on: date
) -> list[PlannedOrder]:
    """Return the orders that these make, by supplier and location."""
    groups: dict[tuple[int, int], list[ReplenishmentProposal]] = defaultdict(list)
    for proposal in proposals:
        groups[proposal.supplier_id, proposal.location_id].append(proposal)
    suppliers = Supplier.objects.in_bulk([supplier_id for supplier_id, _ in groups])
    places = Location.objects.in_bulk([location_id for _, location_id in groups])
    return [
        PlannedOrder(
            supplier=suppliers[supplier_id],
            location=places[location_id],
            proposals=tuple(wanted),
            lines=_new_lines(supplier_id, wanted, changed, on=on),
        )
        for (supplier_id, location_id), wanted in sorted(groups.items())
    ]


def _new_lines(
    supplier_id: int,
    proposals: Sequence[ReplenishmentProposal],
    changed: Mapping[int, int],
    *,
    on: date,
) -> tuple[NewLine, ...]:
    wanted = {each.pk: (each.variant_id, changed.get(each.pk, each.units)) for each in proposals}
    offers = supplier_offers(supplier_id=supplier_id, wanted=set(wanted.values()), on=on)
    return tuple(
        NewLine(
            variant_id=proposal.variant_id,
            units=wanted[proposal.pk][1],
            list_cost=(
                offer.unit_cost
                if (offer := offers.get(wanted[proposal.pk]))
                else proposal.unit_cost
            ),
        )
        for proposal in proposals
    )


def _expected_on(proposals: Sequence[ReplenishmentProposal], today: date) -> date:
    """Return the day on which the slowest of them should be there."""
    lead_times = [Decimal(each.inputs["lead_time"]["days"]) for each in proposals]
    return today + timedelta(days=int(max(lead_times).to_integral_value(ROUND_CEILING)))
