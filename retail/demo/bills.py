"""Bills as the practice shop's suppliers send them: UBL, or a PDF with the data in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from django.conf import settings
from facturx import generate_from_binary
from lxml import etree
from lxml.builder import ElementMaker

from retail.common.printing import print_page

INVOICE, CREDIT_NOTE = "380", "381"
PEPPOL = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
PEPPOL_PROCESS = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
CENT = Decimal("0.01")
# Of the practice shop itself.
TAX_NUMBER = "GB980780684"

UBL = "urn:oasis:names:specification:ubl:schema:xsd"
CAC = f"{UBL}:CommonAggregateComponents-2"
CBC = f"{UBL}:CommonBasicComponents-2"
CII = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
UDT = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"

cac = ElementMaker(namespace=CAC, nsmap={"cac": CAC, "cbc": CBC})
cbc = ElementMaker(namespace=CBC, nsmap={"cbc": CBC})
ram = ElementMaker(namespace=RAM, nsmap={"ram": RAM, "udt": UDT})
udt = ElementMaker(namespace=UDT, nsmap={"udt": UDT})
Element: TypeAlias = etree._Element  # noqa: SLF001 - the type has no public name


@dataclass(frozen=True, kw_only=True)
class Firm:
    """Who sends or gets a bill."""

    name: str
    street: str
    postcode: str
    city: str
    country: str
    tax_number: str
    electronic_address: str
    iban: str = ""


@dataclass(frozen=True, kw_only=True)
class BilledGoods:
    """A line of a bill; the price is for one unit, without tax."""

    supplier_sku: str
    gtin: str
    name: str
    units: int
    unit_price: Decimal

    @property
    def net(self) -> Decimal:
        return (self.units * self.unit_price).quantize(CENT)


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What a supplier charges; `freight` on top of the goods, all taxed at one rate."""

    number: str
    issued_on: date
    due_on: date
    currency: str
    seller: Firm
    buyer: Firm
    order_number: str
    delivery_note: str
    lines: tuple[BilledGoods, ...]
    freight: Decimal = Decimal(0)
    tax_rate: Decimal = Decimal(20)
    kind: str = INVOICE
    credits: str = ""

    @property
    def goods(self) -> Decimal:
        return sum((line.net for line in self.lines), Decimal(0))

    @property
    def net(self) -> Decimal:
        return self.goods + self.freight

    @property
    def tax(self) -> Decimal:
        return (self.net * self.tax_rate / 100).quantize(CENT)

    @property
    def total(self) -> Decimal:
        return self.net + self.tax


def misprinted(bill: Bill) -> bytes:
    """Return a bill in UBL whose total is not the sum of its parts."""
    root = _ubl(bill)
    [amount] = root.iter(f"{{{CBC}}}PayableAmount")
    amount.text = str(bill.total + 100)
    return _written(root)


def ubl(bill: Bill) -> bytes:
    """Return a bill in UBL 2.1, as the Peppol network carries it."""
    return _written(_ubl(bill))


def factur_x(bill: Bill) -> bytes:
    """Return a bill as a PDF to read, with the same in CII inside (Factur-X, EN 16931)."""
    page = print_page("practice_bill", _page(bill))
    return bytes(
        generate_from_binary(page, _written(_cii(bill)), flavor="factur-x", level="en16931")
    )


def scanned(bill: Bill) -> bytes:
    """Return a bill as a PDF that only people can read."""
    return print_page("practice_bill", _page(replace(bill, delivery_note="")))


