"""What is on order, what it costs and how that changes: rows of the buyers' reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection
from django.db.models import F
from django.utils import timezone

from purchasing.models import Supplier
from purchasing.queries.incoming import STILL_TO_COME, still_to_come
from purchasing.queries.reliability import Reliability, supplier_reliability
from purchasing.queries.waiting import Waiting, expected_day, waiting_for_lines
from retail.common.money import round_rate

PERCENT = Decimal(100)


@dataclass(frozen=True, slots=True)
class OpenLine:
    """
    A line of a sent order of which units are still to come.

    due_on: None when nobody said. open_amount: of the units to come, net, in `currency`.
    """

    line_id: int
    variant_id: int
    order_id: int
    number: str
    supplier: str
    location: str
    sku: str
    supplier_sku: str
    ordered: int
    received: int
    units: int
    unit_cost: Decimal
    currency: str
    due_on: date | None
    confirmed_on: date | None

    @property
    def open_amount(self) -> Decimal:
        return round_rate(self.units * self.unit_cost)

    @property
    def is_confirmed(self) -> bool:
        return self.confirmed_on is not None

    def days_late(self, today: date) -> int:
        """Days by which the line is overdue; 0 when it is not, or nobody said a day."""
        return max((today - self.due_on).days, 0) if self.due_on else 0


def open_lines(
    *,
    supplier_id: int | None = None,
    location_id: int | None = None,
    due_before: date | None = None,
) -> list[OpenLine]:
    """
    Return what suppliers still owe, line by line, what is due first first and undated last.

    due_before: only lines due earlier than that day. One query.
    """
    lines = still_to_come().annotate(due=expected_day(), units=STILL_TO_COME)
    if supplier_id is not None:
        lines = lines.filter(order__supplier=supplier_id)
    if location_id is not None:
        lines = lines.filter(order__location=location_id)
    if due_before is not None:
        lines = lines.filter(due__lt=due_before)
    rows = lines.order_by(F("due").asc(nulls_last=True), "order_id", "position", "pk").values_list(
        "pk",
        "variant_id",
        "order_id",
        "order__number",
        "order__supplier__name",
        "order__location__name",
        "variant__sku",
        "supplier_sku",
        "ordered",
        "received",
        "units",
        "unit_cost",
        "order__currency",
        "due",
        "confirmed_on",
    )
    return [OpenLine(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class LateLine:
    """An open line whose day is over, by how many days, and the customers' orders that wait."""

    line: OpenLine
    days: int
    waiting: Sequence[Waiting]

    @property
    def variant_id(self) -> int:
        return self.line.variant_id

    @property
    def order_id(self) -> int:
        return self.line.order_id

    @property
    def waiting_orders(self) -> int:
        return len({row.order_id for row in self.waiting})

    @property
    def waiting_units(self) -> int:
        return sum(row.units for row in self.waiting)

    @property
    def who(self) -> str:
        """The numbers of the orders, in the turn in which they will be served."""
        return ", ".join(dict.fromkeys(row.order for row in self.waiting))


def late_lines(
    *, today: date, supplier_id: int | None = None, location_id: int | None = None
) -> list[LateLine]:
    """Return the lines that should have come by now, the latest first, and who waits for each."""
    lines = open_lines(supplier_id=supplier_id, location_id=location_id, due_before=today)
    waiting: dict[int, list[Waiting]] = defaultdict(list)
    for row in waiting_for_lines([line.line_id for line in lines]):
        waiting[row.purchase_line_id].append(row)
    return [
        LateLine(line=line, days=line.days_late(today), waiting=tuple(waiting[line.line_id]))
        for line in lines
    ]


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A supplier's price that differs from the one before it; `percent` of the one before."""

    variant_id: int | None
    supplier: str
    supplier_sku: str
    sku: str
    name: str
    min_quantity: int
    currency: str
    before: Decimal
    after: Decimal
    changed_on: date
    file_name: str

    @property
    def percent(self) -> Decimal | None:
        """None where the price before was zero."""
        if not self.before:
            return None
        return (self.after - self.before) * PERCENT / self.before


