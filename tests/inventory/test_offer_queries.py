"""What the formula is fed with: the numbers of the tables, for every listing at once."""

from datetime import UTC, datetime, timedelta

import pytest

from channels.models import Listing
from inventory.models import ChannelReserve, Location
from inventory.operations import (
    allocate_levels,
    allocate_stock,
    release_allocation,
    ship_allocated,
)
from inventory.queries import channel_offers, offers
from tests.factories.catalog import BundleComponentFactory, VariantFactory
from tests.factories.channels import ChannelFactory, ListingFactory
from tests.factories.inventory import STOCKED_AT, LocationFactory, promise, stock
from tests.factories.inventory_offers import (
    ChannelReserveFactory,
    ChannelStockSourceFactory,
    SafetyStockFactory,
)

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def offer(listing, at=AT):
    return offers(listings=[listing], at=at)[listing.pk]


def quantity(listing, at=AT):
    return offer(listing, at=at).quantity


def term(listing, step):
    (found,) = (row for row in offer(listing).rows() if row["step"] == step)
    return found


def test_two_channels_of_one_article_are_offered_what_their_rules_leave():
    """On hand 10, promised 3, safety 1, 2 kept for Allegro, which is offered 6, the web shop 1."""
    level = stock(units=10)
    promise(level=level, units=3)
    SafetyStockFactory(variant=level.variant, units=1)
    web = ChannelFactory(offer_percent=80, offer_buffer=1)
    allegro = ChannelFactory(name="Allegro")
    ChannelReserveFactory(variant=level.variant, channel=allegro, units=2)
    at_web = ListingFactory(variant=level.variant, channel=web, pack_size=2)
    at_allegro = ListingFactory(variant=level.variant, channel=allegro)

    found = offers(listings=[at_web, at_allegro], at=AT)

    assert {pk: [term.left for term in worked.terms] for pk, worked in found.items()} == {
        at_web.pk: [7, 6, 4, 4, 3, 2, 1, 1],
        at_allegro.pk: [7, 6, 6, 6, 6, 6, 6, 6],
    }
    assert term(at_web, "FREE")["places"] == [
        {"location": level.location.name, "on_hand": 10, "promised": 3, "floor": 0, "free": 7}
    ]
    assert term(at_web, "OTHER_RESERVES")["reserves"] == [{"channel": "Allegro", "units": 2}]
    assert term(at_allegro, "OWN_RESERVE")["figure"] == 2


def test_rules_of_the_listing_stand_before_those_of_its_channel():
    channel = ChannelFactory(offer_percent=50, offer_buffer=3)
    level = stock(units=10)

    by_channel = ListingFactory(variant=level.variant, channel=channel)
    by_itself = ListingFactory(
        variant=level.variant, channel=channel, offer_percent=100, offer_buffer=0
    )

    assert (quantity(by_channel), quantity(by_itself)) == (2, 10)


def test_channel_without_places_sells_from_every_place_that_ships():
    warehouse = stock(units=10)
    promise(level=warehouse, units=4)
    variant = warehouse.variant
    store = LocationFactory(kind=Location.Kind.STORE, walk_in_floor=2)
    stock(units=5, variant=variant, location=store, reference="GR-2")
    for number, changes in enumerate(
        [
            {"kind": Location.Kind.STORE},
            {"kind": Location.Kind.QUARANTINE},
            {"kind": Location.Kind.TRANSIT},
        ]
    ):
        place = LocationFactory(is_shipping=False, **changes)
        stock(units=50, variant=variant, location=place, reference=f"GR-{number + 3}")

    assert quantity(ListingFactory(variant=variant)) == 6 + 3


def test_channel_with_places_sells_from_them_alone_but_never_what_is_on_the_road():
    elsewhere = stock(units=10)
    listing = ListingFactory(variant=elsewhere.variant)
    store = LocationFactory(kind=Location.Kind.STORE, is_shipping=False)
    transit = LocationFactory(kind=Location.Kind.TRANSIT, is_shipping=False)
    stock(units=3, variant=elsewhere.variant, location=store, reference="GR-2")
    stock(units=50, variant=elsewhere.variant, location=transit, reference="GR-3")

    ChannelStockSourceFactory(channel=listing.channel, location=transit)
    only_on_the_road = quantity(listing)
    ChannelStockSourceFactory(channel=listing.channel, location=store)

    assert only_on_the_road == 0
    assert quantity(listing) == 3


def remaining(reserve):
    rows = ChannelReserve.objects.with_remaining().filter(pk=reserve.pk)
    return rows.values_list("remaining", flat=True).get()