def _written(root: Element) -> bytes:
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _ubl(bill: Bill) -> Element:
    is_credit = bill.kind == CREDIT_NOTE
    name = "CreditNote" if is_credit else "Invoice"
    maker = ElementMaker(
        namespace=f"{UBL}:{name}-2", nsmap={None: f"{UBL}:{name}-2", "cac": CAC, "cbc": CBC}
    )
    parts: list[Element] = [
        cbc.CustomizationID(PEPPOL),
        cbc.ProfileID(PEPPOL_PROCESS),
        cbc.ID(bill.number),
        cbc.IssueDate(bill.issued_on.isoformat()),
    ]
    if is_credit:
        parts.append(cbc.CreditNoteTypeCode(bill.kind))
    else:
        parts += [cbc.DueDate(bill.due_on.isoformat()), cbc.InvoiceTypeCode(bill.kind)]
    parts += [
        cbc.DocumentCurrencyCode(bill.currency),
        cbc.BuyerReference(bill.order_number),
        cac.OrderReference(cbc.ID(bill.order_number)),
    ]
    if bill.credits:
        parts.append(cac.BillingReference(cac.InvoiceDocumentReference(cbc.ID(bill.credits))))
    if bill.delivery_note:
        parts.append(cac.DespatchDocumentReference(cbc.ID(bill.delivery_note)))
    parts += [
        cac.AccountingSupplierParty(_ubl_party(bill.seller)),
        cac.AccountingCustomerParty(_ubl_party(bill.buyer)),
        cac.PaymentMeans(
            cbc.PaymentMeansCode("58"),
            cbc.PaymentID(bill.number),
            cac.PayeeFinancialAccount(cbc.ID(bill.seller.iban)),
        ),
        *_ubl_freight(bill),
        _ubl_tax(bill),
        _ubl_totals(bill),
        *(
            _ubl_line(bill, number, line, is_credit=is_credit)
            for number, line in enumerate(bill.lines, start=1)
        ),
    ]
    return maker(name, *parts)


def _ubl_party(firm: Firm) -> Element:
    scheme, _, address = firm.electronic_address.partition(":")
    return cac.Party(
        cbc.EndpointID(address, schemeID=scheme),
        cac.PartyName(cbc.Name(firm.name)),
        cac.PostalAddress(
            cbc.StreetName(firm.street),
            cbc.CityName(firm.city),
            cbc.PostalZone(firm.postcode),
            cac.Country(cbc.IdentificationCode(firm.country)),
        ),
        cac.PartyTaxScheme(cbc.CompanyID(firm.tax_number), cac.TaxScheme(cbc.ID("VAT"))),
        cac.PartyLegalEntity(cbc.RegistrationName(firm.name)),
    )


def _ubl_freight(bill: Bill) -> Iterable[Element]:
    if bill.freight:
        yield cac.AllowanceCharge(
            cbc.ChargeIndicator("true"),
            cbc.AllowanceChargeReasonCode("FC"),
            cbc.AllowanceChargeReason("Freight"),
            _ubl_amount("Amount", bill.freight, bill),
            _ubl_category("TaxCategory", bill),
        )


def _ubl_tax(bill: Bill) -> Element:
    return cac.TaxTotal(
        _ubl_amount("TaxAmount", bill.tax, bill),
        cac.TaxSubtotal(
            _ubl_amount("TaxableAmount", bill.net, bill),
            _ubl_amount("TaxAmount", bill.tax, bill),
            _ubl_category("TaxCategory", bill),
        ),
    )


def _ubl_totals(bill: Bill) -> Element:
    charges = [_ubl_amount("ChargeTotalAmount", bill.freight, bill)] if bill.freight else []
    return cac.LegalMonetaryTotal(
        _ubl_amount("LineExtensionAmount", bill.goods, bill),
        _ubl_amount("TaxExclusiveAmount", bill.net, bill),
        _ubl_amount("TaxInclusiveAmount", bill.total, bill),
        *charges,
        _ubl_amount("PayableAmount", bill.total, bill),
    )


