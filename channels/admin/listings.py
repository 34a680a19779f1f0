"""What each channel shows for sale, in the admin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.http import HttpRequest
from unfold.decorators import display

from catalog.models import Variant
from channels import operations
from channels.models import Listing
from retail.common.admin import Act, ActForm, ViewOnlyAdmin


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


class ListingRulesForm(ActForm):
    """Which part of what is free a listing is offered; empty leaves it to the channel."""

    percent = forms.IntegerField(
        label="Percent", required=False, help_text="Empty: the channel's share."
    )
    buffer = forms.IntegerField(
        label="Buffer", required=False, help_text="In units. Empty: the channel's buffer."
    )
    min_quantity = forms.IntegerField(
        label="Nothing below", help_text="Fewer than this are not offered at all."
    )
    max_quantity = forms.IntegerField(
        label="No more than", required=False, help_text="Empty: as many as there are."
    )
    end_at_quantity = forms.IntegerField(
        label="Sold out at", help_text="This many or fewer count as none."
    )

    def __init__(self, *args: Any, document: Listing | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is None:
            return
        self.fields["percent"].initial = document.offer_percent
        self.fields["buffer"].initial = document.offer_buffer
        for limit in ("min_quantity", "max_quantity", "end_at_quantity"):
            self.fields[limit].initial = getattr(document, limit)


def set_listing_rules(
    _request: HttpRequest, listing: Listing, cleaned: Mapping[str, Any], _now: datetime
) -> str:
    operations.set_listing_rules(
        listing_id=listing.pk,
        percent=cleaned["percent"],
        buffer=cleaned["buffer"],
        min_quantity=cleaned["min_quantity"],
        max_quantity=cleaned["max_quantity"],
        end_at_quantity=cleaned["end_at_quantity"],
    )
    return f"{listing} is offered by these rules from now on."


def listing_rules_consequences(listing: Listing) -> Sequence[str]:
    percent, buffer = listing.channel.offer_percent, listing.channel.offer_buffer
    return (
        f"A percent or buffer left empty is the channel's, {percent} % and {buffer} units.",
        f"The quantities are the channel's; one is {listing.pack_size} units of the article.",
        "What it is offered is worked out anew, which takes about a minute.",
        "What is promised to orders does not change.",
    )


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
            name="offer-rules",
            label="Change what it is offered",
            permission="channels.change_listing",
            perform=set_listing_rules,
            form=ListingRulesForm,
            consequences=listing_rules_consequences,
            icon="percent",
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
    list_filter = ("status", "channel", ("push_refused_at", admin.EmptyFieldListFilter))
    search_fields = ("external_sku", "external_product_id", "title", "variant__sku")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "channel",
                    "external_product_id",
                    "external_variant_id",
                    "external_sku",
                    "title",
                    "variant",
                    "pack_size",
                    "status",
                )
            },
        ),
        (
            "Rules of what it is offered",
            {
                "fields": (
                    "offer_percent",
                    "offer_buffer",
                    "min_quantity",
                    "end_at_quantity",
                    "max_quantity",
                )
            },
        ),
        (
            "What it is offered, and what the channel took over",
            {
                "fields": (
                    ("offered_quantity", "offered_at"),
                    ("pushed_quantity", "pushed_at"),
                    ("push_error", "push_refused_at"),
                )
            },
        ),
        ("What the channel showed last", {"fields": ("seen_quantity", "seen_price", "seen_at")}),
    )

    @display(
        description="Status",
        ordering="status",
        label={"UNLINKED": "warning", "PUBLISHED": "success", "ENDED": "info", "PAUSED": "info"},
    )
    def shown_status(self, listing: Listing) -> tuple[str, str]:
        return listing.status, listing.get_status_display()
