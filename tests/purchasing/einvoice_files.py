"""E-invoices written for the tests: right unless a test says otherwise of a part."""

from __future__ import annotations

from io import BytesIO

from pypdf import PdfWriter

UBL = (
    'xmlns:a="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2" '
    'xmlns:b="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"'
)
CII = (
    'xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100" '
    'xmlns:ram="urn:un:unece:uncefact:data:standard:'
    'ReusableAggregateBusinessInformationEntity:100" '
    'xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"'
)


def ubl_line(
    position="1",
    quantity="10",
    amount="100.00",
    price="10.00",
    rate="19",
    extra="",
    item="",
    base="",
):
    return f"""
<a:InvoiceLine><b:ID>{position}</b:ID>
 <b:InvoicedQuantity unitCode="H87">{quantity}</b:InvoicedQuantity>
 <b:LineExtensionAmount currencyID="EUR">{amount}</b:LineExtensionAmount>{extra}
 <a:Item><b:Name>Kettle</b:Name>{item}
  <a:ClassifiedTaxCategory><b:ID>S</b:ID><b:Percent>{rate}</b:Percent></a:ClassifiedTaxCategory>
 </a:Item>
 <a:Price><b:PriceAmount currencyID="EUR">{price}</b:PriceAmount>{base}</a:Price>
</a:InvoiceLine>"""


def ubl_tax(taxable="100.00", tax="19.00", rate="19", category="S"):
    return f"""
<a:TaxSubtotal><b:TaxableAmount currencyID="EUR">{taxable}</b:TaxableAmount>
 <b:TaxAmount currencyID="EUR">{tax}</b:TaxAmount>
 <a:TaxCategory><b:ID>{category}</b:ID><b:Percent>{rate}</b:Percent></a:TaxCategory>
</a:TaxSubtotal>"""


def ubl_charge(amount, *, is_charge=True, code="FC", reason="Freight", rate="19"):
    return f"""
<a:AllowanceCharge><b:ChargeIndicator>{str(is_charge).lower()}</b:ChargeIndicator>
 <b:AllowanceChargeReasonCode>{code}</b:AllowanceChargeReasonCode>
 <b:AllowanceChargeReason>{reason}</b:AllowanceChargeReason>
 <b:Amount currencyID="EUR">{amount}</b:Amount>
 <a:TaxCategory><b:ID>S</b:ID><b:Percent>{rate}</b:Percent></a:TaxCategory>
</a:AllowanceCharge>"""


def ubl_sums(net="100.00", total="119.00", line_total=None, more=""):
    return f"""
<a:LegalMonetaryTotal>
 <b:LineExtensionAmount currencyID="EUR">{line_total or net}</b:LineExtensionAmount>
 <b:TaxExclusiveAmount currencyID="EUR">{net}</b:TaxExclusiveAmount>
 <b:TaxInclusiveAmount currencyID="EUR">{total}</b:TaxInclusiveAmount>{more}
</a:LegalMonetaryTotal>"""


def ubl(  # noqa: PLR0913 - as many as a document has parts
    *,
    lines=None,
    taxes=None,
    tax="19.00",
    sums=None,
    header="",
    charges="",
    number="R-1",
    issued="2026-03-02",
    currency="EUR",
    type_code="380",
    seller="<b:Name>Topf GmbH</b:Name>",
    tax_number="DE 123456789",
    name="Invoice",
    profile="urn:cen.eu:en16931:2017",
):
    """Return an invoice of ten kettles at 10.00, unless a part says otherwise."""
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<u:{name} xmlns:u="urn:oasis:names:specification:ubl:schema:xsd:{name}-2" {UBL}>
<b:CustomizationID>{profile}</b:CustomizationID>
<b:ID>{number}</b:ID><b:IssueDate>{issued}</b:IssueDate>
<b:{name}TypeCode>{type_code}</b:{name}TypeCode>
<b:DocumentCurrencyCode>{currency}</b:DocumentCurrencyCode>{header}
<a:AccountingSupplierParty><a:Party>
 <b:EndpointID schemeID="9930">DE123456789</b:EndpointID>
 <a:PartyName>{seller}</a:PartyName>
 <a:PostalAddress><b:StreetName>Hafen 1</b:StreetName><b:CityName>Kiel</b:CityName>
  <b:PostalZone>24103</b:PostalZone>
  <a:Country><b:IdentificationCode>DE</b:IdentificationCode></a:Country></a:PostalAddress>
 <a:PartyTaxScheme><b:CompanyID>{tax_number}</b:CompanyID></a:PartyTaxScheme>
</a:Party></a:AccountingSupplierParty>
<a:AccountingCustomerParty><a:Party><a:PartyName><b:Name>Laden</b:Name></a:PartyName>
</a:Party></a:AccountingCustomerParty>{charges}
<a:TaxTotal><b:TaxAmount currencyID="{currency}">{tax}</b:TaxAmount>
{ubl_tax() if taxes is None else taxes}</a:TaxTotal>
{sums or ubl_sums()}{ubl_line() if lines is None else lines}
</u:{name}>"""
    return (
        text.replace("InvoiceLine>", f"{name}Line>")
        .replace(
            "InvoicedQuantity", "CreditedQuantity" if name == "CreditNote" else "InvoicedQuantity"
        )
        .encode()
    )


def cii_line(position="1", quantity="10", amount="100.00", price="10.00", agreed="", settled=""):
    return f"""
