"""The last units are wanted back and sold at the same moment: one gets them."""

from collections import Counter
from decimal import Decimal
from functools import partial

import pytest
from django.db import IntegrityError

from inventory.models import CostMovement
from inventory.operations import (
    InsufficientStock,
    goods_back,
    issue_stock,
    issues,
    return_to_supplier,
    reverse_receipt,
)
from inventory.queries import differences
from tests.factories.common import NOON
from tests.factories.inventory import promise, stock
from tests.inventory.lifted_locks import pools_locked_in_the_order_asked_for, without_locks
from tests.inventory.shared import figures, pool_of
from tests.races import both_read_before_either_writes, race, refusal_among

pytestmark = pytest.mark.django_db(transaction=True)


def back(*levels, reference, units=1, act=return_to_supplier):
    return partial(
        act,
        units={(level.location_id, level.variant_id): units for level in levels},
        credits={level.variant_id: Decimal(1) for level in levels},
        reference=reference,
        at=NOON,
    )


def sale(level, *, reference="S-1", units=1):
    return partial(
        issue_stock,
        location=level.location,
        units={level.variant_id: units},
        kind="SALE",
        reference=reference,
        at=NOON,
    )


def kinds(outcomes):
    return Counter(type(outcome) for outcome in outcomes)


def test_the_last_units_go_back_once():
    level = stock(units=3, value="10.00")

    outcomes = race(back(level, reference="SR-1", units=3), back(level, reference="SR-2", units=3))

    assert kinds(outcomes) == {list: 1, InsufficientStock: 1}
    assert figures(level) == (0, 0)
    assert pool_of(level) == (0, 0)
    assert differences() == []


def test_the_last_unit_goes_back_or_is_sold():
    level = stock(units=1, value="10.00")

    outcomes = race(back(level, reference="SR-1"), sale(level))

    assert kinds(outcomes) == {list: 1, InsufficientStock: 1}
    assert figures(level) == (0, 0)
    assert differences() == []


def test_the_same_return_twice_at_once_is_one():
    level = stock(units=3, value="10.00")

    outcomes = race(back(level, reference="SR-1"), back(level, reference="SR-1"))

    assert kinds(outcomes) == {list: 2}
    assert figures(level) == (2, 0)
    assert CostMovement.objects.filter(reference="SR-1").count() == 2
    assert differences() == []


def test_receipt_taken_back_beside_a_sale_takes_the_promise():
    level = stock(units=2, value="10.00")
    promise(level=level)

    outcomes = race(
        back(level, reference="GR-1", act=reverse_receipt), sale(level, reference="S-1")
    )

    # The sale gets the free unit before the reversal, which then takes the promised one; after a
    # reversal, which takes the free unit first, only the promised one is left.
    assert kinds(outcomes) in ({list: 2}, {list: 1, InsufficientStock: 1})
    assert differences() == []


@pytest.mark.parametrize("act", [return_to_supplier, reverse_receipt])
def test_the_race_is_real_once_the_locks_are_gone(act):
    """Control: both read before either writes, so only the constraint is left."""
    level = stock(units=1, value="10.00")

    with (
        without_locks(),
        both_read_before_either_writes((goods_back, "post_act"), (issues, "post_act")),
    ):
        outcomes = race(
            back(level, reference="SR-1", act=act), back(level, reference="SR-2", act=act)
        )

    assert kinds(outcomes) == {list: 1, IntegrityError: 1}
    assert "on_hand" in refusal_among(outcomes) or "costpool" in refusal_among(outcomes)
    assert figures(level) == (0, 0)


def test_returns_of_the_same_articles_in_opposite_order_wait_for_each_other():
    first, second = stock(units=2), stock(units=2, reference="GR-2")

    outcomes = race(back(first, second, reference="SR-1"), back(second, first, reference="SR-2"))

    assert kinds(outcomes) == {list: 2}
    assert [figures(first), figures(second)] == [(0, 0), (0, 0)]


def test_opposite_order_would_be_a_deadlock_without_the_one_order():
    """Control: locked in the order of the document, each waits for the other."""
    first, second = stock(units=2), stock(units=2, reference="GR-2")

    with pools_locked_in_the_order_asked_for(goods_back):
        outcomes = race(
            back(first, second, reference="SR-1"), back(second, first, reference="SR-2")
        )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["OperationalError", "list"]
