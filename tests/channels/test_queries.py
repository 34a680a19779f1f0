"""Reading the channels."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from channels.models import Channel, OutboxEntry
from channels.queries import OutboxAge, SyncAge, outbox_ages, price_for, sync_ages
from tests.factories.catalog import PriceFactory
from tests.factories.channels import ChannelFactory, OutboxEntryFactory, SyncCursorFactory

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def test_price_is_that_of_the_channels_own_lists():
    ours, theirs = PriceFactory(unit_price=Decimal(5)), PriceFactory(unit_price=Decimal(4))
    theirs.variant = ours.variant
    theirs.save()
    channel = ChannelFactory()
    channel.price_lists.add(ours.price_list)

    decision = price_for(variant_id=ours.variant_id, channel=channel, quantity=1, at=NOON)

    assert (decision.price, decision.unit_price) == (ours, Decimal(5))


def test_price_of_a_channel_without_lists_is_none():
    price = PriceFactory()

    decision = price_for(variant_id=price.variant_id, channel=ChannelFactory(), quantity=1, at=NOON)

    assert decision is None


def test_sync_ages_tell_how_fresh_each_stream_is():
    read = SyncCursorFactory(channel__name="A", read_at=NOON - timedelta(minutes=3))
    never_read = SyncCursorFactory(channel__name="B", failures=2, error="500")
    SyncCursorFactory(channel__mode=Channel.Mode.OFF)
    SyncCursorFactory(channel__mode=Channel.Mode.PAUSED)

    assert sync_ages(at=NOON) == [
        SyncAge(
            channel=read.channel,
            stream="orders",
            read_at=NOON - timedelta(minutes=3),
            age=timedelta(minutes=3),
            failures=0,
            error="",
        ),
        SyncAge(
            channel=never_read.channel,
            stream="orders",
            read_at=None,
            age=None,
            failures=2,
            error="500",
        ),
    ]


def test_outbox_ages_tell_what_waits_and_what_was_refused():
    waiting = OutboxEntryFactory(channel__name="A", created_at=NOON - timedelta(hours=2))
    OutboxEntryFactory(channel=waiting.channel, created_at=NOON - timedelta(hours=1))
    refused = OutboxEntryFactory(channel__name="B", status=OutboxEntry.Status.FAILED)
    OutboxEntryFactory(status=OutboxEntry.Status.DONE, done_at=NOON)

    assert outbox_ages(at=NOON) == [
        OutboxAge(channel=waiting.channel, waiting=2, oldest=timedelta(hours=2), refused=0),
        OutboxAge(channel=refused.channel, waiting=0, oldest=None, refused=1),
    ]
