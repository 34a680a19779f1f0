"""Every rule of the tables of payments and refunds, broken past the operations."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from orders.models import Payment, PaymentEvent, PaymentRule, Refund, RefundLine
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.orders import open_order
from tests.factories.orders_payments import (
    MAKERS,
    PaymentRuleFactory,
    grant,
    refund_at,
    refund_to_approve,
)

pytestmark = pytest.mark.django_db

UPDATES = [
    (Payment, "external_id = ''", "orders_payment_external_id_not_empty"),
    (Payment, "charged = -1", "orders_payment_amounts_not_negative"),
    (Payment, "authorized = 'NaN'", "orders_payment_amounts_not_negative"),
    (Payment, "refunded = charged + 1", "orders_payment_refunded_within_charged"),
    (PaymentRule, "unpaid_hours = 0", "orders_paymentrule_hours_positive"),
    (Refund, "amount = 0", "orders_refund_amount_positive"),
    (Refund, "reason = ''", "orders_refund_has_a_reason"),
    (Refund, "amount = 200", "orders_refund_above_the_limit_is_approved"),
    (Refund, "settled_at = granted_at", "orders_refund_settled_has_a_time"),
    (Refund, "status = 'SENT'", "orders_refund_paid_by_a_route"),
    (RefundLine, "quantity = 0", "orders_refundline_quantity_positive"),
    (RefundLine, "amount = -1", "orders_refundline_amount_not_negative"),
]


def refuses(constraint):
    return pytest.raises(IntegrityError, match=constraint)


def change(model, assignment):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {model._meta.db_table} SET {assignment}")  # noqa: S608 - from the tables above


@pytest.mark.parametrize(
    ("model", "assignment", "constraint"), UPDATES, ids=[f"{c}: {a}" for _, a, c in UPDATES]
)
def test_value_is_refused(model, assignment, constraint):
    makers = {**MAKERS, PaymentRule: PaymentRuleFactory}
    makers[model]()

    with refuses(constraint):
        change(model, assignment)


def test_refund_approved_by_who_granted_it_is_refused():
    refund_to_approve()

    with refuses("orders_refund_approved_by_another"):
        change(Refund, "approved_by_id = granted_by_id, approved_at = granted_at")


def test_refund_settled_without_a_time_is_refused():
    refund_at("SETTLED")

    with refuses("orders_refund_settled_has_a_time"):
        change(Refund, "settled_at = NULL")


def test_move_of_a_refund_that_is_not_listed_is_refused():
    refund_at("SETTLED")

    with pytest.raises(ProgrammingError, match="Invalid transition"):
        change(Refund, "status = 'GRANTED', settled_at = NULL")


@pytest.mark.parametrize("statement", ["UPDATE {} SET amount = 1", "DELETE FROM {}"])
def test_what_happened_to_a_payment_stands(statement):
    open_order()

    with (
        refuses("orders_paymentevent is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format("orders_paymentevent"))


def again(row, **changes):
    row.pk = None
    for name, value in changes.items():
        setattr(row, name, value)
    row._state.adding = True
    with transaction.atomic():
        type(row).objects.bulk_create([row])


def test_same_transaction_twice_on_a_channel_is_refused():
    open_order()

    with refuses("orders_payment_one_per_channel_and_external_id"):
        again(Payment.objects.get())


def test_same_reference_twice_per_kind_is_refused():
    open_order()

    with refuses("orders_paymentevent_reference_once_per_kind"):
        again(PaymentEvent.objects.get(), happened_at=NOON + timedelta(days=1))


def test_event_without_a_reference_or_below_zero_is_refused():
    open_order()

    with refuses("orders_paymentevent_reference_not_empty"):
        again(PaymentEvent.objects.get(), reference="")
    with refuses("orders_paymentevent_amount_not_negative"):
        again(PaymentEvent.objects.get(), reference="2", amount=-1)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"external_id": None}, "orders_refund_once_per_key"),
        ({"key": "another"}, "orders_refund_one_per_external_id"),
    ],
)
def test_same_refund_twice_is_refused(changes, constraint):
    refund = grant()
    Refund.objects.filter(pk=refund.pk).update(external_id="R-1")

    with refuses(constraint):
        again(Refund.objects.get(), **changes)


def test_line_twice_in_a_refund_is_refused():
    MAKERS[RefundLine]()

    with refuses("orders_refundline_once"):
        again(RefundLine.objects.get())


@pytest.mark.parametrize("of_channel", [True, False])
def test_two_rules_for_the_same_orders_are_refused(of_channel):
    channel = ChannelFactory() if of_channel else None
    PaymentRuleFactory(channel=channel, method="card")

    with refuses("orders_paymentrule_one_per_channel_and_method"):
        PaymentRuleFactory(channel=channel, method="card")
