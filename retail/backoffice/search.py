"""Finding anything: one box over orders, articles, customers and suppliers' documents."""

from __future__ import annotations

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.http import HttpRequest
from django.urls import reverse
from unfold.dataclasses import SearchResult

FOUND_OF_EACH = 10

# Label of the model, and the sign its rows have in the menu.
SEARCHED = (
    ("orders.Order", "shopping_bag"),
    ("customers.Customer", "person"),
    ("catalog.Product", "sell"),
    ("catalog.Variant", "style"),
    ("purchasing.PurchaseOrder", "receipt_long"),
    ("purchasing.SupplierInvoice", "request_quote"),
    ("purchasing.Supplier", "handshake"),
)


def find(request: HttpRequest, term: str) -> list[SearchResult]:
    """Return a few rows of each kind the person may view, by what their lists search."""
    found: list[SearchResult] = []
    for label, icon in SEARCHED:
        model_admin = admin.site.get_model_admin(apps.get_model(label))
        if not model_admin.has_view_permission(request):
            continue
        rows, is_repeating = model_admin.get_search_results(
            request, model_admin.get_queryset(request), term
        )
        if is_repeating:
            rows = rows.distinct()
        found += [
            SearchResult(
                title=str(row),
                description=str(model_admin.opts.verbose_name).capitalize(),
                link=reverse(
                    f"admin:{label.replace('.', '_').lower()}_change", args=[quote(row.pk)]
                ),
                icon=icon,
            )
            for row in rows.order_by("-pk")[:FOUND_OF_EACH]
        ]
    return found
