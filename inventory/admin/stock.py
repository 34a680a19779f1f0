"""Stock in the admin: what lies where, what is promised, what moved and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import F, Model, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from catalog.admin.labels import labels_act, labels_button, print_labels_of_chosen
from catalog.forms import ScanField
from catalog.models import Variant
from inventory import operations
from inventory.admin.count_acts import ASK_FOR_COUNT
from inventory.admin.labels import LabelsOfStockForm
from inventory.admin.links import (
    SOURCES,
    ArticleSearch,
    levels_at,
    link,
    movements_of,
    page_of,
    promises_of,
    sources_open_to,
)
from inventory.admin.promises import whose
from inventory.admin.shown import SEES_COST, shown_amount
from inventory.admin.transfer_acts import SEND_LEVEL
from inventory.models import (
    Allocation,
    Location,
    StockLevel,
    StockMovement,
    Transfer,
    TransferLine,
)
from inventory.queries import variant_stock
from retail.common.admin import (
    Act,
    ActForm,
    DayRangeFilter,
    PageAct,
    ViewOnlyAdmin,
    ViewOnlyInline,
)

OF_A_PACK = " The barcode of a pack counts packs."
ADJUST_CONSEQUENCES = (
    "When less is left than is promised, the youngest promises are taken back: see which first.",
    "The stock value changes at today's average cost.",
)


class AdjustForm(ActForm):
    """How many units more or fewer there are, and why."""

    quantity = forms.IntegerField(
        label="Units more or fewer", help_text="3 adds three units, -3 takes three away."
    )
    reason = forms.CharField(
        max_length=200, help_text="What happened: counted, broken, found, stolen."
    )


class AdjustAnywhereForm(AdjustForm):
    """The same for an article that may never have been at the location."""

    article = ScanField(stocked_only=True)
    location = forms.ModelChoiceField(queryset=Location.objects.order_by("priority", "code"))
    field_order = ("article", "location", "quantity", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["quantity"].help_text += OF_A_PACK


def adjust(
    request: HttpRequest, level: StockLevel, cleaned: Mapping[str, Any], now: datetime
) -> str:
    return _adjust(request, level.location, level.variant, cleaned["quantity"], cleaned, now)


def adjust_anywhere(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None]:
    location, scanned = cleaned["location"], cleaned["article"]
    quantity = cleaned["quantity"] * scanned.units
    told = _adjust(request, location, scanned.variant, quantity, cleaned, now)
    return told, StockLevel.objects.get(location=location, variant=scanned.variant)


def _adjust(
    request: HttpRequest,
    location: Location,
    variant: Variant,
    quantity: int,
    cleaned: Mapping[str, Any],
    now: datetime,
) -> str:
    taken = operations.adjust_stock(
        location=location,
        quantities={variant.pk: quantity},
        reference=f"ADJ-{cleaned['key']}",
        reason=cleaned["reason"],
        at=now,
        by=request.user,
    )
    lost = ", ".join(
        f"{promise.units} of {whose(promise.allocation)}" for promise in taken.withdrawn
    )
    ending = f" Promises taken back: {lost}." if lost else ""
    return f"{variant} at {location}: {quantity:+} units.{ending}"


def plan_to_adjust(
    request: HttpRequest, level: StockLevel, cleaned: Mapping[str, Any], now: datetime
) -> Sequence[str]:
    return _plan(request, level.location, level.variant, cleaned["quantity"], cleaned, now)


def plan_to_adjust_anywhere(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> Sequence[str]:
    location, scanned = cleaned["location"], cleaned["article"]
    quantity = cleaned["quantity"] * scanned.units
    return _plan(request, location, scanned.variant, quantity, cleaned, now)


def _plan(
    request: HttpRequest,
    location: Location,
    variant: Variant,
    quantity: int,
    cleaned: Mapping[str, Any],
    now: datetime,
) -> Sequence[str]:
    """Say what an adjustment would change; nothing when it is made already."""
    plan = operations.plan_adjustment(
        location=location,
        variant_id=variant.pk,
        quantity=quantity,
        reference=f"ADJ-{cleaned['key']}",
        reason=cleaned["reason"],
        at=now,
    )
    if plan is None:
        return ()
    lines = [
        f"{variant} ({variant.full_name}) at {location}: {quantity:+} units.",
        f"On hand: {plan.level.on_hand} now, {plan.on_hand} then.",
        f"Promised: {plan.level.allocated} now, {plan.allocated} then.",
        *(
            f"{whose(promise)} loses {units} of its {promise.open_units} promised units."
            for promise, units in plan.withdrawn
        ),
    ]
    if request.user.has_perm(SEES_COST):
        lines.append(f"The stock value changes by {shown_amount(plan.value)}.")
    return [*lines, "The channels are told what is left."]


def adjust_consequences(level: StockLevel) -> Sequence[str]:
    return (
        f"{level.variant} ({level.variant.full_name}) at {level.location}.",
        f"{level.on_hand} units are here now, {level.allocated} of them promised to orders.",
        *ADJUST_CONSEQUENCES,
    )


class AvailabilityFilter(SimpleListFilter):
    """Levels by whether anything of them can still be promised."""

    title = "availability"
    parameter_name = "availability"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        model_admin: admin.ModelAdmin[Any],  # noqa: ARG002 - Django's signature
    ) -> list[tuple[str, str]]:
        return [("free", "Something free"), ("promised", "All promised"), ("empty", "Empty")]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[StockLevel],
    ) -> QuerySet[StockLevel]:
        if self.value() == "free":
            return queryset.filter(on_hand__gt=F("allocated"))
        if self.value() == "promised":
            return queryset.filter(on_hand=F("allocated"), on_hand__gt=0)
        if self.value() == "empty":
            return queryset.filter(on_hand=0)
        return queryset


class OpenAllocationInline(ViewOnlyInline):
    """What the units of a level are promised to."""

    model = Allocation
    verbose_name_plural = "Promised to"
    fields = ("reference", "units", "shipped", "released", "allocated_at", "expires_at")
    readonly_fields = fields
    per_page = 20

    def get_queryset(self, request: HttpRequest) -> QuerySet[Allocation]:
        return super().get_queryset(request).filter(closed_at__isnull=True).order_by("pk")


# What a column or a field of the level's page shows is for those who have this permission.
SEEN_WITH = {
    "value": SEES_COST,
    "movements": "inventory.view_stockmovement",
    "promises": "inventory.view_allocation",
    "on_the_way": "inventory.view_transfer",
}


def on_the_way() -> Coalesce:
    """Return the units of a level's article that transfers are bringing to its location."""
    lines = TransferLine.objects.filter(
        variant=OuterRef("variant"),
        transfer__to_location=OuterRef("location"),
        transfer__in=Transfer.objects.on_the_way(),
    )
    units = lines.values("variant").annotate(units=Sum(F("quantity") - F("received") - F("lost")))
    return Coalesce(Subquery(units.values("units")), 0)


