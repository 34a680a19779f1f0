from datetime import UTC, datetime
from functools import partial
from threading import Barrier
from unittest import mock

import pytest

from channels.connectors.base import PushResult
from channels.models import Listing
from inventory.models import AvailabilityChange, Location
from inventory.operations import announce_location, offers, record_pushed, work_out_offers
from inventory.queries import offered_quantities
from tests.factories.channels import ListingFactory
from tests.factories.inventory import LocationFactory, promise, stock
from tests.races import race

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def offer_of(listing):
    return Listing.objects.values_list("offered_quantity", "offered_at").get(pk=listing.pk)


@pytest.mark.django_db
def test_offered_quantities_add_what_is_free_where_orders_are_shipped():
    warehouse = stock(units=10)
    promise(level=warehouse, units=4)
    stock(units=3, variant=warehouse.variant, reference="GR-2")
    closed = LocationFactory(is_shipping=False, kind=Location.Kind.QUARANTINE)
    stock(units=50, variant=warehouse.variant, location=closed, reference="GR-3")

    assert offered_quantities(variant_ids=[warehouse.variant_id, 4711]) == {
        warehouse.variant_id: 9,
        4711: 0,
    }


@pytest.mark.django_db
def test_work_out_offers_counts_in_packs_of_the_listing():
    level = stock(units=17)
    single = ListingFactory(variant=level.variant)
    by_six = ListingFactory(variant=level.variant, pack_size=6)

    used = work_out_offers(limit=100, at=AT)

    assert used == 1
    assert offer_of(single) == (17, AT)
    assert offer_of(by_six) == (2, AT)
    assert not AvailabilityChange.objects.exists()


@pytest.mark.django_db
def test_work_out_offers_again_changes_nothing():
    listing = ListingFactory(variant=stock(units=17).variant)
    work_out_offers(limit=100, at=AT)
    later = AT.replace(hour=10)

    assert work_out_offers(limit=100, at=later) == 0
    assert offer_of(listing) == (17, AT)


@pytest.mark.django_db
def test_work_out_offers_serves_a_listing_that_never_offered_anything():
    level = stock(units=17)
    AvailabilityChange.objects.all().delete()
    linked_later = ListingFactory(variant=level.variant)

    work_out_offers(limit=100, at=AT)

    assert offer_of(linked_later) == (17, AT)


@pytest.mark.django_db
def test_work_out_offers_takes_no_more_notes_than_asked():
    stock(), stock(), stock()

    assert [work_out_offers(limit=2, at=AT) for _ in range(3)] == [2, 1, 0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [{"status": Listing.Status.ENDED}, {"status": Listing.Status.IGNORED}],
)
def test_work_out_offers_passes_over_what_is_not_for_sale(changes):
    listing = ListingFactory(variant=stock().variant, **changes)

    work_out_offers(limit=100, at=AT)

    assert offer_of(listing) == (None, None)


@pytest.mark.django_db
def test_work_out_offers_passes_over_what_is_not_stocked():
    level = stock()
    level.variant.is_stocked = False
    level.variant.save()
    listing = ListingFactory(variant=level.variant)

    work_out_offers(limit=100, at=AT)

    assert offer_of(listing) == (None, None)


@pytest.mark.django_db
def test_record_pushed_keeps_what_was_accepted_only():
    taken, refused = ListingFactory(), ListingFactory()

    errors = record_pushed(
        listings=[taken, refused],
        quantities=[5, 7],
        results=[
            PushResult(external_product_id=listing.external_product_id, external_variant_id="")
            if listing == taken
            else PushResult(external_product_id="", external_variant_id="", error="Unknown")
            for listing in (taken, refused)
        ],
        at=AT,
    )

    assert errors == {refused.pk: "Unknown"}
    assert Listing.objects.values_list("pushed_quantity", "pushed_at").get(pk=taken.pk) == (5, AT)
    assert Listing.objects.get(pk=refused.pk).pushed_quantity is None


@pytest.mark.django_db
def test_announce_location_notes_everything_that_lies_there():
    level, elsewhere = stock(), stock()
    AvailabilityChange.objects.all().delete()

    announce_location(location=level.location, at=AT)

    noted = AvailabilityChange.objects.values_list("variant", "changed_at")
    assert list(noted) == [(level.variant_id, AT)]
    assert not elsewhere.variant.availability_changes.exists()


@pytest.mark.django_db(transaction=True)
def test_a_promise_made_while_offers_are_worked_out_is_told_by_the_next_run():
    """The notes are gone before the stock is read, so what comes after leaves a note of its own."""
    level = stock(units=5)
    listing = ListingFactory(variant=level.variant)
    stock_was_read, promised = Barrier(2), Barrier(2)

    def read_and_wait(**arguments):
        offered = offered_quantities(**arguments)
        stock_was_read.wait(timeout=10)
        promised.wait(timeout=10)
        return offered

    def promise_meanwhile():
        stock_was_read.wait(timeout=10)
        promise(level=level, units=2)
        promised.wait(timeout=10)

    with mock.patch.object(offers, "offered_quantities", read_and_wait):
        race(partial(work_out_offers, limit=100, at=AT), promise_meanwhile)
    first_offer = offer_of(listing)[0]
    work_out_offers(limit=100, at=AT)

    assert first_offer == 5
    assert offer_of(listing)[0] == 3


@pytest.mark.django_db(transaction=True)
def test_offers_worked_out_side_by_side_end_at_the_newest_stock():
    level = stock(units=50)
    listing = ListingFactory(variant=level.variant)

    outcomes = race(
        *(partial(work_out_offers, limit=3, at=AT) for _ in range(6)),
        *(partial(promise, level=level, units=1, reference=f"SO-{n}") for n in range(6)),
    )
    work_out_offers(limit=100, at=AT)

    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert offer_of(listing)[0] == 44
