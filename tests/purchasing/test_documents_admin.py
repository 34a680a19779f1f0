import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from purchasing.models import InvoiceDocument, SupplierInvoice
from tests.factories.purchasing import SupplierFactory
from tests.factories.purchasing_documents import (
    known_supplier,
    received,
    ubl_invoice,
    waiting_document,
)
from tests.people import browser_of, person_who_may

pytestmark = pytest.mark.django_db

LIST = reverse("admin:purchasing_invoicedocument_changelist")
UPLOAD = reverse("admin:purchasing_invoicedocument_page_act", args=["upload"])


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def clerk(*acts):
    views = ("invoicedocument", "supplierinvoice", "supplier", "purchaseorder")
    return browser_of(
        person_who_may(
            *(f"purchasing.view_{model}" for model in views),
            *(f"purchasing.{act}" for act in acts),
        )
    )


def page(document):
    return reverse("admin:purchasing_invoicedocument_change", args=[document.pk])


def act(document, name):
    return reverse("admin:purchasing_invoicedocument_act", args=[document.pk, name])


def test_several_files_are_uploaded_at_once(django_capture_on_commit_callbacks):
    known_supplier()
    browser = clerk("capture_invoicedocument")
    assert browser.get(UPLOAD).status_code == 200
    files = [
        SimpleUploadedFile("one.xml", ubl_invoice(number="A-1")),
        SimpleUploadedFile("two.xml", b"<Invoice"),
    ]

    with django_capture_on_commit_callbacks(execute=True):
        browser.post(UPLOAD, {"key": "k", "files": files})

    rows = InvoiceDocument.objects.order_by("pk").values_list("filename", "status", "channel")
    assert list(rows) == [
        ("one.xml", "CAPTURED", "UPLOAD"),
        ("two.xml", "NEEDS_PERSON", "UPLOAD"),
    ]
    answer = browser.get(LIST)
    assert "A-1" in answer.text
    assert "30.00 GBP" in answer.text


def test_upload_needs_its_permission():
    assert clerk().get(UPLOAD).status_code == 403


def test_person_says_whose_a_file_is():
    potter = SupplierFactory(name="Potter Limited", country="GB")
    document = received(ubl_invoice(number="A-1"))
    browser = clerk("capture_invoicedocument")
    shown = browser.get(page(document)).text
    assert "perhaps Potter Limited" in shown
    assert "not captured" in shown
    form = browser.get(act(document, "complete")).context["form"]
    assert form["supplier"].value() == potter.pk

    browser.post(act(document, "complete"), {"key": "k", "supplier": potter.pk, "remember": "on"})

    document.refresh_from_db()
    potter.refresh_from_db()
    assert (document.status, potter.tax_number) == ("CAPTURED", "980780684")
    assert SupplierInvoice.objects.get().number in browser.get(page(document)).text


def test_file_is_set_aside_and_opened_again():
    document = waiting_document()
    browser = clerk("capture_invoicedocument", "set_aside_invoicedocument")

    browser.post(act(document, "set-aside"), {"key": "k", "reason": "A brochure"})
    document.refresh_from_db()
    assert (document.status, document.end_reason) == ("SET_ASIDE", "A brochure")

    browser.post(act(document, "reopen"), {"key": "k"})
    document.refresh_from_db()
    assert document.status == "NEEDS_PERSON"


def test_paper_is_typed_in_beside_its_file():
    supplier = SupplierFactory()
    document = waiting_document(suggested_supplier=supplier)
    browser = clerk("capture_invoicedocument", "add_supplierinvoice")
    link = reverse("admin:purchasing_invoicedocument_download", args=[document.pk, "type-in"])
    led = browser.get(link)
    form = browser.get(led.url).context["form"]
    assert (form["source"].value(), form["supplier"].value()) == (
        str(document.pk),
        str(supplier.pk),
    )

    browser.post(
        led.url.partition("?")[0],
        {
            "key": "k",
            "source": document.pk,
            "supplier": supplier.pk,
            "kind": "INVOICE",
            "supplier_number": "P-1",
            "invoiced_on": "2026-07-01",
            "stated_due_on": "2026-07-31",
            "net_total": "95",
            "tax_total": "19",
            "total": "114",
            "prepaid_total": "14",
            "sku_a": "Cups",
            "kind_a": "GOODS",
            "quantity_a": "10",
            "price_a": "10",
            "tax_a": "20",
            "sku_b": "Rebate",
            "kind_b": "DISCOUNT",
            "quantity_b": "1",
            "price_b": "5",
            "tax_b": "20",
            "rate_of_tax_1": "20",
            "amount_of_tax_1": "19",
        },
    )

    document.refresh_from_db()
    invoice = SupplierInvoice.objects.get()
    assert (document.status, invoice.source) == ("CAPTURED", document)
    assert (invoice.payable, str(invoice.stated_due_on)) == (100, "2026-07-31")
    assert invoice.lines.get(is_deduction=True).charge == "DISCOUNT"
    assert [(tax.rate, tax.taxable, tax.tax) for tax in invoice.taxes.all()] == [(20, 95, 19)]
    assert not invoice.exceptions.filter(kind__in=["HEADER", "TAX"]).exists()


def test_list_asks_as_often_for_three_files_as_for_one():
    browser = clerk()
    received(ubl_invoice())
    browser.get(LIST)
    with CaptureQueriesContext(connection) as of_one:
        browser.get(LIST)
    known_supplier()
    received(ubl_invoice())
    waiting_document()

    with CaptureQueriesContext(connection) as of_three:
        browser.get(LIST)

    assert len(of_three) == len(of_one)
