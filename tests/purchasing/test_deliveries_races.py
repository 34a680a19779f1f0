"""Several people at one delivery, or at the same held goods, at the same moment."""

from functools import partial
from unittest import mock

import pytest
from django.db import models

from inventory.models import StockLevel
from purchasing import operations
from purchasing.models import (
    DeliveryQuerySet,
    GoodsReceipt,
    GoodsReceiptLine,
    HeldGoodsDecision,
    HeldGoodsQuerySet,
    PurchaseOrderLine,
    PurchaseOrderLineQuerySet,
    PurchaseOrderQuerySet,
)
from purchasing.operations import MoreThanOrdered, ReceivedLine, counting, deliveries, held
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON
from tests.factories.purchasing import sent_order
from tests.factories.purchasing_deliveries import counted, opened, order_of, rejected_goods
from tests.races import both_read_before_either_writes, race, refusal_among

pytestmark = pytest.mark.django_db(transaction=True)


def scan(delivery, code, *, key, units=1):
    return partial(
        operations.scan_goods,
        delivery_id=delivery.pk,
        code=code,
        units=units,
        key=key,
        at=NOON,
        by=None,
    )


def post(delivery):
    return partial(operations.post_delivery, delivery_id=delivery.pk, at=NOON, by=None)


def take(goods, units, *, key):
    return partial(
        operations.take_held,
        held_id=goods.pk,
        units=units,
        outcome="RETURNED",
        reason="Back",
        key=key,
        at=NOON,
        by=None,
    )


def two_lines_of_one_unit():
    variant = VariantFactory()
    first = order_of((variant, 1))
    delivery = opened(first, order_of((variant, 1), like=first))
    return delivery, variant.sku


def counts(delivery):
    return list(delivery.lines.order_by("pk").values_list("accepted", flat=True))


def totals():
    """Return the units received by order lines, by receipts, and by the stock."""
    return (
        sum(PurchaseOrderLine.objects.values_list("received", flat=True)),
        sum(GoodsReceiptLine.objects.values_list("accepted", flat=True)),
        sum(StockLevel.objects.values_list("on_hand", flat=True)),
    )


def test_two_people_who_scan_at_once_lose_no_unit():
    delivery, code = two_lines_of_one_unit()

    race(scan(delivery, code, key="one"), scan(delivery, code, key="two"))

    assert counts(delivery) == [1, 1]


def test_unknown_code_scanned_at_once_is_counted_twice_on_one_line():
    delivery, _ = two_lines_of_one_unit()

    race(scan(delivery, "who knows", key="one"), scan(delivery, "who knows", key="two"))

    assert counts(delivery) == [0, 0, 2]


def test_scan_sent_twice_at_once_counts_once():
    delivery, code = two_lines_of_one_unit()

    first, second = race(*[scan(delivery, code, key="one scan")] * 2)

    assert first == second
    assert counts(delivery) == [1, 0]


def test_scanning_is_a_race_once_the_lock_is_gone():
    """Control: both find room on the first line, and neither fills the second."""
    delivery, code = two_lines_of_one_unit()

    with (
        mock.patch.object(DeliveryQuerySet, "for_update", models.QuerySet.all),
        both_read_before_either_writes((counting, "fill_lines")),
    ):
        race(scan(delivery, code, key="one"), scan(delivery, code, key="two"))

    assert counts(delivery) == [2, 0]


def test_delivery_posted_at_once_by_two_is_one_receipt():
    delivery = counted(opened(sent_order()), 6)

    first, second = race(post(delivery), post(delivery))

    assert first == second == GoodsReceipt.objects.get()
    assert totals() == (6, 6, 6)


