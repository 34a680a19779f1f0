"""Approved invoices on their way to accounting, batch by batch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from purchasing import operations
from purchasing.models import PayableExport, SupplierInvoice
from retail.common import money
from retail.common.admin import ActForm, Download, PageAct, ViewOnlyAdmin


class PayableChoices(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: SupplierInvoice) -> str:
        total = money.display(obj.total, obj.currency)
        return f"{obj.number}, {obj.supplier} {obj.supplier_number}, {total}, due {obj.due_on}"


class ExportForm(ActForm):
    """The approved invoices, all of them chosen."""

    invoices = PayableChoices(
        queryset=SupplierInvoice.objects.filter(status=SupplierInvoice.Status.APPROVED)
        .select_related("supplier")
        .order_by("due_on", "pk"),
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["invoices"].initial = self.fields["invoices"].queryset


def export(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, PayableExport]:
    invoices: QuerySet[SupplierInvoice] = cleaned["invoices"]
    batch = operations.export_payables(
        invoice_ids=[invoice.pk for invoice in invoices],
        key=cleaned["key"],
        at=now,
        by=request.user,
    )
    return f"{batch} holds {len(invoices)} invoice(s): download it for accounting.", batch


EXPORT = PageAct(
    name="export",
    label="Export approved invoices",
    permission="purchasing.export_supplierinvoice",
    perform=export,
    form=ExportForm,
    consequences=("Each invoice goes out once; the file stays as it is.",),
    icon="outbox",
)


def download_export(_request: HttpRequest, batch: PayableExport) -> HttpResponse:
    return HttpResponse(
        batch.content,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{batch.number}.csv"'},
    )


@admin.register(PayableExport)
class PayableExportAdmin(ViewOnlyAdmin):
    """What was handed to accounting, batch by batch."""

    page_acts = (EXPORT,)
    downloads = (
        Download(
            name="csv",
            label="Download CSV",
            permission="purchasing.export_supplierinvoice",
            open=download_export,
        ),
    )
    list_display = ("number", "exported_at", "exported_by", "sha256")
    list_select_related = ("exported_by",)
    search_fields = ("number", "invoices__number", "invoices__supplier_number")
    fields = ("number", "exported_at", "exported_by", "sha256", "content")