def shown_to(request: HttpRequest, columns: Sequence[str]) -> list[str]:
    return [
        column
        for column in columns
        if column not in SEEN_WITH or request.user.has_perm(SEEN_WITH[column])
    ]


@admin.register(StockLevel)
class StockLevelAdmin(ArticleSearch, ViewOnlyAdmin):
    """How many units of what lie where, and how many of them are free."""

    acts = (
        Act(
            name="adjust",
            label="Adjust",
            permission="inventory.adjust_stocklevel",
            perform=adjust,
            form=AdjustForm,
            consequences=adjust_consequences,
            plan=plan_to_adjust,
            icon="tune",
        ),
        ASK_FOR_COUNT,
        SEND_LEVEL,
    )
    page_acts = (
        PageAct(
            name="adjust",
            label="Adjust any article",
            permission="inventory.adjust_stocklevel",
            perform=adjust_anywhere,
            form=AdjustAnywhereForm,
            consequences=ADJUST_CONSEQUENCES,
            plan=plan_to_adjust_anywhere,
            icon="tune",
        ),
        labels_act("inventory.view_stocklevel", LabelsOfStockForm),
    )
    downloads = (labels_button("inventory.view_stocklevel"),)
    actions = (print_labels_of_chosen,)
    article_path = "variant"
    list_display = (
        "variant",
        "product",
        "location",
        "on_hand",
        "allocated",
        "available",
        "on_the_way",
        "value",
        "movements",
        "promises",
    )
    list_select_related = ("variant__product", "location")
    list_filter = (AvailabilityFilter, "location")
    search_fields = ("variant__sku", "variant__name", "variant__product__name")
    search_help_text = "Any barcode, SKU or name"
    ordering = ("variant__sku", "location__code", "pk")
    fields = (
        "variant",
        "product",
        "location",
        "on_hand",
        "allocated",
        "available",
        "on_the_way",
        "value",
        "everywhere",
        "movements",
        "promises",
        "neighbors",
    )
    readonly_fields = (
        "product",
        "available",
        "on_the_way",
        "value",
        "everywhere",
        "movements",
        "promises",
        "neighbors",
    )
    inlines = (OpenAllocationInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockLevel]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                available=F("on_hand") - F("allocated"),
                on_the_way=on_the_way(),
                pool_units=F("variant__cost_pool__units"),
                pool_value=F("variant__cost_pool__value"),
            )
        )

    def get_list_display(self, request: HttpRequest) -> list[str]:
        return shown_to(request, self.list_display)

    def get_fields(
        self,
        request: HttpRequest,
        obj: Model | None = None,  # noqa: ARG002 - Django's signature
    ) -> list[str]:
        return shown_to(request, self.fields)

    @display(description="Product", ordering="variant__product__name")
    def product(self, level: StockLevel) -> str:
        return level.variant.product.name

    @display(description="Available", ordering="available")
    def available(self, level: Any) -> int:
        return level.available

    @display(description="On the way here", ordering="on_the_way")
    def on_the_way(self, level: Any) -> int:
        return level.on_the_way

    @display(description="History")
    def movements(self, level: StockLevel) -> SafeString:
        return link(movements_of(level), "Movements")

    @display(description="Promised to")
    def promises(self, level: StockLevel) -> SafeString | str:
        return link(promises_of(level), "Promises") if level.allocated else "-"

    @display(description="Same location")
    def neighbors(self, level: StockLevel) -> SafeString:
        return link(levels_at(level), f"All that lies at {level.location}")

    @display(description="Value")
    def value(self, level: Any) -> str:
        if not level.pool_units:
            return shown_amount(Decimal(0))
        return shown_amount(level.pool_value * level.on_hand / level.pool_units)

    @display(description="All locations")
    def everywhere(self, level: StockLevel) -> SafeString:
        places = variant_stock(variant_id=level.variant_id).places
        lines = format_html_join(
            "",
            "<div>{}: {} on hand, {} free</div>",
            (
                (
                    link(page_of("inventory.StockLevel", place.level_id), place.location),
                    place.on_hand,
                    place.available,
                )
                for place in places
            ),
        )
        url = reverse("stock-where", args=[level.variant_id])
        return lines + link(url, "What is where")


