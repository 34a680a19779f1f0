"""How suppliers kept their word: lead time, days, quantities, quality and prices, as measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db import connection
from django.utils import timezone

from purchasing.models import Supplier, SupplierProduct

# A lead time is taken as measured from so many deliveries on; fewer say little about the spread.
ENOUGH_DELIVERIES = 3

# What is common to the figures. Reversed receipts, orders that were never sent or were cancelled,
# and what a supplier sends straight to customers count nowhere. Goods that were rejected at first
# and taken after all came when they were rejected, so the receipt that took them is no delivery.
_RECEIVED = """
    purchasing_goodsreceiptline AS came
    JOIN purchasing_goodsreceipt AS receipt
        ON receipt.id = came.receipt_id AND receipt.status = 'POSTED'
    JOIN purchasing_purchaseorderline AS line ON line.id = came.order_line_id
    JOIN purchasing_purchaseorder AS orders
        ON orders.id = line.order_id AND orders.status IN ('SENT', 'CLOSED')
        AND orders.drop_ship_order_id IS NULL
"""
_OF_SUPPLIERS = """
    (%(suppliers)s::bigint[] IS NULL OR orders.supplier_id = ANY(%(suppliers)s::bigint[]))
"""
_DELIVERED_NOW = """
    NOT EXISTS (
        SELECT FROM purchasing_heldgoodsdecision AS decision WHERE decision.receipt_id = receipt.id
    )
"""
_CAME_ON = "(receipt.received_at AT TIME ZONE %(zone)s)::date"
_CAME_LATELY = """
    receipt.received_at >= %(first)s::date::timestamp AT TIME ZONE %(zone)s
    AND receipt.received_at < (%(last)s::date + 1)::timestamp AT TIME ZONE %(zone)s
"""

# What was there already when goods came tells a first delivery from one that replaces goods which
# were sent back: how long that took says nothing about the lead time.
_LEAD_TIMES = f"""
WITH lately AS (
    SELECT DISTINCT came.order_line_id FROM {_RECEIVED} WHERE {_CAME_LATELY} AND {_OF_SUPPLIERS}
), units AS (
    SELECT orders.supplier_id, line.variant_id, line.order_id, line.ordered, came.accepted,
           {_CAME_ON} AS came_on, (orders.sent_at AT TIME ZONE %(zone)s)::date AS sent_on,
           sum(came.accepted) OVER (
               PARTITION BY line.id ORDER BY receipt.received_at, receipt.id
           ) - came.accepted AS there_before
      FROM {_RECEIVED}
     WHERE line.id IN (SELECT order_line_id FROM lately) AND {_DELIVERED_NOW}
), deliveries AS (
    SELECT DISTINCT supplier_id, <article> AS variant_id, order_id, came_on,
           greatest(came_on - sent_on, 0) AS days
      FROM units AS line
     WHERE accepted > 0 AND there_before < ordered AND came_on BETWEEN %(first)s AND %(last)s
)
SELECT supplier_id, variant_id, count(*) AS deliveries, avg(days) AS mean_days,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS median_days,
       stddev_samp(days) AS spread_days
  FROM deliveries
 GROUP BY supplier_id, variant_id
"""  # noqa: S608 - joined from the constants above

_ON_TIME = f"""
WITH due AS (
    SELECT orders.supplier_id, <article> AS variant_id, line.id, line.ordered,
           coalesce(line.confirmed_on, line.expected_on, orders.expected_on) AS due_on
      FROM purchasing_purchaseorderline AS line
      JOIN purchasing_purchaseorder AS orders ON orders.id = line.order_id
     WHERE orders.status IN ('SENT', 'CLOSED') AND orders.drop_ship_order_id IS NULL
       AND coalesce(line.confirmed_on, line.expected_on, orders.expected_on)
           BETWEEN %(first)s AND %(last)s
       AND {_OF_SUPPLIERS}
), there AS (
    SELECT due.id, sum(came.accepted) AS units
      FROM {_RECEIVED}
      JOIN due ON due.id = line.id AND {_CAME_ON} <= due.due_on
     GROUP BY due.id
)
SELECT supplier_id, variant_id, count(*) AS lines_due,
       count(*) FILTER (WHERE there.units >= ordered) AS lines_on_time
  FROM due LEFT JOIN there USING (id)
 GROUP BY supplier_id, variant_id
