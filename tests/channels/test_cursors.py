"""Leases of streams: one reader at a time, and never a mark that goes back."""

from datetime import UTC, datetime, timedelta

import pytest

from channels.models import SyncCursor
from channels.operations import (
    Lease,
    LeaseLost,
    advance_cursor,
    lease_cursor,
    release_cursor,
)
from tests.factories.channels import ChannelFactory, SyncCursorFactory

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


def lease(channel, owner: str, at: datetime = NOON) -> Lease | None:
    return lease_cursor(channel=channel, stream="orders", owner=owner, at=at)


def test_first_lease_reads_everything():
    channel = ChannelFactory()

    taken = lease(channel, "first")

    cursor = SyncCursor.objects.get()
    assert taken == Lease(cursor_id=cursor.pk, owner="first", until=NOON + 2 * MINUTE, since=None)
    assert (cursor.lease_owner, cursor.lease_until) == ("first", NOON + 2 * MINUTE)


def test_later_lease_reads_from_a_little_before_the_mark():
    cursor = SyncCursorFactory(high_water_at=NOON - 10 * MINUTE)

    taken = lease(cursor.channel, "reader")

    assert taken.since == NOON - 12 * MINUTE


def test_leased_stream_is_nobody_elses():
    channel = ChannelFactory()
    lease(channel, "first")

    assert lease(channel, "second", NOON + MINUTE) is None
    assert SyncCursor.objects.get().lease_owner == "first"


def test_lease_of_another_stream_is_free():
    channel = ChannelFactory()
    lease(channel, "first")

    assert lease_cursor(channel=channel, stream="listings", owner="second", at=NOON)


def test_lease_of_a_reader_that_died_ends_by_itself():
    channel = ChannelFactory()
    lease(channel, "dead")

    assert lease(channel, "second", NOON + 2 * MINUTE).owner == "second"


def test_same_owner_gets_its_lease_again():
    """A task delivered a second time, because its worker died, keeps its id."""
    channel = ChannelFactory()
    lease(channel, "task")

    again = lease(channel, "task", NOON + MINUTE)

    assert again.until == NOON + 3 * MINUTE
    assert SyncCursor.objects.count() == 1


def test_advance_moves_the_mark_and_renews_the_lease():
    taken = lease(ChannelFactory(), "reader")

    advance_cursor(lease=taken, high_water_at=NOON - MINUTE, at=NOON + MINUTE)

    cursor = SyncCursor.objects.get()
    assert cursor.high_water_at == NOON - MINUTE
    assert cursor.lease_until == NOON + 3 * MINUTE


def test_advance_never_moves_the_mark_back():
    taken = lease(SyncCursorFactory(high_water_at=NOON).channel, "reader")

    advance_cursor(lease=taken, high_water_at=NOON - MINUTE, at=NOON)

    assert SyncCursor.objects.get().high_water_at == NOON


def test_advance_twice_is_advance_once():
    taken = lease(ChannelFactory(), "reader")
    once = advance_cursor(lease=taken, high_water_at=NOON, at=NOON)

    twice = advance_cursor(lease=taken, high_water_at=NOON, at=NOON)

    assert (twice.high_water_at, twice.lease_until) == (once.high_water_at, once.lease_until)


def test_advance_and_release_are_refused_when_somebody_else_reads():
    channel = ChannelFactory()
    late = lease(channel, "late")
    lease(channel, "next", NOON + 2 * MINUTE)
    before = SyncCursor.objects.values().get()

    with pytest.raises(LeaseLost):
        advance_cursor(lease=late, high_water_at=NOON, at=NOON + 3 * MINUTE)
    with pytest.raises(LeaseLost):
        release_cursor(lease=late, at=NOON + 3 * MINUTE)

    assert SyncCursor.objects.values().get() == before


def test_release_notes_a_complete_reading():
    cursor = SyncCursorFactory(failures=3, error="The channel answered 500.")
    taken = lease(cursor.channel, "reader")

    release_cursor(lease=taken, at=NOON + MINUTE)

    cursor.refresh_from_db()
    assert (cursor.read_at, cursor.failures, cursor.error) == (NOON + MINUTE, 0, "")
    assert (cursor.lease_until, cursor.lease_owner) == (None, "")


def test_release_with_an_error_counts_it_and_keeps_the_last_complete_reading():
    cursor = SyncCursorFactory(read_at=NOON - MINUTE, failures=1)
    taken = lease(cursor.channel, "reader")

    release_cursor(lease=taken, at=NOON, error="The channel answered 500.")

    cursor.refresh_from_db()
    assert (cursor.read_at, cursor.failures) == (NOON - MINUTE, 2)
    assert cursor.error == "The channel answered 500."
    assert lease(cursor.channel, "next") is not None
