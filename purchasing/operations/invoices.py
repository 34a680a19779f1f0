"""Entering suppliers' invoices and credit notes as they came, and taking them out again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Value

from purchasing.models import (
    Supplier,
    SupplierInvoice,
    SupplierInvoiceLine,
    normalised_number,
)
from purchasing.operations.findings import limits_for, raise_findings
from purchasing.tolerances import document_findings
from retail.common.errors import BusinessError
from retail.common.fields import MAX_AMOUNT, MAX_UNITS
from retail.common.models import User
from retail.common.money import ZERO

OLDEST = timedelta(days=365 * 10)
FURTHEST_AHEAD = timedelta(days=31)


class InvalidInvoice(BusinessError):
    """What was entered cannot stand on an invoice: no lines, no number, a date far off."""


class DuplicateInvoice(BusinessError):
    """The supplier's document was entered before; `invoice_id` says which it is."""


@dataclass(frozen=True)
class NewInvoiceLine:
    """
    A line as printed; amounts net, without sign.

    order_number, supplier_sku, gtin: the supplier's words by which the order line will be found.
    """

    quantity: int
    unit_price: Decimal
    net_amount: Decimal
    kind: str = SupplierInvoiceLine.Kind.GOODS
    order_number: str = ""
    supplier_sku: str = ""
    gtin: str = ""
    description: str = ""
    tax_rate: Decimal = ZERO


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
) -> SupplierInvoice:
    """
    Store a supplier's invoice or credit note as it came; it is due by the supplier's terms.

    A document that does not add up is stored all the same, with an exception that says so.
    duplicate_reason: why the same number as an earlier document's is right this time.

    :raises DuplicateInvoice: the supplier's document of this kind and number was entered before.
    :raises InvalidInvoice: nothing is stored.
    """
    _check_document(
        supplier_number=supplier_number,
        invoiced_on=invoiced_on,
        currency=currency,
        amounts=(net_total, tax_total, total),
        at=at,
    )
    _check_lines(lines)
    invoice = SupplierInvoice(
        supplier=supplier,
        kind=kind,
        supplier_number=supplier_number.strip(),
        duplicate_reason=duplicate_reason.strip(),
        invoiced_on=invoiced_on,
        due_on=invoiced_on + timedelta(days=supplier.payment_days),
        currency=currency,
        net_total=net_total,
        tax_total=tax_total,
        total=total,
        captured_at=at,
        captured_by=by,
    )
    _insert_once(invoice)
    SupplierInvoiceLine.objects.bulk_create(
        [
            SupplierInvoiceLine(invoice=invoice, position=position, **vars(line))
            for position, line in enumerate(lines, start=1)
        ]
    )
    _record_wrong_sums(invoice, lines, at=at)
    return invoice


def _check_document(
    *,
    supplier_number: str,
    invoiced_on: date,
    currency: str,
    amounts: Sequence[Decimal],
    at: datetime,
) -> None:
    if not any(sign.isalnum() for sign in supplier_number):
        msg = "The document has a number: enter it as printed."
        raise InvalidInvoice(msg, supplier_number=supplier_number)
    if not at.date() - OLDEST <= invoiced_on <= at.date() + FURTHEST_AHEAD:
        msg = f"{invoiced_on} cannot be the date of this document."
        raise InvalidInvoice(msg, invoiced_on=invoiced_on.isoformat())
    if not (len(currency) == 3 and currency.isascii() and currency.isupper()):  # noqa: PLR2004 - ISO 4217
        msg = f"“{currency}” is no currency code such as EUR."
        raise InvalidInvoice(msg, currency=currency)
    if not all(_is_amount(amount) for amount in amounts):
        msg = "Totals are entered without a sign; the kind of document says which way they count."
        raise InvalidInvoice(msg, amounts=[str(amount) for amount in amounts])


def _check_lines(lines: Sequence[NewInvoiceLine]) -> None:
    if not lines:
        msg = "A document has at least one line."
        raise InvalidInvoice(msg)
    for position, line in enumerate(lines, start=1):
        if not 1 <= line.quantity < MAX_UNITS:
            problem = "the quantity is at least 1"
        elif not (_is_amount(line.unit_price) and _is_amount(line.net_amount)):
            problem = "amounts are entered without a sign"
        elif not (line.tax_rate.is_finite() and 0 <= line.tax_rate < 100):  # noqa: PLR2004 - percent
            problem = "the tax rate is a percentage"
        else:
            continue
        msg = f"Line {position}: {problem}."
        raise InvalidInvoice(msg, position=position)


def _is_amount(amount: Decimal) -> bool:
    return amount.is_finite() and 0 <= amount < MAX_AMOUNT


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


def _record_wrong_sums(
    invoice: SupplierInvoice, lines: Sequence[NewInvoiceLine], *, at: datetime
) -> None:
    found = document_findings(
        net_amounts=[line.net_amount for line in lines],
        tax_rates=[line.tax_rate for line in lines],
        net_total=invoice.net_total,
        tax_total=invoice.tax_total,
        total=invoice.total,
        currency=invoice.currency,
    )
    raise_findings(invoice, found, limits=limits_for(invoice.supplier_id), at=at)
