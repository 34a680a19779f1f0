"""From where lines of an order are served: what there is to choose from, and what was decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import F, Q
from django.utils import timezone

from customers.models import Address
from inventory.models import Location, StockLevel
from orders.models import (
    Fulfillment,
    LineAllocation,
    Order,
    PostcodeCentroid,
    RoutingDecision,
    RoutingRejection,
    RoutingRule,
)
from orders.operations.contents import units_in
from orders.routing import (
    Candidate,
    Coordinates,
    Destination,
    Kind,
    LeftOut,
    Look,
    Need,
    Route,
    Rule,
    route,
)
from retail.common.models import User

# Rules that ask where the order goes to.
OF_THE_ADDRESS = frozenset({Kind.SAME_COUNTRY, Kind.NEAREST})
# What these places have free counts as being there, even where it makes no whole piece.
NOTHING_AGAINST_IT = frozenset({None, LeftOut.NOTHING_WHOLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """
    Why stock is looked for, and how strictly.

    cause: of RoutingDecision.Cause. is_strict: what places keep for customers who walk in is not
    given away, as an order that is not accepted yet can still be refused. is_retry: that nothing
    was found again is no news, and not written down. only_location_id: the one place that a person
    wants it from, whatever it rejected before and however much it has to do.
    """

    cause: str = RoutingDecision.Cause.NEW
    is_strict: bool = False
    is_retry: bool = False
    only_location_id: int | None = None


NEW_ORDER = Attempt()
OWN_ORDER = Attempt(is_strict=True)
STOCK_CAME_IN = Attempt(cause=RoutingDecision.Cause.WAITING, is_retry=True)
ORDER_CHANGED = Attempt(cause=RoutingDecision.Cause.CHANGED)
PLACE_REJECTED = Attempt(cause=RoutingDecision.Cause.REJECTED)
ASKED_AGAIN = Attempt(cause=RoutingDecision.Cause.BY_HAND, is_retry=True)
DECIDED_BY_HAND = Attempt(cause=RoutingDecision.Cause.BY_HAND)


@dataclass(frozen=True, slots=True)
class Routed:
    """The route of what an order wants, and the places it was chosen among."""

    route: Route
    candidates: Sequence[Candidate]

    def short(self, needs: Sequence[Need]) -> dict[int, int]:
        """
        Return variant id -> units that are not there for what is left of the needs.

        Where all of it is there, but may not be taken from there, all of it is missing.
        """
        if not self.route.left:
            return {}
        rest = [
            replace(need, pieces=self.route.left[need.line_id])
            for need in needs
            if need.line_id in self.route.left
        ]
        free = self._free(needs, rest)
        wanted = [(need.contents, need.pieces) for need in rest]
        short = {pk: units - free[pk] for pk, units in units_in(wanted).items() if units > free[pk]}
        scattered = units_in(pair for pair in wanted if not short.keys() & pair[0].keys())
        return short | scattered

    def _free(self, needs: Sequence[Need], rest: Sequence[Need]) -> dict[int, int]:
        """
        Add up the units that are left where the order is served, and in scraps elsewhere.

        What makes whole pieces elsewhere was not taken for a reason, so it is not there for it.
        """
        contents = {need.line_id: need.contents for need in needs}
        scraps = {look.code for look in self.route.looks if look.left_out in NOTHING_AGAINST_IT}
        free: dict[int, int] = defaultdict(int)
        for place in self.candidates:
            served = self.route.served.get(place.location_id)
            is_kept_back = served is None and route(needs=rest, candidates=[place]).served
            if place.code not in scraps or is_kept_back:
                continue
            for variant_id, units in place.free.items():
                free[variant_id] += units
            for variant_id, units in _units(served or {}, contents).items():
                free[variant_id] -= units
        return free


def _units(pieces: Mapping[int, int], contents: Mapping[int, Mapping[int, int]]) -> dict[int, int]:
    return units_in((contents[line_id], count) for line_id, count in pieces.items())


def route_needs(
    *,
    order: Order,
    needs: Sequence[Need],
    levels: Iterable[StockLevel],
    is_served_already: bool,
    attempt: Attempt,
    at: datetime,
) -> Routed:
    """
    Choose from where what a locked order wants is served, by the rules of its channel.

    A single place that nothing speaks against is not compared with anything: nothing is read then.
    levels: locked, with their locations. is_served_already: something is promised to the order.
    """
    by_location: dict[Location, list[StockLevel]] = defaultdict(list)
    for level in levels:
        by_location[level.location].append(level)
    used = _places_in_use(order) if is_served_already and by_location else frozenset()
    is_by_hand = attempt.only_location_id is not None
    sent = {} if is_by_hand else _orders_of_the_day(order, by_location, at)
    # Nothing was ever rejected of an order that is new.
    rejected = (
        _rejected_lines(needs)
        if by_location and not is_by_hand and attempt.cause != RoutingDecision.Cause.NEW
        else {}
    )
    candidates = [
        _candidate(
            location,
            levels_there,
            is_strict=attempt.is_strict,
            capacity_left=_capacity_left(location, sent),
            rejected=frozenset(rejected.get(location.pk, ())),
        )
        for location, levels_there in by_location.items()
    ]
    rules = _rules_of(order) if len(candidates) > 1 else []
    chosen = route(
        needs=needs,
        candidates=candidates,
        rules=rules,
        destination=_destination_of(order, rules),
        most_places=_most_places(order),
        used=() if is_by_hand else used,
    )
    return Routed(route=chosen, candidates=candidates)


def _most_places(order: Order) -> int:
    """Return from how many places an order may be sent: one where splitting is not worth it."""
    channel = order.channel
    return 1 if order.total < channel.split_from_total else channel.most_places


def _candidate(
    location: Location,
    levels: Iterable[StockLevel],
    *,
    is_strict: bool,
    capacity_left: int | None,
    rejected: frozenset[int],
) -> Candidate:
    kept = location.walk_in_floor if is_strict else 0
    is_on_the_map = location.latitude is not None and location.longitude is not None
    return Candidate(
        location_id=location.pk,
        code=location.code,
        free={level.variant_id: max(0, level.on_hand - level.allocated - kept) for level in levels},
        priority=location.priority,
        country=location.country,
        coordinates=_point(location) if is_on_the_map else None,
        floor=location.walk_in_floor - kept,
        capacity_left=capacity_left,
        rejected=rejected,
    )


def _point(row: Location | PostcodeCentroid) -> Coordinates:
    return Coordinates(float(row.latitude or 0), float(row.longitude or 0))


def _places_in_use(order: Order) -> frozenset[int]:
    """Return the ids of the locations where something is promised to an order."""
    promised = LineAllocation.objects.filter(line__order=order, units__gt=0)
    return frozenset(promised.values_list("allocation__level__location_id", flat=True))


def _capacity_left(location: Location, sent: Mapping[int, set[int]]) -> int | None:
    if location.daily_capacity is None or location.pk not in sent:
        return None
    return location.daily_capacity - len(sent[location.pk])


def _orders_of_the_day(
    order: Order, locations: Iterable[Location], at: datetime
) -> dict[int, set[int]]:
    """
    Return location id -> ids of other orders sent, in hand or promised there on the day of `at`.

    Of locations that send no more than so many a day. No lock keeps two orders that come in at
    the same moment from taking the last one both: a day of one order more harms nobody.
    """
    limited = [location.pk for location in locations if location.daily_capacity is not None]
    if not limited:
        return {}
    day = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    sent = Fulfillment.objects.filter(location_id__in=limited).exclude(
        method=Fulfillment.Method.COUNTER
    )
    gone = sent.filter(status__in=Fulfillment.GONE, shipped_at__gte=day)
    promised = LineAllocation.objects.filter(
        units__gt=0,
        allocation__closed_at__isnull=True,
        allocation__allocated_at__gte=day,
        allocation__level__location_id__in=limited,
    )
    # Each by an index of its own, in one statement.
    rows = promised.values_list("allocation__level__location_id", "line__order_id").union(
        sent.begun().values_list("location_id", "order_id"),
        gone.values_list("location_id", "order_id"),
    )
    orders: dict[int, set[int]] = {location_id: set() for location_id in limited}
    for location_id, order_id in rows:
        if order_id != order.pk:
            orders[location_id].add(order_id)
    return orders


def _rejected_lines(needs: Iterable[Need]) -> dict[int, set[int]]:
    """Return location id -> ids of the lines that it could not serve."""
    rejected: dict[int, set[int]] = defaultdict(set)
    rows = RoutingRejection.objects.filter(line_id__in=[need.line_id for need in needs])
    for location_id, line_id in rows.values_list("location_id", "line_id"):
        rejected[location_id].add(line_id)
    return rejected


def _rules_of(order: Order) -> list[Rule]:
    """Return the rules of an order's channel in a row with those for all, its own first."""
    rules = (
        RoutingRule.objects.filter(
            Q(channel_id=order.channel_id) | Q(channel__isnull=True), is_active=True
        )
        .select_related("location")
        .order_by("rank", F("channel").asc(nulls_last=True), "pk")
    )
    return [
        Rule(
            name=" ".join(
                [f"{rule.rank}", rule.kind, *([rule.location.code] if rule.location else [])]
            ),
            kind=rule.kind,
            location_id=rule.location_id,
        )
        for rule in rules
    ]


