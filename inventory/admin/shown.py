"""How figures and days of stock are shown and read, and who may see them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.conf import settings
from django.utils import timezone

from retail.common.money import display

SEES_COST = "inventory.view_costpool"
# The calendar ends with it, and a moment after a day needs a day after it.
FURTHEST_DAY = date.max - timedelta(days=2)


def shown_amount(value: Decimal) -> str:
    """Return an amount of book currency as people read it."""
    return display(value, settings.RETAIL_CURRENCY)


def shown_difference(units: int) -> str:
    """Return units more or fewer with their sign."""
    return f"{units:+,}" if units else "0"


def first_moment_after(day: date) -> datetime:
    """Return when a day, as the people here count days, is over."""
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
