"""Stock and value at a moment that is over, each way to work it out against a plain replay."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.models import CostMovement, StockMovement, StockSnapshot
from inventory.operations import (
    adjust_stock,
    correct_cost,
    create_transfer,
    dispatch_transfer,
    issue_stock,
    take_snapshot,
    thin_snapshots,
)
from inventory.queries import (
    StockAsOf,
    ValueAsOf,
    as_of,
    days_without_snapshot,
    stock_as_of,
    value_as_of,
)
from tests.factories.catalog import VariantFactory
from tests.factories.inventory import LocationFactory, promise, stock

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def sell(level, units=1, *, at, reference=None):
    issue_stock(
        location=level.location,
        units={level.variant_id: units},
        kind=StockMovement.Kind.SALE,
        reference=reference or f"S-{at.isoformat()}",
        at=at,
    )


def sold_every_noon(days=10):
    """Return a level that begins with 100 units worth 250 at noon and sells one each noon after."""
    level = stock(units=100, value="250.00", at=NOON)
    for day in range(1, days + 1):
        sell(level, at=NOON + day * DAY)
    return level


def keep(ends_at):
    return take_snapshot(ends_at=ends_at, at=ends_at)


def units_at(moment):
    return [row.on_hand for row in stock_as_of(moment)]


def value_at(moment):
    return [(row.units, row.value) for row in value_as_of(moment)]


@pytest.fixture(params=["forwards", "backwards"])
def _direction(request, monkeypatch):
    """Have every answer worked out one way, whichever would be the shorter."""
    monkeypatch.setattr(
        as_of, "_is_nearer_to_snapshot", lambda _moment: request.param == "forwards"
    )


def test_stock_as_of_tells_what_lay_where():
    first, second = LocationFactory(), LocationFactory()
    level = stock(units=5, location=first, at=NOON)
    stock(units=3, variant=level.variant, location=second, reference="GR-2", at=NOON + DAY)
    other = stock(units=2, location=first, reference="GR-3", at=NOON + DAY)

    then, now = stock_as_of(NOON), stock_as_of(NOON + DAY)

    assert then == [StockAsOf(variant_id=level.variant_id, location_id=first.pk, on_hand=5)]
    assert now == [
        StockAsOf(variant_id=level.variant_id, location_id=first.pk, on_hand=5),
        StockAsOf(variant_id=level.variant_id, location_id=second.pk, on_hand=3),
        StockAsOf(variant_id=other.variant_id, location_id=first.pk, on_hand=2),
    ]


@pytest.mark.usefixtures("_direction")
@pytest.mark.parametrize("has_snapshot", [True, False])
def test_stock_as_of_one_place_and_chosen_articles(has_snapshot):
    place = LocationFactory()
    wanted = stock(units=5, value="10.00", location=place, at=NOON)
    stock(units=3, variant=wanted.variant, reference="GR-2", at=NOON)
    stock(units=2, value="7.00", location=place, reference="GR-3", at=NOON)
    if has_snapshot:
        keep(NOON + HOUR)
    sell(wanted, at=NOON + DAY)

    at_the_place = stock_as_of(NOON + DAY, location_id=place.pk)
    of_the_article = stock_as_of(NOON + DAY, variant_ids=[wanted.variant_id])

    assert [row.on_hand for row in at_the_place] == [4, 2]
    assert [row.on_hand for row in of_the_article] == [4, 3]
    assert value_as_of(NOON + DAY, variant_ids=[wanted.variant_id]) == [
        ValueAsOf(variant_id=wanted.variant_id, units=7, value=Decimal("8.75"))
    ]
    assert stock_as_of(NOON + DAY, variant_ids=[]) == []
    assert value_as_of(NOON + DAY, variant_ids=[]) == []


@pytest.mark.usefixtures("_direction")
@pytest.mark.parametrize("snapshots", [(), (0.5,), (5.5,), (3, 3.5, 9), (0.5, 10.5)])
def test_answers_do_not_depend_on_snapshots(snapshots):
    sold_every_noon()
    for days in snapshots:
        keep(NOON + days * DAY)

    for day in range(11):
        sold = min(day, 10)
        for moment in (NOON + day * DAY, NOON + day * DAY + HOUR):
            assert units_at(moment) == [100 - sold]
            assert value_at(moment) == [(100 - sold, Decimal("2.5") * (100 - sold))]


@pytest.mark.usefixtures("_direction")
@pytest.mark.parametrize("has_snapshot", [True, False])
def test_the_very_moment_counts_and_the_one_before_does_not(has_snapshot):
    level = stock(units=5, at=NOON)
    sell(level, at=NOON + DAY)
    if has_snapshot:
        keep(NOON + DAY)

    assert units_at(NOON + DAY - timedelta(microseconds=1)) == [5]
    assert units_at(NOON + DAY) == [4]


@pytest.mark.usefixtures("_direction")
def test_there_was_nothing_before_the_first_movement_and_all_is_there_later():
    assert stock_as_of(NOON) == []
    assert value_as_of(NOON) == []
    stock(units=5, value="10.00", at=NOON)
    keep(NOON + HOUR)

    assert stock_as_of(NOON - DAY) == []
    assert value_as_of(NOON - DAY) == []
    assert units_at(NOON + 1000 * DAY) == [5]
    assert value_at(NOON + 1000 * DAY) == [(5, 10)]


@pytest.mark.usefixtures("_direction")
def test_what_is_sold_out_is_no_row():
    level = stock(units=2, value="3.00", at=NOON)
    keep(NOON + HOUR)
    sell(level, 2, at=NOON + DAY)

    assert (stock_as_of(NOON + DAY), value_as_of(NOON + DAY)) == ([], [])
    assert units_at(NOON + 2 * HOUR) == [2]


@pytest.mark.usefixtures("_direction")
def test_a_late_cost_counts_from_the_day_it_was_booked():
    level = stock(units=10, value="20.00", reference="GR-1", at=NOON)
    keep(NOON + HOUR)
    correct_cost(
        variant_id=level.variant_id,
        receipt_reference="GR-1",
        amount=Decimal("5.00"),
        reference="SI-1",
        at=NOON + 2 * DAY,
    )

    assert value_at(NOON + DAY) == [(10, 20)]
    assert value_at(NOON + 2 * DAY) == [(10, 25)]


@pytest.mark.usefixtures("_direction")
def test_goods_on_the_road_lie_in_transit_and_keep_their_value():
    level = stock(units=10, value="20.00", at=NOON)
    road = LocationFactory(kind="TRANSIT", is_shipping=False)
    keep(NOON + HOUR)
    transfer = create_transfer(
        from_location=level.location,
        to_location=LocationFactory(),
        units={level.variant_id: 4},
        key="T-1",
        at=NOON,
    )
    dispatch_transfer(transfer_id=transfer.pk, at=NOON + DAY)

    then = {row.location_id: row.on_hand for row in stock_as_of(NOON + DAY)}

    assert then == {level.location_id: 6, road.pk: 4}
    assert value_at(NOON + DAY) == [(10, 20)]


@pytest.mark.usefixtures("_direction")
def test_promises_move_nothing():
    promise(level=stock(units=5, at=NOON), units=3, at=NOON)

    assert units_at(NOON) == [5]


@pytest.mark.usefixtures("_direction")
def test_a_posting_dated_back_drops_the_snapshots_that_it_outdates():
    level = sold_every_noon()
    kept = keep(NOON + 2 * DAY)
    for days in (4, 6):
        keep(NOON + days * DAY)

    sell(level, 7, at=NOON + 3 * DAY + HOUR, reference="LATE")

    assert list(StockSnapshot.objects.all()) == [kept]
    assert units_at(NOON + 3 * DAY) == [97]
    assert units_at(NOON + 4 * DAY) == [89]
    assert units_at(NOON + 10 * DAY) == [83]


def test_a_posting_of_the_moment_a_day_ended_at_drops_nothing():
    level = stock(units=5, at=NOON)
    kept = keep(NOON + DAY)

    sell(level, at=NOON + DAY)

    assert list(StockSnapshot.objects.all()) == [kept]
    assert units_at(NOON + DAY) == [4]


def test_a_late_cost_drops_snapshots_as_well():
    stock(units=10, value="20.00", reference="GR-1", at=NOON)
    level = stock(units=10, value="20.00", reference="GR-2", at=NOON)
    keep(NOON + DAY)

    correct_cost(
        variant_id=level.variant_id,
        receipt_reference="GR-2",
        amount=Decimal("5.00"),
        reference="SI-1",
        at=NOON + HOUR,
    )

    assert StockSnapshot.objects.count() == 0
    assert value_at(NOON + DAY) == [(10, 20), (10, 25)]


@pytest.mark.usefixtures("_direction")
def test_answers_stay_when_snapshots_are_thinned_out():
    sold_every_noon()
    for day in range(1, 11):
        keep(NOON + day * DAY)
    before = [units_at(NOON + day * DAY) for day in range(11)]

    thin_snapshots(at=NOON + 100 * DAY)

    assert [units_at(NOON + day * DAY) for day in range(11)] == before


def test_the_shorter_way_is_taken():
    sold_every_noon()
    keep(NOON + 5 * DAY)

    assert as_of._is_nearer_to_snapshot(NOON + 6 * DAY)
    assert not as_of._is_nearer_to_snapshot(NOON + 9 * DAY)
    assert as_of._is_nearer_to_snapshot(NOON + DAY)


def test_an_answer_costs_the_same_for_any_number_of_rows(django_assert_num_queries):
    for n in range(3):
        stock(units=5, reference=f"GR-{n}", at=NOON)
    keep(NOON + HOUR)

    with django_assert_num_queries(4):
        stock_as_of(NOON + HOUR)
    with django_assert_num_queries(4):
        value_as_of(NOON + HOUR)


def replay(moment):
    """Add up both ledgers row by row: (variant, place) -> units, variant -> units and value."""
    units, pools = defaultdict(int), defaultdict(lambda: [0, Decimal(0)])
    for movement in StockMovement.objects.select_related("level"):
        if movement.moved_at <= moment:
            units[movement.level.variant_id, movement.level.location_id] += movement.quantity
    for movement in CostMovement.objects.select_related("pool"):
        if movement.moved_at <= moment:
            pools[movement.pool.variant_id][0] += movement.units
            pools[movement.pool.variant_id][1] += movement.value
    return (
        [StockAsOf(*key, count) for key, count in sorted(units.items()) if count],
        [ValueAsOf(key, *pool) for key, pool in sorted(pools.items()) if any(pool)],
    )


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("in"), st.integers(0, 3), st.integers(0, 72), st.integers(1, 9)),
        st.tuples(st.just("out"), st.integers(0, 3), st.integers(0, 72), st.integers(1, 9)),
        st.tuples(st.just("keep"), st.just(0), st.integers(0, 72), st.just(0)),
    ),
    max_size=12,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS, asked=st.lists(st.integers(-1, 74), min_size=1, max_size=4))
def test_any_history_is_told_as_a_replay_tells_it(steps, asked):
    with transaction.atomic():
        places = [LocationFactory(), LocationFactory()]
        variants = [VariantFactory(), VariantFactory()]
        for number, (step, which, hours, units) in enumerate(steps):
            variant, place = variants[which % 2], places[which // 2]
            happens_at = NOON + hours * HOUR
            if step == "in":
                stock(
                    units=units,
                    value=f"{units * 3}.01",
                    variant=variant,
                    location=place,
                    reference=f"GR-{number}",
                    at=happens_at,
                )
            elif step == "keep":
                keep(happens_at)
            else:
                _take(place, variant, units, at=happens_at, reference=f"ADJ-{number}")

        for hours in asked:
            moment = NOON + hours * HOUR
            assert (stock_as_of(moment), value_as_of(moment)) == replay(moment)
            for query in (as_of._STOCK, as_of._STOCK_BACKWARDS):
                rows = as_of._rows(query, moment, None)
                assert [StockAsOf(*row) for row in rows] == replay(moment)[0]
            for query in (as_of._VALUE, as_of._VALUE_BACKWARDS):
                rows = as_of._rows(query, moment, None)
                assert [ValueAsOf(*row) for row in rows] == replay(moment)[1]
        transaction.set_rollback(True)


def _take(place, variant, units, *, at, reference):
    """Take units away, as many as are there."""
    level = variant.stock_levels.filter(location=place).first()
    if level is None or not level.on_hand:
        return
    adjust_stock(
        location=place,
        quantities={variant.pk: -min(units, level.on_hand)},
        reference=reference,
        reason="Broken",
        at=at,
    )


def test_days_without_snapshot_are_those_since_the_first_movement():
    stock(at=NOON)
    keep(datetime(2026, 11, 12, tzinfo=UTC))

    missing = days_without_snapshot(at=NOON + 4 * DAY, within=62 * DAY, limit=10)

    assert missing == [datetime(2026, 11, day, tzinfo=UTC) for day in (11, 13, 14)]


def test_days_without_snapshot_are_the_latest_and_not_too_old():
    stock(at=NOON)
    at = NOON + 10 * DAY

    latest = days_without_snapshot(at=at, within=62 * DAY, limit=2)
    of_three_days = days_without_snapshot(at=at, within=3 * DAY, limit=10)

    assert latest == [datetime(2026, 11, day, tzinfo=UTC) for day in (19, 20)]
    assert of_three_days == [datetime(2026, 11, day, tzinfo=UTC) for day in (18, 19, 20)]


def test_days_without_snapshot_are_none_before_anything_moved():
    assert days_without_snapshot(at=NOON, within=62 * DAY, limit=10) == []


@pytest.mark.parametrize(
    ("zone", "at", "end"),
    [
        ("Europe/London", datetime(2026, 7, 2, 0, 10, tzinfo=UTC), "2026-07-01T23:00:00+00:00"),
        ("America/New_York", datetime(2026, 7, 2, 0, 10, tzinfo=UTC), "2026-07-01T04:00:00+00:00"),
    ],
)
def test_a_day_ends_where_the_company_is(settings, zone, at, end):
    settings.TIME_ZONE = zone
    stock(at=at - 30 * DAY)

    assert days_without_snapshot(at=at, within=62 * DAY, limit=1) == [datetime.fromisoformat(end)]
