"""The receiving desk: deliveries while they are counted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.postgres.aggregates import StringAgg
from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter
from unfold.decorators import display

from purchasing.admin.delivery_acts import (
    DELIVERY_ACTS,
    DELIVERY_PAGE_ACTS,
    RECEIVES,
    is_open,
)
from purchasing.admin.delivery_forms import ScanForm
from purchasing.models import Delivery, DeliveryLine, DeliveryScan
from purchasing.queries import delivery_rows
from retail.common.admin import ViewOnlyAdmin, ViewOnlyInline
from retail.common.admin.acts import dress

STATUS_LOOKS = {"OPEN": "warning", "POSTED": "success", "DISCARDED": "info"}


class ScanInline(ViewOnlyInline):
    """Every scan, the last first."""

    model = DeliveryScan
    verbose_name_plural = "scans"
    fields = ("scanned_at", "code", "variant", "units", "scanned_by")
    ordering = ("-pk",)
    per_page = 50
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeliveryScan]:
        scans: QuerySet[DeliveryScan] = super().get_queryset(request)
        return scans.select_related("variant", "scanned_by")


@admin.register(Delivery)
class DeliveryAdmin(ViewOnlyAdmin):
    """What is being unloaded, scanned by as many people as like, and posted once."""

    acts = DELIVERY_ACTS
    page_acts = DELIVERY_PAGE_ACTS
    inlines = (ScanInline,)
    change_form_outer_before_template = "admin/purchasing/delivery_desk.html"
    list_display = (
        *("number", "shown_status", "supplier", "location", "delivery_note", "orders"),
        *("units", "opened_at", "opened_by"),
    )
    list_select_related = ("supplier", "location", "opened_by")
    list_filter = (
        "status",
        ("supplier", AutocompleteSelectFilter),
        "location",
        ("opened_at", RangeDateTimeFilter),
    )
    search_fields = (
        *("number", "delivery_note", "supplier__name", "receipt__number"),
        "lines__order_line__order__number",
    )
    search_help_text = "Number, delivery note, supplier, purchase order or goods receipt."
    # What is still counted comes first.
    ordering = (F("closed_at").desc(nulls_first=True), "-pk")
    fields = (
        ("number", "shown_status", "delivery_note"),
        ("supplier", "location", "goods_receipt"),
        ("opened_at", "opened_by"),
        ("closed_at", "closed_by", "close_reason"),
    )
    readonly_fields = ("shown_status", "goods_receipt")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        queryset: QuerySet[Delivery] = super().get_queryset(request)
        lines = DeliveryLine.objects.filter(delivery=OuterRef("pk")).values("delivery")
        return queryset.annotate(
            order_numbers=Subquery(
                lines.values(
                    numbers=StringAgg("order_line__order__number", delimiter=", ", distinct=True)
                )
            ),
            counted=Coalesce(Subquery(lines.values(units=Sum(F("accepted") + F("rejected")))), 0),
        )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Put the desk above the page: where to scan, and what was counted of each line."""
        delivery = kwargs.get("obj")
        if isinstance(delivery, Delivery):
            desk = self._desk(request, delivery)
            if desk["scan_form"] is not None:
                context["media"] += desk["scan_form"].media
            context |= desk
        return super().render_change_form(request, context, *args, **kwargs)

    def _desk(self, request: HttpRequest, delivery: Delivery) -> dict[str, Any]:
        rows = delivery_rows(delivery.pk)
        last = delivery.scans.select_related("variant__product").order_by("pk").last()
        form = None
        if is_open(delivery) and request.user.has_perm(RECEIVES):
            form = ScanForm(document=delivery)
            dress(form)
        return {
            "rows": rows,
            "scan_form": form,
            "scan_url": self._url("act", delivery.pk, "scan"),
            "counted_units": sum(row.counted for row in rows if not row.is_unplanned),
            "expected_units": sum(row.expected for row in rows),
            "unplanned_units": sum(row.counted for row in rows if row.is_unplanned),
            "last_scan": last,
        }

    @display(description="Status", ordering="status", label=STATUS_LOOKS)
    def shown_status(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.status, delivery.get_status_display()

    @display(description="Orders")
    def orders(self, delivery: Any) -> str:
        return delivery.order_numbers or ""

    @display(description="Units counted", ordering="counted")
    def units(self, delivery: Any) -> str:
        return f"{delivery.counted:,}"

    @display(description="Goods receipt")
    def goods_receipt(self, delivery: Delivery) -> SafeString | str:
        receipt = getattr(delivery, "receipt", None)
        if receipt is None:
            return ""
        url = reverse(f"{self.admin_site.name}:purchasing_goodsreceipt_change", args=[receipt.pk])
        return format_html('<a class="text-primary-600" href="{}">{}</a>', url, receipt.number)


@admin.register(DeliveryLine)
class DeliveryLineAdmin(ViewOnlyAdmin):
    """Every line that was counted, to be searched by article or code."""

    list_display = (
        *("delivery", "article", "purchase_order", "accepted", "rejected", "reject_reason"),
        *("note", "counted_at", "counted_by"),
    )
    list_select_related = ("delivery", "order_line__order", "variant", "counted_by")
    list_filter = ("delivery__status", "reject_reason")
    search_fields = ("delivery__number", "code", "variant__sku", "order_line__order__number")

    @display(description="Article", ordering="variant__sku")
    def article(self, line: DeliveryLine) -> str:
        return line.variant.sku if line.variant else line.code

    @display(description="Purchase order", ordering="order_line__order__number")
    def purchase_order(self, line: DeliveryLine) -> str:
        return line.order_line.order.number if line.order_line else "Not ordered"
