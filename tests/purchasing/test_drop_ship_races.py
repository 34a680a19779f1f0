"""The supplier's parcel, the customer's change of mind and our own stock, at the same moment."""

from functools import partial
from unittest import mock

import pytest
from django.db import models

from orders.models import Fulfillment, OrderLine, OrderQuerySet
from orders.operations import NoLongerWanted, allocate_order, allocation, cancel_order
from orders.queries import differences
from purchasing import operations
from purchasing.models import GoodsReceipt
from purchasing.operations import MoreThanOrdered
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders import open_order
from tests.purchasing.waiting import dropped, promised, send_purchase, sold_out
from tests.races import both_read_before_either_writes, race

pytestmark = pytest.mark.django_db(transaction=True)


def parcel(purchase, units, *, key):
    return partial(
        operations.confirm_drop_shipment,
        order_id=purchase.pk,
        units={purchase.lines.get().pk: units},
        carrier="DPD",
        tracking_number=key,
        key=key,
        at=NOON,
        by=None,
    )


def test_two_parcels_at_once_send_no_more_than_was_ordered():
    order = open_order(level=sold_out(), quantity=3)
    purchase = send_purchase(dropped(order, 3))

    outcomes = race(parcel(purchase, 2, key="one"), parcel(purchase, 2, key="two"))

    assert sum(isinstance(outcome, MoreThanOrdered) for outcome in outcomes) == 1
    assert order.lines.get().shipped == 2
    assert differences() == []


def test_same_parcel_noted_twice_at_once_ships_once():
    order = open_order(level=sold_out(), quantity=3)
    purchase = send_purchase(dropped(order, 3))

    first, second = race(*[parcel(purchase, 1, key="the same form")] * 2)

    assert first == second == GoodsReceipt.objects.get()
    assert Fulfillment.objects.filter(order=order).count() == 1


def test_customer_who_cancels_at_once_comes_before_the_parcel_or_after_it():
    order = open_order(level=sold_out(), quantity=1)
    purchase = send_purchase(dropped(order, 1))

    _, noted = race(
        partial(cancel_order, order_id=order.pk, reason="No.", key="off", at=NOON),
        parcel(purchase, 1, key="one"),
    )

    line = order.lines.get()
    assert line.cancelled + line.shipped == 1
    assert isinstance(noted, NoLongerWanted) == (line.cancelled == 1)
    assert differences() == []


def test_last_piece_is_ours_or_the_suppliers_and_never_both():
    level = sold_out()
    order = open_order(level=level, quantity=1)
    stock(variant=level.variant, location=level.location, units=1, reference="GR-more")

    race(
        partial(dropped, order, 1),
        partial(allocate_order, order_id=order.pk, at=NOON),
    )

    assert order.lines.get().from_supplier + promised(order) == 1
    assert differences() == []


def test_the_race_is_real_once_the_lock_is_gone():
    """Control: both read what the order wants before either writes, so that it gets it twice."""
    level = sold_out()
    order = open_order(level=level, quantity=1)
    stock(variant=level.variant, location=level.location, units=1, reference="GR-more")

    with (
        mock.patch.object(OrderQuerySet, "for_update", models.QuerySet.all),
        both_read_before_either_writes(
            (allocation, "allocate_shares"), (OrderLine.objects, "bulk_update")
        ),
    ):
        race(
            partial(dropped, order, 1),
            partial(allocate_order, order_id=order.pk, at=NOON),
        )

    assert order.lines.get().from_supplier + promised(order) == 2
