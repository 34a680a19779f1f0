"""Every rule of the orders' tables, broken past the operations: the database says no."""

import pytest
from django.db import IntegrityError, connection, models, transaction

from orders.models import (
    LineAllocation,
    LineComponent,
    Order,
    OrderEvent,
    OrderHold,
    OrderLine,
)
from tests.factories.common import NOON, UserFactory
from tests.factories.orders import MAKERS, OrderLineFactory

pytestmark = pytest.mark.django_db

UPDATES = [
    (Order, "external_id = ''", "orders_order_external_id_not_empty"),
    (Order, "total = 'NaN'", "orders_order_amounts_are_numbers"),
    (Order, "tax_total = 'NaN'", "orders_order_amounts_are_numbers"),
    (Order, "priority = 1001", "orders_order_priority_in_range"),
    (Order, "delivery = 'PICKUP'", "orders_order_pickup_has_its_place"),
    (OrderLine, "ordered = 0", "orders_orderline_ordered_positive"),
    (OrderLine, "ordered = 1000000000", "orders_orderline_ordered_positive"),
    (OrderLine, "cancelled = -1", "orders_orderline_done_within_ordered"),
    (OrderLine, "shipped = -1", "orders_orderline_done_within_ordered"),
    (OrderLine, "cancelled = 1, shipped = 2", "orders_orderline_done_within_ordered"),
    (OrderLine, "returned = 1", "orders_orderline_returned_within_shipped"),
    (OrderLine, "from_supplier = -1", "orders_orderline_from_supplier_not_negative"),
    (OrderLine, "pack_size = 0", "orders_orderline_pack_size_positive"),
    (
        OrderLine,
        "is_bundle = true, is_stocked = false",
        "orders_orderline_bundle_is_known_and_stocked",
    ),
    (LineComponent, "units = 0", "orders_linecomponent_units_positive"),
    (OrderLine, "unit_price = 'NaN'", "orders_orderline_amounts_are_numbers"),
    (LineAllocation, "units = -1", "orders_lineallocation_units_not_negative"),
]


@pytest.mark.parametrize(
    ("model", "assignment", "constraint"), UPDATES, ids=[f"{c}: {a}" for _, a, c in UPDATES]
)
def test_value_is_refused(model, assignment, constraint):
    row = MAKERS[model]()

    with (
        pytest.raises(IntegrityError, match=constraint),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"UPDATE {model._meta.db_table} SET {assignment} WHERE id = %s",  # noqa: S608 - from the table above
            [row.pk],
        )


COPIES = [
    (Order, "orders_order_one_per_channel_and_external_id"),
    (OrderLine, "orders_orderline_one_per_external_line_id"),
    (OrderHold, "orders_orderhold_one_open_per_kind"),
    (LineAllocation, "orders_lineallocation_once"),
    (LineComponent, "orders_linecomponent_once_per_line"),
]


@pytest.mark.parametrize(("model", "constraint"), COPIES, ids=[c for _, c in COPIES])
def test_row_of_the_same_key_is_refused(model, constraint):
    row, table = MAKERS[model](), model._meta.db_table
    columns = ", ".join(
        field.column
        for field in model._meta.concrete_fields
        if not field.primary_key and not isinstance(field, models.GeneratedField)
    )

    with (
        pytest.raises(IntegrityError, match=constraint),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE id = %s",  # noqa: S608 - Django's own names
            [row.pk],
        )


def test_hold_of_a_line_stands_beside_one_of_the_order():
    line = OrderLineFactory()
    of_order = {"order": line.order, "kind": "MANUAL", "reason": "?", "opened_at": NOON}

    OrderHold.objects.create(**of_order)
    OrderHold.objects.create(**of_order, line=line)

    assert line.order.holds.open().count() == 2


def test_hold_is_not_released_by_somebody_at_no_time():
    hold = MAKERS[OrderHold]()

    with (
        pytest.raises(IntegrityError, match="orders_orderhold_released_by_with_its_time"),
        transaction.atomic(),
    ):
        OrderHold.objects.filter(pk=hold.pk).update(released_by=UserFactory())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE orders_orderevent SET kind = 'HELD'",
        "DELETE FROM orders_orderevent",
        "SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE orders_orderevent",
        "SET LOCAL session_replication_role = replica; DELETE FROM orders_orderevent",
    ],
)
def test_timeline_is_never_changed(statement):
    MAKERS[OrderEvent]()
    before = list(OrderEvent.objects.order_by("pk").values())

    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert list(OrderEvent.objects.order_by("pk").values()) == before


def test_every_constraint_is_broken_here():
    broken = {constraint for *_, constraint in UPDATES} | {name for _, name in COPIES}
    broken.add("orders_orderhold_released_by_with_its_time")
    declared = {constraint.name for model in MAKERS for constraint in model._meta.constraints}

    assert declared == broken
