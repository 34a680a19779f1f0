"""What can come back, and what is still to be given back for what came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db.models import Exists, F, OuterRef, QuerySet, Sum
from django.utils import timezone

from catalog.queries import variants_by_code
from customers.keys import email_key
from customers.models import CustomerIdentity
from orders.models import Exchange, Order, OrderLine, Parcel, Refund, Return
from retail.common.money import ZERO

# A scanned article may be in thousands of orders: the newest are offered, a day narrows them.
MOST_FOUND = 50
LONGEST_TERM = 254


@dataclass(frozen=True, slots=True)
class Credit:
    """
    What a received return is worth to the customer, in the order's currency.

    paid: what the pieces that came were really paid for. refunded: granted for it already.
    exchanged: used for other goods.
    """

    paid: Decimal
    refunded: Decimal
    exchanged: Decimal

    @property
    def left(self) -> Decimal:
        return max(self.paid - self.refunded - self.exchanged, ZERO)


def credit_of(returned: Return) -> Credit:
    """Work out what is still to be given back for a return."""
    refunds = Refund.objects.filter(returned_with=returned).exclude(
        status__in=[Refund.Status.DECLINED, Refund.Status.CANCELLED]
    )
    exchanges = Exchange.objects.filter(parent=returned)
    return Credit(
        paid=returned.lines.aggregate(amount=Sum("amount"))["amount"] or ZERO,
        refunded=refunds.aggregate(amount=Sum("amount"))["amount"] or ZERO,
        exchanged=sum(
            (
                total - max(balance, ZERO)
                for total, balance in exchanges.values_list("order__total", "balance")
            ),
            ZERO,
        ),
    )


def find_returnable(term: str, *, day: date | None = None) -> QuerySet[Order]:
    """
    Return orders with goods still at the customer that a word from the counter may mean.

    term: number of ours or of the channel, tracking number, e-mail of the buyer, or the code of an
    article as it was scanned. day: only those placed or sent on that day, as people here count
    days. Newest first, at most 50 for each sort of word.
    """
    word = term.strip()[:LONGEST_TERM]
    if not word or "\x00" in word:
        return Order.objects.none()
    out = OrderLine.objects.filter(order=OuterRef("pk"), shipped__gt=F("returned"))
    orders = Order.objects.filter(Exists(out))
    if day is not None:
        orders = orders.filter(pk__in=_of_day(day))
    # One look-up for each sort of word, each by its index: joined by OR they would read them all.
    found: set[int] = set()
    for meant in _meanings(word, orders):
        found.update(meant.order_by("-placed_at", "-pk").values_list("pk", flat=True)[:MOST_FOUND])
    return Order.objects.filter(pk__in=found).order_by("-placed_at", "-pk")


def _meanings(word: str, orders: QuerySet[Order]) -> list[QuerySet[Order]]:
    parcels = Parcel.objects.filter(tracking_number=word)
    variant_ids = set(variants_by_code([word]).values())
    lines = OrderLine.objects.filter(variant_id__in=variant_ids, shipped__gt=F("returned"))
    return [
        orders.filter(number=word.upper()),
        orders.filter(external_number=word),
        orders.filter(pk__in=parcels.values("fulfillment__order_id")),
        orders.filter(customer_id__in=_known_by(word).values("customer_id")),
        orders.filter(pk__in=lines.values("order_id")) if variant_ids else Order.objects.none(),
    ]


def _known_by(word: str) -> QuerySet[CustomerIdentity]:
    """Return whom an e-mail address is of; of a marketplace's made-up one on whatever channel."""
    key = email_key("any", word)
    if key is None:
        return CustomerIdentity.objects.none()
    known = CustomerIdentity.objects.filter(
        kind=key.kind, normalised=key.normalised, is_active=True
    )
    return known if key.channel_code else known.filter(channel_code="")


def _of_day(day: date) -> QuerySet[Order, int]:
    begins = timezone.make_aware(datetime.combine(day, time.min))
    ends = begins + timedelta(days=1)
    placed = Order.objects.filter(placed_at__gte=begins, placed_at__lt=ends)
    sent = Order.objects.filter(
        fulfillments__shipped_at__gte=begins, fulfillments__shipped_at__lt=ends
    )
    return placed.values_list("pk", flat=True).union(sent.values_list("pk", flat=True))


def expected_returns(term: str) -> QuerySet[Return]:
    """Return announced returns that a number of ours, or the number on a parcel, means."""
    word = term.strip()[:LONGEST_TERM]
    if not word or "\x00" in word:
        return Return.objects.none()
    expected = Return.objects.filter(status__in=[Return.Status.APPROVED, Return.Status.IN_TRANSIT])
    by_number = expected.filter(number=word.upper()).values_list("pk", flat=True)
    by_parcel = expected.filter(tracking_number=word).values_list("pk", flat=True)
    return Return.objects.filter(pk__in=by_number.union(by_parcel)).order_by("pk")
