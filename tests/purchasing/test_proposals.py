"""Deciding about what should be bought."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from purchasing import operations
from purchasing.models import PurchaseOrder, ReplenishmentProposal
from purchasing.operations import (
    DayIsOver,
    InactiveSupplier,
    InvalidOrderLine,
    MissingReason,
    NothingChosen,
)
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import SupplierFactory
from tests.factories.purchasing_replenishment import proposal, replenish

pytestmark = pytest.mark.django_db

Status = ReplenishmentProposal.Status
DAY = timedelta(days=1)


def accept(*proposals, key="form", **values):
    said = {"at": NOON, "by": None} | values
    return operations.accept_proposals(
        proposal_ids=[each.pk for each in proposals], key=key, **said
    )


def dismiss(*proposals, reason="End of the season.", **values):
    said = {"at": NOON, "by": None} | values
    return operations.dismiss_proposals(
        proposal_ids=[each.pk for each in proposals], reason=reason, **said
    )


def undecided(*proposals):
    """Tell whether these are open still, and nothing was ordered."""
    statuses = ReplenishmentProposal.objects.filter(pk__in=[each.pk for each in proposals])
    return (
        set(statuses.values_list("status", flat=True)) == {Status.OPEN}
        and not PurchaseOrder.objects.exists()
    )


def test_accepted_proposals_become_one_draft_per_supplier_and_location():
    buyer, supplier, place = UserFactory(), SupplierFactory(), LocationFactory()
    pens = proposal(supplier=supplier, location=place)
    inks = proposal(supplier=supplier, location=place, unit_cost="7.25")
    elsewhere = proposal(supplier=supplier)
    other = proposal(location=place)

    orders = accept(pens, inks, elsewhere, other, by=buyer)

    assert [(order.supplier, order.location) for order in orders] == [
        (supplier, place),
        (supplier, elsewhere.location),
        (other.supplier, place),
    ]
    first = orders[0]
    assert (first.status, first.raised_by, first.expected_on) == (
        "DRAFT",
        buyer,
        date(2026, 11, 29),
    )
    assert list(
        first.lines.order_by("position").values_list("variant", "ordered", "unit_cost")
    ) == [(pens.variant_id, 20, Decimal("2.5")), (inks.variant_id, 20, Decimal("7.25"))]
    pens.refresh_from_db()
    assert (pens.status, pens.decided_by, pens.decided_at, pens.order_line) == (
        Status.ACCEPTED,
        buyer,
        NOON,
        first.lines.get(variant=pens.variant_id),
    )


def test_accepting_twice_with_the_same_key_orders_once():
    some = [proposal(), proposal()]

    first, second = accept(*some), accept(*some)

    assert first == second == list(PurchaseOrder.objects.order_by("pk"))


def test_run_after_accepting_proposes_nothing_again():
    accept(proposal(), proposal())

    run = replenish()

    assert (run.considered, run.proposed, run.renewed, run.withdrawn) == (2, 0, 0, 0)


def test_cancelled_draft_is_proposed_again():
    [order] = accept(proposal())
    operations.cancel(order_id=order.pk, reason="Typed twice.", at=NOON, by=None)

    assert replenish().proposed == 1


def test_buyer_orders_other_units_and_says_why():
    changed = proposal(tiers=[(30, "2.00")])
    same = proposal(supplier=changed.supplier, location=changed.location)

    [order] = accept(
        changed, same, units={changed.pk: 36, same.pk: 20}, reason=" Fair in December. "
    )

    assert list(order.lines.order_by("position").values_list("ordered", "unit_cost")) == [
        (36, 2),
        (20, Decimal("2.5")),
    ]
    changed.refresh_from_db()
    same.refresh_from_db()
    assert (changed.units, changed.reason, same.reason) == (20, "Fair in December.", "")


def test_other_units_without_a_reason_are_refused():
    wanted = proposal()

    with pytest.raises(MissingReason, match=r"30 of .* instead of 20\."):
        accept(wanted, units={wanted.pk: 30}, reason=" ")

    assert undecided(wanted)


def test_no_units_are_refused():
    wanted = proposal()

    with pytest.raises(InvalidOrderLine, match="Dismiss it to order none"):
        accept(wanted, units={wanted.pk: 0}, reason="None.")

    assert undecided(wanted)


def test_price_that_is_over_is_taken_as_proposed():
    wanted = proposal()
    wanted.supplier_product.prices.all().delete()

    [order] = accept(wanted)

    assert order.lines.get().unit_cost == Decimal("2.5")


def test_nothing_is_ordered_when_one_was_decided_before():
    decided, wanted = proposal(), proposal()
    dismiss(decided)

    with pytest.raises(WrongStatus, match="was decided before: dismissed"):
        accept(decided, wanted)

    assert undecided(wanted)


def test_proposal_that_is_not_there_is_refused():
    wanted = proposal()

    with pytest.raises(NothingChosen):
        operations.accept_proposals(
            proposal_ids=[wanted.pk, wanted.pk + 1], key="form", at=NOON, by=None
        )
    with pytest.raises(NothingChosen):
        accept()

    assert undecided(wanted)


def test_supplier_who_was_switched_off_gets_no_order():
    wanted = proposal()
    wanted.supplier.is_active = False
    wanted.supplier.save()

    with pytest.raises(InactiveSupplier):
        accept(wanted)

    assert undecided(wanted)


def test_dismissed_is_not_proposed_before_its_day():
    buyer, wanted = UserFactory(), proposal()

    dismiss(wanted, until=date(2026, 11, 25), by=buyer)

    wanted.refresh_from_db()
    assert (wanted.status, wanted.reason, wanted.decided_by, wanted.dismissed_until) == (
        Status.DISMISSED,
        "End of the season.",
        buyer,
        date(2026, 11, 25),
    )
    assert [replenish(at=NOON + days * DAY).proposed for days in (0, 2, 3)] == [0, 0, 1]


def test_dismissed_without_a_day_is_proposed_by_the_next_run():
    dismiss(proposal())

    assert replenish().proposed == 1


def test_dismissing_twice_is_dismissing_once():
    wanted = proposal()
    dismiss(wanted)

    dismiss(wanted, at=NOON + DAY)

    wanted.refresh_from_db()
    assert wanted.decided_at == NOON


def test_dismissing_needs_a_reason():
    wanted = proposal()

    with pytest.raises(MissingReason):
        dismiss(wanted, reason="  ")

    assert undecided(wanted)


def test_day_that_has_begun_is_refused():
    wanted = proposal()

    with pytest.raises(DayIsOver):
        dismiss(wanted, until=NOON.date())

    assert undecided(wanted)


def test_accepted_cannot_be_dismissed():
    wanted = proposal()
    accept(wanted)

    with pytest.raises(WrongStatus):
        dismiss(wanted)

    wanted.refresh_from_db()
    assert wanted.status == Status.ACCEPTED