"""  # noqa: S608 - joined from the constants above

_SHORT = f"""
WITH last_came AS (
    SELECT line.id, max(receipt.received_at) AS at
      FROM {_RECEIVED}
     WHERE {_CAME_LATELY} AND {_OF_SUPPLIERS}
     GROUP BY line.id
), ended AS (
    SELECT orders.supplier_id, <article> AS variant_id, line.ordered,
           greatest(line.ordered + line.to_replace - line.received, 0) AS short,
           (coalesce(
               line.closed_at, CASE WHEN line.cancelled > 0 THEN orders.closed_at END, last_came.at
           ) AT TIME ZONE %(zone)s)::date AS ended_on
      FROM purchasing_purchaseorderline AS line
      JOIN purchasing_purchaseorder AS orders ON orders.id = line.order_id
      LEFT JOIN last_came ON last_came.id = line.id
     WHERE orders.status IN ('SENT', 'CLOSED') AND orders.drop_ship_order_id IS NULL
       AND line.ordered - line.cancelled + line.to_replace - line.received <= 0
       AND {_OF_SUPPLIERS}
)
SELECT supplier_id, variant_id, sum(ordered) AS ended_units, sum(short) AS short_units
  FROM ended
 WHERE ended_on BETWEEN %(first)s AND %(last)s
 GROUP BY supplier_id, variant_id
"""  # noqa: S608 - joined from the constants above

_QUALITY = f"""
WITH goods AS (
    SELECT orders.supplier_id, <article> AS variant_id, came.delivered, came.returned,
           came.rejected - coalesce((
               SELECT sum(held.accepted) FROM purchasing_heldgoods AS held
                WHERE held.receipt_line_id = came.id
           ), 0) AS rejected
      FROM {_RECEIVED}
     WHERE {_CAME_LATELY} AND {_DELIVERED_NOW} AND {_OF_SUPPLIERS}
)
SELECT supplier_id, variant_id, sum(delivered) AS delivered_units, sum(rejected) AS rejected_units,
       sum(returned) AS returned_units
  FROM goods
 GROUP BY supplier_id, variant_id
"""  # noqa: S608 - joined from the constants above

_PRICES = f"""
WITH bought AS (
    SELECT orders.supplier_id, line.variant_id, line.ordered, line.unit_cost,
           first_value(line.unit_cost) OVER in_order AS first_cost,
           row_number() OVER in_order AS nth
      FROM purchasing_purchaseorderline AS line
      JOIN purchasing_purchaseorder AS orders ON orders.id = line.order_id
      JOIN purchasing_supplier AS supplier
        ON supplier.id = orders.supplier_id AND supplier.currency = orders.currency
     WHERE orders.status IN ('SENT', 'CLOSED')
       AND orders.sent_at >= %(first)s::date::timestamp AT TIME ZONE %(zone)s
       AND orders.sent_at < (%(last)s::date + 1)::timestamp AT TIME ZONE %(zone)s
       AND {_OF_SUPPLIERS}
    WINDOW in_order AS (
        PARTITION BY orders.supplier_id, line.variant_id ORDER BY orders.sent_at, line.id
    )
)
SELECT supplier_id, <article> AS variant_id, sum(ordered * unit_cost) AS later_cost,
       sum(ordered * first_cost) AS later_at_first_cost
  FROM bought AS line
 WHERE nth > 1 AND first_cost > 0
 GROUP BY 1, 2
