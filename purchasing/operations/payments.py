"""Telling the bank to pay suppliers: one file, one transfer to each, every invoice once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import connection, transaction

from purchasing.models import (
    InvoiceStep,
    PaymentBatch,
    PaymentItem,
    PaymentTransfer,
    Supplier,
    SupplierInvoice,
)
from purchasing.operations.ending import MissingReason
from purchasing.operations.handing_over import owe_batch, withdraw_batch
from purchasing.operations.payables import PaymentIsOrdered
from purchasing.operations.steps import note_steps
from purchasing.payables_file import sign_of
from purchasing.sepa import (
    CURRENCY,
    LONGEST_NAME,
    BankAccount,
    Transfer,
    bank_text,
    payment_file,
    remittance_text,
    valid_bic,
    valid_iban,
)
from purchasing.terms import early_discount
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.money import ZERO, display, round_amount
from retail.common.numbering import FIRST_NUMBER
from retail.common.status import check_move

Status = SupplierInvoice.Status
PAYABLE = frozenset({Status.APPROVED, Status.EXPORTED})
LONGEST_AHEAD = timedelta(days=366)
FRIDAY = 4


class PaymentNotSetUp(BusinessError):
    """Our own name or account for payments is missing or wrong in the settings."""


class NoBankAccount(BusinessError):
    """The supplier's account is not on file, or no bank knows one like it."""


class CannotBePaidInEuro(BusinessError):
    """The invoice is in another currency than payment files are made in."""


class NothingToPay(BusinessError):
    """No invoice was named, or nothing of it is left to be paid."""


class CreditExceeds(BusinessError):
    """A supplier's credit notes come to as much as the invoices, or more."""


class InvalidExecutionDay(BusinessError):
    """Banks pay on no weekend, not in the past and not in a year."""


@dataclass(frozen=True)
class PlannedItem:
    """amount: what the transfer holds of the document, signed; discount: what is not paid of it."""

    invoice: SupplierInvoice
    amount: Decimal
    discount: Decimal


@dataclass(frozen=True)
class PlannedTransfer:
    """What one supplier gets, at the account on file, and what they read beside it."""

    supplier: Supplier
    account: BankAccount
    items: Sequence[PlannedItem]
    remittance: str

    @property
    def amount(self) -> Decimal:
        return sum((item.amount for item in self.items), ZERO)

    @property
    def discount(self) -> Decimal:
        return sum((sign_of(item.invoice) * item.discount for item in self.items), ZERO)


@dataclass(frozen=True)
class PaymentPlan:
    """What a payment file would order, in euro."""

    execution_on: date
    debtor: BankAccount
    transfers: Sequence[PlannedTransfer]

    @property
    def total(self) -> Decimal:
        return sum((transfer.amount for transfer in self.transfers), ZERO)

    @property
    def discount(self) -> Decimal:
        return sum((transfer.discount for transfer in self.transfers), ZERO)


def plan_payments(*, invoice_ids: Collection[int], execution_on: date, at: datetime) -> PaymentPlan:
    """Return what `make_payment_batch` would order; refusals as there. Changes nothing."""
    invoices = SupplierInvoice.objects.filter(pk__in=list(invoice_ids)).order_by("pk")
    return _plan(list(invoices.select_related("supplier")), execution_on=execution_on, at=at)


@transaction.atomic
def make_payment_batch(
    *,
    invoice_ids: Collection[int],
    execution_on: date,
    key: str,
    at: datetime,
    by: User | None,
) -> PaymentBatch:
    """
    Order the bank to pay invoices, less credit notes, by a file that never changes.

    Each supplier gets one transfer, to the account on file and never to one that a document asks
    for. What early payment takes off is taken off when the bank pays within the days of the terms;
    off credit notes too, where it is taken off an invoice of the same supplier.
    key: of this act; a second call with it returns the first batch and changes nothing.
    Locks: the invoices.

    :raises PaymentNotSetUp: our name, IBAN or BIC is missing in the settings, or wrong.
    :raises InvalidExecutionDay: the day is over, a weekend or more than a year ahead.
    :raises NothingToPay: no invoice was named, or nothing of one is left to be paid.
    :raises WrongStatus: one is neither approved nor exported.
    :raises PaymentIsOrdered: another batch that was not taken back pays one.
    :raises CannotBePaidInEuro: one is in another currency.
    :raises NoBankAccount: a supplier has no IBAN, or a wrong one.
    :raises CreditExceeds: a supplier's credit notes leave nothing to be paid.
    """
    invoices = list(
        SupplierInvoice.objects.for_update()
        .filter(pk__in=list(invoice_ids))
        .select_related("supplier")
    )
    if earlier := PaymentBatch.objects.filter(key=key).first():
        return earlier
    plan = _plan(invoices, execution_on=execution_on, at=at)
    batch = _store(plan, key=key, at=at, by=by)
    owe_batch(batch, at=at)
    ordered = InvoiceStep.Kind.PAYMENT_ORDERED
    told = f"{batch.number}, to be paid on {execution_on}."
    note_steps(((invoice.pk, told) for invoice in invoices), ordered, at=at, by=by)
    return batch


