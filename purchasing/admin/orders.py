"""Purchase orders: written as a draft, then moved on by acts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Model
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter
from unfold.decorators import display

from catalog.queries import NoExchangeRate, exchange_rate
from purchasing import operations
from purchasing.admin.invoice_entry import BILL_ORDER
from purchasing.admin.ledger import CLEARING_ACTS
from purchasing.admin.order_acts import OTHER_ACTS, STEP_ACTS
from purchasing.admin.order_change_acts import CHANGE_ACTS
from purchasing.admin.order_forms import (
    ChargeFormSet,
    DraftChargeInline,
    DraftLineInline,
    LineFormSet,
    OrderForm,
)
from purchasing.admin.order_parts import (
    ApprovalInline,
    ChargeInline,
    LineInline,
    VersionInline,
)
from purchasing.admin.waiting_acts import PURCHASE_ACTS
from purchasing.admin.waiting_words import who_waits
from purchasing.documents import order_csv, order_pdf, paper_of
from purchasing.models import (
    GoodsReceipt,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderQuerySet,
)
from purchasing.queries import order_warnings
from retail.common.admin import BaseAdmin, BaseInline, Download, ViewOnlyAdmin
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
ENDED = {Status.CLOSED, Status.CANCELLED}
PROGRESS_LOOKS = {
    PurchaseOrder.Progress.NONE: "info",
    PurchaseOrder.Progress.PARTIAL: "warning",
    PurchaseOrder.Progress.COMPLETE: "success",
    PurchaseOrder.Progress.OVER: "danger",
}


def open_pdf(_request: HttpRequest, order: PurchaseOrder) -> HttpResponse:
    paper = paper_of(order)
    return HttpResponse(
        order_pdf(paper),
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{paper.name}.pdf"'},
    )


def download_csv(_request: HttpRequest, order: PurchaseOrder) -> HttpResponse:
    paper = paper_of(order)
    return HttpResponse(
        order_csv(paper),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{paper.name}.csv"'},
    )


def _progress(words: str, percent: int | None) -> str:
    """Return a status with the percents there are, where they say more than the status."""
    return words if percent in {None, 0, 100} else f"{words}, {percent} %"


@admin.register(PurchaseOrder)
class PurchaseOrderAdmin(BaseAdmin):
    """What was ordered from whom, and how far it got."""

    form = OrderForm
    acts = (*STEP_ACTS, *PURCHASE_ACTS, *CHANGE_ACTS, *CLEARING_ACTS, *OTHER_ACTS)
    # Every one there is; which of them a page has is up to the order.
    inlines = (LineInline, ChargeInline, ApprovalInline, VersionInline)
    downloads = (
        Download(
            name="pdf",
            label="Print",
            permission="purchasing.view_purchaseorderline",
            open=open_pdf,
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
        "shown_received",
        "shown_invoiced",
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
        "versions__status",
        ("expected_on", RangeDateFilter),
        ("supplier", AutocompleteSelectFilter),
        "location",
    )
    search_fields = ("number", "supplier__name", "supplier__code", "lines__variant__sku")
    search_help_text = "Number, supplier or our SKU."
    autocomplete_fields = ("supplier", "location")
    readonly_fields = (
        *("number", "version", "status", "shown_received", "shown_invoiced", "receipts"),
        *("shown_total", "in_book_currency", "mind"),
        *("raised_at", "raised_by", "approved_at", "approved_by"),
        *("approved_because", "sent_at", "email", "supplier_reference", "confirmed_at"),
        *("closed_at", "closed_by", "close_reason"),
        "who_waits",
    )

    def get_queryset(self, request: HttpRequest) -> PurchaseOrderQuerySet:
        queryset: PurchaseOrderQuerySet = super().get_queryset(request)
        return queryset.with_totals().with_percent_done()

    def get_fieldsets(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: PurchaseOrder | None = None,
    ) -> list[tuple[str | None, dict[str, Any]]]:
        written = ("supplier", ("location", "expected_on"), "discount_percent", "note")
        if obj is None:
            return [(None, {"fields": (*written, "reference")})]
        return [
            (
                None,
                {
                    "fields": (
                        ("number", "version", "status"),
                        ("shown_total", "in_book_currency"),
                        *(("mind",) if obj.status not in ENDED else ()),
                        *written,
                        ("shown_received", "shown_invoiced", "receipts"),
                    )
                },
            ),
            ("Who waits", {"fields": ("who_waits",)}),
            (
                "Who and when",
                {
                    "classes": ("collapse",),
                    "fields": (
                        ("raised_by", "raised_at"),
                        ("approved_by", "approved_at", "approved_because"),
                        ("sent_at", "email"),
                        ("supplier_reference", "confirmed_at"),
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
        if obj is None or obj.status == Status.DRAFT:
            return [DraftLineInline, DraftChargeInline]
        return list(self.inlines)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if isinstance(obj, PurchaseOrder) and (
            obj.status != Status.DRAFT or obj.drop_ship_order_id is not None
        ):
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
        formsets: Sequence[BaseInlineFormSet],  # type: ignore[type-arg]  # as above
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        lines = [
            line
            for formset in formsets
            if isinstance(formset, LineFormSet)
            for line in formset.new_lines()
        ]
        charges = [
            charge
            for formset in formsets
            if isinstance(formset, ChargeFormSet)
            for charge in formset.new_charges()
        ]
        for formset in formsets:
            formset.save(commit=False)  # tells the history page what was changed
        order, now = form.instance, timezone.now()
        written = {
            "location": order.location,
            "lines": lines,
            "expected_on": order.expected_on,
            "note": order.note,
            "discount_percent": order.discount_percent,
            "charges": charges,
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
        for warning in order_warnings(order):
            messages.warning(request, warning)

    @display(description="Status", ordering="status", label=STATUS_LOOKS)
    def shown_status(self, order: PurchaseOrder) -> tuple[str, str]:
        return order.status, order.get_status_display()

    @display(description="Received", ordering="percent_received", label=PROGRESS_LOOKS)
    def shown_received(self, order: PurchaseOrder) -> tuple[str, str]:
        percent = getattr(order, "percent_received", None)
        return order.receipt_status, _progress(order.get_receipt_status_display(), percent)

    @display(description="Invoiced", ordering="percent_invoiced", label=PROGRESS_LOOKS)
    def shown_invoiced(self, order: PurchaseOrder) -> tuple[str, str]:
        percent = getattr(order, "percent_invoiced", None)
        return order.invoice_status, _progress(order.get_invoice_status_display(), percent)

    @display(description="Total without tax", ordering="total")
    def shown_total(self, order: PurchaseOrder) -> str:
        return display_money(getattr(order, "total", None) or ZERO, order.currency)

    @display(description="In our currency")
    def in_book_currency(self, order: PurchaseOrder) -> str:
        """The total at the rate of the day it was sent, until then of today."""
        on = (order.sent_at or timezone.now()).date()
        try:
            rate = exchange_rate(order.currency, on)
        except NoExchangeRate as unknown:
            return unknown.message
        total = getattr(order, "total", None) or ZERO
        return display_money(total * rate, settings.RETAIL_CURRENCY)

    @display(description="Mind")
    def mind(self, order: PurchaseOrder) -> str:
        warnings = order_warnings(order)
        return format_html_join("", "<div>{}</div>", ((warning,) for warning in warnings)) or "-"

    @display(description="Approved because")
    def approved_because(self, order: PurchaseOrder) -> str:
        if order.is_approved_by_rule:
            return "No rule asks anybody."
        return " ".join(rule["terms"] for rule in order.approval_terms.get("rules", ()))

    @display(description="E-mail to the supplier")
    def email(self, order: PurchaseOrder) -> str:
        if order.emailed_at:
            return f"Left on {order.emailed_at:%d %B %Y at %H:%M}."
        if order.email_started_at:
            return "Not known whether it arrived: have it sent again, or ring the supplier."
        if order.status != Status.SENT:
            return ""
        return "Leaves within a minute." if order.supplier.email else "The supplier has no address."

    @display(description="Customers")
    def who_waits(self, order: PurchaseOrder) -> SafeString:
        return who_waits(order)

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
