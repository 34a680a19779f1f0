"""Files with suppliers' invoices: which came, what they say, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from purchasing.admin.document_acts import ACTS, DOWNLOADS, PAGE_ACTS
from purchasing.admin.document_views import ShowsDocuments, document_url
from purchasing.models import InvoiceDocument, SupplierInvoice
from retail.common import money
from retail.common.admin import ViewOnlyAdmin

LOOKS = {
    "RECEIVED": "info",
    "CAPTURED": "success",
    "NEEDS_PERSON": "danger",
    "SET_ASIDE": "default",
}
SHOWN_IN_LIST = 3


def shown_amount(amount: str, currency: str) -> str:
    """Return an amount of a stated invoice, as it stands there where it is none of ours."""
    try:
        return money.display(Decimal(amount), currency)
    except ArithmeticError:
        return f"{amount} {currency}"


class DocumentAgeFilter(admin.SimpleListFilter):
    """How long ago a file came."""

    title = "age"
    parameter_name = "age"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return (("3", "Older than three days"), ("14", "Older than two weeks"))

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[InvoiceDocument]
    ) -> QuerySet[InvoiceDocument]:
        days = self.value()
        if days not in {"3", "14"}:
            return queryset
        return queryset.filter(received_at__lt=timezone.now() - timedelta(days=int(days)))


@admin.register(InvoiceDocument)
class InvoiceDocumentAdmin(ShowsDocuments, ViewOnlyAdmin):
    """Every file that came as an invoice, whatever it turned out to be."""

    page_acts = PAGE_ACTS
    acts = ACTS
    downloads = DOWNLOADS
    list_display = (
        "number",
        "shown_status",
        "shown_supplier",
        "shown_number",
        "shown_total",
        "problem",
        "age",
        "channel",
        "filename",
    )
    list_filter = (
        "status",
        DocumentAgeFilter,
        "channel",
        "syntax",
        "problem_code",
        ("supplier", AutocompleteSelectFilter),
    )
    list_select_related = ("supplier", "suggested_supplier")
    search_fields = ("number", "filename", "origin", "supplier__name", "sha256")
    search_help_text = "Number, name of the file, sender, supplier or fingerprint."
    readonly_fields = ("said", "broken_rules", "fingerprint", "shown_supplier", "pages")
    fieldsets: ClassVar[Any] = (
        (
            None,
            {
                "fields": (
                    ("number", "status"),
                    ("shown_supplier", "supplier_found_by"),
                    ("problem_code", "problem"),
                    ("syntax", "profile"),
                    "pages",
                )
            },
        ),
        ("What it says of itself", {"fields": ("said",)}),
        ("Rules it does not keep", {"fields": ("broken_rules",)}),
        (
            "The file",
            {
                "fields": (
                    ("filename", "media_type"),
                    ("bytes", "fingerprint"),
                    ("channel", "origin"),
                    ("received_at", "received_by"),
                    ("ended_at", "ended_by"),
                    "end_reason",
                )
            },
        ),
    )

    @display(description="Status", ordering="status", label=LOOKS)
    def shown_status(self, document: InvoiceDocument) -> tuple[str, str]:
        return document.status, document.get_status_display()

    @display(description="Supplier", ordering="supplier__name")
    def shown_supplier(self, document: InvoiceDocument) -> str:
        if document.supplier:
            return document.supplier.name
        sellers = {stated["seller"]["name"]: None for stated in document.stated}
        said = ", ".join(list(sellers)[:SHOWN_IN_LIST])
        if document.suggested_supplier:
            return f"{said}: perhaps {document.suggested_supplier.name}"
        return said or "-"

    @display(description="Number")
    def shown_number(self, document: InvoiceDocument) -> str:
        return _some(stated["number"] for stated in document.stated)

    @display(description="Total")
    def shown_total(self, document: InvoiceDocument) -> str:
        return _some(
            shown_amount(
                f"-{stated['total']}" if stated["kind"] == "CREDIT_NOTE" else stated["total"],
                stated["currency"],
            )
            for stated in document.stated
        )

    @display(description="Came", ordering="received_at")
    def age(self, document: InvoiceDocument) -> str:
        days = (timezone.now() - document.received_at).days
        return {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")

    @display(description="Look at it")
    def pages(self, document: InvoiceDocument) -> str:
        return format_html(
            '<a href="{}">as on paper</a>, <a href="{}">as it came</a>',
            document_url(document.pk, "view"),
            document_url(document.pk, "file"),
        )

    @display(description="SHA-256 of the bytes")
    def fingerprint(self, document: InvoiceDocument) -> str:
        return format_html('<span class="desk-code">{}</span>', document.sha256)

    @display(description="Invoices")
    def said(self, document: InvoiceDocument) -> str:
        captured = _by_position(document.invoices.order_by("pk"))
        rows = [_row(stated, captured.pop(stated["position"], None)) for stated in document.stated]
        rows += [_typed_row(invoice) for invoice in captured.values()]
        if not rows:
            return "Nothing that could be read."
        return render_to_string("admin/purchasing/stated_invoices.html", {"rows": rows})

    @display(description="Rules")
    def broken_rules(self, document: InvoiceDocument) -> str:
        if not document.findings:
            return "None that were found."
        return format_html_join(
            "",
            '<div>{} <span class="desk-code">{}</span>: {}</div>',
            (
                ("Stops payment" if one["is_fatal"] else "Said only", one["rule"], one["message"])
                for one in document.findings
            ),
        )


def _some(values: Iterable[str]) -> str:
    """Return the first few of what the invoices of a file say, and how many more there are."""
    said = list(values)
    more = f" and {len(said) - SHOWN_IN_LIST} more" if len(said) > SHOWN_IN_LIST else ""
    return ", ".join(said[:SHOWN_IN_LIST]) + more if said else "-"


def _by_position(invoices: QuerySet[SupplierInvoice]) -> dict[int, SupplierInvoice]:
    """Return position in the file -> its invoice, one that counts before one that is void."""
    ranked = sorted(invoices, key=lambda one: one.status != SupplierInvoice.Status.VOID)
    return {invoice.source_position: invoice for invoice in ranked}


def _row(stated: Mapping[str, Any], invoice: SupplierInvoice | None) -> dict[str, Any]:
    currency = stated["currency"]
    return {
        "stated": stated,
        "kind": SupplierInvoice.Kind(stated["kind"]).label,
        "seller": _party(stated["seller"]),
        "buyer": _party(stated["buyer"]),
        "net": shown_amount(stated["net_total"], currency),
        "tax": shown_amount(stated["tax_total"], currency),
        "total": shown_amount(stated["total"], currency),
        "invoice": invoice,
        "url": _invoice_url(invoice),
    }


def _typed_row(invoice: SupplierInvoice) -> dict[str, Any]:
    """Return the row of an invoice that a person read off the file."""
    return {
        "stated": {"number": invoice.supplier_number, "issued_on": invoice.invoiced_on},
        "kind": invoice.get_kind_display(),
        "seller": "",
        "buyer": "",
        "net": money.display(invoice.net_total, invoice.currency),
        "tax": money.display(invoice.tax_total, invoice.currency),
        "total": money.display(invoice.total, invoice.currency),
        "invoice": invoice,
        "url": _invoice_url(invoice),
    }


def _party(party: Mapping[str, Any]) -> str:
    numbers = ", ".join(party["tax_numbers"])
    return f"{party['name']} ({numbers})" if numbers else party["name"]


def _invoice_url(invoice: SupplierInvoice | None) -> str:
    if invoice is None:
        return ""
    return reverse("admin:purchasing_supplierinvoice_change", args=[invoice.pk])
