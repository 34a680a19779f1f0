"""Two people sending back the same goods at the same moment."""

from collections import Counter
from functools import partial
from unittest import mock

import pytest
from django.db import IntegrityError, models

from inventory.models import StockMovement
from inventory.queries import differences as stock_differences
from purchasing import operations
from purchasing.models import (
    GoodsReceiptLine,
    PurchaseOrderLineQuerySet,
    PurchaseOrderQuerySet,
    SupplierReturn,
    SupplierReturnCredit,
    SupplierReturnQuerySet,
)
from purchasing.operations import MoreThanAwaited, MoreThanReceived, ReceivedLine, sending_back
from purchasing.queries import differences
from retail.common.errors import WrongStatus
from tests.factories.common import NOON
from tests.factories.purchasing_returns import approved_return, received_line, shipped_return
from tests.inventory.lifted_locks import without_locks
from tests.races import both_read_before_either_writes, race, refusal_among

pytestmark = pytest.mark.django_db(transaction=True)


def shipping(returned):
    return partial(operations.ship_return, return_id=returned.pk, at=NOON, by=None)


def crediting(returned, units, *, number):
    line = returned.lines.get()
    return partial(
        operations.note_credit,
        return_id=returned.pk,
        number=number,
        credited={line.pk: units},
        at=NOON,
        by=None,
    )


def kinds(outcomes):
    return Counter(type(outcome) for outcome in outcomes)


def test_one_return_is_sent_once():
    returned = approved_return()

    outcomes = race(shipping(returned), shipping(returned))

    assert kinds(outcomes) == {SupplierReturn: 1, WrongStatus: 1}
    assert StockMovement.objects.filter(kind="SUPPLIER_RETURN").count() == 1
    assert (differences(), stock_differences()) == ([], [])


def test_one_return_would_be_counted_twice_without_its_lock():
    """Control: both find it approved and send it; only its posting's reference stops the second."""
    returned = approved_return(units=4)

    with (
        mock.patch.object(SupplierReturnQuerySet, "for_update", models.QuerySet.all),
        both_read_before_either_writes((sending_back, "lock_orders_of")),
    ):
        outcomes = race(shipping(returned), shipping(returned))

    assert kinds(outcomes) == {SupplierReturn: 1, IntegrityError: 1}
    [refused] = [outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]
    assert "purchasing_ledgerposting_reference" in str(refused)


def test_last_units_of_a_receipt_go_back_once():
    line = received_line(units=10)
    first, second = (approved_return(line=line, units=6) for _ in range(2))

    outcomes = race(shipping(first), shipping(second))

    assert kinds(outcomes) == {SupplierReturn: 1, MoreThanReceived: 1}
    assert GoodsReceiptLine.objects.get().returned == 6
    assert (differences(), stock_differences()) == ([], [])


def test_two_returns_of_one_receipt_are_both_counted():
    line = received_line(units=10)
    returns = [approved_return(line=line, units=3) for _ in range(3)]

    outcomes = race(*(shipping(returned) for returned in returns))

    assert kinds(outcomes) == {SupplierReturn: 3}
    assert GoodsReceiptLine.objects.get().returned == 9
    assert (differences(), stock_differences()) == ([], [])


def test_the_race_for_a_receipt_is_real_once_the_locks_are_gone():
    """Control: both read what is left before either writes, so only the constraint is left."""
    line = received_line(units=10)
    first, second = (approved_return(line=line, units=6) for _ in range(2))

    with (
        without_locks(),
        mock.patch.object(SupplierReturnQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(PurchaseOrderQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(PurchaseOrderLineQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(models.QuerySet, "select_for_update", lambda rows, **_: rows),
        both_read_before_either_writes((sending_back, "order_counts")),
    ):
        outcomes = race(shipping(first), shipping(second))

    assert kinds(outcomes) == {SupplierReturn: 1, IntegrityError: 1}
    assert "returned_within_accepted" in refusal_among(outcomes)


def test_the_last_units_are_credited_once():
    returned = shipped_return(units=4)

    outcomes = race(crediting(returned, 3, number="CN-1"), crediting(returned, 3, number="CN-2"))

    assert kinds(outcomes) == {SupplierReturn: 1, MoreThanAwaited: 1}
    assert SupplierReturnCredit.objects.count() == 1
    assert differences() == []


def test_the_same_credit_note_twice_at_once_counts_once():
    returned = shipped_return(units=4)

    outcomes = race(crediting(returned, 3, number="CN-1"), crediting(returned, 3, number="CN-1"))

    assert kinds(outcomes) == {SupplierReturn: 2}
    assert SupplierReturnCredit.objects.get().units == 3
    assert differences() == []


def test_goods_received_on_an_order_whose_goods_go_back_are_both_counted():
    line = received_line(units=10)
    returned = approved_return(line=line, units=4, expects="REPLACEMENT")
    shipped_return(line=line, units=2, expects="REPLACEMENT")
    receipt = partial(
        operations.receive_goods,
        order_id=line.order_line.order_id,
        lines=[ReceivedLine(order_line_id=line.order_line_id, accepted=2)],
        delivery_note="",
        key="replacement-1",
        at=NOON,
        by=None,
    )

    outcomes = race(shipping(returned), receipt)

    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    line.order_line.refresh_from_db()
    assert (line.order_line.to_replace, line.order_line.received) == (6, 12)
    assert (differences(), stock_differences()) == ([], [])