@transaction.atomic
def cancel_payment_batch(
    *, batch_id: int, reason: str, at: datetime, by: User | None
) -> PaymentBatch:
    """
    Take back a payment file that the bank did not carry out; its invoices may be paid by another.

    Locks: the batch, then its invoices, then its handover.

    :raises WrongStatus: it was taken back before, or one of its invoices is paid.
    :raises MissingReason: the reason is empty.
    """
    batch = PaymentBatch.objects.for_update().get(pk=batch_id)
    check_move(batch, PaymentBatch.Status.CANCELLED)
    if not reason.strip():
        msg = "Say why: the reason is kept with the payment file."
        raise MissingReason(msg, batch=batch.number)
    items = PaymentItem.objects.filter(transfer__batch=batch)
    invoices = list(
        SupplierInvoice.objects.for_update().filter(
            pk__in=list(items.values_list("invoice", flat=True))
        )
    )
    if paid := [str(invoice) for invoice in invoices if invoice.status == Status.PAID]:
        msg = f"{batch} cannot be taken back: {_listed(paid)} is paid."
        raise WrongStatus(msg, batch=batch.number, paid=paid)
    batch.status, batch.cancel_reason = PaymentBatch.Status.CANCELLED, reason.strip()
    batch.cancelled_at, batch.cancelled_by = at, by
    batch.save(update_fields=["status", "cancel_reason", "cancelled_at", "cancelled_by"])
    items.update(is_cancelled=True)
    withdraw_batch(batch)
    cancelled = InvoiceStep.Kind.PAYMENT_CANCELLED
    told = f"{batch.number}: {batch.cancel_reason}"
    note_steps(((invoice.pk, told) for invoice in invoices), cancelled, at=at, by=by)
    return batch


def _plan(invoices: Sequence[SupplierInvoice], *, execution_on: date, at: datetime) -> PaymentPlan:
    """Work out the transfers of a batch, by supplier in the order of their names."""
    debtor = _debtor()
    _require_day(execution_on, at.date())
    if not invoices:
        msg = "Choose at least one invoice to be paid."
        raise NothingToPay(msg)
    _require_payable(invoices)
    by_supplier: dict[Supplier, list[SupplierInvoice]] = {}
    for invoice in invoices:
        by_supplier.setdefault(invoice.supplier, []).append(invoice)
    return PaymentPlan(
        execution_on=execution_on,
        debtor=debtor,
        transfers=[
            _planned(supplier, by_supplier[supplier], execution_on)
            for supplier in sorted(by_supplier, key=lambda each: (each.name, each.pk))
        ],
    )


def _debtor() -> BankAccount:
    ours = {
        "RETAIL_SHOP_NAME": bank_text(settings.RETAIL_SHOP_NAME, LONGEST_NAME),
        "RETAIL_IBAN": valid_iban(settings.RETAIL_IBAN),
        "RETAIL_BIC": valid_bic(settings.RETAIL_BIC),
    }
    if missing := [name for name, value in ours.items() if not value]:
        msg = f"Payments are not set up: {_listed(missing)} is missing in the settings, or wrong."
        raise PaymentNotSetUp(msg, settings=missing)
    name, iban, bic = ours.values()
    return BankAccount(name, iban, bic)


def _require_day(day: date, today: date) -> None:
    if not today <= day <= today + LONGEST_AHEAD:
        msg = f"The bank cannot pay on {day}: choose today or a day of the coming year."
        raise InvalidExecutionDay(msg, execution_on=day.isoformat())
    if day.weekday() > FRIDAY:
        msg = f"{day} is a {day:%A}, on which banks do not pay."
        raise InvalidExecutionDay(msg, execution_on=day.isoformat())


