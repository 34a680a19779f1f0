"""From where an order is served: the choice itself, without a database."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.routing import (
    Candidate,
    Coordinates,
    Destination,
    Kind,
    LeftOut,
    Need,
    Rule,
    route,
)

PEN, INK, BOX = 1, 2, 3
LONDON, YORK, PARIS = (
    Coordinates(51.50735, -0.12776),
    Coordinates(53.95763, -1.08271),
    Coordinates(48.85661, 2.35222),
)


def place(location_id, free, **values) -> Candidate:
    return Candidate(location_id=location_id, code=f"place-{location_id}", free=free, **values)


def need(line_id, pieces, **contents) -> Need:
    """Return the need of pieces of pens, or of what is named: `pen=2, ink=1`."""
    names = {"pen": PEN, "ink": INK, "box": BOX}
    return Need(
        line_id, {names[name]: units for name, units in contents.items()} or {PEN: 1}, pieces
    )


def rule(kind, **values) -> Rule:
    return Rule(name=f"10 {kind}", kind=kind, **values)


def test_place_that_can_serve_everything_is_asked_alone():
    needs = [need(1, 2), need(2, 1, ink=1)]
    places = [place(1, {PEN: 9}), place(2, {PEN: 2, INK: 1}), place(3, {INK: 9})]

    chosen = route(needs=needs, candidates=places)

    assert chosen.served == {2: {1: 2, 2: 1}}
    assert (chosen.missing, chosen.decided_by) == (0, "")


def test_without_rules_priority_decides_among_equals_then_the_id():
    needs = [need(1, 1)]
    places = [place(4, {PEN: 9}, priority=2), place(3, {PEN: 9}, priority=1), place(5, {PEN: 1})]

    assert route(needs=needs, candidates=places[:2]).served == {3: {1: 1}}
    assert route(needs=needs, candidates=[*places[:2], place(2, {PEN: 1}, priority=1)]).served == {
        2: {1: 1}
    }
    assert route(needs=needs, candidates=places).served == {5: {1: 1}}


def test_two_places_are_asked_where_none_can_serve_everything():
    needs = [need(1, 10)]
    places = [place(1, {PEN: 4}), place(2, {PEN: 5}), place(3, {PEN: 8}), place(4, {PEN: 2})]

    chosen = route(needs=needs, candidates=places)

    assert chosen.served in ({3: {1: 8}, 4: {1: 2}}, {3: {1: 8}, 1: {1: 2}})
    assert len(chosen.served) == 2
    assert not chosen.left


def test_three_places_are_asked_where_two_cannot():
    needs = [need(1, 1), need(2, 1, ink=1), need(3, 1, box=1)]
    places = [place(1, {PEN: 1}), place(2, {INK: 1}), place(3, {BOX: 1}), place(4, {})]

    chosen = route(needs=needs, candidates=places)

    assert chosen.served == {1: {1: 1}, 2: {2: 1}, 3: {3: 1}}


def test_no_more_places_are_asked_than_may_be():
    needs = [need(1, 9)]
    places = [place(1, {PEN: 3}), place(2, {PEN: 4}), place(3, {PEN: 2})]

    chosen = route(needs=needs, candidates=places, most_places=2)

    assert chosen.served == {2: {1: 4}, 1: {1: 3}}
    assert (chosen.left, chosen.missing) == ({1: 2}, 2)


def test_place_that_serves_most_of_the_rest_is_asked_next():
    needs = [need(1, 4), need(2, 2, ink=1)]
    places = [place(1, {PEN: 3}), place(2, {PEN: 2}), place(3, {INK: 1})]

    chosen = route(needs=needs, candidates=places, most_places=2)

    assert list(chosen.served.items()) == [(1, {1: 3}), (2, {1: 1})]
    assert chosen.left == {2: 2}


def test_order_that_is_not_split_gets_what_the_best_single_place_has():
    chosen = route(
        needs=[need(1, 5)], candidates=[place(1, {PEN: 3}), place(2, {PEN: 4})], most_places=1
    )

    assert chosen.served == {2: {1: 4}}
    assert chosen.left == {1: 1}


def test_places_that_serve_the_order_already_count():
    places = [place(1, {PEN: 1}), place(2, {PEN: 9})]

    from_elsewhere = route(needs=[need(1, 3)], candidates=places, most_places=1, used={1})
    with_room = route(needs=[need(1, 3)], candidates=places, most_places=2, used={1})

    assert from_elsewhere.served == {1: {1: 1}}
    assert [look.left_out for look in from_elsewhere.looks] == [None, LeftOut.TOO_MANY_PLACES]
    assert with_room.served == {2: {1: 3}}


def test_whole_pieces_come_from_one_place():
    gift = need(1, 2, pen=2, ink=1)
    places = [place(1, {PEN: 3, INK: 1}), place(2, {PEN: 1, INK: 9})]

    chosen = route(needs=[gift], candidates=places)

    assert chosen.served == {1: {1: 1}}
    assert chosen.left == {1: 1}
    assert [look.left_out for look in chosen.looks] == [None, LeftOut.NOTHING_WHOLE]


def test_earlier_line_is_served_first():
    chosen = route(needs=[need(7, 2), need(8, 2)], candidates=[place(1, {PEN: 3})])

    assert chosen.served == {1: {7: 2, 8: 1}}


def test_nothing_at_all_is_served_from_nowhere():
    chosen = route(needs=[need(1, 2)], candidates=[])

    assert (chosen.served, chosen.left, chosen.looks) == ({}, {1: 2}, [])


def test_place_with_enough_to_do_is_left_out_unless_it_serves_the_order_already():
    busy, free = place(1, {PEN: 9}, capacity_left=0), place(2, {PEN: 9}, priority=5)

    chosen = route(needs=[need(1, 1)], candidates=[busy, free])
    used = route(needs=[need(1, 1)], candidates=[busy, free], used={1})

    assert chosen.served == {2: {1: 1}}
    assert [look.left_out for look in chosen.looks] == [LeftOut.AT_CAPACITY, None]
    assert used.served == {1: {1: 1}}


def test_place_is_not_asked_for_a_line_that_it_rejected():
    needs = [need(1, 1), need(2, 1)]
    places = [place(1, {PEN: 9}, rejected=frozenset({1})), place(2, {PEN: 9}, priority=9)]

    both = route(needs=needs, candidates=places)
    rejecting = route(needs=needs[:1], candidates=places[:1])

    assert both.served == {2: {1: 1, 2: 1}}
    assert rejecting.served == {}
    assert [look.left_out for look in rejecting.looks] == [LeftOut.REJECTED]


RULES = [
    (rule(Kind.PREFERRED, location_id=2), {}, {}, [0, 1]),
    (rule(Kind.SAME_COUNTRY), {"country": "FR"}, {"country": "GB"}, [1, 0]),
    (rule(Kind.NEAREST), {"coordinates": PARIS}, {"coordinates": YORK}, [344, 280]),
    (rule(Kind.KEEP_FLOOR), {"floor": 8}, {"floor": 7}, [1, 0]),
    (rule(Kind.LONGEST_COVER), {"free": {PEN: 9}}, {"free": {PEN: 20}}, [7, 18]),
    (rule(Kind.LOCATION_PRIORITY), {"priority": 3}, {"priority": -1}, [3, -1]),
]


@pytest.mark.parametrize(("counts", "first", "second", "figures"), RULES, ids=lambda v: str(v)[:40])
def test_rule_decides_by_what_it_looks_at(counts, first, second, figures):
    one = place(1, **{"free": {PEN: 9}, **first})
    two = place(2, **{"free": {PEN: 9}, **second})

    chosen = route(
        needs=[need(1, 2)],
        candidates=[one, two],
        rules=[rule("FEWEST_PLACES"), counts],
        destination=Destination("GB", LONDON),
    )

    assert chosen.served == {2: {1: 2}}
    assert chosen.decided_by == counts.name
    assert [look.figures[counts.name] for look in chosen.looks] == figures


def test_fewest_places_is_a_rule_that_may_stand_behind_another():
    """Two places at home, or one abroad: what is asked first decides."""
    places = [
        place(1, {PEN: 1}, country="GB"),
        place(2, {PEN: 1}, country="GB"),
        place(3, {PEN: 9}, country="FR"),
    ]
    at_home, fewest = rule(Kind.SAME_COUNTRY), rule(Kind.FEWEST_PLACES)

    def served(*rules):
        return route(
            needs=[need(1, 2)], candidates=places, rules=rules, destination=Destination("GB")
        )

    assert served(at_home, fewest).served == {1: {1: 1}, 2: {1: 1}}
    assert served(at_home, fewest).decided_by == at_home.name
    assert served(fewest, at_home).served == {3: {1: 2}}
    assert served(fewest, at_home).decided_by == fewest.name


def test_order_is_not_split_where_one_of_the_places_could_serve_it_alone():
    preferred = rule(Kind.PREFERRED, location_id=1)

    chosen = route(
        needs=[need(1, 3)],
        candidates=[place(1, {PEN: 1}), place(2, {PEN: 9})],
        rules=[preferred],
    )

    assert chosen.served == {2: {1: 3}}


def test_rule_that_knows_nothing_of_the_address_leaves_it_to_the_next():
    places = [
        place(1, {PEN: 9}, coordinates=PARIS, country="FR", priority=4),
        place(2, {PEN: 9}, coordinates=YORK, country="GB", priority=2),
    ]
    rules = [rule(Kind.NEAREST), rule(Kind.SAME_COUNTRY), rule(Kind.LOCATION_PRIORITY)]

    chosen = route(needs=[need(1, 1)], candidates=places, rules=rules)

    assert chosen.decided_by == "10 LOCATION_PRIORITY"
    assert chosen.looks[0].figures == {
        "10 NEAREST": None, "10 SAME_COUNTRY": None, "10 LOCATION_PRIORITY": 4,
    }  # fmt: skip


def test_place_that_is_on_no_map_comes_after_those_that_are():
    chosen = route(
        needs=[need(1, 1)],
        candidates=[place(1, {PEN: 9}), place(2, {PEN: 9}, coordinates=PARIS)],
        rules=[rule(Kind.NEAREST)],
        destination=Destination("GB", LONDON),
    )

    assert chosen.served == {2: {1: 1}}


def test_rule_chooses_the_places_of_a_part_too():
    chosen = route(
        needs=[need(1, 9)],
        candidates=[place(1, {PEN: 3}), place(2, {PEN: 3})],
        rules=[rule(Kind.PREFERRED, location_id=2)],
        most_places=1,
    )

    assert (chosen.served, chosen.decided_by) == ({2: {1: 3}}, "10 PREFERRED")


def test_rule_sees_every_single_place_however_many_there_are():
    places = [place(n, {PEN: 9}, priority=n) for n in range(1, 20)]

    chosen = route(
        needs=[need(1, 1)], candidates=places, rules=[rule(Kind.PREFERRED, location_id=17)]
    )

    assert chosen.served == {17: {1: 1}}


@pytest.mark.parametrize(
    ("one", "other", "kilometers"), [(LONDON, PARIS, 344), (LONDON, YORK, 280), (YORK, YORK, 0)]
)
def test_distances_are_those_of_an_atlas(one, other, kilometers):
    assert one.kilometers_to(other) == pytest.approx(kilometers, abs=1)
    assert other.kilometers_to(one) == one.kilometers_to(other)


def test_distance_to_the_other_side_of_the_earth_is_half_its_girth():
    assert Coordinates(0, 0).kilometers_to(Coordinates(0, 180)) == 20015


VARIANTS = st.sampled_from([PEN, INK, BOX])
CONTENTS = st.dictionaries(VARIANTS, st.integers(1, 3), min_size=1, max_size=2)
NEEDS = st.lists(st.tuples(CONTENTS, st.integers(1, 6)), min_size=1, max_size=4).map(
    lambda wanted: [Need(n, contents, pieces) for n, (contents, pieces) in enumerate(wanted)]
)
PLACES = st.lists(
    st.builds(
        dict,
        free=st.dictionaries(VARIANTS, st.integers(0, 9), max_size=3),
        priority=st.integers(0, 2),
        country=st.sampled_from(["", "GB", "FR"]),
        coordinates=st.sampled_from([None, LONDON, YORK, PARIS]),
        floor=st.integers(0, 3),
        capacity_left=st.sampled_from([None, None, 0, 1]),
        rejected=st.frozensets(st.integers(0, 3), max_size=2),
    ),
    max_size=5,
).map(lambda places: [place(n, **values) for n, values in enumerate(places, start=1)])
ANY_RULES = st.lists(
    st.builds(
        lambda kind, n: Rule(f"{n} {kind}", kind, n if kind == Kind.PREFERRED else None),
        st.sampled_from(Kind),
        st.integers(1, 5),
    ),
    max_size=4,
)
DESTINATIONS = st.builds(Destination, st.sampled_from(["", "GB"]), st.sampled_from([None, LONDON]))


@given(
    needs=NEEDS, places=PLACES, rules=ANY_RULES, destination=DESTINATIONS,
    most_places=st.integers(1, 4), used=st.frozensets(st.integers(1, 5), max_size=2),
)  # fmt: skip
def test_route_gives_no_more_than_there_is_from_no_more_places_than_may_be(
    needs, places, rules, destination, most_places, used
):
    wanted = {need.line_id: need for need in needs}
    by_id = {candidate.location_id: candidate for candidate in places}

    chosen = route(
        needs=needs, candidates=places, rules=rules, destination=destination,
        most_places=most_places, used=used,
    )  # fmt: skip

    assert len(set(chosen.served) | used) <= max(most_places, len(used))
    served = dict.fromkeys(wanted, 0)
    for location_id, pieces in chosen.served.items():
        candidate = by_id[location_id]
        assert pieces, "a place that serves nothing is not asked"
        assert not candidate.rejected & pieces.keys()
        given = dict.fromkeys(candidate.free, 0)
        for line_id, count in pieces.items():
            assert count > 0
            served[line_id] += count
            for variant_id, units in wanted[line_id].contents.items():
                given[variant_id] += count * units
        assert all(units <= candidate.free[pk] for pk, units in given.items())
    left = {line_id: wanted[line_id].pieces - count for line_id, count in served.items()}
    assert all(pieces >= 0 for pieces in left.values())
    assert chosen.left == {line_id: pieces for line_id, pieces in left.items() if pieces}
    assert chosen.missing == sum(left.values())


@given(
    needs=NEEDS, places=PLACES.filter(lambda places: len(places) < 5), rules=ANY_RULES,
    destination=DESTINATIONS, most_places=st.integers(1, 4),
)  # fmt: skip
def test_route_does_not_depend_on_the_order_of_the_places(
    needs, places, rules, destination, most_places
):
    routes = [
        route(
            needs=needs, candidates=shuffled, rules=rules, destination=destination,
            most_places=most_places,
        )
        for shuffled in permutations(places)
    ]  # fmt: skip

    assert all(chosen == routes[0] for chosen in routes)
    assert all(list(chosen.served) == list(routes[0].served) for chosen in routes)


@given(needs=NEEDS, places=PLACES, rules=ANY_RULES)
def test_no_rule_splits_what_one_place_can_serve_alone(needs, places, rules):
    """Whatever the rules: a place of a split could not have served everything by itself."""
    chosen = route(needs=needs, candidates=places, rules=rules)

    if len(chosen.served) > 1:
        for candidate in places:
            if candidate.location_id in chosen.served:
                assert route(needs=needs, candidates=[candidate]).left
