"""Oversell incidents: units sold on a channel that were not there, written where it is found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, F, Max, OuterRef, Sum

from channels.models import Listing
from inventory.models import Allocation, StockLevel, StockMovement, WithdrawnPromise
from orders.models import (
    LineAllocation,
    Order,
    OrderEvent,
    OrderLine,
    OversellIncident,
)
from orders.operations.contents import contents_of
from orders.operations.events import event, record_events
from orders.oversell import SAME_MOMENT, Facts, cause_of

CAUSE_OF_WITHDRAWAL: Mapping[str, str] = {
    WithdrawnPromise.Cause.SALE: OversellIncident.Cause.COUNTER_SALE,
    WithdrawnPromise.Cause.COUNT: OversellIncident.Cause.COUNT_ERROR,
    WithdrawnPromise.Cause.ADJUSTMENT: OversellIncident.Cause.COUNT_ERROR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """What a listing of the order's channel was told, and showed, in units of the article."""

    listing: Listing
    units_in_one: int

    def pushed(self) -> int | None:
        return self._units(self.listing.pushed_quantity)

    def seen(self) -> int | None:
        return self._units(self.listing.seen_quantity)

    def is_known(self) -> bool:
        """Tell whether we knew of it before the order: the order itself may have written it."""
        listing = self.listing
        return any((listing.pushed_at, listing.seen_at, listing.offered_at))

    def _units(self, quantity: int | None) -> int | None:
        return None if quantity is None else quantity * self.units_in_one


def note_oversold(
    *, order: Order, lines: Sequence[OrderLine], missing: Mapping[int, int], at: datetime
) -> None:
    """
    Write an incident for each article that a channel's new order wants and that is not there.

    What is there and only may not be promised to it, by a rule of its channel or as it makes no
    whole pack, was not oversold. Neither was what an own order wants: nobody sold it yet.

    missing: variant id -> units that could not be promised. The levels that could serve the order
    are locked. Once per order, article and cause.
    """
    if not _is_of_channel(order) or not missing:
        return
    free = _free_units(order, missing)
    short = {pk: units - free.get(pk, 0) for pk, units in missing.items()}
    short = {pk: units for pk, units in short.items() if units > 0}
    if not short:
        return
    wanted = _wanted(lines)
    offers = _offers(order, lines, short)
    _store(
        order,
        [
            _incident(
                order,
                variant_id,
                units=units,
                offer=offers.get(variant_id),
                asked=wanted[variant_id],
                missing=missing[variant_id],
                at=at,
            )
            for variant_id, units in sorted(short.items())
        ],
        at=at,
    )


def note_withdrawn(*, order: Order, withdrawn: Iterable[WithdrawnPromise], at: datetime) -> None:
    """
    Write an incident for goods that were promised to a channel's order and turned out to be gone.

    Only for units that nothing else is free for; a reservation that was over is none. The levels
    that could serve the order are locked. Once per order, article and cause.
    """
    if not _is_of_channel(order):
        return
    gone: dict[tuple[int, str], int] = defaultdict(int)
    for each in withdrawn:
        if cause := CAUSE_OF_WITHDRAWAL.get(each.cause):
            gone[each.allocation.level.variant_id, cause] += each.units
    if not gone:
        return
    free = _free_units(order, {variant_id for variant_id, _ in gone})
    incidents = []
    for (variant_id, cause), units in sorted(gone.items()):
        there = min(units, free.get(variant_id, 0))
        free[variant_id] = free.get(variant_id, 0) - there
        if units > there:
            incidents.append(
                OversellIncident(
                    order=order,
                    variant_id=variant_id,
                    cause=cause,
                    units=units - there,
                    right=there,
                    opened_at=at,
                )
            )
    _store(order, incidents, at=at)


def _is_of_channel(order: Order) -> bool:
    """Tell an order that a channel told from one that we placed ourselves, and could refuse."""
    return order.external_updated_at is not None


def _store(order: Order, incidents: Sequence[OversellIncident], *, at: datetime) -> None:
    """Store the incidents of a locked order that are not there yet, and tell its timeline."""
    known = set(order.incidents.values_list("variant_id", "cause")) if incidents else set()
    new = [each for each in incidents if (each.variant_id, each.cause) not in known]
    if not new:
        return
    OversellIncident.objects.bulk_create(new)
    record_events(
        event(
            order,
            OrderEvent.Kind.OVERSOLD,
            at=at,
            variant=each.variant_id,
            units=each.units,
            cause=str(each.cause),
        )
        for each in new
    )


