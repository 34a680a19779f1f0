"""Keeping what does not agree on an invoice, whose it is, and what it does to payment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone

from catalog.models import ExchangeRate
from purchasing.models import InvoiceStep, MatchException, SupplierInvoice, TolerancePolicy
from purchasing.operations.steps import note_steps, shortened
from purchasing.queries.rematching import asked_to_match
from purchasing.tolerances import Finding, Limits
from retail.common.among import among
from retail.common.money import ZERO, round_amount
from retail.common.status import check_move

Status = MatchException.Status
Kind = MatchException.Kind
Owner = MatchException.Owner
Key = tuple[int, int | None, str, str]

# What was decided and has not made up for the difference yet.
WAITING = frozenset(
    {Status.CREDIT_ASKED, Status.ORDER_WRONG, Status.RECEIPT_WRONG, Status.DISPUTED}
)
SETTLED = frozenset({Status.RESOLVED, Status.ACCEPTED})
# These are seen on the document alone, so matching does not test them again.
FOUND_AT_CAPTURE = frozenset(
    {
        *(Kind.UNIT, Kind.TAX, Kind.HEADER, Kind.RULE, Kind.ADDRESSEE, Kind.BANK_ACCOUNT),
        *(Kind.ALIKE, Kind.TERMS),
    }
)
OWNERS: Mapping[str, Owner] = {
    Kind.PRICE: Owner.BUYER,
    Kind.PRICE_TOTAL: Owner.BUYER,
    Kind.NO_ORDER: Owner.BUYER,
    Kind.SUPPLIER: Owner.BUYER,
    Kind.CURRENCY: Owner.BUYER,
    Kind.TERMS: Owner.BUYER,
    Kind.CHARGE: Owner.BUYER,
    Kind.NET_TOTAL: Owner.BUYER,
    Kind.DISCOUNT_TOTAL: Owner.BUYER,
    Kind.CHARGES_TOTAL: Owner.BUYER,
    Kind.TAX_TOTAL: Owner.BUYER,
    Kind.GRAND_TOTAL: Owner.BUYER,
    Kind.QUANTITY: Owner.WAREHOUSE,
    Kind.NOT_RECEIVED: Owner.WAREHOUSE,
    Kind.UNIT: Owner.WAREHOUSE,
    Kind.ROUNDING: Owner.ACCOUNTANT,
    Kind.TAX: Owner.ACCOUNTANT,
    Kind.HEADER: Owner.ACCOUNTANT,
    Kind.RULE: Owner.ACCOUNTANT,
    Kind.ADDRESSEE: Owner.ACCOUNTANT,
    Kind.BANK_ACCOUNT: Owner.ACCOUNTANT,
    Kind.ALIKE: Owner.ACCOUNTANT,
}
NO_RATE = "What is at stake is not known: no exchange rate of {currency} on {day}."
STILL_ASKED = "Still to be matched again with all its lines."
ROWS_PER_STATEMENT = 1000
NAMED_AT_MOST = 5


@dataclass(frozen=True)
class Found:
    """A finding with its document, the limits in force and who raised the order of its line."""

    invoice: SupplierInvoice
    finding: Finding
    limits: Limits
    order_raised_by_id: int | None = None

    @property
    def key(self) -> Key:
        finding = self.finding
        return self.invoice.pk, finding.invoice_line_id, finding.kind, finding.subject


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


def raise_findings(
    invoice: SupplierInvoice, findings: Iterable[Finding], *, limits: Limits, at: datetime
) -> None:
    """
    Keep what was found on a document when it was captured.

    What stands open or decided there already is brought up to date or left, as by
    `record_findings`; nothing is resolved.
    """
    found = [Found(invoice=invoice, finding=finding, limits=limits) for finding in findings]
    if found:
        _store(found, latest_exceptions([invoice.pk]), at=at)


def record_findings(
    found: Iterable[Found],
    *,
    tested_lines: Mapping[int, SupplierInvoice],
    tested_documents: Collection[SupplierInvoice] = (),
    at: datetime,
) -> set[int]:
    """
    Bring the exceptions of what was tested in step with what was found just now, in bulk.

    An open one is brought up to date, one that no longer holds is RESOLVED, by a row of its own
    where somebody had decided. What was decided is not raised again unless it has become worse;
    a wrong order or receipt is, as soon as its figures are others.
    tested_lines: invoice line id -> its invoice; tested_documents: those tested as a whole, too.
    All locked by the caller. Of two findings of the same line, kind and subject the last counts.
    Returns the invoices (ids) of which anything changed, for `refresh_statuses`.
    """
    wanted = {one.key: one for one in found}
    whole = {invoice.pk for invoice in tested_documents}
    latest = latest_exceptions({invoice.pk for invoice in tested_lines.values()} | whole)
    changed = _store(wanted.values(), latest, at=at)
    gone = [
        row
        for key, row in latest.items()
        if key not in wanted
        and row.kind not in FOUND_AT_CAPTURE
        and (
            row.invoice_line_id in tested_lines if row.invoice_line_id else row.invoice_id in whole
        )
    ]
    return changed | _resolve(gone, at=at)


def latest_exceptions(invoice_ids: Collection[int]) -> dict[Key, MatchException]:
    """Return for each document, line, kind and subject the row that counts: the youngest."""
    key = ("invoice", "invoice_line", "kind", "subject")
    rows = (
        MatchException.objects.filter(invoice__in=among(invoice_ids))
        .select_related("invoice_line")
        .order_by(*key, "-pk")
        .distinct(*key)
    )
    return {key_of(row): row for row in rows}


def key_of(row: MatchException) -> Key:
    return row.invoice_id, row.invoice_line_id, row.kind, row.subject


def is_blocking(row: MatchException) -> bool:
    """Tell whether payment waits for this row, if it is the youngest of its key."""
    return row.is_blocking and row.status not in SETTLED


def named(row: MatchException) -> str:
    """Return what a difference is about: “Charge Freight, line 3”."""
    what = f"{row.get_kind_display()} {row.subject}".strip()
    return f"{what}, {row.invoice_line}" if row.invoice_line else what


def due_day(invoice: SupplierInvoice, *, days: int, at: datetime) -> date:
    """Return by when a difference found at this moment is to be decided."""
    today = timezone.localdate(at)
    day = today + timedelta(days=days)
    # A bill that is due before is to be decided before; once that is past it is no help any more.
    return min(day, invoice.due_on) if invoice.due_on >= today else day


def refresh_statuses(
    invoices: Collection[SupplierInvoice],
    *,
    at: datetime,
    changed: Collection[int] = (),
    whole: Collection[int] = (),
) -> None:
    """
    Derive the status of open invoices from the exceptions that block them, and note it as a step.

    changed: ids of invoices whose step is written though their status stays. whole: ids of those
    that were matched with all their lines, which answers whoever asked to match them again.
    """
    asked = asked_to_match([invoice.pk for invoice in invoices])
    blocking: dict[int, list[MatchException]] = defaultdict(list)
    for row in latest_exceptions([invoice.pk for invoice in invoices]).values():
        if is_blocking(row):
            blocking[row.invoice_id].append(row)

    moved: dict[str, list[int]] = defaultdict(list)
    texts = []
    for invoice in invoices:
        status = _status(blocking[invoice.pk])
        if invoice.status != status:
            check_move(invoice, status)
            invoice.status = status
            moved[status].append(invoice.pk)
        elif invoice.pk not in changed and not (invoice.pk in asked and invoice.pk in whole):
            continue
        texts.append((invoice.pk, _outcome(invoice, blocking[invoice.pk])))
    for moved_to, invoice_ids in moved.items():
        SupplierInvoice.objects.filter(pk__in=invoice_ids).update(status=moved_to)
    note_steps(texts, InvoiceStep.Kind.MATCHED, at=at, by=None)
    # A step about some of its lines does not answer for all.
    still_asked = [pk for pk, _ in texts if pk in asked and pk not in whole]
    note_steps([(pk, STILL_ASKED) for pk in still_asked], InvoiceStep.Kind.NOTED, at=at, by=None)


def resolve_open(invoice: SupplierInvoice, *, at: datetime) -> None:
    """Close what is open on a document that counts no longer."""
    invoice.exceptions.filter(status=Status.OPEN).update(status=Status.RESOLVED, decided_at=at)


def _store(
    found: Collection[Found], latest: Mapping[Key, MatchException], *, at: datetime
) -> set[int]:
    """Raise what is new, bring up to date what is open; return the invoices concerned."""
    rates = _rates(found)
    changed, new = [], []
    for one in found:
        values = _values(one, rates)
        row = latest.get(one.key)
        if row is None or not _stands_for(row, one.finding):
            new.append(_row(one, values, at=at))
        elif row.status == Status.OPEN and any(
            getattr(row, name) != value for name, value in values.items()
        ):
            for name, value in values.items():
                setattr(row, name, value)
            row.tolerance = one.limits.snapshot()
            changed.append(row)
    MatchException.objects.bulk_update(
        changed,
        ["expected", "actual", "detail", "is_blocking", "at_stake", "tolerance"],
        batch_size=ROWS_PER_STATEMENT,
    )
    MatchException.objects.bulk_create(new, batch_size=ROWS_PER_STATEMENT)
    return {row.invoice_id for row in [*changed, *new]}


def _stands_for(row: MatchException, finding: Finding) -> bool:
    """Tell whether the finding needs no new row beside the youngest one of its key."""
    if row.status == Status.OPEN:
        return True
    if row.status in {Status.ORDER_WRONG, Status.RECEIPT_WRONG}:
        # Other figures: somebody corrected it, and it still does not agree.
        return (row.expected, row.actual) == (finding.expected, finding.actual)
    is_worse = abs(finding.actual - finding.expected) > abs(row.actual - row.expected)
    return row.status != Status.RESOLVED and not is_worse


def _values(one: Found, rates: Mapping[int, Decimal | None]) -> dict[str, object]:
    finding, invoice = one.finding, one.invoice
    rate = rates.get(invoice.pk, Decimal(1))
    detail = finding.detail
    if rate is None:
        no_rate = NO_RATE.format(currency=invoice.currency, day=invoice.invoiced_on)
        detail = f"{detail} {no_rate}".strip()
    return {
        "expected": finding.expected,
        "actual": finding.actual,
        "detail": shortened(detail),
        "is_blocking": finding.is_blocking,
        "at_stake": round_amount(finding.at_stake * (rate or ZERO), settings.RETAIL_CURRENCY),
    }


def _rates(found: Iterable[Found]) -> dict[int, Decimal | None]:
    """Return the rate of its day for each invoice in a foreign currency; None: none is known."""
    foreign = {
        one.invoice.pk
        for one in found
        if one.finding.at_stake and one.invoice.currency != settings.RETAIL_CURRENCY
    }
    if not foreign:
        return {}
    known = ExchangeRate.objects.filter(
        currency=OuterRef("currency"), valid_on__lte=OuterRef("invoiced_on")
    ).order_by("-valid_on")
    return dict(
        SupplierInvoice.objects.filter(pk__in=foreign).values_list(
            "pk", Subquery(known.values("rate")[:1])
        )
    )


def _row(one: Found, values: Mapping[str, object], *, at: datetime) -> MatchException:
    return MatchException(
        invoice=one.invoice,
        invoice_line_id=one.finding.invoice_line_id,
        kind=one.finding.kind,
        subject=one.finding.subject,
        tolerance=one.limits.snapshot(),
        owner=OWNERS[one.finding.kind],
        due_on=due_day(one.invoice, days=one.limits.exception_days, at=at),
        raised_at=at,
        order_raised_by_id=one.order_raised_by_id,
        **values,
    )


def _resolve(gone: Iterable[MatchException], *, at: datetime) -> set[int]:
    """End what no longer holds; return the invoices concerned."""
    went = [row for row in gone if row.status == Status.OPEN]
    MatchException.objects.filter(pk__in=[row.pk for row in went]).update(
        status=Status.RESOLVED, decided_at=at
    )
    ended = [row for row in gone if row.status in WAITING]
    MatchException.objects.bulk_create(
        [_resolution_of(row, at=at) for row in ended], batch_size=ROWS_PER_STATEMENT
    )
    return {row.invoice_id for row in [*went, *ended]}


def _resolution_of(decided: MatchException, *, at: datetime) -> MatchException:
    """What was decided is on record for good, so its end is a row of its own."""
    return MatchException(
        invoice_id=decided.invoice_id,
        invoice_line_id=decided.invoice_line_id,
        kind=decided.kind,
        subject=decided.subject,
        is_blocking=decided.is_blocking,
        expected=decided.expected,
        actual=decided.expected,
        tolerance=decided.tolerance,
        owner=decided.owner,
        status=Status.RESOLVED,
        raised_at=decided.raised_at,
        order_raised_by_id=decided.order_raised_by_id,
        decided_at=at,
    )


def _status(blocking: Sequence[MatchException]) -> SupplierInvoice.Status:
    if not blocking:
        return SupplierInvoice.Status.MATCHED
    is_only_waiting = all(
        row.status == Status.OPEN and row.kind == Kind.NOT_RECEIVED for row in blocking
    )
    return SupplierInvoice.Status.MATCHING if is_only_waiting else SupplierInvoice.Status.ON_HOLD


def _outcome(invoice: SupplierInvoice, blocking: Sequence[MatchException]) -> str:
    """Return what matching came to, with the first of what blocks."""
    if not blocking:
        return f"{invoice.get_status_display()}: nothing stands against payment."
    names = ", ".join(named(row) for row in blocking[:NAMED_AT_MOST])
    more = len(blocking) - NAMED_AT_MOST
    rest = f" and {more} more" if more > 0 else ""
    return f"{invoice.get_status_display()}: {names}{rest}."
