"""Two people decide at the same moment, and a decision beside a matching."""

from functools import partial
from unittest import mock

import pytest
from django.db import IntegrityError, models

from purchasing import operations
from purchasing.models import MatchException, SupplierInvoiceQuerySet
from tests.factories.common import NOON, UserFactory, person_in
from tests.factories.purchasing import sent_order
from tests.factories.purchasing_invoices import delivery, matched_bill, printed
from tests.races import both_read_before_either_writes, race, refusal_among

pytestmark = pytest.mark.django_db(transaction=True)


def exception_of_a_bill():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order)
    return matched_bill(printed(order.lines.get(), 10, "3.00"), order=order).exceptions.get()


def decide(exception, decision):
    return partial(
        operations.decide_exception,
        exception_id=exception.pk,
        decision=decision,
        reason="Mine",
        at=NOON,
        by=person_in("Manager"),
    )


def test_of_two_decisions_at_once_one_stands():
    exception = exception_of_a_bill()

    outcomes = race(decide(exception, "ACCEPTED"), decide(exception, "CREDIT_ASKED"))

    refused = [one for one in outcomes if isinstance(one, operations.AlreadyDecided)]
    [decided] = [one for one in outcomes if isinstance(one, MatchException)]
    exception.refresh_from_db()
    assert len(refused) == 1
    assert (exception.status, exception.decided_by) == (decided.status, decided.decided_by)


def test_the_race_is_real_once_the_locks_are_gone():
    """Control: both find it open before either writes; only the trigger is left."""
    exception = exception_of_a_bill()

    with (
        mock.patch.object(SupplierInvoiceQuerySet, "for_update", lambda rows: rows.order_by("pk")),
        mock.patch.object(models.QuerySet, "select_for_update", lambda rows, **_: rows),
        both_read_before_either_writes((MatchException.objects, "bulk_update")),
    ):
        outcomes = race(decide(exception, "ACCEPTED"), decide(exception, "CREDIT_ASKED"))

    assert "its decision stands" in refusal_among(outcomes)


def test_decision_while_the_bill_is_approved_is_refused_or_comes_before():
    exception = exception_of_a_bill()
    decide(exception, "ACCEPTED")()
    approve = partial(
        operations.approve_invoice, invoice_id=exception.invoice_id, at=NOON, by=UserFactory()
    )
    warning = MatchException.objects.create(
        invoice_id=exception.invoice_id,
        kind="ALIKE",
        expected=0,
        actual=0,
        is_blocking=False,
        tolerance={},
        raised_at=NOON,
    )

    outcomes = race(approve, decide(warning, "DISPUTED"))

    exception.invoice.refresh_from_db()
    warning.refresh_from_db()
    assert not any(isinstance(outcome, IntegrityError) for outcome in outcomes)
    assert (exception.invoice.status, warning.status) in {
        ("APPROVED", "OPEN"),
        ("ON_HOLD", "DISPUTED"),
    }
