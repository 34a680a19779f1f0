"""What is done to a supplier's invoice: decided, approved, paid, matched anew, voided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.http import HttpRequest
from django.utils import timezone

from purchasing import operations
from purchasing.admin.decision_words import DECISIONS
from purchasing.admin.invoice_assigning import ASSIGN
from purchasing.admin.payables import warnings_about
from purchasing.models import MatchException, SupplierInvoice
from retail.common import money
from retail.common.admin import Act, ActForm, LineTable

Status = SupplierInvoice.Status


class DecideAllForm(ActForm):
    """Every open difference of an invoice; those left alone stay open."""

    def __init__(self, *args: Any, document: SupplierInvoice, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self._open = list(
            document.exceptions.filter(status=MatchException.Status.OPEN)
            .select_related("invoice_line")
            .order_by("pk")
        )
        for exception in self._open:
            self.fields[f"decision_{exception.pk}"] = forms.ChoiceField(
                choices=(("", "Leave open"), *DECISIONS), required=False
            )
            self.fields[f"reason_{exception.pk}"] = forms.CharField(max_length=300, required=False)

    def line_table(self) -> LineTable:
        rows: list[Sequence[str | BoundField]] = [
            (
                exception.get_kind_display(),
                str(exception.invoice_line or "Document"),
                money.display_rate(exception.expected),
                money.display_rate(exception.actual),
                self[f"decision_{exception.pk}"],
                self[f"reason_{exception.pk}"],
            )
            for exception in self._open
        ]
        return LineTable(
            headings=("Difference", "Where", "Expected", "Billed", "Decision", "Why"), rows=rows
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["decisions"] = [
            (exception.pk, decision, cleaned.get(f"reason_{exception.pk}", ""))
            for exception in self._open
            if (decision := cleaned.get(f"decision_{exception.pk}"))
        ]
        for pk, _, reason in cleaned["decisions"]:
            if not reason:
                self.add_error(f"reason_{pk}", "Say why.")
        if not cleaned["decisions"]:
            self.add_error(None, "Decide at least one difference.")
        return cleaned


class PaymentForm(ActForm):
    paid_on = forms.DateField(label="Paid on", initial=timezone.localdate)


class VoidForm(ActForm):
    reason = forms.CharField(max_length=200)


def match(
    _request: HttpRequest, invoice: SupplierInvoice, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    matched = operations.match_invoice(invoice_id=invoice.pk, at=now)
    return f"{matched.number} is now: {matched.get_status_display().lower()}."


def decide_all(
    request: HttpRequest, invoice: SupplierInvoice, cleaned: Mapping[str, Any], now: datetime
) -> str:
    for exception_id, decision, reason in cleaned["decisions"]:
        operations.decide_exception(
            exception_id=exception_id, decision=decision, reason=reason, at=now, by=request.user
        )
    invoice.refresh_from_db(fields=["status"])
    return (
        f"{len(cleaned['decisions'])} decided; {invoice.number} is now: "
        f"{invoice.get_status_display().lower()}."
    )


def approve(
    request: HttpRequest, invoice: SupplierInvoice, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.approve_invoice(invoice_id=invoice.pk, at=now, by=request.user)
    return f"{invoice.number} is approved for payment."


def approve_consequences(invoice: SupplierInvoice) -> Sequence[str]:
    payable = money.display(invoice.payable, invoice.currency)
    return (
        *warnings_about([invoice]),
        f"{payable} will be paid to {invoice.supplier}, due {invoice.due_on}.",
        "What the goods cost more or less than ordered changes the stock value.",
        "What it was matched to cannot be changed any more.",
    )


def record_payment(
    request: HttpRequest, invoice: SupplierInvoice, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.record_payment(
        invoice_id=invoice.pk, paid_on=cleaned["paid_on"], at=now, by=request.user
    )
    return f"{invoice.number} was paid on {cleaned['paid_on']}."


def void(
    request: HttpRequest, invoice: SupplierInvoice, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.void_invoice(
        invoice_id=invoice.pk, reason=cleaned["reason"], at=now, by=request.user
    )
    return f"{invoice.number} is void."


def void_consequences(_invoice: SupplierInvoice) -> Sequence[str]:
    return (
        "The goods it was matched to count as not billed again.",
        "Other open invoices for the same articles are matched anew.",
        "Its number may be entered again.",
    )


def can_be_matched(invoice: SupplierInvoice) -> bool:
    return invoice.status in {Status.CAPTURED, Status.MATCHING, Status.ON_HOLD, Status.MATCHED}


def has_open_exceptions(invoice: SupplierInvoice) -> bool:
    return invoice.exceptions.filter(status=MatchException.Status.OPEN).exists()


def can_be_approved(invoice: SupplierInvoice) -> bool:
    return Status.APPROVED in invoice.NEXT[invoice.status]


def can_be_paid(invoice: SupplierInvoice) -> bool:
    return Status.PAID in invoice.NEXT[invoice.status]


def can_be_voided(invoice: SupplierInvoice) -> bool:
    return Status.VOID in invoice.NEXT[invoice.status]


INVOICE_ACTS = (
    Act(
        name="decide",
        label="Decide",
        permission="purchasing.decide_matchexception",
        perform=decide_all,
        form=DecideAllForm,
        is_offered=has_open_exceptions,
        consequences=lambda _invoice: (
            "Decisions are kept with your name and cannot be changed.",
            "An accepted difference is paid; a disputed one keeps the invoice on hold.",
        ),
        icon="gavel",
    ),
    Act(
        name="approve",
        label="Approve",
        permission="purchasing.approve_supplierinvoice",
        perform=approve,
        is_offered=can_be_approved,
        consequences=approve_consequences,
        icon="check",
    ),
    Act(
        name="record-payment",
        label="Record payment",
        permission="purchasing.pay_supplierinvoice",
        perform=record_payment,
        form=PaymentForm,
        is_offered=can_be_paid,
        icon="payments",
    ),
    Act(
        name="match",
        label="Match",
        permission="purchasing.match_supplierinvoice",
        perform=match,
        is_offered=can_be_matched,
        consequences=lambda _invoice: (
            "Its lines are set against orders and receipts as they are now.",
        ),
        icon="join_inner",
    ),
    ASSIGN,
    Act(
        name="void",
        label="Void",
        permission="purchasing.void_supplierinvoice",
        perform=void,
        form=VoidForm,
        is_offered=can_be_voided,
        consequences=void_consequences,
        is_dangerous=True,
        icon="block",
    ),
)
