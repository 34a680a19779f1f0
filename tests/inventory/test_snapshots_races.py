"""Snapshots beside postings: what is dated before the end of a day is in it, or drops it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from unittest import mock

import pytest
from django.db import transaction

from inventory.models import LevelSnapshot, StockSnapshot
from inventory.operations import issue_stock, snapshots, take_snapshot
from inventory.queries import differences, stock_as_of
from tests.factories.inventory import stock
from tests.inventory.held_postings import (
    SECONDS,
    held_after_the_check,
    wait_until_somebody_waits,
)
from tests.inventory.shared import figures
from tests.races import beside, in_its_own_connection, race

pytestmark = pytest.mark.django_db(transaction=True)
NOVEMBER_15 = datetime(2026, 11, 15, tzinfo=UTC)
NOW = NOVEMBER_15 + timedelta(minutes=10)
BEFORE = NOVEMBER_15 - timedelta(hours=1)


def sale(level, reference="S-1", at=BEFORE):
    return partial(
        issue_stock,
        location=level.location,
        units={level.variant_id: 1},
        kind="SALE",
        reference=reference,
        at=at,
    )


def taking():
    return partial(take_snapshot, ends_at=NOVEMBER_15, at=NOW)


def kept_units():
    return list(LevelSnapshot.objects.values_list("on_hand", flat=True))


def test_a_snapshot_waits_for_a_posting_under_way_and_has_it():
    level = stock(units=5, at=BEFORE)

    with held_after_the_check(sale(level)) as (posted, go_on), beside(taking()) as taken:
        wait_until_somebody_waits()
        taken_too_early = StockSnapshot.objects.exists()
        go_on.set()
        posted.result(timeout=SECONDS)
        taken.result(timeout=SECONDS)

    assert not taken_too_early
    assert kept_units() == [4]
    assert differences() == []


def test_the_race_is_real_once_nobody_waits():
    """Control: the snapshot is taken between check and writing, and misses the sale for good."""
    level = stock(units=5, at=BEFORE)

    with (
        mock.patch.object(snapshots, "stop_postings"),
        held_after_the_check(sale(level)) as (posted, go_on),
        beside(taking()) as taken,
    ):
        taken.result(timeout=SECONDS)
        go_on.set()
        posted.result(timeout=SECONDS)

    assert kept_units() == [5]
    assert [difference.kind for difference in differences()] == [
        "units at the end of a day",
        "value at the end of a day",
    ]
    assert figures(level) == (4, 0)


def test_a_posting_that_waited_for_a_snapshot_drops_it():
    level = stock(units=5, at=BEFORE)
    with ThreadPoolExecutor(max_workers=1) as thread:
        with transaction.atomic():
            taking()()
            posted = thread.submit(in_its_own_connection, sale(level))
            wait_until_somebody_waits()

        posted.result(timeout=SECONDS)

    assert StockSnapshot.objects.count() == 0
    assert [row.on_hand for row in stock_as_of(NOVEMBER_15)] == [4]
    assert differences() == []


def test_a_snapshot_between_two_postings_of_one_transaction_does_not_deadlock():
    first, second = stock(units=5, at=BEFORE), stock(units=5, at=BEFORE)
    with ThreadPoolExecutor(max_workers=1) as thread:
        with transaction.atomic():
            sale(first)()
            taken = thread.submit(in_its_own_connection, taking())
            wait_until_somebody_waits()
            sale(second)()

        taken.result(timeout=SECONDS)

    assert kept_units() == [4, 4]
    assert differences() == []


def test_two_takers_at_once_take_it_once():
    stock(units=5, at=BEFORE)

    first, second = race(taking(), taking())

    assert first == second
    assert kept_units() == [5]


def test_whatever_sells_beside_a_snapshot_the_answer_is_right():
    level = stock(units=20, at=BEFORE)

    outcomes = race(
        *(sale(level, f"S-{n}") for n in range(6)),
        *(sale(level, f"T-{n}", at=NOW) for n in range(6)),
        taking(),
    )

    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert [row.on_hand for row in stock_as_of(NOVEMBER_15)] == [14]
    assert figures(level) == (8, 0)
    assert differences() == []
