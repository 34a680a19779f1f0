from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from catalog.models import BundleComponent, Variant
from channels.connectors.base import PushResult
from channels.models import Channel, Listing
from inventory.models import (
    AvailabilityChange,
    AvailabilitySnapshot,
    ChannelReserve,
    ChannelStockSource,
    Location,
)
from inventory.operations import (
    allocate_stock,
    forget_offers,
    note_all_listings,
    record_pushed,
    work_out_offers,
)
from inventory.queries import differences
from retail.common.integrity import Difference
from tests.factories.catalog import BundleComponentFactory
from tests.factories.channels import ChannelFactory, ListingFactory
from tests.factories.inventory import promise, stock
from tests.factories.inventory_offers import (
    ChannelReserveFactory,
    ChannelStockSourceFactory,
    offer,
)

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
DAY = timedelta(days=1)


def offer_of(listing):
    return Listing.objects.values_list("offered_quantity", "offered_at").get(pk=listing.pk)


def snapshots_of(listing):
    rows = AvailabilitySnapshot.objects.filter(listing=listing).order_by("pk")
    return list(rows.values_list("quantity", "computed_at"))


def test_work_out_offers_counts_in_packs_of_the_listing():
    level = stock(units=17)
    single = ListingFactory(variant=level.variant)
    by_six = ListingFactory(variant=level.variant, pack_size=6)

    used = work_out_offers(limit=100, at=AT)

    assert used == 1
    assert offer_of(single) == (17, AT)
    assert offer_of(by_six) == (2, AT)
    assert not AvailabilityChange.objects.exists()


def test_work_out_offers_again_changes_nothing():
    listing = ListingFactory(variant=stock(units=17).variant)
    work_out_offers(limit=100, at=AT)

    assert work_out_offers(limit=100, at=LATER) == 0
    assert offer_of(listing) == (17, AT)
    assert snapshots_of(listing) == [(17, AT)]


def test_work_out_offers_keeps_the_terms_behind_the_figure():
    level = stock(units=17)
    listing = ListingFactory(variant=level.variant, pack_size=6, offer_percent=50)

    work_out_offers(limit=100, at=AT)

    snapshot = AvailabilitySnapshot.objects.get()
    assert (snapshot.listing_id, snapshot.quantity, snapshot.computed_at) == (listing.pk, 1, AT)
    assert [(term["step"], term["left"]) for term in snapshot.terms] == [
        ("FREE", 17),
        ("SAFETY_STOCK", 17),
        ("OTHER_RESERVES", 17),
        ("OWN_RESERVE", 17),
        ("SHARE", 8),
        ("BUFFER", 8),
        ("PACKS", 1),
        ("OFFERED", 1),
    ]


def test_work_out_offers_keeps_new_terms_only_where_they_are_others():
    level = stock(units=17)
    listing = ListingFactory(variant=level.variant, max_quantity=5)
    work_out_offers(limit=100, at=AT)
    note_all_listings(at=AT)
    work_out_offers(limit=100, at=LATER)
    same_terms = snapshots_of(listing)
    promise(level=level, units=1)
    work_out_offers(limit=100, at=LATER)

    assert same_terms == [(5, AT)]
    assert snapshots_of(listing) == [(5, AT), (5, LATER)]
    assert offer_of(listing) == (5, LATER)


def test_work_out_offers_serves_a_listing_that_never_offered_anything():
    level = stock(units=17)
    AvailabilityChange.objects.all().delete()
    linked_later = ListingFactory(variant=level.variant)

    work_out_offers(limit=100, at=AT)

    assert offer_of(linked_later) == (17, AT)


def test_work_out_offers_takes_no_more_notes_than_asked():
    stock(), stock(), stock()

    assert [work_out_offers(limit=2, at=AT) for _ in range(3)] == [2, 1, 0]


def test_work_out_offers_wakes_the_bundles_of_a_component():
    level = stock(units=10)
    part = BundleComponentFactory(component=level.variant, units=2)
    bundle = ListingFactory(variant=part.bundle)
    work_out_offers(limit=100, at=AT)

    promise(level=level, units=3)
    work_out_offers(limit=100, at=LATER)

    assert snapshots_of(bundle) == [(5, AT), (3, LATER)]
    assert offer_of(bundle) == (3, LATER)


