"""What people decide about differences on suppliers' documents, and who may decide how much."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from purchasing.models import (
    InvoiceStep,
    MatchAllocation,
    MatchException,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from purchasing.operations.ending import MissingReason
from purchasing.operations.findings import (
    NO_RATE,
    WAITING,
    due_day,
    key_of,
    latest_exceptions,
    named,
    refresh_statuses,
)
from purchasing.operations.pools import MATCHABLE
from purchasing.operations.steps import note_step, note_steps
from purchasing.queries.exceptions import decision_limit
from purchasing.tolerances import Limits
from retail.common.errors import BusinessError, NotAllowed, WrongStatus
from retail.common.models import User
from retail.common.money import display, display_rate

Status = MatchException.Status
DECISIONS = WAITING | {Status.ACCEPTED}
EVERY_ROLE = "purchasing.decide_any_matchexception"


class AlreadyDecided(BusinessError):
    """Somebody decided before, or the difference went away by itself."""


class OwnDocument(NotAllowed):
    """Nobody decides about an order they raised or an invoice they entered."""


class NotYourDecision(NotAllowed):
    """The difference is for people of another role to find out."""


class OverLimit(NotAllowed):
    """Accepting it costs more than the person may accept; `limit` and `amount` say how much."""


class UnknownStake(NotAllowed):
    """Without an exchange rate nobody can tell whether it is within the person's limit."""


class UnknownDecision(BusinessError):
    """There is no such decision about a difference."""


@dataclass(frozen=True)
class Decision:
    """What is decided about one difference: a status that is no end by itself, and why."""

    exception_id: int
    decision: str
    reason: str


def decide_exception(
    *, exception_id: int, decision: str, reason: str, at: datetime, by: User
) -> MatchException:
    """
    Decide about one difference; with none left that blocks, the invoice moves on.

    ACCEPTED is paid. Payment waits while a credit is asked for (CREDIT_ASKED), the order
    (ORDER_WRONG) or the receipt (RECEIPT_WRONG) is to be corrected, or it is DISPUTED: until
    matching finds that it has been made up for, or it is reconsidered.
    Locks: the invoice, then the exception.

    :raises UnknownDecision, MissingReason, AlreadyDecided, WrongStatus: nothing is decided.
    :raises OwnDocument: by raised the order or entered the invoice.
    :raises NotYourDecision: it is for people of another role.
    :raises OverLimit, UnknownStake: it costs more than this person may accept, or may do so.
    """
    [decided] = decide_exceptions(
        decisions=[Decision(exception_id=exception_id, decision=decision, reason=reason)],
        at=at,
        by=by,
    )
    return decided


@transaction.atomic
def decide_exceptions(
    *, decisions: Sequence[Decision], at: datetime, by: User
) -> list[MatchException]:
    """
    Decide about several differences, all or none; otherwise as `decide_exception`.

    Locks: the invoices, then the exceptions, each by primary key.
    """
    for one in decisions:
        _require_complete(one)
    rows, invoices = _lock([one.exception_id for one in decisions])
    person = _Person.of(by)
    raisers = _raisers(invoices)
    decided = []
    for one in decisions:
        row = rows[one.exception_id]
        invoice = invoices[row.invoice_id]
        _require_open(row, invoice)
        if by.pk in {invoice.captured_by_id, row.order_raised_by_id, *raisers[_place(row)]}:
            msg = "You raised the order or entered the invoice: somebody else has to decide."
            raise OwnDocument(msg, exception=row.pk)
        person.require_role_for(row)
        if one.decision == Status.ACCEPTED:
            person.require_within_limit(row, invoice)
        else:
            # Also what was only said: whoever asks for something does not pay before.
            row.is_blocking = True
        row.status, row.reason = one.decision, one.reason.strip()
        row.decided_at, row.decided_by = at, by
        decided.append(row)
    _keep_earlier_days(decided, invoices)
    MatchException.objects.bulk_update(
        decided, ["status", "reason", "is_blocking", "decided_at", "decided_by"]
    )
    note_steps(
        [(row.invoice_id, _text(row)) for row in decided], InvoiceStep.Kind.DECIDED, at=at, by=by
    )
    _refresh(invoices.values(), at=at)
    return decided


@transaction.atomic
def reconsider_exception(*, exception_id: int, at: datetime, by: User) -> MatchException:
    """
    Open a difference again that waits to be made up for: that will not happen, or did elsewhere.

    The decision stays on record; a new exception waits for a decision. Returns the new one.
    Locks: the invoice, then the exception.

    :raises WrongStatus: it does not wait, another row has taken its place, or the bill moved on.
    :raises NotYourDecision: it is for people of another role.
    """
    rows, invoices = _lock([exception_id])
    row = rows[exception_id]
    invoice = invoices[row.invoice_id]
    is_latest = latest_exceptions([invoice.pk]).get(key_of(row)) == row
    if not is_latest or row.status not in WAITING or invoice.status not in MATCHABLE:
        msg = f"{row} of {invoice} does not wait for a correction or a credit."
        raise WrongStatus(msg, status=row.status)
    _Person.of(by).require_role_for(row)
    days = int(row.tolerance.get("exception_days") or Limits.exception_days)
    again = MatchException.objects.create(
        invoice=invoice,
        invoice_line_id=row.invoice_line_id,
        kind=row.kind,
        subject=row.subject,
        detail=row.detail,
        is_blocking=row.is_blocking,
        expected=row.expected,
        actual=row.actual,
        at_stake=row.at_stake,
        tolerance=row.tolerance,
        owner=row.owner,
        due_on=due_day(invoice, days=days, at=at),
        raised_at=at,
        order_raised_by_id=row.order_raised_by_id,
    )
    text = f"{named(row)}: no longer “{row.get_status_display().lower()}”, to be decided again."
    note_step(invoice.pk, InvoiceStep.Kind.RECONSIDERED, text=text, at=at, by=by)
    _refresh([invoice], at=at)
    return again


