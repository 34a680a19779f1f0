"""UN/CEFACT CII: Factur-X in its profiles, ZUGFeRD 1, and the signs of credit notes."""

from datetime import date
from decimal import Decimal

import pytest

from purchasing.einvoices import Charge, Kind, Syntax, UnreadableDocument, read_document
from tests.purchasing.einvoice_files import CII_SUMS, CII_TAX, cii, cii_line


def read(**parts):
    document = read_document(cii(**parts), filename="invoice.xml")
    (invoice,) = document.invoices
    return document, invoice


def rules(document):
    return {row.rule for row in document.breaks}


DUE = """<ram:SpecifiedTradePaymentTerms><ram:Description>30 days</ram:Description>
<ram:DueDateDateTime><udt:DateTimeString format="102">20260401</udt:DateTimeString>
</ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>"""


def test_an_invoice_is_read_whole():
    settled = (
        """<ram:PaymentReference>R-2 K-5</ram:PaymentReference>
<ram:SpecifiedTradeSettlementPaymentMeans><ram:TypeCode>58</ram:TypeCode>
<ram:PayeePartyCreditorFinancialAccount><ram:IBANID>DE89370400440532013000</ram:IBANID>
</ram:PayeePartyCreditorFinancialAccount><ram:PayeeSpecifiedCreditorFinancialInstitution>
<ram:BICID>COBADEFF</ram:BICID></ram:PayeeSpecifiedCreditorFinancialInstitution>
</ram:SpecifiedTradeSettlementPaymentMeans>"""
        + DUE
    )
    agreed = """<ram:BuyerOrderReferencedDocument><ram:IssuerAssignedID>PO000007
</ram:IssuerAssignedID></ram:BuyerOrderReferencedDocument>"""

    document, invoice = read(settled=settled, agreed=agreed)

    assert (document.syntax, rules(document)) == (Syntax.CII, set())
    assert (invoice.kind, invoice.number, invoice.issued_on, invoice.due_on) == (
        Kind.INVOICE,
        "R-2",
        date(2026, 3, 2),
        date(2026, 4, 1),
    )
    assert (invoice.order_number, invoice.delivery_note, invoice.payment_terms) == (
        "PO000007",
        "LS-7",
        "30 days",
    )
    assert (invoice.iban, invoice.bic, invoice.payment_reference) == (
        "DE89370400440532013000",
        "COBADEFF",
        "R-2 K-5",
    )
    assert invoice.seller.tax_numbers == ("DE123456789", "20123")
    assert invoice.seller.electronic_address == "0088:4000001000005"
    assert (invoice.net_total, invoice.tax_total, invoice.total, invoice.payable) == (
        100,
        19,
        119,
        119,
    )
    (line,) = invoice.lines
    assert (line.supplier_sku, line.gtin, line.quantity, line.unit_price) == (
        "K-1",
        "4006381333931",
        10,
        10,
    )


def test_a_line_names_its_own_order():
    agreed = """<ram:BuyerOrderReferencedDocument><ram:IssuerAssignedID>PO000008
</ram:IssuerAssignedID><ram:LineID>3</ram:LineID></ram:BuyerOrderReferencedDocument>"""

    _, invoice = read(lines=cii_line(agreed=agreed))

    assert (invoice.lines[0].order_number, invoice.lines[0].order_position) == ("PO000008", "3")


def test_a_discount_of_a_line_and_a_price_for_a_hundred_make_its_amount():
    settled = """<ram:SpecifiedTradeAllowanceCharge><ram:ChargeIndicator>
<udt:Indicator>false</udt:Indicator></ram:ChargeIndicator><ram:ActualAmount>10.00</ram:ActualAmount>
</ram:SpecifiedTradeAllowanceCharge>"""
    line = cii_line(price="1100.00", settled=settled).replace(
        "</ram:ChargeAmount>", "</ram:ChargeAmount><ram:BasisQuantity>100</ram:BasisQuantity>"
    )

    document, invoice = read(lines=line, settled=DUE)

    assert (invoice.lines[0].unit_price, invoice.lines[0].adjustment) == (11, -10)
    assert rules(document) == set()


