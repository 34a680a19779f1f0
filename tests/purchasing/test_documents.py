"""Files with invoices: kept, read, captured, and what is left for a person."""

import hashlib
from decimal import Decimal
from unittest import mock

import pytest

from purchasing import operations
from purchasing.models import InvoiceDocument, SupplierInvoice
from purchasing.operations import documents
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_documents import (
    known_supplier,
    received,
    ubl_invoice,
    ubl_line,
    waiting_document,
)
from tests.factories.purchasing_invoices import bill, delivery

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def bytes_of(document):
    with document.file.open("rb") as file:
        return file.read()


def complete(document, supplier, **values):
    return operations.complete_document(
        document_id=document.pk, supplier_id=supplier.pk, at=NOON, by=UserFactory(), **values
    )


def test_invoice_of_a_known_supplier_is_captured_and_matched():
    supplier = known_supplier(payment_days=30)
    order = sent_order(supplier=supplier, units=[10], unit_cost="2.50")
    delivery(order)
    sku = order.lines.get().variant.sku
    content = ubl_invoice(number="U/1", lines=[ubl_line(sku=sku)], order=order.number)
    clerk = UserFactory()

    document = received(content, by=clerk, origin="mail of 3 July")

    document.refresh_from_db()
    invoice = document.invoices.get()
    assert (document.status, document.problem, document.supplier_found_by) == (
        "CAPTURED",
        "",
        "TAX_NUMBER",
    )
    assert (document.supplier, document.syntax, document.origin) == (
        supplier,
        "UBL",
        "mail of 3 July",
    )
    assert (document.bytes, document.sha256) == (
        len(content),
        hashlib.sha256(content).hexdigest(),
    )
    assert bytes_of(document) == content
    assert document.stated[0]["number"] == "U/1"
    assert (document.ended_by, document.ended_at) == (clerk, NOON)
    assert (invoice.status, invoice.supplier_number, invoice.total) == ("MATCHED", "U/1", 30)
    assert (invoice.source_position, invoice.captured_by) == (1, clerk)
    assert [(tax.category, tax.rate, tax.tax) for tax in invoice.taxes.all()] == [("S", 20, 5)]
    assert invoice.lines.get().order_number == order.number


def test_the_same_bytes_again_are_the_first_document():
    known_supplier()
    content = ubl_invoice()
    first = received(content)

    again = received(content, filename="copy.xml", channel="MAIL")

    assert again == first
    assert (again.filename, again.channel) == ("invoice.xml", "UPLOAD")
    assert SupplierInvoice.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "UNKNOWN_SYNTAX"),
        (b"\x00\xff nothing that anybody knows", "UNKNOWN_SYNTAX"),
        (b"<Invoice", "XML_BROKEN"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><Invoice>&a;</Invoice>", "XML_ENTITIES"),
        (
            b"<Order xmlns='urn:oasis:names:specification:ubl:schema:xsd:Order-2'/>",
            "NOT_AN_INVOICE",
        ),
    ],
)
def test_what_is_no_invoice_is_kept_for_a_person(content, code):
    document = received(content)

    document.refresh_from_db()
    assert (document.status, document.problem_code) == ("NEEDS_PERSON", code)
    assert document.problem
    assert bytes_of(document) == content
    assert not SupplierInvoice.objects.exists()


def test_a_reader_that_fails_leaves_the_bytes_to_a_person(caplog):
    content = ubl_invoice()

    with mock.patch.object(documents, "read_document", side_effect=RuntimeError("GB29NWBK")):
        document = received(content)

    document.refresh_from_db()
    assert (document.status, document.problem_code) == ("NEEDS_PERSON", "PROGRAM_FAILED")
    assert "GB29NWBK" not in document.problem
    assert bytes_of(document) == content


def test_a_file_that_was_kept_and_not_read_is_gone_on_with():
    known_supplier()
    content = ubl_invoice()
    with (
        mock.patch.object(documents, "settle", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        received(content)
    kept = InvoiceDocument.objects.get()
    assert kept.status == "RECEIVED"

    document = operations.read_kept_document(document_id=kept.pk, at=NOON, by=None)

    assert document.status == "CAPTURED"
    assert operations.read_kept_document(document_id=kept.pk, at=NOON, by=None) == document
    assert SupplierInvoice.objects.count() == 1


def test_invoice_that_was_entered_before_names_the_first():
    supplier = known_supplier()
    order = sent_order(supplier=supplier)
    first = bill(order=order, number="U-7")

    document = received(ubl_invoice(number="u 7"))

    document.refresh_from_db()
    assert (document.status, document.problem_code) == ("NEEDS_PERSON", "DUPLICATE_INVOICE")
    assert first.number in document.problem
    assert SupplierInvoice.objects.get() == first


def test_duplicate_is_captured_for_a_reason():
    supplier = known_supplier()
    bill(order=sent_order(supplier=supplier), number="U-7")
    document = received(ubl_invoice(number="U-7"))

    done = complete(document, supplier, duplicate_reason="They number anew each year")

    assert done.status == "CAPTURED"
    assert done.invoices.get().duplicate_reason == "They number anew each year"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"currency": "ZZZ"}, "INVALID_INVOICE"),
        ({"issued_on": NOON.date().replace(year=1900)}, "INVALID_INVOICE"),
    ],
)
def test_invoice_that_cannot_be_is_kept_and_nothing_of_it_stored(values, code):
    known_supplier()

    document = received(ubl_invoice(**values))

    document.refresh_from_db()
    assert (document.status, document.problem_code) == ("NEEDS_PERSON", code)
    assert not SupplierInvoice.objects.exists()


