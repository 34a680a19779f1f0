"""Goods of suppliers that wait for a decision, and what was decided."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Case, F, Q, QuerySet, When
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter
from unfold.decorators import display

from purchasing.admin.held_acts import HELD_ACTS
from purchasing.admin.return_drafting import send_held_back
from purchasing.models import GoodsReceipt, HeldGoods, HeldGoodsDecision
from retail.common.admin import ViewOnlyAdmin, ViewOnlyInline

STILL_THERE = F("units") - F("accepted") - F("returned") - F("scrapped")
IS_OPEN = Q(
    units__gt=F("accepted") + F("returned") + F("scrapped"),
    receipt__status=GoodsReceipt.Status.POSTED,
)
KIND_LOOKS = {"REJECTED": "warning", "UNPLANNED": "danger"}


class QueueFilter(admin.SimpleListFilter):
    """What is still to be decided, unless everything is asked for."""

    title = "decision"
    parameter_name = "queue"

    def lookups(
        self,
        _request: HttpRequest,
        _model_admin: admin.ModelAdmin,  # type: ignore[type-arg]  # Django's own is not generic
    ) -> list[tuple[str, str]]:
        return [("open", "Still to be decided"), ("decided", "Decided")]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[HeldGoods]) -> QuerySet[HeldGoods]:
        if self.value() == "open":
            return queryset.filter(IS_OPEN)
        if self.value() == "decided":
            return queryset.exclude(IS_OPEN)
        return queryset


class DecisionInline(ViewOnlyInline):
    """What was decided about them."""

    model = HeldGoodsDecision
    verbose_name_plural = "decisions"
    fields = ("decided_at", "outcome", "units", "receipt", "reason", "decided_by")
    ordering = ("pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[HeldGoodsDecision]:
        decisions: QuerySet[HeldGoodsDecision] = super().get_queryset(request)
        return decisions.select_related("receipt", "decided_by")


@admin.register(HeldGoods)
class HeldGoodsAdmin(ViewOnlyAdmin):
    """Rejected goods and goods that nobody ordered: what still lies there comes first."""

    acts = HELD_ACTS
    actions = (send_held_back,)
    inlines = (DecisionInline,)
    list_display = (
        *("article", "shown_kind", "left_units", "units", "reject_reason", "note"),
        *("supplier", "receipt", "received_at", "location"),
    )
    list_display_links = ("article",)
    list_select_related = ("receipt__supplier", "variant__product", "location")
    list_filter = (
        QueueFilter,
        "kind",
        "reject_reason",
        ("receipt__supplier", AutocompleteSelectFilter),
        "location",
        ("receipt__received_at", RangeDateTimeFilter),
    )
    search_fields = (
        *("code", "variant__sku", "receipt__number", "receipt__delivery_note"),
        "receipt__supplier__name",
    )
    search_help_text = "Article, code, goods receipt, delivery note or supplier."
    # What is still to be decided first, and of that what lies there longest.
    ordering = (Case(When(IS_OPEN, then=0), default=1), "pk")
    fields = (
        ("article", "shown_kind", "code"),
        ("left_units", "units"),
        ("accepted", "returned", "scrapped"),
        ("reject_reason", "note"),
        ("supplier", "receipt", "received_at"),
        "location",
    )
    readonly_fields = ("article", "shown_kind", "left_units", "supplier", "received_at")

    def has_send_back_permission(self, request: HttpRequest) -> bool:
        """Tell whether the person may put goods on a return, as the action in the list asks."""
        return request.user.has_perm("purchasing.add_supplierreturn")

    def get_queryset(self, request: HttpRequest) -> QuerySet[HeldGoods]:
        queryset: QuerySet[HeldGoods] = super().get_queryset(request)
        return queryset.select_related("receipt__supplier", "variant__product", "location")

    @display(description="Article", ordering="variant__sku")
    def article(self, held: HeldGoods) -> str:
        return f"{held.variant.sku} {held.variant.full_name}" if held.variant else held.code

    @display(description="Kind", ordering="kind", label=KIND_LOOKS)
    def shown_kind(self, held: HeldGoods) -> tuple[str, str]:
        return held.kind, held.get_kind_display()

    @display(description="Still there", ordering=STILL_THERE.desc())
    def left_units(self, held: HeldGoods) -> str:
        return "" if held.receipt.status == GoodsReceipt.Status.REVERSED else f"{held.left:,}"

    @display(description="Supplier", ordering="receipt__supplier__name")
    def supplier(self, held: HeldGoods) -> str:
        return held.receipt.supplier.name

    @display(description="Came", ordering="receipt__received_at")
    def received_at(self, held: HeldGoods) -> object:
        return held.receipt.received_at


@admin.register(HeldGoodsDecision)
class HeldGoodsDecisionAdmin(ViewOnlyAdmin):
    """Every decision about held goods."""

    list_display = ("article", "outcome", "units", "receipt", "reason", "decided_at", "decided_by")
    list_select_related = ("held_goods__variant", "receipt", "decided_by")
    list_filter = ("outcome", ("decided_at", RangeDateTimeFilter))
    search_fields = ("held_goods__variant__sku", "held_goods__code", "receipt__number")

    @display(description="Article", ordering="held_goods__variant__sku")
    def article(self, decision: HeldGoodsDecision) -> str:
        held = decision.held_goods
        return held.variant.sku if held.variant else held.code