def _ubl_line(bill: Bill, number: int, line: BilledGoods, *, is_credit: bool) -> Element:
    quantity = "CreditedQuantity" if is_credit else "InvoicedQuantity"
    parts = [
        cbc.ID(str(number)),
        cbc(quantity, str(line.units), unitCode="C62"),
        _ubl_amount("LineExtensionAmount", line.net, bill),
        cac.Item(
            cbc.Name(line.name),
            cac.SellersItemIdentification(cbc.ID(line.supplier_sku)),
            cac.StandardItemIdentification(cbc.ID(line.gtin, schemeID="0160")),
            _ubl_category("ClassifiedTaxCategory", bill),
        ),
        cac.Price(_ubl_amount("PriceAmount", line.unit_price, bill)),
    ]
    return cac("CreditNoteLine" if is_credit else "InvoiceLine", *parts)


def _ubl_amount(name: str, amount: Decimal, bill: Bill) -> Element:
    return cbc(name, str(amount), currencyID=bill.currency)


def _ubl_category(name: str, bill: Bill) -> Element:
    return cac(name, cbc.ID("S"), cbc.Percent(str(bill.tax_rate)), cac.TaxScheme(cbc.ID("VAT")))


def _cii(bill: Bill) -> Element:
    maker = ElementMaker(namespace=CII, nsmap={"rsm": CII, "ram": RAM, "udt": UDT})
    return maker.CrossIndustryInvoice(
        maker.ExchangedDocumentContext(
            ram.GuidelineSpecifiedDocumentContextParameter(ram.ID("urn:cen.eu:en16931:2017"))
        ),
        maker.ExchangedDocument(
            ram.ID(bill.number),
            ram.TypeCode(bill.kind),
            ram.IssueDateTime(_cii_day(bill.issued_on)),
        ),
        maker.SupplyChainTradeTransaction(
            *(_cii_line(bill, number, line) for number, line in enumerate(bill.lines, start=1)),
            ram.ApplicableHeaderTradeAgreement(
                ram.BuyerReference(bill.order_number),
                ram.SellerTradeParty(*_cii_party(bill.seller)),
                ram.BuyerTradeParty(*_cii_party(bill.buyer)),
                ram.BuyerOrderReferencedDocument(ram.IssuerAssignedID(bill.order_number)),
            ),
            ram.ApplicableHeaderTradeDelivery(
                ram.DespatchAdviceReferencedDocument(ram.IssuerAssignedID(bill.delivery_note))
            ),
            _cii_settlement(bill),
        ),
    )


def _cii_day(day: date) -> Element:
    return udt.DateTimeString(f"{day:%Y%m%d}", format="102")


def _cii_party(firm: Firm) -> list[Element]:
    scheme, _, address = firm.electronic_address.partition(":")
    return [
        ram.Name(firm.name),
        ram.PostalTradeAddress(
            ram.PostcodeCode(firm.postcode),
            ram.LineOne(firm.street),
            ram.CityName(firm.city),
            ram.CountryID(firm.country),
        ),
        ram.URIUniversalCommunication(ram.URIID(address, schemeID=scheme)),
        ram.SpecifiedTaxRegistration(ram.ID(firm.tax_number, schemeID="VA")),
    ]


def _cii_line(bill: Bill, number: int, line: BilledGoods) -> Element:
    return ram.IncludedSupplyChainTradeLineItem(
        ram.AssociatedDocumentLineDocument(ram.LineID(str(number))),
        ram.SpecifiedTradeProduct(
            ram.GlobalID(line.gtin, schemeID="0160"),
            ram.SellerAssignedID(line.supplier_sku),
            ram.Name(line.name),
        ),
        ram.SpecifiedLineTradeAgreement(
            ram.NetPriceProductTradePrice(ram.ChargeAmount(str(line.unit_price)))
        ),
        ram.SpecifiedLineTradeDelivery(ram.BilledQuantity(str(line.units), unitCode="C62")),
        ram.SpecifiedLineTradeSettlement(
            ram.ApplicableTradeTax(
                ram.TypeCode("VAT"),
                ram.CategoryCode("S"),
                ram.RateApplicablePercent(str(bill.tax_rate)),
            ),
            ram.SpecifiedTradeSettlementLineMonetarySummation(ram.LineTotalAmount(str(line.net))),
        ),
    )


