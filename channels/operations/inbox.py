"""The inbox: what channels sent, kept before anything is made of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F

from channels.models import Channel, InboundMessage


@dataclass(frozen=True)
class StoredMessage:
    """A message of the inbox, and whether this call put it there."""

    message: InboundMessage
    is_new: bool


@transaction.atomic
def store_message(
    *, channel: Channel, topic: str, external_id: str, body: bytes, at: datetime
) -> StoredMessage:
    """
    Keep what a channel sent, once per topic, object and content.

    The content counts and not the channel's delivery id, because channels give one id to the
    deliveries of different orders.

    external_id: what the message is about, the order's id on the channel.
    """
    key = {
        "channel": channel,
        "topic": topic,
        "external_id": external_id,
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    message, is_new = InboundMessage.objects.get_or_create(
        **key, defaults={"body": body, "received_at": at}
    )
    return StoredMessage(message=message, is_new=is_new)


@transaction.atomic
def finish_message(*, message_id: int) -> InboundMessage:
    """Mark a message as made use of; a second call changes nothing."""
    message = InboundMessage.objects.select_for_update(no_key=True).get(pk=message_id)
    if message.status == InboundMessage.Status.DONE:
        return message
    message.status = InboundMessage.Status.DONE
    message.attempts += 1
    message.error = ""
    message.save(update_fields=["status", "attempts", "error"])
    return message


@transaction.atomic
def fail_message(*, message_id: int, error: str) -> InboundMessage:
    """
    Note that nothing could be made of a message, and why.

    A message that was made use of meanwhile stays so.
    """
    InboundMessage.objects.filter(pk=message_id).exclude(status=InboundMessage.Status.DONE).update(
        status=InboundMessage.Status.FAILED, attempts=F("attempts") + 1, error=error
    )
    return InboundMessage.objects.get(pk=message_id)
