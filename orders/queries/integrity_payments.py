"""Whether payments agree with their events, and orders with their payments."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from orders.models import Payment, PaymentEvent, Refund
from retail.common.fields import MoneyField
from retail.common.integrity import Difference
from retail.common.money import WITH_THREE_DECIMALS, WITHOUT_DECIMALS

TOTALS = ("authorized", "charged", "refunded", "voided")

# Worked out a second time, in SQL, on purpose: a check that calls the code it checks would repeat
# its mistakes. Rounded as `retail.common.money` does: half away from zero, parts cut towards zero.
STATUSES = """
WITH decimals AS (
    SELECT id,
           CASE WHEN currency = ANY(%(without)s) THEN 0
                WHEN currency = ANY(%(three)s) THEN 3
                ELSE 2 END AS places
      FROM orders_order
), off_there AS (
    SELECT gone.line_id, SUM(gone.quantity) AS pieces
      FROM orders_cancelledline AS gone
      JOIN orders_ordercancellation AS cancellation ON cancellation.id = gone.cancellation_id
     WHERE cancellation.cause = 'CHANNEL'
     GROUP BY gone.line_id
), lines AS (
    SELECT line.id, line.order_id,
           line.ordered - COALESCE(off_there.pieces, 0) AS pieces,
           line.cancelled - COALESCE(off_there.pieces, 0) AS called_off,
           CASE WHEN line.ordered > COALESCE(off_there.pieces, 0) THEN line.total ELSE 0 END
               AS total
      FROM orders_orderline AS line
      LEFT JOIN off_there ON off_there.line_id = line.id
     WHERE line.order_id IN (SELECT order_id FROM orders_orderline WHERE cancelled > 0)
), weighed AS (
    SELECT lines.*,
           SUM(GREATEST(total, 0)) OVER (PARTITION BY order_id ORDER BY id) AS so_far,
           SUM(GREATEST(total, 0)) OVER (PARTITION BY order_id) AS whole
      FROM lines
), shared AS (
    SELECT weighed.*, decimals.places,
           CASE WHEN whole = 0 THEN 0
                WHEN so_far = whole THEN LEAST(orders_order.discount_total, whole)
                ELSE ROUND(
                    LEAST(orders_order.discount_total, whole) * so_far / whole, decimals.places)
            END AS discount_so_far
      FROM weighed
      JOIN orders_order ON orders_order.id = weighed.order_id
      JOIN decimals ON decimals.id = weighed.order_id
), paid_for AS (
    SELECT order_id, pieces, called_off, places,
           total - (discount_so_far - COALESCE(
               LAG(discount_so_far) OVER (PARTITION BY order_id ORDER BY id), 0)) AS amount
      FROM shared
), called_off AS (
    SELECT order_id,
           SUM(CASE WHEN called_off = pieces THEN amount
                    ELSE TRUNC(amount * called_off / pieces, places) END) AS amount
      FROM paid_for
     GROUP BY order_id
), paid AS (
    SELECT order_id,
           SUM(GREATEST(authorized - charged - voided, 0)) AS authorized,
           SUM(charged) AS charged, SUM(refunded) AS refunded, SUM(voided) AS voided
      FROM orders_payment
     GROUP BY order_id
), dues AS (
    SELECT orders_order.number, orders_order.payment_status, orders_order.lifecycle,
           CASE WHEN orders_order.lifecycle = 'CANCELLED' THEN 0
                ELSE GREATEST(orders_order.total - COALESCE(called_off.amount, 0), 0) END AS due,
           COALESCE(paid.authorized, 0) AS authorized,
           COALESCE(paid.charged, 0) AS charged,
           COALESCE(paid.refunded, 0) AS refunded,
           COALESCE(paid.voided, 0) AS voided
      FROM orders_order
      LEFT JOIN called_off ON called_off.order_id = orders_order.id
      LEFT JOIN paid ON paid.order_id = orders_order.id
), expected AS (
    SELECT number, payment_status,
           CASE WHEN charged > 0 AND refunded >= charged THEN 'REFUNDED'
                WHEN charged > 0 AND charged - refunded > due THEN 'OVERPAID'
                WHEN charged > 0 AND charged >= due AND refunded > 0 THEN 'PARTIALLY_REFUNDED'
                WHEN charged > 0 AND charged >= due THEN 'PAID'
                WHEN charged > 0 AND charged + authorized >= due THEN 'AUTHORIZED'
                WHEN charged > 0 THEN 'PARTIALLY_PAID'
                WHEN due = 0 AND lifecycle <> 'CANCELLED' THEN 'PAID'
                WHEN authorized > 0 AND authorized >= due THEN 'AUTHORIZED'
                WHEN voided > 0 AND authorized = 0 THEN 'VOIDED'
                ELSE 'UNPAID' END AS status
      FROM dues
)
SELECT number, status, payment_status FROM expected WHERE status <> payment_status ORDER BY number
"""


def payment_differences() -> Iterator[Difference]:
    """Yield what does not agree between orders, payments, their events and refunds."""
    yield from _payments_against_events()
    yield from _refunds_against_events()
    yield from _statuses_against_payments()


def _payments_against_events() -> Iterator[Difference]:
    """The totals of a payment are the sums of its events."""
    events = PaymentEvent.objects.filter(payment=OuterRef("pk"))
    payments = Payment.objects.annotate(
        **{f"events_{total}": _sum(events.filter(kind=total.upper())) for total in TOTALS}
    )
    differing = Q()
    for total in TOTALS:
        differing |= ~Q(**{total: F(f"events_{total}")})
    for payment in payments.filter(differing).order_by("pk"):
        yield Difference(
            kind="totals of a payment",
            key=str(payment),
            expected=" ".join(str(getattr(payment, f"events_{total}")) for total in TOTALS),
            actual=" ".join(str(getattr(payment, total)) for total in TOTALS),
        )


def _refunds_against_events() -> Iterator[Difference]:
    """
    What a refund paid back is what was given back of the order's payments under its number.

    What a channel paid back beyond what was paid stands at no payment, and holds the order.
    """
    given_back = PaymentEvent.objects.filter(
        payment__order=OuterRef("order"), kind=PaymentEvent.Kind.REFUNDED
    )
    is_settled = Q(status=Refund.Status.SETTLED)
    by_channel = Q(route__in=[Refund.Route.CHANNEL, Refund.Route.ON_CHANNEL])
    refunds = (
        Refund.objects.exclude(key__startswith="channel:")
        .annotate(given_back=_sum(given_back.filter(reference=OuterRef("number"))))
        .filter(
            (~is_settled & ~Q(given_back=0))
            | (is_settled & Q(given_back__gt=F("amount")))
            | (is_settled & ~by_channel & Q(given_back__lt=F("amount")))
        )
    )
    for refund in refunds.order_by("pk"):
        yield Difference(
            kind="amount of a refund",
            key=refund.number,
            expected=str(refund.amount if refund.settled_at else 0),
            actual=str(refund.given_back),
        )


def _statuses_against_payments() -> Iterator[Difference]:
    """The payment status is the one that payments and what is due lead to."""
    parameters = {
        "without": sorted(WITHOUT_DECIMALS),
        "three": sorted(WITH_THREE_DECIMALS),
    }
    with connection.cursor() as cursor:
        cursor.execute(STATUSES, parameters)
        for number, expected, actual in cursor.fetchall():
            yield Difference(
                kind="payment status of an order", key=number, expected=expected, actual=actual
            )


def _sum(events: QuerySet[PaymentEvent]) -> Coalesce:
    # Summed over nothing, that is over all that are left, whatever the order they come in.
    sums = events.order_by().annotate(one=Value(1)).values("one").annotate(added=Sum("amount"))
    return Coalesce(Subquery(sums.values("added")), Value(0), output_field=MoneyField())
