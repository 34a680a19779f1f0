"""Rules that change make their listings due in the same transaction, however they are changed."""

import pytest
from django.db import transaction

from catalog.models import BundleComponent, Variant
from channels.models import Channel, Listing
from inventory.models import (
    AvailabilityChange,
    ChannelReserve,
    ChannelStockSource,
    Location,
    SafetyStock,
)
from tests.factories.catalog import BundleComponentFactory, VariantFactory
from tests.factories.channels import ChannelFactory, ListingFactory
from tests.factories.inventory import STOCKED_AT, LocationFactory, stock
from tests.factories.inventory_offers import (
    ChannelReserveFactory,
    ChannelStockSourceFactory,
    SafetyStockFactory,
)
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db


@pytest.fixture
def listing():
    return ListingFactory(variant=stock().variant)


def noted_by(change):
    """Return the variants that a change notes, each as often as it does."""
    AvailabilityChange.objects.all().delete()
    change()
    return sorted(AvailabilityChange.objects.values_list("variant", flat=True))


def test_safety_stock_is_noted_when_it_comes_changes_and_goes(listing):
    rows = SafetyStock.objects.filter(variant=listing.variant)

    assert noted_by(lambda: SafetyStockFactory(variant=listing.variant, units=1)) == [
        listing.variant_id
    ]
    assert noted_by(lambda: rows.update(units=2)) == [listing.variant_id]
    assert noted_by(lambda: rows.update(units=2)) == []
    assert noted_by(rows.delete) == [listing.variant_id]


def test_safety_stock_moved_to_another_article_is_noted_for_both(listing):
    other = ListingFactory()
    SafetyStockFactory(variant=listing.variant)

    noted = noted_by(lambda: SafetyStock.objects.update(variant=other.variant))

    assert noted == sorted([listing.variant_id, other.variant_id])


@pytest.mark.parametrize(
    "change", [{"units": 9}, {"starts_at": "2026-11-02T00:00Z"}, {"ends_at": "2026-12-02T00:00Z"}]
)
def test_reserve_is_noted_when_it_comes_changes_and_goes(listing, change):
    rows = ChannelReserve.objects.filter(variant=listing.variant)
    one = [listing.variant_id]

    assert noted_by(lambda: ChannelReserveFactory(variant=listing.variant)) == one
    assert noted_by(lambda: rows.update(**change)) == one
    assert noted_by(lambda: rows.update(**change)) == []
    assert noted_by(lambda: rows.update(channel=ChannelFactory())) == one
    assert noted_by(rows.delete) == one


def test_place_of_a_channel_is_noted_for_all_that_the_channel_lists(listing):
    second = ListingFactory(channel=listing.channel)
    elsewhere = ListingFactory()
    rows = ChannelStockSource.objects.filter(channel=listing.channel)
    both = sorted([listing.variant_id, second.variant_id])

    assert noted_by(lambda: ChannelStockSourceFactory(channel=listing.channel)) == both
    assert noted_by(lambda: rows.update(location=LocationFactory())) == both
    assert noted_by(lambda: rows.update(external_location_id="L-1")) == []
    assert noted_by(lambda: rows.update(channel=elsewhere.channel)) == sorted(
        [*both, elsewhere.variant_id]
    )
    assert noted_by(ChannelStockSource.objects.all().delete) == [elsewhere.variant_id]


@pytest.mark.parametrize("change", [{"is_shipping": False}, {"walk_in_floor": 2}])
def test_location_is_noted_for_what_lies_there(change):
    level, elsewhere = stock(), stock(reference="GR-2")
    rows = Location.objects.filter(pk=level.location_id)

    assert noted_by(lambda: rows.update(**change)) == [level.variant_id]
    assert noted_by(lambda: rows.update(**change)) == []
    assert noted_by(lambda: rows.update(name="Another name", priority=7)) == []
    assert elsewhere.location_id != level.location_id


