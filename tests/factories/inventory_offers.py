"""The rules of what channels are offered, and the terms that working it out leaves."""

import factory
from factory.django import DjangoModelFactory

from inventory.models import (
    AvailabilitySnapshot,
    ChannelReserve,
    ChannelStockSource,
    SafetyStock,
)
from inventory.operations import work_out_offers
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory, ListingFactory
from tests.factories.inventory import STOCKED_AT, LocationFactory, stock


class ChannelStockSourceFactory(DjangoModelFactory):
    class Meta:
        model = ChannelStockSource

    channel = factory.SubFactory(ChannelFactory)
    location = factory.SubFactory(LocationFactory)


class ChannelReserveFactory(DjangoModelFactory):
    """A reserve that holds since the first stock came, without an end."""

    class Meta:
        model = ChannelReserve

    channel = factory.SubFactory(ChannelFactory)
    variant = factory.SubFactory(VariantFactory)
    units = 2
    starts_at = STOCKED_AT


class SafetyStockFactory(DjangoModelFactory):
    class Meta:
        model = SafetyStock

    variant = factory.SubFactory(VariantFactory)
    units = 1


def offer(*, listing=None, at=STOCKED_AT):
    """Work out what a listing offers, by default one of ten units; return the newest terms."""
    listing = listing or ListingFactory(variant=stock().variant)
    work_out_offers(limit=1000, at=at)
    return AvailabilitySnapshot.objects.filter(listing=listing).latest("pk")


MAKERS = {AvailabilitySnapshot: offer}
