"""What stock is worth, in the admin."""

from __future__ import annotations

from django.contrib import admin
from unfold.decorators import display

from inventory.admin.shown import shown_amount
from inventory.models import CostMovement, CostPool
from retail.common.admin import ViewOnlyAdmin
from retail.common.money import round_rate


@admin.register(CostPool)
class CostPoolAdmin(ViewOnlyAdmin):
    """What the stock of each article is worth in the whole company."""

    list_display = ("variant", "units", "shown_value", "unit_cost")
    list_select_related = ("variant",)
    search_fields = ("variant__sku",)
    ordering = ("-value", "pk")
    fields = ("variant", "units", "shown_value", "unit_cost")
    readonly_fields = ("shown_value", "unit_cost")

    @display(description="Value", ordering="value")
    def shown_value(self, pool: CostPool) -> str:
        return shown_amount(pool.value)

    @display(description="Average unit cost")
    def unit_cost(self, pool: CostPool) -> str:
        return str(round_rate(pool.value / pool.units)) if pool.units else "-"


@admin.register(CostMovement)
class CostMovementAdmin(ViewOnlyAdmin):
    """Every change of stock value, with late costs and variances that were expensed beside it."""

    list_display = (
        "moved_at",
        "kind",
        "variant",
        "units",
        "shown_value",
        "shown_expensed",
        "reference",
    )
    list_select_related = ("pool__variant",)
    list_filter = ("kind",)
    search_fields = ("reference__startswith", "pool__variant__sku__iexact")
    search_help_text = "Document number, or the whole SKU"
    fields = (
        "variant",
        "kind",
        "units",
        "units_before",
        "shown_value",
        "shown_expensed",
        "reference",
        "corrected",
        "moved_at",
    )
    readonly_fields = ("variant", "shown_value", "shown_expensed", "corrected")

    @display(description="Article", ordering="pool__variant__sku")
    def variant(self, movement: CostMovement) -> str:
        return movement.pool.variant.sku

    @display(description="Change of stock value", ordering="value")
    def shown_value(self, movement: CostMovement) -> str:
        return shown_amount(movement.value)

    @display(description="Expensed", ordering="expensed")
    def shown_expensed(self, movement: CostMovement) -> str:
        return shown_amount(movement.expensed)

    @display(description="Corrects receipt")
    def corrected(self, movement: CostMovement) -> str:
        return movement.corrects.reference if movement.corrects else "-"
