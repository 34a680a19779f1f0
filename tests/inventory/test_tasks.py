"""Pushing stock, against the practice shop over real HTTP."""

from datetime import timedelta

import pytest
from django.utils import timezone

from channels.models import Channel, Listing
from inventory import operations, tasks
from inventory.models import StockSnapshot
from inventory.tasks import (
    forget_offers,
    push_stock,
    refresh_offers,
    release_expired,
    take_snapshot,
)
from retail.common.models import TaskRun
from tests.channels.shop_process import TOKEN, running_shop
from tests.factories.channels import ChannelFactory, ListingFactory, SyncCursorFactory
from tests.factories.inventory import promise, stock
from tests.factories.inventory_offers import offer
from tests.factories.inventory_promises import put_aside
from tests.inventory.shared import figures

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def shop_process():
    with running_shop() as shop:
        yield shop


@pytest.fixture
def practice(shop_process):
    with shop_process.practice() as practice:
        practice.seed(reset=True)
        yield practice


@pytest.fixture
def channel(shop_process, practice):
    """Return a channel whose orders were read just now."""
    channel = ChannelFactory(address=shop_process.address, credentials=TOKEN)
    SyncCursorFactory(channel=channel, stream="orders", read_at=timezone.now())
    return channel


def listed(channel, practice, *, units, product_id="p-1"):
    """Put an article on the channel's shelves, with so many units of it in our stock."""
    level = stock(units=units)
    practice.seed(
        products=[{"product_id": product_id, "sku": level.variant.sku, "stock": 0, "price": "1.00"}]
    )
    return ListingFactory(
        channel=channel,
        variant=level.variant,
        external_product_id=product_id,
        external_variant_id=None,
    )


def shown(shop_process):
    """Return what the shop shows: product id -> quantity."""
    return {
        listing.external_product_id: listing.quantity
        for listing in shop_process.connector().listings()
    }


def test_push_stock_tells_the_channel_what_is_free(channel, practice, shop_process):
    listing = listed(channel, practice, units=7)

    summary = push_stock()

    listing.refresh_from_db()
    assert shown(shop_process) == {"p-1": 7}
    assert (listing.offered_quantity, listing.pushed_quantity) == (7, 7)
    assert summary == {"changes": 1, "pushed": 1, "errors": 0, "first_errors": []}
    assert TaskRun.objects.get().summary == summary


def test_push_stock_again_pushes_only_what_changed(channel, practice, shop_process):
    listing = listed(channel, practice, units=7)
    push_stock()

    nothing_new = push_stock()
    promise(level=listing.variant.stock_levels.get(), units=2)
    after_a_promise = push_stock()

    assert (nothing_new["pushed"], after_a_promise["pushed"]) == (0, 1)
    assert shown(shop_process) == {"p-1": 5}


def test_push_stock_keeps_a_refused_item_due_and_the_others_go_out(channel, practice, shop_process):
    accepted = listed(channel, practice, units=7)
    unknown = ListingFactory(
        channel=channel, variant=stock(units=3).variant, external_product_id="p-404"
    )

    summary = push_stock()

    accepted.refresh_from_db()
    unknown.refresh_from_db()
    assert (accepted.pushed_quantity, unknown.pushed_quantity) == (7, None)
    assert unknown.offered_quantity == 3
    assert (summary["pushed"], summary["errors"]) == (1, 1)
    assert summary["first_errors"] == [f"{channel}: {unknown}: {unknown.push_error}"]
    assert unknown.push_refused_at is not None
    assert accepted.push_error == ""


def test_push_stock_waits_while_orders_were_not_read(channel, practice, shop_process):
    listing = listed(channel, practice, units=7)
    channel.cursors.update(read_at=timezone.now() - timedelta(minutes=11))

    summary = push_stock()

    listing.refresh_from_db()
    assert shown(shop_process) == {"p-1": 0}
    assert (listing.offered_quantity, listing.pushed_quantity) == (7, None)
    assert summary["first_errors"] == [
        f"{channel}: orders were not read for ten minutes, nothing pushed"
    ]
    assert TaskRun.objects.get().summary == summary

    channel.cursors.update(read_at=timezone.now())
    push_stock()

    assert shown(shop_process) == {"p-1": 7}


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": Channel.Mode.SHADOW},
        {"mode": Channel.Mode.ORDERS},
        {"mode": Channel.Mode.PAUSED},
        {"stock_owner": Channel.Owner.CHANNEL},
        {"kind": Channel.Kind.TABULAR},
    ],
)
def test_push_stock_leaves_channels_alone_that_take_none(channel, practice, shop_process, changes):
    listing = listed(channel, practice, units=7)
    Channel.objects.filter(pk=channel.pk).update(**changes)

    summary = push_stock()

    listing.refresh_from_db()
    assert shown(shop_process) == {"p-1": 0}
    assert (listing.offered_quantity, listing.pushed_quantity) == (7, None)
    assert (summary["pushed"], summary["errors"]) == (0, 0)