def test_promises_of_its_channel_use_a_reserve_up_and_what_is_given_back_fills_it():
    level = stock(units=20)
    reserve = ChannelReserveFactory(variant=level.variant, units=5, starts_at=STOCKED_AT)
    place, units = level.location, {level.variant_id: 2}

    history = [remaining(reserve)]
    (kept,) = allocate_stock(
        location=place, units=units, reference="SO-1", at=AT, channel=reserve.channel
    )
    history.append(remaining(reserve))
    (sent,) = allocate_levels(units={level: 2}, reference="SO-2", at=AT, channel=reserve.channel)
    ship_allocated(units={sent.pk: 2}, reference="FU-1", at=AT)
    history.append(remaining(reserve))
    release_allocation(units={kept.pk: 1}, at=AT)
    history.append(remaining(reserve))

    assert history == [5, 3, 1, 2]


def test_reserve_is_used_up_by_nobody_elses_promises_nor_earlier_ones():
    level = stock(units=20)
    reserve = ChannelReserveFactory(variant=level.variant, units=5, starts_at=AT)
    channel = reserve.channel
    other = stock(units=5, reference="GR-2")

    def take(level, reference, at, channel):
        allocate_stock(
            location=level.location,
            units={level.variant_id: 1},
            reference=reference,
            at=at,
            channel=channel,
        )

    take(level, "no channel", AT, None)
    take(level, "another channel", AT, ChannelFactory())
    take(level, "too early", AT - timedelta(seconds=1), channel)
    take(other, "another article", AT, channel)
    nothing_used = remaining(reserve)
    for number in range(7):
        take(level, f"SO-{number}", AT, channel)

    assert nothing_used == 5
    assert remaining(reserve) == 0


@pytest.mark.parametrize(
    ("starts", "ends", "kept"),
    [(0, None, 4), (1, None, 0), (-2, 1, 4), (-2, 0, 0), (-2, -1, 0)],
)
def test_reserve_is_kept_from_its_first_moment_until_it_is_over(starts, ends, kept):
    level = stock(units=10)
    ChannelReserveFactory(
        variant=level.variant,
        units=4,
        starts_at=AT + timedelta(hours=starts),
        ends_at=None if ends is None else AT + timedelta(hours=ends),
    )

    assert quantity(ListingFactory(variant=level.variant)) == 10 - kept


def test_bundle_is_offered_as_its_components_allow():
    cups, saucers = stock(units=14), stock(units=40, reference="GR-2")
    part = BundleComponentFactory(component=cups.variant, units=4)
    BundleComponentFactory(bundle=part.bundle, component=saucers.variant, units=4)
    SafetyStockFactory(variant=cups.variant, units=1)
    listing = ListingFactory(variant=part.bundle)

    assert quantity(listing) == 3
    articles = {row["article"] for row in offer(listing).rows() if "article" in row}
    assert articles == {cups.variant.sku, saucers.variant.sku}


def test_bundle_with_a_component_nobody_ever_had_is_not_offered():
    part = BundleComponentFactory(component=stock().variant)
    BundleComponentFactory(bundle=part.bundle)

    assert quantity(ListingFactory(variant=part.bundle)) == 0


def test_article_no_longer_dealt_in_is_not_offered():
    level = stock()
    level.variant.is_active = False
    level.variant.save()

    assert quantity(ListingFactory(variant=level.variant)) == 0


def test_what_has_no_number_is_left_out():
    postage = ListingFactory(variant=VariantFactory(is_stocked=False))
    unlinked = ListingFactory(variant=None, status=Listing.Status.UNLINKED)

    assert offers(listings=[postage, unlinked], at=AT) == {}


def test_offers_cost_the_same_for_one_and_for_many(django_assert_num_queries):
    listings = [ListingFactory(variant=stock(reference=f"GR-{n}").variant) for n in range(3)]

    with django_assert_num_queries(7):
        offers(listings=listings[:1], at=AT)
    with django_assert_num_queries(7):
        offers(listings=listings, at=AT)


def test_channel_offers_tell_what_a_channel_would_be_offered_of_what_it_does_not_list():
    level, channel = stock(units=10), ChannelFactory(offer_percent=50)
    postage = VariantFactory(is_stocked=False)

    found = channel_offers(channel=channel, variant_ids=[level.variant_id, postage.pk, 4711], at=AT)

    assert {pk: worked.quantity for pk, worked in found.items()} == {level.variant_id: 5}
