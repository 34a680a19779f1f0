"""Payment files, what is handed over, and what the bank says: rows that only operations write."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import factory
from factory.django import DjangoModelFactory

from purchasing import operations
from purchasing.models import (
    Handover,
    PaymentBatch,
    PaymentItem,
    PaymentNotice,
    PaymentTransfer,
    Supplier,
    SupplierInvoice,
)
from tests.factories.common import NOON, ImportRunFactory, UserFactory
from tests.factories.purchasing_invoices import TODAY, SupplierInvoiceFactory

FRIDAY = TODAY + timedelta(days=5)
IBANS = ("DE89370400440532013000", "FR1420041010050500013M02606", "PL61109010140000071219812874")


class SupplierInEuroFactory(DjangoModelFactory):
    """A supplier with an account."""

    class Meta:
        model = Supplier

    code = factory.Sequence(lambda n: f"euro-{n + 1}")
    name = factory.Sequence(lambda n: f"Lieferant {n + 1:03}")
    currency = "EUR"
    iban = IBANS[0]


def owed(
    payable: str = "25.00", *, supplier: Supplier | None = None, **values: object
) -> SupplierInvoice:
    """Return an approved document in euro by itself: no order, no goods, nothing in the ledger."""
    amount = Decimal(payable)
    return SupplierInvoiceFactory(
        **{
            "supplier": supplier or SupplierInEuroFactory(),
            "net_total": amount,
            "total": amount,
            "status": SupplierInvoice.Status.APPROVED,
            "approved_at": NOON,
            "approved_by": UserFactory(),
            **values,
        }
    )


def exported(*invoices: SupplierInvoice) -> None:
    operations.export_payables(
        invoice_ids=[invoice.pk for invoice in invoices], key=uuid4().hex, at=NOON, by=None
    )


def payment_batch(*invoices: SupplierInvoice, key: str = "", **values: object) -> PaymentBatch:
    """Order these to be paid, by default a new one; the settings of the test hold our account."""
    return operations.make_payment_batch(
        **{
            "invoice_ids": [invoice.pk for invoice in invoices or (owed(),)],
            "execution_on": FRIDAY,
            "key": key or uuid4().hex,
            "at": NOON,
            "by": UserFactory(),
            **values,
        }
    )


class PaymentBatchFactory(DjangoModelFactory):
    """The row alone; `payment_batch` makes one with transfers and a file."""

    class Meta:
        model = PaymentBatch

    key = factory.Sequence(lambda n: f"batch-{n + 1}")
    execution_on = FRIDAY
    currency = "EUR"
    total = Decimal("25.0000")
    content = "<Document/>"
    sha256 = "0" * 64
    made_at = NOON


class PaymentTransferFactory(DjangoModelFactory):
    class Meta:
        model = PaymentTransfer

    batch = factory.SubFactory(PaymentBatchFactory)
    supplier = factory.SubFactory(SupplierInEuroFactory)
    end_to_end_id = factory.Sequence(lambda n: f"T-{n + 1}")
    name = "Lieferant"
    iban = IBANS[0]
    amount = Decimal("25.0000")
    remittance = "R-1"


class PaymentItemFactory(DjangoModelFactory):
    class Meta:
        model = PaymentItem

    transfer = factory.SubFactory(PaymentTransferFactory)
    invoice = factory.SubFactory(SupplierInvoiceFactory)
    amount = Decimal("25.0000")


class HandoverFactory(DjangoModelFactory):
    class Meta:
        model = Handover

    batch = factory.SubFactory(PaymentBatchFactory)
    filename = factory.Sequence(lambda n: f"file-{n + 1}.xml")
    try_at = NOON


class PaymentNoticeFactory(DjangoModelFactory):
    class Meta:
        model = PaymentNotice

    run = factory.SubFactory(ImportRunFactory)
    line_number = 2
    row_key = factory.Sequence(lambda n: f"row-{n + 1}")
    outcome = PaymentNotice.Outcome.UNKNOWN
    noted_at = NOON
