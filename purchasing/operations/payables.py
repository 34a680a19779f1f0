"""What is owed: approving matched invoices, handing them to accounting once, and their end."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime

from django.db import transaction

from purchasing.models import InvoiceStep, PayableExport, PaymentItem, SupplierInvoice
from purchasing.operations.ending import MissingReason
from purchasing.operations.findings import is_blocking, latest_exceptions, named, resolve_open
from purchasing.operations.handing_over import owe_export
from purchasing.operations.landed import require_nothing_landed
from purchasing.operations.ledger_bills import post_invoice_voided, post_invoices
from purchasing.operations.matching import work_out
from purchasing.operations.pools import lock_pool
from purchasing.operations.steps import note_step, note_steps
from purchasing.payables_file import payables_csv
from purchasing.queries.payables import payable_facts
from retail.common.errors import BusinessError, NotAllowed
from retail.common.models import User
from retail.common.status import check_move

Status = SupplierInvoice.Status
Step = InvoiceStep.Kind


class OwnInvoice(NotAllowed):
    """Nobody approves an invoice they entered."""


class NotSettled(BusinessError):
    """A difference that blocks payment is neither gone nor accepted."""


class NothingToApprove(BusinessError):
    """No invoice was named."""


class NothingToExport(BusinessError):
    """No invoice was named."""


class InvalidPaymentDay(BusinessError):
    """An invoice is not paid tomorrow, nor before it was written."""


class PaymentIsOrdered(BusinessError):
    """The bank has been told to pay it: that payment is taken back first."""


@transaction.atomic
def approve_invoice(*, invoice_id: int, at: datetime, by: User) -> SupplierInvoice:
    """Release one matched invoice for payment; all else as `approve_invoices` has it."""
    [invoice] = approve_invoices(invoice_ids=[invoice_id], at=at, by=by)
    return invoice


@transaction.atomic
def approve_invoices(
    *, invoice_ids: Collection[int], at: datetime, by: User
) -> list[SupplierInvoice]:
    """
    Release matched invoices for payment: they are posted in the ledger of buying, and their price
    differences reach the cost of the goods.

    All of them or none. Locks: the invoices, the receipt lines, then the CostPool rows.

    :raises NothingToApprove: no invoice was named.
    :raises WrongStatus: one is not matched.
    :raises OwnInvoice: the same person entered it.
    :raises NotSettled: a difference blocks it.
    :raises NoExchangeRate: its currency has no rate for its day.
    """
    invoices = list(SupplierInvoice.objects.for_update().filter(pk__in=list(invoice_ids)))
    if not invoices:
        msg = "Choose at least one invoice."
        raise NothingToApprove(msg)
    for invoice in invoices:
        check_move(invoice, Status.APPROVED)
        _require_somebody_else(invoice, by)
    _require_settled(invoices)
    for invoice in invoices:
        invoice.status, invoice.approved_at, invoice.approved_by = Status.APPROVED, at, by
    SupplierInvoice.objects.bulk_update(invoices, ["status", "approved_at", "approved_by"])
    post_invoices(invoices, at=at, by=by)
    note_steps(((invoice.pk, "") for invoice in invoices), Step.APPROVED, at=at, by=by)
    return invoices


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

    content = payables_csv(invoices, payable_facts(invoices))
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
    owe_export(export, at=at)
    number = export.number
    note_steps(((invoice.pk, number) for invoice in invoices), Step.EXPORTED, at=at, by=by)
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
    note_step(invoice.pk, Step.PAID, text=f"Paid on {paid_on}.", at=at, by=by)
    return invoice


@transaction.atomic
def void_invoice(*, invoice_id: int, reason: str, at: datetime, by: User | None) -> SupplierInvoice:
    """
    End an invoice that should not have been entered; the units it was matched to are free again.

    Other open bills of the same articles are worked out anew, and what an approved one added to
    the cost of goods is corrected back.
    Locks: as `match_invoice`, then the CostPool rows.

    :raises WrongStatus: it was exported, or is void already.
    :raises PaymentIsOrdered: a payment file that was not taken back pays it.
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
    _require_not_ordered(invoice)
    resolve_open(invoice, at=at)
    was_approved = invoice.status == Status.APPROVED
    invoice.status, invoice.void_reason = Status.VOID, reason.strip()
    invoice.voided_at, invoice.voided_by = at, by
    invoice.save(update_fields=["status", "void_reason", "voided_at", "voided_by"])
    note_step(invoice.pk, Step.VOIDED, text=invoice.void_reason, at=at, by=by)
    if was_approved:
        post_invoice_voided(invoice, at=at, by=by)
    work_out(pool, at=at)
    return invoice


def _require_somebody_else(invoice: SupplierInvoice, by: User) -> None:
    if invoice.captured_by_id == by.pk:
        msg = f"{invoice} was entered by you: somebody else has to approve it."
        raise OwnInvoice(msg, invoice=invoice.number)


def _require_settled(invoices: Collection[SupplierInvoice]) -> None:
    blocking: dict[int, list[str]] = defaultdict(list)
    for row in latest_exceptions([invoice.pk for invoice in invoices]).values():
        if is_blocking(row):
            blocking[row.invoice_id].append(named(row))
    for invoice in invoices:
        if names := blocking.get(invoice.pk):
            msg = f"{invoice} cannot be paid yet, something does not agree: {', '.join(names)}."
            raise NotSettled(msg, invoice=invoice.number, differences=names)


def _require_not_ordered(invoice: SupplierInvoice) -> None:
    item = (
        PaymentItem.objects.filter(invoice=invoice, is_cancelled=False)
        .select_related("transfer__batch")
        .first()
    )
    if item is not None:
        msg = f"The bank is told to pay {invoice} by {item.transfer.batch}: take that back first."
        raise PaymentIsOrdered(msg, invoice=invoice.number)


def _lock(invoice_id: int) -> SupplierInvoice:
    return SupplierInvoice.objects.for_update().get(pk=invoice_id)
