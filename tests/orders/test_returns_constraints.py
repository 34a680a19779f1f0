"""Every rule of the tables of returned goods, broken past the operations: the database says no."""

import pytest
from django.db import IntegrityError, ProgrammingError, connection, models, transaction

from orders.models import Claim, Exchange, Return, ReturnLine
from tests.factories.orders_returns import MAKERS, announced_return, received_return

pytestmark = pytest.mark.django_db

UPDATES = [
    (Return, "received_at = NULL", "orders_return_received_somewhere_at_a_time"),
    (Return, "location_id = NULL", "orders_return_received_somewhere_at_a_time"),
    (Return, "closed_at = now()", "orders_return_closed_has_a_time"),
    (ReturnLine, "quantity = 0", "orders_returnline_quantity_positive"),
    (ReturnLine, "received = 2", "orders_returnline_received_within_quantity"),
    (ReturnLine, "received = -1", "orders_returnline_received_within_quantity"),
    (ReturnLine, "disposition = ''", "orders_returnline_received_goes_somewhere"),
    (ReturnLine, "unit_price = 'NaN'", "orders_returnline_amounts_are_numbers"),
    (ReturnLine, "amount = -1", "orders_returnline_amounts_are_numbers"),
    (ReturnLine, "variant_id = NULL", "orders_returnline_put_away_is_known"),
    (Exchange, "balance = 'NaN'", "orders_exchange_balance_is_a_number"),
    (Claim, "quantity = 0", "orders_claim_quantity_positive"),
    (Claim, "carrier_compensation = -1", "orders_claim_compensation_not_negative"),
    (Claim, "decided_at = now()", "orders_claim_decided_has_a_time"),
    (Claim, "resolution = 'REFUND'", "orders_claim_resolved_whole"),
]
COPIES = [
    (Return, "orders_return_one_per_channel_and_external_id"),
    (ReturnLine, "orders_returnline_one_per_external_line_id"),
    (Exchange, "orders_exchange_once_per_key"),
    (Claim, "orders_claim_once_per_key"),
]


def execute(statement, *parameters):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


@pytest.mark.parametrize(
    ("model", "assignment", "constraint"), UPDATES, ids=[f"{c}: {a}" for _, a, c in UPDATES]
)
def test_value_is_refused(model, assignment, constraint):
    row = MAKERS[model]()

    with pytest.raises(IntegrityError, match=constraint):
        execute(f"UPDATE {model._meta.db_table} SET {assignment} WHERE id = %s", row.pk)  # noqa: S608 - from the table above


@pytest.mark.parametrize(("model", "constraint"), COPIES, ids=[c for _, c in COPIES])
def test_row_of_the_same_key_is_refused(model, constraint):
    row, table = MAKERS[model](), model._meta.db_table
    # An order is exchanged for once, too: another one, so that the key is what is refused.
    others = {"order_id": "%s"} if model is Exchange else {}
    columns = [
        field.column
        for field in model._meta.concrete_fields
        if not field.primary_key and not isinstance(field, models.GeneratedField)
    ]
    values = ", ".join(others.get(column, column) for column in columns)
    parameters = [row.parent.order_id] if others else []

    with pytest.raises(IntegrityError, match=constraint):
        execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table}"  # noqa: S608 - Django's own names
            " WHERE id = %s",
            *parameters,
            row.pk,
        )


@pytest.mark.parametrize(
    ("make", "status"),
    [
        (announced_return, "RECEIVED"),
        (announced_return, "IN_TRANSIT"),
        (received_return, "CANCELLED"),
        (received_return, "APPROVED"),
    ],
)
def test_status_moves_past_the_operations_are_refused(make, status):
    returned = make()

    with pytest.raises(ProgrammingError, match="Invalid transition"):
        execute("UPDATE orders_return SET status = %s WHERE id = %s", status, returned.pk)


def test_every_constraint_is_broken_here():
    broken = {constraint for *_, constraint in UPDATES} | {name for _, name in COPIES}
    declared = {constraint.name for model in MAKERS for constraint in model._meta.constraints}

    assert declared == broken
