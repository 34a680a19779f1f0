"""Which orders somebody has to approve."""

from __future__ import annotations

from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from purchasing.models import PurchaseApprovalRule
from retail.common.admin import BaseAdmin


@admin.register(PurchaseApprovalRule)
class PurchaseApprovalRuleAdmin(BaseAdmin):
    """
    Who approves which orders; every rule that catches an order asks for one approval.

    A rule that was used stays, switched off.
    """

    list_display = (
        *("name", "supplier", "from_amount", "from_price_change_percent", "group", "is_active"),
    )
    list_select_related = ("supplier", "group")
    list_filter = ("is_active", ("supplier", AutocompleteSelectFilter))
    search_fields = ("name", "supplier__name", "supplier__code")
    search_help_text = "Name or supplier."
    autocomplete_fields = ("supplier",)
    ordering = ("name", "pk")
    fieldsets = (
        (None, {"fields": (("name", "is_active"),)}),
        (
            "Which orders",
            {
                "description": (
                    "All that is filled in has to be true. Without any active rule every order is"
                    " approved by somebody; with rules, an order that none catches is approved at"
                    " once."
                ),
                "fields": ("supplier", ("from_amount", "from_price_change_percent")),
            },
        ),
        ("Who approves", {"fields": ("group",)}),
    )
