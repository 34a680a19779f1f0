"""Every rule of the tables of goods on their way, broken past the operations."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, models, transaction

from orders.models import (
    Fulfillment,
    FulfillmentItem,
    FulfillmentLine,
    PackScan,
    Parcel,
    PickList,
)
from tests.factories.orders_fulfillment import MAKERS, packed, picked

pytestmark = pytest.mark.django_db

UPDATES = [
    (Fulfillment, "shipped_at = now()", "orders_fulfillment_gone_has_a_time"),
    (Fulfillment, "cancelled_at = now()", "orders_fulfillment_cancelled_has_a_time"),
    (Fulfillment, "status = 'CANCELLED'", "orders_fulfillment_cancelled_has_a_time"),
    (FulfillmentLine, "quantity = 0", "orders_fulfillmentline_quantity_positive"),
    (FulfillmentItem, "units = 0, packed = 0", "orders_fulfillmentitem_units_positive"),
    (FulfillmentItem, "packed = -1", "orders_fulfillmentitem_packed_within_units"),
    (FulfillmentItem, "packed = units + 1", "orders_fulfillmentitem_packed_within_units"),
    (Parcel, "weight = 0", "orders_parcel_weight_positive"),
    (Parcel, "cost = 1", "orders_parcel_cost_with_its_currency"),
    (Parcel, "cost = -1, cost_currency = 'GBP'", "orders_parcel_cost_with_its_currency"),
    (Parcel, "cost_currency = 'GBP'", "orders_parcel_cost_with_its_currency"),
]


def write(statement, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.parametrize(
    ("model", "assignment", "constraint"), UPDATES, ids=[f"{c}: {a}" for _, a, c in UPDATES]
)
def test_value_is_refused(model, assignment, constraint):
    row = MAKERS[model]()

    with pytest.raises(IntegrityError, match=constraint):
        write(f"UPDATE {model._meta.db_table} SET {assignment} WHERE id = %s", row.pk)  # noqa: S608 - from the table above


COPIES = [
    (PickList, "orders_picklist_key_key"),
    (Fulfillment, "orders_fulfillment_once_per_key"),
    (FulfillmentLine, "orders_fulfillmentline_once"),
    (FulfillmentItem, "orders_fulfillmentitem_once"),
    (PackScan, "orders_packscan_once_per_key"),
    (Parcel, "orders_parcel_once"),
]


@pytest.mark.parametrize(("model", "constraint"), COPIES, ids=[c for _, c in COPIES])
def test_row_of_the_same_key_is_refused(model, constraint):
    row, table = MAKERS[model](), model._meta.db_table
    columns = ", ".join(
        field.column
        for field in model._meta.concrete_fields
        if not field.primary_key and not isinstance(field, models.GeneratedField)
    )

    with pytest.raises(IntegrityError, match=constraint):
        write(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE id = %s",  # noqa: S608 - Django's own names
            row.pk,
        )


def test_scan_of_no_units_is_refused():
    scan = MAKERS[PackScan]()
    scan.pk, scan.key, scan.units, scan._state.adding = None, "another", 0, True

    with (
        pytest.raises(IntegrityError, match="orders_packscan_units_positive"),
        transaction.atomic(),
    ):
        scan.save(force_insert=True)


@pytest.mark.parametrize(
    "statement", ["UPDATE orders_packscan SET units = 2", "DELETE FROM orders_packscan"]
)
def test_scans_are_never_changed(statement):
    MAKERS[PackScan]()

    with pytest.raises(DatabaseError, match=r"append-only|orders_packscan"):
        write(statement)


@pytest.mark.parametrize(
    ("made", "move"),
    [
        (picked, "status = 'SHIPPED', shipped_at = now()"),
        (picked, "status = 'COLLECTED', shipped_at = now()"),
        (packed, "status = 'COLLECTED', shipped_at = now()"),
    ],
)
def test_move_that_skips_a_step_is_refused(made, move):
    row = made()

    with pytest.raises(DatabaseError, match=r"status_moves|transition"):
        write(f"UPDATE orders_fulfillment SET {move} WHERE id = %s", row.pk)  # noqa: S608 - from the list above
