"""The rules by which channels and listings are offered a part of what there is."""

from __future__ import annotations

from django.db import transaction

from channels.models import Channel, Listing
from retail.common.errors import BusinessError

WHOLE = 100
MOST = 1_000_000


class BadOfferRule(BusinessError):
    """A share that is none, or a number of units or packs below zero or beyond reason."""


@transaction.atomic
def set_channel_rules(*, channel_id: int, percent: int, buffer: int) -> Channel:
    """
    Say which share of what is free a channel is offered, and how many units less than that.

    Every listing of the channel is worked out anew soon after, by a note of the database's own.

    :raises BadOfferRule: not 0 to 100 percent, or a buffer below zero.
    """
    _require_share(percent)
    _require_count("buffer", buffer)
    channel = Channel.objects.select_for_update(of=("self",), no_key=True).get(pk=channel_id)
    channel.offer_percent = percent
    channel.offer_buffer = buffer
    channel.save(update_fields=["offer_percent", "offer_buffer"])
    return channel


@transaction.atomic
def set_listing_rules(
    *,
    listing_id: int,
    percent: int | None,
    buffer: int | None,
    min_quantity: int,
    max_quantity: int | None,
    end_at_quantity: int,
) -> Listing:
    """
    Say what a listing is offered of what there is; None leaves it to the channel, or unlimited.

    buffer: units of the variant. The quantities are the channel's packs. The listing is worked
    out anew soon after, by a note of the database's own.

    :raises BadOfferRule: not 0 to 100 percent, or a number below zero.
    """
    if percent is not None:
        _require_share(percent)
    for name, count in (
        ("buffer", buffer),
        ("smallest quantity", min_quantity),
        ("largest quantity", max_quantity),
        ("last quantity", end_at_quantity),
    ):
        if count is not None:
            _require_count(name, count)
    listing = Listing.objects.for_update().get(pk=listing_id)
    listing.offer_percent = percent
    listing.offer_buffer = buffer
    listing.min_quantity = min_quantity
    listing.max_quantity = max_quantity
    listing.end_at_quantity = end_at_quantity
    listing.save(
        update_fields=[
            "offer_percent",
            "offer_buffer",
            "min_quantity",
            "max_quantity",
            "end_at_quantity",
        ]
    )
    return listing


def _require_share(percent: int) -> None:
    if not 0 <= percent <= WHOLE:
        raise BadOfferRule(f"A share is 0 to 100 percent, not {percent}.", percent=percent)


def _require_count(name: str, count: int) -> None:
    if not 0 <= count < MOST:
        raise BadOfferRule(f"The {name} is 0 to {MOST - 1:,}, not {count:,}.", count=count)
