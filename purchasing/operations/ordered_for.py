"""Goods ordered from a supplier for one customer: served first when they come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Sum

from inventory.models import Location
from orders.models import Order
from orders.operations import promise_received
from purchasing.models import OrderedFor, PurchaseOrderLine
from retail.common.models import User


class Served(NamedTuple):
    """Units of a purchase line that were promised to the customer they were ordered for."""

    purchase_line_id: int
    order_id: int
    order_line_id: int
    units: int


def lock_customers(*, purchase_line_ids: Collection[int]) -> list[int]:
    """
    Lock the customers' orders that goods of these purchase lines are ordered for, by primary key.

    For whoever takes the goods in: once the purchase orders and their lines are locked, which keeps
    the links as they are, and before any cost pool or stock level. Returns the orders' ids.
    """
    links = OrderedFor.objects.filter(
        purchase_line_id__in=list(purchase_line_ids), served__lt=F("units")
    )
    order_ids = set(links.values_list("order_line__order_id", flat=True))
    return list(
        Order.objects.for_update().filter(pk__in=list(order_ids)).values_list("pk", flat=True)
    )


@transaction.atomic
def serve_ordered_for(
    *, accepted: Mapping[int, int], location: Location, at: datetime, by: User | None
) -> list[Served]:
    """
    Promise what came in to the customers it was ordered for, before anybody else can have it.

    They are served in the turn of all who wait: by the day they are to be shipped, then priority,
    then age. An order that ended, or was served from elsewhere, takes less; the rest is free stock.
    What was never served of earlier receipts of a line is served too, if it still lies there. What
    a supplier sends to the customer is none of ours.

    accepted: purchase line id -> units that came in; counted on the lines and in stock already.
    A second call finds nothing left to serve.
    Locks: nothing: purchase lines, customers' orders (`lock_customers`) and the levels of the
    articles at the location are locked by the caller, in the same transaction.
    """
    links = list(
        OrderedFor.objects.filter(
            purchase_line_id__in=[pk for pk, units in accepted.items() if units > 0],
            purchase_line__variant=F("order_line__variant"),
            purchase_line__order__drop_ship_order__isnull=True,
            served__lt=F("units"),
        )
        .select_related("purchase_line__order", "order_line__order")
        .order_by(
            F("order_line__order__ship_by").asc(nulls_last=True),
            "-order_line__order__priority",
            *("order_line__order__placed_at", "order_line__order_id", "pk"),
        )
    )
    left = _not_served_yet(links)
    of_order: dict[int, list[OrderedFor]] = defaultdict(list)
    for link in links:
        of_order[link.order_line.order_id].append(link)
    served = [
        row
        for order_id, of_this in of_order.items()
        for row in _serve(order_id, of_this, left, location, at=at, by=by)
    ]
    OrderedFor.objects.bulk_update(links, ["served"])
    return served


@transaction.atomic
def take_back_served(*, purchase_line_ids: Collection[int]) -> None:
    """
    Count no more units as served than came of purchase lines, once a receipt was reversed.

    What was linked last gives first. The promises themselves are withdrawn with the goods.
    Locks: nothing: the purchase lines are locked by the caller.
    """
    links = list(
        OrderedFor.objects.filter(purchase_line_id__in=list(purchase_line_ids), served__gt=0)
        .select_related("purchase_line")
        .order_by("-pk")
    )
    left = _not_served_yet(links)
    for link in links:
        surplus = min(link.served, max(-left[link.purchase_line_id], 0))
        link.served -= surplus
        left[link.purchase_line_id] += surplus
    OrderedFor.objects.bulk_update(links, ["served"])


def _not_served_yet(links: Sequence[OrderedFor]) -> dict[int, int]:
    """Return purchase line id -> units that came, stayed, and served no customer of the line."""
    came = PurchaseOrderLine.objects.filter(pk__in={link.purchase_line_id for link in links})
    rows = came.annotate(
        served=Sum("ordered_for__served"), stayed=F("received") - F("returned") - F("to_replace")
    )
    return {
        pk: stayed - served for pk, stayed, served in rows.values_list("pk", "stayed", "served")
    }


def _serve(
    order_id: int,
    links: Sequence[OrderedFor],
    left: dict[int, int],
    location: Location,
    *,
    at: datetime,
    by: User | None,
) -> list[Served]:
    """Serve one customer's order; left (purchase line id -> units) and the links know of it."""
    units: dict[int, int] = defaultdict(int)
    at_most = {}
    for link in links:
        at_most[link.pk] = max(min(link.units - link.served, left[link.purchase_line_id]), 0)
        left[link.purchase_line_id] -= at_most[link.pk]
        units[link.order_line_id] += at_most[link.pk]
    pieces = promise_received(
        order_id=order_id,
        units={line_id: count for line_id, count in units.items() if count},
        location=location,
        reference=", ".join(sorted({link.purchase_line.order.number for link in links})),
        at=at,
        by=by,
    )
    promised = {
        link.order_line_id: pieces.get(link.order_line_id, 0) * link.order_line.pack_size
        for link in links
    }
    served = []
    for link in links:
        taken = min(at_most[link.pk], promised[link.order_line_id])
        promised[link.order_line_id] -= taken
        left[link.purchase_line_id] += at_most[link.pk] - taken
        link.served += taken
        if taken:
            served.append(Served(link.purchase_line_id, order_id, link.order_line_id, taken))
    return served