def _cii_settlement(bill: Bill) -> Element:
    freight = []
    if bill.freight:
        freight.append(
            ram.SpecifiedTradeAllowanceCharge(
                ram.ChargeIndicator(udt.Indicator("true")),
                ram.ActualAmount(str(bill.freight)),
                ram.ReasonCode("FC"),
                ram.Reason("Freight"),
                ram.CategoryTradeTax(
                    ram.TypeCode("VAT"),
                    ram.CategoryCode("S"),
                    ram.RateApplicablePercent(str(bill.tax_rate)),
                ),
            )
        )
    return ram.ApplicableHeaderTradeSettlement(
        ram.PaymentReference(bill.number),
        ram.InvoiceCurrencyCode(bill.currency),
        ram.SpecifiedTradeSettlementPaymentMeans(
            ram.TypeCode("58"),
            ram.PayeePartyCreditorFinancialAccount(ram.IBANID(bill.seller.iban)),
        ),
        ram.ApplicableTradeTax(
            ram.CalculatedAmount(str(bill.tax)),
            ram.TypeCode("VAT"),
            ram.BasisAmount(str(bill.net)),
            ram.CategoryCode("S"),
            ram.RateApplicablePercent(str(bill.tax_rate)),
        ),
        *freight,
        ram.SpecifiedTradePaymentTerms(ram.DueDateDateTime(_cii_day(bill.due_on))),
        ram.SpecifiedTradeSettlementHeaderMonetarySummation(
            ram.LineTotalAmount(str(bill.goods)),
            ram.ChargeTotalAmount(str(bill.freight)),
            ram.AllowanceTotalAmount("0.00"),
            ram.TaxBasisTotalAmount(str(bill.net)),
            ram.TaxTotalAmount(str(bill.tax), currencyID=bill.currency),
            ram.GrandTotalAmount(str(bill.total)),
            ram.DuePayableAmount(str(bill.total)),
        ),
    )


def _page(bill: Bill) -> dict[str, object]:
    def shown(amount: Decimal) -> str:
        return f"{amount:,.2f} {bill.currency}"

    freight = [("Freight", shown(bill.freight))] if bill.freight else []
    return {
        "title": "Credit note" if bill.kind == CREDIT_NOTE else "Invoice",
        "number": bill.number,
        "seller": _address(bill.seller),
        "buyer": _address(bill.buyer),
        "facts": [
            ("Date", f"{bill.issued_on:%d %B %Y}"),
            ("Your order", bill.order_number),
            ("Delivery note", bill.delivery_note),
            ("To be paid by", f"{bill.due_on:%d %B %Y}"),
            ("To", bill.seller.iban),
        ],
        "lines": [
            [line.supplier_sku, line.name, str(line.units), shown(line.unit_price), shown(line.net)]
            for line in bill.lines
        ],
        "totals": [
            *freight,
            ("Net", shown(bill.net)),
            (f"VAT {bill.tax_rate.normalize():f} %", shown(bill.tax)),
            ("Total", shown(bill.total)),
        ],
    }


def _address(firm: Firm) -> list[str]:
    return [firm.name, firm.street, f"{firm.postcode} {firm.city}", f"VAT {firm.tax_number}"]


def buyer() -> Firm:
    """Return the practice shop as its suppliers address it."""
    return Firm(
        name=settings.RETAIL_SHOP_NAME or "Practice shop",
        street="3 Market Place",
        postcode="YO1 8SW",
        city="York",
        country="GB",
        tax_number=settings.RETAIL_TAX_NUMBER or TAX_NUMBER,
        electronic_address=f"9932:{settings.RETAIL_TAX_NUMBER or TAX_NUMBER}",
    )
