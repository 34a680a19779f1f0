"""UBL invoices and credit notes, read into our words."""

from datetime import date
from decimal import Decimal

import pytest

from purchasing.einvoices import (
    Charge,
    Kind,
    ReadTax,
    Syntax,
    UnreadableDocument,
    read_document,
)
from tests.purchasing.einvoice_files import ubl, ubl_charge, ubl_line, ubl_sums, ubl_tax


def read(**parts):
    document = read_document(ubl(**parts), filename="invoice.xml")
    (invoice,) = document.invoices
    return document, invoice


def rules(document):
    return {row.rule for row in document.breaks}


def test_an_invoice_is_read_whole():
    header = """<b:DueDate>2026-04-01</b:DueDate><b:Note>With <!-- no --> thanks</b:Note>
<a:OrderReference><b:ID>PO000007</b:ID><b:SalesOrderID>A-9</b:SalesOrderID></a:OrderReference>
<a:DespatchDocumentReference><b:ID>LS-7</b:ID></a:DespatchDocumentReference>
<a:PaymentMeans><b:PaymentID>R-1 K-5</b:PaymentID><a:PayeeFinancialAccount>
<b:ID>DE89 3704 0044 0532 0130 00</b:ID><a:FinancialInstitutionBranch><b:ID>COBADEFF</b:ID>
</a:FinancialInstitutionBranch></a:PayeeFinancialAccount></a:PaymentMeans>"""

    document, invoice = read(header=header)

    assert document.syntax is Syntax.UBL
    assert document.profile == "urn:cen.eu:en16931:2017"
    assert document.breaks == ()
    assert (invoice.kind, invoice.type_code, invoice.number) == (Kind.INVOICE, "380", "R-1")
    assert (invoice.issued_on, invoice.due_on) == (date(2026, 3, 2), date(2026, 4, 1))
    assert (invoice.currency, invoice.net_total, invoice.tax_total, invoice.total) == (
        "EUR",
        Decimal(100),
        Decimal(19),
        Decimal(119),
    )
    assert (invoice.order_number, invoice.sales_order_number, invoice.delivery_note) == (
        "PO000007",
        "A-9",
        "LS-7",
    )
    assert (invoice.iban, invoice.bic, invoice.payment_reference) == (
        "DE89370400440532013000",
        "COBADEFF",
        "R-1 K-5",
    )
    assert invoice.note == "With thanks"
    seller = invoice.seller
    assert (seller.name, seller.tax_numbers, seller.electronic_address) == (
        "Topf GmbH",
        ("DE123456789",),
        "9930:DE123456789",
    )
    assert (seller.street, seller.postcode, seller.city, seller.country) == (
        "Hafen 1",
        "24103",
        "Kiel",
        "DE",
    )
    assert invoice.taxes == (
        ReadTax(category="S", rate=Decimal(19), taxable=Decimal(100), tax=Decimal(19)),
    )


def test_a_line_has_the_words_by_which_its_order_line_is_found():
    extra = """<a:OrderLineReference><b:LineID>3</b:LineID><a:OrderReference><b:ID>PO000008</b:ID>
</a:OrderReference></a:OrderLineReference>"""
    item = """<a:BuyersItemIdentification><b:ID>OUR-1</b:ID></a:BuyersItemIdentification>
<a:SellersItemIdentification><b:ID>K-1</b:ID></a:SellersItemIdentification>
<a:StandardItemIdentification><b:ID schemeID="0160">4006381333931</b:ID>
</a:StandardItemIdentification>"""

    _, invoice = read(lines=ubl_line(extra=extra, item=item))

    (line,) = invoice.lines
    assert (line.order_number, line.order_position) == ("PO000008", "3")
    assert (line.supplier_sku, line.gtin, line.buyer_sku) == ("K-1", "4006381333931", "OUR-1")
    assert (line.quantity, line.unit_code, line.unit_price) == (Decimal(10), "H87", Decimal(10))
    assert (line.tax_category, line.tax_rate) == ("S", Decimal(19))


def test_na_is_no_number_of_an_order():
    _, invoice = read(header="<a:OrderReference><b:ID>NA</b:ID></a:OrderReference>")

    assert invoice.order_number == ""


def test_a_price_for_a_hundred_is_divided():
    base = '<b:BaseQuantity unitCode="H87">100</b:BaseQuantity>'

    document, invoice = read(lines=ubl_line(price="1000.00", base=base))

    assert invoice.lines[0].unit_price == Decimal(10)
    assert rules(document) == set()