def test_freight_stands_apart_and_is_a_charge():
    settled = (
        DUE
        + """<ram:SpecifiedLogisticsServiceCharge>
<ram:Description>Fracht</ram:Description><ram:AppliedAmount>10.00</ram:AppliedAmount>
<ram:AppliedTradeTax><ram:CategoryCode>S</ram:CategoryCode>
<ram:RateApplicablePercent>19</ram:RateApplicablePercent></ram:AppliedTradeTax>
</ram:SpecifiedLogisticsServiceCharge>"""
    )
    sums = (
        CII_SUMS.replace(">100.00</ram:TaxBasis", ">110.00</ram:TaxBasis")
        .replace(">19.00", ">20.90")
        .replace(">119.00", ">130.90")
    )
    taxes = CII_TAX.replace(">19.00", ">20.90").replace(">100.00", ">110.00")

    document, invoice = read(settled=settled, sums=sums, taxes=taxes)

    assert [(row.charge, row.amount, row.is_allowance) for row in invoice.charges] == [
        (Charge.FREIGHT, 10, False)
    ]
    assert rules(document) == set()


def test_lines_of_a_group_count_once():
    def of(position, status, amount):
        return cii_line(position, "10", amount).replace(
            "</ram:LineID>",
            f"</ram:LineID><ram:LineStatusReasonCode>{status}</ram:LineStatusReasonCode>",
        )

    document, invoice = read(
        lines=of("1", "GROUP", "100.00")
        + of("1.1", "DETAIL", "100.00")
        + of("1.2", "INFORMATION", "5.00"),
        settled=DUE,
    )

    assert [line.position for line in invoice.lines] == ["1.1"]
    assert rules(document) == set()


def test_minimum_has_one_line_for_the_whole_document_and_what_was_paid():
    sums = """<ram:TaxBasisTotalAmount>100.00</ram:TaxBasisTotalAmount>
<ram:TaxTotalAmount currencyID="EUR">19.00</ram:TaxTotalAmount>
<ram:GrandTotalAmount>119.00</ram:GrandTotalAmount><ram:DuePayableAmount>69.00</ram:DuePayableAmount>
"""

    document, invoice = read(
        lines="", taxes="", sums=sums, profile="urn:factur-x.eu:1p0:minimum", settled=DUE
    )

    (line,) = invoice.lines
    assert (line.description, line.quantity, line.net_amount) == ("Whole document", 1, 100)
    assert (invoice.prepaid, invoice.payable) == (50, 69)
    assert rules(document) == {"BR-16"}


def test_basic_without_lines_has_a_line_per_rate():
    taxes = CII_TAX.replace(">19.00", ">15.20").replace(">100.00", ">80.00") + CII_TAX.replace(
        ">19.00", ">1.40"
    ).replace(">100.00", ">20.00").replace("Percent>19<", "Percent>7<")
    sums = CII_SUMS.replace(">19.00", ">16.60").replace(">119.00", ">116.60")

    document, invoice = read(
        lines="", taxes=taxes, sums=sums, profile="urn:factur-x.eu:1p0:basicwl", settled=DUE
    )

    assert [(line.net_amount, line.tax_rate) for line in invoice.lines] == [(80, 19), (20, 7)]
    assert rules(document) == {"BR-16"}


@pytest.mark.parametrize(
    ("type_code", "sign", "kind"),
    [
        ("380", "", Kind.INVOICE),
        ("381", "", Kind.CREDIT_NOTE),
        ("380", "-", Kind.CREDIT_NOTE),
        ("384", "-", Kind.CREDIT_NOTE),
        ("389", "", Kind.INVOICE),
        ("261", "", Kind.CREDIT_NOTE),
    ],
)
def test_code_and_sign_say_which_way_a_document_counts(type_code, sign, kind):
    document, invoice = read(
        type_code=type_code,
        lines=cii_line(quantity=f"{sign}10", amount=f"{sign}100.00"),
        sums=CII_SUMS.replace(">1", f">{sign}1"),
        taxes=CII_TAX.replace(">19.00", f">{sign}19.00").replace(">100.00", f">{sign}100.00"),
        settled=DUE,
    )

    assert (invoice.kind, invoice.total, invoice.lines[0].quantity) == (kind, 119, 10)
    assert rules(document) == set()


def test_a_type_that_says_no_direction_is_a_matter_for_a_person():
    document, _ = read(type_code="", settled=DUE)

    assert [(row.rule, row.is_fatal) for row in document.breaks] == [("BR-04", True)]


def test_a_profile_of_another_format_is_told():
    document, _ = read(profile="urn:ferd:CrossIndustryDocument:invoice:1p0:comfort", settled=DUE)

    assert rules(document) == {"PROFILE"}


