import pytest
from django.db import DatabaseError

from purchasing import operations
from purchasing.models import InvoiceStep, SupplierInvoice
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import sent_order
from tests.factories.purchasing_invoices import (
    MatchExceptionFactory,
    bill,
    delivery,
    matched_bill,
)
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db


def ready():
    order = sent_order()
    delivery(order)
    return matched_bill(order=order)


def approve(*invoices, by=None):
    return operations.approve_invoices(
        invoice_ids=[invoice.pk for invoice in invoices], at=NOON, by=by or UserFactory()
    )


def statuses():
    return list(SupplierInvoice.objects.order_by("pk").values_list("status", flat=True))


def decided(invoice, status):
    return MatchExceptionFactory(
        invoice=invoice,
        kind="RULE",
        subject="BR-CO-10",
        status=status,
        **({} if status == "OPEN" else {"decided_at": NOON}),
        **({} if status in {"OPEN", "RESOLVED"} else {"decided_by": UserFactory(), "reason": "x"}),
    )


def test_several_are_approved_at_once():
    first, second, clerk = ready(), ready(), UserFactory()

    approve(second, first, by=clerk)

    assert statuses() == ["APPROVED", "APPROVED"]
    assert set(SupplierInvoice.objects.values_list("approved_by", flat=True)) == {clerk.pk}
    steps = InvoiceStep.objects.filter(kind="APPROVED").order_by("invoice")
    assert [(step.invoice_id, step.done_by) for step in steps] == [
        (first.pk, clerk),
        (second.pk, clerk),
    ]


def test_one_that_cannot_be_approved_stops_all():
    fine, waiting = ready(), bill()

    with pytest.raises(WrongStatus):
        approve(fine, waiting)

    assert statuses() == ["MATCHED", "CAPTURED"]


def test_approval_of_nothing_is_refused():
    with pytest.raises(operations.NothingToApprove):
        approve()


@pytest.mark.parametrize(
    "status", ["OPEN", "CREDIT_ASKED", "ORDER_WRONG", "RECEIPT_WRONG", "DISPUTED"]
)
def test_difference_that_blocks_keeps_it_from_payment(status):
    """Operation and database agree, whatever the status says and whoever entered it."""
    invoice = ready()
    decided(invoice, status)

    with pytest.raises(operations.NotSettled, match="BR-CO-10"):
        approve(invoice)
    with pytest.raises(DatabaseError, match="a difference blocks its payment"):
        execute(
            "UPDATE purchasing_supplierinvoice SET status = 'APPROVED', approved_at = now(),"
            " approved_by_id = %s",
            [UserFactory().pk],
        )

    assert statuses() == ["MATCHED"]


@pytest.mark.parametrize("status", ["RESOLVED", "ACCEPTED"])
def test_youngest_row_of_a_difference_counts(status):
    invoice = ready()
    decided(invoice, "DISPUTED")
    decided(invoice, status)

    approve(invoice)

    assert statuses() == ["APPROVED"]


def test_difference_that_is_only_said_does_not_block():
    invoice = ready()
    MatchExceptionFactory(invoice=invoice, kind="ALIKE", is_blocking=False)

    approve(invoice)

    assert statuses() == ["APPROVED"]