def test_discounts_and_charges_of_a_line_are_part_of_it():
    extra = (
        "<a:AllowanceCharge><b:ChargeIndicator>false</b:ChargeIndicator><b:Amount>12.00</b:Amount>"
        "</a:AllowanceCharge><a:AllowanceCharge><b:ChargeIndicator>true</b:ChargeIndicator>"
        "<b:Amount>2.00</b:Amount></a:AllowanceCharge>"
    )

    document, invoice = read(lines=ubl_line(price="11.00", extra=extra))

    assert invoice.lines[0].adjustment == Decimal(-10)
    assert rules(document) == set()


def test_allowances_and_charges_of_the_document_keep_what_they_are():
    more = (
        "<b:AllowanceTotalAmount>5.00</b:AllowanceTotalAmount>"
        "<b:ChargeTotalAmount>15.00</b:ChargeTotalAmount>"
    )

    document, invoice = read(
        charges=ubl_charge("15.00") + ubl_charge("5.00", is_charge=False, code="95"),
        taxes=ubl_tax("110.00", "20.90"),
        tax="20.90",
        sums=ubl_sums("110.00", "130.90", "100.00", more),
    )

    assert [(row.is_allowance, row.charge, row.amount) for row in invoice.charges] == [
        (False, Charge.FREIGHT, Decimal(15)),
        (True, Charge.DISCOUNT, Decimal(5)),
    ]
    assert rules(document) == set()


@pytest.mark.parametrize(
    ("code", "reason", "charge"),
    [
        ("FC", "", Charge.FREIGHT),
        ("PC", "", Charge.PACKING),
        ("DAN", "", Charge.SMALL_ORDER),
        ("ZZZ", "Versandkosten", Charge.FREIGHT),
        ("ZZZ", "Transport insurance", Charge.INSURANCE),
        ("ZZZ", "Customs clearance", Charge.CUSTOMS),
        ("ZZZ", "Engraving", Charge.OTHER),
    ],
)
def test_a_charge_is_told_by_its_code_then_by_its_reason(code, reason, charge):
    _, invoice = read(charges=ubl_charge("1.00", code=code, reason=reason))

    assert invoice.charges[0].charge == charge


def test_what_was_paid_and_rounding_make_what_is_to_be_paid():
    more = (
        "<b:PrepaidAmount>20.00</b:PrepaidAmount>"
        "<b:PayableRoundingAmount>0.05</b:PayableRoundingAmount>"
        "<b:PayableAmount>99.05</b:PayableAmount>"
    )

    document, invoice = read(sums=ubl_sums(more=more), header="<b:DueDate>2026-04-01</b:DueDate>")

    assert (invoice.prepaid, invoice.rounding, invoice.payable) == (
        Decimal(20),
        Decimal("0.05"),
        Decimal("99.05"),
    )
    assert rules(document) == set()


def test_several_rates_are_kept_apart_and_rows_of_one_rate_added():
    document, invoice = read(
        lines=ubl_line(quantity="4", amount="40.00")
        + ubl_line("2", quantity="2", amount="20.00", rate="7")
        + ubl_line("3", quantity="4", amount="40.00"),
        taxes=ubl_tax("40.00", "7.60") + ubl_tax("40.00", "7.60") + ubl_tax("20.00", "1.40", "7"),
        tax="16.60",
        sums=ubl_sums("100.00", "116.60"),
    )

    assert [(row.rate, row.taxable, row.tax) for row in invoice.taxes] == [
        (Decimal(19), Decimal(80), Decimal("15.20")),
        (Decimal(7), Decimal(20), Decimal("1.40")),
    ]
    assert rules(document) == set()


def test_tax_in_the_currency_of_the_books_is_no_second_tax():
    again = '</a:TaxTotal><a:TaxTotal><b:TaxAmount currencyID="PLN">81.00</b:TaxAmount>'

    _, invoice = read(taxes=ubl_tax() + again)

    assert invoice.tax_total == Decimal(19)


def test_a_credit_note_says_what_it_corrects():
    header = """<a:BillingReference><a:InvoiceDocumentReference><b:ID>R-0</b:ID>
</a:InvoiceDocumentReference></a:BillingReference>"""

    document, invoice = read(name="CreditNote", type_code="381", header=header)

    assert (invoice.kind, invoice.preceding) == (Kind.CREDIT_NOTE, ("R-0",))
    assert invoice.lines[0].quantity == Decimal(10)
    assert rules(document) == set()


