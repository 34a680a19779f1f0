"""Several people want the same units: the lock decides, and the constraint stands behind it."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from threading import Barrier
from unittest import mock

import pytest
from django.db import IntegrityError, OperationalError, models

from inventory.models import Allocation, AllocationQuerySet, StockLevel, StockLevelQuerySet
from inventory.operations import (
    InsufficientStock,
    NotPromised,
    Received,
    adjust_stock,
    allocate_stock,
    correct_cost,
    issue_stock,
    promises,
    receive_stock,
    release_allocation,
    ship_allocated,
)
from inventory.queries import differences
from tests.factories.catalog import VariantFactory
from tests.factories.inventory import LocationFactory, promise, stock
from tests.inventory.shared import figures, pool_of
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def claim(*levels, reference, units=1):
    """Return the call that promises units of these levels, in this order."""
    return partial(
        allocate_stock,
        location=levels[0].location,
        units={level.variant_id: units for level in levels},
        reference=reference,
        at=AT,
    )


def sale(*levels, reference):
    return partial(
        issue_stock,
        location=levels[0].location,
        units={level.variant_id: 1 for level in levels},
        kind="SALE",
        reference=reference,
        at=AT,
    )


def kinds(outcomes):
    return Counter(type(outcome) for outcome in outcomes)


def test_the_last_unit_goes_to_one_of_twenty_buyers():
    level = stock(units=1)

    outcomes = race(*(claim(level, reference=f"SO-{n}") for n in range(20)))

    assert kinds(outcomes) == {list: 1, InsufficientStock: 19}
    assert figures(level) == (1, 1)
    assert Allocation.objects.count() == 1
    assert differences() == []


def test_the_race_is_real_once_the_lock_is_gone():
    """Control: both callers read before either writes, so only the constraint is left."""
    level = stock(units=1)
    both_have_read, write = Barrier(2), promises.write_promises

    def write_after_both_have_read(*changes):
        both_have_read.wait(timeout=10)
        return write(*changes)

    with (
        mock.patch.object(StockLevelQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(promises, "write_promises", write_after_both_have_read),
    ):
        outcomes = race(claim(level, reference="SO-1"), claim(level, reference="SO-2"))

    refusals = [outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]
    assert kinds(outcomes) == {list: 1, IntegrityError: 1}
    assert "allocated_within_on_hand" in str(refusals[0])
    assert figures(level) == (1, 1)


def test_the_same_document_twice_at_once_is_promised_once():
    level = stock(units=9)

    first, second = race(claim(level, reference="SO-1"), claim(level, reference="SO-1"))

    assert first == second
    assert figures(level) == (9, 1)


def test_two_documents_in_opposite_order_do_not_deadlock():
    location = LocationFactory()
    levels = [stock(units=100, location=location) for _ in range(6)]

    outcomes = race(
        *(claim(*levels, reference=f"SO-{n}") for n in range(5)),
        *(claim(*reversed(levels), reference=f"SO-{n}") for n in range(5, 10)),
    )

    assert kinds(outcomes) == {list: 10}
    assert [figures(level) for level in levels] == [(100, 10)] * 6


def test_the_deadlock_is_real_once_levels_are_locked_in_the_order_asked_for():
    """Control: each document has locked its first article before either asks for its second."""
    location = LocationFactory()
    levels = [stock(units=100, location=location) for _ in range(2)]
    both_have_one = Barrier(2)

    def lock_one_by_one(locations, variant_ids):
        locked = []
        for variant_id in variant_ids:
            locked += StockLevel.objects.for_update().filter(
                location__in=locations, variant_id=variant_id
            )
            if len(locked) == 1:
                both_have_one.wait(timeout=10)
        return locked

    with mock.patch.object(promises, "lock_existing_levels", lock_one_by_one):
        outcomes = race(
            claim(*levels, reference="SO-1"), claim(*reversed(levels), reference="SO-2")
        )

    assert kinds(outcomes) == {list: 1, OperationalError: 1}
    assert [figures(level) for level in levels] == [(100, 1)] * 2


def test_sales_and_shipments_in_opposite_order_do_not_deadlock():
    location = LocationFactory()
    levels = [stock(units=20, value="60.00", location=location) for _ in range(4)]
    allocations = [promise(level=level, units=5) for level in reversed(levels)]

    outcomes = race(
        *(sale(*levels, reference=f"S-{n}") for n in range(3)),
        *(sale(*reversed(levels), reference=f"S-{n}") for n in range(3, 6)),
        *(
            partial(
                ship_allocated,
                units={allocation.pk: 1 for allocation in allocations},
                reference=f"SH-{n}",
                at=AT,
            )
            for n in range(4)
        ),
    )

    assert kinds(outcomes) == {list: 10}
    assert [figures(level) for level in levels] == [(10, 1)] * 4
    assert [pool_of(level) for level in levels] == [(10, 30)] * 4
    assert differences() == []


def test_release_and_shipment_of_one_promise_exclude_each_other():
    allocation = promise(level=stock(units=1), units=1)

    outcomes = race(
        partial(ship_allocated, units={allocation.pk: 1}, reference="SH-1", at=AT),
        partial(release_allocation, units={allocation.pk: 1}, at=AT),
    )

    allocation.refresh_from_db()
    assert kinds(outcomes) == {list: 1, NotPromised: 1}
    assert allocation.shipped + allocation.released == 1
    assert figures(allocation.level) == (1 - allocation.shipped, 0)
    assert differences() == []


def test_the_race_of_release_and_shipment_is_real_once_the_locks_are_gone():
    """Control: both find the unit promised before either writes, so the constraint is left."""
    allocation = promise(level=stock(units=1), units=1)
    both_have_read, write = Barrier(2), models.QuerySet.bulk_update

    def write_after_both_have_read(*args, **kwargs):
        both_have_read.wait(timeout=10)
        return write(*args, **kwargs)

    with (
        mock.patch.object(StockLevelQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(AllocationQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(models.QuerySet, "bulk_update", write_after_both_have_read),
    ):
        outcomes = race(
            partial(ship_allocated, units={allocation.pk: 1}, reference="SH-1", at=AT),
            partial(release_allocation, units={allocation.pk: 1}, at=AT),
        )

    refusals = [outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]
    assert kinds(outcomes) == {list: 1, IntegrityError: 1}
    assert "inventory_allocation_closed_when_consumed" in str(refusals[0])


def test_the_same_shipment_twice_at_once_leaves_once():
    allocation = promise(level=stock(units=2), units=2)
    ship = partial(ship_allocated, units={allocation.pk: 1}, reference="SH-1", at=AT)

    first, second = race(ship, ship)

    assert first == second
    assert figures(allocation.level) == (1, 1)


def test_twenty_sales_of_the_last_unit_sell_it_once():
    level = stock(units=1, value="5.00")

    outcomes = race(*(sale(level, reference=f"S-{n}") for n in range(20)))

    assert kinds(outcomes) == {list: 1, InsufficientStock: 19}
    assert figures(level) == (0, 0)
    assert pool_of(level) == (0, 0)


def test_first_receipts_of_a_variant_at_once_make_one_level_and_one_pool():
    location, variants = LocationFactory(), VariantFactory.create_batch(3)

    outcomes = race(
        *(
            partial(
                receive_stock,
                location=location,
                received={
                    variant.pk: Received(units=1, value=Decimal(1))
                    for variant in (variants if n % 2 else reversed(variants))
                },
                reference=f"GR-{n}",
                at=AT,
            )
            for n in range(8)
        )
    )

    assert kinds(outcomes) == {list: 8}
    assert [figures(variant.stock_levels.get()) for variant in variants] == [(8, 0)] * 3
    assert differences() == []


def test_adjustment_and_promise_never_take_the_same_unit():
    level = stock(units=1)

    claimed, adjusted = race(
        claim(level, reference="SO-1"),
        partial(
            adjust_stock,
            location=level.location,
            quantities={level.variant_id: -1},
            reference="ADJ-1",
            reason="Broken",
            at=AT,
        ),
    )

    # Whoever was second knew of the first: no promise was made, or it was taken back.
    assert isinstance(claimed, InsufficientStock) or len(adjusted.withdrawn) == 1
    assert figures(level) == (0, 0)
    assert differences() == []


def test_the_same_correction_twice_at_once_is_booked_once():
    level = stock(units=2, value="10.00", reference="GR-1")
    correct = partial(
        correct_cost,
        variant_id=level.variant_id,
        receipt_reference="GR-1",
        amount=pool_of(level)[1],
        reference="SI-1",
        at=AT,
    )

    first, second = race(correct, correct)

    assert first == second
    assert pool_of(level) == (2, 20)
