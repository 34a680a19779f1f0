"""Stock in the admin, with what suppliers still owe to each location."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display

from inventory.admin import StockLevelAdmin
from inventory.admin.links import link
from inventory.models import StockLevel
from purchasing.models import PurchaseOrder
from purchasing.queries import incoming_to_level

SEES_ORDERS = "purchasing.view_purchaseorder"

# Stock knows nothing of buying, so its list gets the column of what was ordered here.
admin.site.unregister(StockLevel)


@admin.register(StockLevel)
class IncomingStockLevelAdmin(StockLevelAdmin):
    """How many units of what lie where, how many are free, and how many are still to come."""

    readonly_fields = (*StockLevelAdmin.readonly_fields, "incoming")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockLevel]:
        return super().get_queryset(request).annotate(incoming=incoming_to_level())

    def get_list_display(self, request: HttpRequest) -> list[str]:
        return _with_incoming(request, super().get_list_display(request))

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return _with_incoming(request, super().get_fields(request, obj))

    @display(description="Ordered", ordering="incoming")
    def incoming(self, level: Any) -> SafeString | int:
        """Return the units, leading to the orders they come on."""
        if not level.incoming:
            return 0
        query = urlencode({"q": level.variant.sku, "status__exact": PurchaseOrder.Status.SENT})
        url = f"{reverse('admin:purchasing_purchaseorder_changelist')}?{query}"
        return link(url, f"{level.incoming:,}")


def _with_incoming(request: HttpRequest, columns: Sequence[str]) -> list[str]:
    """Return the columns with what is ordered after what is free, for who may see orders."""
    if not request.user.has_perm(SEES_ORDERS):
        return list(columns)
    place = columns.index("available") + 1
    return [*columns[:place], "incoming", *columns[place:]]
