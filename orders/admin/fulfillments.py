"""Waves, the packing table and what left: lists with their queues, and the page of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from orders.admin.fulfillment_acts import (
    FULFILLMENT_ACTS,
    PACKING_SLIP,
    PICK_LIST,
    START_PICKING,
)
from orders.admin.routing_acts import REJECT_PICKED
from orders.models import (
    Fulfillment,
    FulfillmentItem,
    FulfillmentLine,
    FulfillmentQuerySet,
    PackScan,
    Parcel,
    PickList,
)
from orders.queries.terms import sum_of
from retail.common.admin import ViewOnlyAdmin, ViewOnlyInline

STATUS_LOOKS = {
    "PICKING": "warning",
    "PACKED": "primary",
    "READY": "primary",
    "SHIPPED": "success",
    "COLLECTED": "success",
    "CANCELLED": "default",
}


def to_pick(fulfillments: FulfillmentQuerySet) -> FulfillmentQuerySet:
    """Keep those of which nothing is in a box yet."""
    packed = FulfillmentItem.objects.filter(fulfillment=OuterRef("pk"), packed__gt=0)
    return fulfillments.filter(~Exists(packed), status=Fulfillment.Status.PICKING)


def to_pack(fulfillments: FulfillmentQuerySet) -> FulfillmentQuerySet:
    """Keep those whose units are being scanned into their boxes."""
    packed = FulfillmentItem.objects.filter(fulfillment=OuterRef("pk"), packed__gt=0)
    return fulfillments.filter(Exists(packed), status=Fulfillment.Status.PICKING)


def ready_to_ship(fulfillments: FulfillmentQuerySet) -> FulfillmentQuerySet:
    """Keep those in closed boxes that a carrier takes."""
    return fulfillments.filter(status=Fulfillment.Status.PACKED, method=Fulfillment.Method.SHIP)


QUEUES: dict[str, tuple[str, Callable[[FulfillmentQuerySet], FulfillmentQuerySet]]] = {
    "pick": ("To pick", to_pick),
    "pack": ("To pack", to_pack),
    "ship": ("Ready to ship", ready_to_ship),
}


class QueueFilter(admin.SimpleListFilter):
    """The queues of the packing table."""

    title = "what waits"
    parameter_name = "queue"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(name, label) for name, (label, _) in QUEUES.items()]

    def queryset(self, _request: HttpRequest, queryset: FulfillmentQuerySet) -> FulfillmentQuerySet:
        if (name := self.value()) not in QUEUES:
            return queryset
        return QUEUES[name][1](queryset)


def with_units(fulfillments: QuerySet[Fulfillment]) -> QuerySet[Fulfillment]:
    """Annotate the units that belong in, and those that are in."""
    items = FulfillmentItem.objects.filter(fulfillment=OuterRef("pk"))
    return fulfillments.annotate(
        units=sum_of(items, "fulfillment", "units"),
        units_packed=sum_of(items, "fulfillment", "packed"),
    )


def progress_words(fulfillment: Any) -> str:
    """Return how much is in its box; nothing for what never was picked."""
    if not fulfillment.units:
        return ""
    return f"{fulfillment.units_packed:,} of {fulfillment.units:,}"


class LineInline(ViewOnlyInline):
    """What leaves of each line of the order."""

    model = FulfillmentLine
    fields = ("line", "quantity")
    ordering = ("pk",)
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[FulfillmentLine]:
        lines: QuerySet[FulfillmentLine] = super().get_queryset(request)
        return lines.select_related("line")


class ItemInline(ViewOnlyInline):
    """The units of each article, and how many were scanned in."""

    model = FulfillmentItem
    verbose_name_plural = "units"
    fields = ("variant", "name", "units", "packed", "lacking")
    readonly_fields = ("name", "lacking")
    ordering = ("variant__sku", "pk")
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[FulfillmentItem]:
        items: QuerySet[FulfillmentItem] = super().get_queryset(request)
        return items.select_related("variant__product")

    @display(description="Article")
    def name(self, item: FulfillmentItem) -> str:
        return item.variant.full_name

    @display(description="Still to come")
    def lacking(self, item: FulfillmentItem) -> str:
        return f"{item.units - item.packed:,}" if item.packed < item.units else "complete"


class ScanInline(ViewOnlyInline):
    """Every scan at the packing table, the last first."""

    model = PackScan
    verbose_name_plural = "scans"
    fields = ("scanned_at", "code", "variant", "units", "scanned_by")
    ordering = ("-pk",)
    per_page = 50
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[PackScan]:
        scans: QuerySet[PackScan] = super().get_queryset(request)
        return scans.select_related("variant", "scanned_by")


class ParcelInline(ViewOnlyInline):
    """The boxes it leaves in."""

    model = Parcel
    fields = ("carrier", "tracking_number", "tracking_url", "weight", "cost", "cost_currency")
    # Of a link that nobody edits here no form shall be made.
    readonly_fields = ("tracking_url",)
    ordering = ("pk",)
    tab = True


@admin.register(Fulfillment)
class FulfillmentAdmin(ViewOnlyAdmin):
    """Goods on their way out, and those that left."""

    acts = (*FULFILLMENT_ACTS, REJECT_PICKED)
    downloads = (PACKING_SLIP,)
    list_display = (
        *("number", "order", "location", "method", "shown_status", "progress", "pick_list"),
        *("shipped_at", "shipped_by"),
    )
    list_select_related = ("order", "location", "pick_list", "shipped_by")
    list_filter = (QueueFilter, "status", "method", "location")
    search_fields = ("number",)
    search_help_text = "Whole number: its own, of its order, pick list or parcel"
    inlines = (ItemInline, ParcelInline, LineInline, ScanInline)
    fields = (
        ("number", "order", "shown_status", "progress"),
        ("location", "method", "pick_list"),
        ("packed_at", "packed_by"),
        ("shipped_at", "shipped_by"),
        ("cancelled_at", "cancelled_by", "cancel_reason"),
    )
    readonly_fields = ("number", "shown_status", "progress")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Fulfillment]:
        return with_units(super().get_queryset(request))

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Fulfillment],
        search_term: str,
    ) -> tuple[QuerySet[Fulfillment], bool]:
        """Search by whole numbers, each by its index: what is scanned is whole."""
        if not (term := search_term.strip().replace("\x00", "")):
            return queryset, False
        by_number = [
            Fulfillment.objects.filter(**{path: value}).values("pk")
            for path, value in (
                ("number", term.upper()),
                ("order__number", term.upper()),
                ("pick_list__number", term.upper()),
                ("parcels__tracking_number", term),
            )
        ]
        return queryset.filter(pk__in=by_number[0].union(*by_number[1:])), False

    @display(description="Status", ordering="status", label=STATUS_LOOKS)
    def shown_status(self, fulfillment: Fulfillment) -> tuple[str, str]:
        return fulfillment.status, fulfillment.get_status_display()

    @display(description="Units packed")
    def progress(self, fulfillment: Fulfillment) -> str:
        return progress_words(fulfillment)


@admin.register(FulfillmentLine)
class FulfillmentLineAdmin(ViewOnlyAdmin):
    """Lines of what leaves."""

    list_display = ("fulfillment", "line", "quantity")
    list_select_related = ("fulfillment", "line")
    search_fields = ("fulfillment__number", "line__raw_sku")


@admin.register(Parcel)
class ParcelAdmin(ViewOnlyAdmin):
    """Boxes on their way."""

    list_display = ("carrier", "tracking_number", "fulfillment", "weight", "cost", "cost_currency")
    list_select_related = ("fulfillment",)
    search_fields = ("tracking_number", "fulfillment__number")
    # As above: nobody edits the link here.
    readonly_fields = ("tracking_url",)


class WaveInline(ViewOnlyInline):
    """The orders of a walk, in their places on the cart."""

    model = Fulfillment
    verbose_name_plural = "orders"
    fields = ("number", "order", "method", "shown_status", "progress")
    readonly_fields = ("number", "shown_status", "progress")
    ordering = ("pk",)
    show_change_link = True
    fk_name = "pick_list"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Fulfillment]:
        fulfillments: QuerySet[Fulfillment] = super().get_queryset(request)
        return with_units(fulfillments.select_related("order"))

    @display(description="Status", label=STATUS_LOOKS)
    def shown_status(self, fulfillment: Fulfillment) -> tuple[str, str]:
        return fulfillment.status, fulfillment.get_status_display()

    @display(description="Units packed")
    def progress(self, fulfillment: Fulfillment) -> str:
        return progress_words(fulfillment)


@admin.register(PickList)
class PickListAdmin(ViewOnlyAdmin):
    """Walks through a location for the goods of several orders."""

    page_acts = (START_PICKING,)
    downloads = (PICK_LIST,)
    inlines = (WaveInline,)
    list_display = ("number", "location", "started_at", "started_by", "progress")
    list_select_related = ("location", "started_by")
    list_filter = ("location",)
    search_fields = ("number", "fulfillments__order__number")
    search_help_text = "Number, or that of an order"
    fields = (("number", "location", "progress"), ("started_at", "started_by"))
    readonly_fields = ("number", "progress")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PickList]:
        pick_lists: QuerySet[PickList] = super().get_queryset(request)
        begun = Q(fulfillments__status=Fulfillment.Status.PICKING)
        return pick_lists.annotate(
            orders=Count("fulfillments"), orders_left=Count("fulfillments", filter=begun)
        )

    @display(description="Orders packed")
    def progress(self, pick_list: Any) -> str:
        return f"{pick_list.orders - pick_list.orders_left:,} of {pick_list.orders:,}"
