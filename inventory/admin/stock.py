"""Stock in the admin: what lies where, what is promised, what moved and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import F, Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from catalog.models import Variant
from inventory import operations
from inventory.admin.shown import SEES_COST, shown_amount
from inventory.models import (
    Allocation,
    Location,
    StockLevel,
    StockMovement,
)
from inventory.queries import variant_stock
from retail.common.admin import Act, ActForm, PageAct, ViewOnlyAdmin, ViewOnlyInline


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

    location = forms.ModelChoiceField(queryset=Location.objects.order_by("priority", "code"))
    variant = forms.ModelChoiceField(
        queryset=Variant.objects.filter(is_stocked=True),
        label="Article",
        widget=AutocompleteSelect(
            StockLevel._meta.get_field("variant"),  # noqa: SLF001 - Django's documented model API
            admin.site,
        ),
    )
    field_order = ("location", "variant", "quantity", "reason")


def adjust(
    request: HttpRequest, level: StockLevel, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.adjust_stock(
        location=level.location,
        quantities={level.variant_id: cleaned["quantity"]},
        reference=f"ADJ-{cleaned['key']}",
        reason=cleaned["reason"],
        at=now,
        by=request.user,
    )
    return f"{level.variant} at {level.location}: {cleaned['quantity']:+} units."


def adjust_anywhere(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None]:
    location, variant = cleaned["location"], cleaned["variant"]
    operations.adjust_stock(
        location=location,
        quantities={variant.pk: cleaned["quantity"]},
        reference=f"ADJ-{cleaned['key']}",
        reason=cleaned["reason"],
        at=now,
        by=request.user,
    )
    level = StockLevel.objects.get(location=location, variant=variant)
    return f"{variant} at {location}: {cleaned['quantity']:+} units.", level


def adjust_consequences(level: StockLevel) -> Sequence[str]:
    return (
        f"{level.on_hand} units are here now, {level.allocated} of them promised to orders.",
        "Units that are promised cannot be taken away.",
        "The stock value changes at today's average cost.",
        "The channels are told what is left.",
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


@admin.register(StockLevel)
class StockLevelAdmin(ViewOnlyAdmin):
    """How many units of what lie where, and how many of them are free."""

    acts = (
        Act(
            name="adjust",
            label="Adjust",
            permission="inventory.adjust_stocklevel",
            perform=adjust,
            form=AdjustForm,
            consequences=adjust_consequences,
            icon="tune",
        ),
    )
    page_acts = (
        PageAct(
            name="adjust",
            label="Adjust any article",
            permission="inventory.adjust_stocklevel",
            perform=adjust_anywhere,
            form=AdjustAnywhereForm,
            consequences=(
                "Units that are promised cannot be taken away.",
                "The stock value changes at today's average cost.",
            ),
            icon="tune",
        ),
    )
    list_display = ("variant", "product", "location", "on_hand", "allocated", "available", "value")
    list_select_related = ("variant__product", "location")
    list_filter = (AvailabilityFilter, "location")
    search_fields = (
        "variant__sku",
        "variant__product__name",
        "variant__gtin__exact",
        "variant__barcodes__code__exact",
    )
    ordering = ("variant__sku", "location__code", "pk")
    fields = ("variant", "product", "location", "on_hand", "allocated", "available", "everywhere")
    readonly_fields = ("product", "available", "everywhere")
    inlines = (OpenAllocationInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockLevel]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                available=F("on_hand") - F("allocated"),
                pool_units=F("variant__cost_pool__units"),
                pool_value=F("variant__cost_pool__value"),
            )
        )

    def get_list_display(self, request: HttpRequest) -> Sequence[str]:
        if request.user.has_perm(SEES_COST):
            return self.list_display
        return [column for column in self.list_display if column != "value"]

    @display(description="Product", ordering="variant__product__name")
    def product(self, level: StockLevel) -> str:
        return level.variant.product.name

    @display(description="Available", ordering="available")
    def available(self, level: Any) -> int:
        return level.available

    @display(description="Value")
    def value(self, level: Any) -> str:
        if not level.pool_units:
            return shown_amount(Decimal(0))
        return shown_amount(level.pool_value * level.on_hand / level.pool_units)

    @display(description="All locations")
    def everywhere(self, level: StockLevel) -> SafeString:
        places = variant_stock(variant_id=level.variant_id).places
        return format_html_join(
            "",
            "<div>{}: {} on hand, {} free</div>",
            ((place.location, place.on_hand, place.available) for place in places),
        )


@admin.register(StockMovement)
class StockMovementAdmin(ViewOnlyAdmin):
    """Every unit that came or left, and why."""

    list_display = (
        "moved_at",
        "shown_kind",
        "variant",
        "location",
        "quantity",
        "reference",
        "reason",
        "moved_by",
    )
    list_select_related = ("level__variant", "level__location", "moved_by")
    list_filter = ("kind", "level__location")
    search_fields = ("reference__startswith", "level__variant__sku__iexact")
    search_help_text = "Document number, or the whole SKU"

    def get_fields(
        self,
        request: HttpRequest,
        obj: Model | None = None,  # noqa: ARG002 - Django's signature
    ) -> Sequence[str]:
        fields = ["variant", "location", "kind", "quantity", "reference", "reason"]
        if request.user.has_perm(SEES_COST):
            fields.append("cost")
        return [*fields, "moved_at", "moved_by"]

    readonly_fields = ("variant", "location", "cost")

    @display(
        description="Kind",
        ordering="kind",
        label={
            "OPENING": "info",
            "RECEIPT": "success",
            "RETURN": "success",
            "ADJUSTMENT": "warning",
        },
    )
    def shown_kind(self, movement: StockMovement) -> tuple[str, str]:
        return movement.kind, movement.get_kind_display()

    @display(description="Article", ordering="level__variant__sku")
    def variant(self, movement: StockMovement) -> str:
        return movement.level.variant.sku

    @display(description="Location", ordering="level__location__name")
    def location(self, movement: StockMovement) -> str:
        return movement.level.location.name

    @display(description="Value moved")
    def cost(self, movement: StockMovement) -> str:
        return shown_amount(movement.cost_value)
