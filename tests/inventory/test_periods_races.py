"""Closing the books beside postings: what is closed stays as it was when it was closed."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from unittest import mock

import pytest
from django.db import IntegrityError, transaction

from inventory.models import ClosedPeriod
from inventory.operations import PeriodClosed, close_period, issue_stock, periods
from inventory.queries import differences
from tests.factories.common import UserFactory
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
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
BEFORE = NOVEMBER_15 - timedelta(hours=1)


def sale(level, reference="S-1"):
    return partial(
        issue_stock,
        location=level.location,
        units={level.variant_id: 1},
        kind="SALE",
        reference=reference,
        at=BEFORE,
    )


def closing():
    return partial(close_period, ends_at=NOVEMBER_15, at=NOW, by=UserFactory())


def test_closing_waits_for_a_posting_that_found_the_books_open():
    level = stock(units=5, at=BEFORE)

    with held_after_the_check(sale(level)) as (posted, go_on), beside(closing()) as closed:
        wait_until_somebody_waits()
        closed_too_early = ClosedPeriod.objects.exists()
        go_on.set()
        movements = posted.result(timeout=SECONDS)
        period = closed.result(timeout=SECONDS)

    assert not closed_too_early
    assert (len(movements), period.ends_at) == (1, NOVEMBER_15)
    assert figures(level) == (4, 0)
    assert differences() == []


def test_the_race_is_real_once_nobody_waits():
    """Control: the books close between check and writing, so only the trigger is left."""
    level = stock(units=5, at=BEFORE)

    with (
        mock.patch.object(periods, "stop_postings"),
        held_after_the_check(sale(level)) as (posted, go_on),
        beside(closing()) as closed,
    ):
        period = closed.result(timeout=SECONDS)
        go_on.set()
        refusal = posted.exception(timeout=SECONDS)

    assert period.ends_at == NOVEMBER_15
    assert isinstance(refusal, IntegrityError)
    assert "The books of stock are closed until" in str(refusal)
    assert figures(level) == (5, 0)
    assert differences() == []


def test_a_posting_that_waited_for_the_closing_is_refused_in_words():
    level = stock(units=5, at=BEFORE)
    with ThreadPoolExecutor(max_workers=1) as thread:
        with transaction.atomic():
            closing()()
            posted = thread.submit(in_its_own_connection, sale(level))
            wait_until_somebody_waits()

        refusal = posted.exception(timeout=SECONDS)

    assert isinstance(refusal, PeriodClosed)
    assert figures(level) == (5, 0)
    assert differences() == []


def test_closing_between_two_postings_of_one_transaction_does_not_deadlock():
    first, second = stock(units=5, at=BEFORE), stock(units=5, at=BEFORE)
    with ThreadPoolExecutor(max_workers=1) as thread:
        with transaction.atomic():
            sale(first)()
            closed = thread.submit(in_its_own_connection, closing())
            wait_until_somebody_waits()
            sale(second)()

        period = closed.result(timeout=SECONDS)

    assert period.ends_at == NOVEMBER_15
    assert (figures(first), figures(second)) == ((4, 0), (4, 0))


def test_sales_beside_a_closing_are_booked_before_it_or_refused():
    level = stock(units=20, at=BEFORE)

    *outcomes, closed = race(*(sale(level, f"S-{n}") for n in range(12)), closing())

    kinds = Counter(type(outcome) for outcome in outcomes)
    assert closed.ends_at == NOVEMBER_15
    assert kinds[list] + kinds[PeriodClosed] == 12
    assert figures(level) == (20 - kinds[list], 0)
    assert differences() == []
