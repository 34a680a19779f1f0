"""Filters of lists."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.utils import parse_date_str

# A moment of these days, in any time zone, is one that the calendar still has.
FIRST_DAY, LAST_DAY = date.min + timedelta(days=2), date.max - timedelta(days=2)


class DayRangeFilter(RangeDateFilter):  # type: ignore[misc]  # Unfold has no type information
    """
    Moments from the beginning of one day to the end of another, as the people here count days.

    Unfold's own takes the last day to be over when it begins.
    """

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Any],
    ) -> QuerySet[Any]:
        if first := self._day("from"):
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": _beginning_of(first)})
        if last := self._day("to"):
            after = last + timedelta(days=1)
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": _beginning_of(after)})
        return queryset

    def _day(self, end: str) -> date | None:
        text = self.used_parameters.get(f"{self.parameter_name}_{end}")
        day = parse_date_str(text) if isinstance(text, str) and text else None
        return min(max(day, FIRST_DAY), LAST_DAY) if day else None


def _beginning_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
