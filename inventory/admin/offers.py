"""What channels are offered, in the admin: the rules, and why a listing offers what it offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.db.models import ForeignKey, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from import_export.admin import ImportExportMixin
from import_export.results import Result
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.decorators import display

from catalog.models import Variant
from catalog.resources import TableCsv, TableXlsx
from channels.admin import ListingAdmin
from channels.models import Listing
from inventory.models import (
    AvailabilityChange,
    AvailabilitySnapshot,
    ChannelReserve,
    ChannelStockSource,
    Location,
    SafetyStock,
)
from inventory.offering import Step
from inventory.resources import SafetyStockResource
from retail.common.admin import BaseAdmin, ViewOnlyAdmin
from retail.common.errors import BusinessError

TERMS_TEMPLATE = "admin/inventory/offer_terms.html"
SEES_TERMS = "inventory.view_availabilitysnapshot"
NOT_WORKED_OUT = (
    "Nothing yet: what is for sale and kept in stock, or made of it, is worked out every minute."
)

# What each term is called, and how its figure reads.
TERMS: Mapping[str, tuple[str, str]] = {
    Step.INACTIVE: ("No longer dealt in", "-"),
    Step.FREE: ("Free where the channel sells from", "{}"),
    Step.SAFETY_STOCK: ("Safety stock", "less {}"),
    Step.OTHER_RESERVES: ("Kept for other channels", "less {}"),
    Step.IN_BUNDLES: ("Bundles it makes, by units in one", "by {}"),
    Step.FEWEST_BUNDLES: ("Bundles of the scarcest component", "{}"),
    Step.OWN_RESERVE: ("Of it, kept for this channel", "{}"),
    Step.SHARE: ("Share of what is not kept for it", "{} %"),
    Step.BUFFER: ("Buffer", "less {}"),
    Step.PACKS: ("Packs, by units in one", "by {}"),
    Step.MINIMUM: ("Nothing below", "{}"),
    Step.END_AT: ("Sold out at", "{}"),
    Step.MAXIMUM: ("No more than", "{}"),
    Step.OFFERED: ("Offered", "{}"),
}


@dataclass(frozen=True, slots=True)
class ShownTerm:
    """One row of the table that explains an offer."""

    name: str
    figure: str
    left: int
    details: tuple[str, ...]


def shown_terms(terms: Sequence[Mapping[str, Any]]) -> list[ShownTerm]:
    """Return stored terms in words, in the order of the formula."""
    shown = []
    for term in terms:
        name, figure = TERMS.get(term["step"], (term["step"], "{}"))
        if article := term.get("article"):
            name = f"{article}: {name[0].lower()}{name[1:]}"
        shown.append(
            ShownTerm(name, figure.format(term["figure"]), term["left"], tuple(_details(term)))
        )
    return shown


def _details(term: Mapping[str, Any]) -> Iterator[str]:
    """Yield where the units of a term lie, or for whom they are kept."""
    if term["step"] == Step.FREE and not term.get("places"):
        yield "There never was any at a place that the channel sells from."
    for place in term.get("places", ()):
        yield (
            f"{place['location']}: {place['on_hand']} on hand, {place['promised']} promised,"
            f" {place['floor']} for who walks in, {place['free']} free"
        )
    for reserve in term.get("reserves", ()):
        yield f"{reserve['channel']}: {reserve['units']}"


def stocked_variants() -> QuerySet[Variant]:
    """Return what has a stock of its own to keep; a bundle is kept by its components."""
    return Variant.objects.filter(is_stocked=True)


class RuleAdmin(BaseAdmin):
    """A rule of what is offered: whoever changes it, the listings are worked out anew by a note."""

    is_deletable = True

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField[Any] | None:
        if db_field.name == "variant":
            kwargs["queryset"] = stocked_variants()
        if db_field.name == "location":
            # Goods on the road or set apart are nobody's to sell, whatever a rule says.
            kwargs["queryset"] = Location.objects.filter(
                kind__in=[Location.Kind.WAREHOUSE, Location.Kind.STORE]
            ).order_by("priority", "code")
        field: forms.ModelChoiceField[Any] | None = super().formfield_for_foreignkey(
            db_field, request, **kwargs
        )
        return field


@admin.register(ChannelStockSource)
class ChannelStockSourceAdmin(RuleAdmin):
    """Which locations each channel sells from; one without any sells from all that ship."""

    list_display = ("channel", "location", "external_location_id")
    list_select_related = ("channel", "location")
    list_filter = ("channel", "location")
    search_fields = ("channel__name", "channel__code", "location__name", "external_location_id")
    search_help_text = "Channel, location, or what the channel calls the location"
    ordering = ("channel__name", "location__priority", "location__code", "pk")
    autocomplete_fields = ("channel",)
    fields = ("channel", "location", "external_location_id")


class HoldsFilter(SimpleListFilter):
    """Reserves by whether they hold now."""

    title = "when"
    parameter_name = "when"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        model_admin: admin.ModelAdmin[Any],  # noqa: ARG002 - Django's signature
    ) -> list[tuple[str, str]]:
        return [("now", "Holds now"), ("later", "Starts later"), ("over", "Over")]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[ChannelReserve],
    ) -> QuerySet[ChannelReserve]:
        now = timezone.now()
        if self.value() == "now":
            return queryset.filter(pk__in=ChannelReserve.objects.live(now))
        if self.value() == "later":
            return queryset.filter(starts_at__gt=now)
        if self.value() == "over":
            return queryset.filter(ends_at__lte=now)
        return queryset


@admin.register(ChannelReserve)
class ChannelReserveAdmin(RuleAdmin):
    """Units kept for one channel, and how many of them its orders have not used up."""

    list_display = (
        "variant",
        "product",
        "channel",
        "units",
        "remaining",
        "shown_state",
        "starts_at",
        "ends_at",
    )
    list_select_related = ("variant__product", "channel")
    list_filter = (HoldsFilter, "channel")
    search_fields = ("variant__sku", "variant__product__name", "variant__gtin__exact")
    search_help_text = "SKU, product or GTIN"
    ordering = ("variant__sku", "channel__name", "pk")
    autocomplete_fields = ("channel", "variant")
    fields = ("channel", "variant", "units", "remaining", "starts_at", "ends_at")
    readonly_fields = ("remaining",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChannelReserve]:
        reserves: QuerySet[ChannelReserve] = super().get_queryset(request).with_remaining()
        return reserves

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Sequence[str]:
        if obj is None:
            return [field for field in self.fields if field != "remaining"]
        fields: Sequence[str] = super().get_fields(request, obj)
        return fields

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"starts_at": timezone.now(), **super().get_changeform_initial_data(request)}

    @display(description="Product", ordering="variant__product__name")
    def product(self, reserve: ChannelReserve) -> str:
        return reserve.variant.product.name

    @display(description="Still kept", ordering="remaining")
    def remaining(self, reserve: Any) -> int:
        return int(reserve.remaining)

    @display(
        description="State",
        ordering="starts_at",
        label={"now": "success", "later": "info", "over": "warning"},
    )
    def shown_state(self, reserve: ChannelReserve) -> tuple[str, str]:
        now = timezone.now()
        if reserve.starts_at > now:
            return "later", "Starts later"
        if reserve.ends_at is not None and reserve.ends_at <= now:
            return "over", "Over"
        return "now", "Holds now"


class SafetyStockFileMixin(ImportExportMixin):
    """Upload with a preview and download of safety stock as a file."""

    resource_classes = (SafetyStockResource,)
    import_form_class = ImportForm
    export_form_class = ExportForm
    formats = (TableCsv, TableXlsx)

    def has_import_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms(["inventory.add_safetystock", "inventory.change_safetystock"])

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("inventory.view_safetystock")

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
            "Nothing was taken in: the articles have changed since the preview. Upload the file"
            " again to see what does not fit any more.",
        )
        return HttpResponseRedirect(reverse(f"{self.admin_site.name}:inventory_safetystock_import"))


@admin.register(SafetyStock)
class SafetyStockAdmin(SafetyStockFileMixin, RuleAdmin):
    """Units that no channel is offered."""

    list_display = ("variant", "product", "units")
    list_select_related = ("variant__product",)
    list_filter = ("variant__is_active", "variant__product__brand")
    search_fields = ("variant__sku", "variant__product__name", "variant__gtin__exact")
    search_help_text = "SKU, product or GTIN"
    ordering = ("variant__sku", "pk")
    autocomplete_fields = ("variant",)
    fields = ("variant", "units")

    @display(description="Product", ordering="variant__product__name")
    def product(self, kept: SafetyStock) -> str:
        return kept.variant.product.name


@admin.register(AvailabilitySnapshot)
class AvailabilitySnapshotAdmin(ViewOnlyAdmin):
    """What each listing was offered from when on, and every term behind the figure."""

    list_display = ("listing", "title", "channel", "variant", "quantity", "computed_at")
    list_select_related = ("listing__channel", "listing__variant")
    list_filter = ("listing__channel", "computed_at")
    search_fields = (
        "listing__external_sku__iexact",
        "listing__external_product_id__exact",
        "listing__variant__sku__iexact",
    )
    search_help_text = "The whole SKU, or the article's id at the channel"
    fields = ("listing", "title", "channel", "variant", "quantity", "computed_at", "explained")
    readonly_fields = ("title", "channel", "variant", "explained")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AvailabilitySnapshot]:
        snapshots: QuerySet[AvailabilitySnapshot] = super().get_queryset(request)
        # The terms of a bundle are long: the list does without, a page loads its own.
        return snapshots.defer("terms")

    @display(description="Title", ordering="listing__title")
    def title(self, snapshot: AvailabilitySnapshot) -> str:
        return snapshot.listing.title

    @display(description="Channel", ordering="listing__channel__name")
    def channel(self, snapshot: AvailabilitySnapshot) -> str:
        return snapshot.listing.channel.name

    @display(description="Article", ordering="listing__variant__sku")
    def variant(self, snapshot: AvailabilitySnapshot) -> str:
        variant = snapshot.listing.variant
        return variant.sku if variant else "-"

    @display(description="Why")
    def explained(self, snapshot: AvailabilitySnapshot) -> SafeString:
        return render_to_string(TERMS_TEMPLATE, {"terms": shown_terms(snapshot.terms)})


@admin.register(AvailabilityChange)
class AvailabilityChangeAdmin(ViewOnlyAdmin):
    """Articles whose listings the channels must still be told about."""

    list_display = ("variant", "changed_at")
    list_select_related = ("variant",)
    search_fields = ("variant__sku",)


# The channels know nothing of stock, so the page of a listing gets its explanation here.
admin.site.unregister(Listing)


@admin.register(Listing)
class ExplainedListingAdmin(ListingAdmin):
    """The listings of the channels, each with why it offers what it offers."""

    readonly_fields = ("explained",)

    def get_fieldsets(
        self, request: HttpRequest, obj: Model | None = None
    ) -> list[tuple[str | None, dict[str, Any]]]:
        fieldsets = list(super().get_fieldsets(request, obj))
        if request.user.has_perm(SEES_TERMS):
            fieldsets.append(("Why it is offered that many", {"fields": ("explained",)}))
        return fieldsets

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the listing with its newest terms, which its page asks for several times."""
        listing = super().get_object(request, object_id, from_field)
        if listing is not None:
            listing.newest = AvailabilitySnapshot.objects.newest_of([listing.pk]).first()
        return listing

    @display(description="Why")
    def explained(self, listing: Any) -> SafeString | str:
        snapshot: AvailabilitySnapshot | None = listing.newest
        # The terms of an offer that was taken back are kept, and explain nothing any more.
        if snapshot is None or listing.offered_quantity is None:
            return NOT_WORKED_OUT
        return render_to_string(
            TERMS_TEMPLATE,
            {
                "terms": shown_terms(snapshot.terms),
                "computed_at": _in_words(snapshot.computed_at),
                "earlier_url": _snapshots_url(listing),
            },
        )


def _snapshots_url(listing: Listing) -> str:
    return (
        f"{reverse('admin:inventory_availabilitysnapshot_changelist')}"
        f"?listing__id__exact={listing.pk}"
    )


def _in_words(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%d %B %Y %H:%M}"
