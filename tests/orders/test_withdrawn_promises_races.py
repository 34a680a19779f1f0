"""Goods that two want at the same moment, when one of them was promised them."""

from threading import Barrier
from unittest import mock

import pytest
from django.db import IntegrityError, models

from inventory import queries as inventory_queries
from inventory.models import (
    AllocationQuerySet,
    CostPoolQuerySet,
    StockLevel,
    StockLevelQuerySet,
    StockMovement,
    WithdrawnPromise,
)
from inventory.operations import InsufficientStock, NotPromised, adjust_stock, sell_stock
from orders.models import LineAllocation
from orders.operations import (
    OrderOnHold,
    cancel_order,
    promised,
    putting_back,
    settle_withdrawn,
    ship,
)
from orders.queries import differences
from tests.factories.common import NOON
from tests.factories.orders import open_order
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


def losing(level, units=1, reference="ADJ-1"):
    return lambda: adjust_stock(
        location=level.location,
        quantities={level.variant_id: -units},
        reference=reference,
        reason="Dropped.",
        at=NOON,
    )


def shipping(order):
    return lambda: ship(order_id=order.pk, key="parcel", at=NOON)


def level_of(order):
    return LineAllocation.objects.get(line__order=order).allocation.level


def all_differences():
    return [*differences(), *inventory_queries.differences()]


@pytest.mark.parametrize("attempt", range(5))
def test_last_unit_is_shipped_or_lost_and_never_both(attempt):
    order = open_order(units=1, quantity=1)
    level = level_of(order)

    shipped, lost = race(shipping(order), losing(level))

    is_shipped = not isinstance(shipped, Exception)
    settle_withdrawn(order_id=order.pk, at=NOON)
    assert isinstance(lost, InsufficientStock) is is_shipped
    assert is_shipped or isinstance(shipped, NotPromised | OrderOnHold)
    assert StockMovement.objects.filter(quantity=-1).count() == 1
    assert (StockLevel.objects.get().on_hand, StockLevel.objects.get().allocated) == (0, 0)
    assert all_differences() == []


def test_the_race_for_the_last_unit_is_real_once_the_locks_are_gone():
    """Control: both read the promise before either writes, so only the constraint is left."""
    order = open_order(units=1, quantity=1)
    level = level_of(order)
    both_have_read, write = Barrier(2), AllocationQuerySet.bulk_update

    def write_after_both_have_read(self, *args, **kwargs):
        both_have_read.wait(timeout=5)
        return write(self, *args, **kwargs)

    with (
        mock.patch.object(CostPoolQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(StockLevelQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(AllocationQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(AllocationQuerySet, "bulk_update", write_after_both_have_read),
    ):
        outcomes = race(shipping(order), losing(level))

    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert isinstance(refused, IntegrityError)
    assert "inventory_allocation_closed_when_consumed" in str(refused)


@pytest.mark.parametrize("attempt", range(5))
def test_order_can_be_cancelled_while_its_goods_are_sold_over_the_counter(attempt):
    order = open_order(units=2, quantity=2)
    level = level_of(order)

    outcomes = race(
        lambda: cancel_order(order_id=order.pk, reason="No longer wanted.", key="call", at=NOON),
        lambda: sell_stock(
            location=level.location, units={level.variant_id: 1}, reference="FU-9", at=NOON
        ),
    )

    order.refresh_from_db()
    assert not any(isinstance(outcome, Exception) for outcome in outcomes)
    assert order.lifecycle == "CANCELLED"
    assert (StockLevel.objects.get().on_hand, StockLevel.objects.get().allocated) == (1, 0)
    settle_withdrawn(order_id=order.pk, at=NOON)
    assert all_differences() == []


def test_the_race_of_cancelling_is_real_once_the_levels_are_not_locked_first():
    """Control: the sale takes the promise after the cancelling has read it."""
    order = open_order(units=2, quantity=2)
    level = level_of(order)
    has_read, is_sold = Barrier(2), Barrier(2)

    def sell():
        has_read.wait(timeout=5)
        sell_stock(location=level.location, units={level.variant_id: 1}, reference="FU-9", at=NOON)
        is_sold.wait(timeout=5)

    def give_back_late(**arguments):
        has_read.wait(timeout=5)
        is_sold.wait(timeout=5)
        return give_back(**arguments)

    give_back = putting_back.give_back
    with (
        mock.patch.object(promised, "lock_stock"),
        mock.patch.object(putting_back, "give_back", give_back_late),
    ):
        cancelled, _ = race(
            lambda: cancel_order(
                order_id=order.pk, reason="No longer wanted.", key="call", at=NOON
            ),
            sell,
        )

    assert isinstance(cancelled, NotPromised)


def test_settling_at_once_settles_once():
    order = open_order(units=5, quantity=5)
    losing(level_of(order), units=3)()

    settled = race(*[lambda: settle_withdrawn(order_id=order.pk, at=NOON)] * 6)

    assert sorted(settled) == [0, 0, 0, 0, 0, 3]
    assert LineAllocation.objects.get().units == 2
    assert WithdrawnPromise.objects.filter(settled_at=NOON).count() == 1
    assert all_differences() == []
