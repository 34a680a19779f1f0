"""Payments, what has to be paid when, and refunds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from orders.admin.payment_acts import REFUND_ACTS
from orders.models import Payment, PaymentEvent, PaymentRule, Refund, RefundLine
from orders.queries import refunds_that_failed, refunds_to_approve, refunds_to_pay_out
from retail.common.admin import BaseAdmin, DayRangeFilter, ViewOnlyAdmin, ViewOnlyInline
from retail.common.money import display as display_money

REFUND_LOOKS = {
    Refund.Status.AWAITING_APPROVAL: "warning",
    Refund.Status.GRANTED: "primary",
    Refund.Status.SENT: "info",
    Refund.Status.SETTLED: "success",
    Refund.Status.FAILED: "danger",
    Refund.Status.DECLINED: "danger",
    Refund.Status.CANCELLED: "danger",
}


class PaymentEventInline(ViewOnlyInline):
    """Everything that happened to it, in its order."""

    model = PaymentEvent
    fields = ("happened_at", "kind", "amount", "reference", "note", "caused_by")
    ordering = ("pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentEvent]:
        events: QuerySet[PaymentEvent] = super().get_queryset(request)
        return events.select_related("caused_by")


@admin.register(Payment)
class PaymentAdmin(ViewOnlyAdmin):
    """What customers paid; it is recorded on the page of the order."""

    list_display = (
        *("order", "channel", "method", "external_id", "currency"),
        *("authorized", "charged", "refunded", "voided", "created_at"),
    )
    list_select_related = ("order", "channel")
    list_filter = ("channel", ("created_at", DayRangeFilter))
    search_fields = ("order__number", "external_id", "order__external_number")
    search_help_text = "Number of the order, or of the transaction"
    ordering = ("-created_at", "-pk")
    inlines = (PaymentEventInline,)


@admin.register(PaymentRule)
class PaymentRuleAdmin(BaseAdmin):
    """What has to be paid before stock is promised and before goods leave; no rule asks nothing."""

    is_deletable = True
    list_display = ("holds_for", "shown_method", "promises", "releases", "unpaid_hours")
    list_select_related = ("channel",)
    list_filter = ("channel",)
    search_fields = ("method", "channel__name", "channel__code")
    ordering = (F("channel__name").asc(nulls_first=True), "method", "pk")
    fields = ("channel", "method", "promises", "releases", "unpaid_hours")
    autocomplete_fields = ("channel",)

    @display(description="For orders of", ordering="channel__name")
    def holds_for(self, rule: PaymentRule) -> str:
        return str(rule.channel) if rule.channel else "every channel"

    @display(description="Paid by", ordering="method")
    def shown_method(self, rule: PaymentRule) -> str:
        return rule.method or "whatever"


class RefundQueueFilter(admin.SimpleListFilter):
    """What waits for somebody."""

    title = "what waits"
    parameter_name = "queue"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return (("approve", "To approve"), ("pay", "To pay out"), ("failed", "Failed"))

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Refund]) -> QuerySet[Refund]:
        queues = {
            "approve": refunds_to_approve,
            "pay": refunds_to_pay_out,
            "failed": refunds_that_failed,
        }
        queue = queues.get(self.value() or "")
        return queryset.filter(pk__in=queue().values("pk")) if queue else queryset


class RefundLineInline(ViewOnlyInline):
    """Which pieces it is for."""

    model = RefundLine
    fields = ("line", "quantity", "amount")
    ordering = ("pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RefundLine]:
        lines: QuerySet[RefundLine] = super().get_queryset(request)
        return lines.select_related("line")


@admin.register(Refund)
class RefundAdmin(ViewOnlyAdmin):
    """Money that customers get back; it is granted on the page of the order, and paid here."""

    acts = REFUND_ACTS
    list_display = (
        *("number", "order", "shown_status", "shown_amount", "reason", "granted_by"),
        *("granted_at", "route", "settled_at"),
    )
    list_select_related = ("order", "granted_by")
    list_filter = (RefundQueueFilter, "status", "route", ("granted_at", DayRangeFilter))
    search_fields = ("number", "order__number", "external_id", "order__external_number")
    search_help_text = "Number of the refund or of the order, or the channel's"
    ordering = ("-granted_at", "-pk")
    inlines = (RefundLineInline,)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("number", "shown_status", "shown_amount"),
                    ("order", "returned_with", "reason"),
                    ("granted_at", "granted_by", "limit"),
                    ("approved_at", "approved_by"),
                )
            },
        ),
        (
            "Paid",
            {
                "fields": (
                    ("route", "payment", "external_id"),
                    ("executed_at", "executed_by", "settled_at"),
                    ("error",),
                )
            },
        ),
    )
    readonly_fields = ("number", "shown_status", "shown_amount")

    @display(description="Status", ordering="status", label=REFUND_LOOKS)
    def shown_status(self, refund: Refund) -> tuple[str, str]:
        return refund.status, refund.get_status_display()

    @display(description="Amount", ordering="amount")
    def shown_amount(self, refund: Refund) -> str:
        return display_money(refund.amount, refund.currency)


class PaymentInline(ViewOnlyInline):
    """How the order was paid."""

    model = Payment
    fields = ("method", "external_id", "authorized", "charged", "refunded", "voided")
    ordering = ("pk",)
    show_change_link = True
    tab = True


class RefundInline(ViewOnlyInline):
    """What is given back."""

    model = Refund
    fields = ("number", "status", "amount", "reason", "granted_at", "granted_by", "route")
    readonly_fields = ("number",)
    ordering = ("pk",)
    show_change_link = True
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        refunds: QuerySet[Refund] = super().get_queryset(request)
        return refunds.select_related("granted_by")
