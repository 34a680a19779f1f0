"""What to buy, by which rules, and what each look at it found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from inventory.models import Location
from purchasing.admin.replenishment_acts import (
    DECIDES,
    DOWNLOADS,
    PAGE_ACTS,
    accept_chosen,
    dismiss_chosen,
    shown_cover,
)
from purchasing.models import (
    ReplenishmentFault,
    ReplenishmentProposal,
    ReplenishmentRule,
    ReplenishmentRun,
)
from retail.common.admin import BaseAdmin, ViewOnlyAdmin, ViewOnlyInline
from retail.common.money import display as display_money

Status = ReplenishmentProposal.Status
STATUS_COLORS = {
    Status.OPEN: "warning",
    Status.ACCEPTED: "success",
    Status.DISMISSED: "danger",
    Status.WITHDRAWN: "info",
}

# Group and figure of a proposal's inputs -> how people call it; what is not here is not shown.
FIGURES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "position": (
        "Position",
        {
            "on_hand": "On hand",
            "promised": "Promised to orders",
            "ordered": "Ordered, still to come",
            "approved": "In orders not sent yet",
            "drafted": "In drafts",
            "in_transit": "On the way from other places",
            "waiting": "Customers wait for",
        },
    ),
    "history": (
        "Sales",
        {"window_days": "Days looked at", "days_in_stock": "Days with stock"},
    ),
    "demand": (
        "Sales",
        {
            "sold": "Units sold",
            "orders": "Orders",
            "biggest": "Biggest order",
            "cap": "A big order counts as",
            "cut_orders": "Big orders",
            "cut": "Units left out",
            "returned": "Came back, of unknown sales",
            "days": "Days that count",
            "per_day": "Units a day",
            "spread": "Spread of a day",
        },
    ),
    "lead_time": (
        "Lead time",
        {"days": "Days", "spread": "Spread in days", "source": "Known"},
    ),
    "rule": (
        "Rule",
        {
            "minimum": "Minimum",
            "maximum": "Maximum",
            "days": "Days to cover",
            "service_level": "Cycles without a shortage, percent",
        },
    ),
    "terms": (
        "Supplier",
        {
            "pack_size": "Units in a pack",
            "order_multiple": "Sold in multiples of",
            "minimum_quantity": "Least units",
        },
    ),
}


class StatusFilter(admin.SimpleListFilter):
    """What is to be decided, unless somebody asks for the rest."""

    title = "status"
    parameter_name = "status"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        decided = [status for status in Status if status != Status.OPEN]
        return [*((status.value, status.label) for status in decided), ("all", "All")]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        [first, *others] = super().choices(changelist)
        yield {**first, "display": Status.OPEN.label}
        yield from others

    def queryset(
        self,
        _request: HttpRequest,
        queryset: QuerySet[ReplenishmentProposal],
    ) -> QuerySet[ReplenishmentProposal]:
        if self.value() == "all":
            return queryset
        return queryset.filter(status=self.value() or Status.OPEN)


@admin.register(ReplenishmentProposal)
class ReplenishmentProposalAdmin(ViewOnlyAdmin):
    """What should be bought, and why that many."""

    page_acts = PAGE_ACTS
    downloads = DOWNLOADS
    actions = (accept_chosen, dismiss_chosen)
    list_display = (
        *("article", "location", "supplier", "shown_status", "units", "unit_cost", "amount"),
        *("position", "reorder_point", "lasts", "worked_out_at"),
    )
    list_filter = (
        StatusFilter,
        ("supplier", AutocompleteSelectFilter),
        "location",
    )
    search_fields = (
        *("variant__sku", "variant__product__name", "supplier__name"),
        "supplier_product__supplier_sku",
    )
    search_help_text = "SKU, article, supplier or the supplier's SKU."
    ordering = ("supplier__name", "supplier", "location", "variant__sku", "pk")
    readonly_fields = ("article_name", "shown_status", "amount", "lasts", "why", "worked_out_at")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("variant", "article_name", "location"),
                    ("supplier", "supplier_product", "shown_status"),
                    ("units", "unit_cost", "amount"),
                    ("position", "reorder_point", "target", "lasts"),
                )
            },
        ),
        ("Why that many", {"fields": ("why",)}),
        (
            "Decision",
            {
                "fields": (
                    ("decided_by", "decided_at", "order_line"),
                    ("reason", "dismissed_until"),
                    ("run", "worked_out_at"),
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReplenishmentProposal]:
        proposals: QuerySet[ReplenishmentProposal] = super().get_queryset(request)
        return proposals.select_related("variant__product", "location", "supplier", "run")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(DECIDES)

    @display(description="Article", ordering="variant__sku")
    def article(self, proposal: ReplenishmentProposal) -> str:
        return proposal.variant.sku

    @display(description="Name")
    def article_name(self, proposal: ReplenishmentProposal) -> str:
        return proposal.variant.full_name

    @display(description="Status", ordering="status", label=STATUS_COLORS)
    def shown_status(self, proposal: ReplenishmentProposal) -> tuple[str, str]:
        return proposal.status, proposal.get_status_display()

    @display(description="Amount without tax")
    def amount(self, proposal: ReplenishmentProposal) -> str:
        return display_money(proposal.units * proposal.unit_cost, proposal.currency)

    @display(description="Lasts")
    def lasts(self, proposal: ReplenishmentProposal) -> str:
        return shown_cover(proposal)

    @display(description="Worked out", ordering="run__started_at")
    def worked_out_at(self, proposal: ReplenishmentProposal) -> str:
        return date_format(timezone.localtime(proposal.run.started_at), "DATETIME_FORMAT")

    @display(description="Why")
    def why(self, proposal: ReplenishmentProposal) -> str:
        return render_to_string(
            "admin/purchasing/why.html",
            {"steps": proposal.steps, "figures": list(_figures(proposal))},
        )


def _figures(proposal: ReplenishmentProposal) -> Iterator[tuple[str, str, Any]]:
    """Give the inputs as rows: group, figure, value."""
    for group, (title, names) in FIGURES.items():
        values = proposal.inputs.get(group, {})
        for name, label in names.items():
            if values.get(name) is not None:
                yield title, label, values[name]
    for tier in proposal.inputs.get("terms", {}).get("tiers", []):
        yield "Supplier", f"Price from {tier['min_quantity']:,}", tier["unit_cost"]


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own is not generic
    class Meta:
        model = ReplenishmentRule
        fields: ClassVar = [
            *("location", "variant", "supplier", "is_active", "method"),
            *("minimum_units", "maximum_units", "demand_days", "cover_days", "service_level"),
        ]
        help_texts: ClassVar = {
            "minimum_units": "Ordered when no more than so many are there or coming.",
            "maximum_units": "Up to which is ordered.",
            "is_active": "Off: nothing is proposed by it. An article whose own rule is off is left"
            " out of the rule for all articles, too.",
        }

    def clean_location(self) -> Location:
        location: Location = self.cleaned_data["location"]
        if location.kind not in {Location.Kind.WAREHOUSE, Location.Kind.STORE}:
            raise forms.ValidationError("Goods are bought for a warehouse or a store only.")
        return location


@admin.register(ReplenishmentRule)
class ReplenishmentRuleAdmin(BaseAdmin):
    """How much of what should be where."""

    form = RuleForm
    is_deletable = True
    list_display = (
        *("place", "article", "supplier", "method", "minimum_units", "maximum_units"),
        *("demand_days", "cover_days", "service_level", "is_active"),
    )
    list_select_related = ("location", "variant", "supplier")
    list_filter = (
        *("is_active", "method", "location"),
        ("supplier", AutocompleteSelectFilter),
    )
    search_fields = ("location__name", "variant__sku", "variant__product__name")
    search_help_text = "Location, SKU or article."
    autocomplete_fields = ("location", "variant", "supplier")
    ordering = ("location__name", "location", "variant__sku", "pk")
    fieldsets = (
        (None, {"fields": (("location", "variant"), ("supplier", "is_active"), "method")}),
        ("Between a minimum and a maximum", {"fields": (("minimum_units", "maximum_units"),)}),
        ("By what sells", {"fields": (("demand_days", "cover_days", "service_level"),)}),
    )

    @display(description="Location", ordering="location__name")
    def place(self, rule: ReplenishmentRule) -> str:
        return rule.location.name

    @display(description="Article", ordering="variant__sku")
    def article(self, rule: ReplenishmentRule) -> str:
        return rule.variant.sku if rule.variant else "All others"


class FaultInline(ViewOnlyInline):
    """What could not be worked out, and why."""

    model = ReplenishmentFault
    verbose_name_plural = "Could not be worked out"
    fields = ("variant", "location", "text")
    ordering = ("pk",)
    per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReplenishmentFault]:
        faults: QuerySet[ReplenishmentFault] = super().get_queryset(request)
        return faults.select_related("variant", "location")


@admin.register(ReplenishmentRun)
class ReplenishmentRunAdmin(ViewOnlyAdmin):
    """When it was worked out what to buy, and what came of it."""

    inlines = (FaultInline,)
    list_display = (
        *("started_at", "started_by", "place", "considered", "proposed", "renewed"),
        *("withdrawn", "faults"),
    )
    list_select_related = ("started_by", "location")
    list_filter = ("location",)
    readonly_fields = ("place", "faults")
    fields = (
        ("started_at", "started_by", "place"),
        ("considered", "proposed", "renewed", "withdrawn", "faults"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReplenishmentRun]:
        runs: QuerySet[ReplenishmentRun] = super().get_queryset(request)
        faults = ReplenishmentFault.objects.filter(run=OuterRef("pk")).values("run")
        count = Subquery(faults.values(count=Count("pk")))
        return runs.annotate(fault_count=Coalesce(count, 0))

    @display(description="Location", ordering="location__name")
    def place(self, run: ReplenishmentRun) -> str:
        return run.location.name if run.location else "All"

    @display(description="Not worked out", ordering="fault_count")
    def faults(self, run: ReplenishmentRun) -> int:
        return getattr(run, "fault_count", 0)
