"""Suppliers' files: brought in, read by a profile that is proposed, taken back, discarded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.http import FileResponse, Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import display

from purchasing import operations
from purchasing.admin.files_reading import ReadingForm, first_form, preview_of, sent_form
from purchasing.models import Supplier, SupplierFile, SupplierFileProfile
from purchasing.operations import FileCameBefore
from retail.common.admin import Act, ActForm, Download, PageAct, ViewOnlyAdmin
from retail.common.errors import BusinessError
from retail.common.models import ImportRun

RECEIVES = "purchasing.receive_supplierfile"
ADDS_PROFILES = "purchasing.add_supplierfileprofile"
CHANGES_PROFILES = "purchasing.change_supplierfileprofile"

Status = SupplierFile.Status
LOOKS = {"RECEIVED": "warning", "STAGED": "info", "REFUSED": "danger", "DISCARDED": "default"}


class UploadForm(ActForm):
    """Whose file it is, how it is read when that is known, and the file."""

    supplier = forms.ModelChoiceField(
        queryset=Supplier.objects.filter(is_active=True).order_by("name", "pk"),
        required=False,
        help_text="Whose catalog it is. May be left out when the profile says it.",
    )
    profile = forms.ModelChoiceField(
        queryset=SupplierFileProfile.objects.select_related("supplier").order_by("code"),
        required=False,
        help_text="How the file is read. Without one a reading is proposed beside real rows.",
    )
    file = forms.FileField(help_text="CSV, also compressed, or Excel.")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        supplier, profile = cleaned.get("supplier"), cleaned.get("profile")
        if profile is None and supplier is None:
            self.add_error("supplier", "Say whose file it is.")
        elif profile and supplier and profile.supplier != supplier:
            self.add_error("profile", f"This is how files of {profile.supplier} are read.")
        return cleaned


def upload(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None] | HttpResponseBase:
    profile, content = cleaned["profile"], cleaned["file"]
    try:
        file = operations.receive_supplier_file(
            supplier=profile.supplier if profile else cleaned["supplier"],
            name=content.name,
            content=content,
            profile=profile,
            at=now,
            by=request.user,
        )
    except FileCameBefore as earlier:
        return _led_to_earlier(request, earlier)
    if profile is None:
        return HttpResponseRedirect(reading_url(file))
    file = operations.read_received_file(file_id=file.pk, profile=profile, at=now, by=request.user)
    return _after_reading(request, file)


def _led_to_earlier(request: HttpRequest, earlier: FileCameBefore) -> HttpResponseBase:
    """Show the first of two files of the same bytes, or what came of it."""
    run = ImportRun.objects.filter(pk=earlier.run_id).first()
    url = run_url(run.pk) if run else file_url(earlier.file_id)
    is_imported = run is not None and run.status == ImportRun.Status.DONE
    messages.warning(
        request,
        format_html(
            '{} <a href="{}">{}</a>',
            "This file is already imported." if is_imported else "This file is here already.",
            url,
            earlier.message,
        ),
    )
    return HttpResponseRedirect(url)


def _after_reading(request: HttpRequest, file: SupplierFile) -> HttpResponseBase:
    """Show what the file would change, or why it cannot be read, to be corrected."""
    if file.run is None:
        messages.error(request, file.error)
        return HttpResponseRedirect(reading_url(file))
    text = f"{file.run.lines_read:,} lines were read. Nothing is changed until you apply them."
    messages.success(request, text)
    return HttpResponseRedirect(run_url(file.run.pk))


def file_url(file_id: int) -> str:
    return reverse("admin:purchasing_supplierfile_change", args=[file_id])


def reading_url(file: SupplierFile) -> str:
    return reverse("admin:purchasing_supplierfile_reading", args=[file.pk])


def run_url(run_id: int) -> str:
    return reverse("admin:purchasing_supplierfilerun_change", args=[run_id])


UPLOAD = PageAct(
    name="upload",
    label="Upload supplier file",
    permission=RECEIVES,
    perform=upload,
    form=UploadForm,
    consequences=(
        "The file is kept, read and put beside the catalog; you see what it would change.",
        "Nothing is changed until you apply it.",
    ),
    icon="upload_file",
)


def open_file(_request: HttpRequest, file: SupplierFile) -> FileResponse:
    return FileResponse(
        file.file.open("rb"),
        as_attachment=True,
        filename=file.name,
        # Never what a browser would run, whatever the file says of itself.
        content_type="application/octet-stream",
    )


def is_kept(file: SupplierFile) -> bool:
    return bool(file.file) and file.file.storage.exists(file.file.name)


def waits(file: SupplierFile) -> bool:
    return file.status in {Status.RECEIVED, Status.REFUSED}


def may_be_taken_back(file: SupplierFile) -> bool:
    is_open = file.run is None or file.run.status == ImportRun.Status.STAGED
    return file.status == Status.STAGED and is_open


def may_be_discarded(file: SupplierFile) -> bool:
    return waits(file) or may_be_taken_back(file)


def take_back(
    request: HttpRequest, file: SupplierFile, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.take_back_file(file_id=file.pk, at=now, by=request.user)
    return f"{file} waits to be read again; the catalog is as it was."


def discard(
    request: HttpRequest, file: SupplierFile, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.discard_file(file_id=file.pk, at=now, by=request.user)
    return f"{file} is discarded; the catalog is as it was."


TAKE_BACK_CONSEQUENCES = (
    "The lines that were read are thrown away; the catalog stays as it is.",
    "The file waits to be read again, by the same profile or another.",
)
DISCARD_CONSEQUENCES = (
    "The catalog stays as it is.",
    "The same file may be uploaded again.",
)


@admin.register(SupplierFile)
class SupplierFileAdmin(ViewOnlyAdmin):
    """Suppliers' files as they came, and what became of them."""

    page_acts = (UPLOAD,)
    acts = (
        Act(
            name="take-back",
            label="Take back",
            permission=RECEIVES,
            perform=take_back,
            is_offered=may_be_taken_back,
            consequences=lambda _file: TAKE_BACK_CONSEQUENCES,
            icon="undo",
        ),
        Act(
            name="discard",
            label="Discard",
            permission=RECEIVES,
            perform=discard,
            is_offered=may_be_discarded,
            consequences=lambda _file: DISCARD_CONSEQUENCES,
            is_dangerous=True,
            icon="delete",
        ),
    )
    downloads = (
        Download(
            name="read",
            label="Choose how it is read",
            permission=RECEIVES,
            open=lambda _request, file: HttpResponseRedirect(reading_url(file)),
            is_offered=waits,
            icon="tune",
        ),
        Download(
            name="file",
            label="Download the file",
            permission="purchasing.view_supplierfile",
            open=open_file,
            is_offered=is_kept,
        ),
    )
    list_display = (
        "name",
        "supplier",
        "profile",
        "shown_status",
        "shown_run",
        "transport",
        "received_at",
        "received_by",
        "error",
    )
    list_select_related = ("supplier", "profile", "run", "received_by")
    list_filter = ("status", "transport", "supplier")
    search_fields = ("name", "supplier__name", "sha256")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "supplier"),
                    ("status", "shown_run"),
                    ("profile", "transport"),
                    ("received_at", "received_by"),
                    ("size", "fingerprint"),
                    ("error_code", "error"),
                )
            },
        ),
    )
    readonly_fields = ("shown_run", "fingerprint")

    @display(description="SHA-256 of the bytes")
    def fingerprint(self, file: SupplierFile) -> str:
        return format_html('<span class="desk-code">{}</span>', file.sha256)

    def get_urls(self) -> list[URLPattern]:
        return [
            self._path("<path:object_id>/reading/", self.reading_view, "reading"),
            *super().get_urls(),
        ]

    def reading_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Show how the file would be read and, on POST, show it again or keep it and read it."""
        file = self._file_to_read(request, object_id)
        if not waits(file):
            messages.warning(request, f"{file} is {file.get_status_display().lower()} already.")
            return HttpResponseRedirect(file_url(file.pk))
        if request.method != "POST":
            form, notes = first_form(file)
            return self._reading_page(request, file, form, notes)
        form = sent_form(file, request.POST)
        if form.is_valid() and "save" in request.POST:
            try:
                with transaction.atomic():
                    return self._read(request, file, form)
            except BusinessError as refusal:
                messages.error(request, refusal.message)
        return self._reading_page(request, file, form, ())

    def _file_to_read(self, request: HttpRequest, object_id: str) -> SupplierFile:
        if not (self.has_view_permission(request) and request.user.has_perm(RECEIVES)):
            raise PermissionDenied
        file: SupplierFile | None = self.get_object(request, unquote(object_id))
        if file is None or not is_kept(file):
            raise Http404
        return file

    def _read(
        self, request: HttpRequest, file: SupplierFile, form: ReadingForm
    ) -> HttpResponseBase:
        """Keep the reading as a profile and read the file by it."""
        code, now = form.cleaned_data["code"], timezone.now()
        is_known = SupplierFileProfile.objects.filter(code=code).exists()
        if not request.user.has_perm(CHANGES_PROFILES if is_known else ADDS_PROFILES):
            raise PermissionDenied
        profile = operations.save_profile(supplier=file.supplier, code=code, reading=form.reading())
        file = operations.read_received_file(
            file_id=file.pk, profile=profile, at=now, by=request.user
        )
        self.log_change(request, file, f"Read by {profile}")
        return _after_reading(request, file)

    def _reading_page(
        self, request: HttpRequest, file: SupplierFile, form: ReadingForm, notes: Any
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"How {file} is read",
            "opts": self.opts,
            "original": file,
            "media": self.media + form.media,
            "file": file,
            "form": form,
            "notes": notes,
            "preview": preview_of(file, form),
            "back_url": file_url(file.pk),
        }
        return TemplateResponse(request, "admin/purchasing/supplier_file_reading.html", context)

    @display(description="Status", ordering="status", label=LOOKS)
    def shown_status(self, file: SupplierFile) -> tuple[str, str]:
        return file.status, file.get_status_display()

    @display(description="What came of it")
    def shown_run(self, file: SupplierFile) -> str:
        if file.run is None:
            return "-"
        return format_html(
            '<a href="{}">{}</a>', run_url(file.run.pk), file.run.get_status_display()
        )
