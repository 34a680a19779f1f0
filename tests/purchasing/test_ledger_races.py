"""Two at once on the ledger of buying."""

from decimal import Decimal
from functools import partial
from threading import Barrier
from unittest import mock

import pytest
from django.db import IntegrityError, models

from purchasing import operations, queries
from purchasing.models import (
    GoodsReceiptLineQuerySet,
    LedgerPosting,
    SupplierInvoice,
    SupplierInvoiceQuerySet,
)
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import sent_order
from tests.factories.purchasing_invoices import bill, delivery, matched, matched_bill, printed
from tests.purchasing.ledgers import approve, grni
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


def approval(invoice):
    return partial(operations.approve_invoice, invoice_id=invoice.pk, at=NOON, by=UserFactory())


def test_a_bill_approved_twice_at_once_is_posted_once():
    order = sent_order()
    delivery(order)
    invoice = matched_bill(order=order)

    outcomes = race(approval(invoice), approval(invoice))

    assert sum(isinstance(outcome, WrongStatus) for outcome in outcomes) == 1
    assert LedgerPosting.objects.filter(kind="INVOICE").count() == 1
    assert queries.differences() == []


def test_the_race_is_real_once_the_lock_is_gone():
    """Control: both see it matched, so only the posting's reference is left."""
    order = sent_order()
    delivery(order)
    invoice = matched_bill(order=order)
    both_have_read, write = Barrier(2), models.QuerySet.bulk_create

    def write_after_both_have_read(queryset, objs, *args, **kwargs):
        if queryset.model is LedgerPosting:
            both_have_read.wait(timeout=10)
        return write(queryset, objs, *args, **kwargs)

    def without_lock(queryset):
        return queryset.order_by("pk")

    with (
        mock.patch.object(SupplierInvoiceQuerySet, "for_update", without_lock),
        mock.patch.object(GoodsReceiptLineQuerySet, "for_update", without_lock),
        mock.patch.object(SupplierInvoice.objects, "bulk_update"),
        mock.patch.object(models.QuerySet, "bulk_create", write_after_both_have_read),
    ):
        outcomes = race(approval(invoice), approval(invoice))

    assert any(isinstance(outcome, IntegrityError) for outcome in outcomes)


def test_two_bills_of_one_receipt_approved_at_once_move_each_cent_once():
    """A third of 1.00 each, and a third that comes later."""
    order = sent_order(units=[3], unit_cost="0.3333")
    line = order.lines.get()
    delivery(order)
    bills = [
        matched_bill(printed(line, 1, "0.3333", net_amount=Decimal("0.33")), order=order)
        for _ in range(2)
    ]

    race(*(approval(invoice) for invoice in bills))

    assert grni() == Decimal("-0.33")
    assert queries.differences() == []


def test_goods_that_come_while_their_bill_is_approved_are_found_afterwards():
    order = sent_order(units=[10], unit_cost="2.00")
    delivery(order, [4])
    line = order.lines.get()
    invoice = matched_bill(printed(line, 4, "2.00"), order=order)

    race(approval(invoice), partial(delivery, order, [6]))
    matched(invoice)

    assert grni() == -12
    assert queries.differences() == []


def test_a_bill_made_void_while_goods_come_leaves_them_to_be_billed():
    order = sent_order(units=[10], unit_cost="2.00")
    delivery(order, [4])
    invoice = approve(bill(printed(order.lines.get(), 10, "2.50"), order=order))

    race(
        partial(operations.void_invoice, invoice_id=invoice.pk, reason="No", at=NOON, by=None),
        partial(delivery, order, [6]),
    )

    assert grni() == -20
    assert queries.differences() == []