@pytest.mark.parametrize("mode", Channel.Mode.values)
def test_work_out_offers_says_what_would_be_offered_in_every_mode(mode):
    listing = ListingFactory(variant=stock(units=7).variant, channel=ChannelFactory(mode=mode))

    work_out_offers(limit=100, at=AT)

    assert offer_of(listing) == (7, AT)


@pytest.mark.parametrize(
    "changes",
    [{"status": Listing.Status.ENDED}, {"status": Listing.Status.IGNORED}],
)
def test_work_out_offers_passes_over_what_is_not_for_sale(changes):
    listing = ListingFactory(variant=stock().variant, **changes)

    work_out_offers(limit=100, at=AT)

    assert offer_of(listing) == (None, None)


def test_work_out_offers_passes_over_what_has_no_number():
    level = stock()
    level.variant.is_stocked = False
    level.variant.save()
    listing = ListingFactory(variant=level.variant)

    work_out_offers(limit=100, at=AT)

    assert offer_of(listing) == (None, None)
    assert snapshots_of(listing) == []


def test_work_out_offers_takes_back_the_offer_of_what_has_no_number_any_more():
    listing = offer().listing

    type(listing.variant).objects.update(is_stocked=False)
    work_out_offers(limit=100, at=LATER)

    assert offer_of(listing) == (None, None)


def test_offer_follows_a_reserve_that_begins_and_ends_by_the_clock():
    """Nobody writes a note at that moment: the run after it looks for itself."""
    level = stock(units=10)
    listing = ListingFactory(variant=level.variant)
    part = BundleComponentFactory(component=level.variant)
    bundle = ListingFactory(variant=part.bundle)
    ChannelReserveFactory(
        variant=level.variant, units=4, starts_at=LATER, ends_at=LATER + timedelta(hours=1)
    )

    for hour in range(4):
        work_out_offers(limit=100, at=AT + timedelta(hours=hour))

    assert [quantity for quantity, _ in snapshots_of(listing)] == [10, 6, 10]
    assert [quantity for quantity, _ in snapshots_of(bundle)] == [10, 6, 10]
    assert offer_of(listing) == (10, AT + timedelta(hours=2))


def after(change, *listings):
    """Return what listings offer once a change has left its note and that was worked out."""
    work_out_offers(limit=100, at=AT)
    AvailabilityChange.objects.all().delete()
    change()
    work_out_offers(limit=100, at=LATER)
    return [offer_of(listing)[0] for listing in listings]


def rows_of(model, **filters):
    return model.objects.filter(**filters)


@pytest.mark.parametrize(
    ("change", "offered"),
    [
        ({"is_shipping": False}, 0),
        ({"walk_in_floor": 4}, 6),
        ({"kind": Location.Kind.STORE}, 10),
        ({"walk_in_floor": 40}, 0),
    ],
)
def test_offer_follows_the_location(change, offered):
    level = stock(units=10)
    listing = ListingFactory(variant=level.variant)
    place = rows_of(Location, pk=level.location_id)

    assert after(lambda: place.update(**change), listing) == [offered]


def test_location_that_stops_shipping_is_still_sold_from_by_who_names_it():
    level = stock(units=10)
    anywhere, named = ListingFactory(variant=level.variant), ListingFactory(variant=level.variant)
    ChannelStockSourceFactory(channel=named.channel, location=level.location)
    place = rows_of(Location, pk=level.location_id)

    assert after(lambda: place.update(is_shipping=False), anywhere, named) == [0, 10]


def test_offer_follows_the_places_of_its_channel():
    level = stock(units=10)
    listing = ListingFactory(variant=level.variant)

    elsewhere = after(lambda: ChannelStockSourceFactory(channel=listing.channel), listing)
    everywhere = after(rows_of(ChannelStockSource).delete, listing)

    assert (elsewhere, everywhere) == ([0], [10])


