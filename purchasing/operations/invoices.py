"""Entering suppliers' invoices and credit notes as they came, and taking them out again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import iso4217
from django.db import IntegrityError, transaction
from django.db.models import Value

from purchasing.einvoices import RuleBreak
from purchasing.models import (
    InvoiceDocument,
    InvoiceStep,
    Supplier,
    SupplierInvoice,
    SupplierInvoiceLine,
    SupplierInvoiceTax,
    normalised_number,
)
from purchasing.operations.capture_findings import Addressee, capture_findings
from purchasing.operations.findings import limits_for, raise_findings
from purchasing.operations.steps import note_step
from retail.common.errors import BusinessError
from retail.common.fields import MAX_AMOUNT, MAX_UNITS
from retail.common.models import User
from retail.common.money import ZERO

OLDEST = timedelta(days=365 * 10)
FURTHEST_AHEAD = timedelta(days=31)
LONGEST_NUMBER, LONGEST_IBAN, LONGEST_REFERENCE = 100, 34, 140
# What ISO 4217 has for tests and for no currency at all.
NO_MONEY = frozenset({"XTS", "XXX"})
CURRENCIES = frozenset(currency.code for currency in iso4217.Currency) - NO_MONEY


class InvalidInvoice(BusinessError):
    """What was entered cannot stand on an invoice: no lines, no number, a date far off."""


class DuplicateInvoice(BusinessError):
    """The supplier's document was entered before; `invoice_id` says which it is."""


@dataclass(frozen=True)
class NewInvoiceLine:
    """
    A line as printed; amounts net, without sign, `is_deduction` where it takes away.

    quantity: in our units; stated_quantity and unit_code where the document counts otherwise.
    order_number, order_position, supplier_sku, gtin, buyer_sku: the supplier's words by which the
    order line will be found.
    """

    quantity: int
    unit_price: Decimal
    net_amount: Decimal
    kind: str = SupplierInvoiceLine.Kind.GOODS
    charge: str = ""
    is_deduction: bool = False
    order_number: str = ""
    order_position: str = ""
    delivery_note: str = ""
    supplier_sku: str = ""
    gtin: str = ""
    buyer_sku: str = ""
    description: str = ""
    stated_quantity: Decimal | None = None
    unit_code: str = ""
    tax_category: str = ""
    tax_rate: Decimal = ZERO


@dataclass(frozen=True)
class NewInvoiceTax:
    """The tax of one rate as the document states it, signed as printed."""

    rate: Decimal
    taxable: Decimal
    tax: Decimal
    category: str = ""


@transaction.atomic
def capture_invoice(  # noqa: PLR0913 - what is printed on one document
    *,
    supplier: Supplier,
    kind: str,
    supplier_number: str,
    invoiced_on: date,
    currency: str,
    lines: Sequence[NewInvoiceLine],
    net_total: Decimal,
    tax_total: Decimal,
    total: Decimal,
    at: datetime,
    by: User | None,
    duplicate_reason: str = "",
    taxes: Sequence[NewInvoiceTax] = (),
    stated_due_on: date | None = None,
    prepaid_total: Decimal = ZERO,
    rounding: Decimal = ZERO,
    payable: Decimal | None = None,
    iban: str = "",
    payment_reference: str = "",
    note: str = "",
    addressee: Addressee | None = None,
    source: InvoiceDocument | None = None,
    source_position: int = 1,
    breaks: Sequence[RuleBreak] = (),
) -> SupplierInvoice:
    """
    Store a supplier's invoice or credit note as it came; it is due by the supplier's terms.

    What is wrong with the document by itself becomes an exception: it does not add up, breaks a
    rule of e-invoices, is addressed to somebody else, asks for payment to an account that is not
    the supplier's, or earlier than agreed, or is over the same total as another one.
    duplicate_reason: why the same number as an earlier document's is right this time.
    payable: what it says is to be paid, to be held against its total.
    addressee: whom it is addressed to, None where nobody looked.
    source, source_position: the file it was read from, and which of its invoices it is.
    breaks: the rules it does not keep.

    :raises DuplicateInvoice: the supplier's document of this kind and number was entered before.
    :raises InvalidInvoice: nothing is stored.
    """
    _check_document(
        supplier_number=supplier_number,
        invoiced_on=invoiced_on,
        currency=currency,
        amounts=(net_total, tax_total, total, prepaid_total),
        rounding=rounding,
        at=at,
    )
    _check_lines(lines)
    taxes = _one_of_each_rate(taxes)
    invoice = SupplierInvoice(
        supplier=supplier,
        kind=kind,
        supplier_number=supplier_number.strip(),
        duplicate_reason=duplicate_reason.strip(),
        invoiced_on=invoiced_on,
        due_on=invoiced_on + timedelta(days=supplier.payment_days),
        stated_due_on=stated_due_on,
        currency=currency,
        net_total=net_total,
        tax_total=tax_total,
        total=total,
        prepaid_total=prepaid_total,
        rounding=rounding,
        iban="".join(iban.split()).upper()[:LONGEST_IBAN],
        payment_reference=payment_reference.strip()[:LONGEST_REFERENCE],
        note=note,
        source=source,
        source_position=source_position,
        captured_at=at,
        captured_by=by,
    )
    _insert_once(invoice)
    stored = SupplierInvoiceLine.objects.bulk_create(
        [
            SupplierInvoiceLine(invoice=invoice, position=position, **vars(line))
            for position, line in enumerate(lines, start=1)
        ]
    )
    stated = SupplierInvoiceTax.objects.bulk_create(
        [SupplierInvoiceTax(invoice=invoice, **vars(tax)) for tax in taxes]
    )
    limits = limits_for(supplier.pk)
    found = capture_findings(
        invoice,
        stored,
        stated,
        payable=payable,
        addressee=addressee,
        breaks=breaks,
        limits=limits,
    )
    raise_findings(invoice, found, limits=limits, at=at)
    note_step(invoice.pk, InvoiceStep.Kind.CAPTURED, text=duplicate_reason.strip(), at=at, by=by)
    return invoice


