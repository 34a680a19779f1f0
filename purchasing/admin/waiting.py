"""Customers who wait for what is on order, and deliveries that slipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from orders.admin import OrderAdmin
from orders.admin.next_acts import in_turn
from orders.models import Order
from purchasing import operations
from purchasing.admin.waiting_acts import DROP_SHIP, ORDER_FROM_SUPPLIER, UNTIE
from purchasing.admin.waiting_words import comes_with
from purchasing.models import DeliverySlip, OrderedFor
from purchasing.queries import OPEN_ORDERS, coming_for_order
from retail.common.admin import Act, ViewOnlyAdmin

SEES_PURCHASES = "purchasing.view_purchaseorder"


class StateFilter(admin.SimpleListFilter):
    """What is still to come for customers, and what is not."""

    title = "state"
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return (("open", "Still to come"), ("done", "Served or ended"))

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[OrderedFor]
    ) -> QuerySet[OrderedFor]:
        if self.value() not in {"open", "done"}:
            return queryset
        still = {"served__lt": F("units"), "purchase_line__order__status__in": OPEN_ORDERS}
        return queryset.filter(**still) if self.value() == "open" else queryset.exclude(**still)


@admin.register(OrderedFor)
class OrderedForAdmin(ViewOnlyAdmin):
    """What is on order for one customer; ordered on the page of the customer's order."""

    acts = (UNTIE,)
    list_display = (
        *("shown_purchase", "supplier", "article", "shown_order", "units", "served"),
        *("shown_status", "linked_at", "linked_by"),
    )
    list_select_related = (
        *("purchase_line__order__supplier", "purchase_line__variant"),
        *("order_line__order", "linked_by"),
    )
    list_filter = (
        StateFilter,
        ("purchase_line__order__supplier", AutocompleteSelectFilter),
        "purchase_line__order__status",
    )
    search_fields = (
        *("purchase_line__order__number", "purchase_line__variant__sku"),
        "order_line__order__number",
    )
    search_help_text = "Purchase order, the customer's order or SKU."
    fields = (
        ("shown_purchase", "supplier", "shown_status"),
        ("shown_order", "article"),
        ("units", "served"),
        ("linked_at", "linked_by"),
    )
    readonly_fields = ("shown_purchase", "supplier", "article", "shown_order", "shown_status")

    @display(description="Purchase order", ordering="purchase_line__order")
    def shown_purchase(self, link: OrderedFor) -> str:
        return link.purchase_line.order.number

    @display(description="Supplier", ordering="purchase_line__order__supplier__name")
    def supplier(self, link: OrderedFor) -> str:
        return link.purchase_line.order.supplier.name

    @display(description="Article", ordering="purchase_line__variant__sku")
    def article(self, link: OrderedFor) -> str:
        return link.purchase_line.variant.sku

    @display(description="For order", ordering="order_line__order")
    def shown_order(self, link: OrderedFor) -> str:
        return link.order_line.order.number

    @display(description="Status", ordering="purchase_line__order__status", label=True)
    def shown_status(self, link: OrderedFor) -> str:
        return link.purchase_line.order.get_status_display()


class SeenFilter(admin.SimpleListFilter):
    """Slips that nobody has seen, or that somebody has."""

    title = "state"
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return (("new", "Not seen"), ("seen", "Seen"))

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[DeliverySlip]
    ) -> QuerySet[DeliverySlip]:
        if self.value() not in {"new", "seen"}:
            return queryset
        return queryset.filter(seen_at__isnull=self.value() == "new")


def seen(
    request: HttpRequest, slip: DeliverySlip, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.mark_slips_seen(slip_ids=[slip.pk], at=now, by=request.user)
    return f"{slip.line.order} is off the list."


@admin.register(DeliverySlip)
class DeliverySlipAdmin(ViewOnlyAdmin):
    """Deliveries that come later than customers could count on."""

    acts = (
        Act(
            name="seen",
            label="Seen",
            permission="purchasing.see_deliveryslip",
            perform=seen,
            is_offered=lambda slip: slip.seen_at is None,
            consequences=lambda _slip: ("It stays in the list, as seen by you.",),
            icon="visibility",
        ),
    )
    actions = ("mark_seen",)
    list_display = (
        *("shown_purchase", "supplier", "article", "from_on", "to_on"),
        *("waiting_orders", "waiting_units", "noted_at", "noted_by", "seen_at", "seen_by"),
    )
    list_select_related = ("line__order__supplier", "line__variant", "noted_by", "seen_by")
    list_filter = (SeenFilter, ("line__order__supplier", AutocompleteSelectFilter))
    search_fields = ("line__order__number", "line__variant__sku")
    search_help_text = "Purchase order or SKU."
    fields = (
        ("shown_purchase", "supplier", "article"),
        ("from_on", "to_on"),
        ("waiting_orders", "waiting_units"),
        ("noted_at", "noted_by"),
        ("seen_at", "seen_by"),
    )
    readonly_fields = ("shown_purchase", "supplier", "article")

    def has_mark_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("purchasing.see_deliveryslip")

    @admin.action(description="Mark as seen", permissions=["mark"])
    def mark_seen(self, request: HttpRequest, queryset: QuerySet[DeliverySlip]) -> None:
        ids = list(queryset.order_by("pk").values_list("pk", flat=True))
        count = operations.mark_slips_seen(slip_ids=ids, at=timezone.now(), by=request.user)
        messages.success(request, f"{count} slipped deliveries are off the list.")

    @display(description="Purchase order", ordering="line__order")
    def shown_purchase(self, slip: DeliverySlip) -> str:
        return slip.line.order.number

    @display(description="Supplier", ordering="line__order__supplier__name")
    def supplier(self, slip: DeliverySlip) -> str:
        return slip.line.order.supplier.name

    @display(description="Article", ordering="line__variant__sku")
    def article(self, slip: DeliverySlip) -> str:
        return slip.line.variant.sku


# Orders know nothing of buying, so their page gets what is on order for them here.
admin.site.unregister(Order)


@admin.register(Order)
class SuppliedOrderAdmin(OrderAdmin):
    """Orders of every channel, with what comes for them from suppliers."""

    acts = in_turn((*OrderAdmin.acts, ORDER_FROM_SUPPLIER, DROP_SHIP))
    readonly_fields = (*OrderAdmin.readonly_fields, "comes_with")

    def get_fieldsets(self, request: HttpRequest, obj: Order | None = None) -> Any:
        """Show what is on order to whom purchase orders are shown: number and day, no cost."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not obj.is_open or not request.user.has_perm(SEES_PURCHASES):
            return fieldsets
        return [*fieldsets, ("From suppliers", {"fields": ("comes_with",)})]

    @display(description="Comes with")
    def comes_with(self, order: Order) -> SafeString:
        # The page asks for it several times.
        if not hasattr(order, "coming"):
            order.coming = coming_for_order(order.pk)
        return comes_with(order.coming) or SafeString("Nothing is on order for it.")