@admin.register(StockMovement)
class StockMovementAdmin(ArticleSearch, ViewOnlyAdmin):
    """Every unit that came or left, and why."""

    reference_path = "reference"
    list_display = (
        "moved_at",
        "shown_kind",
        "variant",
        "location",
        "quantity",
        "reference",
        "source",
        "reason",
        "moved_by",
    )
    list_select_related = ("level__variant", "level__location", "moved_by")
    list_filter = (("moved_at", DayRangeFilter), "kind", "level__location", "source_kind")
    search_fields = ("reference__startswith",)
    search_help_text = "Any barcode or SKU, or how a document number begins"

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockMovement]:
        found: QuerySet[StockMovement] = super().get_queryset(request)
        return found.annotate(is_source_open=Q(source_kind__in=sources_open_to(request)))

    def get_fields(
        self,
        request: HttpRequest,
        obj: Model | None = None,  # noqa: ARG002 - Django's signature
    ) -> Sequence[str]:
        fields = ["variant", "location", "kind", "quantity", "reference", "source", "reason"]
        if request.user.has_perm(SEES_COST):
            fields.append("cost")
        return [*fields, "moved_at", "moved_by"]

    readonly_fields = ("variant", "location", "source", "cost")

    @display(
        description="Kind",
        ordering="kind",
        label={
            "OPENING": "info",
            "RECEIPT": "success",
            "RETURN": "success",
            "ADJUSTMENT": "warning",
            "COUNT": "warning",
            "SUPPLIER_RETURN": "warning",
            "RECEIPT_REVERSAL": "warning",
        },
    )
    def shown_kind(self, movement: StockMovement) -> tuple[str, str]:
        return movement.kind, movement.get_kind_display()

    @display(description="Source", ordering="source_kind")
    def source(self, movement: Any) -> SafeString | str:
        """Return what caused it, as a link for those who may see that."""
        name = movement.get_source_kind_display()
        if not movement.is_source_open:
            return name or "-"
        return link(page_of(SOURCES[movement.source_kind], movement.source_id), name)

    @display(description="Article", ordering="level__variant__sku")
    def variant(self, movement: StockMovement) -> str:
        return movement.level.variant.sku

    @display(description="Location", ordering="level__location__name")
    def location(self, movement: StockMovement) -> str:
        return movement.level.location.name

    @display(description="Value moved")
    def cost(self, movement: StockMovement) -> str:
        return shown_amount(movement.cost_value)
