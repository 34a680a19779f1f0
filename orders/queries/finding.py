"""Finding orders by whatever somebody has at hand, however many orders there are."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q, QuerySet

from catalog.models import Variant
from customers.models import Customer, CustomerIdentity
from orders.models import Order, OrderLine, Parcel

LONGEST_TERM = 100
# Trigrams, by which a part of a name is found, want a word of three letters at least.
SHORTEST_WORD = 3
# Up to so many customers of a name their orders are looked up; beyond, the newest orders are
# read until enough are theirs, which are soon found then.
MOST_CUSTOMERS = 5_000
NEWEST = ("-placed_at", "-pk")


def find_orders(orders: QuerySet[Order], term: str, *, most: int) -> QuerySet[Order]:
    """
    Keep the orders that a term may mean.

    That is: the beginning of our number or the channel's, words of the buyer's name, an e-mail
    address or its beginning, a whole tracking number, a whole SKU. Of each sort of term the newest
    `most` are found.
    """
    # One look-up for each sort of term, each by its index and stopped: an OR would read every row.
    lookups = [
        found.order_by(*NEWEST).values("pk")[:most]
        for found in _meanings(orders, term.replace("\x00", "").strip()[:LONGEST_TERM])
    ]
    if not lookups:
        return orders.none()
    first, *others = lookups
    return orders.filter(pk__in=first.union(*others) if others else first)


def _meanings(orders: QuerySet[Order], term: str) -> Iterator[QuerySet[Order]]:
    if not term:
        return
    yield orders.filter(_begins("number", {term.upper(), f"SO-{term}"}))
    yield orders.filter(_begins("external_number", {term, term.upper(), term.lower()}))
    if "@" in term:
        keys = CustomerIdentity.objects.filter(
            kind=CustomerIdentity.Kind.EMAIL, normalised__startswith=term.lower(), is_active=True
        )
        yield orders.filter(customer__in=keys.values("customer"))
        return
    parcels = Parcel.objects.filter(tracking_number__in={term, term.upper(), _compact(term)})
    yield orders.filter(pk__in=parcels.values("fulfillment__order"))
    yield orders.filter(pk__in=OrderLine.objects.filter(raw_sku__iexact=term).values("order"))
    if variant_ids := list(Variant.objects.filter(sku__iexact=term).values_list("pk", flat=True)):
        lines = OrderLine.objects.filter(variant_id__in=variant_ids)
        yield orders.filter(pk__in=lines.values("order"))
    yield from _of_customers(orders, term)


def _of_customers(orders: QuerySet[Order], term: str) -> Iterator[QuerySet[Order]]:
    words = term.split()
    if not any(len(word) >= SHORTEST_WORD for word in words):
        return
    has_words = Q()
    for word in words:
        has_words &= Q(name__icontains=word)
    customers = Customer.objects.filter(has_words).values_list("pk", flat=True)
    known = list(customers[: MOST_CUSTOMERS + 1])
    if len(known) > MOST_CUSTOMERS:
        yield orders.filter(customer__in=customers)
    elif known:
        yield orders.filter(customer_id__in=known)


def _begins(field: str, beginnings: set[str]) -> Q:
    condition = Q()
    for beginning in sorted(beginnings):
        condition |= Q(**{f"{field}__startswith": beginning})
    return condition


def _compact(term: str) -> str:
    """Return a tracking number as carriers keep it: written in groups on the label."""
    return "".join(term.split()).upper()