def test_push_stock_makes_up_for_a_channel_that_was_down(channel, practice, shop_process):
    listing = listed(channel, practice, units=7)
    Channel.objects.filter(pk=channel.pk).update(credentials="wrong")

    summary = push_stock()

    listing.refresh_from_db()
    assert (summary["pushed"], summary["errors"]) == (0, 1)
    assert listing.pushed_quantity is None

    channel.save()
    push_stock()

    assert shown(shop_process) == {"p-1": 7}


def test_push_stock_says_what_is_sold_out_first(channel, practice, shop_process):
    listed(channel, practice, units=7, product_id="p-1")
    sold_out = listed(channel, practice, units=1, product_id="p-2")
    promise(level=sold_out.variant.stock_levels.get(), units=1)
    due = Listing.objects.filter(channel=channel)

    push_stock()

    assert shown(shop_process) == {"p-1": 7, "p-2": 0}
    assert set(due.values_list("pushed_quantity", flat=True)) == {0, 7}


def test_refresh_offers_has_every_offer_worked_out_anew():
    listing = ListingFactory(variant=stock(units=7).variant)
    push_stock()

    summary = refresh_offers()
    again = push_stock()

    assert (summary, again["changes"]) == ({"variants": 1}, 1)
    assert listing.availability_snapshots.count() == 1


def test_forget_offers_deletes_what_was_replaced_three_months_ago(monkeypatch):
    monkeypatch.setattr(tasks, "TERMS_PER_DELETE", 2)
    level = stock(units=9)
    listing = ListingFactory(variant=level.variant)
    for age in (100, 95, 91, 89, 1):
        promise(level=level, reference=f"SO-{age}")
        offer(listing=listing, at=timezone.now() - timedelta(days=age))

    summary = forget_offers()

    assert summary == {"deleted": 3}
    quantities = listing.availability_snapshots.values_list("quantity", flat=True)
    assert set(quantities) == {5, 4}


def test_release_expired_frees_what_was_put_aside_too_long(monkeypatch):
    monkeypatch.setattr(tasks, "RESERVATIONS_PER_BATCH", 1)
    over = [put_aside(reference=f"RES-{n}", expires_at=timezone.now()) for n in range(3)]
    kept = put_aside(reference="RES-9", expires_at=timezone.now() + timedelta(days=1))

    assert release_expired() == {"released": 3}
    assert release_expired() == {"released": 0}

    assert [figures(allocation.level) for allocation in over] == [(1, 0)] * 3
    assert figures(kept.level) == (1, 1)
    assert TaskRun.objects.filter(name="inventory.release_expired").count() == 2


def ends_of_days():
    """Return which days ago, at midnight, snapshots were taken of."""
    today = timezone.localdate()
    return sorted(
        (today - timezone.localdate(ends_at)).days
        for ends_at in StockSnapshot.objects.values_list("ends_at", flat=True)
    )


def days_ago(days):
    return timezone.now() - timedelta(days=days)


def test_take_snapshot_keeps_the_day_that_is_over():
    stock(at=days_ago(1))

    summary = take_snapshot()
    again = take_snapshot()

    assert (summary, again) == ({"taken": 1, "dropped": 0}, {"taken": 0, "dropped": 0})
    assert ends_of_days() == [0]
    assert StockSnapshot.objects.get().ends_at == timezone.localtime().replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    assert StockSnapshot.objects.get().levels.get().on_hand == 10


def test_take_snapshot_makes_up_for_missed_days_by_and_by(monkeypatch):
    monkeypatch.setattr(tasks, "SNAPSHOTS_PER_RUN", 2)
    stock(at=days_ago(5))

    runs = [take_snapshot()["taken"] for _ in range(4)]

    assert runs == [2, 2, 1, 0]
    assert ends_of_days() == [0, 1, 2, 3, 4]


def test_take_snapshot_takes_anew_what_a_posting_dated_back_dropped():
    level = stock(at=days_ago(5))
    take_snapshot()
    stock(variant=level.variant, location=level.location, reference="GR-2", at=days_ago(3))
    dropped_to = ends_of_days()

    summary = take_snapshot()

    assert dropped_to == [3, 4]
    assert summary == {"taken": 3, "dropped": 0}
    assert ends_of_days() == [0, 1, 2, 3, 4]
    newest = StockSnapshot.objects.latest("ends_at")
    assert newest.levels.get().on_hand == 20


def test_take_snapshot_goes_back_two_months_and_thins_what_is_older():
    stock(at=days_ago(70))
    for days in (66, 65):
        operations.take_snapshot(ends_at=timezone.now() - timedelta(days=days), at=timezone.now())

    dropped = [take_snapshot()["dropped"] for _ in range(8)]

    kept = ends_of_days()
    assert sum(dropped) in {0, 1}  # one, unless a month began between the two
    assert kept[:62] == list(range(62))
