"""Reports over orders: how often channels sold what was not there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from orders import queries
from retail.backoffice.reporting import Column, Report, answer_report
from retail.common.admin.acts import DayInput

YEAR = timedelta(days=365)
LONGEST_STRETCH = timedelta(days=3650)


def _count(value: int) -> str:
    return f"{value:,}"


def _month(month: date) -> str:
    return f"{month:%B %Y}"


def _rate(rate: Decimal) -> str:
    return f"{rate:,}"


OVERSOLD = Report(
    name="oversold",
    title="Oversold: incidents per 1,000 orders",
    icon="production_quantity_limits",
    about=(
        "How often a channel sold units that were not there, beside how many orders it placed.",
        "Orders count in the month in which they were placed, and so do their incidents.",
        "Cancelled orders count. Drafts and own orders do not: these are refused when short.",
        "An incident is one article of one order by one cause.",
        "Goods that only a rule kept back, and past sales that were imported, are none.",
    ),
    columns=(
        Column("Month", "month", _month),
        Column("Channel", "channel"),
        Column("Cause", "cause_label"),
        Column("Incidents", "incidents", _count, is_number=True),
        Column("Units missing", "units", _count, is_number=True),
        Column("Orders of the channel", "orders", _count, is_number=True),
        Column("Per 1,000 orders", "per_thousand", _rate, is_number=True),
    ),
    empty="No channel placed an order in these days.",
    permission="orders.view_oversellincident",
    counted=("row", "rows"),
)
REPORTS = (OVERSOLD,)


class StretchForm(forms.Form):
    """From which day to which."""

    first = forms.DateField(label="Orders placed from", widget=DayInput)
    last = forms.DateField(label="to", widget=DayInput)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and not first <= last <= first + LONGEST_STRETCH:
            self.add_error("last", "Ask for ten years at most, from the earlier day on.")
        return cleaned


@require_safe
def oversold(request: HttpRequest) -> HttpResponseBase:
    """Show how often channels sold what was not there, by month, channel and cause."""
    today = timezone.localdate()
    usual = {"first": (today - YEAR).replace(day=1).isoformat(), "last": today.isoformat()}
    return answer_report(
        request,
        OVERSOLD,
        StretchForm({**usual, **request.GET.dict()}),
        lambda cleaned: queries.oversell_rates(first=cleaned["first"], last=cleaned["last"]),
    )


def menu(request: HttpRequest) -> Iterator[tuple[str, str, str]]:
    """Return title, icon and address of each report that this person may see."""
    for report in REPORTS:
        if request.user.has_perm(report.permission):
            yield report.title.partition(":")[0], report.icon, reverse(f"report-{report.name}")
