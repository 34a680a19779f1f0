"""The places that hold stock, in the admin."""

from __future__ import annotations

from django.contrib import admin

from inventory.models import Location
from retail.common.admin import BaseAdmin


@admin.register(Location)
class LocationAdmin(BaseAdmin):
    """The places that hold stock."""

    list_display = ("name", "code", "kind", "is_shipping", "is_pickup", "priority", "country")
    list_filter = ("kind", "is_shipping", "is_pickup")
    search_fields = ("code", "name")
    ordering = ("priority", "code", "pk")
    fieldsets = (
        (None, {"fields": (("name", "code", "kind"), ("priority", "is_shipping"))}),
        (
            "Where it is",
            {
                "fields": (
                    ("street", "postcode", "city", "country"),
                    ("latitude", "longitude"),
                )
            },
        ),
        ("What it sends", {"fields": (("walk_in_floor", "daily_capacity"),)}),
        (
            "Customers collect here",
            {
                "fields": (
                    ("is_pickup", "pickup_ready_minutes", "pickup_hold_days"),
                    "pickup_instructions",
                )
            },
        ),
        ("Counts", {"fields": (("count_units_limit", "count_value_limit"),)}),
    )
