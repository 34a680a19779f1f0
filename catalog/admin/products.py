"""Products and variants in the admin, and the file they come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from import_export.admin import ImportExportMixin
from import_export.results import Result
from tablib import Dataset
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.decorators import display

from catalog import operations
from catalog.admin.forms import (
    BarcodeActForm,
    ComponentForm,
    ComponentFormSet,
    PriceActForm,
    VariantForm,
)
from catalog.admin.labels import labels_act, labels_button, print_labels_of_chosen
from catalog.forms import variants_named
from catalog.models import Barcode, BundleComponent, Price, Product, Variant
from catalog.resources import ProductResource, TableCsv, TableXlsx
from catalog.scanning import LONGEST_CODE, meanings
from retail.common.admin import Act, BaseAdmin, BaseInline, ViewOnlyInline
from retail.common.errors import BusinessError
from retail.common.money import display as display_money

SUGGESTED, SHORTEST_TEXT = 10, 2
STATUS_LOOKS = {"DRAFT": "warning", "ACTIVE": "success", "DISCONTINUED": "danger"}


def activate(
    _request: HttpRequest, product: Product, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.activate_product(product_id=product.pk, at=now)
    return f"{product} is on sale."


def discontinue(
    _request: HttpRequest, product: Product, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.discontinue_product(product_id=product.pk, at=now)
    return f"{product} is discontinued."


def change_price(
    _request: HttpRequest, variant: Variant, cleaned: Mapping[str, Any], now: datetime
) -> str:
    price = operations.set_price(
        variant=variant,
        price_list=cleaned["price_list"],
        unit_price=cleaned["unit_price"],
        min_quantity=cleaned["min_quantity"],
        at=now,
    )
    amount = display_money(price.unit_price, price.price_list.currency)
    return f"{variant} costs {amount} in {price.price_list} from now on."


def link_barcode(
    _request: HttpRequest, variant: Variant, cleaned: Mapping[str, Any], _now: datetime
) -> str:
    barcode = operations.link_barcode(
        variant_id=variant.pk, code=cleaned["code"], pack_size=cleaned["pack_size"]
    )
    return f"{barcode} stands for {barcode.pack_size} x {variant}."


def is_not_active(product: Product) -> bool:
    return product.status != Product.Status.ACTIVE


def is_not_discontinued(product: Product) -> bool:
    return product.status != Product.Status.DISCONTINUED


def consequences_of_discontinuing(_product: Product) -> Sequence[str]:
    return (
        "It is not bought again.",
        "What is in stock is still sold, and orders already placed are served.",
    )


def consequences_of_a_price(_variant: Variant) -> Sequence[str]:
    return (
        "The price that holds now ends at this moment; it stays in the history.",
        "A price planned for later still begins on its day.",
        "Orders already placed keep their price.",
    )


class VariantInline(BaseInline):
    model = Variant
    fields = ("sku", "gtin", "name", "weight_grams", "volume_ml", "is_stocked", "tax_class")
    autocomplete_fields = ("tax_class",)
    show_change_link = True
    can_delete = False
    verbose_name_plural = "Variants"
    form = VariantForm
    exclude = ("options",)


class BarcodeInline(ViewOnlyInline):
    model = Barcode
    fields = ("code", "pack_size")


class PriceInline(ViewOnlyInline):
    model = Price
    fields = ("price_list", "min_quantity", "unit_price", "valid_from", "valid_to")
    ordering = ("price_list", "min_quantity", "-valid_from", "pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Price]:
        queryset: QuerySet[Price] = super().get_queryset(request)
        return queryset.select_related("price_list")


class ComponentInline(BaseInline):
    """What one bundle is made of."""

    model = BundleComponent
    form = ComponentForm
    formset = ComponentFormSet
    fk_name = "bundle"
    fields = ("component", "units")
    autocomplete_fields = ("component",)
    verbose_name_plural = "Components of the bundle"

    def get_queryset(self, request: HttpRequest) -> QuerySet[BundleComponent]:
        queryset: QuerySet[BundleComponent] = super().get_queryset(request)
        return queryset.select_related("component").order_by("pk")


class ProductFileMixin(ImportExportMixin):
    """Upload with a preview and download of the whole catalog as one file."""

    resource_classes = (ProductResource,)
    import_form_class = ImportForm
    export_form_class = ExportForm
    formats = (TableCsv, TableXlsx)

    def has_import_permission(self, request: HttpRequest) -> bool:
        return all(
            request.user.has_perm(f"catalog.{act}_{model}")
            for act in ("add", "change")
            for model in ("product", "variant", "price")
        )

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalog.view_product")

    def get_data_for_export(
        self, request: HttpRequest, queryset: QuerySet[Product], **kwargs: Any
    ) -> Dataset:
        """Give out the variants of the products in the list, as it is searched and filtered."""
        variants = ProductResource().get_queryset().filter(product__in=queryset.values("pk"))
        return super().get_data_for_export(request, variants, **kwargs)

    def get_export_filename(self, *args: Any) -> str:
        name: str = super().get_export_filename(*args)
        return name.lower().replace("product-", "products-")

    def add_data_read_fail_error_to_form(self, form: forms.Form, error: Exception) -> None:
        if isinstance(error, BusinessError):
            form.add_error("import_file", error.message)
        else:
            super().add_data_read_fail_error_to_form(form, error)

    def process_result(self, result: Result, request: HttpRequest) -> HttpResponse:
        """Tell what came of a confirmed file; between preview and now somebody may have changed."""
        if not (result.has_errors() or result.has_validation_errors()):
            return super().process_result(result, request)
        messages.error(
            request,
            "Nothing was taken in: the catalog has changed since the preview. Upload the file"
            " again to see what does not fit any more.",
        )
        return HttpResponseRedirect(reverse(f"{self.admin_site.name}:catalog_product_import"))


@admin.register(Product)
class ProductAdmin(ProductFileMixin, BaseAdmin):
    """Articles as a customer would name them, with their variants."""

    acts = (
        Act(
            name="activate",
            label="Put on sale",
            permission="catalog.change_product",
            perform=activate,
            is_offered=is_not_active,
            icon="storefront",
        ),
        Act(
            name="discontinue",
            label="Discontinue",
            permission="catalog.change_product",
            perform=discontinue,
            is_offered=is_not_discontinued,
            consequences=consequences_of_discontinuing,
            is_dangerous=True,
            icon="block",
        ),
    )
    list_display = ("name", "brand", "category", "shown_status", "variant_count")
    list_select_related = ("brand", "category")
    list_filter = ("status", "brand", "category")
    search_fields = ("name", "brand__name", "variants__sku", "variants__gtin")
    search_help_text = "Name, brand, SKU or GTIN."
    ordering = ("name", "pk")
    autocomplete_fields = ("brand", "category")
    readonly_fields = ("shown_status", "created_at", "updated_at")
    fields = (
        "name",
        "shown_status",
        "brand",
        "category",
        "description",
        ("created_at", "updated_at"),
    )
    inlines = (VariantInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        queryset: QuerySet[Product] = super().get_queryset(request)
        return queryset.annotate(variants_total=Count("variants"))

    @display(description="Status", ordering="status", label=STATUS_LOOKS)
    def shown_status(self, product: Product) -> tuple[str, str]:
        return product.status, product.get_status_display()

    @display(description="Variants", ordering="variants_total")
    def variant_count(self, product: Any) -> int:
        return int(product.variants_total)


@admin.register(Variant)
class VariantAdmin(BaseAdmin):
    """What is counted and sold, found by any of its codes."""

    form = VariantForm
    acts = (
        Act(
            name="price",
            label="Change price",
            permission="catalog.change_price",
            perform=change_price,
            form=PriceActForm,
            consequences=consequences_of_a_price,
            icon="sell",
        ),
        Act(
            name="barcode",
            label="Link barcode",
            permission="catalog.add_barcode",
            perform=link_barcode,
            form=BarcodeActForm,
            icon="barcode",
        ),
    )
    page_acts = (labels_act("catalog.view_variant"),)
    downloads = (labels_button("catalog.view_variant"),)
    actions = (print_labels_of_chosen,)
    list_display = ("sku", "product", "name", "gtin", "tax_class", "is_stocked")
    list_select_related = ("product", "tax_class")
    list_filter = ("is_stocked", "is_active", "product__status", "tax_class")
    search_fields = ("sku", "gtin", "name", "product__name", "barcodes__code")
    search_help_text = "SKU, GTIN, barcode or name."
    ordering = ("sku", "pk")
    autocomplete_fields = ("product", "tax_class")
    fields = (
        ("product", "name"),
        ("sku", "gtin"),
        "options",
        ("weight_grams", "volume_ml", "base_unit"),
        ("is_stocked", "is_active", "tax_class"),
    )
    readonly_fields = ("stock",)
    inlines = (ComponentInline, PriceInline, BarcodeInline)

    def get_fields(self, request: HttpRequest, obj: Variant | None = None) -> Sequence[Any]:
        """Lead on to the stock of a variant those who may see it."""
        fields = [*super().get_fields(request, obj)]
        if obj is not None and request.user.has_perm("inventory.view_stocklevel"):
            fields.append("stock")
        return fields

    @display(description="Stock")
    def stock(self, variant: Variant) -> SafeString:
        return format_html(
            '<a class="text-primary-600" href="{}">What is where</a>',
            reverse("stock-where", args=[variant.pk]),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Variant], search_term: str
    ) -> tuple[QuerySet[Variant], bool]:
        """Find also what a scanner means, so that one may scan into a field that suggests."""
        found: QuerySet[Variant]
        found, is_found_twice = super().get_search_results(request, queryset, search_term)
        meant = {one.variant.pk for one in meanings(search_term)}
        if not meant:
            return found, is_found_twice
        return found | queryset.filter(pk__in=meant), True

    def get_urls(self) -> list[URLPattern]:
        return [self._path("suggest/", self.suggest_view, "suggest"), *super().get_urls()]

    def suggest_view(self, request: HttpRequest) -> JsonResponse:
        """Answer a few articles for what is being typed into a scan field."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        text = request.GET.get("q", "").replace("\x00", "")[:LONGEST_CODE].strip()
        found = variants_named(text)[:SUGGESTED] if len(text) >= SHORTEST_TEXT else ()
        return JsonResponse(
            {"results": [{"sku": variant.sku, "name": variant.full_name} for variant in found]}
        )
