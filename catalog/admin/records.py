"""The smaller records of the catalog: codes, categories, taxes, rates, prices."""

from __future__ import annotations

from django.contrib import admin

from catalog.admin.forms import CategoryForm
from catalog.models import Barcode, Brand, Category, ExchangeRate, Price, PriceList, TaxClass
from retail.common.admin import BaseAdmin


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
