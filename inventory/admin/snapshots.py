"""How stock stood at the end of days, in the admin."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Count, Model, OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from inventory.admin.shown import SEES_COST, shown_amount
from inventory.models import LevelSnapshot, PoolSnapshot, StockSnapshot
from retail.common.admin import ViewOnlyAdmin, ViewOnlyInline
from retail.common.money import ZERO


class LevelInline(ViewOnlyInline):
    """What lay where."""

    model = LevelSnapshot
    verbose_name_plural = "Units by location"
    fields = ("article", "location", "on_hand")
    readonly_fields = fields
    per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[LevelSnapshot]:
        found: QuerySet[LevelSnapshot] = super().get_queryset(request)
        return found.select_related("level__variant", "level__location").order_by(
            "level__variant__sku", "level__location__code", "pk"
        )

    @display(description="Article")
    def article(self, row: LevelSnapshot) -> str:
        return row.level.variant.sku

    @display(description="Location")
    def location(self, row: LevelSnapshot) -> str:
        return row.level.location.name


class PoolInline(ViewOnlyInline):
    """What it was worth."""

    model = PoolSnapshot
    verbose_name_plural = "Value by article"
    fields = ("article", "units", "shown_value")
    readonly_fields = fields
    per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[PoolSnapshot]:
        found: QuerySet[PoolSnapshot] = super().get_queryset(request)
        return found.select_related("pool__variant").order_by("pool__variant__sku", "pk")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        may_view: bool = super().has_view_permission(request, obj)
        return may_view and request.user.has_perm(SEES_COST)

    @display(description="Article")
    def article(self, row: PoolSnapshot) -> str:
        return row.pool.variant.sku

    @display(description="Value")
    def shown_value(self, row: PoolSnapshot) -> str:
        return shown_amount(row.value)


@admin.register(StockSnapshot)
class StockSnapshotAdmin(ViewOnlyAdmin):
    """How all stock stood at the end of each day; what is booked back in time drops later days."""

    list_display = ("day", "articles", "units", "value", "taken_at")
    ordering = ("-ends_at",)
    date_hierarchy = "ends_at"
    list_per_page = 31
    fields = ("day", "articles", "units", "value", "ends_at", "taken_at")
    readonly_fields = ("day", "articles", "units", "value")
    inlines = (LevelInline, PoolInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockSnapshot]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                total_articles=_of_pools(Count("pk")),
                total_units=_of_pools(Sum("units")),
                total_value=_of_pools(Sum("value")),
            )
        )

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return _permitted(request, super().get_list_display(request))

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return _permitted(request, super().get_fields(request, obj))

    @display(description="End of", ordering="ends_at")
    def day(self, snapshot: StockSnapshot) -> date:
        return timezone.localdate(snapshot.ends_at - timedelta(microseconds=1))

    @display(description="Articles")
    def articles(self, snapshot: Any) -> int:
        return snapshot.total_articles or 0

    @display(description="Units")
    def units(self, snapshot: Any) -> int:
        return snapshot.total_units or 0

    @display(description="Value")
    def value(self, snapshot: Any) -> str:
        return shown_amount(snapshot.total_value or ZERO)


def _of_pools(total: Count | Sum) -> Subquery:
    """Return a total over the articles of a snapshot, worked out only for the rows shown."""
    pools = PoolSnapshot.objects.filter(snapshot=OuterRef("pk")).order_by().values("snapshot")
    return Subquery(pools.annotate(total=total).values("total"))


def _permitted(request: HttpRequest, columns: Sequence[Any]) -> list[Any]:
    if request.user.has_perm(SEES_COST):
        return list(columns)
    return [column for column in columns if column != "value"]
