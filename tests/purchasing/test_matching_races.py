from datetime import timedelta
from functools import partial
from threading import Barrier, Event
from unittest import mock

import pytest
from django.db import DatabaseError, IntegrityError, models

from purchasing import operations, queries
from purchasing.models import (
    GoodsReceiptLine,
    MatchAllocation,
    PayableExport,
    PurchaseOrderQuerySet,
    SupplierInvoice,
    SupplierInvoiceQuerySet,
)
from purchasing.operations import match_writing
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import sent_order
from tests.factories.purchasing_invoices import (
    TODAY,
    approved_bill,
    bill,
    delivery,
)
from tests.races import beside, race

pytestmark = pytest.mark.django_db(transaction=True)


def match(invoice):
    return partial(operations.match_invoice, invoice_id=invoice.pk, at=NOON)


def test_two_bills_of_one_receipt_are_never_matched_over():
    order = sent_order(units=[10])
    delivery(order)
    bills = [
        bill(order=order, invoiced_on=TODAY - timedelta(days=1), number="earlier"),
        bill(order=order, number="later"),
    ]

    race(*(match(invoice) for invoice in bills))

    statuses = SupplierInvoice.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == ["MATCHED", "ON_HOLD"]
    assert GoodsReceiptLine.objects.get().matched == 10
    assert queries.differences() == []


def test_the_race_is_real_once_the_locks_are_gone():
    """Control: both have read the free receipt before either writes; only constraints are left."""
    order = sent_order(units=[10])
    delivery(order)
    bills = [
        bill(order=order, invoiced_on=TODAY - timedelta(days=1), number="earlier"),
        bill(order=order, number="later"),
    ]
    both_have_read, write = Barrier(2), match_writing.insert_rows

    def write_after_both_have_read(**rows):
        both_have_read.wait(timeout=10)
        return write(**rows)

    def without_lock(queryset):
        return queryset.order_by("pk")

    with (
        mock.patch.object(PurchaseOrderQuerySet, "for_update", without_lock),
        mock.patch.object(SupplierInvoiceQuerySet, "for_update", without_lock),
        mock.patch.object(models.QuerySet, "select_for_update", lambda queryset, **_: queryset),
        mock.patch.object(match_writing, "insert_rows", write_after_both_have_read),
    ):
        outcomes = race(*(match(invoice) for invoice in bills))

    assert any(isinstance(outcome, IntegrityError) for outcome in outcomes)


def test_the_same_document_entered_twice_at_once_is_stored_once():
    order = sent_order()

    outcomes = race(*[partial(bill, order=order, number="R-1")] * 2)

    refused = [one for one in outcomes if isinstance(one, operations.DuplicateInvoice)]
    assert len(refused) == 1
    assert SupplierInvoice.objects.count() == 1


def test_a_bill_in_two_batches_at_once_goes_out_once():
    invoice = approved_bill()

    outcomes = race(
        *(
            partial(operations.export_payables, invoice_ids=[invoice.pk], key=key, at=NOON, by=None)
            for key in ("one", "other")
        )
    )

    assert sum(isinstance(outcome, PayableExport) for outcome in outcomes) == 1
    assert PayableExport.objects.count() == 1


def test_the_same_batch_sent_twice_at_once_is_one():
    invoice = approved_bill()
    export = partial(
        operations.export_payables, invoice_ids=[invoice.pk], key="batch", at=NOON, by=None
    )

    first, second = race(export, export)

    assert first == second == PayableExport.objects.get()


def test_voiding_while_matching_leaves_no_match_behind():
    order = sent_order(units=[10])
    delivery(order)
    invoice = bill(order=order)

    race(
        match(invoice),
        partial(
            operations.void_invoice, invoice_id=invoice.pk, reason="Not ours", at=NOON, by=None
        ),
    )

    invoice.refresh_from_db()
    assert invoice.status == "VOID"
    assert not MatchAllocation.objects.exists()
    assert GoodsReceiptLine.objects.get().matched == 0
    assert order.lines.get().invoiced == 0


def test_receiving_while_matching_ends_as_one_after_the_other():
    order = sent_order(units=[10])
    invoice = bill(order=order)

    race(match(invoice), partial(delivery, order))
    match(invoice)()

    invoice.refresh_from_db()
    assert invoice.status == "MATCHED"
    assert queries.differences() == []


def test_approving_while_matching_ends_as_one_after_the_other():
    order = sent_order(units=[10])
    delivery(order)
    invoice = bill(order=order)
    match(invoice)()

    race(
        match(invoice),
        match(invoice),
        partial(operations.approve_invoice, invoice_id=invoice.pk, at=NOON, by=UserFactory()),
    )

    invoice.refresh_from_db()
    assert invoice.status == "APPROVED"
    assert MatchAllocation.objects.get().units == 10
    assert queries.differences() == []


def test_voiding_while_matching_is_refused_by_the_database_once_the_locks_are_gone():
    """Control: it is void between what the matching read and what it writes."""
    order = sent_order(units=[10])
    delivery(order)
    invoice = bill(order=order)
    has_read, is_void, write = Event(), Event(), match_writing.insert_rows

    def write_when_it_is_void(**rows):
        has_read.set()
        is_void.wait(timeout=10)
        return write(**rows)

    def without_lock(queryset):
        return queryset.order_by("pk")

    with (
        mock.patch.object(PurchaseOrderQuerySet, "for_update", without_lock),
        mock.patch.object(SupplierInvoiceQuerySet, "for_update", without_lock),
        mock.patch.object(models.QuerySet, "select_for_update", lambda queryset, **_: queryset),
        mock.patch.object(match_writing, "insert_rows", write_when_it_is_void),
        beside(match(invoice)) as matching,
    ):
        has_read.wait(timeout=10)
        SupplierInvoice.objects.filter(pk=invoice.pk).update(
            status="VOID", voided_at=NOON, void_reason="Not ours"
        )
        is_void.set()

    with pytest.raises(DatabaseError, match="Invalid transition"):
        matching.result()
    assert not MatchAllocation.objects.exists()
