"""
A whole purchase as OASIS tells it, about order AEG012345: from the order to the credit note.

What their documents really say: 100 kg of beeswax were ordered for 100.00 (the line prints a price
of 100.00 for one kg, which its own sum contradicts), 90 came, the invoice bills all 100 at 1.00
less a discount of 10.00 that nobody ordered, with tax on the whole 100.00, and the credit note
takes back the 100 kg, but its net total of 90.00 forgets to name the discount.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from inventory.models import StockLevel
from purchasing import queries
from purchasing.models import PurchaseOrderLine
from tests.factories.catalog import VariantFactory
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_documents import received
from tests.factories.purchasing_invoices import delivery
from tests.shared_data import SHARED_DATA, needs_shared_data

pytestmark = [pytest.mark.django_db, needs_shared_data]

CHAIN = SHARED_DATA / "purchase-documents" / "oasis-ubl" / "valid"
NAMES = {
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
}
# All but the order's charges and totals, which a limit of the shop decides about.
OF_GOODS_AND_DOCUMENT = {
    *("NOT_RECEIVED", "QUANTITY", "PRICE", "PRICE_TOTAL", "NO_ORDER", "UNIT"),
    *("RULE", "TAX", "HEADER", "ADDRESSEE", "BANK_ACCOUNT", "TERMS", "ALIKE"),
}
THEN = datetime(2005, 6, 27, 12, tzinfo=UTC)


def content_of(name):
    return (CHAIN / f"UBL-{name}-2.0-Example.xml").read_bytes()


def said(name, *paths):
    """Return what their document says at these places."""
    root = ET.fromstring(content_of(name))  # noqa: S314 - a file of the sample data
    return [root.findtext(f".//{path}", namespaces=NAMES) for path in paths]


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.RETAIL_TAX_NUMBER = "12356478"
    settings.RETAIL_CURRENCY = "GBP"


@pytest.fixture
def order():
    """Return our order as theirs says it, with what their receipt advice says came."""
    units, amount, our_sku, their_sku = said(
        "Order",
        "cac:LineItem/cbc:Quantity",
        "cac:LineItem/cbc:LineExtensionAmount",
        "cac:BuyersItemIdentification/cbc:ID",
        "cac:SellersItemIdentification/cbc:ID",
    )
    [name, tax_number] = said(
        "Order", "cac:SellerSupplierParty//cbc:Name", "cac:SellerSupplierParty//cbc:CompanyID"
    )
    assert (units, amount, our_sku, their_sku) == ("100", "100.00", "6578489", "17589683")
    supplier = SupplierFactory(name=name, tax_number=tax_number, country="GB", payment_days=30)
    order = sent_order(
        supplier=supplier, units=[int(units)], unit_cost=str(Decimal(amount) / int(units))
    )
    line = order.lines.get()
    PurchaseOrderLine.objects.filter(pk=line.pk).update(
        supplier_sku=their_sku, variant=VariantFactory(sku=our_sku)
    )
    [came, short] = said("ReceiptAdvice", "cbc:ReceivedQuantity", "cbc:ShortQuantity")
    assert (came, short) == ("90", "10")
    delivery(order, [int(came)])
    return order


def differences(invoice, *, among):
    rows = invoice.exceptions.filter(status="OPEN", kind__in=among).order_by("kind", "subject")
    return [(row.kind, row.subject, row.expected, row.actual, row.is_blocking) for row in rows]


def test_order_receipt_invoice_and_credit_note_come_to_what_they_say(order):
    document = received(content_of("Invoice"), at=THEN)
    invoice = document.invoices.get()
    line = order.lines.get()

    assert (document.status, document.supplier_found_by) == ("CAPTURED", "TAX_NUMBER")
    assert (invoice.supplier_number, invoice.net_total, invoice.tax_total, invoice.total) == (
        "A00095678",
        90,
        Decimal("17.50"),
        Decimal("107.50"),
    )
    assert (invoice.due_on, invoice.stated_due_on) == (date(2005, 7, 21), date(2005, 7, 21))
    assert list(
        invoice.lines.order_by("position").values_list(
            "kind", "charge", "is_deduction", "quantity", "net_amount"
        )
    ) == [("GOODS", "", False, 100, 100), ("CHARGE", "DISCOUNT", True, 1, 10)]
    assert [(tax.rate, tax.taxable, tax.tax) for tax in invoice.taxes.all()] == [
        (Decimal("17.5"), 100, Decimal("17.50"))
    ]
    line.refresh_from_db()
    assert (line.ordered, line.received, line.invoiced) == (100, 90, 100)
    assert differences(invoice, among=OF_GOODS_AND_DOCUMENT) == [
        ("NOT_RECEIVED", "", 90, 100, True),
        # The discount makes each cheaper than ordered, which is said and lets pass.
        ("PRICE", "", 1, Decimal("0.9"), False),
        ("RULE", "BR-CL-01", 0, 0, False),
        ("RULE", "BR-CL-17", 0, 0, False),
    ]

    credit = received(content_of("CreditNote"), at=THEN).invoices.get()

    invoice.refresh_from_db()
    line.refresh_from_db()
    assert (credit.kind, credit.supplier_number) == ("CREDIT_NOTE", "CN758494")
    assert (credit.net_total, credit.tax_total, credit.total) == (
        90,
        Decimal("17.50"),
        Decimal("107.50"),
    )
    assert differences(credit, among=OF_GOODS_AND_DOCUMENT) == [
        ("HEADER", "Net total", 100, 90, True),
        ("RULE", "BR-04", 0, 0, False),
        ("RULE", "BR-CL-17", 0, 0, False),
        ("RULE", "BR-CO-13", 0, 0, True),
        ("RULE", "BR-CO-25", 0, 0, False),
    ]
    # All that was billed is given back: nothing waits for goods, and nothing counts as billed.
    assert not differences(invoice, among={"NOT_RECEIVED", "QUANTITY", "PRICE_TOTAL"})
    assert (line.ordered, line.received, line.invoiced) == (100, 90, 0)
    assert StockLevel.objects.get().on_hand == 90
    assert sum(row.matched for row in line.receipt_lines.all()) == 0
    assert queries.differences() == []
