"""Keeping what does not agree on an invoice, and what somebody decided about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from purchasing.models import MatchException, PurchaseOrder, SupplierInvoice, TolerancePolicy
from purchasing.operations.ending import MissingReason
from purchasing.tolerances import Finding, Limits
from retail.common.errors import BusinessError, NotAllowed, WrongStatus
from retail.common.models import User

Status = MatchException.Status
Key = tuple[int, int | None, str]


class AlreadyDecided(BusinessError):
    """Somebody decided before, or the difference went away by itself."""


class OwnDocument(NotAllowed):
    """Nobody decides about an order they raised or an invoice they entered."""


class UnknownDecision(BusinessError):
    """A difference is accepted or disputed, nothing else."""


def limits_for(supplier_id: int) -> Limits:
    """Return the supplier's limits, else the company's, else none at all."""
    policy = (
        TolerancePolicy.objects.filter(
            Q(supplier_id=supplier_id) | Q(supplier__isnull=True), variant__isnull=True
        )
        .order_by(F("supplier_id").asc(nulls_last=True))
        .first()
    )
    return Limits.of(policy)


@transaction.atomic
def decide_exception(
    *, exception_id: int, decision: str, reason: str, at: datetime, by: User
) -> MatchException:
    """
    Accept a difference, or dispute it with the supplier; with none left the invoice moves on.

    An accepted difference is paid. A disputed one keeps the invoice on hold until a credit note
    makes up for it or it is reconsidered.
    decision: ACCEPTED or DISPUTED.
    Locks: the invoice, then the exception.

    :raises OwnDocument: by raised the order or entered the invoice.
    :raises AlreadyDecided: nothing is open here any more; the first decision stands.
    :raises MissingReason: the reason is empty.
    :raises UnknownDecision: the decision is neither of the two.
    """
    if decision not in {Status.ACCEPTED, Status.DISPUTED}:
        msg = f"“{decision}” is no decision: accept the difference or dispute it."
        raise UnknownDecision(msg, decision=decision)
    if not reason.strip():
        msg = "Say why: the reason is kept with the decision."
        raise MissingReason(msg, exception=exception_id)
    exception, invoice = _lock(exception_id)
    if exception.status != Status.OPEN:
        label = exception.get_status_display().lower()
        msg = f"{exception} of {invoice} is {label} already."
        raise AlreadyDecided(msg, exception=exception.pk, status=exception.status)
    if by.pk in {invoice.captured_by_id, exception.order_raised_by_id, *_raisers(exception)}:
        msg = "You raised the order or entered the invoice: somebody else has to decide."
        raise OwnDocument(msg, exception=exception.pk)

    exception.status, exception.reason = decision, reason.strip()
    exception.decided_at, exception.decided_by = at, by
    exception.save(update_fields=["status", "reason", "decided_at", "decided_by"])
    if invoice.status != SupplierInvoice.Status.CAPTURED:
        refresh_statuses([invoice])
    return exception


@transaction.atomic
def reconsider_exception(*, exception_id: int, at: datetime) -> MatchException:
    """
    Open a disputed difference again, for the supplier insists or made up for it elsewhere.

    The dispute stays on record; a new exception waits for a decision. Returns the new one.

    :raises WrongStatus: it is not disputed, or another row has taken its place.
    """
    exception, invoice = _lock(exception_id)
    latest = _latest(invoice.exceptions.all())
    if latest[_key(exception)] != exception or exception.status != Status.DISPUTED:
        msg = f"{exception} of {invoice} is not disputed."
        raise WrongStatus(msg, status=exception.status)
    return MatchException.objects.create(
        invoice=invoice,
        invoice_line_id=exception.invoice_line_id,
        kind=exception.kind,
        expected=exception.expected,
        actual=exception.actual,
        tolerance=exception.tolerance,
        raised_at=at,
        order_raised_by_id=exception.order_raised_by_id,
    )


def record_findings(
    findings: Sequence[Finding],
    *,
    tested: Mapping[int, SupplierInvoice],
    limits: Limits,
    raisers: Mapping[int, int | None],
    at: datetime,
) -> None:
    """
    Bring the exceptions of the tested lines in step with what was found just now.

    An open one is brought up to date, one that no longer holds becomes RESOLVED, and what was
    accepted or disputed before is not raised again unless it has become worse.
    tested: invoice line id -> its invoice, locked by the caller. raisers: invoice line id -> who
    raised its order.
    """
    rows = MatchException.objects.filter(invoice_line_id__in=list(tested))
    latest = _latest(rows)
    found: dict[Key, Finding] = {
        (tested[finding.invoice_line_id].pk, finding.invoice_line_id, finding.kind): finding
        for finding in findings
        if finding.invoice_line_id is not None
    }
    changed, new = [], []
    for key, finding in found.items():
        row = latest.get(key)
        if row is None or not _stands_for(row, finding):
            new.append(_row(finding, key, limits=limits, raisers=raisers, at=at))
        elif row.status == Status.OPEN and (row.expected, row.actual) != (
            finding.expected,
            finding.actual,
        ):
            row.expected, row.actual = finding.expected, finding.actual
            row.tolerance = limits.snapshot()
            changed.append(row)

    for key, row in latest.items():
        if key not in found and row.status == Status.OPEN:
            row.status, row.decided_at = Status.RESOLVED, at
            changed.append(row)
        elif key not in found and row.status == Status.DISPUTED:
            new.append(_resolution_of(row, at=at))
    MatchException.objects.bulk_update(
        changed, ["expected", "actual", "tolerance", "status", "decided_at"]
    )
    MatchException.objects.bulk_create(new)


def refresh_statuses(invoices: Collection[SupplierInvoice]) -> None:
    """Derive the status of invoices that were matched from the exceptions that block them."""
    blocking: dict[int, list[MatchException]] = {invoice.pk: [] for invoice in invoices}
    rows = MatchException.objects.filter(invoice__in=list(invoices))
    for row in _latest(rows).values():
        if row.status in {Status.OPEN, Status.DISPUTED}:
            blocking[row.invoice_id].append(row)

    moved = []
    for invoice in invoices:
        status = _status(blocking[invoice.pk])
        if invoice.status != status:
            invoice.status = status
            moved.append(invoice)
    SupplierInvoice.objects.bulk_update(moved, ["status"])


def resolve_open(invoice: SupplierInvoice, *, at: datetime) -> None:
    """Close what is open on a document that counts no longer."""
    invoice.exceptions.filter(status=Status.OPEN).update(status=Status.RESOLVED, decided_at=at)


def _lock(exception_id: int) -> tuple[MatchException, SupplierInvoice]:
    invoice_id = MatchException.objects.values_list("invoice", flat=True).get(pk=exception_id)
    invoice = SupplierInvoice.objects.for_update().get(pk=invoice_id)
    exception = MatchException.objects.select_for_update(of=("self",), no_key=True).get(
        pk=exception_id
    )
    return exception, invoice


def _raisers(exception: MatchException) -> set[int]:
    """Return who raised the orders that the line, or the whole document, was matched to."""
    orders = PurchaseOrder.objects.all()
    if exception.invoice_line_id:
        orders = orders.filter(lines__matches__invoice_line=exception.invoice_line_id)
    else:
        orders = orders.filter(lines__matches__invoice_line__invoice=exception.invoice_id)
    return set(orders.exclude(raised_by=None).values_list("raised_by", flat=True))


def _key(row: MatchException) -> Key:
    return row.invoice_id, row.invoice_line_id, row.kind


def _latest(rows: Iterable[MatchException]) -> dict[Key, MatchException]:
    """Return for each line and kind the row that counts: the youngest."""
    return {_key(row): row for row in sorted(rows, key=lambda row: row.pk)}


def _stands_for(row: MatchException, finding: Finding) -> bool:
    """Tell whether the finding needs no new row: it is open, in dispute, or was accepted."""
    if row.status == Status.ACCEPTED:
        return abs(finding.actual - finding.expected) <= abs(row.actual - row.expected)
    return row.status in {Status.OPEN, Status.DISPUTED}


def _row(
    finding: Finding,
    key: Key,
    *,
    limits: Limits,
    raisers: Mapping[int, int | None],
    at: datetime,
) -> MatchException:
    invoice_id, line_id, kind = key
    return MatchException(
        invoice_id=invoice_id,
        invoice_line_id=line_id,
        kind=kind,
        expected=finding.expected,
        actual=finding.actual,
        tolerance=limits.snapshot(),
        raised_at=at,
        order_raised_by_id=None if line_id is None else raisers.get(line_id),
    )


def _resolution_of(dispute: MatchException, *, at: datetime) -> MatchException:
    """A dispute is on record for good, so its end is a row of its own."""
    return MatchException(
        invoice_id=dispute.invoice_id,
        invoice_line_id=dispute.invoice_line_id,
        kind=dispute.kind,
        expected=dispute.expected,
        actual=dispute.expected,
        tolerance=dispute.tolerance,
        status=Status.RESOLVED,
        raised_at=dispute.raised_at,
        order_raised_by_id=dispute.order_raised_by_id,
        decided_at=at,
    )


def _status(blocking: Collection[MatchException]) -> SupplierInvoice.Status:
    if not blocking:
        return SupplierInvoice.Status.MATCHED
    is_only_waiting = all(
        row.status == Status.OPEN and row.kind == MatchException.Kind.NOT_RECEIVED
        for row in blocking
    )
    return SupplierInvoice.Status.MATCHING if is_only_waiting else SupplierInvoice.Status.ON_HOLD
