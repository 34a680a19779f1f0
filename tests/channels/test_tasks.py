"""Looking at what a shop shows for sale, over real HTTP."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.utils import timezone

from channels import tasks
from channels.models import Channel, Listing, SyncCursor
from channels.operations import lease_cursor
from retail.common.models import TaskRun
from tests.channels.shop_process import TOKEN, product_rows
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_no_waiting")]


@pytest.fixture
def channel(shop):
    return ChannelFactory(address=shop.address, credentials=TOKEN)


def refresh(**arguments):
    return tasks.refresh_listings(**arguments)


def test_listings_are_read_and_linked(channel, practice):
    practice.seed(products=product_rows(201))
    variant = VariantFactory(sku="SKU-201")

    summary = refresh()

    assert summary == {
        "channels": 1,
        "seen": 201,
        "created": 201,
        "linked": 1,
        "ended": 0,
        "failed": 0,
    }
    assert Listing.objects.get(variant=variant).external_product_id == "p201"
    assert SyncCursor.objects.get().read_at is not None
    assert TaskRun.objects.get().summary == summary


def test_listing_that_is_gone_from_a_complete_reading_ends(channel, practice):
    practice.seed(products=product_rows(2))
    VariantFactory(sku="SKU-2")
    refresh()
    practice.seed(products=product_rows(1), reset=True)

    summary = refresh()

    assert summary["ended"] == 1
    assert Listing.objects.get(status=Listing.Status.ENDED).external_product_id == "p2"


def test_shop_that_shows_nothing_ends_nothing(channel, practice):
    practice.seed(products=product_rows(1))
    VariantFactory(sku="SKU-1")
    refresh()
    practice.seed(reset=True)

    assert refresh()["ended"] == 0


def test_channel_that_cannot_be_read_keeps_no_other_from_it(channel, practice, shop):
    practice.seed(products=product_rows(1))
    locked_out = ChannelFactory(address=shop.address, credentials="guessed")

    summary = refresh()

    assert (summary["seen"], summary["failed"]) == (1, 1)
    cursor = SyncCursor.objects.get(channel=locked_out)
    assert (cursor.failures, cursor.read_at) == (1, None)
    assert cursor.error == "The channel does not accept our credentials."


def test_stream_that_somebody_else_reads_is_left_to_them(channel, practice):
    practice.seed(products=product_rows(1))
    with time_machine.travel(NOON, tick=False):
        lease_cursor(channel=channel, stream="listings", owner="other", at=timezone.now())

        summary = refresh()

    assert summary["channels"] == 0
    assert not Listing.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": Channel.Mode.OFF},
        {"mode": Channel.Mode.PAUSED},
        {"kind": Channel.Kind.MANUAL},
        {"address": ""},
    ],
)
def test_channel_that_is_not_to_be_read_is_not(changes, shop):
    ChannelFactory(**{"address": shop.address, "credentials": TOKEN, **changes})

    assert refresh()["channels"] == 0


def test_only_the_channels_asked_for_are_read(channel, shop):
    other = ChannelFactory(address=shop.address, credentials=TOKEN)

    assert refresh(channel_ids=[other.pk])["channels"] == 1
    assert SyncCursor.objects.get().channel == other
