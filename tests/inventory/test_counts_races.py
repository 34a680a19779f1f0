"""Counts beside a shop that goes on selling: no unit is lost, none is counted twice."""

from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event
from unittest import mock

import pytest
from django.db import IntegrityError, models

from inventory.models import (
    AllocationQuerySet,
    CostPoolQuerySet,
    CountRequest,
    StockCount,
    StockCountEntry,
    StockCountLine,
    StockLevelQuerySet,
)
from inventory.models.counts import StockCountQuerySet
from inventory.operations import (
    CountPosting,
    CountRefused,
    NothingToCount,
    NotPromised,
    Taken,
    add_count_lines,
    approve_count,
    count_posting,
    issues,
    open_count,
    post_count,
    promises,
    record_counts,
    sell_stock,
    ship_allocated,
)
from inventory.queries import differences
from retail.common.errors import WrongStatus
from tests.factories.common import UserFactory
from tests.factories.inventory import LocationFactory, promise, stock
from tests.factories.inventory_counts import (
    COUNTED_AT,
    OPENED_AT,
    counted_sheet,
    line_of,
    open_sheet,
    submitted_sheet,
)
from tests.inventory.shared import figures, pool_of
from tests.inventory.test_reservation_races import both_read_before_either_writes, refusal_among
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECONDS_TO_WAIT = 10


def kinds(outcomes):
    return Counter(type(outcome) for outcome in outcomes)


def handing_in(sheet):
    def hand_in():
        return post_count(count_id=sheet.pk, at=AT).count

    return hand_in


def store_sale(level, reference="POS-1", units=1, at=AT):
    return partial(
        sell_stock,
        location=level.location,
        units={level.variant_id: units},
        reference=reference,
        at=at,
    )


def opening(level, key):
    return partial(open_count, location=level.location, key=key, at=OPENED_AT)


