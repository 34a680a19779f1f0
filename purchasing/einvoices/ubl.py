"""UBL 2.0 and 2.1 invoices and credit notes: Peppol BIS 3, EN 16931, XRechnung and older ones."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from purchasing.einvoices import codes, german, values
from purchasing.einvoices.documents import (
    Kind,
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

NAMESPACES = re.compile(r"urn:oasis:names:specification:ubl:schema:xsd:(Invoice|CreditNote)-2")
# What Peppol has written where there is no number of an order; BIS Billing 3.0, order reference.
NO_ORDER = "NA"


def read(root: Root) -> Parsed:
    """
    Read an Invoice or CreditNote of UBL 2.

    :raises UnreadableDocument: UNKNOWN_SYNTAX (another UBL), INCOMPLETE, BAD_VALUE, TEMPLATE.
    """
    document = Element(root, Syntax.UBL)
    if not NAMESPACES.fullmatch(document.namespace):
        raise UnreadableDocument(
            "UNKNOWN_SYNTAX",
            f"The XML is called {document.name}, as in UBL 2, but its namespace is "
            f"{values.shortened(document.namespace)}.",
        )
    breaks: list[RuleBreak] = []
    invoice = _invoice(document, breaks)
    profile = document.text("CustomizationID")
    if german.XRECHNUNG in profile:
        seller = document.part("AccountingSupplierParty/Party")
        breaks += german.broken_rules(
            has_contact=seller.first("Contact") is not None,
            buyer_reference=document.text("BuyerReference"),
        )
    return Parsed(
        syntax=Syntax.UBL,
        profile=profile,
        invoices=(invoice,),
        breaks=tuple(breaks),
    )


def _invoice(document: Element, breaks: list[RuleBreak]) -> ReadInvoice:
    type_code = document.text("InvoiceTypeCode", "CreditNoteTypeCode")
    is_credit_note = document.name == "CreditNote" or codes.kind_of(type_code) is Kind.CREDIT_NOTE
    number = document.required("ID", term="number (BR-02)")
    issued_on = document.required_day("IssueDate", term="date (BR-03)")
    currency = _currency(document)
    taxes, tax_total = _taxes(document, currency)
    sums = document.part("LegalMonetaryTotal")
    net_total, total = _totals(sums, tax_total)
    order = document.part("OrderReference")
    sales_order_number = order.text("SalesOrderID")
    order_number = order.text("ID")
    return ReadInvoice(
        kind=Kind.CREDIT_NOTE if is_credit_note else Kind.INVOICE,
        type_code=type_code,
        number=number,
        issued_on=issued_on,
        due_on=document.day("DueDate", "PaymentMeans/PaymentDueDate", term="due date (BT-9)"),
        currency=currency,
        seller=_party(document.part("AccountingSupplierParty/Party")),
        buyer=_party(document.part("AccountingCustomerParty/Party")),
        order_number="" if order_number == NO_ORDER else order_number,
        sales_order_number=sales_order_number,
        delivery_note=document.text("DespatchDocumentReference/ID"),
        preceding=_preceding(document),
        lines=tuple(
            _line(line, line.text("ID") or str(index), breaks)
            for index, line in enumerate(document.all("InvoiceLine", "CreditNoteLine"), start=1)
        ),
        charges=tuple(_charge(row) for row in document.all("AllowanceCharge")),
        taxes=taxes,
        line_total=sums.number("LineExtensionAmount", term="total of the lines (BT-106)"),
        allowance_total=sums.number("AllowanceTotalAmount", term="allowances (BT-107)"),
        charge_total=sums.number("ChargeTotalAmount", term="charges (BT-108)"),
        net_total=net_total,
        tax_total=tax_total,
        total=total,
        prepaid=sums.number("PrepaidAmount", term="prepaid amount (BT-113)") or ZERO,
        rounding=sums.number("PayableRoundingAmount", term="rounding (BT-114)") or ZERO,
        payable=sums.number("PayableAmount", term="amount to pay (BT-115)"),
        payment_terms=" ".join(document.texts("PaymentTerms/Note")),
        note=" ".join(document.texts("Note")),
        **_payment(document),
    )


def _currency(document: Element) -> str:
    """Return the document's currency, or before UBL 2.1 the one of the amount to pay."""
    amount = document.part("LegalMonetaryTotal/PayableAmount")
    return values.required(
        document.text("DocumentCurrencyCode") or amount.attribute("currencyID"),
        term="currency (BR-05)",
        syntax=document.syntax,
    ).upper()


