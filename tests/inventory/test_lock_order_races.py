"""Rows are locked by primary key, whatever a document names first: who waits holds all before."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from threading import Event
from unittest import mock

import pytest
from django.db import connection, transaction

from inventory.models import CostPool, StockLevel, StockLevelQuerySet
from inventory.operations import (
    Received,
    adjust_stock,
    allocate_stock,
    issue_stock,
    receive_stock,
    release_allocation,
    return_to_supplier,
    reverse_receipt,
    sell_stock,
    ship_allocated,
)
from tests.factories.inventory import LocationFactory, promise, stock
from tests.races import SECONDS_TO_WAIT, beside

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def acts_on(levels):
    """Return each act on these levels, which names the last of them first."""
    location = levels[0].location
    backwards = [level.variant_id for level in reversed(levels)]
    ones = dict.fromkeys(backwards, 1)
    promises = {promise(level=level).pk: 1 for level in reversed(levels)}
    goods = {"location": location, "reference": "X-1", "at": AT}
    back = {
        "units": {(level.location_id, level.variant_id): 1 for level in reversed(levels)},
        "credits": {},
        "reference": "X-1",
        "at": AT,
    }
    return {
        "allocate": partial(allocate_stock, units=ones, **goods),
        "release": partial(release_allocation, units=promises, at=AT),
        "ship": partial(ship_allocated, units=promises, reference="X-1", at=AT),
        "issue": partial(issue_stock, units=ones, kind="SALE", **goods),
        "sell": partial(sell_stock, units=ones, **goods),
        "adjust": partial(
            adjust_stock, quantities=dict.fromkeys(backwards, -1), reason="Broken", **goods
        ),
        "receive": partial(
            receive_stock,
            received=dict.fromkeys(backwards, Received(units=1, value=Decimal(1))),
            **goods,
        ),
        "send back": partial(return_to_supplier, **back),
        "reverse": partial(reverse_receipt, **back),
    }


def wait_until_somebody_waits():
    """Return when another connection waits for a lock of this one."""
    with connection.cursor() as cursor:
        for _ in range(SECONDS_TO_WAIT * 50):
            cursor.execute(
                "SELECT count(*) FROM pg_locks"
                " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.02)")
    pytest.fail("nobody waited")


def left_unlocked(call, rows):
    """Hold the last of these rows until the call waits for it; return those it has not by then."""
    *before, last = rows.order_by("pk").values_list("pk", flat=True)
    is_held = Event()

    def call_once_it_is_held():
        assert is_held.wait(timeout=SECONDS_TO_WAIT)
        return call()

    with beside(call_once_it_is_held) as done:
        with transaction.atomic():
            rows.for_update().get(pk=last)
            is_held.set()
            wait_until_somebody_waits()
            free = list(rows.select_for_update(skip_locked=True).filter(pk__in=before))
        done.result(timeout=SECONDS_TO_WAIT)
    return free


ACTS = [
    *("allocate", "release", "ship", "issue", "sell", "adjust", "receive"),
    *("send back", "reverse"),
]
MOVES_COST = ACTS[2:]


@pytest.fixture
def acts():
    location = LocationFactory()
    return acts_on([stock(location=location) for _ in range(4)])


def test_every_act_is_tried(acts):
    assert list(acts) == ACTS


@pytest.mark.parametrize("act", ACTS)
def test_who_waits_for_the_last_level_holds_all_before(acts, act):
    assert left_unlocked(acts[act], StockLevel.objects.all()) == []


@pytest.mark.parametrize("act", MOVES_COST)
def test_who_waits_for_the_last_pool_holds_all_before(acts, act):
    assert left_unlocked(acts[act], CostPool.objects.all()) == []


def test_the_order_is_seen_to_be_another_once_levels_are_locked_backwards(acts):
    """Control: who begins at the other end holds nothing while it waits for the last."""

    def backwards(self):
        return self.order_by("-pk").select_for_update(of=("self",), no_key=True)

    with mock.patch.object(StockLevelQuerySet, "for_update", backwards):
        free = left_unlocked(acts["allocate"], StockLevel.objects.all())

    assert len(free) == 3
