"""How figures of stock are shown, and who may see them."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings

from retail.common.money import display

SEES_COST = "inventory.view_costpool"


def shown_amount(value: Decimal) -> str:
    """Return an amount of book currency as people read it."""
    return display(value, settings.RETAIL_CURRENCY)
