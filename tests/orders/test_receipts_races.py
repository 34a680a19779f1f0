"""A till that sends the same receipt many times at once, and exchanges that meet each other."""

from threading import Barrier
from unittest import mock

import pytest
from django.db import IntegrityError, models

from inventory import queries as inventory_queries
from inventory.models import StockMovement
from orders.models import Order, Return, StoreReceipt
from orders.operations import ReceiptDiffers, ingest_receipt
from orders.queries import differences
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders_tills import incoming_receipt, receipt_line, till_of
from tests.inventory.shared import figures
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)

DELIVERIES = 10


def deliver(till, receipt):
    return lambda: ingest_receipt(channel=till, receipt=receipt, at=NOON).is_new


def store_with(*units):
    place = LocationFactory(kind="STORE", is_shipping=False)
    levels = [
        stock(units=count, location=place, reference=f"GR-{number}")
        for number, count in enumerate(units)
    ]
    return till_of(place), levels


def all_differences():
    return [*differences(), *inventory_queries.differences()]


def test_same_receipt_delivered_10_times_at_once_is_taken_in_once():
    till, (level,) = store_with(50)
    receipt = incoming_receipt(receipt_line(level.variant.sku, 3))

    outcomes = race(*[deliver(till, receipt)] * DELIVERIES)

    assert sorted(outcomes) == [False] * (DELIVERIES - 1) + [True]
    assert (StoreReceipt.objects.count(), Order.objects.count()) == (1, 1)
    assert StockMovement.objects.filter(kind="SALE").count() == 1
    assert figures(level) == (47, 0)
    assert all_differences() == []


def test_the_race_for_one_receipt_is_real_once_conflicts_are_not_ignored():
    """Control: both find no receipt before either has inserted, so only the constraint is left."""
    till, (level,) = store_with(50)
    receipt = incoming_receipt(receipt_line(level.variant.sku, 3))
    both_have_come, insert = Barrier(2), models.QuerySet.bulk_create

    def insert_after_both_have_come(self, rows, *args, **options):
        if self.model is not StoreReceipt:
            return insert(self, rows, *args, **options)
        both_have_come.wait(timeout=30)
        return insert(self, rows)

    with mock.patch.object(models.QuerySet, "bulk_create", insert_after_both_have_come):
        outcomes = race(deliver(till, receipt), deliver(till, receipt))

    [refused] = [outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]
    assert "orders_storereceipt_once_per_register_and_number" in str(refused)
    assert figures(level) == (47, 0)


def test_two_receipts_of_one_number_at_once_are_one_and_a_refusal():
    till, (level,) = store_with(50)
    calls = [
        deliver(till, incoming_receipt(receipt_line(level.variant.sku, pieces), number="7"))
        for pieces in (1, 2)
    ]

    outcomes = race(*calls)

    assert len([each for each in outcomes if isinstance(each, ReceiptDiffers)]) == 1
    assert figures(level)[0] == 50 - Order.objects.get().lines.get().shipped


def test_same_goods_brought_back_at_two_tills_at_once_come_back_once_to_their_sale():
    till, (level,) = store_with(10)
    sale = ingest_receipt(
        channel=till, receipt=incoming_receipt(receipt_line(level.variant.sku, 1)), at=NOON
    ).receipt
    calls = [
        deliver(till, incoming_receipt(receipt_line(level.variant.sku, -1, sold_with=sale.number)))
        for _ in range(2)
    ]

    assert race(*calls) == [True, True]

    of_sale = Return.objects.filter(order=sale.order)
    assert (of_sale.count(), Return.objects.filter(order=None).count()) == (1, 1)
    assert sale.order.lines.get().returned == 1
    assert all_differences() == []


def test_exchanges_of_each_others_goods_do_not_wait_in_a_circle():
    till, (one, other) = store_with(50, 50)

    def swap(back, out):
        return deliver(
            till,
            incoming_receipt(
                receipt_line(back.variant.sku, -1),
                receipt_line(out.variant.sku, 1, external_line_id="2"),
            ),
        )

    outcomes = race(*[swap(*pair) for pair in [(one, other), (other, one)] * 4])

    assert outcomes == [True] * 8
    assert (figures(one), figures(other)) == ((50, 0), (50, 0))
    assert all_differences() == []
