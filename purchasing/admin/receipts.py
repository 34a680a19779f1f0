"""Deliveries as they were taken in."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter
from unfold.decorators import display

from purchasing.admin.receipt_acts import RECEIPT_ACTS, RECEIPT_DOWNLOADS
from purchasing.admin.return_drafting import SEND_BACK
from purchasing.admin.waiting_words import goes_to
from purchasing.models import GoodsReceipt, GoodsReceiptLine, HeldGoods
from purchasing.queries import cross_dock
from retail.common.admin import ViewOnlyAdmin, ViewOnlyInline

STATUS_LOOKS = {"POSTED": "success", "REVERSED": "danger"}


class LineInline(ViewOnlyInline):
    model = GoodsReceiptLine
    verbose_name_plural = "Lines"
    ordering = ("pk",)
    fields = (
        *("article", "purchase_order", "delivered", "accepted", "rejected", "reject_reason"),
        *("matched", "returned", "unit_cost", "value"),
    )
    readonly_fields = ("article", "purchase_order")

    def get_queryset(self, request: HttpRequest) -> QuerySet[GoodsReceiptLine]:
        lines: QuerySet[GoodsReceiptLine] = super().get_queryset(request)
        return lines.select_related("order_line__order", "order_line__variant")

    @display(description="Article")
    def article(self, line: GoodsReceiptLine) -> str:
        return line.order_line.variant.sku

    @display(description="Purchase order")
    def purchase_order(self, line: GoodsReceiptLine) -> str:
        return line.order_line.order.number


class HeldInline(ViewOnlyInline):
    """What it brought and nobody took in."""

    model = HeldGoods
    verbose_name_plural = "Held goods"
    ordering = ("pk",)
    fields = (
        *("article", "kind", "units", "accepted", "returned", "scrapped"),
        *("reject_reason", "note", "location"),
    )
    readonly_fields = ("article",)
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[HeldGoods]:
        held: QuerySet[HeldGoods] = super().get_queryset(request)
        return held.select_related("variant", "location")

    @display(description="Article")
    def article(self, held: HeldGoods) -> str:
        return held.variant.sku if held.variant else held.code


@admin.register(GoodsReceipt)
class GoodsReceiptAdmin(ViewOnlyAdmin):
    """What came in, when and from whom; posted at the receiving desk or on the order's page."""

    acts = (SEND_BACK, *RECEIPT_ACTS)
    downloads = RECEIPT_DOWNLOADS
    inlines = (LineInline, HeldInline)
    list_display = (
        *(
            "number",
            "shown_status",
            "supplier",
            "location",
            "delivery_note",
            "accepted",
            "rejected",
        ),
        *("received_at", "received_by"),
    )
    list_select_related = ("supplier", "location", "received_by")
    list_filter = (
        "status",
        ("supplier", AutocompleteSelectFilter),
        "location",
        "is_over_allowed",
        ("received_at", RangeDateTimeFilter),
    )
    search_fields = (
        *("number", "delivery_note", "supplier__name", "delivery__number"),
        "lines__order_line__order__number",
    )
    search_help_text = "Number, delivery note, supplier or purchase order."
    fields = (
        ("number", "shown_status", "delivery_note"),
        ("supplier", "location", "delivery"),
        ("received_at", "received_by"),
        "more_than_ordered",
        ("reversed_at", "reversed_by", "reverse_reason"),
        "goes_on_to",
    )
    readonly_fields = ("shown_status", "more_than_ordered", "goes_on_to")

    def get_queryset(self, request: HttpRequest) -> QuerySet[GoodsReceipt]:
        queryset: QuerySet[GoodsReceipt] = super().get_queryset(request)
        lines = GoodsReceiptLine.objects.filter(receipt=OuterRef("pk")).values("receipt")
        return queryset.annotate(
            accepted_units=Subquery(lines.values(units=Sum("accepted"))),
            rejected_units=Subquery(lines.values(units=Sum("rejected"))),
        )

    @display(description="Status", ordering="status", label=STATUS_LOOKS)
    def shown_status(self, receipt: GoodsReceipt) -> tuple[str, str]:
        return receipt.status, receipt.get_status_display()

    @display(description="More than ordered")
    def more_than_ordered(self, receipt: GoodsReceipt) -> str:
        percent = receipt.over_receipt_percent.normalize()
        told = f"Up to {percent:f} percent was allowed without asking."
        return f"{told} Somebody who may took in more." if receipt.is_over_allowed else told

    @display(description="Goes on to customers")
    def goes_on_to(self, receipt: GoodsReceipt) -> SafeString:
        return goes_to(cross_dock(receipt.pk))

    @display(description="Units accepted", ordering="accepted_units")
    def accepted(self, receipt: GoodsReceipt) -> int:
        return getattr(receipt, "accepted_units", None) or 0

    @display(description="Units rejected", ordering="rejected_units")
    def rejected(self, receipt: GoodsReceipt) -> int:
        return getattr(receipt, "rejected_units", None) or 0


@admin.register(GoodsReceiptLine)
class GoodsReceiptLineAdmin(ViewOnlyAdmin):
    """Every line of every delivery, to be searched by article."""

    list_display = (
        *("receipt", "article", "purchase_order", "accepted", "rejected", "reject_reason"),
        *("matched", "unit_cost", "value"),
    )
    list_select_related = ("receipt", "order_line__order", "order_line__variant")
    search_fields = ("receipt__number", "order_line__order__number", "order_line__variant__sku")

    @display(description="Article", ordering="order_line__variant__sku")
    def article(self, line: GoodsReceiptLine) -> str:
        return line.order_line.variant.sku

    @display(description="Purchase order", ordering="order_line__order__number")
    def purchase_order(self, line: GoodsReceiptLine) -> str:
        return line.order_line.order.number
