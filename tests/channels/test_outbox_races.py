"""Entries that two workers want to send, or two callers to write, at the same moment."""

from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from threading import Barrier, BrokenBarrierError
from unittest import mock

import pytest
from django.db import models

from channels.models import OutboxEntry
from channels.operations import claim_outbox, enqueue
from tests.factories.channels import ChannelFactory, OutboxEntryFactory
from tests.races import race

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TRACKING = OutboxEntry.Kind.TRACKING

pytestmark = pytest.mark.django_db(transaction=True)

claim = partial(claim_outbox, kind=TRACKING, at=NOON, limit=5)


def test_every_entry_is_claimed_by_one_worker():
    OutboxEntryFactory.create_batch(20)

    claims = race(*[claim] * 4)

    claimed = [entry.pk for entries in claims for entry in entries]
    assert len(claimed) == len(set(claimed))
    assert set(OutboxEntry.objects.values_list("attempts", flat=True)) <= {0, 1}


def test_the_race_is_real_once_the_lock_is_gone():
    """Control: both workers read the entry before either leases it, so both would send it."""
    OutboxEntryFactory()
    both_have_read, update = Barrier(2), models.QuerySet.update

    def update_after_both_have_read(*args, **kwargs):
        with suppress(BrokenBarrierError):
            both_have_read.wait(timeout=5)
        return update(*args, **kwargs)

    with (
        mock.patch.object(models.QuerySet, "select_for_update", lambda rows, **_: rows.all()),
        mock.patch.object(models.QuerySet, "update", update_after_both_have_read),
    ):
        claims = race(claim, claim)

    assert [len(entries) for entries in claims] == [1, 1]


def test_entry_written_by_many_at_once_is_one():
    channel = ChannelFactory()
    payload = {"tracking_number": "TN1"}
    write = partial(enqueue, channel=channel, kind=TRACKING, key="FU-1", payload=payload, at=NOON)

    entries = race(*[write] * 8)

    assert {entry.pk for entry in entries} == {OutboxEntry.objects.get().pk}
