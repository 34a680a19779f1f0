"""Returns at the same moment: goods come back once, whoever books them."""

from decimal import Decimal
from unittest import mock

import pytest
from django.db import models

from inventory.models import StockMovement
from orders.models import OrderEvent, OrderQuerySet, Return, ReturnQuerySet
from orders.operations import (
    ReceivedLine,
    ReturnedLine,
    ReturnedTooMuch,
    receive_return,
    refund_return,
    register_return,
    take_back,
    take_back_blind,
    taking_back,
)
from orders.queries import differences
from retail.common.errors import WrongStatus
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import shipped_order
from tests.factories.orders_returns import expected_return, received_return
from tests.orders.test_exchanges import paid_order
from tests.races import both_read_before_either_writes, race

pytestmark = pytest.mark.django_db(transaction=True)


def receiving(returned, location, pieces):
    line = ReceivedLine(return_line_id=returned.lines.get().pk, quantity=pieces)
    return lambda: receive_return(return_id=returned.pk, location=location, lines=[line], at=NOON)


def test_return_received_twice_at_once_comes_in_once():
    expected, store = expected_return(quantity=2), LocationFactory()

    outcomes = race(*[receiving(expected, store, 2)] * 4)

    line = expected.order.lines.get()
    assert {outcome.pk for outcome in outcomes} == {expected.pk}
    assert line.returned == 2
    assert StockMovement.objects.filter(kind="RETURN").count() == 1
    assert OrderEvent.objects.filter(kind="RETURNED").count() == 1
    assert differences() == []


def test_return_received_at_two_places_at_once_comes_in_at_one():
    expected = expected_return(quantity=2)

    outcomes = race(*(receiving(expected, LocationFactory(), pieces) for pieces in (1, 2)))

    refusals = [outcome for outcome in outcomes if isinstance(outcome, WrongStatus)]
    assert len(refusals) == 1
    assert StockMovement.objects.filter(kind="RETURN").count() == 1
    assert differences() == []


def test_return_would_come_in_twice_without_the_locks():
    """Control: both callers find it expected before either receives it."""
    order, store = shipped_order(quantity=4), LocationFactory()
    expected = expected_return(order=order, quantity=2)

    with (
        mock.patch.object(OrderQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(ReturnQuerySet, "for_update", models.QuerySet.all),
        both_read_before_either_writes((taking_back, "_looked_at")),
    ):
        race(*[receiving(expected, store, 2)] * 2)

    assert order.lines.get().returned == 4
    assert OrderEvent.objects.filter(kind="RETURNED").count() == 2
    assert differences()


def test_last_piece_taken_back_at_two_counters_at_once_comes_back_once():
    order = shipped_order(quantity=1)
    line = ReturnedLine(order_line_id=order.lines.get().pk, quantity=1)
    store = LocationFactory()

    outcomes = race(
        *(
            lambda key=key: take_back(
                order_id=order.pk, location=store, lines=[line], key=key, at=NOON
            )
            for key in ("a", "b", "c")
        )
    )

    assert sum(isinstance(outcome, ReturnedTooMuch) for outcome in outcomes) == 2
    assert Return.objects.count() == 1
    assert differences() == []


def test_last_piece_is_announced_or_taken_back_but_not_both():
    order = shipped_order(quantity=1)
    line = ReturnedLine(order_line_id=order.lines.get().pk, quantity=1)

    outcomes = race(
        lambda: register_return(order_id=order.pk, lines=[line], key="portal", at=NOON),
        lambda: take_back(
            order_id=order.pk, location=LocationFactory(), lines=[line], key="till", at=NOON
        ),
    )

    assert sum(isinstance(outcome, ReturnedTooMuch) for outcome in outcomes) == 1
    assert differences() == []


def test_blind_return_with_one_key_at_once_comes_in_once():
    level, channel = stock(units=1), ChannelFactory()
    line = ReturnedLine(variant_id=level.variant_id, quantity=1)

    outcomes = race(
        *[
            lambda: take_back_blind(
                channel=channel,
                location=level.location,
                lines=[line],
                note="No receipt",
                key="till",
                at=NOON,
            )
        ]
        * 4
    )

    level.refresh_from_db()
    assert len({outcome.pk for outcome in outcomes}) == 1
    assert level.on_hand == 2


def test_two_people_granting_for_one_return_at_once_grant_once():
    order = paid_order()
    returned = received_return(order=order)

    outcomes = race(
        *(
            lambda key=key: refund_return(
                return_id=returned.pk, amount=Decimal(10), reason="Returned", key=key, at=NOON
            )
            for key in ("a", "b", "c")
        )
    )

    assert sum(isinstance(outcome, WrongStatus) for outcome in outcomes) == 2
    assert order.refunds.count() == 1
