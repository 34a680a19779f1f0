"""What channels sent, what they must still be told, and how far they were read, in the admin."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from channels import operations
from channels.models import InboundMessage, OutboxEntry, SyncCursor
from retail.common.admin import Act, ViewOnlyAdmin

LONGEST_BODY_SHOWN = 20_000


@admin.register(InboundMessage)
class InboundMessageAdmin(ViewOnlyAdmin):
    """What channels sent, as it came."""

    list_display = ("__str__", "channel", "received_at", "shown_status", "attempts", "error")
    list_select_related = ("channel",)
    list_filter = ("status", "channel", "topic")
    search_fields = ("external_id",)
    fields = (
        "channel",
        "topic",
        "external_id",
        "received_at",
        "status",
        "attempts",
        "error",
        "shown_body",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundMessage]:
        # A message may be megabytes: the list does without, a page loads its own.
        return super().get_queryset(request).defer("body")

    @display(description="Status", ordering="status", label={"DONE": "success", "FAILED": "danger"})
    def shown_status(self, message: InboundMessage) -> tuple[str, str]:
        return message.status, message.get_status_display()

    @display(description="Message")
    def shown_body(self, message: InboundMessage) -> str:
        return bytes(message.body)[:LONGEST_BODY_SHOWN].decode(errors="replace")


@admin.register(SyncCursor)
class SyncCursorAdmin(ViewOnlyAdmin):
    """How far each channel has been read, and what went wrong since."""

    list_display = ("channel", "stream", "high_water_at", "read_at", "failures", "error")
    list_select_related = ("channel",)
    list_filter = ("channel", "stream")
    search_fields = ("channel__code", "channel__name", "stream")
    ordering = ("channel__name", "stream", "pk")


def try_again(
    _request: HttpRequest, entry: OutboxEntry, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.reopen_outbox(entry_id=entry.pk, at=now)
    return f"{entry} is sent again within a minute."


def was_refused(entry: OutboxEntry) -> bool:
    return entry.status == OutboxEntry.Status.FAILED


@admin.register(OutboxEntry)
class OutboxEntryAdmin(ViewOnlyAdmin):
    """What channels must be told, and what they refused."""

    acts = (
        Act(
            name="try-again",
            label="Try again",
            permission="channels.change_outboxentry",
            perform=try_again,
            is_offered=was_refused,
            icon="replay",
        ),
    )
    list_display = (
        "__str__",
        "channel",
        "shown_status",
        "created_at",
        "attempts",
        "next_try_at",
        "done_at",
        "error",
    )
    list_select_related = ("channel",)
    list_filter = ("status", "channel", "kind")
    search_fields = ("key",)

    @display(
        description="Status",
        ordering="status",
        label={"OPEN": "info", "DONE": "success", "FAILED": "danger"},
    )
    def shown_status(self, entry: OutboxEntry) -> tuple[str, str]:
        return entry.status, entry.get_status_display()