def test_location_that_becomes_another_kind_is_noted():
    level = stock()
    rows = Location.objects.filter(pk=level.location_id)

    assert noted_by(lambda: rows.update(kind=Location.Kind.STORE)) == [level.variant_id]


@pytest.mark.parametrize("change", [{"offer_percent": 50}, {"offer_buffer": 1}])
def test_rules_of_a_channel_are_noted_for_all_it_lists(listing, change):
    ListingFactory()
    rows = Channel.objects.filter(pk=listing.channel_id)

    assert noted_by(lambda: rows.update(**change)) == [listing.variant_id]
    assert noted_by(lambda: rows.update(**change)) == []
    assert noted_by(lambda: rows.update(name="Another name", mode=Channel.Mode.PAUSED)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"offer_percent": 50},
        {"offer_buffer": 0},
        {"min_quantity": 2},
        {"max_quantity": 5},
        {"end_at_quantity": 1},
        {"pack_size": 6},
        {"status": Listing.Status.PAUSED},
    ],
)
def test_rules_of_a_listing_are_noted(listing, change):
    rows = Listing.objects.filter(pk=listing.pk)

    assert noted_by(lambda: rows.update(**change)) == [listing.variant_id]
    assert noted_by(lambda: rows.update(**change)) == []
    assert noted_by(lambda: rows.update(offered_quantity=3, title="Another", seen_quantity=2)) == []


def test_listing_that_becomes_another_article_is_noted_for_both(listing):
    other = VariantFactory()

    noted = noted_by(lambda: Listing.objects.filter(pk=listing.pk).update(variant=other))

    assert noted == sorted([listing.variant_id, other.pk])


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_stocked": False}])
def test_article_that_is_not_dealt_in_any_more_is_noted(listing, change):
    rows = Variant.objects.filter(pk=listing.variant_id)

    assert noted_by(lambda: rows.update(**change)) == [listing.variant_id]
    assert noted_by(lambda: rows.update(**change)) == []
    assert noted_by(lambda: rows.update(name="Blue")) == []


def test_bundle_is_noted_when_its_components_change():
    listing = ListingFactory(variant=VariantFactory(is_stocked=False))
    rows = BundleComponent.objects.filter(bundle=listing.variant)
    one = [listing.variant_id]

    assert noted_by(lambda: BundleComponentFactory(bundle=listing.variant)) == one
    assert noted_by(lambda: rows.update(units=2)) == one
    assert noted_by(lambda: rows.update(component=VariantFactory())) == one
    assert noted_by(rows.delete) == one


def test_rule_of_a_component_is_noted_for_the_bundle_that_is_listed():
    part = BundleComponentFactory()
    ListingFactory(variant=part.bundle)

    noted = noted_by(lambda: SafetyStockFactory(variant=part.component))

    assert noted == [part.component_id]


def test_rules_of_what_no_channel_lists_are_not_noted():
    variant = VariantFactory()

    def change():
        SafetyStockFactory(variant=variant)
        ChannelReserveFactory(variant=variant)
        Variant.objects.filter(pk=variant.pk).update(is_active=False)

    assert noted_by(change) == []


def test_article_with_rules_and_no_listing_can_be_deleted():
    part = BundleComponentFactory()
    SafetyStockFactory(variant=part.bundle)

    part.bundle.delete()

    assert not SafetyStock.objects.exists()
    assert not AvailabilityChange.objects.exists()


def test_rule_changed_by_sql_is_noted_and_forgotten_with_its_transaction(listing):
    SafetyStockFactory(variant=listing.variant, units=1)
    AvailabilityChange.objects.all().delete()

    execute("UPDATE inventory_safetystock SET units = 5")
    by_sql = AvailabilityChange.objects.count()
    with transaction.atomic():
        execute("UPDATE inventory_safetystock SET units = 6")
        transaction.set_rollback(True)

    assert by_sql == 1
    assert AvailabilityChange.objects.count() == 1
    assert AvailabilityChange.objects.get().changed_at > STOCKED_AT