def test_posting_twice_is_a_race_once_the_lock_is_gone():
    """Control: both find it open, so only the key of the receipt is left."""
    delivery = counted(opened(sent_order()), 6)

    with (
        mock.patch.object(DeliveryQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(PurchaseOrderQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(PurchaseOrderLineQuerySet, "for_update", models.QuerySet.all),
        both_read_before_either_writes((deliveries, "post_receipt")),
    ):
        outcomes = race(post(delivery), post(delivery))

    assert "purchasing_goodsreceipt" in refusal_among(outcomes)
    assert totals() == (6, 6, 6)


def test_scan_beside_the_posting_is_in_the_receipt_or_refused():
    delivery = counted(opened(sent_order()), 6)
    code = delivery.lines.get().variant.sku

    scanned, receipt = race(scan(delivery, code, key="late"), post(delivery))

    came = receipt.lines.get().accepted
    assert came == (6 if isinstance(scanned, Exception) else 7)
    assert counts(delivery) == [came]


def two_deliveries_of_the_same_orders():
    """Return two deliveries that each count six of ten on both of two orders."""
    first = order_of((VariantFactory(), 10))
    second = order_of((VariantFactory(), 10), like=first)
    return counted(opened(first, second), 6, 6), counted(opened(second, first), 6, 6)


def test_two_deliveries_of_the_same_lines_take_in_no_unit_twice():
    one, other = two_deliveries_of_the_same_orders()

    outcomes = race(post(one), post(other))

    assert sum(isinstance(outcome, MoreThanOrdered) for outcome in outcomes) == 1
    assert totals() == (12, 12, 12)


def test_deliveries_are_a_race_once_the_locks_are_gone():
    """Control: both read before either writes, so units come in that nobody ordered."""
    one, other = two_deliveries_of_the_same_orders()

    with (
        mock.patch.object(PurchaseOrderQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(PurchaseOrderLineQuerySet, "for_update", models.QuerySet.all),
        both_read_before_either_writes((deliveries, "refuse_excess")),
    ):
        outcomes = race(post(one), post(other))

    assert all(isinstance(outcome, GoodsReceipt) for outcome in outcomes)
    assert totals() == (24, 24, 24)


def test_delivery_and_quick_receipt_of_the_same_line_lose_nothing():
    order = sent_order()
    delivery = counted(opened(order), 4)
    line = order.lines.get()
    quick = partial(
        operations.receive_goods,
        order_id=order.pk,
        lines=[ReceivedLine(order_line_id=line.pk, accepted=5)],
        delivery_note="",
        key="quick",
        at=NOON,
        by=None,
    )

    outcomes = race(post(delivery), quick)

    assert all(isinstance(outcome, GoodsReceipt) for outcome in outcomes)
    assert totals() == (9, 9, 9)


def test_held_goods_are_not_taken_twice():
    goods = rejected_goods(4)

    outcomes = race(take(goods, 3, key="one"), take(goods, 3, key="two"))

    goods.refresh_from_db()
    assert sum(isinstance(one, operations.NotThatManyHeld) for one in outcomes) == 1
    assert goods.returned == 3


def test_decision_sent_twice_at_once_is_one():
    goods = rejected_goods(4)

    first, second = race(*[take(goods, 2, key="one form")] * 2)

    goods.refresh_from_db()
    assert first == second == HeldGoodsDecision.objects.get()
    assert goods.returned == 2


def test_held_goods_are_a_race_once_the_lock_is_gone():
    """Control: both find enough, so only the constraint is left."""
    goods = rejected_goods(4)

    with (
        mock.patch.object(HeldGoodsQuerySet, "for_update", models.QuerySet.all),
        both_read_before_either_writes((held, "require_held")),
    ):
        outcomes = race(take(goods, 3, key="one"), take(goods, 3, key="two"))

    assert "decided_within_units" in refusal_among(outcomes)


def test_receipt_is_reversed_or_its_held_goods_are_decided_but_not_both():
    goods = rejected_goods(4)
    reverse = partial(
        operations.reverse_receipt, receipt_id=goods.receipt_id, reason="Wrong", at=NOON, by=None
    )

    outcomes = race(take(goods, 4, key="one"), reverse)

    assert (
        sum(isinstance(outcome, operations.ReceiptInUse) for outcome in outcomes)
        + sum(isinstance(outcome, operations.HeldGoodsReversed) for outcome in outcomes)
        == 1
    )


def test_receipt_reversed_by_two_at_once_is_reversed_once():
    receipt = operations.post_delivery(
        delivery_id=counted(opened(sent_order()), 6).pk, at=NOON, by=None
    )
    reverse = partial(
        operations.reverse_receipt, receipt_id=receipt.pk, reason="Wrong", at=NOON, by=None
    )

    first, second = race(reverse, reverse)

    assert first == second
    assert sum(StockLevel.objects.values_list("on_hand", flat=True)) == 0
    assert PurchaseOrderLine.objects.get().received == 0
