"""Refunds at the same moment: one is paid once, and what was paid is granted once."""

from decimal import Decimal
from functools import partial
from unittest import mock

import pytest
from django.db import IntegrityError, models

from channels.models import OutboxEntry
from orders.models import OrderQuerySet, Payment, PaymentEvent, Refund
from orders.operations import (
    RefundTooHigh,
    execute_refund,
    grant_refund,
    record_payment,
    refund_payouts,
    refunds,
)
from orders.queries import differences
from retail.common.errors import WrongStatus
from tests.factories.common import NOON
from tests.factories.orders import open_order
from tests.factories.orders_payments import connected_order, grant
from tests.races import both_read_before_either_writes, race, refusal_among

pytestmark = pytest.mark.django_db(transaction=True)


def execute(refund, key, route="BANK_TRANSFER"):
    return partial(execute_refund, refund_id=refund.pk, route=route, key=key, at=NOON)


def granting(order, key, amount):
    return partial(
        grant_refund, order_id=order.pk, amount=Decimal(amount), reason="Late", key=key, at=NOON
    )


def without_lock():
    """Take the lock of orders away."""
    return mock.patch.object(OrderQuerySet, "for_update", models.QuerySet.all)


def test_refund_paid_twice_at_once_by_one_form_is_paid_once():
    refund = grant()

    outcomes = race(execute(refund, "form"), execute(refund, "form"))

    assert [outcome.pk for outcome in outcomes] == [refund.pk, refund.pk]
    assert PaymentEvent.objects.filter(kind="REFUNDED").count() == 1
    assert differences() == []


def test_refund_paid_by_two_people_at_once_is_paid_once():
    refund = grant()

    outcomes = race(execute(refund, "one"), execute(refund, "other"))

    assert [type(outcome) for outcome in outcomes].count(WrongStatus) == 1
    assert (Payment.objects.get().refunded, Refund.objects.get().status) == (5, "SETTLED")
    assert differences() == []


def test_refund_sent_by_two_people_at_once_is_one_message():
    refund = grant()

    outcomes = race(execute(refund, "one", "CHANNEL"), execute(refund, "other", "CHANNEL"))

    assert [type(outcome) for outcome in outcomes].count(WrongStatus) == 1
    assert (OutboxEntry.objects.count(), Refund.objects.get().status) == (1, "SENT")


def test_the_race_for_one_payout_is_real_once_the_lock_is_gone():
    """Control: both see it granted before either pays, so only the ledger's key is left."""
    refund = grant()

    with (
        without_lock(),
        both_read_before_either_writes((refund_payouts, "_require_route")),
    ):
        outcomes = race(execute(refund, "one"), execute(refund, "other"))

    assert "orders_paymentevent_reference_once_per_kind" in refusal_among(outcomes)
    assert Payment.objects.get().refunded == 5


def test_two_grants_race_for_the_last_of_what_was_paid():
    order = connected_order()

    outcomes = race(granting(order, "one", "15.00"), granting(order, "other", "15.00"))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Refund", "RefundTooHigh"]
    assert Refund.objects.get().amount == 15


def test_the_race_of_grants_is_real_once_the_lock_is_gone():
    """Control: both see all that was paid before either grants, and more is granted than that."""
    order = connected_order()

    with without_lock(), both_read_before_either_writes((refunds, "_require_lines")):
        outcomes = race(granting(order, "one", "15.00"), granting(order, "other", "15.00"))

    assert not any(isinstance(outcome, RefundTooHigh) for outcome in outcomes)
    assert sum(Refund.objects.values_list("amount", flat=True)) == 30


def test_one_grant_sent_twice_at_once_is_one_refund():
    order = connected_order()

    outcomes = race(granting(order, "form", "5.00"), granting(order, "form", "5.00"))

    assert {outcome.pk for outcome in outcomes} == {Refund.objects.get().pk}


def recording(order, external_id="T-1"):
    return partial(
        record_payment,
        order_id=order.pk,
        kind="CHARGED",
        amount=Decimal("20.00"),
        method="TRANSFER",
        external_id=external_id,
        reference="1",
        at=NOON,
    )


def test_payment_recorded_twice_at_once_counts_once():
    order = open_order(is_paid=False)

    outcomes = race(recording(order), recording(order))

    assert not any(isinstance(outcome, Exception) for outcome in outcomes)
    assert Payment.objects.get().charged == 20
    assert PaymentEvent.objects.count() == 1
    assert differences() == []


def test_transaction_that_two_orders_claim_at_once_is_of_one():
    channel = open_order().channel
    first, second = (open_order(channel=channel, is_paid=False) for _ in range(2))

    outcomes = race(recording(first), recording(second))

    names = sorted(type(outcome).__name__ for outcome in outcomes)
    assert names == ["PaymentEvent", "PaymentOfAnotherOrder"]
    assert not any(isinstance(outcome, IntegrityError) for outcome in outcomes)
    assert Payment.objects.get(external_id="T-1").charged == 20