def test_supplier_of_like_name_is_only_suggested():
    potter = SupplierFactory(name="Potter Limited")

    document = received(ubl_invoice(seller="Potter Ltd."))

    document.refresh_from_db()
    assert (document.status, document.problem_code) == ("NEEDS_PERSON", "SUPPLIER_UNKNOWN")
    assert (document.supplier, document.suggested_supplier) == (None, potter)
    assert "980780684" in document.problem


def test_person_says_whose_it_is_and_the_next_one_is_found():
    potter = SupplierFactory(name="Potter", country="GB")
    document = received(ubl_invoice(address="0088:5798000000001"))

    done = complete(document, potter, remember=True)

    potter.refresh_from_db()
    assert (done.status, done.supplier, done.supplier_found_by) == ("CAPTURED", potter, "PERSON")
    assert (potter.tax_number, potter.electronic_address) == ("980780684", "0088:5798000000001")
    assert received(ubl_invoice()).supplier_found_by == "TAX_NUMBER"


def test_what_is_known_of_a_supplier_is_not_overwritten():
    potter = SupplierFactory(country="GB", tax_number="123456789", electronic_address="EM:a@b.c")
    document = received(ubl_invoice(address="0088:5798000000001"))

    complete(document, potter, remember=True)

    potter.refresh_from_db()
    assert (potter.tax_number, potter.electronic_address) == ("123456789", "EM:a@b.c")


def test_completing_twice_changes_nothing_and_another_supplier_is_refused():
    potter, other = SupplierFactory(), SupplierFactory()
    document = received()
    complete(document, potter)

    complete(document, potter)
    with pytest.raises(WrongStatus):
        complete(document, other)

    document.refresh_from_db()
    assert document.supplier == potter
    assert SupplierInvoice.objects.count() == 1


def test_no_such_supplier_changes_nothing():
    document = received()

    with pytest.raises(operations.NoSuchSupplier):
        operations.complete_document(document_id=document.pk, supplier_id=0, at=NOON, by=None)

    document.refresh_from_db()
    assert (document.status, document.supplier) == ("NEEDS_PERSON", None)


def test_set_aside_says_why_and_is_opened_again():
    document, clerk = waiting_document(), UserFactory()
    with pytest.raises(operations.MissingReason):
        operations.set_aside_document(document_id=document.pk, reason=" ", at=NOON, by=clerk)

    for _ in range(2):
        done = operations.set_aside_document(
            document_id=document.pk, reason=" A brochure ", at=NOON, by=clerk
        )
    assert (done.status, done.end_reason, done.ended_by) == ("SET_ASIDE", "A brochure", clerk)

    for _ in range(2):
        opened = operations.reopen_document(document_id=document.pk, at=NOON, by=clerk)
    opened.refresh_from_db()
    assert (opened.status, opened.ended_at, opened.end_reason) == ("NEEDS_PERSON", None, "")
    assert opened.problem.startswith("Opened again by")


def test_captured_document_is_not_set_aside_and_one_not_read_not_opened():
    known_supplier()
    captured = received()
    kept = operations.keep_document(
        content=b"later", filename="a.xml", channel="FOLDER", at=NOON, by=None
    )

    with pytest.raises(WrongStatus):
        operations.set_aside_document(document_id=captured.pk, reason="No", at=NOON, by=None)
    with pytest.raises(WrongStatus):
        operations.reopen_document(document_id=kept.pk, at=NOON, by=None)

    assert InvoiceDocument.objects.get(pk=captured.pk).status == "CAPTURED"


def test_invoice_of_a_file_is_captured_again_once_it_is_void():
    supplier = known_supplier()
    document = received()
    first = document.invoices.get()
    operations.void_invoice(invoice_id=first.pk, reason="Wrong supplier", at=NOON, by=None)
    operations.reopen_document(document_id=document.pk, at=NOON, by=None)

    complete(document, supplier)

    assert document.invoices.exclude(pk=first.pk).get().status != "VOID"


def test_invoice_typed_from_a_paper_ends_its_document():
    document, clerk = waiting_document(), UserFactory()
    supplier = SupplierFactory()
    printed = {
        "supplier": supplier,
        "kind": "INVOICE",
        "supplier_number": "P-1",
        "invoiced_on": NOON.date(),
        "currency": "GBP",
        "lines": [
            operations.NewInvoiceLine(
                quantity=1, unit_price=Decimal(5), net_amount=Decimal(5), description="Cups"
            )
        ],
        "net_total": Decimal(5),
        "tax_total": Decimal(0),
        "total": Decimal(5),
    }

    invoice = operations.enter_document(document_id=document.pk, at=NOON, by=clerk, **printed)

    document.refresh_from_db()
    assert invoice.source == document
    assert (document.status, document.supplier, document.supplier_found_by) == (
        "CAPTURED",
        supplier,
        "PERSON",
    )
    with pytest.raises(WrongStatus):
        operations.enter_document(
            document_id=document.pk, at=NOON, by=clerk, **(printed | {"supplier_number": "P-2"})
        )
    assert SupplierInvoice.objects.get() == invoice
