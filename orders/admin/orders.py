"""The list of orders and the page of one order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from orders.admin.acts import NEW_ORDER, ORDER_ACTS
from orders.admin.shown import component_words
from orders.models import (
    Fulfillment,
    Order,
    OrderEvent,
    OrderHold,
    OrderLine,
    Return,
)
from orders.queries import orders_on_hold, orders_to_ship, waiting_orders
from retail.common.admin import ViewOnlyAdmin, ViewOnlyInline
from retail.common.money import display as display_money

LIFECYCLE_LOOKS = {
    Order.Lifecycle.DRAFT: "info",
    Order.Lifecycle.PLACED: "warning",
    Order.Lifecycle.CONFIRMED: "primary",
    Order.Lifecycle.COMPLETED: "success",
    Order.Lifecycle.CANCELLED: "danger",
}
FULFILLMENT_LOOKS = {
    Order.FulfillmentStatus.UNFULFILLED: "warning",
    Order.FulfillmentStatus.PARTIAL: "primary",
    Order.FulfillmentStatus.FULFILLED: "success",
    Order.FulfillmentStatus.NOT_REQUIRED: "info",
}


class QueueFilter(admin.SimpleListFilter):
    """The queues of the orders desk."""

    title = "what waits"
    parameter_name = "queue"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return (("ship", "To ship"), ("hold", "On hold"), ("stock", "Waiting for stock"))

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        queues = {"ship": orders_to_ship, "hold": orders_on_hold, "stock": waiting_orders}
        queue = queues.get(self.value() or "")
        return queryset.filter(pk__in=queue().values("pk")) if queue else queryset


class LineInline(ViewOnlyInline):
    """What was ordered, and how far each line got."""

    model = OrderLine
    fields = (
        *("name", "raw_sku", "variant", "pack_size", "components", "ordered", "promised"),
        *("shipped", "cancelled", "returned", "unit_price", "total"),
    )
    readonly_fields = ("components", "promised")
    ordering = ("pk",)
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderLine]:
        lines: QuerySet[OrderLine] = super().get_queryset(request)
        return (
            lines.select_related("variant")
            .prefetch_related("components__variant")
            .annotate(promised=Coalesce(Sum("line_allocations__units"), Value(0)))
        )

    @display(description="Made of")
    def components(self, line: OrderLine) -> str:
        return component_words(line)

    @display(description="Units promised")
    def promised(self, line: OrderLine) -> int:
        return int(getattr(line, "promised", 0))


class HoldInline(ViewOnlyInline):
    """Why the order may not go on, or might not."""

    model = OrderHold
    fields = (
        "kind",
        "reason",
        "opened_at",
        "opened_by",
        "released_at",
        "released_by",
        "release_note",
    )
    ordering = ("pk",)
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderHold]:
        holds: QuerySet[OrderHold] = super().get_queryset(request)
        return holds.select_related("opened_by", "released_by", "line")


class FulfillmentInline(ViewOnlyInline):
    """What left, from where, with which parcel."""

    model = Fulfillment
    fields = ("number", "location", "method", "shipped_at", "shipped_by", "tracking")
    readonly_fields = ("number", "tracking")
    ordering = ("pk",)
    show_change_link = True
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Fulfillment]:
        fulfillments: QuerySet[Fulfillment] = super().get_queryset(request)
        return fulfillments.select_related("location", "shipped_by").prefetch_related("parcels")

    @display(description="Parcels")
    def tracking(self, fulfillment: Fulfillment) -> str:
        return ", ".join(str(parcel) for parcel in fulfillment.parcels.all())


class ReturnInline(ViewOnlyInline):
    """What came back."""

    model = Return
    fields = ("number", "location", "received_at", "received_by")
    readonly_fields = ("number",)
    ordering = ("pk",)
    show_change_link = True
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Return]:
        returns: QuerySet[Return] = super().get_queryset(request)
        return returns.select_related("location", "received_by")


class EventInline(ViewOnlyInline):
    """Everything that happened, in its order."""

    model = OrderEvent
    verbose_name_plural = "timeline"
    fields = ("happened_at", "kind", "told", "caused_by")
    readonly_fields = ("told",)
    ordering = ("pk",)
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderEvent]:
        events: QuerySet[OrderEvent] = super().get_queryset(request)
        return events.select_related("caused_by")

    @display(description="Details")
    def told(self, event: OrderEvent) -> str:
        return event_words(event)


def event_words(event: OrderEvent) -> str:
    """Return the details of an event as a person reads them; lists are counted, not shown."""
    words = []
    for name, value in event.details.items():
        if value in (None, "", False, [], {}):
            continue
        told = f"{len(value)}" if isinstance(value, list | dict) else f"{value}"
        words.append(name if value is True else f"{name} {told}")
    return ", ".join(words)


@admin.register(Order)
class OrderAdmin(ViewOnlyAdmin):
    """Orders of every channel."""

    acts = ORDER_ACTS
    page_acts = (NEW_ORDER,)
    list_display = (
        *("number", "external_number", "channel", "customer", "placed_at"),
        *("shown_lifecycle", "shown_fulfillment", "shown_hold", "shown_total"),
    )
    list_select_related = ("channel", "customer")
    list_filter = (
        QueueFilter,
        "lifecycle",
        "fulfillment_status",
        "payment_status",
        "return_status",
        "channel",
        ("placed_at", RangeDateFilter),
    )
    ordering = ("-placed_at", "-pk")
    search_fields = ("number",)
    search_help_text = "Number, the channel's number, customer or SKU"
    inlines = (LineInline, HoldInline, FulfillmentInline, ReturnInline, EventInline)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("number", "channel", "external_number"),
                    ("shown_lifecycle", "shown_fulfillment", "payment_status", "return_status"),
                    ("customer", "delivery_address"),
                    ("placed_at", "ship_by", "location"),
                )
            },
        ),
        (
            "Money",
            {
                "fields": (
                    ("shown_total", "shipping_total", "discount_total"),
                    ("tax_total", "rounding_difference"),
                )
            },
        ),
        ("On the channel", {"fields": (("external_id", "external_updated_at", "created_at"),)}),
    )
    readonly_fields = ("number", "shown_lifecycle", "shown_fulfillment", "shown_total")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        orders: QuerySet[Order] = super().get_queryset(request)
        holds = OrderHold.objects.open().filter(order=OuterRef("pk"))
        return orders.annotate(is_held=Exists(holds))

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Order],
        search_term: str,
    ) -> tuple[QuerySet[Order], bool]:
        """Search by whole or beginning numbers, part of a name, a whole SKU."""
        if not (term := search_term.strip()):
            return queryset, False
        lines = OrderLine.objects.filter(Q(raw_sku__iexact=term) | Q(variant__sku__iexact=term))
        found = (
            Q(number__istartswith=term)
            | Q(external_number__istartswith=term)
            | Q(customer__name__icontains=term)
            | Q(pk__in=lines.values("order_id"))
        )
        return queryset.filter(found), False

    @display(description="Lifecycle", ordering="lifecycle", label=LIFECYCLE_LOOKS)
    def shown_lifecycle(self, order: Order) -> tuple[str, str]:
        return order.lifecycle, order.get_lifecycle_display()

    @display(description="Goods", ordering="fulfillment_status", label=FULFILLMENT_LOOKS)
    def shown_fulfillment(self, order: Order) -> tuple[str, str]:
        return order.fulfillment_status, order.get_fulfillment_status_display()

    @display(description="Held", ordering=F("is_held").desc(), label={"HELD": "danger"})
    def shown_hold(self, order: Order) -> tuple[str, str] | str:
        return ("HELD", "On hold") if getattr(order, "is_held", False) else ""

    @display(description="Total", ordering="total")
    def shown_total(self, order: Order) -> str:
        return display_money(order.total, order.currency)
