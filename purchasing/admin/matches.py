"""What does not agree and what was decided, how far it may be off, and what was matched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest
from unfold.decorators import display

from purchasing import operations
from purchasing.models import MatchAllocation, MatchException, TolerancePolicy
from retail.common.admin import Act, ActForm, BaseAdmin, ViewOnlyAdmin
from retail.common.money import display_rate

Status = MatchException.Status
DECISIONS = ((Status.ACCEPTED, "Accept: pay it"), (Status.DISPUTED, "Dispute with the supplier"))
STATUS_COLORS = {"OPEN": "danger", "RESOLVED": "info", "ACCEPTED": "success", "DISPUTED": "warning"}


class DecisionForm(ActForm):
    """What is decided about one difference, and why."""

    decision = forms.ChoiceField(choices=DECISIONS)
    reason = forms.CharField(max_length=300)


def decide(
    request: HttpRequest, exception: MatchException, cleaned: Mapping[str, Any], now: datetime
) -> str:
    decided = operations.decide_exception(
        exception_id=exception.pk,
        decision=cleaned["decision"],
        reason=cleaned["reason"],
        at=now,
        by=request.user,
    )
    status = decided.get_status_display().lower()
    return f"{decided.get_kind_display()} of {exception.invoice}: {status}."


def decide_consequences(exception: MatchException) -> Sequence[str]:
    return (
        f"Expected {display_rate(exception.expected)}, billed {display_rate(exception.actual)}.",
        "The decision is kept with your name and cannot be changed.",
        "An accepted difference is paid; a disputed one keeps the invoice on hold.",
    )


def reconsider(
    request: HttpRequest, exception: MatchException, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.reconsider_exception(exception_id=exception.pk, at=now, by=request.user)
    return "The difference waits for a decision again."


def is_open(exception: MatchException) -> bool:
    return exception.status == Status.OPEN


def is_disputed(exception: MatchException) -> bool:
    return exception.status == Status.DISPUTED


@admin.register(MatchException)
class MatchExceptionAdmin(ViewOnlyAdmin):
    """What somebody has to look at before a bill is paid; what is open stands first."""

    acts = (
        Act(
            name="decide",
            label="Decide",
            permission="purchasing.decide_matchexception",
            perform=decide,
            form=DecisionForm,
            is_offered=is_open,
            consequences=decide_consequences,
            icon="gavel",
        ),
        Act(
            name="reconsider",
            label="Reconsider",
            permission="purchasing.decide_matchexception",
            perform=reconsider,
            is_offered=is_disputed,
            icon="undo",
        ),
    )
    list_display = (
        "kind",
        "shown_status",
        "invoice_number",
        "supplier",
        "expected",
        "actual",
        "due_on",
        "raised_at",
        "decided_by",
    )
    list_filter = ("status", "kind")
    list_select_related = ("invoice__supplier", "decided_by")
    search_fields = ("invoice__number", "invoice__supplier_number", "invoice__supplier__name")
    ordering = (F("decided_at").desc(nulls_first=True), "invoice__due_on", "pk")
    fields = (
        "invoice",
        "invoice_line",
        "kind",
        "status",
        "expected",
        "actual",
        "tolerance",
        "raised_at",
        "order_raised_by",
        "decided_at",
        "decided_by",
        "reason",
    )

    @display(description="Status", ordering="status", label=STATUS_COLORS)
    def shown_status(self, exception: MatchException) -> tuple[str, str]:
        return exception.status, exception.get_status_display()

    @display(description="Invoice", ordering="invoice__number")
    def invoice_number(self, exception: MatchException) -> str:
        return exception.invoice.number

    @display(description="Supplier", ordering="invoice__supplier__name")
    def supplier(self, exception: MatchException) -> str:
        return exception.invoice.supplier.name

    @display(description="Due", ordering="invoice__due_on")
    def due_on(self, exception: MatchException) -> Any:
        return exception.invoice.due_on


@admin.register(TolerancePolicy)
class TolerancePolicyAdmin(BaseAdmin):
    """How far a bill may be off before somebody must look; without a policy not at all."""

    is_deletable = True
    list_display = (
        "holds_for",
        "unit_price_percent",
        "total_percent",
        "total_amount",
        "quantity_percent",
    )
    list_select_related = ("supplier",)
    ordering = (F("supplier__name").asc(nulls_first=True), "pk")
    autocomplete_fields = ("supplier",)

    @display(description="Holds for", ordering="supplier__name")
    def holds_for(self, policy: TolerancePolicy) -> str:
        return (
            "Every supplier without a policy" if policy.supplier is None else str(policy.supplier)
        )


@admin.register(MatchAllocation)
class MatchAllocationAdmin(ViewOnlyAdmin):
    """Which units of which bill were set against which order line and delivery."""

    list_display = ("invoice", "order", "article", "receipt", "units", "matched_at")
    list_select_related = (
        "invoice_line__invoice",
        "order_line__order",
        "order_line__variant",
        "receipt_line__receipt",
    )
    search_fields = (
        "invoice_line__invoice__number",
        "order_line__order__number",
        "order_line__variant__sku",
    )

    @display(description="Invoice")
    def invoice(self, match: MatchAllocation) -> str:
        return f"{match.invoice_line.invoice.number} {match.invoice_line}"

    @display(description="Order")
    def order(self, match: MatchAllocation) -> str:
        return f"{match.order_line.order.number} {match.order_line}"

    @display(description="Article")
    def article(self, match: MatchAllocation) -> str:
        return match.order_line.variant.sku

    @display(description="Receipt", empty_value="waits for goods")
    def receipt(self, match: MatchAllocation) -> str | None:
        return match.receipt_line and match.receipt_line.receipt.number
