"""Articles that orders wait for and nobody knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Case, CharField, Count, F, Max, Min, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Upper

from catalog.queries import sku_key
from channels.models import Channel
from orders.models import Order, OrderLine


@dataclass(frozen=True, slots=True)
class UnknownCode:
    """What a channel calls an article: its SKU, whatever the case, or the GTIN when it has none."""

    sku: str = ""
    gtin: str = ""

    @property
    def lines(self) -> Q:
        """Return the condition on lines that are of this article."""
        if self.sku.strip():
            return Q(sku_key=sku_key(self.sku))
        return Q(sku_key="", raw_gtin=self.gtin.strip())


def unknown_lines(*, channel: Channel, code: UnknownCode) -> QuerySet[OrderLine]:
    """Return the lines of open orders that are of one unknown article of a channel."""
    return _waiting().filter(code.lines, order__channel=channel)


def unknown_articles() -> QuerySet[Any, Any]:
    """
    Return what nobody knows, one row per channel and code, what waits longest first.

    Rows of channel_id, channel_name, sku (in capitals), gtin (where there is no SKU), name as one
    of the lines says it, and what waits: lines, orders, pieces, since.
    """
    gtin = Case(When(sku_key="", then=F("raw_gtin")), default=Value(""), output_field=CharField())
    return (
        _waiting()
        .annotate(
            channel_id=F("order__channel_id"),
            channel_name=F("order__channel__name"),
            sku=F("sku_key"),
            gtin=gtin,
        )
        .values("channel_id", "channel_name", "sku", "gtin")
        .annotate(
            name=Max("name"),
            lines=Count("pk"),
            orders=Count("order", distinct=True),
            pieces=Sum(F("ordered") - F("cancelled") - F("shipped")),
            since=Min("order__placed_at"),
        )
        .order_by("since", "channel_id", "sku", "gtin")
    )


def _waiting() -> QuerySet[OrderLine]:
    lines = OrderLine.objects.unknown().filter(order__in=Order.objects.open())
    return lines.annotate(sku_key=Upper("raw_sku"))
