"""A stream that two workers want at the same moment."""

from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from threading import Barrier, BrokenBarrierError
from unittest import mock

import pytest
from django.db import models

from channels.models import SyncCursor
from channels.operations import lease_cursor
from tests.factories.channels import ChannelFactory, SyncCursorFactory
from tests.races import race

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


def wants(channel, owner):
    return partial(lease_cursor, channel=channel, stream="orders", owner=owner, at=NOON)


@pytest.mark.parametrize("is_first_reading", [True, False])
def test_one_of_many_workers_gets_the_stream(is_first_reading):
    channel = ChannelFactory() if is_first_reading else SyncCursorFactory().channel

    leases = race(*(wants(channel, f"worker {number}") for number in range(8)))

    [winner] = [lease for lease in leases if lease is not None]
    assert SyncCursor.objects.get().lease_owner == winner.owner


def test_the_race_is_real_once_the_lock_is_gone():
    """Control: both workers read the row before either writes, so both believe they have it."""
    channel = SyncCursorFactory().channel
    both_have_read, save = Barrier(2), SyncCursor.save

    def save_after_both_have_read(*args, **kwargs):
        with suppress(BrokenBarrierError):
            both_have_read.wait(timeout=5)
        return save(*args, **kwargs)

    with (
        mock.patch.object(models.QuerySet, "select_for_update", lambda rows, **_: rows.all()),
        mock.patch.object(SyncCursor, "save", save_after_both_have_read),
    ):
        leases = race(wants(channel, "first"), wants(channel, "second"))

    assert sorted(lease.owner for lease in leases) == ["first", "second"]
