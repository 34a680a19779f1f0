"""Every rule of the table of pickups, broken past the operations: the database says no."""

import pytest
from django.db import Error, IntegrityError, connection, transaction

from orders.models import Order, Pickup
from tests.factories.common import NOON
from tests.factories.orders import open_order
from tests.factories.orders_pickups import collected_order, pickup_order, ready_order

pytestmark = pytest.mark.django_db

UPDATES = [
    (pickup_order, Pickup, "status = 'READY'", "orders_pickup_ready_has_its_times"),
    (ready_order, Pickup, "expires_at = NULL", "orders_pickup_ready_has_its_times"),
    (ready_order, Pickup, "ready_at = NULL", "orders_pickup_ready_has_its_times"),
    (ready_order, Pickup, "status = 'COLLECTED'", "orders_pickup_collected_with_proof"),
    (ready_order, Pickup, "proof = 'CODE'", "orders_pickup_collected_with_proof"),
    (collected_order, Pickup, "collected_at = NULL", "orders_pickup_collected_with_proof"),
    (collected_order, Pickup, "proof = ''", "orders_pickup_collected_with_proof"),
    (pickup_order, Pickup, "code = ''", "orders_pickup_has_a_code"),
    (pickup_order, Order, "pickup_location_id = NULL", "orders_order_pickup_has_its_place"),
    (pickup_order, Order, "delivery = 'SHIP'", "orders_order_pickup_has_its_place"),
    (open_order, Order, "delivery = 'PICKUP'", "orders_order_pickup_has_its_place"),
]


def update(order, model, assignment):
    column = "id" if model is Order else "order_id"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {model._meta.db_table} SET {assignment} WHERE {column} = %s",  # noqa: S608 - from the table above
            [order.pk],
        )


@pytest.mark.parametrize(
    ("made", "model", "assignment", "constraint"),
    UPDATES,
    ids=[f"{constraint}: {assignment}" for _, _, assignment, constraint in UPDATES],
)
def test_value_is_refused(made, model, assignment, constraint):
    order = made()

    with pytest.raises(IntegrityError, match=constraint):
        update(order, model, assignment)


def test_order_is_collected_once():
    order = pickup_order()

    with pytest.raises(IntegrityError, match="order_id"), transaction.atomic():
        Pickup.objects.create(order=order, code="1", promised_at=NOON)


MOVES = [
    (pickup_order, "status = 'EXPIRED'"),
    (collected_order, "status = 'READY', collected_at = NULL, proof = ''"),
    (collected_order, "status = 'EXPIRED', collected_at = NULL, proof = ''"),
]


@pytest.mark.parametrize(("made", "assignment"), MOVES)
def test_move_that_the_life_of_a_pickup_does_not_know_is_refused(made, assignment):
    order = made()
    before = Pickup.objects.filter(order=order).values().get()

    with pytest.raises(Error):
        update(order, Pickup, assignment)

    assert Pickup.objects.filter(order=order).values().get() == before