@dataclass(frozen=True)
class _Person:
    """What a person may decide."""

    roles: frozenset[str]
    may_decide_all: bool
    limit: Decimal | None

    @classmethod
    def of(cls, user: User) -> _Person:
        return cls(
            roles=frozenset(user.groups.values_list("name", flat=True)),
            may_decide_all=user.has_perm(EVERY_ROLE),
            limit=decision_limit(user),
        )

    def require_role_for(self, row: MatchException) -> None:
        if not self.may_decide_all and row.owner not in self.roles:
            msg = f"{row} is for the {row.get_owner_display().lower()} to decide."
            raise NotYourDecision(msg, exception=row.pk, owner=row.owner)

    def require_within_limit(self, row: MatchException, invoice: SupplierInvoice) -> None:
        if self.limit is None:
            return
        no_rate = NO_RATE.format(currency=invoice.currency, day=invoice.invoiced_on)
        if no_rate in row.detail:
            msg = f"{no_rate} Enter it and match again, or leave it to somebody without a limit."
            raise UnknownStake(msg, exception=row.pk)
        if row.at_stake > self.limit:
            currency = settings.RETAIL_CURRENCY
            msg = (
                f"Accepting this costs {display(row.at_stake, currency)}; you may accept up to "
                f"{display(self.limit, currency)}."
            )
            raise OverLimit(msg, exception=row.pk, limit=str(self.limit), amount=str(row.at_stake))


def _keep_earlier_days(
    decided: Sequence[MatchException], invoices: Mapping[int, SupplierInvoice]
) -> None:
    """Have bills paid by the day they ask for, where it was accepted that this is earlier."""
    earlier = []
    for row in decided:
        invoice = invoices[row.invoice_id]
        is_accepted = row.kind == MatchException.Kind.TERMS and row.status == Status.ACCEPTED
        if is_accepted and invoice.stated_due_on:
            invoice.due_on = invoice.stated_due_on
            earlier.append(invoice)
    SupplierInvoice.objects.bulk_update(earlier, ["due_on"])


def _require_complete(one: Decision) -> None:
    if one.decision not in DECISIONS:
        known = ", ".join(Status(code).label.lower() for code in Status if code in DECISIONS)
        msg = f"“{one.decision}” is no decision; there are: {known}."
        raise UnknownDecision(msg, decision=one.decision)
    if not one.reason.strip():
        msg = "Say why: the reason is kept with the decision."
        raise MissingReason(msg, exception=one.exception_id)


def _lock(
    exception_ids: Collection[int],
) -> tuple[dict[int, MatchException], dict[int, SupplierInvoice]]:
    """
    Lock the invoices, then the exceptions.

    :raises MatchException.DoesNotExist: one of them.
    """
    asked = MatchException.objects.filter(pk__in=list(exception_ids))
    invoices = SupplierInvoice.objects.for_update().filter(
        pk__in=list(asked.values_list("invoice", flat=True))
    )
    of_id = {invoice.pk: invoice for invoice in invoices}
    rows = {
        row.pk: row
        for row in asked.select_related("invoice_line")
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    }
    if missing := sorted(set(exception_ids) - rows.keys()):
        msg = f"There is no exception {missing[0]}."
        raise MatchException.DoesNotExist(msg)
    return rows, of_id


def _require_open(row: MatchException, invoice: SupplierInvoice) -> None:
    if row.status != Status.OPEN:
        label = row.get_status_display().lower()
        msg = f"{row} of {invoice} is {label} already."
        raise AlreadyDecided(msg, exception=row.pk, status=row.status)
    if invoice.status not in MATCHABLE:
        label = invoice.get_status_display().lower()
        msg = f"{invoice} is {label}: nothing is decided about it any more."
        raise WrongStatus(msg, status=invoice.status)


def _place(row: MatchException) -> tuple[int, int | None]:
    return row.invoice_id, row.invoice_line_id


def _raisers(invoice_ids: Collection[int]) -> Mapping[tuple[int, int | None], set[int | None]]:
    """
    Return who raised the orders that a line belongs to, and those of the whole document.

    The keys are (invoice id, line id), and (invoice id, None) for the document.
    """
    matched = MatchAllocation.objects.filter(invoice_line__invoice__in=list(invoice_ids))
    assigned = SupplierInvoiceLine.objects.filter(
        invoice__in=list(invoice_ids), assigned_line__isnull=False
    )
    raisers: dict[tuple[int, int | None], set[int | None]] = defaultdict(set)
    for invoice_id, line_id, raised_by in [
        *matched.values_list(
            "invoice_line__invoice", "invoice_line", "order_line__order__raised_by"
        ).distinct(),
        *assigned.values_list("invoice", "pk", "assigned_line__order__raised_by"),
    ]:
        raisers[invoice_id, line_id].add(raised_by)
        raisers[invoice_id, None].add(raised_by)
    return raisers


def _text(row: MatchException) -> str:
    figures = (
        f"expected {display_rate(row.expected)}, billed {display_rate(row.actual)}"
        if row.expected != row.actual
        else row.detail
    )
    stake = f", {display(row.at_stake, settings.RETAIL_CURRENCY)} at stake" if row.at_stake else ""
    return f"{named(row)} ({figures}{stake}): {row.get_status_display().lower()}. {row.reason}"


def _refresh(invoices: Collection[SupplierInvoice], *, at: datetime) -> None:
    """What was never matched stays captured until matching has had its say."""
    refresh_statuses(
        [invoice for invoice in invoices if invoice.status != SupplierInvoice.Status.CAPTURED],
        at=at,
    )
