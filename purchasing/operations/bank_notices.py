"""Taking in what the bank or the ledger says was paid, line by line, each line once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from django.db import connection, models, transaction

from purchasing.models import (
    InvoiceStep,
    PaymentItem,
    PaymentNotice,
    PaymentTransfer,
    SupplierInvoice,
)
from purchasing.operations.steps import note_steps
from purchasing.payment_columns import Reading
from purchasing.payment_judging import Judgment, Known, judge_payments
from purchasing.payment_rows import (
    PaymentRow,
    numbers_in,
    our_numbers_in,
    read_payment_rows,
    transfers_in,
)
from retail.common.imports import finish_import, start_import
from retail.common.models import ImportRun, User
from retail.common.tabular import fingerprint

Outcome = PaymentNotice.Outcome
Status = SupplierInvoice.Status

KIND, PROFILE = "payments", "bank or ledger"
# Sets the advisory lock taken here apart from everybody else's.
STATEMENTS_LOCK = 0x50415944
LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class NoticePlan:
    """What a file of payments would do: `known` of its lines stood in an earlier one."""

    judgments: Sequence[Judgment]
    known: int

    def count(self, outcome: str) -> int:
        return sum(1 for judgment in self.judgments if judgment.outcome == outcome)

    def paid(self) -> dict[str, tuple[int, Decimal]]:
        """Return currency -> documents that would be noted as paid, and what the bank paid."""
        found: dict[str, tuple[int, Decimal]] = {}
        for judgment in self.judgments:
            if judgment.outcome == Outcome.PAID and judgment.row.amount is not None:
                count, amount = found.get(judgment.row.currency, (0, Decimal(0)))
                found[judgment.row.currency] = (
                    count + len(judgment.settled),
                    amount + judgment.row.amount,
                )
        return found


def plan_payment_notices(*, path: Path, reading: Reading, at: datetime) -> NoticePlan:
    """Return what `take_payment_notices` would do with a file. Changes nothing."""
    return _plan(read_payment_rows(path, reading), SupplierInvoice.objects.all(), at=at)


@transaction.atomic
def take_payment_notices(
    *, path: Path, file_name: str, reading: Reading, at: datetime, by: User | None
) -> ImportRun:
    """
    Keep what each line of a file says was paid, and note documents as paid where it fits them.

    A line belongs to documents by the id of a transfer (all that it pays), by our numbers, or by a
    supplier's number. Only what agrees to the cent with what is to be paid, less a discount for
    paying early, notes them as paid; everything else stays for a person to look at. A line that
    stood in an earlier file changes nothing.
    Locks: files of payments against each other, then the documents.

    :raises AlreadyImported: the same file was taken in before.
    :raises TooManyRows: as `read_payment_rows`, which see for more.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [STATEMENTS_LOCK])
    run = start_import(
        kind=KIND,
        profile=PROFILE,
        file_name=file_name,
        sha256=fingerprint(path),
        at=at,
        by=by,
    )
    rows = read_payment_rows(path, reading)
    plan = _plan(rows, SupplierInvoice.objects.for_update(), at=at)
    _store(plan.judgments, run, at=at, by=by)
    counts = Counter(judgment.outcome for judgment in plan.judgments)
    paid, unreadable = counts[Outcome.PAID], counts[Outcome.UNREADABLE]
    return finish_import(
        run=run,
        read=len(rows),
        imported=paid,
        refused=unreadable,
        skipped=len(rows) - paid - unreadable,
        report={"known": plan.known, **{str(name): count for name, count in counts.items()}},
        at=at,
    )


def _plan(
    rows: Sequence[PaymentRow], invoices: models.QuerySet[SupplierInvoice], *, at: datetime
) -> NoticePlan:
    stored = PaymentNotice.objects.filter(row_key__in=[row.key for row in rows])
    earlier = set(stored.values_list("row_key", flat=True))
    fresh = [row for row in rows if row.key not in earlier]
    known = _known(fresh, invoices)
    return NoticePlan(
        judgments=judge_payments(fresh, known, today=at.date()), known=len(rows) - len(fresh)
    )


