"""The month as accountants see it: what falls due on which day, what ends being cheaper."""

from __future__ import annotations

import calendar
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from purchasing.models import SupplierInvoice
from purchasing.queries.payables import EXPECTED, OWED, DueDay, book_rates, due_days, overdue
from retail.backoffice.tables import list_of
from retail.common.money import ZERO, display, round_amount

PERMISSION = "purchasing.view_supplierinvoice"
MENU = ("Due dates", "calendar_month", "due-calendar")
_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])\Z")


@dataclass(frozen=True)
class Figure:
    """A line of a day: what it says, where it leads, and how it looks."""

    text: str
    url: str = ""
    look: str = ""


@dataclass(frozen=True)
class Day:
    on: date
    is_in_month: bool
    is_today: bool
    figures: Sequence[Figure]


@require_safe
def due_calendar(request: HttpRequest) -> HttpResponseBase:
    """Show a month, by default this one; `month` is written 2026-11."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    today = timezone.localdate()
    first = _first_day(request.GET.get("month", ""), today)
    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month)
    by_day: dict[date, list[DueDay]] = defaultdict(list)
    for row in due_days(first=weeks[0][0], last=weeks[-1][-1]):
        by_day[row.on].append(row)
    late = overdue(today=today)
    currencies = {row.currency for rows in by_day.values() for row in rows}
    rates = book_rates({*currencies, *(currency for currency, _, _ in late)}, today)
    context = {
        **admin.site.each_context(request),
        "title": f"Due in {first:%B %Y}",
        "overdue": [
            Figure(
                f"{count:,} overdue: {display(amount, currency)}"
                f"{_in_book(amount, currency, rates)}",
                list_of(request, SupplierInvoice, due_on__lt=today, status__in=",".join(OWED)),
                "late",
            )
            for currency, count, amount in late
        ],
        "days": list(calendar.day_name),
        "weeks": [
            [
                Day(
                    on=day,
                    is_in_month=day.month == first.month,
                    is_today=day == today,
                    figures=_figures(request, by_day[day], rates, today),
                )
                for day in week
            ]
            for week in weeks
        ],
        "before": f"{first - timedelta(days=1):%Y-%m}",
        "after": f"{first + timedelta(days=31):%Y-%m}",
        "totals": _totals(by_day, first, rates),
    }
    return TemplateResponse(request, "backoffice/due_calendar.html", context)


def menu(request: HttpRequest) -> Sequence[tuple[str, str, str]]:
    """Return title, icon and address of the calendar, if this person may see it."""
    title, icon, name = MENU
    return ((title, icon, reverse(name)),) if request.user.has_perm(PERMISSION) else ()


def _first_day(month: str, today: date) -> date:
    found = _MONTH.match(month)
    return date(int(found[1]), int(found[2]), 1) if found else today.replace(day=1)


def _figures(
    request: HttpRequest,
    rows: Sequence[DueDay],
    rates: Mapping[str, Decimal | None],
    today: date,
) -> list[Figure]:
    figures = []
    for row in rows:
        currency = row.currency
        if row.count:
            figures.append(
                Figure(
                    f"{row.count:,} due: {display(row.amount, currency)}"
                    f"{_in_book(row.amount, currency, rates)}",
                    list_of(request, SupplierInvoice, due_on=row.on, status__in=",".join(OWED)),
                    "late" if row.on < today else "due",
                )
            )
        if row.expected_count:
            figures.append(
                Figure(
                    f"{row.expected_count:,} not approved: {display(row.expected, currency)}"
                    f"{_in_book(row.expected, currency, rates)}",
                    list_of(request, SupplierInvoice, due_on=row.on, status__in=",".join(EXPECTED)),
                    "expected",
                )
            )
        if row.discount_count:
            figures.append(
                Figure(
                    f"Last day to save {display(row.discount, currency)} on {row.discount_count:,}",
                    look="discount",
                )
            )
    return figures


def _in_book(amount: Decimal, currency: str, rates: Mapping[str, Decimal | None]) -> str:
    book, rate = settings.RETAIL_CURRENCY, rates[currency]
    if currency == book:
        return ""
    return " (no rate)" if rate is None else f" ({display(amount * rate, book)})"


def _totals(
    by_day: Mapping[date, Sequence[DueDay]], first: date, rates: Mapping[str, Decimal | None]
) -> list[str]:
    """Say what the month takes in each currency, and in all of them where every rate is known."""
    due: dict[str, Decimal] = defaultdict(Decimal)
    for day, rows in by_day.items():
        if (day.year, day.month) == (first.year, first.month):
            for row in rows:
                due[row.currency] += row.amount + row.expected
    told = [
        f"{display(amount, currency)}{_in_book(amount, currency, rates)}"
        for currency, amount in sorted(due.items())
    ]
    known = {currency: rate for currency in due if (rate := rates[currency]) is not None}
    if len(due) > 1 and len(known) == len(due):
        book = settings.RETAIL_CURRENCY
        total = sum((round_amount(due[each] * rate, book) for each, rate in known.items()), ZERO)
        told.append(f"together {display(total, book)}")
    return told
