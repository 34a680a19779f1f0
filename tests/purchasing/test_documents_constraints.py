"""What the database refuses of files with invoices, whoever asks."""

import pytest
from django.db import IntegrityError, transaction

from purchasing.models import InvoiceDocument
from tests.factories.purchasing_documents import (
    InvoiceDocumentFactory,
    SupplierInvoiceTaxFactory,
    waiting_document,
)
from tests.factories.purchasing_invoices import SupplierInvoiceFactory, SupplierInvoiceLineFactory
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("ended_has_a_time", "ended_at = now()"),
        ("set_aside_says_why", "status = 'SET_ASIDE', ended_at = now()"),
        ("says_what_is_wrong", "problem = ''"),
        ("captured_has_a_supplier", "status = 'CAPTURED', ended_at = now()"),
    ],
)
def test_database_refuses_a_document_that(constraint, change):
    document = waiting_document()

    with pytest.raises(IntegrityError, match=f"purchasing_invoicedocument_{constraint}"):
        execute(
            f"UPDATE purchasing_invoicedocument SET {change} WHERE id = %s",  # noqa: S608 - words of this test
            [document.pk],
        )


def test_database_refuses_a_document_of_less_than_no_bytes():
    with pytest.raises(IntegrityError, match="purchasing_invoicedocument_bytes_in_range"):
        InvoiceDocumentFactory(bytes=-1)


def test_database_keeps_the_same_bytes_once():
    first = InvoiceDocumentFactory()

    with pytest.raises(IntegrityError, match="sha256"), transaction.atomic():
        InvoiceDocumentFactory(sha256=first.sha256)


@pytest.mark.parametrize(
    "change",
    ["file = 'x'", "filename = 'x'", "bytes = 1", "sha256 = 'x'", "received_at = now()"],
)
def test_database_keeps_a_document_as_it_came(change):
    document = waiting_document()

    with pytest.raises(IntegrityError, match="stays as it came"):
        execute(f"UPDATE purchasing_invoicedocument SET {change}")  # noqa: S608 - words of this test

    before = InvoiceDocument.objects.values().get()
    assert before["sha256"] == document.sha256


def test_database_deletes_no_document():
    waiting_document()

    with pytest.raises(IntegrityError, match="DELETE refused"):
        execute("DELETE FROM purchasing_invoicedocument")


@pytest.mark.parametrize("status", ["SET_ASIDE", "RECEIVED"])
def test_database_refuses_a_move_that_is_none(status):
    document = waiting_document(status="RECEIVED", problem="")
    if status == "RECEIVED":
        execute("UPDATE purchasing_invoicedocument SET status = 'NEEDS_PERSON', problem = 'x'")

    with pytest.raises(Exception, match="Invalid transition"):
        execute(
            "UPDATE purchasing_invoicedocument SET status = %s, ended_at = now(), end_reason = 'x'",
            [status],
        )

    document.refresh_from_db()
    assert document.status == ("NEEDS_PERSON" if status == "RECEIVED" else "RECEIVED")


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("rate_once", {"rate": 20}),
        ("numbers_in_range", {"rate": 100}),
    ],
)
def test_database_refuses_a_tax_that(constraint, values):
    first = SupplierInvoiceTaxFactory(rate=20)

    with (
        pytest.raises(IntegrityError, match=f"purchasing_supplierinvoicetax_{constraint}"),
        transaction.atomic(),
    ):
        SupplierInvoiceTaxFactory(invoice=first.invoice, **values)


def test_database_reads_an_invoice_of_a_file_once():
    document = InvoiceDocumentFactory()
    first = SupplierInvoiceFactory(source=document)
    SupplierInvoiceFactory(source=document, source_position=2)

    with (
        pytest.raises(IntegrityError, match="purchasing_supplierinvoice_read_once"),
        transaction.atomic(),
    ):
        SupplierInvoiceFactory(source=document, supplier=first.supplier)


@pytest.mark.parametrize("values", [{"prepaid_total": -1}, {"source_position": 0}])
def test_database_refuses_parts_of_a_payment_out_of_range(values):
    with pytest.raises(IntegrityError, match="purchasing_supplierinvoice_payment_parts_in_range"):
        SupplierInvoiceFactory(**values)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("only_charges_say_which", {"charge": "FREIGHT"}),
        ("charge_has_no_order_line", {"kind": "CHARGE", "is_price_only": True}),
    ],
)
def test_database_refuses_a_printed_line_that(constraint, values):
    with pytest.raises(IntegrityError, match=f"purchasing_supplierinvoiceline_{constraint}"):
        SupplierInvoiceLineFactory(**values)
