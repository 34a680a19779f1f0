"""What channels must be told: once, in time, and until they took it."""

from datetime import UTC, datetime, timedelta

import pytest

from channels.connectors.base import ChannelRefused, ChannelUnauthorized, ChannelUnavailable
from channels.models import Channel, OutboxEntry
from channels.operations import (
    AlreadyWaiting,
    claim_outbox,
    enqueue,
    fail_outbox,
    finish_outbox,
    reopen_outbox,
)
from retail.common.errors import WrongStatus
from tests.factories.channels import ChannelFactory, OutboxEntryFactory

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(minutes=10)
TRACKING = OutboxEntry.Kind.TRACKING

pytestmark = pytest.mark.django_db


def tell(channel, number: str = "TN1", at: datetime = NOON) -> OutboxEntry:
    return enqueue(
        channel=channel, kind=TRACKING, key="FU-1", payload={"tracking_number": number}, at=at
    )


def claim(at: datetime = NOON, limit: int = 50) -> list[OutboxEntry]:
    return claim_outbox(kind=TRACKING, at=at, limit=limit)


def test_enqueue_twice_is_one_entry():
    channel = ChannelFactory()
    first = tell(channel)

    again = tell(channel, at=LATER)

    assert again == first
    assert OutboxEntry.objects.get().created_at == NOON


def test_enqueue_of_what_was_sent_changes_nothing():
    tell(ChannelFactory())
    [entry] = claim()
    finish_outbox(entry=entry, at=NOON)

    again = tell(entry.channel, at=LATER)

    assert again.status == OutboxEntry.Status.DONE
    assert OutboxEntry.objects.count() == 1


def test_enqueue_of_something_newer_takes_the_place_of_what_waits():
    channel = ChannelFactory()
    entry = tell(channel, "TN1")
    OutboxEntry.objects.update(attempts=5, next_try_at=LATER)

    newer = tell(channel, "TN2")

    assert newer == entry
    newer.refresh_from_db()
    assert newer.payload == {"tracking_number": "TN2"}
    assert (newer.attempts, newer.next_try_at) == (0, NOON)


def test_enqueue_of_something_newer_after_sending_is_another_entry():
    tell(ChannelFactory(), "TN1")
    [entry] = claim()
    finish_outbox(entry=entry, at=NOON)

    newer = tell(entry.channel, "TN2")

    assert newer != entry
    assert newer.status == OutboxEntry.Status.OPEN


def test_claim_takes_what_is_due_the_oldest_first_and_counts_the_try():
    late = OutboxEntryFactory(next_try_at=NOON - timedelta(minutes=1))
    due = OutboxEntryFactory(next_try_at=NOON)
    OutboxEntryFactory(next_try_at=NOON + timedelta(seconds=1))
    OutboxEntryFactory(status=OutboxEntry.Status.FAILED)

    claimed = claim()

    assert claimed == [late, due]
    assert [entry.attempts for entry in claimed] == [1, 1]
    late.refresh_from_db()
    assert (late.attempts, late.lease_until) == (1, NOON + timedelta(minutes=2))


def test_claim_takes_no_more_than_asked_for():
    OutboxEntryFactory.create_batch(3)

    assert len(claim(limit=2)) == 2


def test_claimed_entry_is_nobody_elses_until_its_lease_ends():
    entry = OutboxEntryFactory()
    claim()

    assert claim(NOON + timedelta(seconds=119)) == []
    assert claim(NOON + timedelta(seconds=120)) == [entry]


@pytest.mark.parametrize("mode", [Channel.Mode.OFF, Channel.Mode.PAUSED, Channel.Mode.SHADOW])
def test_claim_leaves_what_is_for_a_channel_that_is_not_spoken_to(mode):
    OutboxEntryFactory(channel__mode=mode)

    assert claim() == []


def test_finish_marks_as_sent_and_a_second_time_changes_nothing():
    OutboxEntryFactory()
    [entry] = claim()

    finish_outbox(entry=entry, at=NOON)
    finish_outbox(entry=entry, at=LATER)

    entry.refresh_from_db()
    assert (entry.status, entry.done_at, entry.lease_until) == ("DONE", NOON, None)


def test_finish_of_an_old_payload_leaves_the_newer_one_to_be_sent():
    channel = ChannelFactory()
    tell(channel, "TN1")
    [entry] = claim()
    tell(channel, "TN2")

    finish_outbox(entry=entry, at=NOON)

    [newer] = claim()
    assert newer.payload == {"tracking_number": "TN2"}


def test_finish_by_a_worker_whose_lease_ended_leaves_the_entry_to_the_next_one():
    OutboxEntryFactory()
    [late] = claim()
    [current] = claim(LATER)

    finish_outbox(entry=late, at=LATER)

    current.refresh_from_db()
    assert current.status == OutboxEntry.Status.OPEN


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (6, 320), (7, 640)]
)
def test_trouble_is_tried_again_after_twice_the_wait(attempt, seconds):
    OutboxEntryFactory(attempts=attempt - 1)
    [entry] = claim()

    fail_outbox(entry=entry, failure=ChannelUnavailable("The channel answered 500."), at=LATER)

    entry.refresh_from_db()
    assert (entry.status, entry.error) == ("OPEN", "The channel answered 500.")
    assert entry.next_try_at == LATER + timedelta(seconds=seconds)
    assert entry.lease_until is None


def test_trouble_at_the_eighth_try_is_for_a_person():
    OutboxEntryFactory(attempts=7)
    [entry] = claim()

    fail_outbox(entry=entry, failure=ChannelUnavailable("The channel answered 500."), at=NOON)

    entry.refresh_from_db()
    assert entry.status == OutboxEntry.Status.FAILED


def test_refusal_is_not_tried_again():
    OutboxEntryFactory()
    [entry] = claim()

    fail_outbox(entry=entry, failure=ChannelRefused("There is no such order."), at=NOON)

    entry.refresh_from_db()
    assert (entry.status, entry.error) == ("FAILED", "There is no such order.")
    assert claim(LATER) == []


def test_credentials_that_are_not_accepted_make_every_entry_wait_an_hour():
    OutboxEntryFactory(attempts=20)
    [entry] = claim()

    fail_outbox(entry=entry, failure=ChannelUnauthorized("Not accepted."), at=NOON)

    entry.refresh_from_db()
    assert (entry.status, entry.next_try_at) == ("OPEN", NOON + timedelta(hours=1))


def test_reopen_sends_a_refused_entry_again():
    entry = OutboxEntryFactory(status=OutboxEntry.Status.FAILED, attempts=8)

    reopen_outbox(entry_id=entry.pk, at=LATER)
    reopen_outbox(entry_id=entry.pk, at=LATER)

    [claimed] = claim(LATER)
    assert (claimed, claimed.attempts) == (entry, 1)


def test_reopen_of_what_was_sent_is_refused():
    entry = OutboxEntryFactory(status=OutboxEntry.Status.DONE, done_at=NOON)

    with pytest.raises(WrongStatus, match="sent already"):
        reopen_outbox(entry_id=entry.pk, at=LATER)

    entry.refresh_from_db()
    assert entry.status == OutboxEntry.Status.DONE


def test_reopen_is_refused_while_something_newer_waits():
    refused = OutboxEntryFactory(status=OutboxEntry.Status.FAILED)
    OutboxEntryFactory(channel=refused.channel, key=refused.key)

    with pytest.raises(AlreadyWaiting):
        reopen_outbox(entry_id=refused.pk, at=LATER)

    refused.refresh_from_db()
    assert refused.status == OutboxEntry.Status.FAILED
