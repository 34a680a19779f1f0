"""What does not agree and what was decided, how far it may be off, and what was matched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from purchasing import operations, queries
from purchasing.admin.decision_words import CONSEQUENCES, DECISIONS
from purchasing.models import DecisionLimit, MatchAllocation, MatchException, TolerancePolicy
from retail.common import money
from retail.common.admin import Act, ActForm, BaseAdmin, ViewOnlyAdmin

Status = MatchException.Status
STATUS_COLORS = {
    "OPEN": "danger",
    "RESOLVED": "info",
    "ACCEPTED": "success",
    "CREDIT_ASKED": "warning",
    "ORDER_WRONG": "warning",
    "RECEIPT_WRONG": "warning",
    "DISPUTED": "warning",
}
AGES = (("3", "Older than three days"), ("7", "Older than a week"), ("30", "Older than a month"))


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
    figures = (
        f"Expected {money.display_rate(exception.expected)},"
        f" billed {money.display_rate(exception.actual)}."
        if exception.expected != exception.actual
        else ""
    )
    stake = (
        f"Accepting it costs {money.display(exception.at_stake, settings.RETAIL_CURRENCY)}."
        if exception.at_stake
        else ""
    )
    said = (figures, exception.detail, stake, *CONSEQUENCES.values())
    return (
        *(sentence for sentence in said if sentence),
        "The decision is kept with your name and cannot be changed.",
    )


def reconsider(
    request: HttpRequest, exception: MatchException, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.reconsider_exception(exception_id=exception.pk, at=now, by=request.user)
    return "The difference waits for a decision again."


def reconsider_consequences(exception: MatchException) -> Sequence[str]:
    waits_for = exception.get_status_display().lower()
    return (
        f"What was decided, “{waits_for}”, stays on record.",
        "The same difference is open again, for whoever it belongs to.",
    )


def is_open(exception: MatchException) -> bool:
    return exception.status == Status.OPEN


class AgeFilter(admin.SimpleListFilter):
    """How long ago a difference was found."""

    title = "age"
    parameter_name = "age"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return AGES

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[MatchException]
    ) -> QuerySet[MatchException]:
        days = self.value()
        if days not in dict(AGES):
            return queryset
        return queryset.filter(raised_at__lt=timezone.now() - timedelta(days=int(days)))


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
            is_offered=queries.is_waiting,
            consequences=reconsider_consequences,
            icon="undo",
        ),
    )
    list_display = (
        "shown_kind",
        "shown_status",
        "is_blocking",
        "owner",
        "due_on",
        "age",
        "at_stake",
        "invoice_number",
        "supplier",
        "expected",
        "actual",
        "decided_by",
    )
    list_filter = ("status", "is_blocking", "owner", AgeFilter, "kind")
    list_select_related = ("invoice__supplier", "invoice_line", "decided_by")
    search_fields = ("invoice__number", "invoice__supplier_number", "invoice__supplier__name")
    search_help_text = "Number of the document, ours or the supplier's, or the supplier."
    ordering = (F("decided_at").desc(nulls_first=True), "due_on", "pk")
    fields = (
        "invoice",
        "invoice_line",
        "kind",
        "subject",
        "detail",
        "status",
        "is_blocking",
        "owner",
        "due_on",
        "expected",
        "actual",
        "difference",
        "at_stake",
        "tolerance",
        "raised_at",
        "order_raised_by",
        "decided_at",
        "decided_by",
        "reason",
    )

    @display(description="Difference", ordering="kind")
    def shown_kind(self, exception: MatchException) -> str:
        kind = f"{exception.get_kind_display()} {exception.subject}".strip()
        line = exception.invoice_line
        return f"{kind}, {line}" if line else kind

    @display(description="Status", ordering="status", label=STATUS_COLORS)
    def shown_status(self, exception: MatchException) -> tuple[str, str]:
        return exception.status, exception.get_status_display()

    @display(description="Age", ordering="-raised_at")
    def age(self, exception: MatchException) -> str:
        until = exception.decided_at or timezone.now()
        days = (until - exception.raised_at).days
        return f"{days} day" if days == 1 else f"{days:,} days"

    @display(description="Invoice", ordering="invoice__number")
    def invoice_number(self, exception: MatchException) -> str:
        return exception.invoice.number

    @display(description="Supplier", ordering="invoice__supplier__name")
    def supplier(self, exception: MatchException) -> str:
        return exception.invoice.supplier.name


@admin.register(DecisionLimit)
class DecisionLimitAdmin(BaseAdmin):
    """
    Up to which amount the people of a role may accept what a bill costs more.

    A person has the highest limit of their roles; whose roles stand here with none has no limit.
    """

    is_deletable = True
    list_display = ("group", "shown_amount")
    list_select_related = ("group",)
    search_fields = ("group__name",)
    ordering = ("group__name", "pk")
    fieldsets = (
        (
            None,
            {
                "description": (
                    "A person has the highest limit of their roles. Who has no role with a limit"
                    " here accepts whatever it costs. All other decisions have no limit."
                ),
                "fields": ("group", "amount"),
            },
        ),
    )

    @display(description="Accepts up to", ordering="amount")
    def shown_amount(self, limit: DecisionLimit) -> str:
        if limit.amount is None:
            return "Whatever it costs"
        return money.display(limit.amount, settings.RETAIL_CURRENCY)


@admin.register(TolerancePolicy)
class TolerancePolicyAdmin(BaseAdmin):
    """How far a bill may be off before somebody must look; without a policy not at all."""

    is_deletable = True
    list_display = (
        "holds_for",
        "match_level",
        "unit_price_percent",
        "total_percent",
        "total_amount",
        "quantity_percent",
        "quantity_units",
        "below",
        "exception_days",
    )
    list_filter = (
        ("supplier", AutocompleteSelectFilter),
        ("variant", AutocompleteSelectFilter),
        "match_level",
    )
    list_select_related = ("supplier", "variant")
    search_fields = ("supplier__name", "supplier__code", "variant__sku")
    search_help_text = "Supplier or SKU."
    ordering = (
        F("supplier__name").asc(nulls_first=True),
        F("variant__sku").asc(nulls_first=True),
        "pk",
    )
    autocomplete_fields = ("supplier", "variant")
    fieldsets = (
        (
            "What it holds for",
            {
                "description": (
                    "Of several policies that hold for a line the most specific one counts, as a"
                    " whole: an article of a supplier, then the article, then the supplier, then"
                    " the company. A difference passes when it is within every limit that is"
                    " filled in; exactly at the limit passes."
                ),
                "fields": ("supplier", "variant", "match_level"),
            },
        ),
        (
            "Prices",
            {
                "description": "Of one bill, and of all that was billed of an order line.",
                "fields": (
                    ("unit_price_percent", "below"),
                    ("total_percent", "total_amount"),
                ),
            },
        ),
        ("Units", {"fields": (("quantity_percent", "quantity_units"),)}),
        ("Charges", {"fields": (("charge_percent", "charge_amount"),)}),
        (
            "The whole document",
            {
                "description": "Not looked at in policies for an article.",
                "fields": (("header_percent", "header_amount"), "tax_amount"),
            },
        ),
        ("What is beyond", {"fields": ("exception_days",)}),
    )

    @display(description="Holds for", ordering="supplier__name")
    def holds_for(self, policy: TolerancePolicy) -> str:
        supplier, article = policy.supplier, policy.variant
        if supplier and article:
            return f"{article} of {supplier}"
        if article:
            return f"{article} of any supplier"
        return str(supplier) if supplier else "Whatever has no policy of its own"


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
