"""Channels in the admin: where we sell, what is shown there, and what still has to be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminURLInputWidget,
)

from catalog.models import Variant
from channels import operations, tasks
from channels.models import Channel, InboundMessage, Listing, OutboxEntry, SyncCursor
from retail.common.admin import Act, ActForm, BaseAdmin, ViewOnlyAdmin

LONGEST_BODY_SHOWN = 20_000


class ChannelForm(forms.ModelForm):
    """The fields of a channel; its credentials go in and never come out again."""

    address = forms.URLField(
        assume_scheme="https",
        required=False,
        widget=UnfoldAdminURLInputWidget,
        help_text="Where its interface answers.",
    )
    new_credentials = forms.CharField(
        label="Credentials",
        required=False,
        strip=True,
        # Never rendered: whoever opens the page may not be whoever knows them.
        widget=UnfoldAdminPasswordWidget(render_value=False, attrs={"autocomplete": "off"}),
        help_text="Stored encrypted and never shown again. Leave empty to keep the stored ones.",
    )

    class Meta:
        model = Channel
        fields = (
            "name",
            "code",
            "kind",
            "mode",
            "currency",
            "is_tax_included",
            "country",
            "timezone",
            "price_lists",
            "stock_owner",
            "price_owner",
            "content_owner",
            "address",
        )

    def save(self, commit: bool = True) -> Channel:  # noqa: FBT001, FBT002 - Django's signature
        if credentials := self.cleaned_data["new_credentials"]:
            self.instance.credentials = credentials
        return super().save(commit=commit)


def read_listings(
    _request: HttpRequest, channel: Channel, _cleaned: Mapping[str, Any], _now: datetime
) -> str:
    """Wake the task that looks at the channel; the clock does the same when that fails."""
    wake = partial(tasks.refresh_listings.delay, channel_ids=[channel.pk])
    transaction.on_commit(wake, robust=True)
    return f"What {channel} shows for sale is being read."


def is_connected(channel: Channel) -> bool:
    return channel.mode not in {Channel.Mode.OFF, Channel.Mode.PAUSED} and bool(channel.address)


@admin.register(Channel)
class ChannelAdmin(BaseAdmin):
    """The places the shop sells through."""

    form = ChannelForm
    acts = (
        Act(
            name="read-listings",
            label="Read listings now",
            permission="channels.change_channel",
            perform=read_listings,
            is_offered=is_connected,
            icon="sync",
        ),
    )
    list_display = ("name", "code", "kind", "shown_mode", "currency", "has_credentials")
    list_filter = ("kind", "mode")
    search_fields = ("code", "name")
    ordering = ("name", "pk")
    autocomplete_fields = ("price_lists",)
    readonly_fields = ("has_credentials",)
    fieldsets = (
        (None, {"fields": ("name", "code", "kind", "mode")}),
        ("Market", {"fields": ("currency", "is_tax_included", "country", "timezone")}),
        ("Prices", {"fields": ("price_lists",)}),
        ("Who decides", {"fields": ("stock_owner", "price_owner", "content_owner")}),
        ("Connection", {"fields": ("address", "has_credentials", "new_credentials")}),
    )

    @display(
        description="Mode",
        ordering="mode",
        label={"OFF": "info", "SHADOW": "info", "PAUSED": "warning", "FULL": "success"},
    )
    def shown_mode(self, channel: Channel) -> tuple[str, str]:
        return channel.mode, channel.get_mode_display()

    @display(description="Credentials stored", boolean=True)
    def has_credentials(self, channel: Channel) -> bool:
        return bool(channel.credentials)


class LinkForm(ActForm):
    """Which variant a listing is, and how much of it one of the channel's pieces holds."""

    variant = forms.ModelChoiceField(
        queryset=Variant.objects.all(),
        widget=AutocompleteSelect(
            Listing._meta.get_field("variant"),  # noqa: SLF001 - Django's documented model API
            admin.site,
        ),
    )
    pack_size = forms.IntegerField(
        label="Units in one", min_value=1, initial=1, help_text="6 for a box of six."
    )

    def __init__(self, *args: Any, document: Listing | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is not None:
            self.fields["variant"].initial = document.variant_id
            self.fields["pack_size"].initial = document.pack_size


def link(
    _request: HttpRequest, listing: Listing, cleaned: Mapping[str, Any], _now: datetime
) -> str:
    variant: Variant = cleaned["variant"]
    operations.link_listing(
        listing_id=listing.pk, variant_id=variant.pk, pack_size=cleaned["pack_size"]
    )
    return f"{listing} is {variant.sku} from now on."


def link_consequences(_listing: Listing) -> Sequence[str]:
    return (
        "Orders for this listing sell that variant from now on.",
        "The channel is told how many there are with the next push of stock.",
    )


def ignore(
    _request: HttpRequest, listing: Listing, _cleaned: Mapping[str, Any], _now: datetime
) -> str:
    operations.ignore_listing(listing_id=listing.pk)
    return f"{listing} is ignored from now on."


def ignore_consequences(_listing: Listing) -> Sequence[str]:
    return ("Its stock is no longer pushed.", "It counts no more among what waits to be linked.")


def can_be_ignored(listing: Listing) -> bool:
    return listing.status not in {Listing.Status.IGNORED, Listing.Status.ENDED}


@admin.register(Listing)
class ListingAdmin(ViewOnlyAdmin):
    """What each channel shows for sale, what we offer there, and what it last took over."""

    acts = (
        Act(
            name="link",
            label="Link to a variant",
            permission="channels.change_listing",
            perform=link,
            form=LinkForm,
            consequences=link_consequences,
            icon="link",
        ),
        Act(
            name="ignore",
            label="Ignore",
            permission="channels.change_listing",
            perform=ignore,
            is_offered=can_be_ignored,
            consequences=ignore_consequences,
            icon="visibility_off",
        ),
    )
    list_display = (
        "__str__",
        "title",
        "channel",
        "variant",
        "shown_status",
        "offered_quantity",
        "pushed_quantity",
        "seen_quantity",
        "seen_at",
    )
    list_select_related = ("channel", "variant")
    list_filter = ("status", "channel")
    search_fields = ("external_sku", "external_product_id", "title", "variant__sku")

    @display(
        description="Status",
        ordering="status",
        label={"UNLINKED": "warning", "PUBLISHED": "success", "ENDED": "info", "PAUSED": "info"},
    )
    def shown_status(self, listing: Listing) -> tuple[str, str]:
        return listing.status, listing.get_status_display()


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
