"""What is where: one article at every location, on its way, promised, and on every channel."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from unfold.widgets import INPUT_CLASSES

from catalog.forms import ScanField, variants_named
from catalog.models import Variant
from catalog.scanning import LONGEST_CODE
from inventory.queries import VariantStock, cover_report, units_in_transit, variant_stock
from purchasing.queries import incoming_units
from retail.backoffice import stock_tables
from retail.backoffice.tables import Table, page_of
from retail.common.money import display, display_rate

PERMISSION = "inventory.view_stocklevel"
SEES_COST = "inventory.view_costpool"
MATCHES_SHOWN = 10


class WhereForm(forms.Form):
    """Which article; a scanner ends its code with Enter, which sends the form."""

    article = ScanField(
        widget=forms.TextInput(
            attrs={
                "class": " ".join(INPUT_CLASSES),
                "autocomplete": "off",
                "autofocus": True,
                "maxlength": LONGEST_CODE,
            }
        )
    )


@require_safe
def stock_where(request: HttpRequest, variant_id: int | None = None) -> HttpResponseBase:
    """Show where an article is, or, without one, ask for it."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    form = WhereForm(request.GET if "article" in request.GET else None)
    if form.is_valid():
        found = form.cleaned_data["article"].variant
        return HttpResponseRedirect(reverse("stock-where", args=[found.pk]))
    context = {
        **admin.site.each_context(request),
        "title": "What is where",
        "form": form,
        "matches": _matches(form),
    }
    if variant_id is not None:
        variant = get_object_or_404(Variant.objects.select_related("product"), pk=variant_id)
        stock, now = variant_stock(variant_id=variant.pk), timezone.now()
        context |= {
            "variant": variant,
            "variant_url": page_of(request, variant),
            "facts": list(_facts(request, variant, stock, now)),
            "tables": list(_tables(request, variant, stock, now)),
        }
    return TemplateResponse(request, "backoffice/stock_where.html", context)


def _matches(form: WhereForm) -> list[Variant]:
    """Return the articles to choose from when what was typed means several."""
    if "article" not in form.errors:
        return []
    typed = str(form.data["article"]).replace("\x00", "").strip()[:LONGEST_CODE]
    return list(variants_named(typed)[:MATCHES_SHOWN]) if typed else []


def _facts(
    request: HttpRequest, variant: Variant, stock: VariantStock, now: datetime
) -> Iterator[str]:
    if not variant.is_active:
        yield "No longer dealt in: what lies there may go, none is bought or promised."
    if not variant.is_stocked:
        yield "It has no stock of its own."
    for row in cover_report(variant_id=variant.pk, at=now):
        if row.cover_days is None:
            yield "None was sold in the last 90 days."
        else:
            yield (
                f"What is free lasts {row.cover_days} days: {row.sold} were sold in the last 90"
                f" days, {row.daily_units} a day while there were any."
            )
    if request.user.has_perm(SEES_COST):
        value = display(stock.value, settings.RETAIL_CURRENCY)
        each = f", {display_rate(stock.unit_cost)} a unit" if stock.unit_cost is not None else ""
        yield f"Worth {value} in all{each}."


def _tables(
    request: HttpRequest, variant: Variant, stock: VariantStock, now: datetime
) -> Iterator[Table]:
    transit = units_in_transit(variant_id=variant.pk)
    incoming = incoming_units(variant_ids=[variant.pk])
    yield stock_tables.places(request, stock, transit, incoming)
    yield stock_tables.offered(request, variant, now)
    yield from stock_tables.bundles(variant)
    yield stock_tables.in_transit(request, transit)
    yield stock_tables.ordered(request, incoming)
    if request.user.has_perm("inventory.view_allocation"):
        yield stock_tables.promises(request, variant)
    if request.user.has_perm("inventory.view_stockmovement"):
        yield stock_tables.movements(request, variant)