def test_offer_follows_an_article_that_is_given_up_and_taken_up_again():
    level = stock(units=10)
    part = BundleComponentFactory(component=level.variant, units=2)
    single, bundle = ListingFactory(variant=level.variant), ListingFactory(variant=part.bundle)
    article = rows_of(Variant, pk=level.variant_id)

    given_up = after(lambda: article.update(is_active=False), single, bundle)
    taken_up = after(lambda: article.update(is_active=True), single, bundle)
    no_bundle = after(
        lambda: rows_of(Variant, pk=part.bundle_id).update(is_active=False), single, bundle
    )

    assert (given_up, taken_up, no_bundle) == ([0, 0], [10, 5], [10, 0])


def test_offer_of_a_bundle_follows_its_components():
    cups, saucers = stock(units=10), stock(units=3, reference="GR-2")
    part = BundleComponentFactory(component=cups.variant, units=2)
    bundle = ListingFactory(variant=part.bundle)
    parts = rows_of(BundleComponent, bundle=part.bundle)

    def give_a_saucer():
        BundleComponentFactory(bundle=part.bundle, component=saucers.variant, units=1)

    history = [
        after(lambda: parts.update(units=5), bundle),
        after(lambda: parts.update(units=1), bundle),
        after(give_a_saucer, bundle),
        after(lambda: parts.filter(component=saucers.variant).delete(), bundle),
        after(parts.delete, bundle),
    ]

    assert history == [[2], [10], [3], [10], [None]]


@pytest.mark.parametrize(
    ("rules", "offered"),
    [
        ({"pack_size": 11}, 0),
        ({"pack_size": 10}, 1),
        ({"pack_size": 3}, 3),
        ({"offer_percent": 0}, 0),
        ({"offer_buffer": 11}, 0),
        ({"max_quantity": 0}, 0),
        ({"min_quantity": 11}, 0),
        ({"end_at_quantity": 10}, 0),
        ({"pack_size": 2, "end_at_quantity": 4}, 5),
    ],
)
def test_offer_follows_the_rules_of_its_listing(rules, offered):
    listing = ListingFactory(variant=stock(units=10).variant)

    assert after(lambda: rows_of(Listing, pk=listing.pk).update(**rules), listing) == [offered]


def test_offer_follows_the_reserves_of_its_own_channel_and_of_others():
    level = stock(units=10)
    web = ListingFactory(variant=level.variant, offer_percent=50)
    market = ListingFactory(variant=level.variant, offer_percent=50)

    def keep(**changes):
        ChannelReserveFactory(**{"variant": level.variant, "channel": market.channel} | changes)

    reserves = rows_of(ChannelReserve)
    history = [
        after(lambda: keep(units=4), web, market),
        after(lambda: reserves.update(units=20), web, market),
        after(lambda: reserves.update(ends_at=AT), web, market),
        after(lambda: reserves.update(ends_at=None, starts_at=LATER + DAY), web, market),
        after(reserves.delete, web, market),
    ]

    assert history == [[3, 7], [0, 10], [5, 5], [5, 5], [5, 5]]


def test_offer_of_others_does_not_move_while_a_channel_sells_what_is_kept_for_it():
    """The promise takes as much off the free stock as off what is left of the reserve."""
    level = stock(units=10)
    web, market = ListingFactory(variant=level.variant), ListingFactory(variant=level.variant)
    ChannelReserveFactory(variant=level.variant, channel=market.channel, units=4)

    def sell(units, reference):
        allocate_stock(
            location=level.location,
            units={level.variant_id: units},
            reference=reference,
            at=AT,
            channel=market.channel,
        )

    before = after(lambda: None, web, market)
    within = after(lambda: sell(3, "SO-1"), web, market)
    beyond = after(lambda: sell(3, "SO-2"), web, market)

    assert (before, within, beyond) == ([6, 10], [6, 7], [4, 4])


def test_movement_and_promise_leave_their_note_with_their_transaction():
    level = stock(units=10)
    ListingFactory(variant=level.variant)
    AvailabilityChange.objects.all().delete()

    with transaction.atomic():
        stock(variant=level.variant, location=level.location, reference="GR-2")
        promise(level=level)
        noted = list(AvailabilityChange.objects.values_list("variant", flat=True))
        transaction.set_rollback(True)

    assert noted == [level.variant_id, level.variant_id]
    assert not AvailabilityChange.objects.exists()


