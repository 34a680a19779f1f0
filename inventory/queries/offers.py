"""What channels are offered: the formula of `inventory.offering`, fed from the tables at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from catalog.models import Variant
from catalog.queries import components_of
from channels.models import Channel, Listing
from inventory.models import (
    ChannelReserve,
    ChannelStockSource,
    Location,
    SafetyStock,
    StockLevel,
)
from inventory.offering import (
    Offer,
    Part,
    PlaceStock,
    Reserve,
    Rules,
    Supply,
    offer_of_article,
    offer_of_bundle,
)


def offers(*, listings: Collection[Listing], at: datetime) -> dict[int, Offer]:
    """
    Return listing id -> what it is offered at this moment, and why.

    A listing is left out when it has no variant, or one that is neither kept in stock nor made of
    components: there is no number of postage. The number of queries is the same for any number of
    listings.
    """
    linked = [listing for listing in listings if listing.variant_id is not None]
    channel_ids = {listing.channel_id for listing in linked}
    shares = {
        pk: (percent, buffer)
        for pk, percent, buffer in Channel.objects.filter(pk__in=channel_ids).values_list(
            "pk", "offer_percent", "offer_buffer"
        )
    }
    stock = _read_stock(
        channel_ids=channel_ids,
        variant_ids={listing.variant_id for listing in linked if listing.variant_id},
        at=at,
    )
    found: dict[int, Offer] = {}
    for listing in linked:
        if listing.variant_id is None or not stock.is_countable(listing.variant_id):
            continue
        percent, buffer = shares[listing.channel_id]
        rules = Rules(
            percent=percent if listing.offer_percent is None else listing.offer_percent,
            buffer=buffer if listing.offer_buffer is None else listing.offer_buffer,
            pack_size=listing.pack_size,
            min_quantity=listing.min_quantity,
            end_at_quantity=listing.end_at_quantity,
            max_quantity=listing.max_quantity,
        )
        found[listing.pk] = stock.offer(listing.channel_id, listing.variant_id, rules)
    return found


def channel_offers(
    *, channel: Channel, variant_ids: Collection[int], at: datetime
) -> dict[int, Offer]:
    """
    Return variant id -> what a channel would be offered of it, listed there or not.

    By the channel's own rules, in units of the variant. Left out is what `offers` leaves out.
    """
    stock = _read_stock(channel_ids=[channel.pk], variant_ids=variant_ids, at=at)
    rules = Rules(percent=channel.offer_percent, buffer=channel.offer_buffer)
    return {
        variant_id: stock.offer(channel.pk, variant_id, rules)
        for variant_id in variant_ids
        if stock.is_countable(variant_id)
    }


@dataclass(frozen=True, slots=True)
class _Place:
    """Stock at a location, and whether a channel without places of its own sells from there."""

    location_id: int
    is_shipping: bool
    stock: PlaceStock


@dataclass(frozen=True, slots=True)
class _Article:
    sku: str
    is_stocked: bool
    is_active: bool


@dataclass(frozen=True)
class _Stock:
    """All that the formula needs of some variants and channels, by their ids."""

    articles: dict[int, _Article]
    components: dict[int, dict[int, int]]
    places: dict[int, list[_Place]]
    safety_stock: dict[int, int]
    reserves: dict[int, list[tuple[int, Reserve]]]
    sources: dict[int, set[int]]

    def is_countable(self, variant_id: int) -> bool:
        article = self.articles.get(variant_id)
        return article is not None and (article.is_stocked or variant_id in self.components)

    def offer(self, channel_id: int, variant_id: int, rules: Rules) -> Offer:
        components = self.components.get(variant_id)
        if components is None:
            return offer_of_article(supply=self._supply(channel_id, variant_id), rules=rules)
        parts = [
            Part(self._supply(channel_id, component_id), units)
            for component_id, units in components.items()
        ]
        return offer_of_bundle(
            parts=parts, rules=rules, is_active=self.articles[variant_id].is_active
        )

    def _supply(self, channel_id: int, variant_id: int) -> Supply:
        sources = self.sources.get(channel_id)
        reserves = self.reserves.get(variant_id, [])
        return Supply(
            sku=self.articles[variant_id].sku,
            is_active=self.articles[variant_id].is_active,
            places=tuple(
                place.stock
                for place in self.places.get(variant_id, ())
                if (place.is_shipping if sources is None else place.location_id in sources)
            ),
            safety_stock=self.safety_stock.get(variant_id, 0),
            own_reserve=sum(kept.units for owner, kept in reserves if owner == channel_id),
            other_reserves=tuple(kept for owner, kept in reserves if owner != channel_id),
        )


def _read_stock(
    *, channel_ids: Collection[int], variant_ids: Collection[int], at: datetime
) -> _Stock:
    components = components_of(variant_ids)
    counted = {*variant_ids, *(pk for parts in components.values() for pk in parts)}
    articles = Variant.objects.filter(pk__in=counted)
    return _Stock(
        articles={
            pk: _Article(sku, is_stocked, is_active)
            for pk, sku, is_stocked, is_active in articles.values_list(
                "pk", "sku", "is_stocked", "is_active"
            )
        },
        components=components,
        places=_places(counted),
        safety_stock=dict(
            SafetyStock.objects.filter(variant_id__in=counted).values_list("variant_id", "units")
        ),
        reserves=_reserves(counted, at),
        sources=_sources(channel_ids),
    )


def _places(variant_ids: Iterable[int]) -> dict[int, list[_Place]]:
    """Return variant id -> where it lies; goods on the road or set apart are nobody's to sell."""
    places: dict[int, list[_Place]] = defaultdict(list)
    rows = (
        StockLevel.objects.filter(
            variant_id__in=variant_ids,
            location__kind__in=[Location.Kind.WAREHOUSE, Location.Kind.STORE],
        )
        .order_by("location__priority", "location__code")
        .values_list(
            "variant_id",
            "location_id",
            "location__is_shipping",
            "location__name",
            "on_hand",
            "allocated",
            "location__walk_in_floor",
        )
    )
    for variant_id, location_id, is_shipping, name, on_hand, allocated, floor in rows:
        stock = PlaceStock(location=name, on_hand=on_hand, allocated=allocated, floor=floor)
        places[variant_id].append(_Place(location_id, is_shipping, stock))
    return places


def _reserves(variant_ids: Iterable[int], at: datetime) -> dict[int, list[tuple[int, Reserve]]]:
    """Return variant id -> (channel id, what is left of its reserve) where anything is left."""
    reserves: dict[int, list[tuple[int, Reserve]]] = defaultdict(list)
    rows = (
        ChannelReserve.objects.live(at)
        .with_remaining()
        .filter(variant_id__in=variant_ids)
        .order_by("channel__name", "channel_id")
        .values_list("variant_id", "channel_id", "channel__name", "remaining")  # type: ignore[misc]  # annotated just above
    )
    for variant_id, channel_id, name, remaining in rows:
        if remaining:
            reserves[variant_id].append((channel_id, Reserve(channel=name, units=remaining)))
    return reserves


def _sources(channel_ids: Iterable[int]) -> dict[int, set[int]]:
    """Return channel id -> the locations it sells from, of the channels that name any."""
    sources: dict[int, set[int]] = defaultdict(set)
    rows = ChannelStockSource.objects.filter(channel_id__in=channel_ids)
    for channel_id, location_id in rows.values_list("channel_id", "location_id"):
        sources[channel_id].add(location_id)
    return sources
