"""Suppliers' files in the browser: who sees them, how they are sent, and what never runs."""

from hashlib import sha256

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from purchasing.models import InvoiceDocument
from tests.factories.common import NOON, person_in
from tests.people import browser_of

pytestmark = pytest.mark.django_db

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
UBL = b"""<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
 <cbc:ID>R-1</cbc:ID><cbc:IssueDate>2026-11-20</cbc:IssueDate>
 <cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
 <cbc:Note>&lt;img src=x onerror=alert(1)&gt;</cbc:Note>
 <cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
 <cac:AccountingSupplierParty><cac:Party>
  <cac:PartyTaxScheme><cbc:CompanyID>DE123456789</cbc:CompanyID>
   <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
  <cac:PartyLegalEntity>
   <cbc:RegistrationName>Papier &lt;script&gt;alert(2)&lt;/script&gt;</cbc:RegistrationName>
  </cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
 <cac:AccountingCustomerParty><cac:Party><cac:PartyLegalEntity>
  <cbc:RegistrationName>Our shop</cbc:RegistrationName>
 </cac:PartyLegalEntity></cac:Party></cac:AccountingCustomerParty>
 <cac:TaxTotal><cbc:TaxAmount currencyID="EUR">4.75</cbc:TaxAmount>
  <cac:TaxSubtotal><cbc:TaxableAmount currencyID="EUR">25.00</cbc:TaxableAmount>
   <cbc:TaxAmount currencyID="EUR">4.75</cbc:TaxAmount>
   <cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent>
    <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory>
  </cac:TaxSubtotal></cac:TaxTotal>
 <cac:LegalMonetaryTotal>
  <cbc:LineExtensionAmount currencyID="EUR">25.00</cbc:LineExtensionAmount>
  <cbc:TaxExclusiveAmount currencyID="EUR">25.00</cbc:TaxExclusiveAmount>
  <cbc:TaxInclusiveAmount currencyID="EUR">29.75</cbc:TaxInclusiveAmount>
  <cbc:PayableAmount currencyID="EUR">29.75</cbc:PayableAmount>
 </cac:LegalMonetaryTotal>
 <cac:InvoiceLine><cbc:ID>1</cbc:ID>
  <cbc:InvoicedQuantity unitCode="C62">10</cbc:InvoicedQuantity>
  <cbc:LineExtensionAmount currencyID="EUR">25.00</cbc:LineExtensionAmount>
  <cac:Item><cbc:Name>Paper &lt;b&gt;A4&lt;/b&gt;</cbc:Name>
   <cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent>
    <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:ClassifiedTaxCategory></cac:Item>
  <cac:Price><cbc:PriceAmount currencyID="EUR">2.50</cbc:PriceAmount></cac:Price>
 </cac:InvoiceLine>
</Invoice>"""
# What a browser that rendered it as XML would run.
XHTML = b"""<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head>
<script>alert(1)</script></head><body>Hello</body></html>"""


@pytest.fixture
def kept(settings, tmp_path):
    """Return what keeps a file of these bytes, in a folder of this test's own."""
    settings.MEDIA_ROOT = tmp_path

    def keep(content, filename="invoice.xml", **values):
        document = InvoiceDocument(
            filename=filename,
            media_type="text/html",
            bytes=len(content),
            sha256=sha256(content).hexdigest(),
            status="NEEDS_PERSON",
            problem="Whose it is cannot be told.",
            received_at=NOON,
            **values,
        )
        document.file.save("kept", ContentFile(content), save=True)
        return document

    return keep


def address(document, name):
    return reverse(f"admin:purchasing_invoicedocument_{name}", args=[document.pk])


def opened(document, name, *, role="Accountant", **query):
    """Return the answer; a file is read to its end, which closes it."""
    answer = browser_of(person_in(role)).get(address(document, name), query)
    answer.body = b"".join(answer) if answer.streaming else answer.content
    return answer


