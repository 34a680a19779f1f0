"""What a supplier's file would change, the decision, and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import display

from purchasing import operations, tasks
from purchasing.admin.files import (
    DISCARD_CONSEQUENCES,
    RECEIVES,
    TAKE_BACK_CONSEQUENCES,
    UPLOAD,
    is_kept,
    open_file,
)
from purchasing.models import SupplierFile, SupplierFileRow, SupplierFileRun
from purchasing.operations.catalogues import KIND
from purchasing.queries import staged_lines
from retail.common.admin import Act, ActForm, Download, ViewOnlyAdmin
from retail.common.admin.records import download_rejects, has_rejects
from retail.common.models import ImportRun

APPLIES = "purchasing.apply_supplierfilerun"
LINES_SHOWN = 50
ERRORS_SHOWN = 100
SECONDS_BETWEEN_LOOKS = 2
LOOKS = {
    "RUNNING": "info",
    "STAGED": "warning",
    "APPLYING": "info",
    "DONE": "success",
    "FAILED": "danger",
}

Verdict = SupplierFileRow.Verdict


class ReasonForm(ActForm):
    """Why a file is right that looks wrong."""

    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea,
        label="Why it is right all the same",
        help_text="Kept with the file.",
    )


def apply_file(
    request: HttpRequest, run: SupplierFileRun, cleaned: Mapping[str, Any], now: datetime
) -> str:
    begun = operations.begin_applying(
        run_id=run.pk, at=now, by=request.user, reason=cleaned.get("reason", "")
    )
    if begun.status == ImportRun.Status.APPLYING:
        # A hint only: the clock carries on with it within a minute.
        transaction.on_commit(tasks.apply_supplier_files.delay, robust=True)
        return f"{begun.report['to_apply']:,} lines are being applied. This page shows how far."
    return (
        f"{begun.report['new']:,} new and {begun.report['changed']:,} changed articles;"
        f" {begun.report['unchanged']:,} are as they were."
    )


def take_back_run(
    request: HttpRequest, run: SupplierFileRun, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    file = SupplierFile.objects.get(run=run)
    operations.take_back_file(file_id=file.pk, at=now, by=request.user)
    return f"{file} waits to be read again; the catalog is as it was."


def discard_run(
    request: HttpRequest, run: SupplierFileRun, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.discard_supplier_file(run_id=run.pk, at=now, by=request.user)
    return f"{run.file_name} is discarded; the catalog is as it was."


def is_staged(run: SupplierFileRun) -> bool:
    return run.status == SupplierFileRun.Status.STAGED


def is_free(run: SupplierFileRun) -> bool:
    return is_staged(run) and run.report.get("guards") == []


def is_stopped(run: SupplierFileRun) -> bool:
    return is_staged(run) and bool(run.report.get("guards"))


def may_be_read_again(run: SupplierFileRun) -> bool:
    return is_staged(run) and SupplierFile.objects.filter(run=run).exists()


def apply_consequences(run: SupplierFileRun) -> Sequence[str]:
    report = run.report
    limit = report["max_price_change_percent"]
    return (
        *(guard["text"] for guard in report["guards"]),
        (
            f"{report['new']:,} articles are added, {report['changed']:,} are changed;"
            f" {report['proposals']:,} of the new ones wait to be linked to an article of ours."
        ),
        f"{report['large_price_changes']:,} prices change by more than {limit} percent.",
        f"{report['zero_prices']:,} prices are zero.",
        f"{run.lines_refused:,} lines were refused and stay out.",
        f"{report['not_in_file']:,} articles that are not in the file stay as they are.",
        (
            "New prices hold from today, or from the day the file names; orders already placed keep"
            " theirs."
        ),
    )


def open_original(request: HttpRequest, run: SupplierFileRun) -> HttpResponseBase:
    return open_file(request, SupplierFile.objects.get(run=run))


def has_original(run: SupplierFileRun) -> bool:
    file = SupplierFile.objects.filter(run=run).first()
    return file is not None and is_kept(file)


@admin.register(SupplierFileRun)
class SupplierFileRunAdmin(ViewOnlyAdmin):
    """Suppliers' files, waiting for a decision, being applied or decided."""

    page_acts = (UPLOAD,)
    acts = (
        Act(
            name="apply",
            label="Apply",
            permission=APPLIES,
            perform=apply_file,
            is_offered=is_free,
            consequences=apply_consequences,
            icon="check",
        ),
        Act(
            name="overrule",
            label="Apply although it looks wrong",
            permission="purchasing.overrule_supplierfilerun",
            perform=apply_file,
            form=ReasonForm,
            is_offered=is_stopped,
            consequences=apply_consequences,
            is_dangerous=True,
            icon="gavel",
        ),
        Act(
            name="take-back",
            label="Take back",
            permission=RECEIVES,
            perform=take_back_run,
            is_offered=may_be_read_again,
            consequences=lambda _run: TAKE_BACK_CONSEQUENCES,
            icon="undo",
        ),
        Act(
            name="discard",
            label="Discard",
            permission=APPLIES,
            perform=discard_run,
            is_offered=is_staged,
            consequences=lambda _run: DISCARD_CONSEQUENCES,
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
        Download(
            name="file",
            label="Download the file",
            permission="purchasing.view_supplierfile",
            open=open_original,
            is_offered=has_original,
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

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        response: HttpResponseBase = super().render_change_form(request, context, *args, **kwargs)
        run = kwargs.get("obj")
        if run is not None and run.status == ImportRun.Status.APPLYING:
            # The browser asks again by itself; no script is needed for that.
            response["Refresh"] = str(SECONDS_BETWEEN_LOOKS)
        return response

    @display(description="Status", ordering="status", label=LOOKS)
    def shown_status(self, run: SupplierFileRun) -> tuple[str, str]:
        return run.status, run.get_status_display()

    @display(description="Preview")
    def preview(self, run: SupplierFileRun) -> str:
        """Show the counts, what stops the file, each change old and new, and every error."""
        context: dict[str, Any] = {"run": run, "report": run.report, "is_staged": is_staged(run)}
        if is_staged(run):
            on, every_line = timezone.now().date(), self._list_url("purchasing_supplierfilerow")
            context |= {
                verdict.lower(): staged_lines(run=run, verdict=verdict, on=on, limit=LINES_SHOWN)
                for verdict in (Verdict.CHANGED, Verdict.NEW)
            }
            context["every_line_url"] = f"{every_line}?run__id__exact={run.pk}"
        if run.status == ImportRun.Status.APPLYING:
            context |= {"taken": run.report["taken"], "to_take": run.report["to_apply"]}
        every_error = self._list_url("common_importreject")
        context |= {
            "errors": run.rejects.order_by("line_number", "pk")[:ERRORS_SHOWN],
            "every_error_url": f"{every_error}?run__id__exact={run.pk}",
            "has_more_errors": run.lines_refused > ERRORS_SHOWN,
        }
        return render_to_string("admin/purchasing/supplier_file.html", context)

    def _list_url(self, name: str) -> str:
        return reverse(f"{self.admin_site.name}:{name}_changelist")


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
        "valid_from",
        "pack_size",
        "minimum_quantity",
        "order_multiple",
        "available_units",
        "back_in_stock_on",
        "lead_time_days",
        "our_sku",
    )
    list_filter = ("verdict", ("run", admin.RelatedOnlyFieldListFilter))
    search_fields = ("supplier_sku", "name", "gtin")
    ordering = ("-run_id", "line_number", "pk")
