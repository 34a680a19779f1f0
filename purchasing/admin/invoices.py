"""Suppliers' invoices: entered, matched, decided, approved, handed to accounting, paid."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from purchasing import queries
from purchasing.admin.invoice_acts import INVOICE_ACTS
from purchasing.admin.invoice_desk import AT_THE_DESK, InvoiceDesk
from purchasing.admin.invoice_entry import ENTER_INVOICE
from purchasing.admin.landed import ClaimInline
from purchasing.admin.landed_acts import LAND_FREIGHT
from purchasing.admin.payables import APPROVE_CHOSEN, EXPORT, PayableActions
from purchasing.models import (
    InvoiceStep,
    MatchException,
    SupplierInvoice,
    SupplierInvoiceLine,
    SupplierInvoiceTax,
)
from retail.common import money
from retail.common.admin import ViewOnlyInline

STATUS_COLORS = {
    "CAPTURED": "info",
    "MATCHING": "info",
    "ON_HOLD": "danger",
    "MATCHED": "success",
    "APPROVED": "success",
    "EXPORTED": "primary",
    "PAID": "primary",
    "VOID": "warning",
}


class AgeFilter(admin.SimpleListFilter):
    """How long ago a document was entered."""

    title = "age"
    parameter_name = "age"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return (("7", "Older than a week"), ("30", "Older than a month"))

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[SupplierInvoice]
    ) -> QuerySet[SupplierInvoice]:
        days = self.value()
        if days not in {"7", "30"}:
            return queryset
        return queryset.filter(captured_at__lt=timezone.now() - timedelta(days=int(days)))


class LineInline(ViewOnlyInline):
    """The document as printed."""

    model = SupplierInvoiceLine
    verbose_name_plural = "Lines as printed"
    ordering = ("position",)
    fields = (
        "position",
        "kind",
        "order_number",
        "supplier_sku",
        "description",
        "quantity",
        "unit_price",
        "net_amount",
        "tax_rate",
        "variance_posted",
    )


class TaxInline(ViewOnlyInline):
    model = SupplierInvoiceTax
    verbose_name_plural = "Tax as printed"
    ordering = ("rate", "category")
    fields = ("category", "rate", "taxable", "tax")


class ExceptionInline(ViewOnlyInline):
    model = MatchException
    verbose_name_plural = "What does not agree"
    ordering = ("pk",)
    fields = (
        "kind",
        "invoice_line",
        "expected",
        "actual",
        "status",
        "decided_by",
        "decided_at",
        "reason",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[MatchException]:
        rows: QuerySet[MatchException] = super().get_queryset(request)
        return rows.select_related("invoice_line", "decided_by")


class StepInline(ViewOnlyInline):
    model = InvoiceStep
    verbose_name_plural = "What happened"
    ordering = ("pk",)
    fields = ("happened_at", "kind", "text", "done_by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvoiceStep]:
        rows: QuerySet[InvoiceStep] = super().get_queryset(request)
        return rows.select_related("done_by")


@admin.register(SupplierInvoice)
class SupplierInvoiceAdmin(PayableActions, InvoiceDesk):
    """What suppliers billed, from the paper to the payment."""

    acts = INVOICE_ACTS
    page_acts = (ENTER_INVOICE, EXPORT, APPROVE_CHOSEN)
    downloads = (AT_THE_DESK, LAND_FREIGHT)
    inlines = (ExceptionInline, LineInline, TaxInline, ClaimInline, StepInline)
    list_display = (
        "number",
        "supplier",
        "supplier_number",
        "kind",
        "shown_status",
        "invoiced_on",
        "due_on",
        "shown_total",
        "age",
    )
    list_filter = ("status", "kind", AgeFilter, ("supplier", AutocompleteSelectFilter))
    list_select_related = ("supplier",)
    search_fields = ("number", "supplier_number", "supplier__name", "supplier__code")
    readonly_fields = ("shown_total", "comparison")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("number", "status"),
                    ("supplier", "supplier_number"),
                    ("kind", "duplicate_reason"),
                    ("invoiced_on", "due_on"),
                    ("net_total", "tax_total", "shown_total"),
                )
            },
        ),
        ("Beside order and receipt", {"fields": ("comparison",)}),
        (
            "Who and when",
            {
                "fields": (
                    ("captured_by", "captured_at"),
                    ("approved_by", "approved_at"),
                    ("export", "paid_on", "paid_by"),
                    ("voided_by", "voided_at", "void_reason"),
                )
            },
        ),
    )

    @display(description="Status", ordering="status", label=STATUS_COLORS)
    def shown_status(self, invoice: SupplierInvoice) -> tuple[str, str]:
        return invoice.status, invoice.get_status_display()

    @display(description="Total", ordering="total")
    def shown_total(self, invoice: SupplierInvoice) -> str:
        sign = -1 if invoice.kind == SupplierInvoice.Kind.CREDIT_NOTE else 1
        return money.display(sign * invoice.total, invoice.currency)

    @display(description="Entered", ordering="captured_at")
    def age(self, invoice: SupplierInvoice) -> str:
        days = (timezone.now() - invoice.captured_at).days
        return {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")

    @display(description="Lines")
    def comparison(self, invoice: SupplierInvoice) -> str:
        rows = queries.invoice_comparison(invoice.pk)
        return render_to_string("admin/purchasing/comparison.html", {"rows": rows})
