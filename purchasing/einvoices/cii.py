"""UN/CEFACT Cross Industry Invoice: Factur-X, ZUGFeRD 1 and 2, XRechnung, EN 16931."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from purchasing.einvoices import codes, german, values
from purchasing.einvoices.documents import (
    Charge,
    Parsed,
    Party,
    ReadCharge,
    ReadInvoice,
    ReadLine,
    ReadTax,
    RuleBreak,
    Syntax,
    UnreadableDocument,
)
from purchasing.einvoices.elements import Element
from purchasing.einvoices.lines import ONE, complete_figures
from purchasing.einvoices.safety import Root
from retail.common.money import ZERO

NAMESPACES = re.compile(
    r"urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:\d+"
    r"|urn:ferd:CrossIndustryDocument:invoice:1p0"
)
# A line of a group counts, the group's own sum and mere information do not; where nothing is said
# every line counts. Source: Factur-X 1.09, BR-FXEXT-CO-10.
COUNTED = frozenset({"", "DETAIL"})

MINIMUM = ":minimum"
OLD_PROFILES = "urn:ferd:CrossIndustryDocument:invoice"
RATE = ("RateApplicablePercent", "ApplicablePercent")


def read(root: Root) -> Parsed:
    """
    Read a CrossIndustryInvoice, or the CrossIndustryDocument of ZUGFeRD 1.

    Where ZUGFeRD 1 calls something otherwise, its name stands second.

    :raises UnreadableDocument: UNKNOWN_SYNTAX (another CII), INCOMPLETE, BAD_VALUE, TEMPLATE.
    """
    document = Element(root, Syntax.CII)
    if not NAMESPACES.fullmatch(document.namespace):
        raise UnreadableDocument(
            "UNKNOWN_SYNTAX",
            f"The XML is called {document.name}, as in CII, but its namespace is "
            f"{values.shortened(document.namespace)}.",
        )
    breaks: list[RuleBreak] = []
    guideline = "GuidelineSpecifiedDocumentContextParameter/ID"
    profile = document.text(
        f"ExchangedDocumentContext/{guideline}", f"SpecifiedExchangedDocumentContext/{guideline}"
    )
    invoice = _invoice(document, profile, breaks)
    if (OLD_PROFILES in profile) != (document.name == "CrossIndustryDocument"):
        breaks.append(
            RuleBreak(
                rule="PROFILE",
                message=f"The document says it keeps to {profile[:100] or 'nothing'}, which is "
                f"no profile of a {document.name}.",
                is_fatal=False,
            )
        )
    if profile.lower().endswith(MINIMUM):
        invoice = _with_prepaid(invoice)
    return Parsed(
        syntax=Syntax.CII,
        profile=profile,
        invoices=(invoice,),
        breaks=tuple(breaks),
    )


def _with_prepaid(invoice: ReadInvoice) -> ReadInvoice:
    """Return it with what was paid: in MINIMUM only what is left to pay tells."""
    if invoice.payable is None or invoice.prepaid or invoice.payable >= invoice.total:
        return invoice
    return replace(invoice, prepaid=invoice.total - invoice.payable)


def _invoice(document: Element, profile: str, breaks: list[RuleBreak]) -> ReadInvoice:
    header = document.part("ExchangedDocument", "HeaderExchangedDocument")
    trade = document.part("SupplyChainTradeTransaction", "SpecifiedSupplyChainTradeTransaction")
    agreement = trade.part("ApplicableHeaderTradeAgreement", "ApplicableSupplyChainTradeAgreement")
    delivery = trade.part("ApplicableHeaderTradeDelivery", "ApplicableSupplyChainTradeDelivery")
    settlement = trade.part(
        "ApplicableHeaderTradeSettlement", "ApplicableSupplyChainTradeSettlement"
    )
    type_code = header.text("TypeCode")
    if german.XRECHNUNG in profile:
        breaks += german.broken_rules(
            has_contact=agreement.first("SellerTradeParty/DefinedTradeContact") is not None,
            buyer_reference=agreement.text("BuyerReference"),
        )
    return ReadInvoice(
        kind=codes.kind_of(type_code),
        type_code=type_code,
        number=header.required("ID", term="number (BR-02)"),
        issued_on=header.required_day("IssueDateTime/DateTimeString", term="date (BR-03)"),
        seller=_party(agreement.part("SellerTradeParty")),
        buyer=_party(agreement.part("BuyerTradeParty")),
        order_number=_reference(agreement, "BuyerOrderReferencedDocument"),
        sales_order_number=_reference(agreement, "SellerOrderReferencedDocument"),
        delivery_note=_delivery_note(delivery),
        lines=tuple(_lines(trade, breaks)),
        note=" ".join(header.texts("IncludedNote/Content")),
        **_settled(settlement),
    )


def _settled(settlement: Element) -> dict[str, Any]:
    """Return currency, taxes, charges, sums and payment: what the settlement says."""
    currency = settlement.required("InvoiceCurrencyCode", term="currency (BR-05)").upper()
    sums = settlement.part(
        "SpecifiedTradeSettlementHeaderMonetarySummation",
        "SpecifiedTradeSettlementMonetarySummation",
    )
    allowance_total = sums.number("AllowanceTotalAmount", term="allowances (BT-107)")
    due_on = settlement.day(
        "SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString", term="due date (BT-9)"
    )
    return {
        "currency": currency,
        "due_on": due_on,
        "payment_terms": " ".join(settlement.texts("SpecifiedTradePaymentTerms/Description")),
        "preceding": tuple(
            text
            for document in settlement.all("InvoiceReferencedDocument")
            if (text := document.text("IssuerAssignedID", "ID"))
        ),
        "charges": _charges(settlement, allowance_total),
        "taxes": _taxes(settlement),
        "line_total": sums.number("LineTotalAmount", term="total of the lines (BT-106)"),
        "allowance_total": allowance_total,
        "charge_total": sums.number("ChargeTotalAmount", term="charges (BT-108)"),
        **_totals(sums, currency),
        **_payment(settlement),
    }


def _totals(sums: Element, currency: str) -> dict[str, Decimal | None]:
    """
    Return the totals in the document's currency.

    Profile MINIMUM may leave out the tax, which is then what net and gross total differ by.
    """
    prepaid = sums.number("TotalPrepaidAmount", term="prepaid amount (BT-113)") or ZERO
    rounding = sums.number("RoundingAmount", term="rounding (BT-114)") or ZERO
    payable = sums.number("DuePayableAmount", term="amount to pay (BT-115)")
    total = _in_currency(sums, "GrandTotalAmount", currency, term="total with tax (BT-112)")
    if total is None:
        if payable is None:
            sums.required("GrandTotalAmount", term="total with tax (BR-14)")
        total = (payable or ZERO) + prepaid - rounding
    tax = _in_currency(sums, "TaxTotalAmount", currency, term="total tax (BT-110)")
    net = _in_currency(sums, "TaxBasisTotalAmount", currency, term="total without tax (BT-109)")
    if tax is None:
        tax = ZERO if net is None else total - net
    return {
        "net_total": total - tax if net is None else net,
        "tax_total": tax,
        "total": total,
        "prepaid": prepaid,
        "rounding": rounding,
        "payable": payable,
    }


def _in_currency(sums: Element, name: str, currency: str, *, term: str) -> Decimal | None:
    """Return an amount that may stand there again in the currency the tax is booked in."""
    amounts = list(sums.all(name))
    stated = [(amount.attribute("currencyID").upper(), amount) for amount in amounts]
    for wanted in (currency, ""):
        for code, amount in stated:
            if code == wanted:
                return values.number_of(amount.own_text(), term=term, syntax=sums.syntax)
    return None


def _taxes(settlement: Element) -> tuple[ReadTax, ...]:
    return tuple(
        ReadTax(
            category=row.text("CategoryCode"),
            rate=row.number(*RATE, term="tax rate (BT-119)") or ZERO,
            taxable=row.number("BasisAmount", term="taxable amount (BT-116)") or ZERO,
            tax=row.number("CalculatedAmount", term="tax of a rate (BT-117)") or ZERO,
        )
        for row in settlement.all("ApplicableTradeTax")
    )


def _charges(settlement: Element, allowance_total: Decimal | None) -> tuple[ReadCharge, ...]:
    """
    Return allowances, charges and freight of the document.

    Examples of ZUGFeRD 1 print allowances with a minus and their total without: then the minus is
    a matter of print. Its profile BASIC has the total only.
    """
    rows = [_charge(row) for row in settlement.all("SpecifiedTradeAllowanceCharge")]
    allowances = sum((row.amount for row in rows if row.is_allowance), ZERO)
    if allowance_total and allowances == -allowance_total:
        rows = [replace(row, amount=-row.amount) if row.is_allowance else row for row in rows]
    if allowance_total and not rows:
        rows = [
            ReadCharge(
                is_allowance=True,
                amount=allowance_total,
                charge=Charge.DISCOUNT,
                reason="Allowances, not itemized",
            )
        ]
    for row in settlement.all("SpecifiedLogisticsServiceCharge"):
        tax = row.part("AppliedTradeTax")
        rows.append(
            ReadCharge(
                is_allowance=False,
                amount=row.required_number("AppliedAmount", term="amount of the freight"),
                charge=Charge.FREIGHT,
                reason=row.text("Description"),
                tax_category=tax.text("CategoryCode"),
                tax_rate=tax.number(*RATE, term="tax rate of the freight"),
            )
        )
    return tuple(rows)


def _charge(row: Element) -> ReadCharge:
    is_allowance = not _is_charge(row)
    reason = row.text("Reason")
    tax = row.part("CategoryTradeTax")
    return ReadCharge(
        is_allowance=is_allowance,
        amount=row.required_number("ActualAmount", term="amount of an allowance or charge (BR-31)"),
        charge=codes.charge_of(row.text("ReasonCode"), reason, is_allowance=is_allowance),
        reason=reason,
        tax_category=tax.text("CategoryCode"),
        tax_rate=tax.number(*RATE, term="tax rate of an allowance or charge"),
    )


def _is_charge(row: Element) -> bool:
    return row.text("ChargeIndicator/Indicator").lower() in {"true", "1"}


def _payment(settlement: Element) -> dict[str, str]:
    """Return account, bank and reference of the first means of payment that has an account."""
    account, bank = (
        "PayeePartyCreditorFinancialAccount",
        "PayeeSpecifiedCreditorFinancialInstitution",
    )
    payment = {"iban": "", "bic": "", "payment_reference": settlement.text("PaymentReference")}
    for means in settlement.all("SpecifiedTradeSettlementPaymentMeans"):
        if iban := values.iban_of(means.text(f"{account}/IBANID")):
            return {**payment, "iban": iban, "bic": values.account_of(means.text(f"{bank}/BICID"))}
    return payment


def _party(party: Element) -> Party:
    """Return a party; its VAT number (scheme VA) goes before other numbers."""
    address = party.part("PostalTradeAddress")
    numbers = sorted(
        party.all("SpecifiedTaxRegistration/ID"),
        key=lambda number: number.attribute("schemeID") != "VA",
    )
    endpoint = party.first("URIUniversalCommunication/URIID") or party.part("GlobalID")
    return Party(
        name=party.text("Name"),
        tax_numbers=tuple(
            dict.fromkeys(
                number for row in numbers if (number := values.tax_number_of(row.own_text()))
            )
        ),
        electronic_address=values.address_of(endpoint.own_text(), endpoint.attribute("schemeID")),
        street=" ".join(address.texts("LineOne", "LineTwo", "LineThree")),
        postcode=address.text("PostcodeCode"),
        city=address.text("CityName"),
        country=address.text("CountryID").upper(),
    )


def _reference(part: Element, *names: str) -> str:
    """Return the number of a document named there."""
    for name in names:
        if text := part.text(f"{name}/IssuerAssignedID", f"{name}/ID"):
            return text
    return ""


def _delivery_note(delivery: Element) -> str:
    return _reference(
        delivery, "DeliveryNoteReferencedDocument", "DespatchAdviceReferencedDocument"
    )


def _lines(trade: Element, breaks: list[RuleBreak]) -> Iterator[ReadLine]:
    """Yield the lines that count; groups, information and notes do not."""
    for index, line in enumerate(trade.all("IncludedSupplyChainTradeLineItem"), start=1):
        about = line.part("AssociatedDocumentLineDocument")
        if about.text("LineStatusReasonCode") in COUNTED:
            position = about.text("LineID") or str(index)
            read = _line(line, position, breaks)
            if read is not None:
                yield read


def _line(line: Element, position: str, breaks: list[RuleBreak]) -> ReadLine | None:
    where = f"of line {position}"
    agreement = line.part("SpecifiedLineTradeAgreement", "SpecifiedSupplyChainTradeAgreement")
    delivery = line.part("SpecifiedLineTradeDelivery", "SpecifiedSupplyChainTradeDelivery")
    settlement = line.part("SpecifiedLineTradeSettlement", "SpecifiedSupplyChainTradeSettlement")
    price = agreement.part("NetPriceProductTradePrice")
    unit_price = price.number("ChargeAmount", term=f"price {where}")
    base = price.number("BasisQuantity", term=f"base quantity of the price {where}") or ONE
    quantity = delivery.part("BilledQuantity")
    net_amount = settlement.number(
        "SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount",
        "SpecifiedTradeSettlementMonetarySummation/LineTotalAmount",
        term=f"amount {where} (BT-131)",
    )
    if unit_price is None and net_amount is None and not quantity.own_text():
        return None
    adjustment = _adjustment(settlement, where)
    figures = complete_figures(
        position=position,
        quantity=values.number_of(quantity.own_text(), term=f"quantity {where}", syntax=Syntax.CII),
        unit_price=None if unit_price is None else unit_price / base,
        net_amount=net_amount,
        adjustment=adjustment,
        breaks=breaks,
    )
    order = "BuyerOrderReferencedDocument"
    product = line.part("SpecifiedTradeProduct")
    global_id = product.part("GlobalID")
    tax = settlement.part("ApplicableTradeTax")
    return ReadLine(
        position=position,
        quantity=figures.quantity,
        unit_code=quantity.attribute("unitCode"),
        unit_price=figures.unit_price,
        net_amount=figures.net_amount,
        adjustment=adjustment,
        tax_category=tax.text("CategoryCode"),
        tax_rate=tax.number(*RATE, term=f"tax rate {where}"),
        order_number=_reference(agreement, order),
        order_position=agreement.text(f"{order}/LineID"),
        delivery_note=_delivery_note(delivery),
        supplier_sku=product.text("SellerAssignedID"),
        gtin=codes.gtin_of(global_id.own_text(), global_id.attribute("schemeID")),
        buyer_sku=product.text("BuyerAssignedID"),
        description=product.text("Name", "Description"),
    )


def _adjustment(settlement: Element, where: str) -> Decimal:
    """Return the line's charges less its allowances; those inside the price are in it already."""
    total = ZERO
    for row in settlement.all("SpecifiedTradeAllowanceCharge"):
        amount = row.number("ActualAmount", term=f"amount of an allowance or charge {where}")
        total += (amount or ZERO) if _is_charge(row) else -(amount or ZERO)
    return total
