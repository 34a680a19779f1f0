from datetime import UTC, datetime
from functools import partial
from threading import Barrier
from unittest import mock

import pytest

from channels.models import Listing, ListingQuerySet
from inventory.models import AvailabilitySnapshot, SafetyStock
from inventory.operations import offers as operations
from inventory.operations import work_out_offers
from inventory.queries import differences, offers
from tests.factories.channels import ListingFactory
from tests.factories.inventory import promise, stock
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def offered(listing):
    return Listing.objects.values_list("offered_quantity", flat=True).get(pk=listing.pk)


def explained(listing):
    return AvailabilitySnapshot.objects.filter(listing=listing).latest("pk").quantity


def while_offers_are_worked_out(change):
    """Work offers out, and make a change after the stock was read and before anything is kept."""
    stock_was_read, changed = Barrier(2), Barrier(2)

    def read_and_wait(**arguments):
        found = offers(**arguments)
        stock_was_read.wait(timeout=10)
        changed.wait(timeout=10)
        return found

    def change_meanwhile():
        stock_was_read.wait(timeout=10)
        change()
        changed.wait(timeout=10)

    with mock.patch.object(operations, "offers", read_and_wait):
        race(partial(work_out_offers, limit=100, at=AT), change_meanwhile)


def test_a_promise_made_while_offers_are_worked_out_is_told_by_the_next_run():
    """The notes are gone before the stock is read, so what comes after leaves a note of its own."""
    level = stock(units=5)
    listing = ListingFactory(variant=level.variant)

    while_offers_are_worked_out(partial(promise, level=level, units=2))
    first_offer = offered(listing)
    work_out_offers(limit=100, at=AT)

    assert first_offer == 5
    assert (offered(listing), explained(listing)) == (3, 3)


def test_a_rule_changed_while_offers_are_worked_out_is_told_by_the_next_run():
    level = stock(units=5)
    listing = ListingFactory(variant=level.variant)

    while_offers_are_worked_out(partial(SafetyStock.objects.create, variant=level.variant, units=1))
    work_out_offers(limit=100, at=AT)

    assert (offered(listing), explained(listing)) == (4, 4)


def test_offers_worked_out_side_by_side_end_at_the_newest_stock():
    level = stock(units=50)
    listing = ListingFactory(variant=level.variant)

    outcomes = race(
        *(partial(work_out_offers, limit=3, at=AT) for _ in range(6)),
        *(partial(promise, level=level, units=1, reference=f"SO-{n}") for n in range(6)),
    )
    work_out_offers(limit=100, at=AT)

    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert (offered(listing), explained(listing)) == (44, 44)
    assert differences() == []


def test_the_race_is_real_once_the_lock_is_gone():
    """Control: an older reading is kept over a newer one, and nothing would put it right."""
    level = stock(units=5)
    listing = ListingFactory(variant=level.variant)
    promised = partial(promise, level=level, units=2)

    def promise_and_tell():
        promised()
        with mock.patch.object(operations, "offers", offers):
            work_out_offers(limit=100, at=AT)

    with mock.patch.object(ListingQuerySet, "for_update", ListingQuerySet.all):
        while_offers_are_worked_out(promise_and_tell)
    work_out_offers(limit=100, at=AT)

    assert offered(listing) == 5
