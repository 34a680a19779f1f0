"""How a supplier's files are read, where they come from and when one looks wrong."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from purchasing.admin import transports
from purchasing.admin.files_reading import (
    COLUMNS,
    DECIMAL_SEPARATORS,
    DELIMITERS,
    faults_of_columns,
)
from purchasing.models import SupplierFileProfile
from retail.common.admin import BaseAdmin


def _title_field(name: str) -> forms.CharField:
    return forms.CharField(label=COLUMNS[name], required=False, widget=UnfoldAdminTextInputWidget)


class ProfileForm(transports.TransportForm):
    """One field for each column we know, in place of the stored map."""

    delimiter = forms.ChoiceField(
        choices=DELIMITERS,
        required=False,
        label="Columns are parted by",
        widget=UnfoldAdminSelectWidget,
    )
    decimal_separator = forms.ChoiceField(
        choices=DECIMAL_SEPARATORS, label="Decimals", widget=UnfoldAdminSelectWidget
    )
    column_supplier_sku = _title_field("supplier_sku")
    column_gtin = _title_field("gtin")
    column_our_sku = _title_field("our_sku")
    column_name = _title_field("name")
    column_unit_cost = _title_field("unit_cost")
    column_pack_cost = _title_field("pack_cost")
    column_pack_size = _title_field("pack_size")
    column_minimum_quantity = _title_field("minimum_quantity")
    column_order_multiple = _title_field("order_multiple")
    column_available_units = _title_field("available_units")
    column_back_in_stock_on = _title_field("back_in_stock_on")
    column_lead_time_days = _title_field("lead_time_days")
    column_valid_from = _title_field("valid_from")
    column_currency = _title_field("currency")

    class Meta:
        model = SupplierFileProfile
        fields: ClassVar = [
            "supplier",
            "code",
            "encoding",
            "delimiter",
            "quote",
            "decimal_separator",
            "day_format",
            "sheet",
            "skipped_lines",
            "has_titles",
            "footer_words",
            "max_price_change_percent",
            "max_large_changes_percent",
            "max_emptied_percent",
            "max_missing_percent",
            "max_refused_percent",
            *transports.FIELDS,
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in COLUMNS:
            self.fields[f"column_{name}"].initial = self.instance.columns.get(name, "")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        columns = {name: title for name in COLUMNS if (title := cleaned.get(f"column_{name}", ""))}
        for name, fault in faults_of_columns(columns).items():
            self.add_error(f"column_{name}", fault)
        self.instance.columns = columns
        return cleaned


def _two_by_two(names: list[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(names[at : at + 2]) for at in range(0, len(names), 2))


@admin.register(SupplierFileProfile)
class SupplierFileProfileAdmin(transports.TransportShown, BaseAdmin):
    """How a supplier's files are read."""

    form = ProfileForm
    acts = (transports.FETCH_NOW,)
    list_display = ("code", "supplier", "transport", "fetching", "polled_at")
    list_select_related = ("supplier",)
    list_filter = ("transport",)
    search_fields = ("code", "supplier__name")
    autocomplete_fields = ("supplier",)
    readonly_fields = transports.READONLY
    ordering = ("code", "pk")

    fieldsets = (
        (None, {"fields": (("supplier", "code"),)}),
        (
            "The file",
            {
                "fields": (
                    ("delimiter", "decimal_separator"),
                    ("encoding", "quote"),
                    ("day_format", "sheet"),
                    ("skipped_lines", "has_titles"),
                    "footer_words",
                )
            },
        ),
        (
            "Titles of its columns",
            {"fields": _two_by_two([f"column_{name}" for name in COLUMNS])},
        ),
        (
            "When it looks wrong",
            {
                "fields": (
                    ("max_price_change_percent", "max_large_changes_percent"),
                    ("max_emptied_percent", "max_missing_percent"),
                    "max_refused_percent",
                )
            },
        ),
        transports.FIELDSET,
    )