"""  # noqa: S608 - joined from the constants above

_FIGURES = (_LEAD_TIMES, _ON_TIME, _SHORT, _QUALITY, _PRICES)
_OF_SUPPLIER, _OF_ARTICLE = "NULL::bigint", "line.variant_id"


@dataclass(frozen=True, slots=True)
class Reliability:
    """
    How one supplier kept its word in a period; with `variant_id`, in one of our articles.

    deliveries: days on which goods of an order came, each order for itself. mean_days, median_days
    and spread_days (standard deviation) are their days from the order being sent.
    lines_due: order lines that were due in the period; on time are those of which everything that
    was ordered was accepted by their day.
    ended_units: ordered on lines that came to their end in the period; short is what never came.
    delivered_units: came in the period; rejected were refused at the door, returned were sent back
    later.
    later_cost: of what was ordered again in the period, later_at_first_cost: the same at the cost
    of the article's first order in it; both in the supplier's currency.
    """

    supplier_id: int
    variant_id: int | None
    deliveries: int = 0
    mean_days: Decimal | None = None
    median_days: Decimal | None = None
    spread_days: Decimal | None = None
    lines_due: int = 0
    lines_on_time: int = 0
    ended_units: int = 0
    short_units: int = 0
    delivered_units: int = 0
    rejected_units: int = 0
    returned_units: int = 0
    later_cost: Decimal = Decimal(0)
    later_at_first_cost: Decimal = Decimal(0)

    @property
    def on_time_percent(self) -> Decimal | None:
        return _percent(self.lines_on_time, self.lines_due)

    @property
    def short_percent(self) -> Decimal | None:
        return _percent(self.short_units, self.ended_units)

    @property
    def rejected_percent(self) -> Decimal | None:
        return _percent(self.rejected_units, self.delivered_units)

    @property
    def returned_percent(self) -> Decimal | None:
        return _percent(self.returned_units, self.delivered_units)

    @property
    def price_change_percent(self) -> Decimal | None:
        return _percent(self.later_cost - self.later_at_first_cost, self.later_at_first_cost)


def supplier_reliability(
    *, first: date, last: date, supplier_ids: Collection[int] | None = None
) -> list[Reliability]:
    """
    Return how suppliers kept their word in a period, by supplier id.

    first, last: days, both included, as the people here count them; let the last one be over.
    supplier_ids: None for every supplier. Who had nothing in the period is left out.

    - Lead time: from the day an order was sent to each day goods of it were accepted. What replaces
      goods that were sent back is left out.
    - On time: of the order lines due in the period, those of which everything ordered was accepted
      by the day the supplier confirmed last, else the day we wanted it.
    - Short: of the units ordered on lines that ended in the period (all came, or the rest was
      cancelled), those that never came.
    - Rejected: of the units that came in the period, those refused at the door and not taken later.
    - Price change: what was ordered again in the period at its net cost, against the cost of the
      article's first order in it, weighted by what was ordered again; only orders in the currency
      the supplier has now.

    Reversed receipts and cancelled orders count nowhere; what a supplier sends straight to
    customers only in the price.
    """
    return _reliability(_OF_SUPPLIER, first=first, last=last, supplier_ids=supplier_ids)


def article_reliability(
    *, first: date, last: date, supplier_ids: Collection[int]
) -> list[Reliability]:
    """Return the same for each of our articles that these suppliers had to do with."""
    return _reliability(_OF_ARTICLE, first=first, last=last, supplier_ids=supplier_ids)


class LeadTimeSource(StrEnum):
    """Where a lead time is known from."""

    ARTICLE = "ARTICLE"
    SUPPLIER = "SUPPLIER"
    STATED = "STATED"

    @property
    def label(self) -> str:
        return _SOURCE_LABELS[self]


_SOURCE_LABELS: Mapping[LeadTimeSource, str] = {
    LeadTimeSource.ARTICLE: "measured on this article",
    LeadTimeSource.SUPPLIER: "measured on all articles of the supplier",
    LeadTimeSource.STATED: "as stated by the supplier",
}


@dataclass(frozen=True, slots=True)
class LeadTime:
    """
    Days from an order being sent to its goods being there.

    spread_days: standard deviation; zero when the lead time is only stated. receipts: deliveries
    it was measured on, zero when stated.
    """

    mean_days: Decimal
    spread_days: Decimal
    receipts: int
    source: LeadTimeSource


def measured_lead_times(
    *,
    pairs: Collection[tuple[int, int]],
    first: date | None = None,
    last: date | None = None,
) -> dict[tuple[int, int], LeadTime]:
    """
    Return the lead time of every pair of supplier id and variant id, in four queries.

    Measured on the article where at least three deliveries of it came, else on all of the
    supplier's, else as stated: on the supplier's article, the active one of the lowest rank, or on
    the supplier. first, last: days goods came on that are looked at; None for all. A supplier that
    does not exist is left out.
    """
    suppliers = {supplier_id for supplier_id, _variant in pairs}
    since, until = first or date(1900, 1, 1), last or date(9000, 1, 1)
    measured: dict[tuple[int, int | None], LeadTime] = {}
    for by, source in (
        (_OF_SUPPLIER, LeadTimeSource.SUPPLIER),
        (_OF_ARTICLE, LeadTimeSource.ARTICLE),
    ):
        for row in _rows(_LEAD_TIMES, by=by, first=since, last=until, supplier_ids=suppliers):
            if row["deliveries"] >= ENOUGH_DELIVERIES:
                measured[row["supplier_id"], row["variant_id"]] = LeadTime(
                    mean_days=round(row["mean_days"], 1),
                    spread_days=round(row["spread_days"], 1),
                    receipts=row["deliveries"],
                    source=source,
                )
    stated = _stated_lead_times(pairs)
    found = {
        (supplier, variant): measured.get((supplier, variant))
        or measured.get((supplier, None))
        or stated.get((supplier, variant))
        for supplier, variant in pairs
    }
    return {pair: lead_time for pair, lead_time in found.items() if lead_time}


def _stated_lead_times(pairs: Collection[tuple[int, int]]) -> dict[tuple[int, int], LeadTime]:
    of_supplier = dict(
        Supplier.objects.filter(pk__in={supplier for supplier, _variant in pairs}).values_list(
            "pk", "lead_time_days"
        )
    )
    of_article: dict[tuple[int, int], int] = {}
    # The lowest rank last, so that it stays.
    for supplier, variant, days in (
        SupplierProduct.objects.filter(
            supplier__in=list(of_supplier),
            variant__in={variant for _supplier, variant in pairs},
            is_active=True,
            lead_time_days__isnull=False,
        )
        .order_by("-rank", "-pk")
        .values_list("supplier_id", "variant_id", "lead_time_days")
    ):
        if days is not None:
            of_article[supplier, variant] = days
    return {
        (supplier, variant): LeadTime(
            mean_days=Decimal(of_article.get((supplier, variant), of_supplier[supplier])),
            spread_days=Decimal(0),
            receipts=0,
            source=LeadTimeSource.STATED,
        )
        for supplier, variant in pairs
        if supplier in of_supplier
    }


def _reliability(
    by: str, *, first: date, last: date, supplier_ids: Collection[int] | None
) -> list[Reliability]:
    figures: dict[tuple[int, int | None], dict[str, Any]] = defaultdict(dict)
    for sql in _FIGURES:
        for row in _rows(sql, by=by, first=first, last=last, supplier_ids=supplier_ids):
            figures[row.pop("supplier_id"), row.pop("variant_id")] |= row
    return [
        Reliability(supplier_id=supplier, variant_id=variant, **_rounded(figures[key]))
        for key in sorted(figures, key=lambda key: (key[0], key[1] or 0))
        for supplier, variant in [key]
    ]


def _rounded(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures with days to a tenth and units as whole numbers; costs stay exact."""
    return {name: _tidy(name, value) for name, value in figures.items() if value is not None}


def _tidy(name: str, value: Any) -> int | Decimal:
    if name.endswith("_days"):
        return round(Decimal(value), 1)
    return Decimal(value) if "_cost" in name else int(value)


def _rows(
    sql: str, *, by: str, first: date, last: date, supplier_ids: Collection[int] | None
) -> Iterator[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.replace("<article>", by),
            {
                "first": first,
                "last": last,
                "zone": timezone.get_current_timezone_name(),
                "suppliers": None if supplier_ids is None else list(supplier_ids),
            },
        )
        names = [column.name for column in cursor.description]
        for row in cursor.fetchall():
            yield dict(zip(names, row, strict=True))


def _percent(part: int | Decimal, whole: int | Decimal) -> Decimal | None:
    """Return the share in percent to one decimal; None of nothing."""
    return round(100 * Decimal(part) / Decimal(whole), 1) if whole else None
