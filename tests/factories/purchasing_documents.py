"""Files with suppliers' invoices: as suppliers write them, and the rows only operations write."""

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import count

import factory
from django.core.files.base import ContentFile
from factory.django import DjangoModelFactory

from purchasing import operations
from purchasing.models import InvoiceDocument, Supplier, SupplierInvoiceTax
from tests.factories.common import NOON
from tests.factories.purchasing import SupplierFactory
from tests.factories.purchasing_invoices import TODAY, SupplierInvoiceFactory

_numbers = count(1)

CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"


class InvoiceDocumentFactory(DjangoModelFactory):
    """A file that waits to be read; `content` is what stands in it."""

    class Meta:
        model = InvoiceDocument

    class Params:
        content = factory.Sequence(lambda n: f"%PDF-1.4 nothing, number {n}".encode())

    filename = factory.Sequence(lambda n: f"invoice-{n}.pdf")
    file = factory.LazyAttribute(lambda made: ContentFile(made.content, name=made.filename))
    media_type = "application/pdf"
    bytes = factory.LazyAttribute(lambda made: len(made.content))
    sha256 = factory.LazyAttribute(lambda made: hashlib.sha256(made.content).hexdigest())
    received_at = NOON


def waiting_document(**values) -> InvoiceDocument:
    """Return a file that somebody has to look at: a PDF without data."""
    stated = {
        "status": InvoiceDocument.Status.NEEDS_PERSON,
        "syntax": InvoiceDocument.Syntax.PAPER,
        "problem_code": "PDF_WITHOUT_DATA",
        "problem": "The PDF holds no data.",
    }
    return InvoiceDocumentFactory(**(stated | values))


class SupplierInvoiceTaxFactory(DjangoModelFactory):
    class Meta:
        model = SupplierInvoiceTax

    invoice = factory.SubFactory(SupplierInvoiceFactory)
    category = "S"
    rate = Decimal(20)
    taxable = Decimal("25.0000")
    tax = Decimal("5.0000")


def ubl_line(
    position: int = 1,
    *,
    sku: str = "",
    quantity: str = "10",
    unit: str = "C62",
    price: str = "2.50",
    net: str = "",
    rate: str = "20",
    category: str = "S",
) -> str:
    net = net or str(Decimal(quantity) * Decimal(price))
    return f"""
  <cac:InvoiceLine>
    <cbc:ID>{position}</cbc:ID>
    <cbc:InvoicedQuantity unitCode="{unit}">{quantity}</cbc:InvoicedQuantity>
    <cbc:LineExtensionAmount currencyID="GBP">{net}</cbc:LineExtensionAmount>
    <cac:Item>
      <cbc:Name>Article {sku}</cbc:Name>
      <cac:SellersItemIdentification><cbc:ID>{sku}</cbc:ID></cac:SellersItemIdentification>
      <cac:ClassifiedTaxCategory>
        <cbc:ID>{category}</cbc:ID><cbc:Percent>{rate}</cbc:Percent>
        <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>
      </cac:ClassifiedTaxCategory>
    </cac:Item>
    <cac:Price><cbc:PriceAmount currencyID="GBP">{price}</cbc:PriceAmount></cac:Price>
  </cac:InvoiceLine>"""


