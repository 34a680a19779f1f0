"""Every rule of the tables of tills and incidents, broken past the operations."""

import pytest
from django.db import IntegrityError, connection, models, transaction

from orders.models import OversellIncident, RegisterDay, StoreReceipt
from orders.operations import accept_register_day
from tests.factories.common import NOON, UserFactory
from tests.factories.orders_tills import MAKERS, day_close

pytestmark = pytest.mark.django_db

UPDATES = [
    (StoreReceipt, "total = 'NaN'", "orders_storereceipt_total_is_a_number"),
    (StoreReceipt, "is_training = true", "orders_storereceipt_training_changes_nothing"),
    (RegisterDay, "stated_receipts = -1", "orders_registerday_figures_are_numbers"),
    (RegisterDay, "stated_total = 'NaN'", "orders_registerday_figures_are_numbers"),
    (RegisterDay, "accepted_at = now()", "orders_registerday_accepted_with_a_note"),
    (RegisterDay, "accept_note = 'Why not.'", "orders_registerday_accepted_with_a_note"),
    (OversellIncident, "units = 0", "orders_oversellincident_units_positive"),
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
    (RegisterDay, "orders_registerday_once"),
    (OversellIncident, "orders_oversellincident_once_per_cause"),
]


@pytest.mark.parametrize(("model", "constraint"), COPIES, ids=[c for _, c in COPIES])
def test_row_of_the_same_key_is_refused(model, constraint):
    row = MAKERS[model]()
    row.pk = None

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        models.Model.save(row, force_insert=True)


def test_receipt_of_the_same_number_is_refused():
    receipt = MAKERS[StoreReceipt]()
    receipt.pk, receipt.order, receipt.registered_return = None, None, None

    with (
        pytest.raises(IntegrityError, match="orders_storereceipt_once_per_register_and_number"),
        transaction.atomic(),
    ):
        receipt.save(force_insert=True)


def test_acceptance_is_not_left_without_its_time():
    day = accept_register_day(day_id=day_close().pk, note="Void.", at=NOON, by=UserFactory())

    with (
        pytest.raises(IntegrityError, match="orders_registerday_accepted_with_a_note"),
        transaction.atomic(),
    ):
        RegisterDay.objects.filter(pk=day.pk).update(accepted_at=None)
