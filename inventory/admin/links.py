"""Where the lists and pages of stock lead to."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.scanning import meanings
from inventory.models import StockLevel, StockMovement

_Kind = StockMovement.SourceKind

# The document that a movement names as its source, as a model: most are of apps above this one.
SOURCES: Mapping[str, str] = {
    _Kind.GOODS_RECEIPT: "purchasing.GoodsReceipt",
    _Kind.FULFILLMENT: "orders.Fulfillment",
    _Kind.CUSTOMER_RETURN: "orders.Return",
    _Kind.TRANSFER: "inventory.Transfer",
    _Kind.COUNT: "inventory.StockCount",
    _Kind.ALLOCATION: "inventory.Allocation",
    _Kind.IMPORT: "common.ImportRun",
    _Kind.SUPPLIER_RETURN: "purchasing.SupplierReturn",
}


def link(url: str, text: object) -> SafeString:
    return format_html('<a class="text-primary-600" href="{}">{}</a>', url, text)


def page_of(model_label: str, pk: int) -> str:
    """Return the address of the page of one row, its model given as "app.Model"."""
    return reverse(f"admin:{model_label.replace('.', '_').lower()}_change", args=[pk])


def movements_of(level: StockLevel) -> str:
    return _list("stockmovement", level, level__location__id__exact=level.location_id)


def promises_of(level: StockLevel) -> str:
    return _list(
        "allocation",
        level,
        level__location__id__exact=level.location_id,
        closed_at__isempty=1,
    )


def levels_at(level: StockLevel) -> str:
    query = urlencode({"location__id__exact": level.location_id})
    return f"{reverse('admin:inventory_stocklevel_changelist')}?{query}"


def _list(model_name: str, level: StockLevel, **filters: object) -> str:
    query = urlencode({"q": level.variant.sku, **filters})
    return f"{reverse(f'admin:inventory_{model_name}_changelist')}?{query}"


def sources_open_to(request: HttpRequest) -> list[str]:
    """Return the kinds of source whose pages this person may see."""
    registered = admin.site._registry  # noqa: SLF001 - asks no more than is_registered does
    models = {kind: apps.get_model(label) for kind, label in SOURCES.items()}
    return [
        str(kind)
        for kind, model in models.items()
        if model in registered and registered[model].has_view_permission(request)
    ]


class ArticleSearch:
    """
    The search of a list of an admin: a code of an article finds its rows, whatever the code.

    article_path: where the rows name the article. reference_path: and the document, which may
    have the same number; other texts are looked up as the admin's `search_fields` say.
    """

    article_path = "level__variant"
    reference_path = ""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        found = {one.variant.pk for one in meanings(search_term)}
        if not found:
            return super().get_search_results(request, queryset, search_term)
        wanted = Q(**{f"{self.article_path}__in": found})
        if self.reference_path:
            wanted |= Q(**{self.reference_path: search_term.strip()})
        return queryset.filter(wanted), False
