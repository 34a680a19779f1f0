"""Counts of stock in the admin: sheets, their lines, and what is to be counted."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import (
    BooleanField,
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from catalog.scanning import meanings
from inventory import operations
from inventory.admin.count_acts import ADDS, APPROVES, COUNT_ACTS, NEW_COUNT, SHEET
from inventory.admin.links import ArticleSearch
from inventory.admin.shown import SEES_COST, shown_difference
from inventory.models import CountRequest, StockCount, StockCountEntry, StockCountLine
from inventory.sheets import with_expected
from retail.common.admin import ViewOnlyAdmin, ViewOnlyInline
from retail.common.errors import BusinessError

_LOOKS = {
    "COUNTING": "info",
    "AWAITING_APPROVAL": "warning",
    "POSTED": "success",
    "CANCELLED": "default",
}
# What tells whoever counts blind how much there should be, or what it is worth.
TELLS_EXPECTED = ("shown_expected", "shown_variance")
TELLS_VALUE = ("value_off", "value_limit")


def is_hidden_from(request: HttpRequest, prefix: str = "") -> Q:
    """Return which sheets keep from this person what is expected."""
    if request.user.has_perm(APPROVES):
        return Q(pk__in=[])
    return Q(**{f"{prefix}is_blind": True, f"{prefix}closed_at__isnull": True})


class LineInline(ViewOnlyInline):
    """What is to be counted, and what was."""

    model = StockCountLine
    verbose_name_plural = "Lines"
    ordering = ("level__variant__sku", "pk")
    show_change_link = True
    per_page = 50
    fields = (
        *("variant", "product", "shown_expected", "counted", "shown_variance"),
        *("counted_at", "counted_by", "recounts", "reason"),
    )
    readonly_fields = fields

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:  # noqa: ARG002 - Django's signature
        if obj is None or obj.sees_expected:
            return self.fields
        return [name for name in self.fields if name not in TELLS_EXPECTED]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockCountLine]:
        lines: QuerySet[StockCountLine] = super().get_queryset(request)
        return with_expected(lines).select_related("level__variant__product", "counted_by")

    @display(description="Article")
    def variant(self, line: StockCountLine) -> str:
        return line.level.variant.sku

    @display(description="Product")
    def product(self, line: StockCountLine) -> str:
        return f"{line.level.variant.product.name} {line.level.variant.name}".rstrip()

    @display(description="Expected")
    def shown_expected(self, line: Any) -> int:
        expected: int = line.expected_now
        return expected

    @display(description="Difference")
    def shown_variance(self, line: Any) -> str:
        return "-" if line.counted is None else shown_difference(line.counted - line.expected_now)


@admin.register(StockCount)
class StockCountAdmin(ViewOnlyAdmin):
    """Sheets of what is counted while the shop goes on selling."""

    acts = COUNT_ACTS
    page_acts = (NEW_COUNT,)
    downloads = (SHEET,)
    inlines = (LineInline,)
    list_display = (
        *("number", "location", "shown_status", "progress", "selection", "is_blind"),
        *("units_off", "value_off", "opened_at", "opened_by", "closed_at"),
    )
    list_select_related = ("location", "opened_by")
    list_filter = ("status", "location")
    search_fields = ("number__istartswith", "lines__level__variant__sku")
    search_help_text = "Number, or any barcode or SKU"
    fields = (
        *("number", "location", "shown_status", "progress", "selection", "is_blind"),
        *("opened_at", "opened_by", "submitted_at", "submitted_by"),
        *("units_off", "units_limit", "value_off", "value_limit"),
        *("approved_at", "approved_by", "closed_at"),
    )
    readonly_fields = ("shown_status", "progress")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockCount]:
        queryset: QuerySet[StockCount] = super().get_queryset(request)
        lines = StockCountLine.objects.filter(count=OuterRef("pk")).order_by().values("count")
        left = lines.filter(counted__isnull=True)
        return queryset.annotate(
            lines_total=Coalesce(Subquery(lines.values(lines=Count("pk"))), 0),
            lines_left=Coalesce(Subquery(left.values(lines=Count("pk"))), 0),
            sees_expected=Case(
                When(is_hidden_from(request), then=Value(False)),
                default=Value(True),
                output_field=BooleanField(),
            ),
        )

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = super().get_list_display(request)
        if request.user.has_perm(SEES_COST):
            return columns
        return [column for column in columns if _name(column) not in TELLS_VALUE]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:  # noqa: ARG002 - Django's signature
        if request.user.has_perm(SEES_COST):
            return self.fields
        return [name for name in self.fields if name not in TELLS_VALUE]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[StockCount], search_term: str
    ) -> tuple[QuerySet[StockCount], bool]:
        found = {one.variant.pk for one in meanings(search_term)}
        if not found:
            results: tuple[QuerySet[StockCount], bool] = super().get_search_results(
                request, queryset, search_term
            )
            return results
        lines = StockCountLine.objects.filter(count=OuterRef("pk"), level__variant__in=found)
        return queryset.filter(Exists(lines) | Q(number__iexact=search_term.strip())), False

    @display(description="Status", ordering="status", label=_LOOKS)  # type: ignore[untyped-decorator]  # Unfold's
    def shown_status(self, count: StockCount) -> tuple[str, str]:
        return count.status, count.get_status_display()

    @display(description="Counted")
    def progress(self, count: Any) -> str:
        return f"{count.lines_total - count.lines_left:,} of {count.lines_total:,} counted"


def _name(column: Any) -> str:
    return column if isinstance(column, str) else str(column.__name__)


class EntryInline(ViewOnlyInline):
    """Every figure, also those that were counted again."""

    model = StockCountEntry
    verbose_name_plural = "Figures"
    ordering = ("round", "pk")
    fields = ("round", "counted", "counted_at", "counted_by")
    readonly_fields = fields


@admin.register(StockCountLine)
class StockCountLineAdmin(ArticleSearch, ViewOnlyAdmin):
    """Every article that was counted, with all of its figures."""

    reference_path = "count__number"
    inlines = (EntryInline,)
    list_display = (
        *("variant", "location", "count", "shown_expected", "counted", "shown_variance"),
        *("counted_at", "counted_by", "recounts", "reason"),
    )
    list_select_related = ("level__variant", "level__location", "count", "counted_by")
    list_filter = ("reason", "level__location", ("settled_at", admin.EmptyFieldListFilter))
    search_fields = ("count__number__istartswith",)
    search_help_text = "Any barcode or SKU, or the number of the sheet"
    fields = (
        *("count", "variant", "location", "shown_expected", "counted", "shown_variance"),
        *("counted_at", "counted_by", "recounts", "reason", "added_at", "settled_at"),
    )
    readonly_fields = ("variant", "location", "shown_expected", "shown_variance")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockCountLine]:
        queryset: QuerySet[StockCountLine] = super().get_queryset(request)
        return queryset.annotate(
            seen_expected=Case(
                When(is_hidden_from(request, "count__"), then=Value(None)),
                default=F("expected"),
                output_field=IntegerField(),
            )
        )

    @display(description="Article", ordering="level__variant__sku")
    def variant(self, line: StockCountLine) -> str:
        return line.level.variant.sku

    @display(description="Location", ordering="level__location__name")
    def location(self, line: StockCountLine) -> str:
        return line.level.location.name

    @display(description="Expected")
    def shown_expected(self, line: Any) -> int | None:
        expected: int | None = line.seen_expected
        return expected

    @display(description="Difference")
    def shown_variance(self, line: Any) -> str | None:
        if line.counted is None or line.seen_expected is None:
            return None
        return shown_difference(line.counted - line.seen_expected)


@admin.register(CountRequest)
class CountRequestAdmin(ArticleSearch, ViewOnlyAdmin):
    """What somebody wants to be counted, the open wishes first."""

    actions = ("open_counts",)
    list_display = (
        *("variant", "location", "on_hand", "reason", "requested_at", "requested_by"),
        "settled_at",
    )
    list_select_related = ("level__variant", "level__location", "requested_by")
    list_filter = (("settled_at", admin.EmptyFieldListFilter), "level__location")
    search_fields = ("level__variant__sku", "reason")
    search_help_text = "Any barcode or SKU, or a word of the reason"
    # PostgreSQL puts what is empty first when it goes downwards: the open ones.
    ordering = ("-settled_at", "requested_at", "pk")
    fields = (
        *("variant", "location", "on_hand", "reason", "requested_at", "requested_by"),
        "settled_at",
    )
    readonly_fields = ("variant", "location", "on_hand")

    def has_open_counts_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ADDS)

    @admin.action(description="Open a count of these", permissions=["open_counts"])
    def open_counts(self, request: HttpRequest, queryset: QuerySet[CountRequest]) -> None:
        """Open one sheet per location for what is chosen and not counted since."""
        chosen: dict[Any, list[int]] = defaultdict(list)
        for wish in queryset.filter(settled_at__isnull=True).select_related("level__location"):
            chosen[wish.level.location].append(wish.level.variant_id)
        if not chosen:
            self.message_user(request, "All of these are counted already.", messages.WARNING)
        for location in sorted(chosen, key=lambda each: each.pk):
            try:
                count = operations.open_count(
                    location=location,
                    variant_ids=chosen[location],
                    key=uuid.uuid4().hex,
                    at=timezone.now(),
                    by=request.user,
                )
            except BusinessError as refusal:
                self.message_user(request, f"{location}: {refusal}", messages.WARNING)
            else:
                told = f"{count} at {location}: {count.selection}."
                self.message_user(request, told, messages.SUCCESS)

    @display(description="Article", ordering="level__variant__sku")
    def variant(self, wish: CountRequest) -> str:
        return wish.level.variant.sku

    @display(description="Location", ordering="level__location__name")
    def location(self, wish: CountRequest) -> str:
        return wish.level.location.name

    @display(description="In the system", ordering="level__on_hand")
    def on_hand(self, wish: CountRequest) -> int:
        return wish.level.on_hand