def ubl_invoice(  # noqa: PLR0913 - what stands on one document
    *,
    number: str = "",
    lines: Sequence[str] = (),
    net: str = "25.00",
    tax: str = "5.00",
    total: str = "",
    currency: str = "GBP",
    issued_on: date = TODAY,
    due_on: date | None = None,
    seller: str = "Potter Ltd",
    tax_number: str = "GB980780684",
    address: str = "",
    buyer_tax_number: str = "",
    order: str = "",
    iban: str = "",
    more: str = "",
) -> bytes:
    """Return an invoice in UBL over one line, unless others are given."""
    number = number or f"U-{next(_numbers)}"
    total = total or str(Decimal(net) + Decimal(tax))
    account = f"<cbc:ID>{iban}</cbc:ID>" if iban else ""
    account = account and f"<cac:PayeeFinancialAccount>{account}</cac:PayeeFinancialAccount>"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
    xmlns:cac="{CAC}" xmlns:cbc="{CBC}">
  <cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID>
  <cbc:ID>{number}</cbc:ID>
  <cbc:IssueDate>{issued_on}</cbc:IssueDate>
  <cbc:DueDate>{due_on or issued_on + timedelta(days=30)}</cbc:DueDate>
  <cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
  <cbc:DocumentCurrencyCode>{currency}</cbc:DocumentCurrencyCode>
  {f"<cac:OrderReference><cbc:ID>{order}</cbc:ID></cac:OrderReference>" if order else ""}
  <cac:AccountingSupplierParty>{_party(seller, tax_number, address)}</cac:AccountingSupplierParty>
  <cac:AccountingCustomerParty>{_party("Our Shop", buyer_tax_number)}</cac:AccountingCustomerParty>
  <cac:PaymentMeans>
    <cbc:PaymentMeansCode>58</cbc:PaymentMeansCode>
    {account}
  </cac:PaymentMeans>
  {more}
  <cac:TaxTotal>
    <cbc:TaxAmount currencyID="{currency}">{tax}</cbc:TaxAmount>
    <cac:TaxSubtotal>
      <cbc:TaxableAmount currencyID="{currency}">{net}</cbc:TaxableAmount>
      <cbc:TaxAmount currencyID="{currency}">{tax}</cbc:TaxAmount>
      <cac:TaxCategory>
        <cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent>
        <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>
      </cac:TaxCategory>
    </cac:TaxSubtotal>
  </cac:TaxTotal>
  <cac:LegalMonetaryTotal>
    <cbc:LineExtensionAmount currencyID="{currency}">{net}</cbc:LineExtensionAmount>
    <cbc:TaxExclusiveAmount currencyID="{currency}">{net}</cbc:TaxExclusiveAmount>
    <cbc:TaxInclusiveAmount currencyID="{currency}">{total}</cbc:TaxInclusiveAmount>
    <cbc:PayableAmount currencyID="{currency}">{total}</cbc:PayableAmount>
  </cac:LegalMonetaryTotal>
  {"".join(lines) or ubl_line()}
</Invoice>""".encode()


def received(content: bytes | None = None, **values) -> InvoiceDocument:
    """Receive a file as an upload would, by default a UBL invoice."""
    stated = {
        "content": ubl_invoice() if content is None else content,
        "filename": "invoice.xml",
        "channel": InvoiceDocument.Channel.UPLOAD,
        "at": NOON,
        "by": None,
    }
    return operations.receive_document(**(stated | values))


def known_supplier(**values) -> Supplier:
    """Return the supplier whose invoices `ubl_invoice` writes."""
    stated = {"name": "Potter Ltd", "country": "GB", "tax_number": "980780684"}
    return SupplierFactory(**(stated | values))


def _party(name: str, tax_number: str, address: str = "") -> str:
    scheme, _, endpoint = address.partition(":")
    parts = [
        f'<cbc:EndpointID schemeID="{scheme}">{endpoint}</cbc:EndpointID>' if address else "",
        "<cac:PostalAddress><cbc:CityName>Stoke</cbc:CityName><cac:Country>",
        "<cbc:IdentificationCode>GB</cbc:IdentificationCode></cac:Country></cac:PostalAddress>",
        f"<cac:PartyTaxScheme><cbc:CompanyID>{tax_number}</cbc:CompanyID><cac:TaxScheme>"
        "<cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>"
        if tax_number
        else "",
        "<cac:PartyLegalEntity>",
        f"<cbc:RegistrationName>{name}</cbc:RegistrationName></cac:PartyLegalEntity>",
    ]
    return f"<cac:Party>{''.join(parts)}</cac:Party>"
