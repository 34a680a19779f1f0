"""What a plan to adjust says is what the adjustment then does."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.models import Location
from inventory.operations import (
    InsufficientStock,
    InvalidQuantity,
    NotStocked,
    PeriodClosed,
    ReasonMissing,
    ReferenceUsed,
    UnknownLocation,
    adjust_stock,
    plan_adjustment,
)
from inventory.operations.promises import choose_to_withdraw
from tests.factories.catalog import VariantFactory
from tests.factories.inventory import STOCKED_AT, LocationFactory, promise, stock
from tests.factories.inventory_promises import close_books, put_aside
from tests.inventory.shared import everything, figures, pool_of

pytestmark = pytest.mark.django_db
LATER = STOCKED_AT + timedelta(days=1)


def planned(level, quantity, **changes):
    values = {"reference": "ADJ-1", "reason": "Broken", "at": LATER} | changes
    return plan_adjustment(
        location=level.location, variant_id=level.variant_id, quantity=quantity, **values
    )


def adjusted(level, quantity, **changes):
    values = {"reference": "ADJ-1", "reason": "Broken", "at": LATER} | changes
    return adjust_stock(location=level.location, quantities={level.variant_id: quantity}, **values)


def given_back(pairs):
    return [(promise.reference, units) for promise, units in pairs]


def test_plan_says_what_the_adjustment_then_does():
    level = stock(units=10, value="25.00")
    promise(level=level, units=4, reference="SO-old", at=STOCKED_AT)
    promise(level=level, units=4, reference="SO-young", at=STOCKED_AT + timedelta(hours=1))
    put_aside(level=level, units=2, expires_at=STOCKED_AT + timedelta(hours=2))

    plan = planned(level, -7)
    taken = adjusted(level, -7)

    assert given_back(plan.withdrawn) == [("RES-1", 2), ("SO-young", 4), ("SO-old", 1)]
    assert given_back(plan.withdrawn) == [
        (withdrawn.allocation.reference, withdrawn.units) for withdrawn in taken.withdrawn
    ]
    assert (plan.on_hand, plan.allocated) == figures(level) == (3, 3)
    assert plan.value == taken.movements[0].cost_value == Decimal("-17.50")


def test_plan_of_units_found_says_what_they_are_worth():
    level = stock(units=10, value="25.00")

    plan = planned(level, 2)
    adjusted(level, 2)

    assert (plan.on_hand, plan.withdrawn, plan.value) == (12, (), Decimal("5.00"))
    assert pool_of(level) == (12, Decimal("30.00"))


def test_plan_for_where_the_article_never_was():
    level = stock(units=10, value="25.00")
    elsewhere = LocationFactory()

    plan = plan_adjustment(
        location=elsewhere,
        variant_id=level.variant_id,
        quantity=1,
        reference="ADJ-1",
        reason="Found",
        at=LATER,
    )

    assert (plan.level.on_hand, plan.on_hand, plan.value) == (0, 1, Decimal("2.50"))


def test_plan_changes_nothing():
    level = stock(units=5)
    promise(level=level, units=5)
    before = everything()

    planned(level, -3)

    assert everything() == before


def test_plan_of_what_is_done_already_is_none():
    level = stock(units=5)
    adjusted(level, -3)

    assert planned(level, -3) is None


@pytest.mark.parametrize(
    ("quantity", "changes", "refusal"),
    [
        (0, {}, InvalidQuantity),
        (-6, {}, InsufficientStock),
        (-1, {"reason": " "}, ReasonMissing),
        (1_000_000_000, {}, InvalidQuantity),
        (-1, {"at": STOCKED_AT - timedelta(days=400)}, PeriodClosed),
    ],
)
def test_plan_refuses_what_the_adjustment_refuses(quantity, changes, refusal):
    level = stock(units=5)
    close_books(ends_at=STOCKED_AT - timedelta(days=300))
    before = everything()

    for act in (planned, adjusted):
        with pytest.raises(refusal):
            act(level, quantity, **changes)

    assert everything() == before


def test_plan_refuses_a_reference_of_other_units():
    level = stock(units=5)
    adjusted(level, -3)

    with pytest.raises(ReferenceUsed):
        planned(level, -2)


@pytest.mark.parametrize(
    ("place", "article", "refusal"),
    [
        (LocationFactory, lambda: VariantFactory(is_stocked=False), NotStocked),
        (lambda: Location(pk=4711), VariantFactory, UnknownLocation),
    ],
)
def test_plan_refuses_what_can_have_no_stock(place, article, refusal):
    with pytest.raises(refusal):
        plan_adjustment(
            location=place(),
            variant_id=article().pk,
            quantity=1,
            reference="ADJ-1",
            reason="Found",
            at=LATER,
        )


@settings(deadline=None, max_examples=25)
@given(
    promised=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3)), max_size=6),
    quantity=st.integers(-30, -1),
)
def test_plan_and_adjustment_always_agree(promised, quantity):
    level = stock(units=30)
    for number, (units, hours) in enumerate(promised):
        promise(
            level=level,
            units=units,
            reference=f"SO-{number}",
            at=STOCKED_AT + timedelta(hours=hours),
        )

    plan = planned(level, quantity)
    taken = adjusted(level, quantity)

    assert given_back(plan.withdrawn) == [
        (withdrawn.allocation.reference, withdrawn.units) for withdrawn in taken.withdrawn
    ]
    assert (plan.on_hand, plan.allocated) == figures(level)


def test_nothing_is_chosen_where_nothing_is_short():
    allocation = promise()

    assert choose_to_withdraw([allocation], {allocation.level_id: 0}, at=LATER) == {}
