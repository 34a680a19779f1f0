"""The catalog in the admin: products and variants, prices, codes, and the file they come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from import_export.admin import ImportExportMixin
from import_export.results import Result
from tablib import Dataset
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from catalog import operations
from catalog.models import (
    Barcode,
    Brand,
    Category,
    ExchangeRate,
    Price,
    PriceList,
    Product,
    TaxClass,
    Variant,
)
from catalog.resources import ProductResource, TableCsv, TableXlsx
from retail.common.admin import Act, ActForm, BaseAdmin, BaseInline, ViewOnlyInline
from retail.common.errors import BusinessError
from retail.common.money import display as display_money

STATUS_LOOKS = {"DRAFT": "warning", "ACTIVE": "success", "DISCONTINUED": "danger"}


class OptionsField(forms.CharField):
    """The options of a variant as lines of text, "Color: Red"."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return "\n".join(f"{name}: {text}" for name, text in value.items())
        return value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        options: dict[str, str] = {}
        for line in str(value or "").splitlines():
            name, colon, text = (part.strip() for part in line.partition(":"))
            if line.strip() and not (name and colon and text):
                raise forms.ValidationError(f'Write "{line.strip()}" as name: value.')
            if name in options:
                raise forms.ValidationError(f"{name} stands there twice.")
            if name:
                options[name] = text
        return options


class VariantForm(forms.ModelForm):
    """A variant, its options one per line."""

    options = OptionsField(required=False, help_text="One per line, for example Color: Red.")

    class Meta:
        model = Variant
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets say which

    def clean_gtin(self) -> str | None:
        """Keep no GTIN as nothing: two empty texts would collide as two equal GTINs."""
        return self.cleaned_data["gtin"] or None


class CategoryForm(forms.ModelForm):
    """A category and where it lies."""

    class Meta:
        model = Category
        fields = ("name", "parent")

    def clean_parent(self) -> Category | None:
        """Refuse a place within the category itself, however deep."""
        parent: Category | None = self.cleaned_data["parent"]
        above = parent
        while above is not None:
            if above.pk == self.instance.pk:
                raise forms.ValidationError("A category cannot lie within itself.")
            above = above.parent
        return parent


class PriceActForm(ActForm):
    """The price of one unit from now on."""

    price_list = forms.ModelChoiceField(queryset=PriceList.objects.order_by("name", "pk"))
    unit_price = forms.DecimalField(min_value=0, max_digits=16, decimal_places=4)
    min_quantity = forms.IntegerField(
        label="From quantity", min_value=1, initial=1, help_text="Holds for this many or more."
    )


class BarcodeActForm(ActForm):
    """A code, and what one scan of it means."""

    code = forms.CharField(max_length=100)
    pack_size = forms.IntegerField(
        label="Units", min_value=1, initial=1, help_text="Units behind one scan: 6 for a box of 6."
    )


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
    fields = ("sku", "gtin", "name", "weight_grams", "is_stocked", "tax_class")
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
    list_display = ("sku", "product", "name", "gtin", "tax_class", "is_stocked")
    list_select_related = ("product", "tax_class")
    list_filter = ("is_stocked", "product__status", "tax_class")
    search_fields = ("sku", "gtin", "name", "product__name", "barcodes__code")
    search_help_text = "SKU, GTIN, barcode or name."
    ordering = ("sku", "pk")
    autocomplete_fields = ("product", "tax_class")
    fields = (
        ("product", "name"),
        ("sku", "gtin"),
        "options",
        ("weight_grams", "base_unit"),
        ("is_stocked", "tax_class"),
    )
    inlines = (PriceInline, BarcodeInline)


@admin.register(Barcode)
class BarcodeAdmin(BaseAdmin):
    """Codes that can be scanned."""

    list_display = ("code", "variant", "pack_size")
    list_select_related = ("variant",)
    search_fields = ("code", "variant__sku")
    ordering = ("code", "pk")
    autocomplete_fields = ("variant",)
    is_deletable = True


@admin.register(Category)
class CategoryAdmin(BaseAdmin):
    """The tree that products are arranged in."""

    form = CategoryForm
    list_display = ("name", "parent")
    list_select_related = ("parent",)
    search_fields = ("name",)
    ordering = ("name", "pk")
    autocomplete_fields = ("parent",)
    is_deletable = True


@admin.register(Brand)
class BrandAdmin(BaseAdmin):
    """Names that makers sell under."""

    list_display = ("name",)
    search_fields = ("name",)
    ordering = ("name", "pk")
    is_deletable = True


@admin.register(TaxClass)
class TaxClassAdmin(BaseAdmin):
    """Kinds of goods to the tax office."""

    list_display = ("name", "code")
    search_fields = ("name", "code")
    ordering = ("name", "pk")


@admin.register(ExchangeRate)
class ExchangeRateAdmin(BaseAdmin):
    """What a unit of a foreign currency was worth on a day."""

    list_display = ("currency", "valid_on", "rate")
    list_filter = ("currency",)
    ordering = ("-valid_on", "currency", "pk")


@admin.register(PriceList)
class PriceListAdmin(BaseAdmin):
    """Lists of prices; the higher priority wins over the lower."""

    list_display = ("name", "code", "currency", "is_tax_included", "priority", "valid_to")
    search_fields = ("name", "code")
    ordering = ("-priority", "name", "pk")


@admin.register(Price)
class PriceAdmin(BaseAdmin):
    """Prices with their periods, also those planned for later."""

    list_display = ("variant", "price_list", "min_quantity", "unit_price", "valid_from", "valid_to")
    list_select_related = ("variant", "price_list")
    list_filter = ("price_list",)
    search_fields = ("variant__sku", "variant__product__name")
    ordering = ("-pk",)
    autocomplete_fields = ("variant", "price_list")
    is_deletable = True
