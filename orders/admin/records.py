"""The rows of orders one kind at a time, to be searched and read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from orders.models import (
    LineAllocation,
    LineComponent,
    OrderEvent,
    OrderHold,
    OrderLine,
)
from retail.common.admin import ViewOnlyAdmin, ViewOnlyInline


class OpenFilter(admin.SimpleListFilter):
    """Holds that are open, or were released."""

    title = "state"
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return (("open", "Open"), ("released", "Released"))

    def queryset(self, _request: HttpRequest, queryset: QuerySet[OrderHold]) -> QuerySet[OrderHold]:
        if self.value() not in {"open", "released"}:
            return queryset
        return queryset.filter(released_at__isnull=self.value() == "open")


@admin.register(OrderHold)
class OrderHoldAdmin(ViewOnlyAdmin):
    """Why orders may not go on; they are released on the page of the order."""

    list_display = ("order", "shown_kind", "reason", "opened_at", "released_at", "released_by")
    list_select_related = ("order", "released_by")
    list_filter = (OpenFilter, "kind")
    search_fields = ("order__number", "order__external_number", "reason")
    ordering = ("-opened_at", "-pk")

    @display(description="Kind", ordering="kind", label=True)
    def shown_kind(self, hold: OrderHold) -> str:
        return hold.get_kind_display()


class ComponentInline(ViewOnlyInline):
    """What one piece of a bundle was made of when it was sold."""

    model = LineComponent
    fields = ("variant", "units")
    ordering = ("pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LineComponent]:
        components: QuerySet[LineComponent] = super().get_queryset(request)
        return components.select_related("variant")


@admin.register(OrderLine)
class OrderLineAdmin(ViewOnlyAdmin):
    """Lines of orders."""

    list_display = (
        *("order", "name", "raw_sku", "variant", "ordered", "shipped", "cancelled"),
        *("returned", "unit_price", "total"),
    )
    list_select_related = ("order", "variant")
    list_filter = ("is_stocked", "is_bundle")
    search_fields = ("order__number", "raw_sku", "variant__sku")
    inlines = (ComponentInline,)


@admin.register(OrderEvent)
class OrderEventAdmin(ViewOnlyAdmin):
    """What happened to orders."""

    list_display = ("order", "kind", "happened_at", "caused_by")
    list_select_related = ("order", "caused_by")
    list_filter = ("kind",)
    search_fields = ("order__number",)


@admin.register(LineAllocation)
class LineAllocationAdmin(ViewOnlyAdmin):
    """Which promise of stock serves which line."""

    list_display = ("shown_order", "line", "allocation", "units")
    list_select_related = ("line__order", "allocation")
    search_fields = ("line__order__number", "allocation__reference")

    @display(description="Order", ordering="line__order_id")
    def shown_order(self, line_allocation: LineAllocation) -> str:
        return str(line_allocation.line.order)
