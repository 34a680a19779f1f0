"""Suppliers, on which terms they deliver, and how they kept their word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from purchasing.admin.files import UPLOAD
from purchasing.admin.supplier_form import SupplierForm
from purchasing.models import Supplier, SupplierContact, SupplierProduct, TolerancePolicy
from purchasing.queries import Reliability, supplier_reliability
from retail.common.admin import BaseAdmin, BaseInline
from retail.common.admin.changes import changes_table

DAYS_MEASURED = 365


class ContactInline(BaseInline):
    """Whom to ask at the supplier, and about what."""

    model = SupplierContact
    verbose_name_plural = "Contacts"
    fields = ("purpose", "name", "email", "phone", "is_copied_on_orders")
    ordering = ("purpose", "name", "pk")


class ToleranceInline(BaseInline):
    """How far this supplier's bills may be off; without one the company's policy holds."""

    model = TolerancePolicy
    max_num = 1
    verbose_name_plural = "Invoice tolerance"
    fields = ("unit_price_percent", "total_percent", "total_amount", "quantity_percent")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure, in words, and how it is worked out."""

    name: str
    value: str
    how: str


def figures_of(measured: Reliability) -> Iterator[Figure]:
    """Yield what was measured of a supplier, as its page shows it."""
    yield Figure(
        "Lead time",
        _days(measured),
        "Days from an order being sent to goods of it being accepted; half of the deliveries came"
        " sooner than the median. What replaces goods that went back is left out.",
    )
    yield Figure(
        "On time",
        _share(measured.on_time_percent, measured.lines_on_time, measured.lines_due, "lines due"),
        "Order lines due in the year of which everything was accepted by the day the supplier"
        " confirmed, else by the day we wanted it.",
    )
    yield Figure(
        "Short",
        _share(measured.short_percent, measured.short_units, measured.ended_units, "units"),
        "Units that never came, of those ordered on lines of which nothing more is expected.",
    )
    yield Figure(
        "Rejected",
        _share(
            measured.rejected_percent, measured.rejected_units, measured.delivered_units, "units"
        ),
        "Units refused at the door (damaged, wrong, too many) and not taken later, of those that"
        " came.",
    )
    yield Figure(
        "Sent back",
        _share(
            measured.returned_percent, measured.returned_units, measured.delivered_units, "units"
        ),
        "Units that were accepted and sent back later, of those that came.",
    )
    yield Figure(
        "Price change",
        _change(measured.price_change_percent),
        "What was ordered again at its cost, against the cost of the article's first order in the"
        " year, weighted by what was ordered again.",
    )


def _days(measured: Reliability) -> str:
    if measured.median_days is None:
        return "no delivery yet"
    spread = "" if measured.spread_days is None else f", spread {measured.spread_days}"
    deliveries = "1 delivery" if measured.deliveries == 1 else f"{measured.deliveries} deliveries"
    return f"median {measured.median_days} days, mean {measured.mean_days}{spread} ({deliveries})"


def _share(percent: Decimal | None, part: int, whole: int, counted: str) -> str:
    return "none yet" if percent is None else f"{percent} % ({part:,} of {whole:,} {counted})"


def _change(percent: Decimal | None) -> str:
    return "nothing was ordered twice" if percent is None else f"{percent:+} %"


@admin.register(Supplier)
class SupplierAdmin(BaseAdmin):
    """Whom the shop buys from."""

    form = SupplierForm
    page_acts = (UPLOAD,)
    inlines = (ContactInline, ToleranceInline)
    list_display = (
        "name",
        "code",
        "currency",
        "country",
        "lead_time_days",
        "payment_days",
        "articles",
        "is_active",
    )
    list_filter = ("is_active", "currency", "country", "delivery_terms")
    search_fields = ("code", "name", "email", "tax_number", "contacts__name", "contacts__email")
    search_help_text = "Name, code, e-mail, tax number or a contact."
    ordering = ("name", "pk")
    readonly_fields = ("figures", "changes")
    fieldsets = (
        (None, {"fields": (("name", "code"), ("email", "language"), "is_active", "note")}),
        (
            "Terms",
            {
                "fields": (
                    ("currency", "payment_days"),
                    ("discount_percent", "discount_days"),
                    ("lead_time_days", "delivery_terms"),
                    ("minimum_order_amount", "over_receipt_percent"),
                )
            },
        ),
        (
            "Address and numbers",
            {
                "fields": (
                    ("street", "postcode"),
                    ("city", "country"),
                    ("tax_number", "electronic_address"),
                    ("iban", "bic"),
                )
            },
        ),
    )
    measured = (("How they kept their word", {"fields": ("figures",)}),)
    history = (("What was changed", {"fields": ("changes",), "classes": ("collapse",)}),)

    def get_fieldsets(self, request: HttpRequest, obj: Supplier | None = None) -> Sequence[Any]:
        """Show figures and history of a supplier that is there already."""
        shown = super().get_fieldsets(request, obj)
        if obj is None:
            return shown
        may_see = request.user.has_perm("purchasing.view_purchaseorder")
        return (*shown, *(self.measured if may_see else ()), *self.history)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Supplier]:
        queryset: QuerySet[Supplier] = super().get_queryset(request)
        articles = SupplierProduct.objects.filter(supplier=OuterRef("pk")).values("supplier")
        return queryset.annotate(article_count=Subquery(articles.values(count=Count("pk"))))

    @display(description="Articles", ordering="article_count")
    def articles(self, supplier: Supplier) -> int:
        return getattr(supplier, "article_count", None) or 0

    @display(description="Measured")
    def figures(self, supplier: Supplier) -> SafeString:
        # Today is not over: what is due today may still come.
        last = timezone.localdate() - timedelta(days=1)
        first = last - timedelta(days=DAYS_MEASURED - 1)
        measured = supplier_reliability(first=first, last=last, supplier_ids=[supplier.pk])
        return render_to_string(
            "admin/purchasing/reliability.html",
            {
                "figures": [figure for one in measured for figure in figures_of(one)],
                "first": first,
                "last": last,
            },
        )

    @display(description="Changes")
    def changes(self, supplier: Supplier) -> SafeString:
        return changes_table(supplier)
