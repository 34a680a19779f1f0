"""Two people at one order at the same moment."""

from decimal import Decimal
from functools import partial
from threading import Barrier
from unittest import mock

import pytest
from django.db import models

from purchasing import operations
from purchasing.models import PurchaseOrder, PurchaseOrderQuerySet
from retail.common.errors import WrongStatus
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import SupplierFactory, approved_order
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


def test_order_is_raised_once_when_the_form_is_sent_twice_at_once():
    raise_order = partial(
        operations.create_purchase_order,
        supplier=SupplierFactory(),
        location=LocationFactory(),
        lines=[operations.NewLine(variant_id=VariantFactory().pk, units=1, unit_cost=Decimal(1))],
        reference="the same form",
        at=NOON,
        by=UserFactory(),
    )

    first, second = race(raise_order, raise_order)

    assert first == second == PurchaseOrder.objects.get()
    assert first.lines.count() == 1


def send_or_cancel(order):
    return (
        partial(operations.send, order_id=order.pk, at=NOON),
        partial(operations.cancel, order_id=order.pk, reason="Too dear", at=NOON, by=None),
    )


def test_order_sent_and_cancelled_at_once_is_told_in_turn():
    """Cancelling after sending is right, sending after cancelling is not; never both unseen."""
    order = approved_order()

    sent, cancelled = race(*send_or_cancel(order))

    order.refresh_from_db()
    assert order.status == "CANCELLED"
    assert cancelled == order
    assert isinstance(sent, WrongStatus) == (order.sent_at is None)


def test_without_the_lock_sending_and_cancelling_do_not_see_each_other():
    """Control: both read an approved order before either writes; only the trigger is left."""
    order = approved_order()
    both_have_read, check_move = Barrier(2), operations.ending.check_move

    def check_after_both_have_read(document, to):
        both_have_read.wait(timeout=5)
        check_move(document, to)

    with (
        mock.patch.object(PurchaseOrderQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(operations.approving, "check_move", check_after_both_have_read),
        mock.patch.object(operations.ending, "check_move", check_after_both_have_read),
    ):
        outcomes = race(*send_or_cancel(order))

    assert not any(isinstance(outcome, WrongStatus) for outcome in outcomes)
