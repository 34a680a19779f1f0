"""Which documents a payment that the bank or the ledger tells of settles, if it fits them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from purchasing.models import (
    PaymentBatch,
    PaymentItem,
    PaymentNotice,
    PaymentTransfer,
    SupplierInvoice,
)
from purchasing.payables_file import sign_of
from purchasing.payment_rows import PaymentRow, numbers_in, our_numbers_in, transfers_in
from purchasing.terms import early_discount
from retail.common.money import ZERO, display, round_amount

Outcome = PaymentNotice.Outcome
Status = SupplierInvoice.Status
# A shorter number is too easily part of something else to be told by itself.
SHORTEST_NUMBER = 4
NAMED_AT_MOST = 5


@dataclass(frozen=True)
class Known:
    """
    What rows may be about, looked up beforehand.

    transfers: end-to-end id -> the transfer, its batch and items with it. numbered: our number ->
    document. printed: supplier's number, as numbers are compared -> documents. items: document ->
    what a payment file that stands says is paid of it.
    """

    transfers: Mapping[str, PaymentTransfer]
    numbered: Mapping[str, SupplierInvoice]
    printed: Mapping[str, Sequence[SupplierInvoice]]
    items: Mapping[int, PaymentItem]


@dataclass(frozen=True)
class Settled:
    """A document, and the part of the payment that is for it, without sign for credit notes too."""

    invoice: SupplierInvoice
    amount: Decimal


@dataclass(frozen=True)
class Judgment:
    """What comes of a row. settled: for PAID; invoice: what it is about, where that is one."""

    row: PaymentRow
    outcome: Outcome
    message: str = ""
    settled: tuple[Settled, ...] = ()
    invoice: SupplierInvoice | None = None


@dataclass(frozen=True)
class _Means:
    """What a row means: documents, or why that cannot be said."""

    invoices: tuple[SupplierInvoice, ...] = ()
    message: str = ""


def judge_payments(rows: Iterable[PaymentRow], known: Known, *, today: date) -> list[Judgment]:
    """Say of each row what comes of it, one after the other: what one pays the next finds paid."""
    paid: set[int] = set()
    judgments = []
    for row in rows:
        judgment = _judge(row, known, paid, today)
        paid.update(settled.invoice.pk for settled in judgment.settled)
        judgments.append(judgment)
    return judgments


def _judge(row: PaymentRow, known: Known, paid: set[int], today: date) -> Judgment:
    if row.fault or row.paid_on is None or row.amount is None:
        return Judgment(row, Outcome.UNREADABLE, row.fault)
    if row.paid_on > today:
        return Judgment(row, Outcome.UNREADABLE, f"{row.paid_on} lies ahead.")
    means = _meant(row, known)
    if not means.invoices:
        return Judgment(row, Outcome.UNKNOWN, means.message)
    only = means.invoices[0] if len(means.invoices) == 1 else None
    outcome, message = _hindrance(row, row.paid_on, means.invoices, paid)
    if outcome is not None:
        return Judgment(row, outcome, message, invoice=only)
    settled = _fitting(row.amount, row.paid_on, means.invoices, known)
    if not settled:
        return Judgment(
            row, Outcome.OTHER_AMOUNT, _other_amount(row.amount, means.invoices), invoice=only
        )
    return Judgment(row, Outcome.PAID, settled=settled, invoice=only)


def _meant(row: PaymentRow, known: Known) -> _Means:
    """Tell by the transfer's id, then by our numbers, then by the suppliers' numbers."""
    for end_to_end_id in transfers_in(row.about):
        if transfer := known.transfers.get(end_to_end_id):
            if transfer.batch.status != PaymentBatch.Status.MADE:
                told = f"{transfer.batch} was taken back, yet {end_to_end_id} was paid."
                return _Means(message=told)
            return _Means(tuple(item.invoice for item in transfer.items.all()))
    ours = [known.numbered.get(number) for number in our_numbers_in(row.about)]
    if numbered := tuple(invoice for invoice in ours if invoice is not None):
        return _Means(numbered)
    return _by_printed_number(row, known)


def _by_printed_number(row: PaymentRow, known: Known) -> _Means:
    """Take the documents whose number stands there: of those that fit the amount the only one."""
    named = {
        invoice.pk: invoice
        for number in dict.fromkeys(numbers_in(row.about))
        for invoice in known.printed.get(number, ())
    }
    fitting = [
        invoice
        for invoice in named.values()
        if row.amount is not None
        and row.paid_on is not None
        and invoice.currency == row.currency
        and _fitting(row.amount, row.paid_on, (invoice,), known)
    ]
    long_enough = [
        invoice for invoice in named.values() if len(invoice.number_normalised) >= SHORTEST_NUMBER
    ]
    for candidates in (fitting, long_enough):
        of_payee = [each for each in candidates if _is_of(each, row.counterparty)]
        for some in (candidates, of_payee):
            if len(some) == 1:
                return _Means((some[0],))
    # One payment for several documents of a supplier, each of them named.
    if len({invoice.supplier_id for invoice in long_enough}) == 1:
        return _Means(tuple(long_enough))
    if long_enough or fitting:
        return _Means(message=f"It may be for any of {_listed(long_enough or fitting)}.")
    return _Means()


def _is_of(invoice: SupplierInvoice, counterparty: str) -> bool:
    return bool(counterparty) and (
        invoice.supplier.name.casefold() in counterparty.casefold()
        or counterparty.casefold() in invoice.supplier.name.casefold()
    )


def _hindrance(
    row: PaymentRow, paid_on: date, invoices: Sequence[SupplierInvoice], paid: set[int]
) -> tuple[Outcome | None, str]:
    """Return why the documents cannot be noted as paid by this row, whatever the amount."""
    done = [each for each in invoices if each.status == Status.PAID or each.pk in paid]
    if done:
        waiting = [each for each in invoices if each not in done]
        still = f" {_listed(waiting)} still waits." if waiting else ""
        return Outcome.PAID_BEFORE, f"{_listed(done)} was paid already.{still}"
    if unready := [each for each in invoices if each.status != Status.EXPORTED]:
        return Outcome.NOT_EXPORTED, f"{_listed(unready)} was not handed to accounting yet."
    if foreign := [each for each in invoices if each.currency != row.currency]:
        expected = foreign[0].currency
        return Outcome.OTHER_AMOUNT, f"It is in {row.currency}, and billed was in {expected}."
    if later := [each for each in invoices if each.invoiced_on > paid_on]:
        return Outcome.UNREADABLE, f"{_listed(later)} was written after {paid_on}."
    return None, ""


def _fitting(
    amount: Decimal, paid_on: date, invoices: Sequence[SupplierInvoice], known: Known
) -> tuple[Settled, ...]:
    """Return what each document gets of an amount that is right to the cent; else nothing."""
    for shares in (
        [_ordered(invoice, known) for invoice in invoices],
        [round_amount(invoice.payable, invoice.currency) for invoice in invoices],
        [_less_discount(invoice, paid_on) for invoice in invoices],
    ):
        total = sum(
            (sign_of(invoice) * share for invoice, share in zip(invoices, shares, strict=True)),
            ZERO,
        )
        if total == amount:
            return tuple(map(Settled, invoices, shares))
    return ()


def _ordered(invoice: SupplierInvoice, known: Known) -> Decimal:
    item = known.items.get(invoice.pk)
    return round_amount(invoice.payable, invoice.currency) if item is None else abs(item.amount)


def _less_discount(invoice: SupplierInvoice, paid_on: date) -> Decimal:
    return round_amount(invoice.payable, invoice.currency) - early_discount(invoice, paid_on)


def _other_amount(amount: Decimal, invoices: Sequence[SupplierInvoice]) -> str:
    currency = invoices[0].currency
    expected = sum((sign_of(each) * each.payable for each in invoices), ZERO)
    return (
        f"{display(amount, currency)} instead of {display(expected, currency)} for"
        f" {_listed(invoices)}."
    )


def _listed(invoices: Sequence[SupplierInvoice]) -> str:
    names = [f"{each.number} ({each.supplier_number})" for each in invoices[:NAMED_AT_MOST]]
    more = f" and {len(invoices) - NAMED_AT_MOST} more" if len(invoices) > NAMED_AT_MOST else ""
    return f"{', '.join(names)}{more}"
