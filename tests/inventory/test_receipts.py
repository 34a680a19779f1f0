from datetime import UTC, datetime
from decimal import Decimal

import pytest

from inventory.models import CostMovement, StockLevel, StockMovement
from inventory.operations import (
    InvalidQuantity,
    InvalidValue,
    Received,
    ReferenceUsed,
    issue_stock,
    receive_stock,
    return_stock,
)
from tests.factories.catalog import VariantFactory
from tests.factories.common import UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.inventory.shared import everything, figures, pool_of

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def test_receive_stock_writes_both_ledgers_and_both_totals():
    location, variant, clerk = LocationFactory(), VariantFactory(), UserFactory()

    (movement,) = receive_stock(
        location=location,
        received={variant.pk: Received(units=12, value=Decimal("30.00"))},
        reference="GR-7",
        at=AT,
        by=clerk,
    )

    level = StockLevel.objects.get(variant=variant, location=location)
    cost = CostMovement.objects.get(pool__variant=variant)
    assert (movement.level_id, movement.kind, movement.quantity) == (level.pk, "RECEIPT", 12)
    assert (movement.cost_value, movement.moved_at, movement.moved_by) == (30, AT, clerk)
    assert (cost.kind, cost.units, cost.value, cost.units_before) == ("RECEIPT", 12, 30, 0)
    assert figures(level) == (12, 0)
    assert pool_of(level) == (12, 30)
    assert variant.availability_changes.get().changed_at == AT


def test_receive_stock_rounds_the_value_to_the_cent():
    level = stock(units=3, value="10.0050")

    assert pool_of(level) == (3, Decimal("10.01"))


def test_receive_stock_again_returns_the_first_movements():
    location, variant = LocationFactory(), VariantFactory()
    arguments = {
        "location": location,
        "received": {variant.pk: Received(units=12, value=Decimal(30))},
        "reference": "GR-7",
        "at": AT,
    }
    first = receive_stock(**arguments)
    before = everything()

    again = receive_stock(**arguments)

    assert again == first
    assert everything() == before


def test_receive_stock_keeps_a_reference_to_its_goods():
    level = stock(units=5, reference="GR-7")
    before = everything()

    with pytest.raises(ReferenceUsed):
        receive_stock(
            location=level.location,
            received={level.variant_id: Received(units=6, value=Decimal(0))},
            reference="GR-7",
            at=AT,
        )

    assert everything() == before


def test_receive_stock_takes_other_goods_under_the_same_reference():
    level = stock(units=5, reference="OPENING")

    other = stock(units=4, reference="OPENING", location=level.location)

    assert figures(level) == (5, 0)
    assert figures(other) == (4, 0)


def test_receive_stock_refuses_one_reference_at_two_locations():
    level = stock(units=5, reference="GR-7")
    before = everything()

    with pytest.raises(ReferenceUsed):
        stock(units=5, variant=level.variant, reference="GR-7")

    assert everything()[:4] == before[:4]


@pytest.mark.parametrize("units", [0, -1])
def test_receive_stock_refuses_what_is_no_quantity(units):
    location, variant = LocationFactory(), VariantFactory()

    with pytest.raises(InvalidQuantity):
        receive_stock(
            location=location,
            received={variant.pk: Received(units=units, value=Decimal(1))},
            reference="GR-7",
            at=AT,
        )

    assert not StockLevel.objects.exists()


@pytest.mark.parametrize("value", ["-0.01", "NaN", "Infinity"])
def test_receive_stock_refuses_what_is_no_value(value):
    location, variant = LocationFactory(), VariantFactory()

    with pytest.raises(InvalidValue):
        receive_stock(
            location=location,
            received={variant.pk: Received(units=1, value=Decimal(value))},
            reference="GR-7",
            at=AT,
        )

    assert not StockLevel.objects.exists()


def test_receive_stock_of_nothing_does_nothing():
    assert receive_stock(location=LocationFactory(), received={}, reference="GR-7", at=AT) == []


@pytest.mark.parametrize("lines", [1, 3])
def test_receive_stock_costs_the_same_queries_for_any_number_of_variants(
    lines, django_assert_num_queries
):
    location = LocationFactory()
    received = {
        variant.pk: Received(units=2, value=Decimal(3))
        for variant in VariantFactory.create_batch(lines)
    }

    with django_assert_num_queries(19):
        receive_stock(location=location, received=received, reference="GR-7", at=AT)


def test_return_stock_comes_in_at_todays_average():
    level = stock(units=10, value="25.00")

    (movement,) = return_stock(
        location=level.location, units={level.variant_id: 2}, reference="RT-1", at=AT
    )

    assert (movement.kind, movement.quantity, movement.cost_value) == ("RETURN", 2, 5)
    assert figures(level) == (12, 0)
    assert pool_of(level) == (12, 30)


def test_return_stock_comes_in_at_the_last_known_cost_when_nothing_is_left():
    level = stock(units=3, value="100.00")
    issue_stock(
        location=level.location,
        units={level.variant_id: 3},
        kind=StockMovement.Kind.SALE,
        reference="S-1",
        at=AT,
    )

    return_stock(location=level.location, units={level.variant_id: 1}, reference="RT-1", at=AT)

    assert pool_of(level) == (1, Decimal("33.33"))


def test_return_stock_again_changes_nothing():
    level = stock(units=10, value="25.00")
    arguments = {
        "location": level.location,
        "units": {level.variant_id: 2},
        "reference": "RT-1",
        "at": AT,
    }
    first = return_stock(**arguments)
    before = everything()

    assert return_stock(**arguments) == first
    assert everything() == before
