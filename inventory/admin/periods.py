"""Closed books of stock, in the admin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.validators import MaxValueValidator
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from inventory import operations
from inventory.admin.shown import FURTHEST_DAY, first_moment_after
from inventory.models import ClosedPeriod
from retail.common.admin import Act, ActForm, PageAct, ViewOnlyAdmin


def end_of_last_month() -> date:
    return timezone.localdate().replace(day=1) - timedelta(days=1)


class CloseForm(ActForm):
    """Up to which day the books are closed."""

    last_day = forms.DateField(
        label="Last day to close",
        initial=end_of_last_month,
        help_text="This day is closed too.",
        validators=[MaxValueValidator(FURTHEST_DAY)],
    )


class ReopenForm(ActForm):
    """Why books that were closed are opened again."""

    reason = forms.CharField(max_length=200, help_text="What has to be booked late, and why.")


def close(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None]:
    period = operations.close_period(
        ends_at=first_moment_after(cleaned["last_day"]),
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"The books of stock are closed up to {cleaned['last_day']:%d %B %Y}.", period


def reopen(
    request: HttpRequest, period: ClosedPeriod, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.reopen_period(
        period_id=period.pk,
        reason=cleaned["reason"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return "The books of stock are open again."


def is_in_force(period: ClosedPeriod) -> bool:
    return period.reopened_at is None


def reopen_consequences(period: ClosedPeriod) -> Sequence[str]:
    return (
        f"Stock and cost can be booked again for {last_day(period):%d %B %Y} and days before.",
        "Days that were closed earlier stay closed.",
        "Figures that were reported for those days may change.",
        "Who opened the books, and why, is kept.",
    )


def last_day(period: ClosedPeriod) -> date:
    return timezone.localdate(period.ends_at - timedelta(microseconds=1))


@admin.register(ClosedPeriod)
class ClosedPeriodAdmin(ViewOnlyAdmin):
    """Up to when nothing can be booked any more, and when that was opened again."""

    acts = (
        Act(
            name="reopen",
            label="Reopen",
            permission="inventory.reopen_period",
            perform=reopen,
            form=ReopenForm,
            is_offered=is_in_force,
            consequences=reopen_consequences,
            is_dangerous=True,
            icon="lock_open",
        ),
    )
    page_acts = (
        PageAct(
            name="close",
            label="Close the books",
            permission="inventory.close_period",
            perform=close,
            form=CloseForm,
            consequences=(
                "Nothing can be booked for that day or an earlier one any more.",
                "That holds for goods, counts and late costs, and for files of past sales.",
                "What is booked today is not touched by it, whatever its papers say.",
                "A manager can open the books again, with a reason.",
            ),
            icon="lock",
        ),
    )
    list_display = (
        "last_day",
        "is_in_force",
        "closed_at",
        "closed_by",
        "reopened_at",
        "reopened_by",
        "reopen_reason",
    )
    list_select_related = ("closed_by", "reopened_by")
    list_filter = (("reopened_at", admin.EmptyFieldListFilter),)
    ordering = ("-ends_at", "-pk")
    fields = (
        "last_day",
        "closed_at",
        "closed_by",
        "reopened_at",
        "reopened_by",
        "reopen_reason",
    )
    readonly_fields = ("last_day",)

    @display(description="Closed up to", ordering="ends_at")
    def last_day(self, period: ClosedPeriod) -> date:
        return last_day(period)

    @display(description="In force", boolean=True, ordering="reopened_at")
    def is_in_force(self, period: ClosedPeriod) -> bool:
        return is_in_force(period)
