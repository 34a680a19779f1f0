"""Orders that wait race for one unit that came in: one gets it, the others go on waiting."""

from functools import partial
from unittest import mock

import pytest
from django.db import models

from inventory.models import StockLevelQuerySet
from inventory.operations import promises
from orders.operations import allocate_waiting, reject_pieces, reroute, serve_order
from orders.operations.rejecting import UnservedPieces
from orders.queries import differences
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders import open_order
from tests.inventory.shared import figures
from tests.orders.places import elsewhere, promised_at
from tests.races import both_read_before_either_writes, race, refusal_among

pytestmark = pytest.mark.django_db(transaction=True)


def waiting_for_one_unit(orders):
    """Return a level with one free unit, and orders that each wait for one."""
    level = stock(units=1)
    open_order(level=level, quantity=1)
    waiting = [open_order(level=level, quantity=1) for _ in range(orders)]
    stock(variant=level.variant, location=level.location, units=1, reference="GR-one")
    return level, waiting


def test_one_unit_goes_to_one_of_those_who_wait():
    level, orders = waiting_for_one_unit(4)

    outcomes = race(*(partial(serve_order, order_id=order.pk, at=NOON) for order in orders))

    assert sorted(outcome.units for outcome in outcomes) == [0, 0, 0, 1]
    assert sorted(sum(promised_at(order).values()) for order in orders) == [0, 0, 0, 1]
    assert figures(level) == (2, 2)
    assert differences() == []


def test_whole_turn_taken_twice_at_once_serves_once():
    level, orders = waiting_for_one_unit(3)

    served = race(partial(allocate_waiting, at=NOON), partial(allocate_waiting, at=NOON))

    assert sum(served) == 1
    assert promised_at(orders[0]) == {level.location_id: 1}
    assert figures(level) == (2, 2)
    assert differences() == []


def test_the_race_for_one_unit_is_real_once_the_lock_is_gone():
    """Control: both find the unit free before either takes it; only the constraint is left."""
    level, orders = waiting_for_one_unit(2)

    with (
        mock.patch.object(StockLevelQuerySet, "for_update", models.QuerySet.all),
        both_read_before_either_writes((promises, "write_promises")),
    ):
        outcomes = race(*(partial(serve_order, order_id=order.pk, at=NOON) for order in orders))

    assert "allocated_within_on_hand" in refusal_among(outcomes)
    assert sorted(sum(promised_at(order).values()) for order in orders) == [0, 1]
    assert figures(level) == (2, 2)


def test_rejections_of_two_places_at_once_never_wait_for_each_other_in_a_circle():
    """Each gives back at one place and promises at the other: levels are locked by their key."""
    here = stock(units=9)
    there = elsewhere(here, units=9)
    orders = [open_order(level=here, quantity=1) for _ in range(6)]
    for order in orders[3:]:
        reroute(order_id=order.pk, location_id=there.location_id, key="move", at=NOON)
    places = [here] * 3 + [there] * 3

    outcomes = race(
        *(
            partial(
                reject_pieces,
                pieces=UnservedPieces(
                    line_id=order.lines.get().pk, location_id=level.location_id, quantity=1
                ),
                reason="NO_TIME",
                key="form",
                at=NOON,
            )
            for order, level in zip(orders, places, strict=True)
        )
    )

    assert [type(outcome).__name__ for outcome in outcomes] == ["RoutingRejection"] * 6
    assert [promised_at(order) for order in orders] == [
        *[{there.location_id: 1}] * 3,
        *[{here.location_id: 1}] * 3,
    ]
    assert (figures(here), figures(there)) == ((9, 3), (9, 3))
    assert differences() == []


def test_same_rejection_told_six_times_at_once_counts_once():
    level = stock(units=9)
    other = elsewhere(level)
    order = open_order(level=level, quantity=2)
    line_id = order.lines.get().pk
    call = partial(
        reject_pieces,
        pieces=UnservedPieces(line_id=line_id, location_id=level.location_id, quantity=1),
        reason="NOT_FOUND",
        key="form",
        at=NOON,
    )

    rejections = race(*[call] * 6)

    assert len({rejection.pk for rejection in rejections}) == 1
    assert promised_at(order) == {level.location_id: 1, other.location_id: 1}
    assert differences() == []
