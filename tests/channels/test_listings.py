"""What channels show for sale, and the variants it is linked to."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from channels.connectors.base import RemoteListing
from channels.models import Listing
from channels.operations import (
    BadPackSize,
    RecordedListings,
    end_listings,
    ignore_listing,
    link_listing,
    record_listings,
)
from retail.common.errors import WrongStatus
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory, ListingFactory

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)

pytestmark = pytest.mark.django_db


def shown(product_id: str = "p", **changes) -> RemoteListing:
    said = {
        "external_product_id": product_id,
        "external_variant_id": "",
        "sku": "MUG",
        "gtin": "",
        "title": "A mug",
        "quantity": 3,
        "price": Decimal("4.50"),
    }
    return RemoteListing(**{**said, **changes})


def test_listing_without_a_variant_of_ours_is_kept_unlinked():
    channel = ChannelFactory()

    result = record_listings(channel=channel, seen=[shown()], at=NOON)

    listing = Listing.objects.get()
    assert result == RecordedListings(created=1, linked=0)
    assert (listing.external_product_id, listing.external_variant_id) == ("p", None)
    assert (listing.external_sku, listing.title) == ("MUG", "A mug")
    assert (listing.seen_quantity, listing.seen_price) == (3, Decimal("4.50"))
    assert (listing.status, listing.seen_at) == (Listing.Status.UNLINKED, NOON)


def test_listing_is_linked_by_its_sku():
    mug = VariantFactory(sku="mug")

    result = record_listings(channel=ChannelFactory(), seen=[shown()], at=NOON)

    listing = Listing.objects.get()
    assert result == RecordedListings(created=1, linked=1)
    assert (listing.variant_id, listing.status) == (mug.pk, Listing.Status.PUBLISHED)


def test_listing_recorded_twice_is_one():
    channel = ChannelFactory()
    VariantFactory(sku="MUG")
    record_listings(channel=channel, seen=[shown()], at=NOON)

    result = record_listings(channel=channel, seen=[shown()], at=NOON)

    assert result == RecordedListings(created=0, linked=0)
    assert Listing.objects.count() == 1


def test_listing_keeps_its_link_when_the_sku_changes_on_the_channel():
    listing = ListingFactory(external_product_id="p")
    VariantFactory(sku="MUG")

    record_listings(channel=listing.channel, seen=[shown(quantity=-2)], at=NOON)

    variant_id = listing.variant_id
    listing.refresh_from_db()
    assert listing.variant_id == variant_id
    assert (listing.external_sku, listing.seen_quantity) == ("MUG", -2)


def test_listing_with_more_text_than_we_keep_is_cut():
    record_listings(channel=ChannelFactory(), seen=[shown(title="t" * 400, sku="s" * 200)], at=NOON)

    listing = Listing.objects.get()
    assert (len(listing.title), len(listing.external_sku)) == (300, 100)


@pytest.mark.parametrize("count", [1, 3, 30])
def test_queries_do_not_grow_with_the_listings(count, django_assert_num_queries):
    channel = ChannelFactory()
    seen = [
        shown(f"p{number}", sku=variant.sku)
        for number, variant in enumerate(VariantFactory.create_batch(count))
    ]

    # Savepoint and its release; what is known, insert, what is there now, lock, update; SKUs; lock
    # and update of those that were linked.
    with django_assert_num_queries(10):
        record_listings(channel=channel, seen=seen, at=NOON)


def test_end_ends_what_a_complete_reading_did_not_show():
    gone, never_shown = ListingFactory(seen_at=NOON), ListingFactory(seen_at=None)
    channel = gone.channel
    Listing.objects.filter(pk=never_shown.pk).update(channel=channel)
    ListingFactory(channel=channel, seen_at=LATER)
    newest = ListingFactory(seen_at=NOON)
    named_meanwhile = ListingFactory(channel=channel, seen_at=None)
    reading = {"channel": channel, "not_seen_since": LATER, "up_to_id": newest.pk}

    assert end_listings(**reading) == 2
    assert end_listings(**reading) == 0

    ended = Listing.objects.filter(status=Listing.Status.ENDED)
    assert set(ended) == {gone, never_shown}
    named_meanwhile.refresh_from_db()
    assert named_meanwhile.status == Listing.Status.PUBLISHED


def test_listing_that_had_ended_is_for_sale_again_when_it_is_shown():
    listing = ListingFactory(external_product_id="p", status=Listing.Status.ENDED)

    record_listings(channel=listing.channel, seen=[shown()], at=NOON)

    listing.refresh_from_db()
    assert listing.status == Listing.Status.PUBLISHED


def test_link_says_which_variant_it_is_and_forgets_what_was_pushed():
    listing = ListingFactory(
        offered_quantity=4,
        offered_at=NOON,
        pushed_quantity=4,
        pushed_at=NOON,
        push_error="Archived",
        push_refused_at=NOON,
    )
    crate = VariantFactory()

    link_listing(listing_id=listing.pk, variant_id=crate.pk, pack_size=6)
    link_listing(listing_id=listing.pk, variant_id=crate.pk, pack_size=6)

    listing.refresh_from_db()
    assert (listing.variant_id, listing.pack_size) == (crate.pk, 6)
    assert (listing.offered_quantity, listing.offered_at) == (None, None)
    assert (listing.pushed_quantity, listing.pushed_at) == (None, None)
    assert (listing.push_error, listing.push_refused_at) == ("", None)


def test_link_again_forgets_nothing():
    listing = ListingFactory(pushed_quantity=4, pushed_at=NOON)

    link_listing(listing_id=listing.pk, variant_id=listing.variant_id, pack_size=1)

    listing.refresh_from_db()
    assert listing.pushed_quantity == 4


@pytest.mark.parametrize("pack_size", [0, -1])
def test_link_of_fewer_than_one_unit_is_refused(pack_size):
    listing = ListingFactory()
    before = Listing.objects.values().get()

    with pytest.raises(BadPackSize):
        link_listing(listing_id=listing.pk, variant_id=listing.variant_id, pack_size=pack_size)

    assert Listing.objects.values().get() == before


def test_ignore_takes_a_listing_out_of_our_hands():
    listing = ListingFactory(variant=None, status=Listing.Status.UNLINKED)

    ignore_listing(listing_id=listing.pk)
    ignore_listing(listing_id=listing.pk)

    listing.refresh_from_db()
    assert listing.status == Listing.Status.IGNORED


def test_ignore_of_a_listing_that_has_ended_is_refused():
    listing = ListingFactory(status=Listing.Status.ENDED)

    with pytest.raises(WrongStatus, match="has ended"):
        ignore_listing(listing_id=listing.pk)

    listing.refresh_from_db()
    assert listing.status == Listing.Status.ENDED


def test_link_leaves_a_trace_of_what_it_was_before():
    listing = ListingFactory(pack_size=1)
    before = listing.variant_id

    link_listing(listing_id=listing.pk, variant_id=VariantFactory().pk, pack_size=6)

    trace = listing.variant_pack_size_status_events.get()
    assert (trace.variant_id, trace.pack_size, trace.status) == (before, 1, "PUBLISHED")


def test_what_a_channel_shows_leaves_no_trace():
    listing = ListingFactory(external_product_id="p")

    record_listings(channel=listing.channel, seen=[shown(quantity=1)], at=NOON)

    assert not listing.variant_pack_size_status_events.exists()