ZUGFERD_1 = """<r:CrossIndustryDocument xmlns:r="urn:ferd:CrossIndustryDocument:invoice:1p0"
 xmlns:a="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:12"
 xmlns:u="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:15">
<r:SpecifiedExchangedDocumentContext><a:GuidelineSpecifiedDocumentContextParameter>
<a:ID>urn:ferd:CrossIndustryDocument:invoice:1p0:extended</a:ID>
</a:GuidelineSpecifiedDocumentContextParameter></r:SpecifiedExchangedDocumentContext>
<r:HeaderExchangedDocument><a:ID>R-3</a:ID><a:TypeCode>380</a:TypeCode><a:IssueDateTime>
<u:DateTimeString format="102">20140302</u:DateTimeString></a:IssueDateTime>
</r:HeaderExchangedDocument>
<r:SpecifiedSupplyChainTradeTransaction>
<a:ApplicableSupplyChainTradeAgreement><a:SellerTradeParty><a:Name>Topf</a:Name>
</a:SellerTradeParty><a:BuyerTradeParty><a:Name>Laden</a:Name></a:BuyerTradeParty>
<a:BuyerOrderReferencedDocument><a:ID>PO000007</a:ID></a:BuyerOrderReferencedDocument>
</a:ApplicableSupplyChainTradeAgreement>
<a:ApplicableSupplyChainTradeDelivery/>
<a:ApplicableSupplyChainTradeSettlement><a:InvoiceCurrencyCode>EUR</a:InvoiceCurrencyCode>
<a:ApplicableTradeTax><a:CalculatedAmount>17.10</a:CalculatedAmount><a:BasisAmount>90.00
</a:BasisAmount><a:CategoryCode>S</a:CategoryCode><a:ApplicablePercent>19</a:ApplicablePercent>
</a:ApplicableTradeTax>
<a:SpecifiedTradeAllowanceCharge><a:ChargeIndicator><u:Indicator>false</u:Indicator>
</a:ChargeIndicator><a:ActualAmount>-10.00</a:ActualAmount><a:CategoryTradeTax><a:CategoryCode>S
</a:CategoryCode><a:ApplicablePercent>19</a:ApplicablePercent></a:CategoryTradeTax>
</a:SpecifiedTradeAllowanceCharge>
<a:SpecifiedTradeSettlementMonetarySummation><a:LineTotalAmount>100.00</a:LineTotalAmount>
<a:AllowanceTotalAmount>10.00</a:AllowanceTotalAmount>
<a:TaxBasisTotalAmount>90.00</a:TaxBasisTotalAmount><a:TaxTotalAmount>17.10</a:TaxTotalAmount>
<a:GrandTotalAmount>107.10</a:GrandTotalAmount></a:SpecifiedTradeSettlementMonetarySummation>
</a:ApplicableSupplyChainTradeSettlement>
<a:IncludedSupplyChainTradeLineItem><a:AssociatedDocumentLineDocument><a:IncludedNote><a:Content>
Merry Christmas</a:Content></a:IncludedNote></a:AssociatedDocumentLineDocument>
</a:IncludedSupplyChainTradeLineItem>
<a:IncludedSupplyChainTradeLineItem>
<a:SpecifiedSupplyChainTradeAgreement><a:NetPriceProductTradePrice><a:ChargeAmount>10.00
</a:ChargeAmount></a:NetPriceProductTradePrice></a:SpecifiedSupplyChainTradeAgreement>
<a:SpecifiedSupplyChainTradeDelivery><a:BilledQuantity unitCode="C62">10</a:BilledQuantity>
</a:SpecifiedSupplyChainTradeDelivery>
<a:SpecifiedSupplyChainTradeSettlement><a:ApplicableTradeTax><a:CategoryCode>S</a:CategoryCode>
<a:ApplicablePercent>19</a:ApplicablePercent></a:ApplicableTradeTax>
<a:SpecifiedTradeSettlementMonetarySummation><a:LineTotalAmount>100.00</a:LineTotalAmount>
</a:SpecifiedTradeSettlementMonetarySummation></a:SpecifiedSupplyChainTradeSettlement>
</a:IncludedSupplyChainTradeLineItem>
</r:SpecifiedSupplyChainTradeTransaction></r:CrossIndustryDocument>"""


def test_zugferd_1_is_read_by_its_own_names():
    document = read_document(ZUGFERD_1.encode(), filename="old.xml")

    (invoice,) = document.invoices
    assert (invoice.number, invoice.order_number, invoice.total) == (
        "R-3",
        "PO000007",
        Decimal("107.10"),
    )
    assert [(line.position, line.net_amount) for line in invoice.lines] == [("2", 100)]
    assert [(row.is_allowance, row.amount) for row in invoice.charges] == [(True, 10)]
    assert rules(document) == set()


def test_another_namespace_is_no_invoice_of_ours():
    content = cii().replace(b"CrossIndustryInvoice:100", b"CrossIndustryInvoice:next")

    with pytest.raises(UnreadableDocument) as refusal:
        read_document(content, filename="invoice.xml")

    assert refusal.value.code == "UNKNOWN_SYNTAX"
