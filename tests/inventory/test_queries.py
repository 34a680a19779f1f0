from datetime import date
from decimal import Decimal

import pytest
from django.db import connection

from inventory.models import StockLevel
from inventory.operations import create_transfer, dispatch_transfer, receive_transfer
from inventory.queries import (
    InTransit,
    LocationStock,
    differences,
    units_in_transit,
    variant_stock,
)
from tests.factories.catalog import VariantFactory
from tests.factories.inventory import STOCKED_AT, LocationFactory, promise, stock

pytestmark = pytest.mark.django_db


def run(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def draft(level, store, *, units, key, **values):
    return create_transfer(
        from_location=level.location,
        to_location=store,
        units={level.variant_id: units},
        key=key,
        at=STOCKED_AT,
        **values,
    )


def send(level, store, **values):
    return dispatch_transfer(transfer_id=draft(level, store, **values).pk, at=STOCKED_AT)


def arrive(transfer, units):
    (line,) = transfer.lines.all()
    receive_transfer(transfer_id=transfer.pk, received={line.pk: units}, key="in", at=STOCKED_AT)


def found():
    return [(row.kind, row.key, row.expected, row.actual) for row in differences()]


def test_variant_stock_tells_places_and_value():
    shop = LocationFactory(name="Shop", priority=2)
    warehouse = LocationFactory(name="Warehouse", priority=1)
    level = stock(units=6, value="10.00", location=shop)
    promise(level=level, units=2)
    stock(units=2, value="0.01", variant=level.variant, location=warehouse, reference="GR-2")

    overview = variant_stock(variant_id=level.variant_id)

    there = StockLevel.objects.get(location=warehouse)
    assert overview.places == (
        LocationStock(there.pk, warehouse.pk, "Warehouse", "WAREHOUSE", on_hand=2, allocated=0),
        LocationStock(level.pk, shop.pk, "Shop", "WAREHOUSE", on_hand=6, allocated=2),
    )
    assert (overview.on_hand, overview.allocated, overview.available) == (8, 2, 6)
    assert (overview.value, overview.unit_cost) == (Decimal("10.01"), Decimal("1.2513"))


def test_variant_stock_of_what_was_never_here_is_nothing():
    overview = variant_stock(variant_id=VariantFactory().pk)

    assert (overview.places, overview.value, overview.unit_cost) == ((), 0, None)


def test_units_in_transit_are_what_has_not_arrived_the_soonest_first():
    level, store = stock(units=20), LocationFactory(name="Shop", kind="STORE")
    LocationFactory(kind="TRANSIT", is_shipping=False)
    late = send(level, store, units=5, key="late")
    soon = send(level, store, units=4, key="soon", expected_on=date(2026, 11, 3))
    arrive(soon, 1)
    send(stock(units=3, reference="GR-2"), store, units=3, key="another article")

    assert units_in_transit(variant_id=level.variant_id) == [
        InTransit(
            soon.pk, soon.number, level.location.name, store.pk, "Shop", 3, date(2026, 11, 3)
        ),
        InTransit(late.pk, late.number, level.location.name, store.pk, "Shop", 5, None),
    ]


def test_units_in_transit_leave_out_drafts_and_what_arrived():
    level, store = stock(units=20), LocationFactory(kind="STORE")
    LocationFactory(kind="TRANSIT", is_shipping=False)
    arrive(send(level, store, units=5, key="arrived"), 5)
    draft(level, store, units=2, key="draft")

    assert units_in_transit(variant_id=level.variant_id) == []


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

    with django_assert_num_queries(14):
        differences()