<ram:IncludedSupplyChainTradeLineItem>
 <ram:AssociatedDocumentLineDocument><ram:LineID>{position}</ram:LineID>
 </ram:AssociatedDocumentLineDocument>
 <ram:SpecifiedTradeProduct><ram:GlobalID schemeID="0160">4006381333931</ram:GlobalID>
  <ram:SellerAssignedID>K-1</ram:SellerAssignedID><ram:Name>Kettle</ram:Name>
 </ram:SpecifiedTradeProduct>
 <ram:SpecifiedLineTradeAgreement>{agreed}<ram:NetPriceProductTradePrice>
  <ram:ChargeAmount>{price}</ram:ChargeAmount></ram:NetPriceProductTradePrice>
 </ram:SpecifiedLineTradeAgreement>
 <ram:SpecifiedLineTradeDelivery>
  <ram:BilledQuantity unitCode="H87">{quantity}</ram:BilledQuantity>
 </ram:SpecifiedLineTradeDelivery>
 <ram:SpecifiedLineTradeSettlement>
  <ram:ApplicableTradeTax><ram:TypeCode>VAT</ram:TypeCode><ram:CategoryCode>S</ram:CategoryCode>
   <ram:RateApplicablePercent>19</ram:RateApplicablePercent></ram:ApplicableTradeTax>{settled}
  <ram:SpecifiedTradeSettlementLineMonetarySummation>
   <ram:LineTotalAmount>{amount}</ram:LineTotalAmount>
  </ram:SpecifiedTradeSettlementLineMonetarySummation>
 </ram:SpecifiedLineTradeSettlement>
</ram:IncludedSupplyChainTradeLineItem>"""


CII_SUMS = """<ram:LineTotalAmount>100.00</ram:LineTotalAmount>
<ram:TaxBasisTotalAmount>100.00</ram:TaxBasisTotalAmount>
<ram:TaxTotalAmount currencyID="EUR">19.00</ram:TaxTotalAmount>
<ram:GrandTotalAmount>119.00</ram:GrandTotalAmount>
<ram:DuePayableAmount>119.00</ram:DuePayableAmount>"""
CII_TAX = """<ram:ApplicableTradeTax><ram:CalculatedAmount>19.00</ram:CalculatedAmount>
<ram:TypeCode>VAT</ram:TypeCode><ram:BasisAmount>100.00</ram:BasisAmount>
<ram:CategoryCode>S</ram:CategoryCode><ram:RateApplicablePercent>19</ram:RateApplicablePercent>
</ram:ApplicableTradeTax>"""


def cii(
    *,
    lines=None,
    sums=CII_SUMS,
    taxes=CII_TAX,
    settled="",
    agreed="",
    type_code="380",
    profile="urn:cen.eu:en16931:2017",
    note="",
):
    """Return an invoice of ten kettles at 10.00, unless a part says otherwise."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rsm:CrossIndustryInvoice {CII}>
<rsm:ExchangedDocumentContext><ram:GuidelineSpecifiedDocumentContextParameter>
 <ram:ID>{profile}</ram:ID></ram:GuidelineSpecifiedDocumentContextParameter>
</rsm:ExchangedDocumentContext>
<rsm:ExchangedDocument><ram:ID>R-2</ram:ID><ram:TypeCode>{type_code}</ram:TypeCode>
 <ram:IssueDateTime><udt:DateTimeString format="102">20260302</udt:DateTimeString>
 </ram:IssueDateTime>{note}</rsm:ExchangedDocument>
<rsm:SupplyChainTradeTransaction>{cii_line() if lines is None else lines}
<ram:ApplicableHeaderTradeAgreement>
 <ram:SellerTradeParty><ram:GlobalID schemeID="0088">4000001000005</ram:GlobalID>
  <ram:Name>Topf GmbH</ram:Name>
  <ram:SpecifiedTaxRegistration><ram:ID schemeID="FC">20/123</ram:ID></ram:SpecifiedTaxRegistration>
  <ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">DE123456789</ram:ID>
  </ram:SpecifiedTaxRegistration></ram:SellerTradeParty>
 <ram:BuyerTradeParty><ram:Name>Laden</ram:Name></ram:BuyerTradeParty>{agreed}
</ram:ApplicableHeaderTradeAgreement>
<ram:ApplicableHeaderTradeDelivery><ram:DespatchAdviceReferencedDocument>
 <ram:IssuerAssignedID>LS-7</ram:IssuerAssignedID></ram:DespatchAdviceReferencedDocument>
</ram:ApplicableHeaderTradeDelivery>
<ram:ApplicableHeaderTradeSettlement><ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
{settled}{taxes}
<ram:SpecifiedTradeSettlementHeaderMonetarySummation>{sums}
</ram:SpecifiedTradeSettlementHeaderMonetarySummation>
</ram:ApplicableHeaderTradeSettlement>
</rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>""".encode()


def pdf(attachments=None, *, password=None):
    """Return a PDF of one empty page with these files attached."""
    writer = PdfWriter()
    writer.add_blank_page(width=100, height=100)
    for name, content in (attachments or {}).items():
        writer.add_attachment(name, content)
    if password is not None:
        writer.encrypt(password, algorithm="AES-256")
    buffer = BytesIO()
    writer.write(buffer)
    return buffer.getvalue()
