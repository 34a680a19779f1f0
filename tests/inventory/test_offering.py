"""The formula of what a channel is offered, without a database."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.offering import (
    Part,
    PlaceStock,
    Reserve,
    Rules,
    Supply,
    offer_of_article,
    offer_of_bundle,
)

SHELF = PlaceStock(location="Warehouse", on_hand=10, allocated=3, floor=0)
ALL = Rules()


def lefts(offer):
    """Return what was left after each term: step -> figure."""
    return {term.step.value: term.left for term in offer.terms}


def offered(rules=ALL, **supply):
    return offer_of_article(
        supply=Supply(sku="MUG", **{"places": (SHELF,)} | supply), rules=rules
    ).quantity


def test_web_shop_beside_a_reserve_is_offered_one_pack_of_two():
    supply = Supply(
        sku="MUG",
        places=(SHELF,),
        safety_stock=1,
        other_reserves=(Reserve(channel="Allegro", units=2),),
    )

    offer = offer_of_article(supply=supply, rules=Rules(percent=80, buffer=1, pack_size=2))

    assert offer.quantity == 1
    assert lefts(offer) == {
        "FREE": 7,
        "SAFETY_STOCK": 6,
        "OTHER_RESERVES": 4,
        "OWN_RESERVE": 4,
        "SHARE": 3,
        "BUFFER": 2,
        "PACKS": 1,
        "OFFERED": 1,
    }


def test_channel_with_the_reserve_is_offered_it_and_the_rest():
    supply = Supply(sku="MUG", places=(SHELF,), safety_stock=1, own_reserve=2)

    offer = offer_of_article(supply=supply, rules=ALL)

    assert offer.quantity == 6
    assert [(term.step.value, term.figure, term.left) for term in offer.terms] == [
        ("FREE", 7, 7),
        ("SAFETY_STOCK", 1, 6),
        ("OTHER_RESERVES", 0, 6),
        ("OWN_RESERVE", 2, 6),
        ("SHARE", 100, 6),
        ("BUFFER", 0, 6),
        ("PACKS", 1, 6),
        ("OFFERED", 6, 6),
    ]


def test_own_reserve_is_offered_whole_whatever_the_share():
    assert offered(Rules(percent=50), own_reserve=2) == 2 + 2
    assert offered(Rules(percent=0), own_reserve=2) == 2
    assert offered(Rules(percent=0), own_reserve=20) == 7


def test_each_location_gives_what_is_above_its_floor_and_none_takes_from_another():
    store = PlaceStock(location="Store", on_hand=2, allocated=0, floor=3)

    assert offered(places=(SHELF, store)) == 7
    assert offered(places=(dataclasses.replace(SHELF, floor=5), store)) == 2


@pytest.mark.parametrize(
    ("rules", "quantity"),
    [
        (Rules(min_quantity=7), 7),
        (Rules(min_quantity=8), 0),
        (Rules(end_at_quantity=6), 7),
        (Rules(end_at_quantity=7), 0),
        (Rules(max_quantity=3), 3),
        (Rules(max_quantity=0), 0),
        (Rules(max_quantity=9), 7),
        (Rules(min_quantity=4, max_quantity=3), 3),
        (Rules(pack_size=2, min_quantity=3), 3),
        (Rules(pack_size=8), 0),
        (Rules(buffer=9), 0),
        (Rules(percent=33), 2),
        (Rules(percent=50, buffer=1, pack_size=2, max_quantity=5), 1),
    ],
)
def test_rules_apply_in_their_order(rules, quantity):
    assert offered(rules) == quantity


def test_more_kept_than_there_is_offers_nothing():
    assert offered(safety_stock=50) == 0
    assert offered(other_reserves=(Reserve("Web", 50),), own_reserve=5) == 0
    assert offered(places=()) == 0


def test_article_no_longer_dealt_in_is_not_offered():
    offer = offer_of_article(supply=Supply(sku="MUG", is_active=False, places=(SHELF,)), rules=ALL)

    assert offer.quantity == 0
    assert lefts(offer) == {"INACTIVE": 0, "OFFERED": 0}


def supply_of(on_hand, **changes):
    place = PlaceStock(location="Warehouse", on_hand=on_hand, allocated=0, floor=0)
    return Supply(**{"sku": f"PART-{on_hand}", "places": (place,)} | changes)


def test_bundle_is_offered_as_often_as_its_scarcest_component_allows():
    cups, saucers = supply_of(13, safety_stock=1), supply_of(40)

    offer = offer_of_bundle(parts=[Part(cups, 4), Part(saucers, 4)], rules=Rules(buffer=1))

    assert offer.quantity == 12 // 4 - 1
    counted = [(t.article, t.left) for t in offer.terms if t.step == "IN_BUNDLES"]
    assert counted == [("PART-13", 3), ("PART-40", 10)]
    assert lefts(offer)["FEWEST_BUNDLES"] == 3


def test_bundle_keeps_of_the_channels_reserves_what_makes_whole_bundles():
    both = [Part(supply_of(9, own_reserve=5), 2), Part(supply_of(20, own_reserve=20), 1)]
    only_one = [Part(supply_of(9, own_reserve=5), 2), Part(supply_of(20), 1)]

    assert offer_of_bundle(parts=both, rules=Rules(percent=0)).quantity == 2
    assert offer_of_bundle(parts=only_one, rules=Rules(percent=0)).quantity == 0


def test_bundle_with_a_part_no_longer_dealt_in_is_not_offered_and_names_it():
    parts = [Part(supply_of(9), 1), Part(supply_of(8, is_active=False), 1)]

    offer = offer_of_bundle(parts=parts, rules=ALL)

    assert offer.quantity == 0
    assert offer.rows()[0] == {"step": "INACTIVE", "figure": 0, "left": 0, "article": "PART-8"}
    assert offer_of_bundle(parts=parts[:1], rules=ALL, is_active=False).quantity == 0


def test_terms_are_stored_as_a_person_reads_them():
    supply = Supply(sku="MUG", places=(SHELF,), other_reserves=(Reserve("Allegro", 2),))

    rows = offer_of_article(supply=supply, rules=ALL).rows()

    assert rows[0] == {
        "step": "FREE",
        "figure": 7,
        "left": 7,
        "places": [
            {"location": "Warehouse", "on_hand": 10, "promised": 3, "floor": 0, "free": 7},
        ],
    }
    assert rows[2] == {
        "step": "OTHER_RESERVES",
        "figure": 2,
        "left": 5,
        "reserves": [{"channel": "Allegro", "units": 2}],
    }


units = st.integers(min_value=0, max_value=10_000)
few = st.integers(min_value=0, max_value=50)


@st.composite
def places(draw):
    on_hand = draw(units)
    return PlaceStock(
        location="Somewhere",
        on_hand=on_hand,
        allocated=draw(st.integers(min_value=0, max_value=on_hand)),
        floor=draw(few),
    )


supplies = st.builds(
    Supply,
    sku=st.just("MUG"),
    places=st.lists(places(), max_size=3).map(tuple),
    safety_stock=few,
    other_reserves=st.lists(st.builds(Reserve, st.just("Web"), few), max_size=2).map(tuple),
    own_reserve=units,
)
all_rules = st.builds(
    Rules,
    percent=st.integers(min_value=0, max_value=100),
    buffer=few,
    pack_size=st.integers(min_value=1, max_value=12),
    min_quantity=few,
    end_at_quantity=few,
    max_quantity=st.none() | units,
)
all_parts = st.lists(
    st.builds(Part, supplies, st.integers(min_value=1, max_value=5)), min_size=1, max_size=3
)


def free_units(supply):
    """Return what physically lies there and is promised to nobody."""
    return sum(place.on_hand - place.allocated for place in supply.places)


def one_more(supply, index):
    """Return the supply with a unit more on hand at one of its places."""
    grown = list(supply.places)
    grown[index] = dataclasses.replace(grown[index], on_hand=grown[index].on_hand + 1)
    return dataclasses.replace(supply, places=tuple(grown))


@given(supply=supplies, rules=all_rules)
def test_offer_is_never_negative_nor_more_than_is_free(supply, rules):
    offer = offer_of_article(supply=supply, rules=rules)

    assert offer.quantity >= 0
    assert offer.quantity * rules.pack_size <= free_units(supply)
    assert offer.terms[-1].left == offer.quantity


@given(supply=supplies.filter(lambda supply: supply.places), rules=all_rules, place=few)
def test_offer_never_falls_when_more_lies_there(supply, rules, place):
    before = offer_of_article(supply=supply, rules=rules)

    after = offer_of_article(supply=one_more(supply, place % len(supply.places)), rules=rules)

    assert after.quantity >= before.quantity


@given(parts=all_parts, rules=all_rules)
def test_bundles_are_never_more_than_their_components_make(parts, rules):
    offer = offer_of_bundle(parts=parts, rules=rules)

    assert offer.quantity >= 0
    for part in parts:
        assert offer.quantity * rules.pack_size * part.units <= free_units(part.supply)


@given(parts=all_parts, rules=all_rules, place=few)
def test_bundles_never_fall_when_more_of_a_component_lies_there(parts, rules, place):
    before = offer_of_bundle(parts=parts, rules=rules)
    first, *others = parts
    if not first.supply.places:
        first = dataclasses.replace(first, supply=supply_of(0))
    richer = one_more(first.supply, place % len(first.supply.places))

    after = offer_of_bundle(parts=[dataclasses.replace(first, supply=richer), *others], rules=rules)

    assert after.quantity >= before.quantity


@given(supply=supplies, rules=all_rules)
def test_offer_leaves_what_is_kept_for_others_and_in_safety(supply, rules):
    """Whoever sells all that it is offered, the reserves of the others are still there."""
    kept = supply.safety_stock + sum(reserve.units for reserve in supply.other_reserves)

    offer = offer_of_article(supply=supply, rules=rules)

    free = sum(place.free for place in supply.places)
    assert offer.quantity * rules.pack_size <= max(0, free - kept)


@given(supply=supplies, rules=all_rules, more=units)
def test_offer_never_rises_when_more_is_kept(supply, rules, more):
    before = offer_of_article(supply=supply, rules=rules).quantity

    def after(changed_supply=supply, **changed_rules):
        changed = dataclasses.replace(rules, **changed_rules)
        return offer_of_article(supply=changed_supply, rules=changed).quantity

    others = (*supply.other_reserves, Reserve("Another", more))
    floors = tuple(dataclasses.replace(place, floor=place.floor + more) for place in supply.places)
    assert after(dataclasses.replace(supply, safety_stock=supply.safety_stock + more)) <= before
    assert after(dataclasses.replace(supply, other_reserves=others)) <= before
    assert after(dataclasses.replace(supply, places=floors)) <= before
    assert after(buffer=rules.buffer + more) <= before
    assert after(percent=rules.percent // 2) <= before
    assert after(pack_size=rules.pack_size + more) <= before
    assert after(min_quantity=rules.min_quantity + more) <= before
    assert after(end_at_quantity=rules.end_at_quantity + more) <= before


@given(supply=supplies, rules=all_rules, more=units)
def test_offer_never_falls_when_more_is_kept_for_its_channel(supply, rules, more):
    before = offer_of_article(supply=supply, rules=rules)
    kept = dataclasses.replace(supply, own_reserve=supply.own_reserve + more)

    after = offer_of_article(supply=kept, rules=rules)

    assert after.quantity >= before.quantity


# What each term makes of what was left before it, told anew: left, its figure, this channel's own.
ARITHMETIC = {
    "SAFETY_STOCK": lambda left, figure, _own: left - figure,
    "OTHER_RESERVES": lambda left, figure, _own: left - figure,
    "OWN_RESERVE": lambda left, _figure, _own: left,
    "SHARE": lambda left, figure, own: own + figure * max(0, left - own) // 100,
    "BUFFER": lambda left, figure, _own: left - figure,
    "PACKS": lambda left, figure, _own: left // figure,
    "MINIMUM": lambda left, figure, _own: left if left >= figure else 0,
    "END_AT": lambda left, figure, _own: left if left > figure else 0,
    "MAXIMUM": lambda left, figure, _own: min(left, figure),
    "OFFERED": lambda left, _figure, _own: max(0, left),
}


def replayed(rows):
    """Work out an article's offer from nothing but its stored terms, as a person would."""
    first, *others = rows
    left = sum(place["free"] for place in first.get("places", ()))
    assert (first["step"], first["left"]) == ("FREE", left)
    own = next(row["figure"] for row in rows if row["step"] == "OWN_RESERVE")
    for row in others:
        left = ARITHMETIC[row["step"]](left, row["figure"], own)
        assert row["left"] == left
    return left


@given(supply=supplies, rules=all_rules)
def test_terms_lead_to_the_offer_without_anything_else(supply, rules):
    offer = offer_of_article(supply=supply, rules=rules)

    assert replayed(offer.rows()) == offer.quantity


@given(parts=all_parts, rules=all_rules)
def test_bundle_of_one_unit_of_one_article_is_offered_like_the_article(parts, rules):
    supply = parts[0].supply

    bundle = offer_of_bundle(parts=[Part(supply, 1)], rules=rules)

    assert bundle.quantity == offer_of_article(supply=supply, rules=rules).quantity


@given(parts=all_parts, rules=all_rules)
def test_one_more_component_never_makes_more_bundles(parts, rules):
    fewer = offer_of_bundle(parts=parts[:1], rules=rules)

    assert offer_of_bundle(parts=parts, rules=rules).quantity <= fewer.quantity
