"""Each rule of the tables of promises, periods and typed sources, broken past every operation."""

from datetime import UTC, datetime, timedelta

import pytest

from inventory.models import (
    Allocation,
    ClosedPeriod,
    CountRequest,
    StockCount,
    StockCountEntry,
    StockCountLine,
    Transfer,
    TransferReceipt,
    WithdrawnPromise,
)
from tests.factories.common import UserFactory
from tests.factories.inventory import STOCKED_AT, LocationFactory, promise, stock
from tests.factories.inventory_promises import ask_for_count, close_books, withdraw
from tests.inventory.test_constraints import insert_movement, refused, run

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def test_promise_is_made_to_a_channel_there_is():
    allocation = promise()

    with refused("foreign key"):
        Allocation.objects.filter(pk=allocation.pk).update(channel_id=4711)


def test_promise_has_a_note_of_one_line():
    allocation = promise()

    with refused("value too long"):
        Allocation.objects.filter(pk=allocation.pk).update(note="x" * 201)


def test_an_act_takes_a_promise_back_once():
    withdrawn = withdraw()

    with refused("inventory_withdrawnpromise_once_per_act"):
        WithdrawnPromise.objects.create(
            allocation=withdrawn.allocation,
            units=1,
            cause=withdrawn.cause,
            reference=withdrawn.reference,
            withdrawn_at=AT,
        )


@pytest.mark.parametrize("units", [0, -1, 1_000_000_000])
def test_units_are_taken_back_from_one(units):
    withdrawn = withdraw()

    with refused("inventory_withdrawnpromise_units_positive"):
        WithdrawnPromise.objects.filter(pk=withdrawn.pk).update(units=units)


def test_one_count_is_asked_for_at_a_time():
    request = ask_for_count()

    with refused("inventory_countrequest_one_open_per_level"):
        CountRequest.objects.create(level=request.level, reason="Again", requested_at=AT)


def test_a_count_is_asked_for_with_a_reason():
    request = ask_for_count()

    with refused("inventory_countrequest_says_why"):
        CountRequest.objects.filter(pk=request.pk).update(reason="")


def test_a_moment_is_closed_once():
    period = close_books()

    with refused("inventory_closedperiod_once_in_force"):
        ClosedPeriod.objects.create(ends_at=period.ends_at, closed_at=AT, closed_by=UserFactory())


def test_what_is_to_come_is_not_closed():
    period = close_books()

    with refused("inventory_closedperiod_not_in_the_future"):
        ClosedPeriod.objects.filter(pk=period.pk).update(
            ends_at=period.closed_at + timedelta(microseconds=1)
        )


@pytest.mark.parametrize("left_out", ["reopened_at", "reopened_by", "reopen_reason"])
def test_books_are_reopened_by_somebody_for_a_reason(left_out):
    period = close_books()
    said = {"reopened_at": AT, "reopened_by": UserFactory(), "reopen_reason": "Late bill"}

    with refused("inventory_closedperiod_reopened_says_who_and_why"):
        ClosedPeriod.objects.filter(pk=period.pk).update(
            **{name: value for name, value in said.items() if name != left_out}
        )


def test_a_transfer_moves_no_value():
    with refused("inventory_stockmovement_transfer_moves_no_value"):
        insert_movement(stock(), kind="TRANSFER", cost_value=-1)


@pytest.mark.parametrize(
    "source",
    [
        {"source_kind": "COUNT"},
        {"source_id": 1},
        {"source_line_ids": [1]},
        {"source_kind": "COUNT", "source_line_ids": [1]},
    ],
)
def test_a_source_is_told_whole_or_not_at_all(source):
    with refused("inventory_stockmovement_source_is_whole"):
        insert_movement(stock(), **source)


def arrival():
    transfer = Transfer.objects.create(
        from_location=LocationFactory(), to_location=LocationFactory(), key="T-1", created_at=AT
    )
    return TransferReceipt.objects.create(transfer=transfer, key="R-1", received_at=AT)


def entry():
    level = stock()
    count = StockCount.objects.create(
        location=level.location, key="C-1", selection="All", opened_at=STOCKED_AT
    )
    line = StockCountLine.objects.create(count=count, level=level, added_at=STOCKED_AT)
    return StockCountEntry.objects.create(line=line, round=0, counted=3, counted_at=AT)


@pytest.mark.parametrize("make", [arrival, entry])
@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
def test_what_was_written_down_is_never_changed(make, role, statement):
    row = make()
    run(f"SET LOCAL session_replication_role = {role}")

    with refused("is append-only"):
        run(statement.format(row._meta.db_table))

    assert type(row).objects.count() == 1


def test_deleting_a_promise_does_not_reach_what_was_taken_back():
    withdrawn = withdraw()

    with refused("foreign key"):
        run("DELETE FROM inventory_allocation WHERE id = %s", withdrawn.allocation_id)