def test_an_invoice_below_zero_is_a_credit_note_with_its_signs_turned():
    document, invoice = read(
        lines=ubl_line(quantity="-10", amount="-100.00"),
        taxes=ubl_tax("-100.00", "-19.00"),
        tax="-19.00",
        sums=ubl_sums("-100.00", "-119.00"),
    )

    assert invoice.kind is Kind.CREDIT_NOTE
    assert (invoice.net_total, invoice.tax_total, invoice.total) == (100, 19, 119)
    (line,) = invoice.lines
    assert (line.quantity, line.unit_price, line.net_amount) == (10, 10, 100)
    assert (invoice.taxes[0].taxable, invoice.taxes[0].tax) == (100, 19)
    assert rules(document) == set()


def test_a_credit_note_below_zero_is_an_invoice_and_somebody_must_look():
    document, invoice = read(
        name="CreditNote",
        type_code="381",
        lines=ubl_line(quantity="-10", amount="-100.00"),
        taxes=ubl_tax("-100.00", "-19.00"),
        tax="-19.00",
        sums=ubl_sums("-100.00", "-119.00"),
    )

    assert invoice.kind is Kind.INVOICE
    assert [(row.rule, row.is_fatal) for row in document.breaks] == [("NEGATIVE-CREDIT-NOTE", True)]


def test_a_line_that_takes_away_keeps_its_sign():
    document, invoice = read(
        lines=ubl_line(quantity="12", amount="120.00") + ubl_line("2", "-2", "-20.00")
    )

    assert [(line.quantity, line.net_amount) for line in invoice.lines] == [(12, 120), (-2, -20)]
    assert rules(document) == set()


def test_ubl_2_0_has_its_currency_and_total_in_the_amount_to_pay():
    content = ubl(sums=ubl_sums(more='<b:PayableAmount currencyID="GBP">119.00</b:PayableAmount>'))
    content = content.replace(b"<b:DocumentCurrencyCode>EUR</b:DocumentCurrencyCode>", b"")
    content = content.replace(
        b'<b:TaxInclusiveAmount currencyID="EUR">119.00</b:TaxInclusiveAmount>', b""
    ).replace(b'currencyID="EUR"', b'currencyID="GBP"')

    (invoice,) = read_document(content, filename="old.xml").invoices

    assert (invoice.currency, invoice.total) == ("GBP", Decimal(119))


def test_a_rate_left_out_is_worked_out_of_the_amounts():
    content = ubl(taxes=ubl_tax().replace("<b:Percent>19</b:Percent>", ""))

    (invoice,) = read_document(content, filename="old.xml").invoices

    assert invoice.taxes[0].rate == Decimal(19)


@pytest.mark.parametrize(
    ("taken_out", "names"),
    [
        (b"<b:ID>R-1</b:ID>", "BR-02"),
        (b"<b:IssueDate>2026-03-02</b:IssueDate>", "BR-03"),
        (b"<b:DocumentCurrencyCode>EUR</b:DocumentCurrencyCode>", "BR-05"),
        (b'<b:TaxInclusiveAmount currencyID="EUR">119.00</b:TaxInclusiveAmount>', "BR-14"),
    ],
)
def test_what_an_invoice_cannot_be_without_is_named(taken_out, names):
    with pytest.raises(UnreadableDocument, match=names) as refusal:
        read_document(ubl().replace(taken_out, b""), filename="invoice.xml")

    assert (refusal.value.code, refusal.value.syntax) == ("INCOMPLETE", Syntax.UBL)


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"issued": "02.03.2026"}, "BAD_VALUE"),
        ({"issued": "2026-02-30"}, "BAD_VALUE"),
        ({"tax": "nineteen"}, "BAD_VALUE"),
        ({"tax": "NaN"}, "BAD_VALUE"),
        ({"tax": "1e13"}, "BAD_VALUE"),
        ({"taxes": ubl_tax(rate="119")}, "BAD_VALUE"),
        ({"number": "N" * 101}, "BAD_VALUE"),
        ({"currency": "EURO"}, "BAD_VALUE"),
        ({"number": "#invoice_number#"}, "TEMPLATE"),
        ({"sums": ubl_sums("-1.00", "18.00")}, "MIXED_SIGNS"),
    ],
)
def test_what_cannot_be_kept_is_refused(parts, code):
    with pytest.raises(UnreadableDocument) as refusal:
        read_document(ubl(**parts), filename="invoice.xml")

    assert refusal.value.code == code


def test_a_seller_who_is_not_named_is_a_matter_for_a_person():
    content = ubl(seller="", tax_number="").replace(
        b'<b:EndpointID schemeID="9930">DE123456789</b:EndpointID>', b""
    )

    document = read_document(content, filename="invoice.xml")

    assert [(row.rule, row.is_fatal) for row in document.breaks] == [("BR-06", True)]
