"""What suppliers list, at which price, and which of our articles it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import Error
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from purchasing.admin.files import UPLOAD
from purchasing.admin.proposal_acts import (
    ACTS,
    LINK_ALL,
    decline_chosen,
    is_proposal,
    link_chosen,
)
from purchasing.models import SupplierPrice, SupplierProduct
from purchasing.queries import IS_PROPOSAL, link_suggestions, measured_lead_times
from retail.common.admin import BaseAdmin, BaseInline
from retail.common.admin.changes import changes_table
from retail.common.constraints import refusal_text
from retail.common.money import display_rate

STATE_LOOKS = {"PROPOSAL": "warning", "LINKED": "success", "DECLINED": "danger"}
STATE_WORDS = {"PROPOSAL": "Proposal", "LINKED": "Ours", "DECLINED": "Declined"}


class PriceForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own is not generic
    """A price and the days it is valid on."""

    class Meta:
        model = SupplierPrice
        fields: ClassVar = [
            *("supplier_product", "min_quantity", "unit_cost", "valid_from", "valid_to")
        ]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        begins, ends = cleaned.get("valid_from"), cleaned.get("valid_to")
        if begins and ends and ends <= begins:
            self.add_error("valid_to", "The price would be over before it begins.")
        return cleaned


class PriceOfArticleForm(PriceForm):
    """One of several prices; whether two are valid at a time is seen when all are known."""

    def _get_validation_exclusions(self) -> set[str]:
        # Against the rows as they are stored, a price that ends on this very page would still be in
        # the way of the one that follows it.
        return super()._get_validation_exclusions() | {"valid_to"}


class PriceFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]  # as above
    """All prices of one article."""

    def clean(self) -> None:
        super().clean()
        kept = [
            form
            for form in self.forms
            if form not in self.deleted_forms
            and form.cleaned_data
            and {"min_quantity", "valid_from"} <= form.cleaned_data.keys()
        ]
        kept.sort(key=lambda form: (form.cleaned_data["min_quantity"], _first_day(form)))
        for before, after in pairwise(kept):
            is_same = before.cleaned_data["min_quantity"] == after.cleaned_data["min_quantity"]
            if is_same and _first_day(after) < _day_over(before):
                after.add_error(
                    "valid_from", "Another price of this quantity is valid at the same time."
                )


def _first_day(form: forms.ModelForm) -> date:  # type: ignore[type-arg]  # as above
    day: date = form.cleaned_data["valid_from"]
    return day


def _day_over(form: forms.ModelForm) -> date:  # type: ignore[type-arg]  # as above
    day: date = form.cleaned_data.get("valid_to") or date.max
    return day


class PriceInline(BaseInline):
    """A price entered by hand; a file ends it and opens the next."""

    model = SupplierPrice
    form = PriceOfArticleForm
    formset = PriceFormSet
    verbose_name_plural = "Prices in the supplier's currency"
    fields = ("min_quantity", "unit_cost", "valid_from", "valid_to")
    ordering = ("min_quantity", "-valid_from", "pk")


class StateFilter(admin.SimpleListFilter):
    """Whether the article is one of ours, waits for an answer, or was declined."""

    title = "our article"
    parameter_name = "ours"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [("proposals", "Proposals"), ("yes", "Ours"), ("declined", "Declined")]

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[SupplierProduct]
    ) -> QuerySet[SupplierProduct]:
        match self.value():
            case "proposals":
                return queryset.filter(IS_PROPOSAL)
            case "yes":
                return queryset.filter(variant__isnull=False)
            case "declined":
                return queryset.filter(declined_at__isnull=False)
        return queryset


@admin.register(SupplierProduct)
class SupplierProductAdmin(BaseAdmin):
    """What a supplier lists, and which of our variants it is."""

    acts = ACTS
    page_acts = (UPLOAD, LINK_ALL)
    actions = (link_chosen, decline_chosen)
    inlines = (PriceInline,)
    list_display = (
        "supplier_sku",
        "supplier",
        "name",
        "state",
        "variant",
        "price_today",
        "pack_size",
        "minimum_quantity",
        "available_units",
        "back_in_stock_on",
        "rank",
        "is_active",
    )
    list_select_related = ("supplier", "variant")
    list_filter = (("supplier", AutocompleteSelectFilter), StateFilter, "is_active")
    search_fields = ("supplier_sku", "name", "gtin", "variant__sku")
    search_help_text = "Supplier's SKU, name, GTIN or our SKU."
    autocomplete_fields = ("supplier", "variant")
    readonly_fields = (
        *("available_said_at", "seen_at", "declined_at", "declined_by"),
        *("suggestions", "prices_today", "lead_time", "changes"),
    )

    def get_fieldsets(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: SupplierProduct | None = None,
    ) -> Sequence[Any]:
        named = [("supplier", "supplier_sku"), ("name", "gtin"), ("variant", "is_active")]
        if obj is not None and obj.declined_at:
            named.append(("declined_at", "declined_by"))
        if obj is not None and is_proposal(obj):
            named.append(("suggestions",))
        terms = [
            ("pack_size", "minimum_quantity", "order_multiple"),
            ("lead_time_days", "rank"),
            ("available_units", "back_in_stock_on"),
        ]
        if obj is None:
            return ((None, {"fields": named}), ("Terms", {"fields": terms}))
        return (
            (None, {"fields": named}),
            (
                "Terms",
                {
                    "fields": [
                        *terms,
                        ("available_said_at", "seen_at"),
                        ("prices_today", "lead_time"),
                    ]
                },
            ),
            ("What was changed", {"fields": ("changes",), "classes": ("collapse",)}),
        )

    def get_readonly_fields(
        self, request: HttpRequest, obj: SupplierProduct | None = None
    ) -> Sequence[str]:
        """Leave the link of an article that is there to its acts, which say what it means."""
        readonly = super().get_readonly_fields(request, obj)
        return readonly if obj is None else (*readonly, "supplier", "variant")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SupplierProduct]:
        queryset: QuerySet[SupplierProduct] = super().get_queryset(request)
        today = timezone.localdate()
        price = SupplierPrice.objects.filter(
            Q(valid_to__isnull=True) | Q(valid_to__gt=today),
            supplier_product=OuterRef("pk"),
            min_quantity__lte=OuterRef("minimum_quantity"),
            valid_from__lte=today,
        ).order_by("unit_cost", "pk")
        return queryset.annotate(cost_today=Subquery(price.values("unit_cost")[:1]))

    def save_model(
        self,
        request: HttpRequest,
        obj: SupplierProduct,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Note the moment at which a person entered what the supplier said it has."""
        if "available_units" in form.changed_data:
            obj.available_said_at = None if obj.available_units is None else timezone.now()
        super().save_model(request, obj, form, change)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Say in words when somebody else's price came in between."""
        try:
            answer: HttpResponseBase = super().changeform_view(request, *args, **kwargs)
        except Error as error:
            text = refusal_text(error)
            if text is None:
                raise
            messages.error(request, text)
            return HttpResponseRedirect(request.get_full_path())
        return answer

    @display(description="State", label=STATE_LOOKS)
    def state(self, product: SupplierProduct) -> tuple[str, str]:
        state = "PROPOSAL" if is_proposal(product) else "LINKED"
        if product.declined_at:
            state = "DECLINED"
        return state, STATE_WORDS[state]

    @display(description="Price today", ordering="cost_today")
    def price_today(self, product: SupplierProduct) -> str:
        cost = getattr(product, "cost_today", None)
        return "" if cost is None else f"{display_rate(cost)} {product.supplier.currency}"

    @display(description="Prices today")
    def prices_today(self, product: SupplierProduct) -> SafeString:
        today = timezone.localdate()
        valid = product.prices.filter(
            Q(valid_to__isnull=True) | Q(valid_to__gt=today), valid_from__lte=today
        )
        return render_to_string(
            "admin/purchasing/prices_today.html",
            {"prices": valid.order_by("min_quantity", "pk"), "product": product},
        )

    @display(description="Lead time")
    def lead_time(self, product: SupplierProduct) -> str:
        """Return the measured lead time of one of ours, and the stated one of the others."""
        stated = product.lead_time_days
        if stated is None:
            stated = product.supplier.lead_time_days
        if product.variant_id is None:
            return f"{stated} days, as stated"
        pair = (product.supplier_id, product.variant_id)
        measured = measured_lead_times(pairs=[pair])[pair]
        days = f"{measured.mean_days.normalize():f} days, {measured.source.label}"
        if not measured.receipts:
            return days
        return (
            f"{days} ({measured.receipts} deliveries, spread {measured.spread_days} days);"
            f" {stated} days stated"
        )

    @display(description="It may be")
    def suggestions(self, product: SupplierProduct) -> SafeString:
        return render_to_string(
            "admin/purchasing/suggestions.html",
            {
                "suggestions": link_suggestions(product),
                "link_url": self._url("act", product.pk, "link"),
            },
        )

    @display(description="Changes")
    def changes(self, product: SupplierProduct) -> SafeString:
        return changes_table(product)


@admin.register(SupplierPrice)
class SupplierPriceAdmin(BaseAdmin):
    """What suppliers charge, from which quantity and when."""

    form = PriceForm
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
