"""Freight, duty and the like laid on deliveries, in the admin."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.template.loader import render_to_string
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter
from unfold.decorators import display

from purchasing import operations
from purchasing.admin.landed_acts import ACTS, PAGE_ACTS, is_draft, shown, with_articles
from purchasing.models import FreightClaim, LandedCost, LandedCostLine, LandedCostShare
from retail.common.admin import ViewOnlyAdmin, ViewOnlyInline
from retail.common.errors import BusinessError

STATUS_COLORS = {"DRAFT": "info", "POSTED": "success", "CANCELLED": "warning"}


class OfDeliveryInline(ViewOnlyInline):
    """Lines of deliveries on the page of a landed cost."""

    per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_articles(super().get_queryset(request))

    @display(description="Article")
    def article(self, row: Any) -> str:
        return str(row.receipt_line.order_line.variant)

    @display(description="Delivery")
    def delivery(self, row: Any) -> str:
        return str(row.receipt_line.receipt)

    @display(description="Units")
    def units(self, row: Any) -> int:
        return int(row.receipt_line.accepted)

    @display(description="Worth when it came")
    def worth(self, row: Any) -> str:
        return shown(row.receipt_line.value)


class LineInline(OfDeliveryInline):
    model = LandedCostLine
    verbose_name_plural = "Goods that bear it"
    ordering = ("pk",)
    fields = ("article", "delivery", "units", "worth", "typed_amount")
    readonly_fields = ("article", "delivery", "units", "worth")


class ShareInline(OfDeliveryInline):
    model = LandedCostShare
    verbose_name_plural = "What was posted"
    ordering = ("pk",)
    fields = ("article", "delivery", "base", "amount", "to_stock", "expensed")
    readonly_fields = ("article", "delivery")


@admin.register(LandedCost)
class LandedCostAdmin(ViewOnlyAdmin):
    """What it cost to bring goods in, and where that went: to stock, or to cost of sales."""

    acts = ACTS
    page_acts = PAGE_ACTS
    inlines = (LineInline, ShareInline)
    list_display = (
        *("number", "shown_status", "bill", "supplier", "shown_amount", "method"),
        *("shown_to_stock", "shown_expensed", "posted_at"),
    )
    list_select_related = ("invoice__supplier",)
    list_filter = (
        *("status", "method"),
        ("invoice__supplier", AutocompleteSelectFilter),
        ("posted_at", RangeDateTimeFilter),
    )
    search_fields = (
        *("number", "invoice__number", "invoice__supplier_number", "invoice__supplier__name"),
        *("lines__receipt_line__receipt__number", "lines__receipt_line__order_line__variant__sku"),
    )
    search_help_text = "Number, bill, supplier, delivery or SKU"
    readonly_fields = (
        *("shown_status", "supplier", "shown_amount", "shown_to_stock", "shown_expensed"),
        "preview",
    )

    def get_fieldsets(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: LandedCost | None = None,
    ) -> list[tuple[str | None, dict[str, Any]]]:
        document = (
            *(("number", "shown_status"), ("invoice", "supplier"), ("shown_amount", "method")),
            ("shown_to_stock", "shown_expensed"),
        )
        who_and_when = (
            *(("drafted_by", "drafted_at"), ("posted_by", "posted_at")),
            ("cancelled_by", "cancelled_at", "cancel_reason"),
        )
        preview = [("As it would be posted now", {"fields": ("preview",)})]
        return [
            (None, {"fields": document}),
            *(preview if obj and is_draft(obj) else ()),
            ("Who and when", {"fields": who_and_when}),
        ]

    def get_inlines(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: LandedCost | None,
    ) -> list[type[ViewOnlyInline]]:
        return [LineInline] if obj and is_draft(obj) else [ShareInline, LineInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LandedCost]:
        queryset: QuerySet[LandedCost] = super().get_queryset(request)
        shares = LandedCostShare.objects.filter(landed_cost=OuterRef("pk")).values("landed_cost")
        return queryset.annotate(
            sum_to_stock=Subquery(shares.values(sum=Sum("to_stock"))),
            sum_expensed=Subquery(shares.values(sum=Sum("expensed"))),
        )

    @display(description="Status", ordering="status", label=STATUS_COLORS)
    def shown_status(self, landed: LandedCost) -> tuple[str, str]:
        return landed.status, landed.get_status_display()

    @display(description="Bill", ordering="invoice__number")
    def bill(self, landed: LandedCost) -> str:
        return landed.invoice.number

    @display(description="Supplier", ordering="invoice__supplier__name")
    def supplier(self, landed: LandedCost) -> str:
        return str(landed.invoice.supplier)

    @display(description="Amount", ordering="amount")
    def shown_amount(self, landed: LandedCost) -> str:
        return shown(landed.amount)

    @display(description="To stock", ordering="sum_to_stock")
    def shown_to_stock(self, landed: LandedCost) -> str:
        return _sum(landed, "sum_to_stock")

    @display(description="To cost of sales", ordering="sum_expensed")
    def shown_expensed(self, landed: LandedCost) -> str:
        return _sum(landed, "sum_expensed")

    @display(description="Shares")
    def preview(self, landed: LandedCost) -> str:
        # A page reads each of its figures several times; this one takes a handful of queries.
        text: str | None = getattr(landed, "shown_preview", None)
        if text is None:
            text = _preview(landed)
            landed.shown_preview = text  # type: ignore[attr-defined]  # of this page only
        return text


def _preview(landed: LandedCost) -> str:
    try:
        plan = operations.plan_landed_cost(landed)
    except BusinessError as refusal:
        return refusal.message
    return render_to_string("admin/purchasing/landed_plan.html", {"plan": plan})


def _sum(landed: LandedCost, name: str) -> str:
    """Return a sum that the list or page brought along; a draft has posted nothing yet."""
    amount: Decimal | None = getattr(landed, name, None)
    return "-" if amount is None else shown(amount)


class ClaimInline(ViewOnlyInline):
    """On the page of a bill: how much of its freight goods bear."""

    model = FreightClaim
    verbose_name_plural = "Freight on goods"
    fields = ("claimable", "claimed", "left")
    readonly_fields = ("left",)

    @display(description="Left to land")
    def left(self, claim: FreightClaim) -> str:
        return shown(claim.claimable - claim.claimed)
