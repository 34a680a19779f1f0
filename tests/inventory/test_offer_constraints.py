"""Each rule of the tables of offers, broken past every form."""

from datetime import timedelta

import pytest

from inventory.models import (
    AvailabilitySnapshot,
    ChannelReserve,
    ChannelStockSource,
    SafetyStock,
)
from tests.factories.channels import ListingFactory
from tests.factories.inventory import STOCKED_AT
from tests.factories.inventory_offers import (
    ChannelReserveFactory,
    ChannelStockSourceFactory,
    SafetyStockFactory,
    offer,
)
from tests.inventory.test_constraints import refused
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db


def test_channel_sells_from_a_place_once():
    source = ChannelStockSourceFactory()

    with refused("inventory_channelstocksource_once"):
        ChannelStockSource.objects.create(channel=source.channel, location=source.location)


def test_channel_has_one_reserve_of_an_article():
    reserve = ChannelReserveFactory()

    with refused("inventory_channelreserve_one_per_channel_and_variant"):
        ChannelReserveFactory(channel=reserve.channel, variant=reserve.variant)


@pytest.mark.parametrize("units", [0, -1, 1_000_000_000])
def test_reserve_is_of_some_units(units):
    ChannelReserveFactory()

    with refused("inventory_channelreserve_units_positive"):
        ChannelReserve.objects.update(units=units)


@pytest.mark.parametrize("later", [timedelta(0), timedelta(hours=-1)])
def test_reserve_ends_after_it_starts(later):
    ChannelReserveFactory()

    with refused("inventory_channelreserve_ends_after_it_starts"):
        ChannelReserve.objects.update(ends_at=STOCKED_AT + later)


def test_safety_stock_is_one_per_article():
    kept = SafetyStockFactory()

    with refused("inventory_safetystock_variant_id"):
        SafetyStockFactory(variant=kept.variant)


@pytest.mark.parametrize("units", [-1, 1_000_000_000])
def test_safety_stock_is_not_negative(units):
    SafetyStockFactory()

    with refused("inventory_safetystock_not_negative"):
        SafetyStock.objects.update(units=units)


def test_nothing_below_nothing_is_offered():
    offer()

    with refused("inventory_availabilitysnapshot_not_negative"):
        AvailabilitySnapshot.objects.update(quantity=-1)


def test_listing_whose_offers_are_explained_is_not_deleted():
    listing = ListingFactory()
    offer(listing=listing)

    with refused("inventory_availabili_listing_id"):
        execute("DELETE FROM channels_listing WHERE id = %s", [listing.pk])
