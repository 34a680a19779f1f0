"""Suppliers, what they list and at which price."""

from __future__ import annotations

from typing import Any, ClassVar

import stdnum.exceptions
from django import forms
from django.contrib import admin
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from stdnum import get_cc_module, iban
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from purchasing.admin.files import UPLOAD
from purchasing.models import (
    Supplier,
    SupplierPrice,
    SupplierProduct,
    TolerancePolicy,
)
from retail.common.admin import BaseAdmin, BaseInline
from retail.common.money import display_rate


class SupplierForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own is not generic
    """A supplier; tax number and bank account are checked and stored without blanks."""

    class Meta:
        model = Supplier
        fields: ClassVar = [
            "code",
            "name",
            "is_active",
            "email",
            "language",
            "currency",
            "country",
            "tax_number",
            "iban",
            "payment_days",
            "lead_time_days",
        ]

    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"].upper()
        if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):  # noqa: PLR2004 - ISO 4217
            raise forms.ValidationError("Three letters, such as GBP.")
        return currency

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"].upper()
        return country

    def clean_iban(self) -> str:
        number: str = self.cleaned_data["iban"]
        if not number.strip():
            return ""
        try:
            return str(iban.validate(number))
        except stdnum.exceptions.ValidationError as error:
            raise forms.ValidationError("This is not an IBAN: a digit is wrong.") from error

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        number, country = cleaned.get("tax_number", "").strip(), cleaned.get("country", "")
        rule = get_cc_module(country.lower(), "vat") if number and country else None
        # A country whose numbers nobody has described is taken at its word.
        if rule is not None:
            try:
                cleaned["tax_number"] = str(rule.validate(number))
            except stdnum.exceptions.ValidationError:
                self.add_error("tax_number", f"This is not a tax number of {country}.")
        return cleaned


class ToleranceInline(BaseInline):
    """How far this supplier's bills may be off; without one the company's policy holds."""

    model = TolerancePolicy
    max_num = 1
    verbose_name_plural = "Invoice tolerance"
    fields = ("unit_price_percent", "total_percent", "total_amount", "quantity_percent")


@admin.register(Supplier)
class SupplierAdmin(BaseAdmin):
    """Whom the shop buys from."""

    form = SupplierForm
    page_acts = (UPLOAD,)
    inlines = (ToleranceInline,)
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
    list_filter = ("is_active", "currency", "country")
    search_fields = ("code", "name", "email", "tax_number")
    search_help_text = "Name, code, e-mail or tax number."
    ordering = ("name", "pk")
    fieldsets = (
        (None, {"fields": (("name", "code"), ("email", "language"), "is_active")}),
        ("Terms", {"fields": (("currency", "payment_days", "lead_time_days"),)}),
        ("Numbers", {"fields": (("country", "tax_number", "iban"),)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Supplier]:
        queryset: QuerySet[Supplier] = super().get_queryset(request)
        articles = SupplierProduct.objects.filter(supplier=OuterRef("pk")).values("supplier")
        return queryset.annotate(article_count=Subquery(articles.values(count=Count("pk"))))

    @display(description="Articles", ordering="article_count")
    def articles(self, supplier: Supplier) -> int:
        return getattr(supplier, "article_count", None) or 0


class PriceInline(BaseInline):
    """A price entered by hand; a file ends it and opens the next."""

    model = SupplierPrice
    verbose_name_plural = "Prices in the supplier's currency"
    fields = ("min_quantity", "unit_cost", "valid_from", "valid_to")
    ordering = ("min_quantity", "-valid_from", "pk")


class LinkFilter(admin.SimpleListFilter):
    """Whether the article is linked to one of ours."""

    title = "our article"
    parameter_name = "linked"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Linked"), ("no", "Not linked yet")]

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[SupplierProduct]
    ) -> QuerySet[SupplierProduct]:
        if self.value() not in {"yes", "no"}:
            return queryset
        return queryset.filter(variant__isnull=self.value() == "no")


@admin.register(SupplierProduct)
class SupplierProductAdmin(BaseAdmin):
    """What a supplier lists, and which of our variants it is."""

    page_acts = (UPLOAD,)
    inlines = (PriceInline,)
    list_display = (
        "supplier_sku",
        "supplier",
        "name",
        "variant",
        "price_today",
        "pack_size",
        "minimum_quantity",
        "available_units",
        "seen_at",
        "is_active",
    )
    list_select_related = ("supplier", "variant")
    list_filter = (("supplier", AutocompleteSelectFilter), LinkFilter, "is_active")
    search_fields = ("supplier_sku", "name", "gtin", "variant__sku")
    search_help_text = "Supplier's SKU, name, GTIN or our SKU."
    autocomplete_fields = ("supplier", "variant")
    readonly_fields = ("available_units", "seen_at")
    fields = (
        ("supplier", "supplier_sku"),
        ("name", "gtin"),
        ("variant", "is_active"),
        ("pack_size", "minimum_quantity"),
        ("available_units", "seen_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SupplierProduct]:
        queryset: QuerySet[SupplierProduct] = super().get_queryset(request)
        today = timezone.now().date()
        price = SupplierPrice.objects.filter(
            Q(valid_to__isnull=True) | Q(valid_to__gt=today),
            supplier_product=OuterRef("pk"),
            min_quantity=1,
            valid_from__lte=today,
        )
        return queryset.annotate(cost_today=Subquery(price.values("unit_cost")[:1]))

    @display(description="Price today", ordering="cost_today")
    def price_today(self, product: SupplierProduct) -> str:
        cost = getattr(product, "cost_today", None)
        return "" if cost is None else f"{display_rate(cost)} {product.supplier.currency}"


@admin.register(SupplierPrice)
class SupplierPriceAdmin(BaseAdmin):
    """What suppliers charge, from which quantity and when."""

    list_display = (
        "article",
        "supplier",
        "our_sku",
        "min_quantity",
        "unit_cost",
        "valid_from",
        "valid_to",
    )
    list_select_related = ("supplier_product__supplier", "supplier_product__variant")
    list_filter = (("supplier_product__supplier", AutocompleteSelectFilter), "valid_from")
    search_fields = ("supplier_product__supplier_sku", "supplier_product__variant__sku")
    autocomplete_fields = ("supplier_product",)
    ordering = (F("valid_to").desc(nulls_first=True), "-pk")

    @display(description="Supplier's SKU", ordering="supplier_product__supplier_sku")
    def article(self, price: SupplierPrice) -> str:
        return price.supplier_product.supplier_sku

    @display(description="Supplier", ordering="supplier_product__supplier__name")
    def supplier(self, price: SupplierPrice) -> str:
        return price.supplier_product.supplier.name

    @display(description="Our SKU")
    def our_sku(self, price: SupplierPrice) -> str:
        variant = price.supplier_product.variant
        return variant.sku if variant else ""
