"""The channels themselves, in the admin: how they are reached, and what they are offered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminURLInputWidget

from channels import operations, tasks
from channels.models import Channel, Listing
from retail.common.admin import Act, ActForm, BaseAdmin


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


class ChannelRulesForm(ActForm):
    """Which part of what is free a channel is offered."""

    percent = forms.IntegerField(label="Percent", help_text="100 offers all that is free.")
    buffer = forms.IntegerField(
        label="Buffer", help_text="Units less than that, in case an order is still on its way."
    )

    def __init__(self, *args: Any, document: Channel | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is not None:
            self.fields["percent"].initial = document.offer_percent
            self.fields["buffer"].initial = document.offer_buffer


def set_channel_rules(
    _request: HttpRequest, channel: Channel, cleaned: Mapping[str, Any], _now: datetime
) -> str:
    operations.set_channel_rules(
        channel_id=channel.pk, percent=cleaned["percent"], buffer=cleaned["buffer"]
    )
    return f"{channel} is offered {cleaned['percent']} % less {cleaned['buffer']} from now on."


def channel_rules_consequences(channel: Channel) -> Sequence[str]:
    listings = Listing.objects.filter(channel=channel, variant__isnull=False).count()
    return (
        f"What is offered is worked out anew for {listings} listings, which takes about a minute.",
        "A listing with rules of its own keeps them.",
        "What is promised to orders does not change.",
    )


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
        Act(
            name="offer-rules",
            label="Change what it is offered",
            # Of those who may do so for each listing; the channel's own page is for few.
            permission="channels.change_listing",
            perform=set_channel_rules,
            form=ChannelRulesForm,
            consequences=channel_rules_consequences,
            icon="percent",
        ),
    )
    list_display = ("name", "code", "kind", "shown_mode", "currency", "has_credentials")
    list_filter = ("kind", "mode")
    search_fields = ("code", "name")
    ordering = ("name", "pk")
    autocomplete_fields = ("price_lists",)
    readonly_fields = ("offer_percent", "offer_buffer", "has_credentials")
    fieldsets = (
        (None, {"fields": ("name", "code", "kind", "mode")}),
        ("Market", {"fields": ("currency", "is_tax_included", "country", "timezone")}),
        ("Prices", {"fields": ("price_lists",)}),
        ("What it is offered", {"fields": ("offer_percent", "offer_buffer")}),
        ("From where it is sent", {"fields": (("most_places", "split_from_total"),)}),
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
