"""Goods on their way from one location to another, in the admin."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.postgres.aggregates import StringAgg
from django.db.models import CharField, F, IntegerField, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Cast, Coalesce, Concat
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display

from inventory.admin.links import ArticleSearch, link
from inventory.admin.transfer_acts import NEW_TRANSFER, TRANSFER_ACTS, is_on_the_way
from inventory.models import StockMovement, Transfer, TransferLine, TransferReceipt
from retail.common.admin import DayRangeFilter, ViewOnlyAdmin, ViewOnlyInline

_LOOKS = {
    "DRAFT": "info",
    "DISPATCHED": "warning",
    "PARTLY_RECEIVED": "warning",
    "RECEIVED": "success",
    "CLOSED_SHORT": "danger",
    "CANCELLED": "default",
}


class LineInline(ViewOnlyInline):
    """What is on it, and how much of that has arrived."""

    model = TransferLine
    verbose_name_plural = "Lines"
    ordering = ("variant__sku", "pk")
    fields = ("variant", "product", "quantity", "received", "in_transit", "lost")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[TransferLine]:
        lines: QuerySet[TransferLine] = super().get_queryset(request)
        return lines.select_related("variant__product", "transfer")

    @display(description="Product")
    def product(self, line: TransferLine) -> str:
        return f"{line.variant.product.name} {line.variant.name}".rstrip()

    @display(description="On the way")
    def in_transit(self, line: TransferLine) -> int:
        return line.in_transit if is_on_the_way(line.transfer) else 0


class ReceiptInline(ViewOnlyInline):
    """When what of it arrived."""

    model = TransferReceipt
    verbose_name_plural = "Receipts"
    ordering = ("pk",)
    fields = ("number", "received_at", "received_by", "arrived")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[TransferReceipt]:
        receipts: QuerySet[TransferReceipt] = super().get_queryset(request)
        sku = F("level__variant__sku")
        arrived = (
            StockMovement.objects.filter(
                reference=OuterRef("number"), level__location=OuterRef("transfer__to_location")
            )
            .values("reference")
            .values(
                goods=StringAgg(
                    Concat(
                        Cast("quantity", CharField()), Value(" of "), sku, output_field=CharField()
                    ),
                    delimiter=", ",
                    order_by=sku,
                )
            )
        )
        return receipts.select_related("received_by").annotate(arrived=Subquery(arrived))

    @display(description="What arrived")
    def arrived(self, receipt: Any) -> str:
        return receipt.arrived or ""


@admin.register(Transfer)
class TransferAdmin(ArticleSearch, ViewOnlyAdmin):
    """What was sent from where to where, and how much of it has arrived."""

    acts = TRANSFER_ACTS
    page_acts = (NEW_TRANSFER,)
    list_display = (
        *("number", "from_location", "to_location", "shown_status"),
        *("units", "received", "in_transit", "expected_on", "dispatched_at"),
    )
    list_select_related = ("from_location", "to_location")
    list_filter = ("status", "from_location", "to_location", ("dispatched_at", DayRangeFilter))
    article_path, reference_path = "lines__variant", "number"
    search_fields = ("number", "lines__variant__sku", "lines__variant__product__name")
    search_help_text = "Number, any barcode, SKU or name"
    inlines = (LineInline, ReceiptInline)
    fields = (
        ("number", "shown_status"),
        ("from_location", "to_location"),
        ("note", "expected_on"),
        ("created_at", "created_by"),
        ("dispatched_at", "dispatched_by"),
        ("closed_at", "closed_by"),
        ("close_reason", "movements"),
    )
    readonly_fields = ("shown_status", "movements")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transfer]:
        transfers: QuerySet[Transfer] = super().get_queryset(request)
        lines = TransferLine.objects.filter(transfer=OuterRef("pk")).values("transfer")

        def total(what: Any) -> Coalesce:
            return Coalesce(Subquery(lines.values(n=Sum(what)), output_field=IntegerField()), 0)

        return transfers.annotate(
            units_sent=total("quantity"),
            units_received=total("received"),
            units_open=total(F("quantity") - F("received") - F("lost")),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Transfer], search_term: str
    ) -> tuple[QuerySet[Transfer], bool]:
        found, _ = super().get_search_results(request, queryset, search_term)
        return found, True  # a transfer with two articles that are meant is found twice

    @display(description="Status", ordering="status", label=_LOOKS)  # type: ignore[untyped-decorator]  # Unfold's
    def shown_status(self, transfer: Transfer) -> tuple[str, str]:
        return transfer.status, transfer.get_status_display()

    @display(description="Units", ordering="units_sent")
    def units(self, transfer: Any) -> int:
        return transfer.units_sent

    @display(description="Received", ordering="units_received")
    def received(self, transfer: Any) -> int:
        return transfer.units_received

    @display(description="On the way")
    def in_transit(self, transfer: Any) -> int:
        return transfer.units_open if is_on_the_way(transfer) else 0

    @display(description="Movements")
    def movements(self, transfer: Transfer) -> SafeString | str:
        if transfer.dispatched_at is None:
            return "None yet"
        query = urlencode({"source_kind__exact": "TRANSFER", "source_id__exact": transfer.pk})
        return link(f"{reverse('admin:inventory_stockmovement_changelist')}?{query}", "Movements")
