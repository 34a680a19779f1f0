"""What tills said: which receipts never came, and whether each register's day adds up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import connection
from django.db.models import (
    BooleanField,
    Case,
    Count,
    DecimalField,
    F,
    IntegerField,
    JSONField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce

from orders.models import RegisterDay, Return, StoreReceipt

# Tenders are text of four decimals, as is their sum; what adds up to nothing is left out.
_TENDERS_OF_DAY = """
(SELECT coalesce(jsonb_object_agg(kind, amount), '{}'::jsonb)
   FROM (SELECT tender.key AS kind, sum(tender.value::numeric(20, 4))::text AS amount
           FROM orders_storereceipt AS receipt, jsonb_each_text(receipt.tenders) AS tender
          WHERE receipt.channel_id = orders_registerday.channel_id
            AND receipt.register = orders_registerday.register
            AND receipt.business_on = orders_registerday.business_on
            AND NOT receipt.is_training
          GROUP BY tender.key
         HAVING sum(tender.value::numeric(20, 4)) <> 0) AS summed)
"""

# The receipt before a day's first one is the last of the register's days before it.
_MISSING = """
WITH asked AS (
    SELECT * FROM unnest(%(channels)s::bigint[], %(registers)s::text[], %(days)s::date[])
                  AS asked (channel_id, register, business_on)
), told AS (
    SELECT receipt.channel_id, receipt.register, receipt.business_on, receipt.sequence,
           true AS is_asked
      FROM asked
      JOIN orders_storereceipt AS receipt USING (channel_id, register, business_on)
     WHERE receipt.sequence IS NOT NULL
     UNION
    SELECT before.channel_id, before.register, asked.business_on, before.sequence, false
      FROM asked
     CROSS JOIN LATERAL (
           SELECT receipt.channel_id, receipt.register, receipt.sequence
             FROM orders_storereceipt AS receipt
            WHERE receipt.channel_id = asked.channel_id AND receipt.register = asked.register
              AND receipt.business_on < asked.business_on AND receipt.sequence IS NOT NULL
            ORDER BY receipt.business_on DESC, receipt.sequence DESC
            LIMIT 1) AS before
), ordered AS (
    SELECT channel_id, register, business_on, sequence, is_asked,
           lag(sequence) OVER (PARTITION BY channel_id, register, business_on
                               ORDER BY is_asked, sequence) AS previous
      FROM told
)
SELECT channel_id, register, business_on, previous + 1, sequence - 1
  FROM ordered
 WHERE is_asked AND sequence > previous + 1
 ORDER BY channel_id, register, business_on, sequence
"""


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers of receipts that never came, first to last, before the next one of the day."""

    channel_id: int
    register: str
    business_on: date
    first: int
    last: int

    @property
    def count(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


def missing_receipts(days: Collection[tuple[int, str, date]]) -> list[Gap]:
    """
    Return the gaps in the receipt numbers of registers on days: (channel id, register, day).

    Looked for between one receipt and the next, a day's first after the last of the register's
    days before it. A till that counts anew each day has none there. Training receipts have numbers
    too. One query, however many days are asked for.
    """
    keys = sorted(set(days))
    with connection.cursor() as cursor:
        cursor.execute(
            _MISSING,
            {
                "channels": [channel_id for channel_id, _, _ in keys],
                "registers": [register for _, register, _ in keys],
                "days": [day for _, _, day in keys],
            },
        )
        return [Gap(*row) for row in cursor.fetchall()]


def days_with_receipts(
    *, channel_ids: Collection[int], first: date, last: date
) -> Sequence[tuple[int, str, date]]:
    """Return the register days of channels that have receipts, the newest first."""
    rows = StoreReceipt.objects.filter(channel__in=channel_ids, business_on__range=(first, last))
    keys = rows.values_list("channel_id", "register", "business_on").distinct()
    return list(keys.order_by("-business_on", "channel_id", "register"))


def returns_of_receipt(receipt: StoreReceipt) -> Sequence[Return]:
    """Return the returns that a receipt was taken in as, one for each sale, with their orders."""
    known = receipt.payload.get("returns") or [receipt.registered_return_id]
    return list(Return.objects.filter(pk__in=known).select_related("order").order_by("pk"))


def register_days() -> QuerySet[RegisterDay]:
    """
    Return the day closes with what their receipts come to beside what was stated.

    Annotated: `found_receipts`, `found_total`, `found_tenders` (kind -> amount as text) and
    `is_different`. Training receipts do not count.
    """
    receipts = (
        StoreReceipt.objects.filter(
            channel=OuterRef("channel"),
            register=OuterRef("register"),
            business_on=OuterRef("business_on"),
            is_training=False,
        )
        .order_by()
        .values("channel")
    )
    money = DecimalField(max_digits=20, decimal_places=4)
    return RegisterDay.objects.annotate(
        found_receipts=Coalesce(
            Subquery(receipts.annotate(found=Count("pk")).values("found")),
            Value(0),
            output_field=IntegerField(),
        ),
        found_total=Coalesce(
            Subquery(receipts.annotate(found=Sum("total")).values("found")),
            Value(0),
            output_field=money,
        ),
        found_tenders=RawSQL(_TENDERS_OF_DAY, [], output_field=JSONField()),  # noqa: S611 - a text of ours, without parameters
    ).annotate(
        is_different=Case(
            When(
                Q(found_receipts=F("stated_receipts"))
                & Q(found_total=F("stated_total"))
                & Q(found_tenders=F("stated_tenders")),
                then=Value(value=False),
            ),
            default=Value(value=True),
            output_field=BooleanField(),
        )
    )


def unclosed_days(
    *, channel_ids: Collection[int], first: date, last: date
) -> Sequence[tuple[int, str, date]]:
    """Return the register days that have receipts and of which no till has stated its figures."""
    closed = set(
        RegisterDay.objects.filter(
            channel__in=channel_ids, business_on__range=(first, last)
        ).values_list("channel_id", "register", "business_on")
    )
    days = days_with_receipts(channel_ids=channel_ids, first=first, last=last)
    return [day for day in days if day not in closed]
