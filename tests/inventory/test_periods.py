"""Closed books of stock: refused in words by each operation, and by the tables themselves."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db import IntegrityError

from inventory.models import ClosedPeriod
from inventory.operations import (
    Issue,
    PeriodClosed,
    PeriodNotOver,
    Received,
    ReopenReasonMissing,
    adjust_stock,
    close_period,
    correct_cost,
    hand_over_reserved,
    issue_stock,
    post_issues,
    receive_stock,
    reopen_period,
    return_stock,
    sell_stock,
    ship_allocated,
)
from retail.common.constraints import refusal_text
from retail.common.errors import WrongStatus
from tests.factories.common import UserFactory
from tests.factories.inventory import STOCKED_AT, promise, stock
from tests.factories.inventory_promises import put_aside
from tests.inventory.shared import everything, figures
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db
NOVEMBER_15 = datetime(2026, 11, 15, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
TOO_EARLY = NOVEMBER_15 - timedelta(microseconds=1)


def close(ends_at=NOVEMBER_15, at=NOW):
    return close_period(ends_at=ends_at, at=at, by=UserFactory())


def reopen(period, reason="A delivery note turned up"):
    return reopen_period(period_id=period.pk, reason=reason, at=NOW, by=UserFactory())


def acts_on(level, promised, aside):
    """Return each act that writes movements, waiting only for its moment."""
    location, variant_id = level.location, level.variant_id
    one = {"location": location, "units": {variant_id: 1}, "reference": "X-1"}
    return {
        "receive": partial(
            receive_stock,
            location=location,
            received={variant_id: Received(units=1, value=Decimal(1))},
            reference="X-1",
        ),
        "return": partial(return_stock, **one),
        "issue": partial(issue_stock, kind="SALE", **one),
        "sell": partial(sell_stock, **one),
        "sell what was unknown": partial(sell_stock, **one | {"units": {variant_id: 99}}),
        "adjust": partial(
            adjust_stock,
            location=location,
            quantities={variant_id: -10},
            reference="X-1",
            reason="Broken",
        ),
        "ship": partial(ship_allocated, units={promised.pk: 1}, reference="X-1"),
        "hand over": partial(hand_over_reserved, units={aside.pk: 1}, reference="X-1"),
        "correct": partial(
            correct_cost,
            variant_id=variant_id,
            receipt_reference="GR-1",
            amount=Decimal(1),
            reference="X-1",
        ),
        "post history": lambda *, at: post_issues(
            issues=[
                Issue(
                    location_id=location.pk,
                    variant_id=variant_id,
                    units=1,
                    kind="SALE",
                    reference=f"X-{moved_at:%d}",
                    moved_at=moved_at,
                )
                for moved_at in (NOW, at)
            ],
            at=NOW,
        ),
    }


ACTS = [
    "receive",
    "return",
    "issue",
    "sell",
    "sell what was unknown",
    "adjust",
    "ship",
    "hand over",
    "correct",
    "post history",
]


@pytest.fixture
def acts():
    level = stock(units=10, value="20.00", reference="GR-1")
    promised = promise(level=level, reference="SO-1")
    return acts_on(level, promised, put_aside(level=level, expires_at=NOW + timedelta(days=1)))


@pytest.mark.parametrize("act", ACTS)
def test_nothing_is_dated_in_a_closed_period(acts, act):
    close()
    before = everything()

    with pytest.raises(PeriodClosed) as refusal:
        acts[act](at=TOO_EARLY)

    assert refusal.value.message == (
        "The books of stock are closed until 15 November 2026, 00:00: nothing can be dated"
        " 14 November 2026, 23:59."
    )
    assert everything() == before


@pytest.mark.parametrize("act", ACTS)
def test_the_first_moment_after_is_open(acts, act):
    close()

    assert acts[act](at=NOVEMBER_15)


def test_every_act_was_tried(acts):
    assert list(acts) == ACTS


def test_promises_are_no_bookings():
    level = stock()
    close()

    promise(level=level, at=TOO_EARLY)

    assert figures(level) == (10, 1)


LEDGERS = {
    "inventory_stockmovement": """
        INSERT INTO inventory_stockmovement
               (level_id, kind, quantity, cost_value, reference, reason, moved_at)
        SELECT id, 'SALE', -1, 0, 'X-1', '', %s FROM inventory_stocklevel
    """,
    "inventory_costmovement": """
        INSERT INTO inventory_costmovement
               (pool_id, kind, units, is_at_average, value, expensed, units_before, reference,
                moved_at)
        SELECT id, 'ISSUE', -1, false, 0, 0, 1, 'X-1', %s FROM inventory_costpool
    """,
}


@pytest.mark.parametrize("ledger", LEDGERS)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_the_ledgers_themselves_refuse_what_is_dated_before(ledger, role):
    stock()
    close()
    before = everything()
    execute(f"SET LOCAL session_replication_role = {role}")

    with pytest.raises(IntegrityError) as refusal:
        execute(LEDGERS[ledger], [TOO_EARLY])

    assert refusal_text(refusal.value) == (
        "The books of stock are closed until 15 November 2026, 00:00: nothing can be dated before."
    )
    assert everything() == before


@pytest.mark.parametrize("ledger", LEDGERS)
def test_the_ledgers_themselves_take_what_is_dated_after(ledger):
    stock()
    close()
    before = everything()

    execute(LEDGERS[ledger], [NOVEMBER_15])

    assert everything() != before


def test_a_ledger_that_refuses_change_says_nothing_to_people():
    stock()

    with pytest.raises(IntegrityError) as refusal:
        execute("DELETE FROM inventory_stockmovement")

    assert refusal_text(refusal.value) is None


def test_close_period_keeps_who_and_when():
    accountant = UserFactory()

    period = close_period(ends_at=NOVEMBER_15, at=NOW, by=accountant)

    period.refresh_from_db()
    assert (period.ends_at, period.closed_at, period.closed_by) == (NOVEMBER_15, NOW, accountant)
    assert list(ClosedPeriod.objects.in_force()) == [period]


def test_close_period_again_returns_the_first_closing():
    first = close()
    before = everything()

    assert close(at=NOW + timedelta(hours=1)) == first
    assert everything() == before


def test_close_period_goes_on_to_a_later_day():
    close()

    later = close(ends_at=NOVEMBER_15 + timedelta(days=1))

    assert ClosedPeriod.objects.in_force().latest("ends_at") == later


def test_close_period_refuses_a_day_that_is_not_over():
    before = everything()

    with pytest.raises(PeriodNotOver, match="Only days that are over"):
        close(ends_at=NOW + timedelta(microseconds=1))

    assert everything() == before


def test_close_period_refuses_a_day_before_the_closed_ones():
    close()
    before = everything()

    with pytest.raises(PeriodNotOver, match="closed until 2026-11-15 already"):
        close(ends_at=NOVEMBER_15 - timedelta(days=1))

    assert everything() == before


def test_reopen_period_opens_back_to_the_closing_before():
    close(ends_at=STOCKED_AT + timedelta(days=1))
    level = stock(units=10, at=NOW)
    period = close()

    reopened = reopen(period)

    assert (reopened.reopened_at, reopened.reopen_reason) == (NOW, "A delivery note turned up")
    assert reopened.reopened_by is not None
    stock(variant=level.variant, location=level.location, reference="GR-2", at=TOO_EARLY)
    with pytest.raises(PeriodClosed):
        stock(variant=level.variant, location=level.location, reference="GR-3", at=STOCKED_AT)
    assert figures(level) == (20, 0)


def test_what_was_reopened_can_be_closed_again():
    reopen(close())

    again = close()

    assert list(ClosedPeriod.objects.in_force()) == [again]


@pytest.mark.parametrize("reason", ["", "  "])
def test_reopen_period_asks_for_a_reason(reason):
    period = close()
    before = everything()

    with pytest.raises(ReopenReasonMissing):
        reopen(period, reason=reason)

    assert everything() == before


def test_reopen_period_twice_is_refused():
    period = close()
    reopen(period)
    before = everything()

    with pytest.raises(WrongStatus, match="open again already"):
        reopen(period)

    assert everything() == before


def test_reopen_period_begins_with_the_latest():
    earlier = close(ends_at=NOVEMBER_15 - timedelta(days=1))
    close()
    before = everything()

    with pytest.raises(WrongStatus, match="later period"):
        reopen(earlier)

    assert everything() == before