# Prices that begin in the window are compared with the one before, whenever that began.
_PRICE_CHANGES = """
    SELECT article.variant_id, supplier.name, article.supplier_sku, coalesce(variant.sku, ''),
           article.name, price.min_quantity, supplier.currency, price.before, price.unit_cost,
           price.valid_from, coalesce(run.file_name, '')
      FROM (SELECT supplier_product_id, min_quantity, unit_cost, valid_from, run_id,
                   lag(unit_cost) OVER (
                       PARTITION BY supplier_product_id, min_quantity ORDER BY valid_from, id
                   ) AS before
              FROM purchasing_supplierprice
             WHERE supplier_product_id IN (
                       SELECT supplier_product_id FROM purchasing_supplierprice
                        WHERE valid_from BETWEEN %(first)s AND %(last)s
                   )) AS price
      JOIN purchasing_supplierproduct AS article ON article.id = price.supplier_product_id
      JOIN purchasing_supplier AS supplier ON supplier.id = article.supplier_id
      LEFT JOIN catalog_variant AS variant ON variant.id = article.variant_id
      LEFT JOIN common_importrun AS run ON run.id = price.run_id
     WHERE price.valid_from BETWEEN %(first)s AND %(last)s
       AND price.before IS NOT NULL AND price.before <> price.unit_cost
       AND (%(supplier)s::bigint IS NULL OR article.supplier_id = %(supplier)s)
     ORDER BY abs(price.unit_cost - price.before) / greatest(price.before, 0.0001) DESC,
              supplier.name, article.supplier_sku, price.min_quantity, price.valid_from
"""


def price_changes(*, first: date, last: date, supplier_id: int | None = None) -> list[PriceChange]:
    """Return the prices that changed in these days, the largest change in percent first."""
    with connection.cursor() as cursor:
        cursor.execute(_PRICE_CHANGES, {"first": first, "last": last, "supplier": supplier_id})
        return [PriceChange(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Spend:
    """
    What came from a supplier in a month, and what was sent back, at cost in book currency.

    received: value of the goods when they came in. sent_back: credit expected for what left.
    """

    month: date
    supplier: str
    receipts: int
    units: int
    received: Decimal
    sent_back: Decimal

    @property
    def spent(self) -> Decimal:
        return self.received - self.sent_back


# Both halves are added up by the month of the shop's own time zone. A reversed receipt is none.
_SPEND = """
    WITH moved AS (
        SELECT date_trunc('month', receipt.received_at AT TIME ZONE %(zone)s)::date AS month,
               receipt.supplier_id, receipt.id AS receipt_id, line.accepted AS units,
               line.value AS received, 0 AS sent_back
          FROM purchasing_goodsreceipt AS receipt
          JOIN purchasing_goodsreceiptline AS line ON line.receipt_id = receipt.id
         WHERE receipt.status = 'POSTED' AND line.accepted > 0
        UNION ALL
        SELECT date_trunc('month', sent.shipped_at AT TIME ZONE %(zone)s)::date,
               sent.supplier_id, NULL, -line.units, 0, line.credit_value
          FROM purchasing_supplierreturn AS sent
          JOIN purchasing_supplierreturnline AS line ON line.supplier_return_id = sent.id
         WHERE sent.shipped_at IS NOT NULL AND line.held_goods_id IS NULL
    )
    SELECT moved.month, supplier.name, count(DISTINCT moved.receipt_id), sum(moved.units),
           sum(moved.received), sum(moved.sent_back)
      FROM moved JOIN purchasing_supplier AS supplier ON supplier.id = moved.supplier_id
     WHERE moved.month BETWEEN date_trunc('month', %(first)s::date)::date AND %(last)s
       AND (%(supplier)s::bigint IS NULL OR moved.supplier_id = %(supplier)s)
     GROUP BY moved.month, supplier.id, supplier.name
     ORDER BY moved.month DESC, sum(moved.received) DESC, supplier.name, supplier.id
"""


def spend_by_month(*, first: date, last: date, supplier_id: int | None = None) -> Sequence[Spend]:
    """Return what was spent with each supplier in each month that has one of these days."""
    with connection.cursor() as cursor:
        cursor.execute(
            _SPEND,
            {
                "zone": timezone.get_current_timezone_name(),
                "first": first,
                "last": last,
                "supplier": supplier_id,
            },
        )
        return [Spend(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Score:
    """How one supplier kept its word, beside its name."""

    supplier_id: int
    supplier: str
    figures: Reliability


def scorecard(*, first: date, last: date, supplier_id: int | None = None) -> list[Score]:
    """Return how suppliers kept their word in these days, by name."""
    found = supplier_reliability(
        first=first, last=last, supplier_ids=None if supplier_id is None else [supplier_id]
    )
    names = dict(
        Supplier.objects.filter(pk__in=[row.supplier_id for row in found]).values_list("pk", "name")
    )
    scores = [Score(row.supplier_id, names[row.supplier_id], row) for row in found]
    return sorted(scores, key=lambda score: (score.supplier, score.supplier_id))
