"""Several people want the same units: the lock decides, and the constraint stands behind it."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from threading import Barrier
from unittest import mock

import pytest
from django.db import IntegrityError, OperationalError, models

from inventory.models import (
    Allocation,
    AllocationQuerySet,
    CostPool,
    StockLevel,
    StockLevelQuerySet,
)
from inventory.operations import (
    InsufficientStock,
    NotPromised,
    Received,
    adjust_stock,
    allocate_stock,
    correct_cost,
    cost,
    issue_stock,
    issues,
    posting,
    promises,
    receive_stock,
    release_allocation,
    ship_allocated,
)
from inventory.queries import differences
from tests.factories.catalog import VariantFactory
from tests.factories.inventory import LocationFactory, promise, stock
from tests.inventory.lifted_locks import pools_locked_in_the_order_asked_for, without_locks
from tests.inventory.shared import figures, pool_of
from tests.races import SECONDS_TO_WAIT, both_read_before_either_writes, race, refusal_among

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


def shipment(*allocations, reference="SH-1"):
    return partial(
        ship_allocated,
        units={allocation.pk: 1 for allocation in allocations},
        reference=reference,
        at=AT,
    )


def first_receipt(location, *variants, reference):
    return partial(
        receive_stock,
        location=location,
        received={variant.pk: Received(units=1, value=Decimal(1)) for variant in variants},
        reference=reference,
        at=AT,
    )


def loss(level):
    return partial(
        adjust_stock,
        location=level.location,
        quantities={level.variant_id: -1},
        reference="ADJ-1",
        reason="Broken",
        at=AT,
    )


def correction(level):
    return partial(
        correct_cost,
        variant_id=level.variant_id,
        receipt_reference="GR-1",
        amount=Decimal(10),
        reference="SI-1",
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


def test_the_race_of_one_document_is_real_once_the_lock_is_gone():
    """Control: neither finds the promise made, so only the constraint is left."""
    level = stock(units=9)

    with without_locks(), both_read_before_either_writes((promises, "write_promises")):
        outcomes = race(claim(level, reference="SO-1"), claim(level, reference="SO-1"))

    assert kinds(outcomes) == {list: 1, IntegrityError: 1}
    assert "inventory_allocation_reference_once_per_level" in refusal_among(outcomes)
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
        *(shipment(*allocations, reference=f"SH-{n}") for n in range(4)),
    )

    assert kinds(outcomes) == {list: 10}
    assert [figures(level) for level in levels] == [(10, 1)] * 4
    assert [pool_of(level) for level in levels] == [(10, 30)] * 4
    assert differences() == []


def test_the_deadlock_of_sales_is_real_once_pools_are_locked_in_the_order_asked_for():
    """Control: each sale has locked its first article before either asks for its second."""
    location = LocationFactory()
    levels = [stock(units=20, location=location) for _ in range(2)]

    with pools_locked_in_the_order_asked_for(issues):
        outcomes = race(sale(*levels, reference="S-1"), sale(*reversed(levels), reference="S-2"))

    assert kinds(outcomes) == {list: 1, OperationalError: 1}
    assert [figures(level) for level in levels] == [(19, 0)] * 2


def test_release_and_shipment_of_one_promise_exclude_each_other():
    allocation = promise(level=stock(units=1), units=1)

    outcomes = race(
        shipment(allocation), partial(release_allocation, units={allocation.pk: 1}, at=AT)
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
            shipment(allocation), partial(release_allocation, units={allocation.pk: 1}, at=AT)
        )

    refusals = [outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]
    assert kinds(outcomes) == {list: 1, IntegrityError: 1}
    assert "inventory_allocation_closed_when_consumed" in str(refusals[0])


def test_the_same_shipment_twice_at_once_leaves_once():
    allocation = promise(level=stock(units=2), units=2)

    first, second = race(shipment(allocation), shipment(allocation))

    assert first == second
    assert figures(allocation.level) == (1, 1)


def test_the_race_of_one_shipment_is_real_once_the_locks_are_gone():
    """Control: neither finds the shipment booked, so only the constraint is left."""
    allocation = promise(level=stock(units=2), units=2)

    with without_locks(), both_read_before_either_writes((models.QuerySet, "bulk_update")):
        outcomes = race(shipment(allocation), shipment(allocation))

    assert kinds(outcomes) == {list: 1, IntegrityError: 1}
    assert "inventory_costmovement_reference_once_per_pool_and_kind" in refusal_among(outcomes)


def test_twenty_sales_of_the_last_unit_sell_it_once():
    level = stock(units=1, value="5.00")

    outcomes = race(*(sale(level, reference=f"S-{n}") for n in range(20)))

    assert kinds(outcomes) == {list: 1, InsufficientStock: 19}
    assert figures(level) == (0, 0)
    assert pool_of(level) == (0, 0)


def test_the_race_of_sales_is_real_once_the_locks_are_gone():
    """Control: both find the unit free, so only the constraint is left."""
    level = stock(units=1, value="5.00")

    with without_locks(), both_read_before_either_writes((posting, "add_to_pools")):
        outcomes = race(sale(level, reference="S-1"), sale(level, reference="S-2"))

    assert kinds(outcomes) == {list: 1, IntegrityError: 1}
    assert "inventory_costpool_not_negative" in refusal_among(outcomes)


def test_first_receipts_of_a_variant_at_once_make_one_level_and_one_pool():
    location, variants = LocationFactory(), VariantFactory.create_batch(3)

    outcomes = race(
        *(
            first_receipt(
                location, *(variants if n % 2 else reversed(variants)), reference=f"GR-{n}"
            )
            for n in range(8)
        )
    )

    assert kinds(outcomes) == {list: 8}
    assert [figures(variant.stock_levels.get()) for variant in variants] == [(8, 0)] * 3
    assert differences() == []


def test_the_race_of_first_receipts_is_real_once_nobody_gives_way():
    """Control: both find no pool, and neither leaves the making of it to the other."""
    location, variant = LocationFactory(), VariantFactory()
    both_have_read, insert = Barrier(2), models.QuerySet.bulk_create

    def insert_at_any_rate(self, rows, **options):
        if self.model is CostPool:
            both_have_read.wait(timeout=SECONDS_TO_WAIT)
            options["ignore_conflicts"] = False
        return insert(self, rows, **options)

    with mock.patch.object(models.QuerySet, "bulk_create", insert_at_any_rate):
        outcomes = race(*(first_receipt(location, variant, reference=f"GR-{n}") for n in range(2)))

    assert kinds(outcomes) == {list: 1, IntegrityError: 1}
    assert "inventory_costpool_variant_id" in refusal_among(outcomes)


def test_adjustment_and_promise_never_take_the_same_unit():
    level = stock(units=1)

    claimed, adjusted = race(claim(level, reference="SO-1"), loss(level))

    # Whoever was second knew of the first: no promise was made, or it was taken back.
    assert isinstance(claimed, InsufficientStock) or len(adjusted.withdrawn) == 1
    assert figures(level) == (0, 0)
    assert differences() == []


def test_the_race_of_adjustment_and_promise_is_real_once_the_locks_are_gone():
    """Control: the unit is promised that the adjustment has found free."""
    level = stock(units=1)
    places = [(promises, "write_promises"), (posting, "add_to_levels")]

    with without_locks(), both_read_before_either_writes(*places):
        outcomes = race(claim(level, reference="SO-1"), loss(level))

    assert "allocated_within_on_hand" in refusal_among(outcomes)


def test_the_same_correction_twice_at_once_is_booked_once():
    level = stock(units=2, value="10.00", reference="GR-1")

    first, second = race(correction(level), correction(level))

    assert first == second
    assert pool_of(level) == (2, 20)


def test_the_race_of_one_correction_is_real_once_the_locks_are_gone():
    """Control: neither finds the correction booked, so only the constraint is left."""
    level = stock(units=2, value="10.00", reference="GR-1")

    with without_locks(), both_read_before_either_writes((cost, "add_to_pools")):
        outcomes = race(correction(level), correction(level))

    assert "inventory_costmovement_reference_once_per_pool_and_kind" in refusal_among(outcomes)
    assert pool_of(level) == (2, 20)
