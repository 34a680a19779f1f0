"""Reports over stock: how it stood, what matters, how long it lasts and what nobody buys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from unfold.widgets import INPUT_CLASSES

from inventory import queries
from inventory.models import Location
from inventory.queries import analysis
from retail.backoffice.reporting import Column, Report, answer_report, where_it_lies
from retail.common.money import display_rate, round_amount

PERMISSION = "inventory.view_stocklevel"
LONGEST_WINDOW = 3650
_MOMENT_FORMAT = "%Y-%m-%dT%H:%M"


def _count(value: int) -> str:
    return f"{value:,}"


def _rounded(value: Decimal) -> Decimal:
    return round_amount(value, settings.RETAIL_CURRENCY)


def _amount(value: Decimal) -> str:
    return f"{_rounded(value):,}"


def _percent(share: Decimal) -> str:
    return f"{100 * share:.1f} %"


def _fraction(share: Decimal) -> Decimal:
    return round(Decimal(share), 4)


def _day(moment: datetime | None) -> str:
    return f"{timezone.localtime(moment):%d %b %Y}" if moment else "never"


def _moment(moment: datetime | None) -> str | None:
    return timezone.localtime(moment).isoformat(timespec="seconds") if moment else None


def _days(days: int | None) -> str:
    return "none sold" if days is None else _count(days)


_ARTICLE = (Column("SKU", "sku", url=where_it_lies), Column("Article", "name"))
_VALUE = Column(
    "Value ({})", "value", _amount, _rounded, is_number=True, is_total=True, is_cost=True
)
_ON_HAND = Column("On hand", "on_hand", _count, is_number=True, is_total=True)

STOCK_AS_OF = Report(
    name="stock-as-of",
    title="Stock as of",
    icon="history",
    about=(
        "What lay there, what moved at that very moment included.",
        "Units that were promised to orders count, and so do goods in transit.",
        "Value is that of the books as they were then: a cost that was booked later is not in it.",
        "Of one location it is the part of its units, at the average cost of the article.",
    ),
    columns=(
        *_ARTICLE,
        Column("Units", "units", _count, is_number=True, is_total=True),
        _VALUE,
    ),
    empty="There was nothing.",
    permission=PERMISSION,
)
ABC = Report(
    name="abc",
    title="ABC",
    icon="leaderboard",
    about=(
        "Articles by what the goods had cost that customers took, less what they brought back.",
        "Transfers, counts and corrections are no sales.",
        "Class A makes up the first 80 % of that cost, B the next 15 %, C is the rest.",
        "The article that crosses a border belongs to the better class.",
    ),
    columns=(
        *_ARTICLE,
        Column("Class", "abc_class"),
        Column("Units sold", "units", _count, is_number=True, is_total=True),
        replace(_VALUE, title="Cost of sales ({})"),
        Column("Share", "share", _percent, _fraction, is_number=True, is_cost=True),
        Column("Running share", "running_share", _percent, _fraction, is_number=True, is_cost=True),
    ),
    empty="There are no articles that have stock.",
    permission=PERMISSION,
)
COVER = Report(
    name="cover",
    title="Cover",
    icon="hourglass_bottom",
    about=(
        "For how many days the free units last at the pace at which the article sold.",
        "The pace is units sold, less units brought back, per day on which there were any to sell.",
        "Warehouses and stores count: goods in transit or in quarantine cannot be sold.",
    ),
    columns=(
        *_ARTICLE,
        _ON_HAND,
        Column("Free", "available", _count, is_number=True, is_total=True),
        Column("Sold", "sold", _count, is_number=True, is_total=True),
        Column("Days in stock", "days_in_stock", _count, is_number=True),
        Column("Sold per day", "daily_units", display_rate, is_number=True),
        Column("Lasts for days", "cover_days", _days, is_number=True),
    ),
    empty="Nothing is in stock, and nothing was sold.",
    permission=PERMISSION,
)
DEAD_STOCK = Report(
    name="dead-stock",
    title="Dead stock",
    icon="do_not_disturb_on",
    about=(
        "Articles that were in stock when the time began and of which none was sold since.",
        "Value is what all of the article in the company is worth now.",
    ),
    columns=(
        *_ARTICLE,
        _ON_HAND,
        _VALUE,
        Column("Last sold", "last_sold_at", _day, _moment),
        Column("Last came in", "last_received_at", _day, _moment),
    ),
    empty="Everything in stock was sold of late.",
    permission=PERMISSION,
)
REPORTS = (STOCK_AS_OF, ABC, COVER, DEAD_STOCK)


class MomentForm(forms.Form):
    """Which moment, and of which location."""

    moment = forms.DateTimeField(
        label="Day and time",
        widget=forms.DateTimeInput(
            attrs={"type": "datetime-local", "class": " ".join(INPUT_CLASSES)},
            format=_MOMENT_FORMAT,
        ),
    )
    location = forms.ModelChoiceField(
        Location.objects.order_by("name", "pk"), required=False, empty_label="All locations"
    )

    def clean_moment(self) -> datetime:
        moment: datetime = self.cleaned_data["moment"]
        if moment > timezone.now():
            raise forms.ValidationError("Ask about a moment that is over.")
        return moment


class WindowForm(forms.Form):
    """How far to look back."""

    days = forms.IntegerField(label="Days to look back", min_value=1, max_value=LONGEST_WINDOW)


@require_safe
def stock_as_of(request: HttpRequest) -> HttpResponseBase:
    """Show what lay where at a moment, and what it was worth."""
    now = timezone.localtime()
    form = MomentForm({"moment": now.strftime(_MOMENT_FORMAT), **request.GET.dict()})
    return answer_report(
        request,
        STOCK_AS_OF,
        form,
        lambda cleaned: queries.articles_as_of(
            cleaned["moment"], location_id=cleaned["location"] and cleaned["location"].pk
        ),
    )


@require_safe
def abc(request: HttpRequest) -> HttpResponseBase:
    """Show which articles make up most of what is sold."""
    return _of_window(request, ABC, queries.abc_report, analysis.YEAR)


@require_safe
def cover(request: HttpRequest) -> HttpResponseBase:
    """Show how long what is free lasts."""
    return _of_window(request, COVER, queries.cover_report, analysis.QUARTER)


@require_safe
def dead_stock(request: HttpRequest) -> HttpResponseBase:
    """Show what nobody bought for long."""
    return _of_window(request, DEAD_STOCK, queries.dead_stock, analysis.HALF_A_YEAR)


def _of_window(
    request: HttpRequest,
    report: Report,
    ask: Callable[..., Sequence[Any]],
    usual_window: timedelta,
) -> HttpResponseBase:
    form = WindowForm({"days": usual_window.days, **request.GET.dict()})
    return answer_report(
        request,
        report,
        form,
        lambda cleaned: ask(at=timezone.now(), window=timedelta(days=cleaned["days"])),
    )


def menu() -> Iterator[tuple[str, str, str]]:
    """Return title, icon and address of each report."""
    for report in REPORTS:
        yield report.title, report.icon, reverse(f"report-{report.name}")
