"""How often more was sold than there was, beside how much was sold at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from orders.models import Order, OversellIncident

ALL_CAUSES = ""

# Own orders are refused when stock is short, so only orders of channels can be oversold. An
# incident counts in the month its order was placed in, as the orders do.
_RATE = """
WITH sold AS (
    SELECT date_trunc('month', placed_at AT TIME ZONE %(zone)s)::date AS month, channel_id,
           count(*) AS orders
      FROM orders_order
     WHERE placed_at >= %(first)s::date::timestamp AT TIME ZONE %(zone)s
       AND placed_at < (%(last)s::date + 1)::timestamp AT TIME ZONE %(zone)s
       AND external_updated_at IS NOT NULL AND lifecycle <> %(draft)s
     GROUP BY month, channel_id
), happened AS (
    SELECT date_trunc('month', placed_at AT TIME ZONE %(zone)s)::date AS month, channel_id,
           incident.cause, count(*) AS incidents, sum(incident.units) AS units
      FROM orders_oversellincident AS incident
      JOIN orders_order ON orders_order.id = incident.order_id
     WHERE placed_at >= %(first)s::date::timestamp AT TIME ZONE %(zone)s
       AND placed_at < (%(last)s::date + 1)::timestamp AT TIME ZONE %(zone)s
     GROUP BY GROUPING SETS ((month, channel_id, incident.cause), (month, channel_id))
)
SELECT sold.month, channel.name, coalesce(happened.cause, ''), coalesce(happened.incidents, 0),
       coalesce(happened.units, 0), sold.orders
  FROM sold
  JOIN channels_channel AS channel ON channel.id = sold.channel_id
  LEFT JOIN happened USING (month, channel_id)
 ORDER BY sold.month DESC, channel.name, channel.id, happened.cause IS NOT NULL, happened.cause
"""


@dataclass(frozen=True, slots=True)
class OversellRate:
    """
    Incidents of one cause among a channel's orders of a month; `cause` is empty for all of them.

    orders: of the channel in that month, whatever became of them.
    """

    month: date
    channel: str
    cause: str
    incidents: int
    units: int
    orders: int

    @property
    def per_thousand(self) -> Decimal:
        """Incidents per 1,000 orders, to one decimal."""
        return round(Decimal(1000 * self.incidents) / self.orders, 1)

    @property
    def cause_label(self) -> str:
        if self.cause == ALL_CAUSES:
            return "All causes"
        return str(OversellIncident.Cause(self.cause).label)


def oversell_rates(*, first: date, last: date) -> Sequence[OversellRate]:
    """
    Return how often channels sold what was not there, by month, channel and cause, newest first.

    first, last: days, both included, in which the orders were placed, as the people here count
    them. Each month of a channel with orders begins with the row of all causes.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _RATE,
            {
                "zone": timezone.get_current_timezone_name(),
                "first": first,
                "last": last,
                "draft": Order.Lifecycle.DRAFT,
            },
        )
        return [OversellRate(*row) for row in cursor.fetchall()]
