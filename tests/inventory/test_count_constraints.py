"""Each rule of the tables of counts, broken past every operation."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F

from inventory.models import StockCount, StockCountEntry, StockCountLine
from tests.factories.common import UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.inventory_counts import (
    OPENED_AT,
    counted_sheet,
    line_of,
    open_sheet,
    submitted_sheet,
)
from tests.inventory.test_constraints import refused, run

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def change(count, **columns):
    StockCount.objects.filter(pk=count.pk).update(**columns)


def change_line(line, **columns):
    StockCountLine.objects.filter(pk=line.pk).update(**columns)


def waiting():
    return submitted_sheet({stock(): 99})


def test_a_sheet_is_opened_once():
    count = open_sheet()

    with refused("inventory_stockcount_key"):
        StockCount.objects.create(
            location=LocationFactory(), key=count.key, selection="All", opened_at=AT
        )


def test_a_number_is_made_by_the_database():
    count = open_sheet()

    assert count.number == f"SC-{count.pk + 100_000}"
    with refused("can only be updated to DEFAULT"):
        run("UPDATE inventory_stockcount SET number = 'SC-1'")


@pytest.mark.parametrize(
    ("make", "columns"),
    [
        (waiting, {"closed_at": AT}),
        (waiting, {"status": "CANCELLED"}),
        (submitted_sheet, {"closed_at": None}),
    ],
)
def test_what_is_closed_has_a_time(make, columns):
    count = make()

    with refused("inventory_stockcount_closed_has_a_time"):
        change(count, **columns)


@pytest.mark.parametrize(
    "columns",
    [
        {"units_off": None},
        {"units_limit": None},
        {"value_off": None},
        {"value_limit": None},
        {"units_off": -1},
        {"units_limit": -1},
        {"value_off": -1},
    ],
)
def test_what_is_handed_in_has_its_figures(columns):
    count = waiting()

    with refused("inventory_stockcount_submitted_with_its_figures"):
        change(count, **columns)


@pytest.mark.parametrize("column", ["value_off", "value_limit"])
def test_figures_of_what_is_handed_in_are_numbers(column):
    waiting()

    with refused("inventory_stockcount_submitted_with_its_figures"):
        run(f"UPDATE inventory_stockcount SET {column} = 'NaN'")  # noqa: S608 - our own names


@pytest.mark.parametrize("column", ["units_off", "units_limit", "value_off", "value_limit"])
def test_what_is_not_handed_in_has_no_figures(column):
    count = counted_sheet()

    with refused("inventory_stockcount_submitted_with_its_figures"):
        change(count, **{column: 1})


@pytest.mark.parametrize(
    "columns",
    [{"status": "AWAITING_APPROVAL"}, {"status": "POSTED", "closed_at": AT}],
)
def test_what_is_posted_was_handed_in(columns):
    count = counted_sheet()

    with refused("inventory_stockcount_posted_was_submitted"):
        change(count, **columns)


@pytest.mark.parametrize("limit", ["units", "value"])
def test_above_a_limit_nothing_is_posted_without_approval(limit):
    count = submitted_sheet({stock(value="10"): 8})

    with refused("inventory_stockcount_above_the_limit_is_approved"):
        change(count, **{f"{limit}_off": F(f"{limit}_limit") + 1})


@pytest.mark.parametrize("left_out", ["approved_at", "approved_by"])
def test_an_approval_has_its_time_and_person(left_out):
    count = waiting()
    said = {"approved_at": AT, "approved_by": UserFactory()}

    with refused("inventory_stockcount_approved_by_another"):
        change(count, **{name: value for name, value in said.items() if name != left_out})


def test_nobody_approves_what_they_handed_in():
    clerk = UserFactory()
    count = submitted_sheet({stock(): 99}, by=clerk)

    with refused("inventory_stockcount_approved_by_another"):
        change(count, approved_at=AT, approved_by=clerk)


@pytest.mark.parametrize("status", ["COUNTING", "AWAITING_APPROVAL", "CANCELLED"])
def test_what_is_posted_stays_posted(status):
    count = submitted_sheet()

    with refused("Invalid transition"):
        change(count, status=status)


def test_an_article_is_on_a_sheet_once():
    level = stock()
    count = submitted_sheet({level: 10})

    with refused("inventory_stockcountline_article_once"):
        StockCountLine.objects.create(count=count, level=level, added_at=AT)


def test_an_article_is_on_one_open_sheet():
    level = stock()
    open_sheet(level)
    other = StockCount.objects.create(
        location=level.location, key="C-2", selection="All", opened_at=OPENED_AT
    )

    with refused("inventory_stockcountline_on_one_open_sheet"):
        StockCountLine.objects.create(count=other, level=level, added_at=OPENED_AT)


@pytest.mark.parametrize(
    "columns",
    [
        {"counted": None},
        {"counted_at": None},
        {"counted": -1},
        {"counted": 1_000_000_000},
        {"counted_at": OPENED_AT - timedelta(microseconds=1)},
    ],
)
def test_a_figure_has_its_time_on_the_sheet(columns):
    level = stock()
    line = line_of(counted_sheet({level: 8}), level)

    with refused("inventory_stockcountline_counted_with_its_time"):
        change_line(line, **columns)


def test_recounts_are_not_negative():
    level = stock()
    line = line_of(open_sheet(level), level)

    with refused("inventory_stockcountline_recounts_not_negative"):
        change_line(line, recounts=-1)


def test_a_line_is_counted_once_per_round():
    level = stock()
    line = line_of(counted_sheet({level: 8}), level)

    with refused("inventory_stockcountentry_once_per_round"):
        StockCountEntry.objects.create(line=line, round=0, counted=9, counted_at=AT)


@pytest.mark.parametrize("columns", [{"round": -1}, {"counted": -1}, {"counted": 1_000_000_000}])
def test_an_entry_is_not_negative(columns):
    level = stock()
    line = line_of(open_sheet(level), level)

    with refused("inventory_stockcountentry_not_negative"):
        StockCountEntry.objects.create(
            **{"line": line, "round": 0, "counted": 9, "counted_at": AT} | columns
        )


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE inventory_stockcountentry SET counted = 0",
        "DELETE FROM inventory_stockcountentry",
        "TRUNCATE inventory_stockcountentry",
        "TRUNCATE inventory_stockcountline CASCADE",
    ],
)
def test_a_figure_that_was_written_down_stays(statement, role):
    counted_sheet()
    run(f"SET LOCAL session_replication_role = {role}")

    with refused("is append-only"):
        run(statement)

    assert StockCountEntry.objects.get().counted == 8


def test_deleting_a_sheet_does_not_reach_its_figures():
    count = counted_sheet()

    with refused("foreign key"):
        run("DELETE FROM inventory_stockcountline WHERE count_id = %s", count.pk)
