"""From where an order is served: places compared by ranked rules, without a look at any table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import combinations
from math import asin, cos, radians, sin, sqrt

# Sets of two places and more are made of so many: those that could serve most by themselves.
MOST_COMBINED = 8
EARTH_RADIUS_KM = 6371

# Line id -> pieces of it.
Pieces = Mapping[int, int]


class Kind(StrEnum):
    """What a rule looks at; the codes are those of the stored rules."""

    PREFERRED = "PREFERRED"
    SAME_COUNTRY = "SAME_COUNTRY"
    FEWEST_PLACES = "FEWEST_PLACES"
    NEAREST = "NEAREST"
    KEEP_FLOOR = "KEEP_FLOOR"
    LONGEST_COVER = "LONGEST_COVER"
    LOCATION_PRIORITY = "LOCATION_PRIORITY"


# Of these the higher figure is the better one, of all others the lower.
MORE_IS_BETTER = frozenset({Kind.PREFERRED, Kind.LONGEST_COVER})


class LeftOut(StrEnum):
    """Why a place is not asked although it may have the goods; the codes are stored."""

    NOT_SHIPPING = "NOT_SHIPPING"
    COLLECTED_ELSEWHERE = "COLLECTED_ELSEWHERE"
    AT_CAPACITY = "AT_CAPACITY"
    REJECTED = "REJECTED"
    TOO_MANY_PLACES = "TOO_MANY_PLACES"
    NOTHING_WHOLE = "NOTHING_WHOLE"


@dataclass(frozen=True, slots=True)
class Coordinates:
    """A point on earth, in degrees north and east."""

    latitude: float
    longitude: float

    def kilometers_to(self, other: Coordinates) -> int:
        """Return the distance along the surface of the earth, taken for a sphere."""
        south, north = radians(self.latitude), radians(other.latitude)
        width = radians(other.longitude - self.longitude)
        half_chord = sin((north - south) / 2) ** 2 + cos(south) * cos(north) * sin(width / 2) ** 2
        return round(2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, half_chord))))


@dataclass(frozen=True, slots=True)
class Need:
    """Pieces that a line still wants; contents: variant id -> units in one of them."""

    line_id: int
    contents: Mapping[int, int]
    pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """
    A place that may serve an order.

    free: variant id -> units it may give. floor: units of each article it should keep for who
    walks in. capacity_left: orders it can still send today, None for any number. rejected: ids of
    the lines that it could not serve before.
    """

    location_id: int
    code: str
    free: Mapping[int, int]
    priority: int = 0
    country: str = ""
    coordinates: Coordinates | None = None
    floor: int = 0
    capacity_left: int | None = None
    rejected: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that counts; `name` is what the decision calls it by."""

    name: str
    kind: str
    location_id: int | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the order goes to, as far as that is known."""

    country: str = ""
    coordinates: Coordinates | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """
    What was seen of one place: the pieces it could serve by itself, its figure by each rule.

    A rule that has nothing to say of the place gives None. left_out: why it was not asked.
    """

    code: str
    pieces: int = 0
    figures: Mapping[str, int | None] = field(default_factory=dict)
    left_out: LeftOut | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """
    From where an order is served.

    served: location id -> pieces, in the order the places were asked. left: what nobody serves.
    decided_by: name of the rule that told the choice from the next best; empty where none did.
    """

    served: Mapping[int, Pieces]
    left: Pieces
    looks: Sequence[Look]
    decided_by: str = ""

    @property
    def missing(self) -> int:
        return sum(self.left.values())


@dataclass(frozen=True, slots=True)
class _Choice:
    """Places asked one after the other, and the pieces each serves: as many as it can."""

    places: tuple[Candidate, ...]
    served: tuple[Pieces, ...]
    left: int

    @property
    def pieces(self) -> int:
        return sum(sum(pieces.values()) for pieces in self.served)


def route(
    *,
    needs: Sequence[Need],
    candidates: Iterable[Candidate],
    rules: Sequence[Rule] = (),
    destination: Destination | None = None,
    most_places: int = 3,
    used: Collection[int] = (),
) -> Route:
    """
    Choose the places that serve an order.

    Of all sets of places that can serve everything, and of which none could be spared, the rules
    choose, the first one first; where they see no difference the fewest places do, then the
    places' priorities, then their ids. When no set can serve everything, the place that serves
    most is asked first, then the one that serves most of the rest. Whole pieces only, all of one
    from one place, the earlier line first. The same places in another order give the same route.

    used: ids of places that serve other pieces of the order; they count among `most_places`.
    """
    chooser = _Chooser(
        needs=tuple(needs),
        rules=tuple(rules),
        destination=destination or Destination(),
        used=frozenset(used),
    )
    seen = sorted(candidates, key=lambda place: place.location_id)
    left_out = {place.location_id: chooser.why_left_out(place) for place in seen}
    alone = [_ask((place,), chooser.needs) for place in seen if left_out[place.location_id] is None]
    within = [choice for choice in alone if chooser.is_within(choice.places, most_places)]
    chosen, decided_by = chooser.choose(within, most_places)
    served = {
        place.location_id: pieces
        for place, pieces in zip(chosen.places, chosen.served, strict=True)
    }
    by_place = {choice.places[0].location_id: choice for choice in alone}
    looks = []
    for place in seen:
        choice = by_place.get(place.location_id)
        if choice is None:
            looks.append(Look(place.code, left_out=left_out[place.location_id]))
        elif choice not in within:
            looks.append(Look(place.code, choice.pieces, left_out=LeftOut.TOO_MANY_PLACES))
        else:
            figures = chooser.figures(choice) if len(within) > 1 else {}
            looks.append(Look(place.code, choice.pieces, figures))
    return Route(
        served=served, left=_rest(needs, served.values()), looks=looks, decided_by=decided_by
    )


@dataclass(frozen=True, slots=True)
class _Chooser:
    needs: tuple[Need, ...]
    rules: tuple[Rule, ...]
    destination: Destination
    used: frozenset[int]

    def why_left_out(self, place: Candidate) -> LeftOut | None:
        """Return why a place is not asked; one that serves a part already sends no order more."""
        is_full = place.capacity_left is not None and place.capacity_left <= 0
        if is_full and place.location_id not in self.used:
            return LeftOut.AT_CAPACITY
        if _allot(self.needs, place):
            return None
        everything = replace(place, rejected=frozenset())
        return LeftOut.REJECTED if _allot(self.needs, everything) else LeftOut.NOTHING_WHOLE

    def is_within(self, places: Iterable[Candidate], most_places: int) -> bool:
        """Tell whether the order is not split further by these than it may be."""
        new = {place.location_id for place in places} - self.used
        return not new or len(new | self.used) <= most_places

    def choose(self, alone: Sequence[_Choice], most_places: int) -> tuple[_Choice, str]:
        """Return the best set of places, and the rule that told it from the next best."""
        alone = sorted(alone, key=self._rank)
        places = [choice.places[0] for choice in alone]
        complete = [choice for choice in alone if not choice.left]
        is_worth_it = most_places > 1 and (self.rules or not complete)
        if is_worth_it and not _ask(places, self.needs).left:
            complete += self._combined(alone, most_places)
        if complete:
            return self._best(complete)
        return self._as_much_as_can_be(alone, most_places)

    def _combined(self, alone: Sequence[_Choice], most_places: int) -> Iterator[_Choice]:
        """Yield the sets of two places and more that serve everything, none of them idle."""
        by_pieces = sorted(alone, key=lambda choice: (-choice.pieces, *self._rank(choice)))
        chosen = {choice.places[0].location_id for choice in by_pieces[:MOST_COMBINED]}
        complete = [{choice.places[0].location_id} for choice in alone if not choice.left]
        places = [choice.places[0] for choice in alone if choice.places[0].location_id in chosen]
        for size in range(2, min(most_places, len(places)) + 1):
            for members in combinations(places, size):
                ids = {place.location_id for place in members}
                if any(smaller <= ids for smaller in complete):
                    continue
                if not self.is_within(members, most_places):
                    continue
                choice = _ask(members, self.needs)
                if not choice.left:
                    complete.append(ids)
                    yield choice

    def _as_much_as_can_be(self, alone: Sequence[_Choice], most_places: int) -> tuple[_Choice, str]:
        """Ask the place that serves most, then the one that serves most of the rest, and so on."""
        taken, decided_by = _Choice((), (), sum(need.pieces for need in self.needs)), ""
        places = [choice.places[0] for choice in alone]
        while taken.left:
            rest = _needs_left(self.needs, taken.served)
            next_ones = [
                _ask((place,), rest)
                for place in places
                if place not in taken.places and self.is_within((*taken.places, place), most_places)
            ]
            most = max((choice.pieces for choice in next_ones), default=0)
            if not most:
                break
            best, told_by = self._best([c for c in next_ones if c.pieces == most])
            decided_by = decided_by or told_by
            taken = _Choice((*taken.places, *best.places), (*taken.served, *best.served), best.left)
        return taken, decided_by

    def _best(self, choices: Sequence[_Choice]) -> tuple[_Choice, str]:
        first, *others = sorted(choices, key=self._rank)
        if not others:
            return first, ""
        second = others[0]
        for rule in self.rules:
            if self._compared(rule, first) != self._compared(rule, second):
                return first, rule.name
        return first, ""

    def _rank(self, choice: _Choice) -> tuple[object, ...]:
        ids = {place.location_id for place in choice.places}
        return (
            *(self._compared(rule, choice) for rule in self.rules),
            len(ids | self.used),
            -choice.pieces,
            sorted(place.priority for place in choice.places),
            sorted(ids),
        )

    def _compared(self, rule: Rule, choice: _Choice) -> tuple[bool, int]:
        """Return what choices are sorted by; of whom a rule has nothing to say comes last."""
        figure = self._figure(rule, choice)
        if figure is None:
            return True, 0
        return False, -figure if rule.kind in MORE_IS_BETTER else figure

    def figures(self, choice: _Choice) -> dict[str, int | None]:
        """Return rule name -> what the rule sees in a set of places."""
        return {rule.name: self._figure(rule, choice) for rule in self.rules}

    def _figure(self, rule: Rule, choice: _Choice) -> int | None:
        figure: int | None = None
        match rule.kind:
            case Kind.PREFERRED:
                figure = int(rule.location_id in {place.location_id for place in choice.places})
            case Kind.SAME_COUNTRY:
                figure = self._abroad(choice)
            case Kind.FEWEST_PLACES:
                figure = len({place.location_id for place in choice.places} | self.used)
            case Kind.NEAREST:
                figure = self._kilometers(choice)
            case Kind.KEEP_FLOOR:
                figure = sum(
                    min(left) < place.floor
                    for place, left in zip(choice.places, self._left_at(choice), strict=True)
                )
            case Kind.LONGEST_COVER:
                figure = min(min(left) for left in self._left_at(choice))
            case Kind.LOCATION_PRIORITY:
                figure = max(place.priority for place in choice.places)
        return figure

    def _abroad(self, choice: _Choice) -> int | None:
        if not self.destination.country:
            return None
        return sum(place.country != self.destination.country for place in choice.places)

    def _kilometers(self, choice: _Choice) -> int | None:
        """Add up how far the parcels go."""
        goal = self.destination.coordinates
        starts = [place.coordinates for place in choice.places]
        if goal is None or None in starts:
            return None
        return sum(start.kilometers_to(goal) for start in starts if start is not None)

    def _left_at(self, choice: _Choice) -> list[list[int]]:
        """Return, place by place, the free units left of each article that it gives."""
        contents = {need.line_id: need.contents for need in self.needs}
        return [
            list(_less(place.free, pieces, contents).values())
            for place, pieces in zip(choice.places, choice.served, strict=True)
        ]


def _ask(places: Iterable[Candidate], needs: Sequence[Need]) -> _Choice:
    asked, served = [], []
    for place in places:
        pieces = _allot(needs, place)
        if pieces:
            asked.append(place)
            served.append(pieces)
            needs = _needs_left(needs, [pieces])
    return _Choice(tuple(asked), tuple(served), sum(need.pieces for need in needs))


def _allot(needs: Sequence[Need], place: Candidate) -> dict[int, int]:
    """Return the whole pieces that a place can serve, the earlier line first."""
    free, allotted = dict(place.free), {}
    for need in needs:
        if need.line_id in place.rejected:
            continue
        there = min(free.get(pk, 0) // each for pk, each in need.contents.items())
        if (pieces := min(need.pieces, there)) > 0:
            allotted[need.line_id] = pieces
            for pk, each in need.contents.items():
                free[pk] -= pieces * each
    return allotted


def _less(
    free: Mapping[int, int], pieces: Pieces, contents: Mapping[int, Mapping[int, int]]
) -> dict[int, int]:
    """Return variant id -> free units after these pieces, of the variants in them only."""
    left: dict[int, int] = {}
    for line_id, count in pieces.items():
        for pk, each in contents[line_id].items():
            left[pk] = left.get(pk, free.get(pk, 0)) - count * each
    return left


def _needs_left(needs: Sequence[Need], served: Iterable[Pieces]) -> list[Need]:
    rest = _rest(needs, served)
    return [replace(need, pieces=rest[need.line_id]) for need in needs if need.line_id in rest]


def _rest(needs: Sequence[Need], served: Iterable[Pieces]) -> dict[int, int]:
    """Return line id -> pieces that nobody serves, of lines with any."""
    rest = {need.line_id: need.pieces for need in needs}
    for pieces in served:
        for line_id, count in pieces.items():
            rest[line_id] -= count
    return {line_id: pieces for line_id, pieces in rest.items() if pieces}
