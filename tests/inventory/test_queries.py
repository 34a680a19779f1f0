from decimal import Decimal

import pytest
from django.db import connection

from inventory.queries import LocationStock, differences, variant_stock
from tests.factories.catalog import VariantFactory
from tests.factories.inventory import LocationFactory, promise, stock

pytestmark = pytest.mark.django_db


def run(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def found():
    return [(row.kind, row.key, row.expected, row.actual) for row in differences()]


def test_variant_stock_tells_places_and_value():
    shop = LocationFactory(name="Shop", priority=2)
    warehouse = LocationFactory(name="Warehouse", priority=1)
    level = stock(units=6, value="10.00", location=shop)
    promise(level=level, units=2)
    stock(units=2, value="0.01", variant=level.variant, location=warehouse, reference="GR-2")

    overview = variant_stock(variant_id=level.variant_id)

    assert overview.places == (
        LocationStock(location="Warehouse", on_hand=2, allocated=0),
        LocationStock(location="Shop", on_hand=6, allocated=2),
    )
    assert (overview.on_hand, overview.allocated, overview.available) == (8, 2, 6)
    assert (overview.value, overview.unit_cost) == (Decimal("10.01"), Decimal("1.2513"))


def test_variant_stock_of_what_was_never_here_is_nothing():
    overview = variant_stock(variant_id=VariantFactory().pk)

    assert (overview.places, overview.value, overview.unit_cost) == ((), 0, None)


def test_differences_are_none_when_totals_follow_the_ledgers():
    promise(level=stock(units=6, value="10.00"), units=2)

    assert differences() == []


def test_differences_name_units_on_hand_that_no_movement_explains():
    level = stock(units=6)
    run("UPDATE inventory_stocklevel SET on_hand = 7 WHERE id = %s", level.pk)

    sku = level.variant.sku
    assert found() == [
        ("units on hand", f"{sku} at {level.location.code}", "6", "7"),
        ("units with a cost", sku, "7", "6"),
    ]


def test_differences_name_promises_that_no_allocation_explains():
    level = stock(units=6)
    promise(level=level, units=2)
    run("UPDATE inventory_stocklevel SET allocated = 3 WHERE id = %s", level.pk)

    assert found() == [
        ("units promised", f"{level.variant.sku} at {level.location.code}", "2", "3")
    ]


def test_differences_name_pools_that_differ_from_their_movements():
    level = stock(units=6, value="10.00")
    run("UPDATE inventory_costpool SET value = 11, units = 5")

    sku = level.variant.sku
    assert found() == [
        ("units in the cost pool", sku, "6", "5"),
        ("stock value", sku, "10.0000", "11.0000"),
        ("units with a cost", sku, "6", "5"),
    ]


def test_differences_name_a_movement_whose_cost_was_booked_otherwise():
    level = stock(units=6, value="10.00")
    run(
        """
        INSERT INTO inventory_stockmovement
               (level_id, kind, quantity, cost_value, reference, reason, moved_at)
        VALUES (%s, 'SALE', -1, -1.5, 'S-1', '', now())
        """,
        level.pk,
    )
    run("UPDATE inventory_stocklevel SET on_hand = 5")

    assert (
        "cost of a movement",
        f"{level.variant.sku} by S-1",
        "0",
        "-1.5000",
    ) in found()


def test_differences_take_the_same_queries_for_any_number_of_rows(django_assert_num_queries):
    for _ in range(3):
        promise(level=stock())

    with django_assert_num_queries(7):
        differences()
