from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction

from inventory.models import Allocation
from inventory.operations import (
    InsufficientStock,
    InvalidQuantity,
    NotPromised,
    ReferenceUsed,
    allocate_levels,
    allocate_stock,
    release_allocation,
)
from tests.factories.catalog import VariantFactory
from tests.factories.inventory import LocationFactory, promise, stock
from tests.inventory.shared import everything, figures, pool_of

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def test_allocate_stock_promises_units_and_moves_none():
    level = stock(units=5, value="10")

    (allocation,) = allocate_stock(
        location=level.location, units={level.variant_id: 3}, reference="SO-1", at=AT
    )

    assert (allocation.level, allocation.units, allocation.open_units) == (level, 3, 3)
    assert (allocation.allocated_at, allocation.closed_at) == (AT, None)
    assert figures(level) == (5, 3)
    assert pool_of(level) == (5, 10)
    assert list(level.variant.availability_changes.values_list("changed_at", flat=True))[-1] == AT


def test_allocate_stock_names_every_shortage_and_leaves_nothing_behind():
    level = stock(units=5)
    promise(level=level, units=4, reference="SO-1")
    plenty, unknown = stock(units=100, location=level.location), VariantFactory()
    before = everything()

    with pytest.raises(InsufficientStock) as refusal:
        allocate_stock(
            location=level.location,
            units={level.variant_id: 3, plenty.variant_id: 1, unknown.pk: 7},
            reference="SO-2",
            at=AT,
        )

    assert refusal.value.shortages == {level.variant_id: 2, unknown.pk: 7}
    assert refusal.value.message == (
        f"Not enough stock, missing 2 of {level.variant.sku}, 7 of {unknown.sku}."
    )
    assert everything() == before


def test_allocate_stock_again_returns_the_first_promise():
    level = stock(units=5)
    first = promise(level=level, units=3)
    before = everything()

    again = promise(level=level, units=3)

    assert again == first
    assert everything() == before


def test_allocate_stock_keeps_a_reference_to_its_units():
    level = stock(units=5)
    promise(level=level, units=3)
    before = everything()

    with pytest.raises(ReferenceUsed):
        promise(level=level, units=2)

    assert everything() == before


def test_allocate_stock_refuses_zero_units():
    level = stock()

    with pytest.raises(InvalidQuantity):
        promise(level=level, units=0)

    assert figures(level) == (10, 0)


@pytest.mark.parametrize("lines", [1, 3])
def test_allocate_stock_costs_the_same_queries_for_any_number_of_variants(
    lines, django_assert_num_queries
):
    location = LocationFactory()
    levels = [stock(location=location) for _ in range(lines)]

    with django_assert_num_queries(6):
        allocate_stock(
            location=location,
            units={level.variant_id: 2 for level in levels},
            reference="SO-1",
            at=AT,
        )


def test_allocate_levels_promises_of_each_what_was_chosen():
    shop = stock(units=2)
    warehouse = stock(units=2, variant=shop.variant, reference="GR-2")

    allocations = allocate_levels(units={warehouse: 1, shop: 2}, reference="SO-1", at=AT)

    assert {row.level: row.units for row in allocations} == {warehouse: 1, shop: 2}
    assert (figures(shop), figures(warehouse)) == ((2, 2), (2, 1))


def test_allocate_levels_with_more_than_is_free_promises_nothing():
    short, ample = promise(level=stock(units=3), units=2).level, stock(units=9, reference="GR-2")
    short.refresh_from_db()
    before = everything()

    with pytest.raises(InsufficientStock) as refusal:
        allocate_levels(units={short: 3, ample: 1}, reference="SO-2", at=AT)

    assert refusal.value.shortages == {short.variant_id: 2}
    assert everything() == before


def test_allocate_levels_has_a_reference_once():
    level = stock(units=5)
    allocate_levels(units={level: 2}, reference="SO-1", at=AT)
    before = everything()

    with (
        pytest.raises(IntegrityError, match="inventory_allocation_reference_once_per_level"),
        transaction.atomic(),
    ):
        allocate_levels(units={level: 3}, reference="SO-1", at=AT)

    assert everything() == before


@pytest.mark.parametrize("units", [0, -1])
def test_allocate_levels_refuses_what_is_no_quantity(units):
    level = stock(units=5)
    before = everything()

    with pytest.raises(InvalidQuantity):
        allocate_levels(units={level: units}, reference="SO-1", at=AT)

    assert everything() == before


def test_release_allocation_frees_a_part_and_then_closes():
    allocation = promise(level=stock(units=5), units=3)

    (partly,) = release_allocation(units={allocation.pk: 1}, at=AT)
    open_after_one = partly.closed_at is None, figures(allocation.level)
    (wholly,) = release_allocation(units={allocation.pk: 2}, at=AT)

    assert open_after_one == (True, (5, 2))
    assert (wholly.released, wholly.closed_at) == (3, AT)
    assert figures(allocation.level) == (5, 0)
    assert list(Allocation.objects.open()) == []


def test_release_allocation_refuses_more_than_is_promised_and_frees_nothing():
    level = stock(units=5)
    first, second = (
        promise(level=level, units=2, reference="SO-1"),
        promise(level=level, units=1, reference="SO-2"),
    )
    before = everything()

    with pytest.raises(NotPromised) as refusal:
        release_allocation(units={first.pk: 2, second.pk: 2}, at=AT)

    assert refusal.value.details == {"allocations": [second.pk]}
    assert everything() == before


def test_release_allocation_twice_is_refused():
    allocation = promise()
    release_allocation(units={allocation.pk: 1}, at=AT)
    before = everything()

    with pytest.raises(NotPromised):
        release_allocation(units={allocation.pk: 1}, at=AT)

    assert everything() == before


def test_release_allocation_refuses_a_promise_nobody_made():
    with pytest.raises(NotPromised):
        release_allocation(units={4711: 1}, at=AT)
