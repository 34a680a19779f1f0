"""Goods of a delivery that a customer waits for: promised first, and waited for again."""

from functools import partial

import pytest

from inventory.models import StockLevel
from orders.operations import settle_withdrawn
from orders.queries import differences as differences_of_orders
from purchasing import operations
from purchasing.models import GoodsReceipt
from purchasing.queries import differences
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON
from tests.factories.orders import open_order
from tests.factories.purchasing_deliveries import counted, opened, order_of, posted
from tests.orders.places import promised_at
from tests.purchasing.waiting import on_order, ordered_for, sold_out
from tests.races import race


def reverse(receipt):
    return operations.reverse_receipt(receipt_id=receipt.pk, reason="Wrong", at=NOON, by=None)


@pytest.mark.django_db
def test_customer_is_served_by_the_posting_and_waits_again_after_its_reversal():
    level = sold_out()
    due = open_order(level=level, quantity=2, ship_by=NOON)
    special = open_order(level=level, quantity=3)
    line = on_order(level)
    link = ordered_for(line, special, units=3)

    receipt = posted(counted(opened(line.order), 4))

    link.refresh_from_db()
    assert (link.served, promised_at(special), promised_at(due)) == (
        3,
        {level.location_id: 3},
        {},
    )

    reverse(receipt)
    settle_withdrawn(order_id=special.pk, at=NOON)  # as the task does within a minute

    link.refresh_from_db()
    assert (link.served, promised_at(special)) == (0, {})
    assert differences() == differences_of_orders() == []

    posted(counted(opened(line.order), 10))

    link.refresh_from_db()
    assert (link.served, promised_at(special)) == (3, {level.location_id: 3})


@pytest.mark.django_db
def test_customer_served_from_an_earlier_receipt_keeps_the_goods():
    level = sold_out()
    special = open_order(level=level, quantity=3)
    line = on_order(level)
    link = ordered_for(line, special, units=3)
    posted(counted(opened(line.order), 4))

    reverse(posted(counted(opened(line.order), 2)))

    link.refresh_from_db()
    assert (link.served, promised_at(special)) == (3, {level.location_id: 3})


@pytest.mark.django_db(transaction=True)
def test_two_deliveries_at_once_serve_each_customer_once():
    level = sold_out()
    special = open_order(level=level, quantity=4)
    line = on_order(level)
    link = ordered_for(line, special, units=4)
    other = order_of((VariantFactory(), 10), like=line.order)
    deliveries = [
        counted(opened(line.order, other), 5, 5),
        counted(opened(other, line.order), 5, 5),
    ]

    outcomes = race(
        *[
            partial(operations.post_delivery, delivery_id=delivery.pk, at=NOON, by=None)
            for delivery in deliveries
        ]
    )

    link.refresh_from_db()
    level = StockLevel.objects.get(pk=level.pk)
    assert all(isinstance(outcome, GoodsReceipt) for outcome in outcomes)
    assert (link.served, promised_at(special)) == (4, {level.location_id: 4})
    # The one that was there when it all began is promised to somebody else.
    assert (level.on_hand, level.allocated) == (11, 5)