def _known(rows: Collection[PaymentRow], invoices: models.QuerySet[SupplierInvoice]) -> Known:
    """Look up all that the rows may be about, in as many queries for a thousand rows as for one."""
    named = {end_to_end_id for row in rows for end_to_end_id in transfers_in(row.about)}
    found = PaymentTransfer.objects.filter(end_to_end_id__in=named)
    of_transfers = PaymentItem.objects.filter(transfer__in=found.values("pk"))
    numbers = {number for row in rows for number in numbers_in(row.about)}
    ours = {number for row in rows for number in our_numbers_in(row.about)}
    ids = {
        *of_transfers.values_list("invoice", flat=True),
        *SupplierInvoice.objects.filter(number__in=ours).values_list("pk", flat=True),
        *SupplierInvoice.objects.filter(number_normalised__in=numbers)
        .exclude(status=Status.VOID)
        .values_list("pk", flat=True),
    }
    by_id = {
        invoice.pk: invoice
        for invoice in invoices.filter(pk__in=ids).select_related("supplier").order_by("pk")
    }
    items = PaymentItem.objects.filter(invoice__in=ids, is_cancelled=False)
    printed: dict[str, list[SupplierInvoice]] = defaultdict(list)
    for invoice in by_id.values():
        if invoice.status != Status.VOID:
            printed[invoice.number_normalised].append(invoice)
    transfers = {
        transfer.end_to_end_id: transfer
        for transfer in found.select_related("batch").prefetch_related("items")
    }
    for transfer in transfers.values():
        for item in transfer.items.all():
            # As it was read under the lock.
            item.invoice = by_id[item.invoice_id]
    return Known(
        transfers=transfers,
        numbered={
            invoice.number: invoice
            for invoice in by_id.values()
            if invoice.number in ours and invoice.status != Status.VOID
        },
        printed=printed,
        items={item.invoice_id: item for item in items},
    )


def _store(judgments: Sequence[Judgment], run: ImportRun, *, at: datetime, by: User | None) -> None:
    PaymentNotice.objects.bulk_create(
        [notice for judgment in judgments for notice in _notices(judgment, run, at=at)],
        batch_size=2000,
    )
    paid, told = [], []
    for judgment in judgments:
        line = f"line {judgment.row.line_number} of {run.file_name}"
        for invoice in (settled.invoice for settled in judgment.settled):
            invoice.status, invoice.paid_by = Status.PAID, by
            invoice.paid_on = judgment.row.paid_on
            paid.append(invoice)
            told.append((invoice.pk, f"Paid on {invoice.paid_on}: {line}."))
    SupplierInvoice.objects.bulk_update(paid, ["status", "paid_on", "paid_by"], batch_size=2000)
    note_steps(told, InvoiceStep.Kind.PAID, at=at, by=by)


def _notices(judgment: Judgment, run: ImportRun, *, at: datetime) -> list[PaymentNotice]:
    """Return the notice of a line; one for each document that it pays, the first with its key."""
    row = judgment.row
    parts: list[tuple[SupplierInvoice | None, Decimal | None]] = [
        (settled.invoice, settled.amount) for settled in judgment.settled
    ] or [(judgment.invoice, row.amount)]
    of_several = f"Part of {row.amount} {row.currency}." if len(parts) > 1 else ""
    return [
        PaymentNotice(
            run=run,
            line_number=row.line_number,
            row_key=f"{row.key[:-4]}-{place:03}" if place else row.key,
            outcome=judgment.outcome,
            message=(judgment.message or of_several)[:LONGEST_MESSAGE],
            paid_on=row.paid_on,
            amount=amount,
            currency=row.currency,
            reference=row.about[:LONGEST_MESSAGE],
            counterparty=row.counterparty,
            invoice=invoice,
            noted_at=at,
        )
        for place, (invoice, amount) in enumerate(parts)
    ]
