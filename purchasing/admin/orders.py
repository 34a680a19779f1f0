"""Purchase orders: written as a draft, then moved on by acts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import F, Model, OuterRef, QuerySet, Subquery, Sum
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter
from unfold.decorators import display

from purchasing import operations
from purchasing.admin.invoice_entry import BILL_ORDER
from purchasing.admin.order_acts import ORDER_ACTS
from purchasing.documents import order_csv, order_text
from purchasing.models import GoodsReceipt, PurchaseOrder, PurchaseOrderLine, Supplier
from purchasing.operations import NewLine
from purchasing.queries import supplier_offers
from retail.common.admin import BaseAdmin, BaseInline, Download, ViewOnlyAdmin, ViewOnlyInline
from retail.common.admin.acts import new_key
from retail.common.errors import BusinessError
from retail.common.money import ZERO
from retail.common.money import display as display_money

Status = PurchaseOrder.Status
STATUS_LOOKS = {
    Status.DRAFT: "info",
    Status.AWAITING_APPROVAL: "warning",
    Status.APPROVED: "primary",
    Status.SENT: "primary",
    Status.CLOSED: "success",
    Status.CANCELLED: "danger",
}
PROGRESS_LOOKS = {
    PurchaseOrder.Progress.NONE: "info",
    PurchaseOrder.Progress.PARTIAL: "warning",
    PurchaseOrder.Progress.COMPLETE: "success",
    PurchaseOrder.Progress.OVER: "danger",
}


class OrderForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own is not generic
    """The head of a draft; `reference` keeps a form that is sent twice from ordering twice."""

    reference = forms.CharField(
        max_length=100, required=False, widget=forms.HiddenInput, initial=new_key
    )

    class Meta:
        model = PurchaseOrder
        fields: ClassVar = ["supplier", "location", "expected_on", "note"]

    def clean_supplier(self) -> Supplier:
        supplier: Supplier = self.cleaned_data["supplier"]
        if not supplier.is_active:
            raise forms.ValidationError(f"{supplier} is no longer an active supplier.")
        return supplier


class LineFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # Django's own is not generic
    """The lines of a draft; a line without a cost takes the supplier's price."""

    def new_lines(self) -> list[NewLine]:
        return [
            NewLine(
                variant_id=form.cleaned_data["variant"].pk,
                units=form.cleaned_data["ordered"],
                unit_cost=form.cleaned_data["unit_cost"],
            )
            for form in self._kept()
        ]

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        kept = self._kept()
        if not kept:
            raise forms.ValidationError("An order needs at least one line.")
        unpriced = [form for form in kept if form.cleaned_data["unit_cost"] is None]
        if not unpriced or self.instance.supplier_id is None:
            return
        wanted = {
            (form.cleaned_data["variant"].pk, form.cleaned_data["ordered"]) for form in unpriced
        }
        offers = supplier_offers(
            supplier_id=self.instance.supplier_id, wanted=wanted, on=timezone.now().date()
        )
        for form in unpriced:
            if (form.cleaned_data["variant"].pk, form.cleaned_data["ordered"]) not in offers:
                form.add_error("unit_cost", "This supplier has no price for it: enter the cost.")

    def _kept(self) -> list[Any]:
        return [
            form
            for form in self.forms
            if form.cleaned_data.get("variant") and not form.cleaned_data.get("DELETE")
        ]


class LineForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own is not generic
    class Meta:
        model = PurchaseOrderLine
        fields: ClassVar = ["variant", "ordered", "unit_cost"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["variant"].label = "Article"
        self.fields["ordered"].label = "Units"
        self.fields["unit_cost"].required = False
        self.fields["unit_cost"].help_text = "Empty: the supplier's price for the quantity."


class DraftLineInline(BaseInline):
    """The lines while they are still written."""

    model = PurchaseOrderLine
    form = LineForm
    formset = LineFormSet
    verbose_name_plural = "Lines"
    fields = ("variant", "ordered", "unit_cost")
    autocomplete_fields = ("variant",)
    ordering = ("position",)
    extra = 1


class LineInline(ViewOnlyInline):
    """The lines once they are submitted, and how far each got."""

    model = PurchaseOrderLine
    verbose_name_plural = "Lines"
    ordering = ("position",)
    fields = (
        *("position", "variant", "supplier_sku", "unit_cost"),
        *("ordered", "cancelled", "received", "still_to_come", "invoiced"),
    )
    readonly_fields = ("still_to_come",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PurchaseOrderLine]:
        lines: QuerySet[PurchaseOrderLine] = super().get_queryset(request)
        return lines.select_related("variant")

    @display(description="Still to come")
    def still_to_come(self, line: PurchaseOrderLine) -> int:
        return line.expected


def download_text(_request: HttpRequest, order: PurchaseOrder) -> HttpResponse:
    return HttpResponse(order_text(order), content_type="text/plain; charset=utf-8")


def download_csv(_request: HttpRequest, order: PurchaseOrder) -> HttpResponse:
    return HttpResponse(
        order_csv(order),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{order.number}.csv"'},
    )


@admin.register(PurchaseOrder)
class PurchaseOrderAdmin(BaseAdmin):
    """What was ordered from whom, and how far it got."""

    form = OrderForm
    acts = ORDER_ACTS
    downloads = (
        Download(
            name="text",
            label="Print",
            permission="purchasing.view_purchaseorderline",
            open=download_text,
            icon="print",
        ),
        Download(
            name="csv",
            label="Download CSV",
            permission="purchasing.view_purchaseorderline",
            open=download_csv,
        ),
        BILL_ORDER,
    )
    list_display = (
        "number",
        "supplier",
        "shown_status",
        "shown_receipt_status",
        "shown_invoice_status",
        "location",
        "expected_on",
        "shown_total",
        "raised_by",
    )
    list_select_related = ("supplier", "location", "raised_by")
    list_filter = (
        "status",
        "receipt_status",
        "invoice_status",
        ("expected_on", RangeDateFilter),
        ("supplier", AutocompleteSelectFilter),
        "location",
    )
    search_fields = ("number", "supplier__name", "supplier__code", "lines__variant__sku")
    search_help_text = "Number, supplier or our SKU."
    autocomplete_fields = ("supplier", "location")
    readonly_fields = (
        *("number", "status", "receipt_status", "invoice_status", "shown_total", "receipts"),
        *("raised_at", "raised_by", "approved_at", "approved_by", "sent_at", "email"),
        *("closed_at", "closed_by", "close_reason"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[PurchaseOrder]:
        queryset: QuerySet[PurchaseOrder] = super().get_queryset(request)
        total = (
            PurchaseOrderLine.objects.filter(order=OuterRef("pk"))
            .values("order")
            .values(total=Sum(F("ordered") * F("unit_cost")))
        )
        return queryset.annotate(total=Subquery(total))

    def get_fieldsets(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: PurchaseOrder | None = None,
    ) -> list[tuple[str | None, dict[str, Any]]]:
        written = ("supplier", ("location", "expected_on"), "note")
        if obj is None:
            return [(None, {"fields": (*written, "reference")})]
        return [
            (
                None,
                {
                    "fields": (
                        ("number", "status", "shown_total"),
                        *written,
                        ("receipt_status", "invoice_status", "receipts"),
                    )
                },
            ),
            (
                "Who and when",
                {
                    "classes": ("collapse",),
                    "fields": (
                        ("raised_by", "raised_at"),
                        ("approved_by", "approved_at"),
                        ("sent_at", "email"),
                        ("closed_by", "closed_at"),
                        "close_reason",
                    ),
                },
            ),
        ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: PurchaseOrder | None = None
    ) -> Sequence[str]:
        fields: Sequence[str] = super().get_readonly_fields(request, obj)
        # Another supplier has other prices and another currency: that is another order.
        return fields if obj is None else (*fields, "supplier")

    def get_inlines(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: PurchaseOrder | None,
    ) -> list[type[BaseInline]]:
        is_written = obj is None or obj.status == Status.DRAFT
        return [DraftLineInline if is_written else LineInline]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if isinstance(obj, PurchaseOrder) and obj.status != Status.DRAFT:
            return False
        return bool(super().has_change_permission(request, obj))

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Tell a refusal on the page; what the form could not know is decided under lock."""
        try:
            response: HttpResponseBase = super().changeform_view(request, *args, **kwargs)
        except BusinessError as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(request.path)
        return response

    def save_model(self, *args: Any) -> None:
        """Store nothing yet: head and lines go through one operation, below."""

    def save_related(
        self,
        request: HttpRequest,
        form: forms.ModelForm,  # type: ignore[type-arg]  # Django's own is not generic
        formsets: Sequence[LineFormSet],
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        lines = [line for formset in formsets for line in formset.new_lines()]
        for formset in formsets:
            formset.save(commit=False)  # tells the history page what was changed
        order, now = form.instance, timezone.now()
        written = {
            "location": order.location,
            "lines": lines,
            "expected_on": order.expected_on,
            "note": order.note,
            "at": now,
        }
        if change:
            operations.revise_draft(order_id=order.pk, **written)
        else:
            order.pk = operations.create_purchase_order(
                supplier=order.supplier,
                reference=form.cleaned_data["reference"] or new_key(),
                by=request.user,
                **written,
            ).pk
        order.refresh_from_db()

    @display(description="Status", ordering="status", label=STATUS_LOOKS)
    def shown_status(self, order: PurchaseOrder) -> tuple[str, str]:
        return order.status, order.get_status_display()

    @display(description="Received", ordering="receipt_status", label=PROGRESS_LOOKS)
    def shown_receipt_status(self, order: PurchaseOrder) -> tuple[str, str]:
        return order.receipt_status, order.get_receipt_status_display()

    @display(description="Invoiced", ordering="invoice_status", label=PROGRESS_LOOKS)
    def shown_invoice_status(self, order: PurchaseOrder) -> tuple[str, str]:
        return order.invoice_status, order.get_invoice_status_display()

    @display(description="Total without tax", ordering="total")
    def shown_total(self, order: PurchaseOrder) -> str:
        return display_money(getattr(order, "total", None) or ZERO, order.currency)

    @display(description="E-mail to the supplier")
    def email(self, order: PurchaseOrder) -> str:
        if order.emailed_at:
            return f"Left on {order.emailed_at:%d %B %Y at %H:%M}."
        if order.email_started_at:
            return "Not known whether it arrived: have it sent again, or ring the supplier."
        if order.status != Status.SENT:
            return ""
        return "Leaves within a minute." if order.supplier.email else "The supplier has no address."

    @display(description="Receipts")
    def receipts(self, order: PurchaseOrder) -> str:
        receipts = (
            GoodsReceipt.objects.filter(lines__order_line__order=order).distinct().order_by("pk")
        )
        address = f"{self.admin_site.name}:purchasing_goodsreceipt_change"
        return format_html_join(
            ", ",
            '<a href="{}">{}</a>',
            ((reverse(address, args=[receipt.pk]), receipt.number) for receipt in receipts),
        )


@admin.register(PurchaseOrderLine)
class PurchaseOrderLineAdmin(ViewOnlyAdmin):
    """Every line of every order, to be searched by article."""

    list_display = (
        *("order", "position", "variant", "supplier_sku", "unit_cost"),
        *("ordered", "cancelled", "received", "invoiced"),
    )
    list_select_related = ("order", "variant")
    list_filter = ("order__status", ("order__supplier", AutocompleteSelectFilter))
    search_fields = ("order__number", "variant__sku", "supplier_sku")
