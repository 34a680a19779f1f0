"""The list of orders and the page of one order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import F, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from unfold.decorators import display

from orders.admin.acts import ORDER_ACTS
from orders.admin.conflicts import CancellationInline, ConflictInline
from orders.admin.new_order import NEW_ORDER
from orders.admin.next_acts import in_turn
from orders.admin.order_list import HoldFilter, OrderChangeList, QueueFilter, queue_of
from orders.admin.paging import MOST_ROWS, StoppedPaginator
from orders.admin.payment_acts import PAYMENT_ACTS
from orders.admin.payments import PaymentInline, RefundInline
from orders.admin.pickup_acts import COLLECTING_ACTS
from orders.admin.pickups import PickupInline
from orders.admin.returns import OrderClaimInline, OrderReturnInline
from orders.admin.routing import RoutingDecisionInline
from orders.admin.routing_acts import ROUTING_ACTS
from orders.admin.shown import component_words
from orders.models import (
    Fulfillment,
    FulfillmentLine,
    LineAllocation,
    Order,
    OrderEvent,
    OrderHold,
    OrderLine,
)
from orders.queries import find_orders
from orders.queries.terms import sum_of
from retail.common.admin import DayRangeFilter, ViewOnlyAdmin, ViewOnlyInline
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
PAYMENT_LOOKS = {
    Order.PaymentStatus.UNPAID: "warning",
    Order.PaymentStatus.AUTHORIZED: "primary",
    Order.PaymentStatus.PARTIALLY_PAID: "warning",
    Order.PaymentStatus.PAID: "success",
    Order.PaymentStatus.OVERPAID: "danger",
    Order.PaymentStatus.PARTIALLY_REFUNDED: "info",
    Order.PaymentStatus.REFUNDED: "info",
    Order.PaymentStatus.VOIDED: "danger",
}

PROMISED = LineAllocation.objects.all()
PICKED = FulfillmentLine.objects.filter(fulfillment__status__in=Fulfillment.BEGUN)


class LineInline(ViewOnlyInline):
    """What was ordered, and how far each line got."""

    model = OrderLine
    fields = (
        *("name", "raw_sku", "variant", "pack_size", "components", "ordered", "promised"),
        *("picked", "shipped", "returned", "cancelled", "unit_price", "total"),
    )
    readonly_fields = ("components", "promised", "picked")
    ordering = ("pk",)
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderLine]:
        lines: QuerySet[OrderLine] = super().get_queryset(request)
        return (
            lines.select_related("variant")
            .prefetch_related("components__variant")
            .annotate(
                promised=sum_of(PROMISED.filter(line=OuterRef("pk")), "line", "units"),
                picked=sum_of(PICKED.filter(line=OuterRef("pk")), "line", "quantity"),
            )
        )

    @display(description="Made of")
    def components(self, line: OrderLine) -> str:
        return component_words(line)

    @display(description="Units promised")
    def promised(self, line: OrderLine) -> int:
        return int(getattr(line, "promised", 0))

    @display(description="Picked")
    def picked(self, line: OrderLine) -> int:
        return int(getattr(line, "picked", 0))


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
    fields = ("number", "status", "location", "method", "shipped_at", "shipped_by", "tracking")
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


# Details by which acts find their own events again; they tell a person nothing.
KEYS = frozenset({"key", "decision"})


def event_words(event: OrderEvent) -> str:
    """Return the details of an event as a person reads them; lists are counted, not shown."""
    words = []
    for name, value in event.details.items():
        if name in KEYS or value in (None, "", False, [], {}):
            continue
        told = f"{len(value)}" if isinstance(value, list | dict) else f"{value}"
        words.append(name if value is True else f"{name} {told}")
    return ", ".join(words)


@admin.register(Order)
class OrderAdmin(ViewOnlyAdmin):
    """Orders of every channel."""

    acts = in_turn((*ORDER_ACTS, *COLLECTING_ACTS, *PAYMENT_ACTS, *ROUTING_ACTS))
    page_acts = (NEW_ORDER,)
    list_display = (
        *("number", "external_number", "channel", "customer", "placed_at", "shown_ship_by"),
        *("shown_hold", "shown_lifecycle", "shown_fulfillment", "shown_payment", "shown_total"),
    )
    list_select_related = ("channel", "customer")
    list_filter = (
        QueueFilter,
        HoldFilter,
        "channel",
        "lifecycle",
        "fulfillment_status",
        "payment_status",
        "return_status",
        "location",
        "pickup_location",
        ("placed_at", DayRangeFilter),
    )
    # By any other column a million orders would have to be sorted to show the first fifty.
    sortable_by = ("placed_at",)
    ordering = ("-placed_at", "-pk")
    paginator = StoppedPaginator
    search_fields = ("number",)
    search_help_text = (
        "Our number or the channel's, words of the name, e-mail, tracking number or SKU"
    )
    inlines = (
        LineInline,
        EventInline,
        HoldInline,
        ConflictInline,
        RoutingDecisionInline,
        FulfillmentInline,
        PickupInline,
        CancellationInline,
        PaymentInline,
        RefundInline,
        OrderReturnInline,
        OrderClaimInline,
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("number", "channel", "external_number"),
                    ("shown_lifecycle", "shown_fulfillment", "shown_payment", "return_status"),
                    ("customer", "delivery_address"),
                    ("placed_at", "shown_ship_by", "priority"),
                    ("delivery", "location", "pickup_location"),
                )
            },
        ),
        (
            "Money",
            {
                "fields": (
                    ("shown_total", "shipping_total", "discount_total"),
                    ("tax_total", "shown_rounding"),
                )
            },
        ),
        ("On the channel", {"fields": (("external_id", "external_updated_at", "created_at"),)}),
    )
    readonly_fields = (
        *(
            "number",
            "shown_lifecycle",
            "shown_fulfillment",
            "shown_payment",
            "shown_ship_by",
            "shown_rounding",
        ),
        "shown_total",
    )

    def get_changelist(self, *_args: Any, **_kwargs: Any) -> type[OrderChangeList]:
        return OrderChangeList

    def get_ordering(self, request: HttpRequest) -> Sequence[Any]:
        """Show what is to be shipped first on top of the queues of those who ship."""
        queue = queue_of(request)
        if queue is not None and queue.is_by_due:
            return (F("ship_by").asc(nulls_last=True), "placed_at", "pk")
        return self.ordering

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Order],
        search_term: str,
    ) -> tuple[QuerySet[Order], bool]:
        """Search by whatever somebody has at hand, see `find_orders`."""
        if not search_term.strip():
            return queryset, False
        return find_orders(queryset, search_term, most=MOST_ROWS + 1), False

    @display(description="Lifecycle", label=LIFECYCLE_LOOKS)
    def shown_lifecycle(self, order: Order) -> tuple[str, str]:
        return order.lifecycle, order.get_lifecycle_display()

    @display(description="Goods", label=FULFILLMENT_LOOKS)
    def shown_fulfillment(self, order: Order) -> tuple[str, str]:
        return order.fulfillment_status, order.get_fulfillment_status_display()

    @display(description="Payment", label=PAYMENT_LOOKS)
    def shown_payment(self, order: Order) -> tuple[str, str]:
        return order.payment_status, order.get_payment_status_display()

    @display(description="Ship by", label={"OVERDUE": "danger"})
    def shown_ship_by(self, order: Order) -> tuple[str, str] | str:
        if order.ship_by is None:
            return ""
        # Only what has a color of its own may come with a code: else the code is shown.
        is_overdue = order.is_open and order.ship_by < timezone.now()
        return ("OVERDUE", _moment(order.ship_by)) if is_overdue else _moment(order.ship_by)

    @display(description="Held", label={"HELD": "danger"})
    def shown_hold(self, order: Order) -> tuple[str, str] | str:
        holds: Sequence[OrderHold] = getattr(order, "open_holds", ())
        if not holds:
            return ""
        more = f" +{len(holds) - 1}" if len(holds) > 1 else ""
        return "HELD", f"{holds[0].get_kind_display()}{more}"

    @display(description="Rounding")
    def shown_rounding(self, order: Order) -> str:
        return display_money(order.rounding_difference, order.currency)

    @display(description="Total")
    def shown_total(self, order: Order) -> str:
        return display_money(order.total, order.currency)


def _moment(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "j M H:i")
