"""From where orders are served, in the admin: the rules, where postcodes lie, what was decided."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from import_export.admin import ImportExportMixin
from import_export.results import Result
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.decorators import display

from catalog.resources import TableCsv, TableXlsx
from inventory.models import Location
from orders.admin.routing_words import candidate_words, chosen_words, reason_words
from orders.models import PostcodeCentroid, RoutingDecision, RoutingRejection, RoutingRule
from orders.resources.centroids import PostcodeCentroidResource
from retail.common.admin import BaseAdmin, ViewOnlyAdmin, ViewOnlyInline
from retail.common.errors import BusinessError


@admin.register(RoutingRule)
class RoutingRuleAdmin(BaseAdmin):
    """What counts when it is decided from where an order is served, the first rule first."""

    list_display = ("rank", "kind", "location", "shown_channel", "is_active")
    list_display_links = ("rank", "kind")
    list_select_related = ("channel", "location")
    list_filter = ("is_active", "kind", "channel")
    search_fields = ("channel__name", "channel__code", "location__name", "location__code")
    search_help_text = "Channel or place"
    ordering = ("rank", "channel", "pk")
    fields = ("channel", "rank", "kind", "location", "is_active")
    autocomplete_fields = ("channel",)
    is_deletable = True

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField[Any] | None:
        if db_field.name == "location":
            kwargs["queryset"] = Location.objects.filter(is_shipping=True).order_by(
                "priority", "code"
            )
        field: forms.ModelChoiceField[Any] | None = super().formfield_for_foreignkey(
            db_field, request, **kwargs
        )
        return field

    @display(description="For orders of", ordering="channel__name")
    def shown_channel(self, rule: RoutingRule) -> str:
        return str(rule.channel) if rule.channel else "every channel"


class CentroidFileMixin(ImportExportMixin):
    """Upload with a preview and download of where postcodes lie as a file."""

    resource_classes = (PostcodeCentroidResource,)
    import_form_class = ImportForm
    export_form_class = ExportForm
    formats = (TableCsv, TableXlsx)

    def has_import_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms(
            ["orders.add_postcodecentroid", "orders.change_postcodecentroid"]
        )

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.view_postcodecentroid")

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
            "Nothing was taken in: the rows have changed since the preview. Upload the file again"
            " to see what does not fit any more.",
        )
        return HttpResponseRedirect(
            reverse(f"{self.admin_site.name}:orders_postcodecentroid_import")
        )


@admin.register(PostcodeCentroid)
class PostcodeCentroidAdmin(CentroidFileMixin, BaseAdmin):
    """Where postcodes lie, for the rule of the nearest place."""

    list_display = ("country", "prefix", "latitude", "longitude")
    list_display_links = ("country", "prefix")
    list_filter = ("country",)
    search_fields = ("prefix__istartswith",)
    search_help_text = "Beginning of a postcode"
    ordering = ("country", "prefix", "pk")
    fields = ("country", "prefix", "latitude", "longitude")
    is_deletable = True


class DecisionWords:
    """A decision as a person reads it, the same in the list, on its page and on the order's."""

    @display(description="Served from")
    def shown_places(self, decision: RoutingDecision) -> str:
        return chosen_words(decision)

    @display(description="Why")
    def shown_reason(self, decision: RoutingDecision) -> str:
        return reason_words(decision)

    @display(description="Places looked at")
    def explained(self, decision: RoutingDecision) -> SafeString:
        looks = ((candidate_words(look),) for look in decision.candidates)
        return format_html_join("", "<div>{}</div>", looks)


@admin.register(RoutingDecision)
class RoutingDecisionAdmin(DecisionWords, ViewOnlyAdmin):
    """From where orders are served, and why from there."""

    list_display = ("order", "cause", "shown_places", "shown_reason", "missing", "decided_at")
    list_select_related = ("order",)
    list_filter = ("cause",)
    search_fields = ("order__number",)
    search_help_text = "Number of the order"
    fields = (
        *("order", "cause", "shown_places", "shown_reason", "explained", "missing"),
        *("decided_at", "decided_by"),
    )
    readonly_fields = ("shown_places", "shown_reason", "explained")


class RoutingDecisionInline(DecisionWords, ViewOnlyInline):
    """From where it is served, decision by decision."""

    model = RoutingDecision
    verbose_name_plural = "from where"
    fields = ("decided_at", "cause", "shown_places", "shown_reason", "explained", "decided_by")
    readonly_fields = ("shown_places", "shown_reason", "explained")
    ordering = ("pk",)
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[RoutingDecision]:
        decisions: QuerySet[RoutingDecision] = super().get_queryset(request)
        return decisions.select_related("decided_by")


@admin.register(RoutingRejection)
class RoutingRejectionAdmin(ViewOnlyAdmin):
    """What places could not serve after all."""

    list_display = (
        *("shown_order", "line", "quantity", "location", "reason", "note"),
        *("rejected_at", "rejected_by"),
    )
    list_select_related = ("line__order", "location", "rejected_by")
    list_filter = ("reason", "location")
    search_fields = ("line__order__number", "line__raw_sku")
    search_help_text = "Number of the order, or SKU"
    fields = (
        *("shown_order", "line", "quantity", "location", "reason", "note"),
        *("rejected_at", "rejected_by"),
    )
    readonly_fields = ("shown_order",)

    @display(description="Order", ordering="line__order_id")
    def shown_order(self, rejection: RoutingRejection) -> str:
        return str(rejection.line.order)
