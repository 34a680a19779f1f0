"""Keeping how stock stood at the end of a day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError

from inventory.models import LevelSnapshot, PoolSnapshot, StockSnapshot
from inventory.operations import (
    SnapshotTooEarly,
    adjust_stock,
    close_period,
    take_snapshot,
    thin_snapshots,
)
from inventory.queries import differences
from tests.factories.common import UserFactory
from tests.factories.inventory import stock
from tests.factories.inventory_periods import end_of_day
from tests.inventory.shared import everything
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NOVEMBER_2 = datetime(2026, 11, 2, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 0, 10, tzinfo=UTC)


def take_away(level, units, at):
    adjust_stock(
        location=level.location,
        quantities={level.variant_id: -units},
        reference=f"ADJ-{at:%d-%H}",
        reason="Broken",
        at=at,
    )


def kept(snapshot):
    """Return what a snapshot holds: units of levels, units and values of pools."""
    return (
        list(snapshot.levels.order_by("level_id").values_list("level_id", "on_hand")),
        list(snapshot.pools.order_by("pool_id").values_list("pool__variant_id", "units", "value")),
    )


def snapshots():
    return list(StockSnapshot.objects.order_by("ends_at").values_list("ends_at", flat=True))


def test_take_snapshot_keeps_units_and_value_of_what_was_there():
    level = stock(units=6, value="10.00")
    sold_out = stock(units=1, value="2.00", reference="GR-2")
    take_away(sold_out, 1, at=NOVEMBER_2 - DAY / 4)
    take_away(level, 1, at=NOVEMBER_2)

    snapshot = take_snapshot(ends_at=NOVEMBER_2, at=NOW)

    assert (snapshot.ends_at, snapshot.taken_at) == (NOVEMBER_2, NOW)
    assert kept(snapshot) == ([(level.pk, 6)], [(level.variant_id, 6, Decimal(10))])


def test_take_snapshot_goes_on_from_the_one_before():
    level = stock(units=6, value="12.00")
    take_snapshot(ends_at=NOVEMBER_2, at=NOW)
    take_away(level, 1, at=NOVEMBER_2)
    take_away(level, 2, at=NOVEMBER_2 + DAY / 2)
    take_away(level, 1, at=NOVEMBER_2 + DAY)

    snapshot = take_snapshot(ends_at=NOVEMBER_2 + DAY, at=NOW)

    assert kept(snapshot) == ([(level.pk, 3)], [(level.variant_id, 3, Decimal(6))])


def test_take_snapshot_fills_a_gap_between_two():
    level = stock(units=6)
    for days in (0, 2):
        take_snapshot(ends_at=NOVEMBER_2 + days * DAY, at=NOW)
    take_away(level, 1, at=NOW)

    between = take_snapshot(ends_at=NOVEMBER_2 + DAY, at=NOW)

    assert kept(between)[0] == [(level.pk, 6)]
    assert snapshots() == [NOVEMBER_2 + days * DAY for days in range(3)]


def test_take_snapshot_again_returns_the_first():
    stock()
    first = take_snapshot(ends_at=NOVEMBER_2, at=NOW)
    before = kept(first)

    again = take_snapshot(ends_at=NOVEMBER_2, at=NOW + DAY)

    assert again == first
    assert again.taken_at == NOW
    assert (StockSnapshot.objects.count(), kept(again)) == (1, before)


def test_take_snapshot_of_nothing_is_empty():
    assert kept(take_snapshot(ends_at=NOVEMBER_2, at=NOW)) == ([], [])


def test_take_snapshot_refuses_a_day_that_is_not_over():
    stock()
    before = everything()

    with pytest.raises(SnapshotTooEarly, match="days that are over"):
        take_snapshot(ends_at=NOW + timedelta(microseconds=1), at=NOW)

    assert everything() == before
    assert not StockSnapshot.objects.exists()


def test_take_snapshot_costs_the_same_for_any_number_of_rows(django_assert_num_queries):
    for n in range(3):
        stock(reference=f"GR-{n}")

    with django_assert_num_queries(10):
        take_snapshot(ends_at=NOVEMBER_2, at=NOW)


def test_closed_books_keep_their_snapshots():
    level = stock()
    end_of_day(ends_at=NOVEMBER_2)
    close_period(ends_at=NOVEMBER_2, at=NOW, by=UserFactory())

    take_away(level, 1, at=NOVEMBER_2)

    assert snapshots() == [NOVEMBER_2]
    assert differences() == []


def test_thin_snapshots_keeps_two_months_and_the_first_of_each_month():
    first = datetime(2026, 8, 30, tzinfo=UTC)
    for days in range(83):
        end_of_day(ends_at=first + days * DAY)

    dropped = thin_snapshots(at=NOW)

    september_20 = datetime(2026, 9, 20, tzinfo=UTC)
    assert snapshots() == [
        datetime(2026, 8, 30, tzinfo=UTC),
        datetime(2026, 9, 1, tzinfo=UTC),
        *(september_20 + days * DAY for days in range(62)),
    ]
    assert dropped == 83 - 64
    assert thin_snapshots(at=NOW) == 0


def test_thin_snapshots_counts_months_where_the_company_is(settings):
    settings.TIME_ZONE = "America/New_York"
    for day, hour in ((31, 4), (32, 4)):
        end_of_day(ends_at=datetime(2026, 7, 31, hour, tzinfo=UTC) + (day - 31) * DAY)
    end_of_day(ends_at=datetime(2026, 8, 2, 4, tzinfo=UTC))

    thin_snapshots(at=NOW)

    assert snapshots() == [
        datetime(2026, 7, 31, 4, tzinfo=UTC),
        datetime(2026, 8, 1, 4, tzinfo=UTC),
    ]


def test_thin_snapshots_drops_what_they_hold():
    stock()
    for days in range(2):
        end_of_day(ends_at=NOVEMBER_2 + days * DAY)

    thin_snapshots(at=NOW + 100 * DAY)

    assert (LevelSnapshot.objects.count(), PoolSnapshot.objects.count()) == (1, 1)


def refused(name):
    return pytest.raises(IntegrityError, match=name)


def test_a_moment_has_one_snapshot():
    snapshot = end_of_day()

    with refused("inventory_stocksnapshot_ends_at"):
        StockSnapshot.objects.create(ends_at=snapshot.ends_at, taken_at=NOW)


def test_a_level_is_once_in_a_snapshot():
    row = end_of_day().levels.get()

    with refused("inventory_levelsnapshot_once"):
        LevelSnapshot.objects.create(snapshot=row.snapshot, level=row.level, on_hand=1)


def test_a_pool_is_once_in_a_snapshot():
    row = end_of_day().pools.get()

    with refused("inventory_poolsnapshot_once"):
        PoolSnapshot.objects.create(snapshot=row.snapshot, pool=row.pool, units=1, value=1)


@pytest.mark.parametrize("table", ["stocklevel", "costpool"])
def test_what_a_snapshot_tells_of_stays(table):
    end_of_day()

    with pytest.raises(IntegrityError):
        execute(f"DELETE FROM inventory_{table}")  # noqa: S608 - one of the two names above