def _require_payable(invoices: Sequence[SupplierInvoice]) -> None:
    ordered = dict(
        PaymentItem.objects.filter(invoice__in=invoices, is_cancelled=False).values_list(
            "invoice", "transfer__batch__number"
        )
    )
    for invoice in invoices:
        if invoice.status not in PAYABLE:
            label = invoice.get_status_display().lower()
            msg = f"{invoice} is {label}: only what is approved is paid."
            raise WrongStatus(msg, invoice=invoice.number, status=invoice.status)
        if batch := ordered.get(invoice.pk):
            msg = f"The bank is told to pay {invoice} by {batch} already."
            raise PaymentIsOrdered(msg, invoice=invoice.number, batch=batch)
        if invoice.currency != CURRENCY:
            msg = f"{invoice} is in {invoice.currency}: payment files are in {CURRENCY} only."
            raise CannotBePaidInEuro(msg, invoice=invoice.number, currency=invoice.currency)
        if not invoice.payable:
            msg = f"Nothing of {invoice} is left to be paid: note it as paid instead."
            raise NothingToPay(msg, invoice=invoice.number)


def _planned(
    supplier: Supplier, invoices: Sequence[SupplierInvoice], execution_on: date
) -> PlannedTransfer:
    account = BankAccount(
        bank_text(supplier.name, LONGEST_NAME), valid_iban(supplier.iban), valid_bic(supplier.bic)
    )
    if not account.iban or (supplier.bic and not account.bic):
        what = "a valid IBAN" if not account.iban else "a valid BIC"
        msg = f"{supplier} has no {what.removeprefix('a ')} on file."
        raise NoBankAccount(msg, supplier=supplier.code)
    transfer = PlannedTransfer(
        supplier=supplier,
        account=account,
        items=_items(invoices, execution_on),
        remittance=remittance_text([_reference(invoice) for invoice in invoices]),
    )
    if transfer.amount <= 0:
        over = display(-transfer.amount, CURRENCY)
        msg = f"The credit notes of {supplier} leave nothing to be paid; they come to {over} more."
        raise CreditExceeds(msg, supplier=supplier.code)
    return transfer


def _items(invoices: Sequence[SupplierInvoice], execution_on: date) -> list[PlannedItem]:
    discounts = {invoice.pk: early_discount(invoice, execution_on) for invoice in invoices}
    is_taken = any(discounts[invoice.pk] for invoice in invoices if sign_of(invoice) > 0)
    items = []
    for invoice in invoices:
        discount = discounts[invoice.pk] if is_taken else ZERO
        amount = sign_of(invoice) * (round_amount(invoice.payable, CURRENCY) - discount)
        items.append(PlannedItem(invoice, amount, discount))
    return items


def _reference(invoice: SupplierInvoice) -> str:
    """Return what the supplier knows the document by: its number, and what they want named."""
    number, wanted = invoice.supplier_number, invoice.payment_reference
    named = f"{number} {wanted}" if wanted and number not in wanted else wanted or number
    return f"less {named}" if sign_of(invoice) < 0 else named


def _store(plan: PaymentPlan, *, key: str, at: datetime, by: User | None) -> PaymentBatch:
    batch_id = _next_batch_id()
    number = f"PB-{FIRST_NUMBER + batch_id}"
    end_to_end_ids = [f"{number}-{place}" for place in range(1, len(plan.transfers) + 1)]
    content = payment_file(
        message_id=number,
        made_at=at,
        execution_on=plan.execution_on,
        debtor=plan.debtor,
        transfers=[
            Transfer(planned.account, planned.amount, end_to_end_id, planned.remittance)
            for planned, end_to_end_id in zip(plan.transfers, end_to_end_ids, strict=True)
        ],
    )
    batch = PaymentBatch.objects.create(
        pk=batch_id,
        key=key,
        execution_on=plan.execution_on,
        currency=CURRENCY,
        total=plan.total,
        content=content,
        sha256=hashlib.sha256(content.encode()).hexdigest(),
        made_at=at,
        made_by=by,
    )
    transfers = PaymentTransfer.objects.bulk_create(
        PaymentTransfer(
            batch=batch,
            supplier=planned.supplier,
            end_to_end_id=end_to_end_id,
            name=planned.account.name,
            iban=planned.account.iban,
            amount=planned.amount,
            remittance=planned.remittance,
        )
        for planned, end_to_end_id in zip(plan.transfers, end_to_end_ids, strict=True)
    )
    PaymentItem.objects.bulk_create(
        PaymentItem(
            transfer=transfer, invoice=item.invoice, amount=item.amount, discount=item.discount
        )
        for transfer, planned in zip(transfers, plan.transfers, strict=True)
        for item in planned.items
    )
    return batch


def _next_batch_id() -> int:
    """Take the next primary key: the file, which never changes, holds the number made of it."""
    table = PaymentBatch._meta.db_table  # noqa: SLF001 - Django's documented model API
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [table])
        [batch_id] = cursor.fetchone()
    return int(batch_id)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
