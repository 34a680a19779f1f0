"""Several hands at one counter: goods leave once, and either with the customer or to the shelf."""

from decimal import Decimal
from unittest import mock

import pytest
from django.db import models

from inventory.models import StockLevel, StockMovement
from orders.models import Order, OrderEvent, OrderQuerySet, Payment, Pickup
from orders.operations import (
    PaidAtPickup,
    cancel_order,
    expire_pickup,
    hand_over,
    keep_longer,
    keeping,
    mark_ready,
    pickups,
    propose_expired,
)
from orders.queries import differences
from retail.common.errors import WrongStatus
from tests.factories.common import NOON
from tests.factories.orders_pickups import pickup_order, ready_order
from tests.races import both_read_before_either_writes, race

pytestmark = pytest.mark.django_db(transaction=True)


def handing_over(order, **values):
    return lambda: hand_over(order_id=order.pk, code=order.pickup.code, at=NOON, **values).status


def putting_back(order):
    return lambda: expire_pickup(order_id=order.pk, reason="Nobody came.", at=NOON).cause


def books_of(order) -> tuple[str, str, int, int]:
    """Return what the pickup and the order are, and the stock of its one article there."""
    level = StockLevel.objects.get(location=order.pickup_location)
    status = Pickup.objects.get(order=order).status
    return status, Order.objects.get(pk=order.pk).lifecycle, level.on_hand, level.allocated


def left(order) -> int:
    return StockMovement.objects.filter(reference=order.fulfillments.get().number).count()


def test_two_hands_that_hand_over_at_once_move_goods_once():
    order = ready_order(quantity=2)

    outcomes = race(*[handing_over(order)] * 4)

    assert outcomes == ["COLLECTED"] * 4
    assert books_of(order) == ("COLLECTED", "COMPLETED", 8, 0)
    assert left(order) == 1
    assert order.events.filter(kind="COLLECTED").count() == 1
    assert differences() == []


def test_the_race_to_hand_over_is_real_once_the_lock_is_gone():
    """
    Control: both see the order ready before either writes, and both hand it over.

    Stock is saved by the movement's reference alone: the same fulfillment leaves it once.
    """
    order = ready_order(quantity=2)

    with (
        mock.patch.object(OrderQuerySet, "for_update", models.QuerySet.all),
        both_read_before_either_writes((pickups, "let_go")),
    ):
        outcomes = race(handing_over(order), handing_over(order))

    assert outcomes == ["COLLECTED"] * 2
    assert order.events.filter(kind="COLLECTED").count() == 2


def test_order_that_is_paid_at_two_counters_at_once_is_paid_once():
    order = ready_order(is_paid=False, quantity=2)
    receipts = [
        PaidAtPickup(amount=Decimal(20), method="CASH", register=f"till-{n}", receipt="1")
        for n in (1, 2)
    ]

    outcomes = race(*[handing_over(order, payment=receipt) for receipt in receipts])

    [refused] = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert isinstance(refused, WrongStatus)
    assert Payment.objects.get(order=order).charged == 20
    assert books_of(order)[:2] == ("COLLECTED", "COMPLETED")


def test_hand_over_racing_with_putting_back_ends_in_one_of_the_two():
    order = ready_order(quantity=2)

    outcomes = race(handing_over(order), putting_back(order))

    [refused] = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert isinstance(refused, WrongStatus)
    assert books_of(order) in {
        ("COLLECTED", "COMPLETED", 8, 0),
        ("EXPIRED", "CANCELLED", 10, 0),
    }
    assert differences() == []


def test_the_race_between_customer_and_shelf_is_real_once_the_lock_is_gone():
    """Control: both see the order ready before either writes, so only the trigger is left."""
    order = ready_order(quantity=2)

    with (
        mock.patch.object(OrderQuerySet, "for_update", models.QuerySet.all),
        both_read_before_either_writes((pickups, "let_go"), (keeping, "put_back")),
    ):
        outcomes = race(handing_over(order), putting_back(order))

    [refused] = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert "Invalid transition" in str(refused)


def test_cancelling_racing_with_hand_over_ends_in_one_of_the_two():
    order = ready_order(quantity=2)

    race(
        handing_over(order),
        lambda: cancel_order(order_id=order.pk, reason="No more.", key="cancel", at=NOON),
    )

    assert books_of(order) in {
        ("COLLECTED", "COMPLETED", 8, 0),
        ("CANCELLED", "CANCELLED", 10, 0),
    }
    assert differences() == []


def test_order_is_made_ready_once_by_two_hands():
    order = pickup_order(quantity=2)

    race(*[lambda key=key: mark_ready(order_id=order.pk, key=key, at=NOON) for key in "ab"])

    assert order.fulfillments.count() == 1
    assert order.events.filter(kind="READY").count() == 1
    assert differences() == []


def test_proposals_made_at_once_are_made_once_and_wait_for_nobody():
    orders = [ready_order() for _ in range(3)]
    late = max(order.pickup.expires_at for order in orders)

    counts = race(
        *[lambda: propose_expired(at=late)] * 3,
        lambda: keep_longer(order_id=orders[0].pk, until=late + (late - NOON), at=late),
    )

    assert not [outcome for outcome in counts if isinstance(outcome, Exception)]
    proposed = OrderEvent.objects.filter(kind="PICKUP_EXPIRED").values_list("order_id", flat=True)
    assert len(proposed) == len(set(proposed))
    assert set(proposed) >= {orders[1].pk, orders[2].pk}