@contextmanager
def without_locks():
    with (
        mock.patch.object(StockCountQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(count_posting, "locked_lines", lines_without_lock),
        mock.patch.object(StockLevelQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(AllocationQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(CostPoolQuerySet, "for_update", models.QuerySet.all),
    ):
        yield


def lines_without_lock(count):
    return list(count.lines.select_related("level__variant").order_by("pk"))


# A sale that is running while the sheet is handed in


@contextmanager
def sale_commits_between(read, write):
    """Let a sheet read, then a sale commit, then the sheet write; as far as locks let them."""
    has_read, has_sold = Event(), Event()

    def look(*args, **kwargs):
        found = read(*args, **kwargs)
        has_read.set()
        return found

    def put_right(*args, **kwargs):
        # With the locks in place the sale waits for the sheet, and this for nothing.
        has_sold.wait(timeout=1)
        return write(*args, **kwargs)

    with (
        mock.patch.object(count_posting, "variances", look),
        mock.patch.object(count_posting, "take_units", put_right),
    ):
        yield has_read, has_sold


def sale_once(has_read, has_sold, call):
    def sell():
        has_read.wait(timeout=SECONDS_TO_WAIT)
        sold = call()
        has_sold.set()
        return sold

    return sell


def hand_in_around_a_sale_of_before(level):
    """Hand in eight of ten while a sale of two units, rung up before the count, is booked."""
    sheet = counted_sheet({level: 8})
    late_sale = store_sale(level, units=2, at=COUNTED_AT - HOUR / 2)
    with sale_commits_between(count_posting.variances, count_posting.take_units) as (read, sold):
        return race(handing_in(sheet), sale_once(read, sold, late_sale))


def test_a_sale_waits_for_the_sheet_and_knows_of_it():
    """The count took for missing what the sale takes: somebody is asked to count again."""
    level = stock(units=10, value="20")

    posted, sold = hand_in_around_a_sale_of_before(level)

    assert (posted.status, posted.units_off, len(sold.movements)) == ("POSTED", 2, 1)
    assert CountRequest.objects.get().reason == "Sold by POS-1 before it was counted, booked after"
    assert (figures(level), pool_of(level)[0]) == ((6, 0), 6)
    assert differences() == []


def test_the_race_of_sheet_and_sale_is_real_once_the_locks_are_gone():
    """Control: the sale is booked after the sheet looked; the units go twice, and nobody knows."""
    level = stock(units=10, value="20")

    with without_locks():
        posted, _sold = hand_in_around_a_sale_of_before(level)

    assert (posted.units_off, figures(level)) == (2, (6, 0))
    assert CountRequest.objects.count() == 0


def test_sales_beside_a_sheet_lose_no_unit():
    level = stock(units=40, value="40")
    sheet = counted_sheet({level: 38})

    posted, *sold = race(
        handing_in(sheet), *(store_sale(level, reference=f"POS-{n}") for n in range(8))
    )

    assert (posted.status, posted.units_off, kinds(sold)) == ("POSTED", 2, {Taken: 8})
    assert (figures(level), pool_of(level)[0]) == ((30, 0), 30)
    assert differences() == []


def test_sales_in_opposite_order_beside_a_sheet_do_not_deadlock():
    location = LocationFactory()
    levels = [stock(units=10, value="10", location=location) for _ in range(5)]
    sheet = counted_sheet(dict.fromkeys(reversed(levels), 9))
    sales = [
        partial(
            sell_stock,
            location=location,
            units={level.variant_id: 1 for level in order},
            reference=f"POS-{n}",
            at=AT,
        )
        for n, order in enumerate([levels, levels[::-1], levels])
    ]

    outcomes = race(handing_in(sheet), *sales)

    assert kinds(outcomes) == {StockCount: 1, Taken: 3}
    assert [figures(level) for level in levels] == [(6, 0)] * 5
    assert differences() == []


# The same sheet by two at once


def test_a_sheet_handed_in_twice_at_once_is_posted_once():
    level = stock(units=10, value="20")
    sheet = counted_sheet({level: 8})

    outcomes = race(*[handing_in(sheet)] * 4)

    assert [outcome.status for outcome in outcomes] == ["POSTED"] * 4
    assert (figures(level), pool_of(level)) == ((8, 0), (8, 16))
    assert differences() == []


def test_the_race_of_two_handing_in_is_real_once_the_locks_are_gone():
    """Control: both find it counting and post it, so only the ledger's constraint is left."""
    sheet = counted_sheet({stock(units=10): 8})

    with without_locks(), both_read_before_either_writes((count_posting, "_keep_figures")):
        outcomes = race(handing_in(sheet), handing_in(sheet))

    [refusal] = [outcome for outcome in outcomes if not isinstance(outcome, StockCount)]
    assert "inventory_costmovement_" in str(refusal)


def test_two_managers_approve_a_sheet_for_one_of_them():
    level = stock(units=50)
    sheet = submitted_sheet({level: 8})

    outcomes = race(
        *(
            partial(approve_count, count_id=sheet.pk, at=AT, by=manager)
            for manager in (UserFactory(), UserFactory())
        )
    )

    assert kinds(outcomes) == {CountPosting: 1, WrongStatus: 1}
    assert figures(level) == (8, 0)


def test_a_line_counted_by_two_at_once_is_counted_once():
    level = stock()
    sheet = open_sheet(level)
    line = line_of(sheet, level)

    outcomes = race(
        *(
            partial(
                record_counts,
                count_id=sheet.pk,
                counted={line.pk: units},
                counted_at=COUNTED_AT,
                at=COUNTED_AT,
            )
            for units in (7, 8)
        )
    )

    assert kinds(outcomes) == {list: 1, CountRefused: 1}
    assert StockCountEntry.objects.get().counted == line_of(sheet, level).counted


# Two sheets


def test_two_sheets_at_once_share_no_article():
    location = LocationFactory()
    levels = [stock(location=location) for _ in range(6)]

    outcomes = race(*(opening(levels[0], f"C-{n}") for n in range(4)))

    assert kinds(outcomes) == {StockCount: 1, NothingToCount: 3}
    assert StockCount.objects.count() == 1
    assert StockCountLine.objects.count() == 6


def test_the_race_of_two_sheets_is_real_once_nothing_gives_way():
    """Control: both find the article free, so only the constraint is left."""
    level = stock()

    def write_all(count, levels, *, at):
        return StockCountLine.objects.bulk_create(
            [StockCountLine(count=count, level=each, added_at=at) for each in levels]
        )

    with (
        mock.patch("inventory.operations.counts._put_on", write_all),
        both_read_before_either_writes((models.QuerySet, "bulk_create")),
    ):
        outcomes = race(opening(level, "C-1"), opening(level, "C-2"))

    assert kinds(outcomes) == {StockCount: 1, IntegrityError: 1}
    assert "inventory_stockcountline_on_one_open_sheet" in refusal_among(outcomes)


def test_the_same_sheet_opened_twice_at_once_is_one_sheet():
    level = stock()

    first, second = race(opening(level, "C-1"), opening(level, "C-1"))

    assert first == second
    assert (StockCount.objects.count(), StockCountLine.objects.count()) == (1, 1)


def test_sheets_that_add_the_same_articles_in_opposite_order_do_not_deadlock():
    location = LocationFactory()
    sheets = [open_sheet(stock(location=location)) for _ in range(4)]
    found = [stock(location=location) for _ in range(5)]
    orders = [found, found[::-1], found, found[::-1]]

    outcomes = race(
        *(
            partial(
                add_count_lines,
                count_id=sheet.pk,
                variant_ids=[level.variant_id for level in order],
                at=COUNTED_AT,
            )
            for sheet, order in zip(sheets, orders, strict=True)
        )
    )

    assert kinds(outcomes) == {list: 1, CountRefused: 3}
    assert StockCountLine.objects.count() == 4 + 5


# Promises


def shipment(allocation):
    return partial(
        ship_allocated,
        units={allocation.pk: allocation.units},
        reference="SH-1",
        at=COUNTED_AT + HOUR,
    )


def test_a_count_below_what_is_promised_and_a_shipment_never_take_the_same_unit():
    allocation = promise(units=4)
    level = allocation.level
    sheet = counted_sheet({level: 1})

    posted, shipped = race(handing_in(sheet), shipment(allocation))

    allocation.refresh_from_db()
    if isinstance(shipped, NotPromised):
        assert (posted.status, allocation.released, figures(level)) == ("POSTED", 3, (1, 1))
    else:
        # All four left: the count, which found one, is contradicted and counted again.
        assert (type(posted), allocation.shipped, figures(level)) == (CountRefused, 4, (0, 0))
    assert differences() == []


def test_the_race_of_count_and_shipment_is_real_once_the_locks_are_gone():
    """Control: both find the promise open, so only the constraints are left."""
    allocation = promise(units=4)
    sheet = counted_sheet({allocation.level: 1})
    places = [(promises, "close_when_consumed"), (issues, "close_when_consumed")]

    with without_locks(), both_read_before_either_writes(*places):
        outcomes = race(handing_in(sheet), shipment(allocation))

    assert "inventory_allocation_" in refusal_among(outcomes)
