"""What was imported and what ran on schedule, to be read."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.text import get_valid_filename
from unfold.decorators import display

from retail.common.admin.acts import Download
from retail.common.admin.base import ViewOnlyAdmin
from retail.common.imports import rejects_csv
from retail.common.models import ImportReject, ImportRun, TaskRun

_LOOKS = {
    "RUNNING": "info",
    "STAGED": "warning",
    "APPLYING": "info",
    "DONE": "success",
    "FAILED": "danger",
}


def download_rejects(_request: HttpRequest, run: ImportRun) -> StreamingHttpResponse:
    """Answer with the refused lines as CSV, so that they can be corrected and sent again."""
    name = get_valid_filename(f"rejected-{run.pk}-{run.file_name.rsplit('.', 1)[0]}.csv")
    return StreamingHttpResponse(
        rejects_csv(run),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def has_rejects(run: ImportRun) -> bool:
    return run.lines_refused > 0


@admin.register(ImportRun)
class ImportRunAdmin(ViewOnlyAdmin):
    """Files taken in, and what became of their lines."""

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
        "kind",
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
    list_filter = ("status", "kind")
    search_fields = ("file_name", "profile")

    @display(description="Status", ordering="status", label=_LOOKS)  # type: ignore[untyped-decorator]  # Unfold's
    def shown_status(self, run: ImportRun) -> tuple[str, str]:
        return run.status, run.get_status_display()


@admin.register(ImportReject)
class ImportRejectAdmin(ViewOnlyAdmin):
    """Refused lines of files."""

    list_display = ("run", "line_number", "code", "text")
    list_select_related = ("run",)
    list_filter = ("code",)
    search_fields = ("run__file_name", "text")
    ordering = ("-run_id", "line_number", "pk")


@admin.register(TaskRun)
class TaskRunAdmin(ViewOnlyAdmin):
    """Runs of scheduled tasks."""

    list_display = ("name", "slot", "shown_status", "started_at", "finished_at", "error")
    list_filter = ("status", "name")
    search_fields = ("name", "slot")

    @display(description="Status", ordering="status", label=_LOOKS)  # type: ignore[untyped-decorator]  # Unfold's
    def shown_status(self, run: TaskRun) -> tuple[str, str]:
        return run.status, run.get_status_display()