def _totals(sums: Element, tax_total: Decimal) -> tuple[Decimal, Decimal]:
    """
    Return the totals without and with tax.

    UBL 2.0 leaves out the total with tax: there it is what is to be paid, before what was paid.
    """
    total = sums.number("TaxInclusiveAmount", term="total with tax (BT-112)")
    if total is None:
        payable = sums.required_number("PayableAmount", term="total with tax (BR-14)")
        prepaid = sums.number("PrepaidAmount", term="prepaid amount (BT-113)") or ZERO
        rounding = sums.number("PayableRoundingAmount", term="rounding (BT-114)") or ZERO
        total = payable + prepaid - rounding
    net_total = sums.number("TaxExclusiveAmount", term="total without tax (BT-109)")
    return (total - tax_total if net_total is None else net_total), total


def _taxes(document: Element, currency: str) -> tuple[tuple[ReadTax, ...], Decimal]:
    """Return the taxes in the document's own currency; the same in another is not read."""
    rows: list[ReadTax] = []
    tax_total = ZERO
    for total in document.all("TaxTotal"):
        stated = total.part("TaxAmount").attribute("currencyID").upper()
        if stated and stated != currency:
            continue
        tax_total += total.number("TaxAmount", term="total tax (BT-110)") or ZERO
        for row in total.all("TaxSubtotal"):
            category = row.part("TaxCategory")
            rows.append(
                ReadTax(
                    category=category.text("ID"),
                    rate=_rate(row, category, term="tax rate (BT-119)") or ZERO,
                    taxable=row.number("TaxableAmount", term="taxable amount (BT-116)") or ZERO,
                    tax=row.number("TaxAmount", term="tax of a rate (BT-117)") or ZERO,
                )
            )
    return tuple(rows), tax_total


def _rate(row: Element, category: Element, *, term: str) -> Decimal | None:
    """
    Return the rate of a tax; None where there is none.

    UBL 2.0 has it beside the category too, or leaves it to be worked out from the amounts.
    """
    rate = category.number("Percent", term=term)
    if rate is None:
        rate = row.number("Percent", term=term)
    if rate is not None:
        return rate
    taxable = row.number("TaxableAmount", term=f"taxable amount beside the {term}")
    tax = row.number("TaxAmount", term=f"tax beside the {term}")
    if not tax or not taxable or abs(tax) >= abs(taxable):
        return None
    return round(tax / taxable * 100, 3)


def _party(party: Element) -> Party:
    address = party.part("PostalAddress")
    numbers = [values.tax_number_of(text) for text in party.texts("PartyTaxScheme/CompanyID")]
    endpoint = party.first("EndpointID") or party.part("PartyIdentification/ID")
    return Party(
        name=party.text(
            "PartyLegalEntity/RegistrationName",
            "PartyName/Name",
            "PartyTaxScheme/RegistrationName",
        ),
        # Norwegian sellers say "Foretaksregisteret" where others have their number.
        tax_numbers=tuple(dict.fromkeys(n for n in numbers if any(c.isdigit() for c in n))),
        electronic_address=values.address_of(endpoint.own_text(), endpoint.attribute("schemeID")),
        street=" ".join(
            address.texts("StreetName", "BuildingNumber", "AdditionalStreetName")
            or address.texts("AddressLine/Line")
        ),
        postcode=address.text("PostalZone"),
        city=address.text("CityName"),
        country=address.text("Country/IdentificationCode").upper(),
    )


def _preceding(document: Element) -> tuple[str, ...]:
    """Return the invoices named by the document or, in older ones, by its lines."""
    found = document.texts("BillingReference/InvoiceDocumentReference/ID")
    for line in document.all("InvoiceLine", "CreditNoteLine"):
        found += line.texts("BillingReference/InvoiceDocumentReference/ID")
    return tuple(dict.fromkeys(found))