def _incident(
    order: Order,
    variant_id: int,
    *,
    units: int,
    offer: _Offer | None,
    asked: int,
    missing: int,
    at: datetime,
) -> OversellIncident:
    listing = offer.listing if offer else None
    facts = Facts(
        placed_at=order.placed_at,
        asked=asked,
        is_listed=offer is not None and offer.is_known(),
        pushed=offer.pushed() if offer else None,
        pushed_at=listing.pushed_at if listing else None,
        seen=offer.seen() if offer else None,
        seen_at=listing.seen_at if listing else None,
        changed_at=_last_change(order, variant_id),
        taken_at=_nearest_taker(order, variant_id),
    )
    return OversellIncident(
        order=order,
        variant_id=variant_id,
        cause=cause_of(facts),
        units=units,
        pushed=facts.pushed,
        pushed_at=facts.pushed_at,
        right=asked - missing,
        opened_at=at,
    )


def _free_units(order: Order, variant_ids: Collection[int]) -> dict[int, int]:
    """Return variant id -> units that are free where the order could be served from."""
    levels = StockLevel.objects.filter(variant_id__in=list(variant_ids))
    if order.delivery == Order.Delivery.PICKUP:
        levels = levels.filter(location=order.pickup_location_id)
    else:
        levels = levels.filter(location__is_shipping=True)
    free = levels.values_list("variant_id").annotate(free=Sum(F("on_hand") - F("allocated")))
    return dict(free.order_by("variant_id"))


def _wanted(lines: Sequence[OrderLine]) -> dict[int, int]:
    wanted: dict[int, int] = defaultdict(int)
    contents = contents_of(lines)
    for line in lines:
        for variant_id, each in contents.get(line.pk, {}).items():
            wanted[variant_id] += each * line.wanted_from_stock
    return wanted


def _offers(
    order: Order, lines: Sequence[OrderLine], variant_ids: Collection[int]
) -> dict[int, _Offer]:
    """
    Return variant id -> the listing of the order's channel that it was sold by.

    A component was sold by the listing of its bundle. Of several listings the one that had been
    told of most counts: it is the likeliest to have sold too much.
    """
    contents = contents_of(lines)
    sold_as: dict[int, dict[int, int]] = defaultdict(dict)
    for line in lines:
        for variant_id, each in contents.get(line.pk, {}).items():
            if variant_id in variant_ids and line.variant_id is not None:
                sold_as[variant_id][line.variant_id] = each // line.pack_size or 1
    articles = {article for by_article in sold_as.values() for article in by_article}
    listings = Listing.objects.filter(channel=order.channel_id, variant_id__in=articles)
    by_article: dict[int, list[Listing]] = defaultdict(list)
    for listing in listings.order_by("pk"):
        by_article[listing.variant_id or 0].append(listing)
    offers = {}
    for variant_id, sold in sold_as.items():
        candidates = [
            _Offer(listing=listing, units_in_one=each * listing.pack_size)
            for article, each in sold.items()
            for listing in by_article[article]
        ]
        if candidates:
            offers[variant_id] = max(
                candidates, key=lambda offer: (offer.is_known(), offer.pushed() or 0)
            )
    return offers


def _last_change(order: Order, variant_id: int) -> datetime | None:
    """Return when the stock of an article last became less before the order was placed."""
    moved = StockMovement.objects.filter(
        level__variant=variant_id, quantity__lt=0, moved_at__lte=order.placed_at
    ).aggregate(last=Max("moved_at"))["last"]
    promised = Allocation.objects.filter(
        level__variant=variant_id, allocated_at__lte=order.placed_at
    ).aggregate(last=Max("allocated_at"))["last"]
    return max((moment for moment in (moved, promised) if moment is not None), default=None)


def _nearest_taker(order: Order, variant_id: int) -> datetime | None:
    """Return when the order was placed that got units of an article nearest in time to this one."""
    units = LineAllocation.objects.filter(
        line__order=OuterRef("pk"), allocation__level__variant=variant_id
    )
    moments = (
        Order.objects.filter(
            Exists(units),
            placed_at__range=(order.placed_at - SAME_MOMENT, order.placed_at + SAME_MOMENT),
        )
        .exclude(pk=order.pk)
        .values_list("placed_at", flat=True)
    )
    return min(moments, key=lambda moment: abs(moment - order.placed_at), default=None)
