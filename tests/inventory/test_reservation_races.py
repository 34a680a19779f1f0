"""Promises beside what ends them: expiry, a sale in the store, an adjustment, a second line."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import IntegrityError, OperationalError, models

from inventory.models import Allocation, CountRequest, WithdrawnPromise
from inventory.operations import (
    InsufficientStock,
    NotPromised,
    Taken,
    adjust_stock,
    allocate_stock,
    extend_reservation,
    hand_over_reserved,
    issues,
    posting,
    promises,
    release_expired,
    reserve_stock,
    sell_stock,
    ship_allocated,
)
from inventory.queries import differences
from tests.factories.inventory import STOCKED_AT, LocationFactory, promise, stock
from tests.factories.inventory_promises import put_aside
from tests.inventory.lifted_locks import pools_locked_in_the_order_asked_for, without_locks
from tests.inventory.shared import figures, pool_of
from tests.races import both_read_before_either_writes, race, refusal_among

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
OVER = STOCKED_AT + timedelta(hours=1)


def kinds(outcomes):
    return Counter(type(outcome) for outcome in outcomes)


def sweep():
    return partial(release_expired, limit=100, at=AT)


def shipment(allocation, reference="SH-1"):
    return partial(ship_allocated, units={allocation.pk: 1}, reference=reference, at=AT)


def claim(level, reference="SO-1", units=1):
    return partial(
        allocate_stock,
        location=level.location,
        units={level.variant_id: units},
        reference=reference,
        at=AT,
    )


def store_sale(*levels, reference="POS-1", units=1):
    return partial(
        sell_stock,
        location=levels[0].location,
        units={level.variant_id: units for level in levels},
        reference=reference,
        at=AT,
    )


def loss(level, reference="ADJ-1"):
    return partial(
        adjust_stock,
        location=level.location,
        quantities={level.variant_id: -1},
        reference=reference,
        reason="Broken",
        at=AT,
    )


def extension(allocation):
    return partial(
        extend_reservation,
        allocation_id=allocation.pk,
        expires_at=AT + timedelta(days=1),
        at=AT,
    )


def handing_over(allocation, reference):
    return partial(hand_over_reserved, units={allocation.pk: 1}, reference=reference, at=AT)


def test_expiry_and_shipment_of_one_reservation_exclude_each_other():
    allocation = put_aside(level=stock(units=1, value="5.00"), expires_at=OVER)

    shipped, swept = race(shipment(allocation), sweep())

    allocation.refresh_from_db()
    assert (allocation.shipped, allocation.released) in {(1, 0), (0, 1)}
    assert isinstance(shipped, list) == (allocation.shipped == 1)
    assert isinstance(shipped, NotPromised) == (allocation.released == 1)
    assert [row.units for row in swept] == [1] * allocation.released
    assert figures(allocation.level) == (1 - allocation.shipped, 0)
    assert differences() == []


def test_the_race_of_expiry_and_shipment_is_real_once_the_locks_are_gone():
    """Control: both find the unit promised, so only the constraint is left."""
    allocation = put_aside(level=stock(units=1), expires_at=OVER)

    with without_locks(), both_read_before_either_writes((models.QuerySet, "bulk_update")):
        outcomes = race(shipment(allocation), sweep())

    assert kinds(outcomes) == {list: 1, IntegrityError: 1}
    assert "inventory_allocation_closed_when_consumed" in refusal_among(outcomes)


def test_two_sweeps_at_once_take_back_once():
    level = stock(units=9)
    for n in range(5):
        put_aside(level=level, reference=f"RES-{n}", expires_at=OVER)

    first, second = race(sweep(), sweep())

    assert sorted([len(first), len(second)]) == [0, 5]
    assert WithdrawnPromise.objects.count() == 5
    assert figures(level) == (9, 0)
    assert differences() == []


def test_the_race_of_two_sweeps_is_real_once_the_locks_are_gone():
    """Control: both find the reservation open, so only the constraint is left."""
    put_aside(level=stock(units=9), expires_at=OVER)

    with without_locks(), both_read_before_either_writes((models.QuerySet, "bulk_update")):
        outcomes = race(sweep(), sweep())

    assert kinds(outcomes) == {list: 1, IntegrityError: 1}
    assert "allocated_within_on_hand" in refusal_among(outcomes)


def test_sweeps_beside_new_promises_free_each_unit_once():
    levels = [stock(units=1) for _ in range(4)]
    for n, level in enumerate(levels):
        put_aside(level=level, reference=f"RES-{n}", expires_at=OVER)

    outcomes = race(*(claim(level) for level in levels), sweep(), sweep())

    assert kinds(outcomes[:4]) == {list: 4}
    assert [figures(level) for level in levels] == [(1, 1)] * 4
    assert WithdrawnPromise.objects.count() == 4
    assert differences() == []


def test_the_race_of_sweep_and_promise_is_real_once_the_locks_are_gone():
    """Control: both take the same unit back, and whichever is second runs into a constraint."""
    level = stock(units=1)
    put_aside(level=level, expires_at=OVER)

    with without_locks(), both_read_before_either_writes((models.QuerySet, "bulk_update")):
        outcomes = race(claim(level), sweep())

    assert kinds(outcomes) == {list: 1, IntegrityError: 1}


def test_expiry_and_extension_of_one_reservation_exclude_each_other():
    allocation = put_aside(expires_at=OVER)

    extended, swept = race(extension(allocation), sweep())

    allocation.refresh_from_db()
    assert isinstance(extended, NotPromised) == (len(swept) == 1)
    assert allocation.open_units == 1 - len(swept)
    assert figures(allocation.level) == (1, 1 - len(swept))


def test_the_race_of_expiry_and_extension_is_real_once_the_locks_are_gone():
    """Control: somebody is told that units are kept which are taken back."""
    allocation = put_aside(expires_at=OVER)
    places = [(Allocation, "save"), (models.QuerySet, "bulk_update")]

    with without_locks(), both_read_before_either_writes(*places):
        extended, swept = race(extension(allocation), sweep())

    allocation.refresh_from_db()
    assert (extended, len(swept)) == (allocation, 1)
    assert (allocation.expires_at, allocation.closed_at) == (AT + timedelta(days=1), AT)


def test_two_people_put_the_last_unit_aside_for_one_of_them():
    level = stock(units=1)

    outcomes = race(
        *(
            partial(
                reserve_stock,
                location=level.location,
                units={level.variant_id: 1},
                reference=f"RES-{n}",
                expires_at=AT + timedelta(days=1),
                note="Mrs Smith",
                at=AT,
            )
            for n in range(8)
        )
    )

    assert kinds(outcomes) == {list: 1, InsufficientStock: 7}
    assert figures(level) == (1, 1)


def test_what_is_put_aside_is_handed_over_once():
    allocation = put_aside()

    outcomes = race(*(handing_over(allocation, f"POS-{n}") for n in range(5)))

    assert kinds(outcomes) == {list: 1, NotPromised: 4}
    assert figures(allocation.level) == (0, 0)
    assert differences() == []


def test_the_race_of_two_handing_over_is_real_once_the_locks_are_gone():
    """Control: both find the unit put aside, so only the constraint is left."""
    allocation = put_aside()

    with without_locks(), both_read_before_either_writes((models.QuerySet, "bulk_update")):
        outcomes = race(handing_over(allocation, "POS-1"), handing_over(allocation, "POS-2"))

    assert kinds(outcomes) == {list: 1, IntegrityError: 1}
    assert "inventory_costpool_not_negative" in refusal_among(outcomes)


def test_a_store_sale_and_a_promise_of_the_last_unit_end_with_the_goods_gone():
    level = stock(units=1, value="5.00")

    sold, claimed = race(store_sale(level), claim(level))

    # Whoever was second knew of the first: no promise was made, or it was taken back.
    assert isinstance(claimed, InsufficientStock) or len(sold.withdrawn) == 1
    assert CountRequest.objects.count() == len(sold.withdrawn)
    assert (figures(level), pool_of(level)) == ((0, 0), (0, 0))
    assert differences() == []


def test_the_race_of_sale_and_promise_is_real_once_the_locks_are_gone():
    """Control: the unit is promised that the sale has found free, so the constraint is left."""
    level = stock(units=1)
    places = [(promises, "write_promises"), (posting, "add_to_levels")]

    with without_locks(), both_read_before_either_writes(*places):
        outcomes = race(store_sale(level), claim(level))

    assert "allocated_within_on_hand" in refusal_among(outcomes)


def test_twenty_store_sales_of_one_unit_all_happen():
    level = stock(units=1, value="5.00")

    outcomes = race(*(store_sale(level, reference=f"POS-{n}") for n in range(20)))

    found = level.movements.filter(kind="ADJUSTMENT").count()
    assert [len(taken.movements) for taken in outcomes] == [1] * 20
    assert found == 19
    assert (figures(level), pool_of(level)) == ((0, 0), (0, 0))
    assert CountRequest.objects.count() == 1
    assert differences() == []


def test_the_race_of_two_store_sales_is_real_once_the_locks_are_gone():
    """Control: neither finds that a unit is missing, so only the constraint is left."""
    level = stock(units=1, value="5.00")

    with without_locks(), both_read_before_either_writes((posting, "add_to_pools")):
        outcomes = race(store_sale(level), store_sale(level, reference="POS-2"))

    assert kinds(outcomes) == {Taken: 1, IntegrityError: 1}
    assert "inventory_costpool_not_negative" in refusal_among(outcomes)


def test_the_same_store_sale_twice_at_once_is_booked_once():
    level = stock(units=1)
    promise(level=level)

    first, second = race(store_sale(level, units=2), store_sale(level, units=2))

    assert first == second
    assert len(first.withdrawn) == 1
    assert figures(level) == (0, 0)


def test_the_race_of_one_store_sale_is_real_once_the_locks_are_gone():
    """Control: neither finds the sale booked, so only the constraint is left."""
    level = promise(units=1).level

    with without_locks(), both_read_before_either_writes((models.QuerySet, "bulk_update")):
        outcomes = race(store_sale(level), store_sale(level))

    assert kinds(outcomes) == {Taken: 1, IntegrityError: 1}
    assert "inventory_withdrawnpromise_once_per_act" in refusal_among(outcomes)


def test_store_sales_in_opposite_order_do_not_deadlock():
    location = LocationFactory()
    levels = [stock(units=4, location=location) for _ in range(4)]
    for level in levels:
        promise(level=level, units=4)

    outcomes = race(
        *(store_sale(*levels, reference=f"POS-{n}") for n in range(3)),
        *(store_sale(*reversed(levels), reference=f"POS-{n}") for n in range(3, 6)),
    )

    assert [len(taken.movements) for taken in outcomes] == [4] * 6
    assert [figures(level) for level in levels] == [(0, 0)] * 4
    assert differences() == []


def test_the_deadlock_of_store_sales_is_real_once_pools_are_locked_in_the_order_asked_for():
    """Control: each sale has locked its first article before either asks for its second."""
    location = LocationFactory()
    levels = [stock(units=4, location=location) for _ in range(2)]

    with pools_locked_in_the_order_asked_for(issues):
        outcomes = race(store_sale(*levels), store_sale(*reversed(levels), reference="POS-2"))

    assert kinds(outcomes) == {Taken: 1, OperationalError: 1}
    assert [figures(level) for level in levels] == [(3, 0)] * 2


def test_a_loss_and_a_shipment_never_take_the_same_unit():
    allocation = promise(units=1)

    shipped, lost = race(shipment(allocation), loss(allocation.level))

    # Whoever is second finds nothing left to take.
    assert {type(shipped), type(lost)} & {NotPromised, InsufficientStock}
    assert isinstance(shipped, list) != hasattr(lost, "withdrawn")
    assert figures(allocation.level) == (0, 0)
    assert differences() == []


def test_the_race_of_loss_and_shipment_is_real_once_the_locks_are_gone():
    """Control: both find the unit there and its promise open, so only the constraint is left."""
    allocation = promise(units=1)

    with without_locks(), both_read_before_either_writes((models.QuerySet, "bulk_update")):
        outcomes = race(shipment(allocation), loss(allocation.level))

    assert "inventory_allocation_closed_when_consumed" in refusal_among(outcomes)
