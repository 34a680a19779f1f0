"""Two people receiving the same goods at the same moment."""

from functools import partial
from threading import Barrier
from unittest import mock

import pytest
from django.db import models

from inventory.models import StockLevel
from purchasing import operations
from purchasing.models import (
    GoodsReceipt,
    GoodsReceiptLine,
    PurchaseOrderLine,
    PurchaseOrderLineQuerySet,
    PurchaseOrderQuerySet,
)
from purchasing.operations import MoreThanOrdered, ReceivedLine, receipts
from tests.factories.common import NOON
from tests.factories.purchasing import sent_order
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


def delivery(line, units, *, key):
    return partial(
        operations.receive_goods,
        order_id=line.order_id,
        lines=[ReceivedLine(order_line_id=line.pk, accepted=units)],
        delivery_note="",
        key=key,
        at=NOON,
        by=None,
    )


def totals(line):
    """Return the units received by the order line, by the receipts, and by the stock."""
    return (
        PurchaseOrderLine.objects.get(pk=line.pk).received,
        sum(GoodsReceiptLine.objects.values_list("accepted", flat=True)),
        sum(StockLevel.objects.values_list("on_hand", flat=True)),
    )


def test_last_units_are_received_once():
    line = sent_order(units=(10,)).lines.get()

    outcomes = race(delivery(line, 6, key="one"), delivery(line, 6, key="two"))

    assert sum(isinstance(outcome, MoreThanOrdered) for outcome in outcomes) == 1
    assert totals(line) == (6, 6, 6)


def test_two_deliveries_at_once_are_both_counted():
    line = sent_order(units=(10,)).lines.get()

    outcomes = race(*(delivery(line, 2, key=f"delivery {number}") for number in range(5)))

    assert all(isinstance(outcome, GoodsReceipt) for outcome in outcomes)
    assert totals(line) == (10, 10, 10)


def test_form_sent_twice_at_once_is_one_receipt():
    line = sent_order(units=(10,)).lines.get()

    first, second = race(*[delivery(line, 5, key="the same form")] * 2)

    assert first == second == GoodsReceipt.objects.get()
    assert totals(line) == (5, 5, 5)


def test_the_race_is_real_once_the_locks_are_gone():
    """Control: both read before either writes, so units come in that nobody ordered."""
    line = sent_order(units=(10,)).lines.get()
    both_have_read, check = Barrier(2), receipts.refuse_excess

    def check_after_both_have_read(*arguments):
        both_have_read.wait(timeout=5)
        check(*arguments)

    with (
        mock.patch.object(PurchaseOrderQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(PurchaseOrderLineQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(receipts, "refuse_excess", check_after_both_have_read),
    ):
        outcomes = race(delivery(line, 6, key="one"), delivery(line, 6, key="two"))

    assert all(isinstance(outcome, GoodsReceipt) for outcome in outcomes)
    assert totals(line) == (12, 12, 12)
