"""What channels sent, kept once."""

from datetime import UTC, datetime, timedelta

import pytest

from channels.models import InboundMessage
from channels.operations import fail_message, finish_message, store_message
from tests.factories.channels import ChannelFactory, InboundMessageFactory

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def store(channel, **changes):
    message = {"topic": "order", "external_id": "7", "body": b'{"id": 7}', "at": NOON}
    return store_message(channel=channel, **{**message, **changes})


def test_message_is_kept_byte_for_byte():
    body = b'\xff\x00 {"id": 7}'

    stored = store(ChannelFactory(), body=body)

    message = InboundMessage.objects.get()
    assert stored.is_new
    assert bytes(message.body) == body
    assert message.status == InboundMessage.Status.RECEIVED


def test_same_message_again_is_the_first_one():
    channel = ChannelFactory()
    first = store(channel)

    again = store(channel, at=NOON + timedelta(hours=1))

    assert (again.message.pk, again.is_new) == (first.message.pk, False)
    assert InboundMessage.objects.get().received_at == NOON


@pytest.mark.parametrize(
    "changes", [{"topic": "order.updated"}, {"external_id": "8"}, {"body": b"{}"}]
)
def test_message_that_differs_is_another(changes):
    channel = ChannelFactory()
    store(channel)

    assert store(channel, **changes).is_new


def test_same_message_of_another_channel_is_another():
    store(ChannelFactory())

    assert store(ChannelFactory()).is_new


def test_message_made_use_of_stays_so():
    message = InboundMessageFactory()
    finish_message(message_id=message.pk)

    finish_message(message_id=message.pk)
    fail_message(message_id=message.pk, error="too late")

    message.refresh_from_db()
    assert (message.status, message.attempts, message.error) == ("DONE", 1, "")


def test_message_that_failed_can_be_made_use_of_later():
    message = InboundMessageFactory()

    failed = fail_message(message_id=message.pk, error="The order has no lines.")
    finished = finish_message(message_id=message.pk)

    assert (failed.status, failed.error) == ("FAILED", "The order has no lines.")
    assert (finished.status, finished.attempts, finished.error) == ("DONE", 2, "")