def _payment(document: Element) -> dict[str, Any]:
    """Return account, bank and reference of the first means of payment that has an account."""
    means = list(document.all("PaymentMeans"))
    account = next(
        (one for one in means if one.text("PayeeFinancialAccount/ID")),
        means[0] if means else document.part("nothing"),
    )
    branch = account.part("PayeeFinancialAccount/FinancialInstitutionBranch")
    return {
        "iban": values.iban_of(account.text("PayeeFinancialAccount/ID")),
        "bic": values.account_of(branch.text("FinancialInstitution/ID", "ID")),
        "payment_reference": account.text("PaymentID"),
    }


def _charge(row: Element) -> ReadCharge:
    is_allowance = row.text("ChargeIndicator").lower() not in {"true", "1"}
    reason = " ".join(row.texts("AllowanceChargeReason"))
    category = row.part("TaxCategory")
    return ReadCharge(
        is_allowance=is_allowance,
        amount=row.required_number("Amount", term="amount of an allowance or charge (BR-31)"),
        charge=codes.charge_of(
            row.text("AllowanceChargeReasonCode"), reason, is_allowance=is_allowance
        ),
        reason=reason,
        tax_category=category.text("ID"),
        tax_rate=category.number("Percent", term="tax rate of an allowance or charge"),
    )


def _line(line: Element, position: str, breaks: list[RuleBreak]) -> ReadLine:
    """Return one line; lines below it only explain it (XRechnung's extension) and are not read."""
    where = f"of line {position}"
    quantity = line.part("InvoicedQuantity", "CreditedQuantity")
    price = line.number("Price/PriceAmount", term=f"price {where}")
    base = line.number("Price/BaseQuantity", term=f"base quantity of the price {where}") or ONE
    order = line.part("OrderLineReference")
    item = line.part("Item")
    category, rate = _line_tax(line, where)
    standard = item.part("StandardItemIdentification/ID")
    adjustment = _adjustment(line, where)
    figures = complete_figures(
        position=position,
        quantity=values.number_of(quantity.own_text(), term=f"quantity {where}", syntax=Syntax.UBL),
        unit_price=None if price is None else price / base,
        net_amount=line.number("LineExtensionAmount", term=f"amount {where} (BT-131)"),
        adjustment=adjustment,
        breaks=breaks,
    )
    return ReadLine(
        position=position,
        quantity=figures.quantity,
        unit_code=quantity.attribute("unitCode"),
        unit_price=figures.unit_price,
        net_amount=figures.net_amount,
        adjustment=adjustment,
        tax_category=category,
        tax_rate=rate,
        order_number=order.text("OrderReference/ID"),
        order_position=order.text("LineID"),
        delivery_note=line.text("DespatchLineReference/DocumentReference/ID"),
        supplier_sku=item.text("SellersItemIdentification/ID"),
        gtin=codes.gtin_of(standard.own_text(), standard.attribute("schemeID")),
        buyer_sku=item.text("BuyersItemIdentification/ID"),
        description=item.text("Name", "Description"),
    )


def _line_tax(line: Element, where: str) -> tuple[str, Decimal | None]:
    """Return category and rate, which older documents have in a tax total of the line."""
    term = f"tax rate {where}"
    for category in line.all("Item/ClassifiedTaxCategory"):
        return category.text("ID"), category.number("Percent", term=term)
    for row in line.all("TaxTotal/TaxSubtotal"):
        category = row.part("TaxCategory")
        return category.text("ID"), _rate(row, category, term=term)
    return "", None


def _adjustment(line: Element, where: str) -> Decimal:
    """Return the line's charges less its allowances."""
    total = ZERO
    for row in line.all("AllowanceCharge"):
        amount = row.number("Amount", term=f"amount of an allowance or charge {where}") or ZERO
        is_charge = row.text("ChargeIndicator").lower() in {"true", "1"}
        total += amount if is_charge else -amount
    return total
