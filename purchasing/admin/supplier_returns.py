"""Goods that go back to suppliers, in the admin."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter
from unfold.decorators import display

from purchasing.admin.return_acts import ACTS, DOWNLOADS, in_book_currency
from purchasing.admin.return_drafting import PAGE_ACTS
from purchasing.admin.return_forms import name_of, source_of, with_what_goes_back
from purchasing.models import SupplierReturn, SupplierReturnCredit, SupplierReturnLine
from purchasing.queries import replaced_units
from retail.common.admin import ViewOnlyAdmin, ViewOnlyInline
from retail.common.money import display as display_money

Status = SupplierReturn.Status
STATUS_LOOKS = {
    Status.DRAFT: "info",
    Status.APPROVED: "primary",
    Status.SHIPPED: "warning",
    Status.SETTLED: "success",
    Status.CANCELLED: "danger",
}


class SentLine:
    """What is shown of a line of a return, on its page and in lists."""

    @display(description="Article")
    def article(self, line: SupplierReturnLine) -> str:
        return name_of(line)

    @display(description="Of")
    def source(self, line: SupplierReturnLine) -> str:
        return source_of(line)

    @display(description="Stock value")
    def shown_stock_value(self, line: SupplierReturnLine) -> str:
        return in_book_currency(line.stock_value)

    @display(description="Credit, book currency")
    def shown_credit_value(self, line: SupplierReturnLine) -> str:
        return in_book_currency(line.credit_value)

    @display(description="Variance")
    def variance(self, line: SupplierReturnLine) -> str:
        return in_book_currency(line.stock_value - line.credit_value)


_FIGURES = ("shown_stock_value", "shown_credit_value", "variance")


class LineInline(SentLine, ViewOnlyInline):
    model = SupplierReturnLine
    verbose_name_plural = "Goods"
    ordering = ("position",)
    fields = (
        *("article", "source", "location", "units", "unit_credit"),
        *_FIGURES,
        *("credited", "replaced"),
    )
    readonly_fields = ("article", "source", *_FIGURES)
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_what_goes_back(super().get_queryset(request))


@admin.register(SupplierReturn)
class SupplierReturnAdmin(ViewOnlyAdmin):
    """What goes back to suppliers, for a credit or to be replaced."""

    acts = ACTS
    page_acts = PAGE_ACTS
    downloads = DOWNLOADS
    inlines = (LineInline,)
    list_display = (
        *("number", "shown_status", "supplier", "expects", "reason", "units", "expected"),
        *("shown_stock_value", "shown_variance", "raised_at", "raised_by"),
    )
    list_select_related = ("supplier", "raised_by")
    list_filter = (
        *("status", "expects"),
        ("supplier", AutocompleteSelectFilter),
        ("shipped_at", RangeDateTimeFilter),
    )
    search_fields = (
        *("number", "rma_number", "tracking_number", "supplier__name"),
        *("lines__variant__sku", "lines__receipt_line__receipt__number"),
    )
    search_help_text = "Number, RMA, tracking number, supplier, SKU or receipt"
    readonly_fields = (
        *("shown_status", "expected", "awaited", "shown_stock_value", "shown_variance"),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("number", "shown_status", "supplier"),
                    ("expects", "expected", "awaited"),
                    ("reason", "rma_number", "tracking_number"),
                    ("shown_stock_value", "shown_variance"),
                )
            },
        ),
        (
            "Who and when",
            {
                "fields": (
                    *(("raised_at", "raised_by"), ("approved_at", "approved_by")),
                    *(("shipped_at", "shipped_by"), ("ended_at", "ended_by", "end_note")),
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SupplierReturn]:
        queryset: QuerySet[SupplierReturn] = super().get_queryset(request)
        lines = SupplierReturnLine.objects.filter(supplier_return=OuterRef("pk")).values(
            "supplier_return"
        )
        return queryset.annotate(
            sum_units=Subquery(lines.values(sum=Sum("units"))),
            sum_expected=Subquery(lines.values(sum=Sum(F("units") * F("unit_credit")))),
            sum_value=Subquery(lines.values(sum=Sum("stock_value"))),
            sum_variance=Subquery(lines.values(sum=Sum(F("stock_value") - F("credit_value")))),
        )

    @display(description="Status", ordering="status", label=STATUS_LOOKS)
    def shown_status(self, returned: SupplierReturn) -> tuple[str, str]:
        return returned.status, returned.get_status_display()

    @display(description="Units", ordering="sum_units")
    def units(self, returned: SupplierReturn) -> int:
        return getattr(returned, "sum_units", None) or 0

    @display(description="Expected credit", ordering="sum_expected")
    def expected(self, returned: SupplierReturn) -> str:
        return display_money(_sum(returned, "sum_expected"), returned.currency)

    @display(description="Stock value", ordering="sum_value")
    def shown_stock_value(self, returned: SupplierReturn) -> str:
        return in_book_currency(_sum(returned, "sum_value"))

    @display(description="Variance", ordering="sum_variance")
    def shown_variance(self, returned: SupplierReturn) -> str:
        return in_book_currency(_sum(returned, "sum_variance"))

    @display(description="Still awaited")
    def awaited(self, returned: SupplierReturn) -> str:
        # A page reads each of its figures several times.
        text: str | None = getattr(returned, "shown_awaited", None)
        if text is None:
            text = _awaited(returned)
            returned.shown_awaited = text  # type: ignore[attr-defined]  # of this page only
        return text


@admin.register(SupplierReturnLine)
class SupplierReturnLineAdmin(SentLine, ViewOnlyAdmin):
    """Every article that went back, to be searched, and what was credited for it."""

    class CreditInline(ViewOnlyInline):
        model = SupplierReturnCredit
        verbose_name_plural = "Credits"
        fields = ("number", "units", "noted_at", "noted_by")
        ordering = ("pk",)

        def get_queryset(self, request: HttpRequest) -> QuerySet[SupplierReturnCredit]:
            credits: QuerySet[SupplierReturnCredit] = super().get_queryset(request)  # noqa: A001 - the trade's word
            return credits.select_related("noted_by")

    inlines = (CreditInline,)
    list_display = (
        *("supplier_return", "article", "source", "location", "units", "unit_credit"),
        *_FIGURES,
        *("credited", "replaced"),
    )
    list_select_related = (
        *("supplier_return", "variant", "location", "held_goods__receipt"),
        *("receipt_line__receipt", "receipt_line__order_line__order"),
    )
    list_filter = ("supplier_return__status", "location")
    search_fields = ("supplier_return__number", "variant__sku", "credits__number")
    search_help_text = "Return, SKU or credit note"
    fields = (
        ("supplier_return", "article", "source", "location"),
        ("units", "unit_credit"),
        _FIGURES,
        ("credited", "replaced"),
    )
    readonly_fields = ("article", "source", *_FIGURES)


def _awaited(returned: SupplierReturn) -> str:
    """Say of how many units the credit or the replacement has not come."""
    if returned.status != Status.SHIPPED:
        return "-"
    lines = list(with_what_goes_back(returned.lines.filter(held_goods__isnull=True)))
    came = replaced_units(lines)
    left = sum(line.units - line.credited - came.get(line.pk, 0) for line in lines)
    again = sum(came.values())
    return f"{left:,} units" + (f"; {again:,} came again" if again else "")


def _sum(returned: SupplierReturn, name: str) -> Decimal:
    amount: Decimal | None = getattr(returned, name, None)
    return amount or Decimal(0)