def _check_document(
    *,
    supplier_number: str,
    invoiced_on: date,
    currency: str,
    amounts: Sequence[Decimal],
    rounding: Decimal,
    at: datetime,
) -> None:
    if not any(sign.isalnum() for sign in supplier_number):
        msg = "The document has a number: enter it as printed."
        raise InvalidInvoice(msg, supplier_number=supplier_number)
    if len(supplier_number.strip()) > LONGEST_NUMBER:
        msg = f"A number has at most {LONGEST_NUMBER} characters: “{supplier_number[:40]}…”."
        raise InvalidInvoice(msg, supplier_number=supplier_number[:LONGEST_NUMBER])
    if not at.date() - OLDEST <= invoiced_on <= at.date() + FURTHEST_AHEAD:
        msg = f"{invoiced_on} cannot be the date of this document."
        raise InvalidInvoice(msg, invoiced_on=invoiced_on.isoformat())
    if currency not in CURRENCIES:
        msg = f"“{currency}” is no currency code such as EUR."
        raise InvalidInvoice(msg, currency=currency)
    if not all(_is_amount(amount) for amount in amounts):
        msg = "Totals are entered without a sign; the kind of document says which way they count."
        raise InvalidInvoice(msg, amounts=[str(amount) for amount in amounts])
    if not (rounding.is_finite() and abs(rounding) < MAX_AMOUNT):
        msg = f"{rounding} is no amount to round by."
        raise InvalidInvoice(msg, rounding=str(rounding))


def _check_lines(lines: Sequence[NewInvoiceLine]) -> None:
    if not lines:
        msg = "A document has at least one line."
        raise InvalidInvoice(msg)
    for position, line in enumerate(lines, start=1):
        if not 1 <= line.quantity < MAX_UNITS:
            problem = "the quantity is at least 1"
        elif not (_is_amount(line.unit_price) and _is_amount(line.net_amount)):
            problem = "amounts are entered without a sign"
        elif not _is_rate(line.tax_rate):
            problem = "the tax rate is a percentage"
        elif line.charge and line.kind != SupplierInvoiceLine.Kind.CHARGE:
            problem = "only a charge says which charge it is"
        else:
            continue
        msg = f"Line {position}: {problem}."
        raise InvalidInvoice(msg, position=position)


def _one_of_each_rate(taxes: Sequence[NewInvoiceTax]) -> list[NewInvoiceTax]:
    """
    Return the taxes with those of the same category and rate added up.

    Some documents state one rate several times, for several reasons of exemption.
    """
    rows: dict[tuple[str, Decimal], NewInvoiceTax] = {}
    for tax in taxes:
        amounts = (tax.taxable, tax.tax)
        if not _is_rate(tax.rate) or not all(_is_amount(abs(amount)) for amount in amounts):
            msg = f"Tax of {tax.rate} %: rate and amounts are numbers, the rate below 100."
            raise InvalidInvoice(msg, rate=str(tax.rate))
        earlier = rows.get((tax.category, tax.rate))
        rows[tax.category, tax.rate] = NewInvoiceTax(
            category=tax.category,
            rate=tax.rate,
            taxable=tax.taxable + (earlier.taxable if earlier else ZERO),
            tax=tax.tax + (earlier.tax if earlier else ZERO),
        )
    return list(rows.values())


def _is_amount(amount: Decimal) -> bool:
    return amount.is_finite() and 0 <= amount < MAX_AMOUNT


def _is_rate(rate: Decimal) -> bool:
    return rate.is_finite() and 0 <= rate < 100  # noqa: PLR2004 - percent


def _insert_once(invoice: SupplierInvoice) -> None:
    """Insert, and let the unique constraint find a duplicate that came at the same moment."""
    try:
        with transaction.atomic():
            invoice.save()
    except IntegrityError as error:
        first = (
            SupplierInvoice.objects.filter(
                supplier=invoice.supplier,
                kind=invoice.kind,
                number_normalised=normalised_number(Value(invoice.supplier_number)),
                duplicate_reason="",
            )
            .exclude(status=SupplierInvoice.Status.VOID)
            .first()
        )
        if first is None:
            raise
        msg = (
            f"{invoice.supplier} {invoice.supplier_number} was entered before as {first.number}, "
            f"“{first.supplier_number}” of {first.invoiced_on}."
        )
        raise DuplicateInvoice(msg, invoice_id=first.pk, invoice=first.number) from error