def _destination_of(order: Order, rules: Iterable[Rule]) -> Destination:
    """Return where an order goes to, as far as its rules ask."""
    kinds = {rule.kind for rule in rules}
    address = order.delivery_address if kinds & OF_THE_ADDRESS else None
    if address is None:
        return Destination()
    coordinates = _coordinates_of(address) if Kind.NEAREST in kinds else None
    return Destination(country=address.country.upper(), coordinates=coordinates)


def _coordinates_of(address: Address) -> Coordinates | None:
    """Return where the postcodes lie that begin like an address's, by the longest beginning."""
    postcode = "".join(address.postcode.split()).upper()
    beginnings = [postcode[:length] for length in range(1, len(postcode) + 1)]
    centroids = PostcodeCentroid.objects.filter(
        country=address.country.upper(), prefix__in=beginnings
    )
    longest = max(centroids, key=lambda centroid: len(centroid.prefix), default=None)
    return _point(longest) if longest else None


def store_decision(
    *,
    order: Order,
    routed: Routed,
    needs: Sequence[Need],
    attempt: Attempt,
    at: datetime,
    by: User | None = None,
) -> RoutingDecision | None:
    """
    Keep from where an order is served and why; nothing of a retry that found nothing.

    Where pieces are missing, the places that have their articles and may not send it are named,
    too.
    """
    chosen = routed.route
    if not chosen.served and attempt.is_retry:
        return None
    codes = {place.location_id: place.code for place in routed.candidates}
    looks = list(chosen.looks)
    if chosen.left and attempt.only_location_id is None:
        looks += _not_asked(order, needs, looks)
    return RoutingDecision.objects.create(
        order=order,
        cause=attempt.cause,
        decided_by_rule=chosen.decided_by,
        candidates=[_look(look) for look in looks],
        chosen={codes[location_id]: dict(pieces) for location_id, pieces in chosen.served.items()},
        missing=chosen.missing,
        decided_at=at,
        decided_by=by,
    )


def _look(look: Look) -> dict[str, Any]:
    kept: dict[str, Any] = {"place": look.code, "pieces": look.pieces}
    if look.figures:
        kept["figures"] = dict(look.figures)
    if look.left_out:
        kept["left_out"] = str(look.left_out)
    return kept


def _not_asked(order: Order, needs: Sequence[Need], looks: Collection[Look]) -> list[Look]:
    """Return the places that have free units of what is wanted, but do not send this order."""
    wanted = {variant_id for need in needs for variant_id in need.contents}
    codes = (
        Location.objects.filter(
            stock_levels__variant_id__in=wanted,
            stock_levels__on_hand__gt=F("stock_levels__allocated"),
        )
        .exclude(code__in=[look.code for look in looks])
        .order_by("pk")
        .values_list("code", flat=True)
        .distinct()
    )
    is_collected = order.delivery == Order.Delivery.PICKUP
    why = LeftOut.COLLECTED_ELSEWHERE if is_collected else LeftOut.NOT_SHIPPING
    return [Look(code, left_out=why) for code in codes]
