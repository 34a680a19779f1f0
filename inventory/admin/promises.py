"""What is promised to whom, what was put aside, and promises that could not be kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.core.validators import MaxValueValidator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from catalog.forms import ScanField
from inventory import operations
from inventory.admin.links import ArticleSearch
from inventory.admin.shown import FURTHEST_DAY, first_moment_after
from inventory.models import Allocation, Location, WithdrawnPromise
from retail.common.admin import Act, ActForm, PageAct, ViewOnlyAdmin, ViewOnlyInline

PERMISSION = "inventory.reserve_stocklevel"
USUAL_DAYS = timedelta(days=7)


def in_a_week() -> date:
    return timezone.localdate() + USUAL_DAYS


class UntilForm(ActForm):
    """Until when something is kept."""

    until = forms.DateField(
        label="Last day it is kept",
        initial=in_a_week,
        help_text="Free again the day after.",
        validators=[MaxValueValidator(FURTHEST_DAY)],
    )


class PutAsideForm(UntilForm):
    """What is put aside, where and for whom."""

    location = forms.ModelChoiceField(
        queryset=Location.objects.filter(
            kind__in=[Location.Kind.STORE, Location.Kind.WAREHOUSE]
        ).order_by("priority", "code")
    )
    article = ScanField(stocked_only=True)
    units = forms.IntegerField(initial=1, help_text="The barcode of a pack counts packs.")
    note = forms.CharField(
        max_length=200, label="For whom", help_text="A name, a telephone number, an occasion."
    )
    field_order = ("article", "location", "units", "note", "until")


class HandOverForm(ActForm):
    """How many of the units that were put aside are sold."""

    units = forms.IntegerField()

    def __init__(self, *args: Any, document: Allocation | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is not None:
            self.fields["units"].initial = document.open_units


def put_aside(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None]:
    location, scanned = cleaned["location"], cleaned["article"]
    [allocation] = operations.reserve_stock(
        location=location,
        units={scanned.variant.pk: cleaned["units"] * scanned.units},
        reference=f"RES-{cleaned['key']}",
        expires_at=first_moment_after(cleaned["until"]),
        note=cleaned["note"],
        at=now,
        by=request.user,
    )
    kept = f"{allocation.units} of {scanned.variant} at {location} put aside for {allocation.note}"
    return f"{kept}, until the end of {cleaned['until']:%d %B %Y}.", allocation


def extend(
    _request: HttpRequest, allocation: Allocation, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.extend_reservation(
        allocation_id=allocation.pk, expires_at=first_moment_after(cleaned["until"]), at=now
    )
    return f"Kept until the end of {cleaned['until']:%d %B %Y}."


def release(
    _request: HttpRequest, allocation: Allocation, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    units = allocation.open_units
    operations.release_allocation(units={allocation.pk: units}, at=now)
    return f"{units} units are free again."


def hand_over(
    request: HttpRequest, allocation: Allocation, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.hand_over_reserved(
        units={allocation.pk: cleaned["units"]},
        reference=f"SALE-{cleaned['key']}",
        at=now,
        by=request.user,
    )
    return f"{cleaned['units']} units handed over."


def whose(allocation: Allocation) -> str:
    """Return for whom something is put aside, or the number of the order."""
    return allocation.note or allocation.reference


def is_put_aside(allocation: Allocation) -> bool:
    return allocation.expires_at is not None and allocation.open_units > 0


def what_is_kept(allocation: Allocation) -> str:
    level = allocation.level
    return f"{allocation.open_units} of {level.variant} at {level.location}"


def release_consequences(allocation: Allocation) -> Sequence[str]:
    return (
        f"{what_is_kept(allocation)} can be sold to anybody again.",
        "The channels are told.",
    )


def hand_over_consequences(allocation: Allocation) -> Sequence[str]:
    return (
        f"{what_is_kept(allocation)} are put aside.",
        "The units that are handed over leave stock as sold; the rest stays put aside.",
    )


def extend_consequences(allocation: Allocation) -> Sequence[str]:
    return (f"{what_is_kept(allocation)} stay put aside until the end of that day.",)


class WhatForFilter(SimpleListFilter):
    """Promises by what they are: to an order, or put aside for a while."""

    title = "kind"
    parameter_name = "kind"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        model_admin: admin.ModelAdmin[Any],  # noqa: ARG002 - Django's signature
    ) -> list[tuple[str, str]]:
        return [
            ("order", "Promised to an order"),
            ("aside", "Put aside"),
            ("over", "Put aside, over"),
        ]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Allocation],
    ) -> QuerySet[Allocation]:
        if self.value() == "order":
            return queryset.filter(expires_at__isnull=True)
        if self.value() == "aside":
            return queryset.filter(expires_at__isnull=False)
        if self.value() == "over":
            return queryset.filter(expires_at__lte=timezone.now(), closed_at__isnull=True)
        return queryset


class WithdrawnInline(ViewOnlyInline):
    """What was taken back of a promise, and why."""

    model = WithdrawnPromise
    verbose_name_plural = "Taken back"
    fields = ("units", "cause", "reference", "reason", "withdrawn_at", "withdrawn_by")
    readonly_fields = fields
    per_page = 20

    def get_queryset(self, request: HttpRequest) -> QuerySet[WithdrawnPromise]:
        found: QuerySet[WithdrawnPromise] = super().get_queryset(request)
        return found.select_related("withdrawn_by").order_by("pk")


@admin.register(Allocation)
class AllocationAdmin(ArticleSearch, ViewOnlyAdmin):
    """Units promised to documents or put aside, and what became of the promise."""

    acts = (
        Act(
            name="hand-over",
            label="Hand over",
            permission=PERMISSION,
            perform=hand_over,
            form=HandOverForm,
            is_offered=is_put_aside,
            consequences=hand_over_consequences,
            icon="shopping_bag",
        ),
        Act(
            name="extend",
            label="Keep longer",
            permission=PERMISSION,
            perform=extend,
            form=UntilForm,
            is_offered=is_put_aside,
            consequences=extend_consequences,
            icon="event_repeat",
        ),
        Act(
            name="release",
            label="Release",
            permission=PERMISSION,
            perform=release,
            is_offered=is_put_aside,
            consequences=release_consequences,
            is_dangerous=True,
            icon="lock_open",
        ),
    )
    page_acts = (
        PageAct(
            name="put-aside",
            label="Put aside",
            permission=PERMISSION,
            perform=put_aside,
            form=PutAsideForm,
            consequences=(
                "The units stay where they are and nobody else can buy them.",
                "They become free by themselves when the last day is over.",
                "The channels are told what is left.",
            ),
            icon="bookmark_add",
        ),
    )
    list_display = (
        "promised_to",
        "variant",
        "location",
        "units",
        "open_units",
        "expires_at",
        "allocated_at",
        "closed_at",
    )
    list_select_related = ("level__variant", "level__location")
    list_filter = (
        WhatForFilter,
        ("closed_at", admin.EmptyFieldListFilter),
        "level__location",
    )
    reference_path = "reference"
    search_fields = ("reference__startswith", "note__icontains")
    search_help_text = "Order number, any barcode or SKU, or for whom it is put aside"
    fields = (
        "reference",
        "variant",
        "location",
        "units",
        "shipped",
        "released",
        "open_units",
        "channel",
        "note",
        "allocated_at",
        "allocated_by",
        "expires_at",
        "closed_at",
    )
    readonly_fields = ("variant", "location", "open_units")
    inlines = (WithdrawnInline,)

    @display(description="Promised to", ordering="reference")
    def promised_to(self, allocation: Allocation) -> str:
        return whose(allocation)

    @display(description="Article", ordering="level__variant__sku")
    def variant(self, allocation: Allocation) -> str:
        return allocation.level.variant.sku

    @display(description="Location", ordering="level__location__name")
    def location(self, allocation: Allocation) -> str:
        return allocation.level.location.name

    @display(description="Still kept")
    def open_units(self, allocation: Allocation) -> int:
        return allocation.open_units


@admin.register(WithdrawnPromise)
class WithdrawnPromiseAdmin(ArticleSearch, ViewOnlyAdmin):
    """Promises that were taken back because the goods are not there."""

    article_path = "allocation__level__variant"
    reference_path = "reference"

    list_display = (
        "withdrawn_at",
        "shown_cause",
        "promised_to",
        "variant",
        "location",
        "units",
        "reference",
        "is_settled",
    )
    list_select_related = ("allocation__level__variant", "allocation__level__location")
    list_filter = (
        "cause",
        ("settled_at", admin.EmptyFieldListFilter),
        "allocation__level__location",
    )
    search_fields = ("allocation__reference__startswith", "reference__startswith")
    search_help_text = "Number of the order or of what took the units, or any barcode or SKU"
    fields = (
        "promised_to",
        "variant",
        "location",
        "units",
        "cause",
        "reference",
        "reason",
        "withdrawn_at",
        "withdrawn_by",
        "settled_at",
    )
    readonly_fields = ("promised_to", "variant", "location")

    @display(
        description="Cause",
        ordering="cause",
        label={"SALE": "warning", "COUNT": "warning", "ADJUSTMENT": "warning", "EXPIRED": "info"},
    )
    def shown_cause(self, withdrawn: WithdrawnPromise) -> tuple[str, str]:
        return withdrawn.cause, withdrawn.get_cause_display()

    @display(description="Promised to", ordering="allocation__reference")
    def promised_to(self, withdrawn: WithdrawnPromise) -> str:
        return whose(withdrawn.allocation)

    @display(description="Article", ordering="allocation__level__variant__sku")
    def variant(self, withdrawn: WithdrawnPromise) -> str:
        return withdrawn.allocation.level.variant.sku

    @display(description="Location", ordering="allocation__level__location__name")
    def location(self, withdrawn: WithdrawnPromise) -> str:
        return withdrawn.allocation.level.location.name

    @display(description="Settled", boolean=True, ordering="settled_at")
    def is_settled(self, withdrawn: WithdrawnPromise) -> bool:
        return withdrawn.settled_at is not None
