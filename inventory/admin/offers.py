"""What channels are offered, in the admin."""

from __future__ import annotations

from django.contrib import admin

from inventory.models import AvailabilityChange
from retail.common.admin import ViewOnlyAdmin


@admin.register(AvailabilityChange)
class AvailabilityChangeAdmin(ViewOnlyAdmin):
    """Articles whose listings the channels must still be told about."""

    list_display = ("variant", "changed_at")
    list_select_related = ("variant",)
    search_fields = ("variant__sku",)
