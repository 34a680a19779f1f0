"""What is promised to whom, in the admin."""

from __future__ import annotations

from django.contrib import admin
from unfold.decorators import display

from inventory.models import Allocation
from retail.common.admin import ViewOnlyAdmin


@admin.register(Allocation)
class AllocationAdmin(ViewOnlyAdmin):
    """Units promised to documents, and what became of the promise."""

    list_display = (
        "reference",
        "variant",
        "location",
        "units",
        "shipped",
        "released",
        "open_units",
        "allocated_at",
        "closed_at",
    )
    list_select_related = ("level__variant", "level__location")
    list_filter = (("closed_at", admin.EmptyFieldListFilter), "level__location")
    search_fields = ("reference__startswith", "level__variant__sku__iexact")
    search_help_text = "Order number, or the whole SKU"
    fields = (
        "reference",
        "variant",
        "location",
        "units",
        "shipped",
        "released",
        "open_units",
        "allocated_at",
        "expires_at",
        "closed_at",
    )
    readonly_fields = ("variant", "location", "open_units")

    @display(description="Article", ordering="level__variant__sku")
    def variant(self, allocation: Allocation) -> str:
        return allocation.level.variant.sku

    @display(description="Location", ordering="level__location__name")
    def location(self, allocation: Allocation) -> str:
        return allocation.level.location.name