def test_pdf_opens_in_the_browser_framed_by_our_own_pages_only(kept):
    answer = opened(kept(PDF, "Rechnung 4711.pdf"), "file")

    assert answer.body == PDF
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'inline; filename="Rechnung 4711.pdf"'
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("content", [UBL, XHTML, b"<html><script>alert(1)</script></html>"])
def test_anything_but_a_pdf_is_sent_as_text_that_nothing_runs_in(kept, content):
    """Whatever media type came with it: this one claims to be HTML."""
    answer = opened(kept(content), "file")

    assert answer.body == content
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]


def test_html_that_calls_itself_a_pdf_is_not_served_as_html(kept):
    answer = opened(kept(b"<script>alert(1)</script>%PDF-", "x.pdf"), "file")

    assert answer["Content-Type"] == "application/pdf"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_file_is_downloaded_by_its_own_name(kept):
    answer = opened(kept(PDF, 'a\r\nSet-Cookie: b=c/../d".pdf'), "file", download="1")

    disposition = answer["Content-Disposition"]
    assert disposition.startswith("attachment; ")
    assert not {"\r", "\n", "/"} & set(disposition)


def test_data_is_laid_out_as_on_paper_with_every_word_escaped(kept):
    answer = opened(kept(UBL, "<b>invoice</b>.xml", syntax="UBL"), "view")

    assert "Invoice R-1" in answer.text
    assert "29.75 EUR" in answer.text
    assert "10 piece" in answer.text
    assert "Papier &lt;script&gt;alert(2)&lt;/script&gt;" in answer.text
    assert "&lt;img src=x onerror=alert(1)&gt;" in answer.text
    assert "&lt;b&gt;invoice&lt;/b&gt;.xml" in answer.text
    assert "<script" not in answer.text
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert "script-src" not in answer["Content-Security-Policy"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_rules_that_a_document_breaks_stand_above_it(kept):
    broken = {"rule": "BR-CO-10", "message": "Sums <differ>", "is_fatal": True, "invoice": 1}

    answer = opened(kept(UBL, findings=[broken]), "view")

    assert "<b>BR-CO-10</b> Sums &lt;differ&gt;" in answer.text


def test_one_invoice_of_a_file_is_shown_by_its_position(kept):
    document = kept(UBL)

    assert 'id="invoice-1-line-1"' in opened(document, "view", position="1").text
    assert "paper-lines" not in opened(document, "view", position="2").text


def test_what_cannot_be_read_says_why_and_shows_its_text(kept):
    answer = opened(kept(XHTML), "view")

    assert "paper-problem" in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert "<script" not in answer.text


def test_pdf_without_data_says_so(kept):
    answer = opened(kept(PDF, "scan.pdf"), "view")

    assert answer.status_code == 200
    assert "paper-problem" in answer.text
    assert "paper-text" not in answer.text


@pytest.mark.parametrize("page", ["file", "view"])
def test_file_that_is_gone_is_said_to_be_missing(kept, page):
    document = kept(PDF)
    document.file.storage.delete(document.file.name)

    answer = opened(document, page)

    assert answer.status_code == 404
    assert document.sha256 in answer.text


@pytest.mark.parametrize("page", ["file", "view"])
@pytest.mark.parametrize("role", ["Warehouse", "Support"])
def test_files_are_closed_to_roles_without_documents(kept, page, role):
    assert opened(kept(PDF), page, role=role).status_code == 403


@pytest.mark.parametrize("page", ["file", "view"])
@pytest.mark.parametrize("role", ["Accountant", "Buyer", "Manager", "Auditor"])
def test_files_are_open_to_roles_with_documents(kept, page, role):
    assert opened(kept(UBL), page, role=role).status_code == 200


@pytest.mark.parametrize("page", ["file", "view"])
def test_file_that_never_was_is_not_found(page):
    url = reverse(f"admin:purchasing_invoicedocument_{page}", args=[404])

    assert browser_of(person_in("Accountant")).get(url).status_code == 404
