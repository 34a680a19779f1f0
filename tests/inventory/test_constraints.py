"""Each rule of the tables, broken by raw SQL."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.db import Error, IntegrityError, connection, transaction

from inventory.models import CostMovement, Location, StockMovement
from tests.factories.inventory import LocationFactory, promise, stock

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@contextmanager
def refused(rule):
    """Pass when the database refuses what is done inside, naming the rule."""
    with pytest.raises(Error, match=rule), transaction.atomic(), checked_at_once():
        yield


@contextmanager
def checked_at_once():
    run("SET CONSTRAINTS ALL IMMEDIATE")
    yield


def run(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def insert(table, **columns):
    names = ", ".join(columns)
    places = ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608 - our own names
    run(statement, *columns.values())


def insert_movement(level, **columns):
    row = {
        "level_id": level.pk,
        "kind": "SALE",
        "quantity": -1,
        "cost_value": 0,
        "reference": "S-1",
        "reason": "",
        "moved_at": AT,
    }
    insert("inventory_stockmovement", **row | columns)


def insert_cost(level, **columns):
    row = {
        "pool_id": level.variant.cost_pool.pk,
        "kind": "RECEIPT",
        "units": 1,
        "value": 1,
        "expensed": 0,
        "units_before": 0,
        "reference": "X-1",
        "moved_at": AT,
    }
    insert("inventory_costmovement", **row | columns)


@pytest.mark.parametrize("kind", ["TRANSIT", "QUARANTINE"])
@pytest.mark.parametrize("service", ["is_shipping", "is_pickup"])
def test_location_serves_customers_only_from_warehouse_or_store(kind, service):
    location = LocationFactory(kind=kind, is_shipping=False)

    with refused("inventory_location_serves_from_warehouse_or_store"):
        Location.objects.filter(pk=location.pk).update(**{service: True})


def test_location_code_is_taken_once():
    location = LocationFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        LocationFactory(code=location.code)


def test_level_is_one_per_variant_and_location():
    level = stock()

    with refused("inventory_stocklevel_one_per_variant_and_location"):
        insert(
            "inventory_stocklevel",
            variant_id=level.variant_id,
            location_id=level.location_id,
            on_hand=0,
            allocated=0,
        )


@pytest.mark.parametrize("allocated", [-1, 11])
def test_level_promises_between_nothing_and_all(allocated):
    level = stock(units=10)

    with refused("inventory_stocklevel_allocated_within_on_hand"):
        run("UPDATE inventory_stocklevel SET allocated = %s WHERE id = %s", allocated, level.pk)


@pytest.mark.parametrize("on_hand", [-1, 1_000_000_000])
def test_level_holds_no_absurd_number_of_units(on_hand):
    level = stock()

    with refused("inventory_stocklevel_(on_hand_not_negative|allocated_within_on_hand)"):
        run("UPDATE inventory_stocklevel SET on_hand = %s WHERE id = %s", on_hand, level.pk)


def test_movement_has_its_reference_once_per_level_and_kind():
    level = stock(reference="GR-1")

    with refused("inventory_stockmovement_reference_once_per_level_and_kind"):
        insert_movement(level, kind="RECEIPT", quantity=1, reference="GR-1")


@pytest.mark.parametrize("quantity", [0, 1_000_000_000, -1_000_000_001])
def test_movement_moves_something(quantity):
    with refused("inventory_stockmovement_quantity_not_zero"):
        insert_movement(stock(), quantity=quantity)


@pytest.mark.parametrize("value", ["NaN", "1000000000000"])
def test_movement_value_is_a_number(value):
    with refused("inventory_stockmovement_cost_value_is_a_number|numeric field overflow"):
        insert_movement(stock(), cost_value=value)


def test_movement_names_its_document():
    with refused("inventory_stockmovement_reference_not_empty"):
        insert_movement(stock(), reference="")


def test_adjustment_has_a_reason():
    with refused("inventory_stockmovement_adjustment_has_a_reason"):
        insert_movement(stock(), kind="ADJUSTMENT", reason="")


def test_allocation_has_its_reference_once_per_level():
    allocation = promise(level=stock(), reference="SO-1")

    with refused("inventory_allocation_reference_once_per_level"):
        insert(
            "inventory_allocation",
            level_id=allocation.level_id,
            reference="SO-1",
            units=1,
            shipped=0,
            released=0,
            note="",
            allocated_at=AT,
        )


@pytest.mark.parametrize("units", [0, 1_000_000_000])
def test_allocation_promises_at_least_one_unit(units):
    allocation = promise()

    with refused("inventory_allocation_units_positive"):
        run(
            """
            UPDATE inventory_allocation
               SET units = %s, shipped = %s, released = 0, closed_at = now() WHERE id = %s
            """,
            units,
            units,
            allocation.pk,
        )


@pytest.mark.parametrize(("shipped", "released"), [(-1, 0), (0, -1), (2, 0), (1, 1)])
def test_allocation_is_consumed_once(shipped, released):
    allocation = promise(units=1)

    with refused("inventory_allocation_(consumed_within_units|closed_when_consumed)"):
        run(
            "UPDATE inventory_allocation SET shipped = %s, released = %s WHERE id = %s",
            shipped,
            released,
            allocation.pk,
        )


def test_allocation_is_closed_exactly_when_consumed():
    open_allocation = promise(level=stock(), units=2)

    with refused("inventory_allocation_closed_when_consumed"):
        run("UPDATE inventory_allocation SET shipped = 2 WHERE id = %s", open_allocation.pk)
    with refused("inventory_allocation_closed_when_consumed"):
        run("UPDATE inventory_allocation SET closed_at = now() WHERE id = %s", open_allocation.pk)


def test_pool_is_one_per_variant():
    level = stock()

    with refused("inventory_costpool_variant_id"):
        insert("inventory_costpool", variant_id=level.variant_id, units=0, value=0)


@pytest.mark.parametrize(("units", "value"), [(-1, 0), (1, -1), (1, "NaN")])
def test_pool_is_never_negative(units, value):
    level = stock()

    with refused("inventory_costpool_not_negative"):
        run(
            "UPDATE inventory_costpool SET units = %s, value = %s WHERE variant_id = %s",
            units,
            value,
            level.variant_id,
        )


def test_pool_without_units_has_no_value():
    level = stock()

    with refused("inventory_costpool_no_value_without_units"):
        run(
            "UPDATE inventory_costpool SET units = 0, value = 0.01 WHERE variant_id = %s",
            level.variant_id,
        )


def test_cost_has_its_reference_once_per_pool_and_kind():
    level = stock(reference="GR-1")

    with refused("inventory_costmovement_reference_once_per_pool_and_kind"):
        insert_cost(level, reference="GR-1")


@pytest.mark.parametrize("columns", [{"expensed": "NaN"}, {"units_before": -1}])
def test_cost_is_made_of_numbers(columns):
    with refused("inventory_costmovement_values_are_numbers"):
        insert_cost(stock(), **columns)


@pytest.mark.parametrize(
    "columns",
    [
        {"kind": "RECEIPT", "units": -1},
        {"kind": "RECEIPT", "value": -1},
        {"kind": "ISSUE", "units": 1, "value": 0},
        {"kind": "ISSUE", "units": -1, "value": 1},
        {"kind": "CORRECTION", "units": 0},
        {"kind": "LANDED"},
    ],
)
def test_cost_has_the_sign_of_its_kind(columns):
    with refused("inventory_costmovement_sign_follows_kind"):
        insert_cost(stock(), **columns)


@pytest.mark.parametrize("table", ["inventory_stockmovement", "inventory_costmovement"])
@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET reference = 'X'", "DELETE FROM {}", "TRUNCATE {} CASCADE"],
)
def test_ledgers_refuse_every_change(table, role, statement):
    stock()
    run(f"SET LOCAL session_replication_role = {role}")

    with refused("is append-only"):
        run(statement.format(table))

    assert StockMovement.objects.count() == 1
    assert CostMovement.objects.count() == 1


def test_deleting_a_variant_does_not_reach_the_ledger():
    level = stock()

    with refused("foreign key"):
        run("DELETE FROM catalog_variant WHERE id = %s", level.variant_id)
