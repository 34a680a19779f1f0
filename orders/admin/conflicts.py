"""What channels and we disagree about, and what was called off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from orders.admin.change_acts import DECIDE
from orders.admin.conflict_words import both_versions, is_late, one_version
from orders.models import CancelledLine, ChannelConflict, OrderCancellation
from retail.common.admin import ViewOnlyAdmin, ViewOnlyInline


class UndecidedFilter(admin.SimpleListFilter):
    """Disagreements that somebody has to decide, or has decided."""

    title = "state"
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return (("open", "To be decided"), ("decided", "Decided"))

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[ChannelConflict]
    ) -> QuerySet[ChannelConflict]:
        if self.value() not in {"open", "decided"}:
            return queryset
        return queryset.filter(decided_at__isnull=self.value() == "open")


@admin.register(ChannelConflict)
class ChannelConflictAdmin(ViewOnlyAdmin):
    """What a channel says of orders that cannot be taken over by itself any more."""

    acts = (DECIDE,)
    list_display = (
        *("order", "shown_kind", "line", "opened_at", "due_at", "shown_late"),
        *("decision", "decided_at", "decided_by"),
    )
    list_select_related = ("order", "line", "decided_by")
    list_filter = (UndecidedFilter, "kind", "decision")
    search_fields = ("order__number", "order__external_number")
    ordering = ("due_at", "pk")
    fields = (
        ("order", "shown_kind", "line"),
        ("shown_ours", "shown_theirs"),
        ("opened_at", "due_at"),
        ("decision", "note", "decided_at", "decided_by"),
    )
    readonly_fields = ("shown_kind", "shown_ours", "shown_theirs")

    @display(description="Kind", ordering="kind", label=True)
    def shown_kind(self, conflict: ChannelConflict) -> str:
        return conflict.get_kind_display()

    @display(description="Late", label={"LATE": "danger"})
    def shown_late(self, conflict: ChannelConflict) -> tuple[str, str] | str:
        return ("LATE", "Late") if is_late(conflict, timezone.now()) else ""

    @display(description="Here")
    def shown_ours(self, conflict: ChannelConflict) -> str:
        return one_version(both_versions(conflict), "ours")

    @display(description="On the channel")
    def shown_theirs(self, conflict: ChannelConflict) -> str:
        return one_version(both_versions(conflict), "theirs")


class ConflictInline(ViewOnlyInline):
    """What the channel and we disagree about; each is decided on a page of its own."""

    model = ChannelConflict
    fk_name = "order"
    verbose_name_plural = "disagreements"
    fields = ("kind", "line", "opened_at", "due_at", "decision", "decided_by", "note")
    ordering = ("pk",)
    show_change_link = True
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChannelConflict]:
        conflicts: QuerySet[ChannelConflict] = super().get_queryset(request)
        return conflicts.select_related("line", "decided_by")


class CancellationInline(ViewOnlyInline):
    """What was called off, when, by whom and why."""

    model = OrderCancellation
    verbose_name_plural = "cancellations"
    fields = ("cancelled_at", "cause", "reason", "shown_pieces", "cancelled_by")
    readonly_fields = ("shown_pieces",)
    ordering = ("pk",)
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderCancellation]:
        rows: QuerySet[OrderCancellation] = super().get_queryset(request)
        return rows.select_related("cancelled_by").prefetch_related("lines__line")

    @display(description="Pieces")
    def shown_pieces(self, cancellation: OrderCancellation) -> str:
        return ", ".join(f"{row.quantity} of {row.line}" for row in cancellation.lines.all())


class CancelledLineInline(ViewOnlyInline):
    """Which pieces were called off."""

    model = CancelledLine
    fields = ("line", "quantity")
    ordering = ("pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CancelledLine]:
        lines: QuerySet[CancelledLine] = super().get_queryset(request)
        return lines.select_related("line")


@admin.register(OrderCancellation)
class OrderCancellationAdmin(ViewOnlyAdmin):
    """What was called off of orders."""

    list_display = ("order", "cause", "reason", "cancelled_at", "cancelled_by")
    list_select_related = ("order", "cancelled_by")
    list_filter = ("cause",)
    search_fields = ("order__number", "order__external_number", "reason")
    ordering = ("-cancelled_at", "-pk")
    inlines = (CancelledLineInline,)
