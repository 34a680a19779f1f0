"""Suppliers' files: how they are read, what a new one would change, and the decision."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.text import get_valid_filename
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from purchasing import operations
from purchasing.admin import transports
from purchasing.models import SupplierFileProfile, SupplierFileRow, SupplierFileRun
from purchasing.operations.catalogues import KIND
from purchasing.staging import NAMES
from retail.common.admin import Act, ActForm, BaseAdmin, Download, PageAct, ViewOnlyAdmin
from retail.common.admin.records import download_rejects, has_rejects

LINES_SHOWN = 20
STATUS_LOOKS = {"RUNNING": "info", "STAGED": "warning", "DONE": "success", "FAILED": "danger"}
DELIMITERS = (
    ("", "Recognize"),
    (";", "Semicolon"),
    (",", "Comma"),
    ("\t", "Tab"),
    ("|", "Bar"),
)


class UploadForm(ActForm):
    """Which supplier's file it is, and the file."""

    profile = forms.ModelChoiceField(
        queryset=SupplierFileProfile.objects.select_related("supplier").order_by("code"),
        help_text="How the file is read; set up under Supplier file profiles.",
    )
    file = forms.FileField(help_text="CSV, also compressed, or Excel.")


def upload(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None]:
    uploaded = cleaned["file"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / get_valid_filename(Path(uploaded.name).name)
        with path.open("wb") as file:
            for chunk in uploaded.chunks():
                file.write(chunk)
        run = operations.stage_supplier_file(
            profile=cleaned["profile"], path=path, at=now, by=request.user
        )
    message = f"{run.lines_read:,} lines were read. Nothing is changed until you apply them."
    return message, SupplierFileRun.objects.get(pk=run.pk)


UPLOAD = PageAct(
    name="upload",
    label="Upload supplier file",
    permission="purchasing.stage_supplierfilerun",
    perform=upload,
    form=UploadForm,
    consequences=(
        "The file is read and put beside the catalog; you see what it would change.",
        "Nothing is changed until you apply it.",
    ),
    icon="upload_file",
)


def apply_file(
    request: HttpRequest, run: SupplierFileRun, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    done = operations.apply_supplier_file(run_id=run.pk, at=now, by=request.user)
    return (
        f"{done.report['new']:,} new and {done.report['changed']:,} changed articles;"
        f" {done.report['unchanged']:,} are as they were."
    )


def discard_file(
    request: HttpRequest, run: SupplierFileRun, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.discard_supplier_file(run_id=run.pk, at=now, by=request.user)
    return f"{run.file_name} is discarded; the catalog is as it was."


def apply_consequences(run: SupplierFileRun) -> Sequence[str]:
    report, limit = run.report, run.report["max_price_change_percent"]
    return (
        f"{report['new']:,} articles are added, {report['changed']:,} are changed.",
        f"{report['large_price_changes']:,} prices change by more than {limit} percent.",
        f"{report['zero_prices']:,} prices are zero.",
        f"{run.lines_refused:,} lines were refused and stay out.",
        f"{report['not_in_file']:,} articles that are not in the file stay as they are.",
        "New prices hold from today; orders already placed keep theirs.",
    )


def is_staged(run: SupplierFileRun) -> bool:
    return run.status == SupplierFileRun.Status.STAGED


@admin.register(SupplierFileRun)
class SupplierFileRunAdmin(ViewOnlyAdmin):
    """Suppliers' files, waiting for a decision or decided."""

    page_acts = (UPLOAD,)
    acts = (
        Act(
            name="apply",
            label="Apply",
            permission="purchasing.apply_supplierfilerun",
            perform=apply_file,
            is_offered=is_staged,
            consequences=apply_consequences,
            icon="check",
        ),
        Act(
            name="discard",
            label="Discard",
            permission="purchasing.apply_supplierfilerun",
            perform=discard_file,
            is_offered=is_staged,
            consequences=lambda _run: (
                "The catalog stays as it is.",
                "The same file may be uploaded again.",
            ),
            is_dangerous=True,
            icon="delete",
        ),
    )
    downloads = (
        Download(
            name="rejects",
            label="Download rejected lines",
            permission="common.view_importreject",
            open=download_rejects,
            is_offered=has_rejects,
        ),
    )
    list_display = (
        "file_name",
        "profile",
        "shown_status",
        "lines_read",
        "lines_imported",
        "lines_refused",
        "lines_skipped",
        "started_at",
        "started_by",
    )
    list_select_related = ("started_by",)
    list_filter = ("status", "profile")
    search_fields = ("file_name", "profile")
    readonly_fields = ("preview",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("file_name", "profile"),
                    ("status", "error"),
                    ("started_by", "started_at"),
                    ("lines_read", "lines_refused"),
                    ("lines_imported", "lines_skipped"),
                )
            },
        ),
        ("What it changes", {"fields": ("preview",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SupplierFileRun]:
        queryset: QuerySet[SupplierFileRun] = super().get_queryset(request)
        return queryset.filter(kind=KIND)

    @display(description="Status", ordering="status", label=STATUS_LOOKS)
    def shown_status(self, run: SupplierFileRun) -> tuple[str, str]:
        return run.status, run.get_status_display()

    @display(description="Preview")
    def preview(self, run: SupplierFileRun) -> str:
        rows = SupplierFileRow.objects.filter(run=run).exclude(
            verdict=SupplierFileRow.Verdict.UNCHANGED
        )
        every_row = reverse(f"{self.admin_site.name}:purchasing_supplierfilerow_changelist")
        return render_to_string(
            "admin/purchasing/supplier_file.html",
            {
                "report": run.report,
                "rows": rows.order_by("-verdict", "line_number")[:LINES_SHOWN],
                "every_row_url": f"{every_row}?run__id__exact={run.pk}",
                "is_staged": is_staged(run),
            },
        )


@admin.register(SupplierFileRow)
class SupplierFileRowAdmin(ViewOnlyAdmin):
    """Lines of files that wait for a decision, beside what the catalog says."""

    list_display = (
        "line_number",
        "supplier_sku",
        "name",
        "verdict",
        "cost_before",
        "unit_cost",
        "pack_size",
        "minimum_quantity",
        "available_units",
    )
    list_filter = ("verdict", ("run", admin.RelatedOnlyFieldListFilter))
    search_fields = ("supplier_sku", "name", "gtin")
    ordering = ("-run_id", "line_number", "pk")


def _title_field(label: str) -> forms.CharField:
    return forms.CharField(label=label, required=False, widget=UnfoldAdminTextInputWidget)


class ProfileForm(transports.TransportForm):
    """One field for each column we know, in place of the stored map."""

    delimiter = forms.ChoiceField(
        choices=DELIMITERS,
        required=False,
        label="Columns are parted by",
        widget=UnfoldAdminSelectWidget,
    )
    decimal_separator = forms.ChoiceField(
        choices=((".", "Point, 1,234.50"), (",", "Comma, 1.234,50")),
        label="Decimals",
        widget=UnfoldAdminSelectWidget,
    )
    column_supplier_sku = _title_field("Supplier's SKU")
    column_gtin = _title_field("GTIN")
    column_name = _title_field("Name")
    column_unit_cost = _title_field("Cost of one unit")
    column_pack_cost = _title_field("Cost of a pack")
    column_pack_size = _title_field("Units in a pack")
    column_minimum_quantity = _title_field("Least units sold")
    column_available_units = _title_field("Units available")

    class Meta:
        model = SupplierFileProfile
        fields: ClassVar = [
            "supplier",
            "code",
            "encoding",
            "delimiter",
            "quote",
            "decimal_separator",
            "skipped_lines",
            "has_titles",
            "max_price_change_percent",
            *transports.FIELDS,
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in NAMES:
            if f"column_{name}" not in self.fields:
                continue
            self.fields[f"column_{name}"].initial = self.instance.columns.get(name, "")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        columns = {
            name: title for name in sorted(NAMES) if (title := cleaned.get(f"column_{name}", ""))
        }
        if "supplier_sku" not in columns:
            self.add_error("column_supplier_sku", "Without it no line can be told from another.")
        if ("unit_cost" in columns) == ("pack_cost" in columns):
            self.add_error("column_unit_cost", "Name the cost of one unit or of a pack, not both.")
        if "pack_cost" in columns and "pack_size" not in columns:
            self.add_error("column_pack_size", "Needed to work out the cost of one unit.")
        self.instance.columns = columns
        return cleaned


@admin.register(SupplierFileProfile)
class SupplierFileProfileAdmin(transports.TransportShown, BaseAdmin):
    """How a supplier's files are read."""

    form = ProfileForm
    acts = (transports.FETCH_NOW,)
    list_display = ("code", "supplier", "transport", "fetching", "polled_at")
    list_filter = ("transport",)
    readonly_fields = transports.READONLY
    list_select_related = ("supplier",)
    search_fields = ("code", "supplier__name")
    autocomplete_fields = ("supplier",)
    ordering = ("code", "pk")

    fieldsets = (
        (None, {"fields": (("supplier", "code"), "max_price_change_percent")}),
        (
            "The file",
            {
                "fields": (
                    ("delimiter", "decimal_separator"),
                    ("encoding", "quote"),
                    ("skipped_lines", "has_titles"),
                )
            },
        ),
        (
            "Titles of its columns",
            {
                "fields": (
                    ("column_supplier_sku", "column_gtin"),
                    ("column_name", "column_unit_cost"),
                    ("column_pack_cost", "column_pack_size"),
                    ("column_minimum_quantity", "column_available_units"),
                )
            },
        ),
        transports.FIELDSET,
    )