def test_work_out_offers_costs_the_same_for_one_and_for_many_listings(
    django_assert_num_queries,
):
    channel = ChannelFactory()
    level = stock()
    ListingFactory(variant=level.variant, channel=channel)
    with django_assert_num_queries(18):
        work_out_offers(limit=100, at=AT)

    for number in range(5):
        other = stock(reference=f"GR-{number + 2}")
        ListingFactory(variant=other.variant)
        BundleComponentFactory(component=other.variant)
        ChannelReserveFactory(variant=other.variant)

    with django_assert_num_queries(18):
        work_out_offers(limit=100, at=LATER)


def test_note_all_listings_notes_each_variant_for_sale_once():
    level = stock()
    ListingFactory(variant=level.variant), ListingFactory(variant=level.variant)
    ListingFactory(variant=stock(reference="GR-2").variant, status=Listing.Status.ENDED)
    ListingFactory(variant=None, status=Listing.Status.UNLINKED)
    AvailabilityChange.objects.all().delete()

    noted = [note_all_listings(at=AT), note_all_listings(at=LATER)]

    assert noted == [1, 0]
    assert list(AvailabilityChange.objects.values_list("variant", "changed_at")) == [
        (level.variant_id, AT)
    ]


def test_forget_offers_keeps_the_newest_terms_of_each_listing():
    level = stock(units=9)
    sold, unsold = ListingFactory(variant=level.variant), ListingFactory(variant=stock().variant)
    work_out_offers(limit=100, at=AT)
    for day in (1, 2, 3):
        promise(level=level, reference=f"SO-{day}")
        work_out_offers(limit=100, at=AT + timedelta(days=day))

    forgotten = [
        forget_offers(before=AT + timedelta(days=2), limit=limit) for limit in (1, 100, 100)
    ]

    assert forgotten == [1, 1, 0]
    assert [quantity for quantity, _ in snapshots_of(sold)] == [7, 6]
    assert snapshots_of(unsold) == [(10, AT)]


def test_differences_name_an_offer_that_no_terms_explain():
    snapshot = offer()
    listing = snapshot.listing
    right = differences()

    Listing.objects.filter(pk=listing.pk).update(offered_quantity=11)
    unlike_its_terms = differences()
    AvailabilitySnapshot.objects.all().delete()
    without_terms = differences()

    key = f"{listing.channel.code}: {listing.external_product_id}"
    kind = "offer without its terms"
    assert right == []
    assert unlike_its_terms == [Difference(kind=kind, key=key, expected="10", actual="11")]
    assert without_terms == [Difference(kind=kind, key=key, expected="no terms", actual="11")]


def said(error=""):
    return PushResult(external_product_id="", external_variant_id="", error=error)


def pushed(listing):
    fields = ("pushed_quantity", "pushed_at", "push_error", "push_refused_at")
    return Listing.objects.values_list(*fields).get(pk=listing.pk)


def test_record_pushed_keeps_what_was_accepted_and_why_the_rest_was_not():
    taken, refused = ListingFactory(), ListingFactory()

    errors = record_pushed(
        listings=[taken, refused], quantities=[5, 7], results=[said(), said("Unknown")], at=AT
    )

    assert errors == {refused.pk: "Unknown"}
    assert pushed(taken) == (5, AT, "", None)
    assert pushed(refused) == (None, None, "Unknown", AT)


def test_record_pushed_tells_since_when_a_channel_says_so_and_forgets_it_when_it_accepts():
    listing = ListingFactory()
    history = []
    for hour, error in enumerate(["Unknown", "Unknown", "Archived", ""]):
        record_pushed(
            listings=[listing],
            quantities=[5],
            results=[said(error)],
            at=AT + timedelta(hours=hour),
        )
        history.append(pushed(listing))

    assert history == [
        (None, None, "Unknown", AT),
        (None, None, "Unknown", AT),
        (None, None, "Archived", AT + timedelta(hours=2)),
        (5, AT + timedelta(hours=3), "", None),
    ]
