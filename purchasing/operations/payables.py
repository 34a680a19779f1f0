"""What is owed: approving matched invoices, handing them to accounting once, and their end."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Collection, Iterable
from datetime import date, datetime

from django.db import transaction

from purchasing.models import PayableExport, SupplierInvoice
from purchasing.operations.ending import MissingReason
from purchasing.operations.findings import resolve_open
from purchasing.operations.landed import require_nothing_landed
from purchasing.operations.matching import work_out
from purchasing.operations.pools import lock_pool
from purchasing.operations.variances import post_price_differences, take_back_price_differences
from retail.common.errors import BusinessError, NotAllowed
from retail.common.models import User
from retail.common.money import round_amount
from retail.common.status import check_move

Status = SupplierInvoice.Status
COLUMNS = (
    "number",
    "kind",
    "supplier",
    "supplier_name",
    "supplier_number",
    "invoiced_on",
    "due_on",
    "currency",
    "net_total",
    "tax_total",
    "total",
    "iban",
)
# What a spreadsheet takes for the beginning of a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class OwnInvoice(NotAllowed):
    """Nobody approves an invoice they entered."""


class NothingToExport(BusinessError):
    """No invoice was named."""


class InvalidPaymentDay(BusinessError):
    """An invoice is not paid tomorrow, nor before it was written."""


@transaction.atomic
def approve_invoice(*, invoice_id: int, at: datetime, by: User) -> SupplierInvoice:
    """
    Release a matched invoice for payment; its price differences reach the cost of the goods.

    Locks: the invoice, then the CostPool rows.

    :raises OwnInvoice: the same person entered it.
    :raises WrongStatus: it is not matched.
    :raises NoExchangeRate: its currency has no rate for its day.
    """
    invoice = _lock(invoice_id)
    check_move(invoice, Status.APPROVED)
    if invoice.captured_by_id == by.pk:
        msg = f"{invoice} was entered by you: somebody else has to approve it."
        raise OwnInvoice(msg, invoice=invoice.number)
    invoice.status, invoice.approved_at, invoice.approved_by = Status.APPROVED, at, by
    invoice.save(update_fields=["status", "approved_at", "approved_by"])
    post_price_differences(invoice_ids=[invoice.pk], at=at)
    return invoice


@transaction.atomic
def export_payables(
    *, invoice_ids: Collection[int], key: str, at: datetime, by: User | None
) -> PayableExport:
    """
    Hand approved invoices to accounting as one batch that never changes; each goes out once.

    key: of this act; a second call with it returns the first batch and changes nothing.
    Locks: the invoices.

    :raises WrongStatus: one of them is not approved, or went out before; none is exported.
    :raises NothingToExport: no invoice was named.
    """
    invoices = list(
        SupplierInvoice.objects.for_update()
        .filter(pk__in=list(invoice_ids))
        .select_related("supplier")
    )
    if earlier := PayableExport.objects.filter(key=key).first():
        return earlier
    if not invoices:
        msg = "No approved invoice waits to be exported."
        raise NothingToExport(msg)
    for invoice in invoices:
        check_move(invoice, Status.EXPORTED)

    content = payables_csv(invoices)
    export = PayableExport.objects.create(
        key=key,
        content=content,
        sha256=hashlib.sha256(content.encode()).hexdigest(),
        exported_at=at,
        exported_by=by,
    )
    for invoice in invoices:
        invoice.status, invoice.export = Status.EXPORTED, export
    SupplierInvoice.objects.bulk_update(invoices, ["status", "export"])
    return export


@transaction.atomic
def record_payment(
    *, invoice_id: int, paid_on: date, at: datetime, by: User | None
) -> SupplierInvoice:
    """
    Note that accounting paid an exported invoice.

    :raises WrongStatus: it was not exported, or is paid already.
    :raises InvalidPaymentDay: the day lies ahead, or before the invoice.
    """
    invoice = _lock(invoice_id)
    check_move(invoice, Status.PAID)
    if not invoice.invoiced_on <= paid_on <= at.date():
        msg = f"{invoice} of {invoice.invoiced_on} cannot have been paid on {paid_on}."
        raise InvalidPaymentDay(msg, paid_on=paid_on.isoformat())
    invoice.status, invoice.paid_on, invoice.paid_by = Status.PAID, paid_on, by
    invoice.save(update_fields=["status", "paid_on", "paid_by"])
    return invoice


@transaction.atomic
def void_invoice(*, invoice_id: int, reason: str, at: datetime, by: User | None) -> SupplierInvoice:
    """
    End an invoice that should not have been entered; the units it was matched to are free again.

    Other open bills of the same articles are worked out anew, and what an approved one added to
    the cost of goods is corrected back.
    Locks: as `match_invoice`, then the CostPool rows.

    :raises WrongStatus: it was exported, or is void already.
    :raises MissingReason: the reason is empty.
    :raises FreightIsLanded: goods bear freight of it.
    """
    pool = lock_pool(invoice_id)
    invoice = pool.invoices[invoice_id]
    check_move(invoice, Status.VOID)
    if not reason.strip():
        msg = "Say why: the reason is kept with the invoice."
        raise MissingReason(msg, invoice=invoice.number)
    require_nothing_landed(invoice)
    resolve_open(invoice, at=at)
    was_approved = invoice.status == Status.APPROVED
    invoice.status, invoice.void_reason = Status.VOID, reason.strip()
    invoice.voided_at, invoice.voided_by = at, by
    invoice.save(update_fields=["status", "void_reason", "voided_at", "voided_by"])
    if was_approved:
        take_back_price_differences(invoice_id=invoice.pk, at=at)
    work_out(pool, at=at)
    return invoice


def payables_csv(invoices: Iterable[SupplierInvoice]) -> str:
    """
    Return the invoices as accounting reads them: CSV with a header, amounts signed by kind.

    Words that a spreadsheet would run as a formula are quoted with an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for invoice in invoices:
        sign = -1 if invoice.kind == SupplierInvoice.Kind.CREDIT_NOTE else 1
        supplier = invoice.supplier
        writer.writerow(
            [
                invoice.number,
                invoice.kind,
                _harmless(supplier.code),
                _harmless(supplier.name),
                _harmless(invoice.supplier_number),
                invoice.invoiced_on.isoformat(),
                invoice.due_on.isoformat(),
                invoice.currency,
                *(
                    sign * round_amount(amount, invoice.currency)
                    for amount in (invoice.net_total, invoice.tax_total, invoice.total)
                ),
                _harmless(supplier.iban),
            ]
        )
    return text.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _lock(invoice_id: int) -> SupplierInvoice:
    return SupplierInvoice.objects.for_update().get(pk=invoice_id)
