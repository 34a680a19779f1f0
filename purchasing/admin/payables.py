"""Invoices on their way to accounting: several approved at once, handed over batch by batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from purchasing import operations
from purchasing.models import Handover, MatchException, PayableExport, SupplierInvoice
from purchasing.payables_file import sign_of
from retail.common import money
from retail.common.admin import (
    ActForm,
    BaseAdmin,
    Download,
    PageAct,
    ViewOnlyAdmin,
    ViewOnlyInline,
)

Status = SupplierInvoice.Status
APPROVES = "purchasing.approve_supplierinvoice"
EXPORTS = "purchasing.export_supplierinvoice"
# As many as fit into an address.
CHOSEN_AT_MOST = 300
DIGITS_OF_AN_ID = 18


class PayableChoices(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: SupplierInvoice) -> str:
        total = money.display(sign_of(obj) * obj.payable, obj.currency)
        return f"{obj.number}, {obj.supplier} {obj.supplier_number}, {total}, due {obj.due_on}"


class ChosenForm(ActForm):
    """Invoices that may be meant; those chosen in the list are ticked, without any all of them."""

    chosen = forms.CharField(required=False, widget=forms.HiddenInput)
    invoices = PayableChoices(
        queryset=SupplierInvoice.objects.none(), widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = self.offered().select_related("supplier").order_by("due_on", "pk")
        self.fields["invoices"].queryset = offered
        ids = ids_in(self["chosen"].value())
        self.fields["invoices"].initial = offered.filter(pk__in=ids) if ids else offered

    def offered(self) -> QuerySet[SupplierInvoice]:
        raise NotImplementedError


class ApproveForm(ChosenForm):
    """Matched invoices, ticked to be released."""

    def offered(self) -> QuerySet[SupplierInvoice]:
        return SupplierInvoice.objects.filter(status=Status.MATCHED)


class ExportForm(ChosenForm):
    """The approved invoices, all of them chosen."""

    def offered(self) -> QuerySet[SupplierInvoice]:
        return SupplierInvoice.objects.filter(status=Status.APPROVED)


def ids_in(text: Any) -> list[int]:
    """Return the primary keys in a text, as many as may be chosen."""
    parts = [part for part in str(text or "").split(",") if part.isascii() and part.isdecimal()]
    return [int(part) for part in parts[:CHOSEN_AT_MOST] if len(part) <= DIGITS_OF_AN_ID]


def approve_chosen(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, None]:
    approved = operations.approve_invoices(
        invoice_ids=[invoice.pk for invoice in cleaned["invoices"]],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{len(approved)} invoice(s) are approved for payment.", None


def approve_plan(_request: HttpRequest, cleaned: Mapping[str, Any], _now: datetime) -> list[str]:
    invoices = list(cleaned["invoices"])
    return [*totals_by_supplier(invoices), *warnings_about(invoices)]


def totals_by_supplier(invoices: Iterable[SupplierInvoice]) -> list[str]:
    """Say what each supplier is to get in each currency, and all of them together."""
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for invoice in invoices:
        sums[invoice.supplier.name, invoice.currency].append(sign_of(invoice) * invoice.payable)
    totals: dict[str, Decimal] = defaultdict(Decimal)
    told = []
    for (supplier, currency), amounts in sorted(sums.items()):
        totals[currency] += sum(amounts)
        documents = "1 document" if len(amounts) == 1 else f"{len(amounts):,} documents"
        told.append(f"{supplier}: {money.display(sum(amounts), currency)}, {documents}.")
    together = ", ".join(money.display(total, currency) for currency, total in totals.items())
    return [*told, f"Together: {together}."]


def warnings_about(invoices: Iterable[SupplierInvoice]) -> list[str]:
    """Say what does not agree on these documents and blocks nothing, another alike among it."""
    rows = (
        MatchException.objects.filter(
            invoice__in=[invoice.pk for invoice in invoices],
            status=MatchException.Status.OPEN,
            is_blocking=False,
        )
        .select_related("invoice")
        .order_by("invoice", "pk")
    )
    return [
        f"Look at {row.invoice.number} ({row.invoice.supplier_number}):"
        f" {row.get_kind_display().lower()}. {row.detail}".strip()
        for row in rows
    ]


APPROVE_CHOSEN = PageAct(
    name="approve-chosen",
    label="Approve for payment",
    permission=APPROVES,
    perform=approve_chosen,
    form=ApproveForm,
    plan=approve_plan,
    consequences=(
        "What the goods cost more or less than ordered changes the stock value.",
        "All of them are approved, or none when one of them cannot be.",
    ),
    is_listed=False,
    icon="check",
)


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
    way = (
        "it is laid where accounting fetches it"
        if settings.RETAIL_HANDOVER_DIR
        else "download it for accounting"
    )
    return f"{batch} holds {len(invoices)} invoice(s): {way}.", batch


def export_plan(_request: HttpRequest, cleaned: Mapping[str, Any], _now: datetime) -> list[str]:
    return totals_by_supplier(cleaned["invoices"])


EXPORT = PageAct(
    name="export",
    label="Export approved invoices",
    permission=EXPORTS,
    perform=export,
    form=ExportForm,
    plan=export_plan,
    consequences=("Each invoice goes out once; the file stays as it is.",),
    icon="outbox",
)


@admin.action(description="Approve for payment", permissions=["approve"])
def open_approval(
    model_admin: BaseAdmin, request: HttpRequest, queryset: QuerySet[SupplierInvoice]
) -> HttpResponseRedirect | None:
    """Show what the chosen invoices come to, to be confirmed."""
    return page_of_chosen(model_admin, request, queryset.filter(status=Status.MATCHED), "approve")


@admin.action(description="Pay by the bank", permissions=["order_payment"])
def open_payment(
    model_admin: BaseAdmin, request: HttpRequest, queryset: QuerySet[SupplierInvoice]
) -> HttpResponseRedirect | None:
    """Show which transfers would pay the chosen invoices, to be confirmed."""
    payable = queryset.filter(status__in=[Status.APPROVED, Status.EXPORTED])
    return page_of_chosen(model_admin, request, payable, "pay")


PAGES_OF_CHOSEN = {
    "approve": ("admin:purchasing_supplierinvoice_page_act", "approve-chosen"),
    "pay": ("admin:purchasing_paymentbatch_page_act", "pay"),
}


def page_of_chosen(
    model_admin: BaseAdmin,
    request: HttpRequest,
    invoices: QuerySet[SupplierInvoice],
    act: str,
) -> HttpResponseRedirect | None:
    """Lead to the page of an act with the chosen invoices ticked."""
    ids = list(invoices.order_by("pk").values_list("pk", flat=True)[: CHOSEN_AT_MOST + 1])
    if not ids:
        told = "None of these is ready for it."
        model_admin.message_user(request, told, messages.WARNING)
        return None
    if len(ids) > CHOSEN_AT_MOST:
        told = f"Choose {CHOSEN_AT_MOST} at most."
        model_admin.message_user(request, told, messages.WARNING)
        return None
    page, name = PAGES_OF_CHOSEN[act]
    return HttpResponseRedirect(f"{reverse(page, args=[name])}?chosen={','.join(map(str, ids))}")


class PayableActions:
    """What the list of invoices offers for those that were chosen in it."""

    actions: Sequence[Any] = (open_approval, open_payment)

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(APPROVES)

    def has_order_payment_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("purchasing.make_paymentbatch")


def download_export(_request: HttpRequest, batch: PayableExport) -> HttpResponse:
    return HttpResponse(
        batch.content,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{batch.number}.csv"'},
    )


class HandoverInline(ViewOnlyInline):
    """Whether the file lies where it is fetched."""

    model = Handover
    verbose_name_plural = "Handed over"
    ordering = ("pk",)
    fields = ("filename", "state", "tries", "try_at", "done_at", "error")
    show_change_link = True


@admin.register(PayableExport)
class PayableExportAdmin(ViewOnlyAdmin):
    """What was handed to accounting, batch by batch."""

    page_acts = (EXPORT,)
    downloads = (
        Download(
            name="csv",
            label="Download CSV",
            permission=EXPORTS,
            open=download_export,
        ),
    )
    inlines = (HandoverInline,)
    list_display = ("number", "exported_at", "exported_by", "sha256")
    list_select_related = ("exported_by",)
    search_fields = ("number", "invoices__number", "invoices__supplier_number")
    fields = ("number", "exported_at", "exported_by", "sha256", "content")
