"""Stock put aside for a while, and given up when the time is over."""

from datetime import UTC, datetime, timedelta

import pytest

from inventory.models import Allocation, WithdrawnPromise
from inventory.operations import (
    ExpiresInThePast,
    InsufficientStock,
    NotPromised,
    ReferenceUsed,
    allocate_stock,
    extend_reservation,
    release_allocation,
    release_expired,
    reserve_stock,
    ship_allocated,
)
from inventory.queries import differences
from tests.factories.channels import ChannelFactory
from tests.factories.common import UserFactory
from tests.factories.inventory import STOCKED_AT, LocationFactory, promise, stock
from tests.factories.inventory_promises import put_aside
from tests.inventory.shared import everything, figures

pytestmark = pytest.mark.django_db
OVER = STOCKED_AT + timedelta(hours=1)
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def claim(level, units=1, reference="SO-9"):
    return allocate_stock(
        location=level.location, units={level.variant_id: units}, reference=reference, at=AT
    )


def test_reserve_stock_keeps_for_whom_until_when_and_who_did_it():
    level, clerk = stock(units=5), UserFactory()

    allocation = put_aside(level=level, units=2, expires_at=AT, note="Mrs Smith", by=clerk)

    allocation.refresh_from_db()
    assert (allocation.units, allocation.expires_at, allocation.note) == (2, AT, "Mrs Smith")
    assert (allocation.allocated_at, allocation.allocated_by) == (STOCKED_AT, clerk)
    assert figures(level) == (5, 2)
    assert differences() == []


def test_reserve_stock_again_returns_the_first_reservation():
    level = stock(units=5)
    first = put_aside(level=level, units=2)
    before = everything()

    assert put_aside(level=level, units=2) == first
    assert everything() == before


def test_reserve_stock_keeps_a_reference_to_its_units():
    level = stock(units=5)
    put_aside(level=level, units=2)
    before = everything()

    with pytest.raises(ReferenceUsed):
        put_aside(level=level, units=3)

    assert everything() == before


def test_reserve_stock_names_every_shortage_and_keeps_nothing():
    location = LocationFactory()
    short, empty, ample = (stock(units=units, location=location) for units in (1, 1, 9))
    promise(level=empty, units=1)
    before = everything()

    with pytest.raises(InsufficientStock) as refusal:
        reserve_stock(
            location=location,
            units={short.variant_id: 3, empty.variant_id: 1, ample.variant_id: 1},
            reference="RES-1",
            expires_at=AT + timedelta(days=1),
            note="Mrs Smith",
            at=AT,
        )

    assert refusal.value.shortages == {short.variant_id: 2, empty.variant_id: 1}
    assert everything() == before


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(seconds=1)])
def test_reserve_stock_refuses_a_moment_that_is_over(ago):
    level = stock()
    before = everything()

    with pytest.raises(ExpiresInThePast):
        put_aside(level=level, expires_at=STOCKED_AT - ago)

    assert everything() == before


def test_a_promise_keeps_channel_note_and_who_made_it():
    level, channel, clerk = stock(units=5), ChannelFactory(), UserFactory()

    (allocation,) = allocate_stock(
        location=level.location,
        units={level.variant_id: 1},
        reference="SO-1",
        at=AT,
        channel=channel,
        note="Gift",
        by=clerk,
    )

    allocation.refresh_from_db()
    assert (allocation.channel, allocation.note, allocation.allocated_by) == (
        channel,
        "Gift",
        clerk,
    )


def test_extend_reservation_keeps_units_longer():
    allocation = put_aside(expires_at=OVER)

    extend_reservation(allocation_id=allocation.pk, expires_at=AT + timedelta(days=1), at=AT)

    assert release_expired(limit=10, at=AT) == []
    allocation.refresh_from_db()
    assert allocation.expires_at == AT + timedelta(days=1)


def test_extend_reservation_refuses_a_moment_that_is_over():
    allocation = put_aside()
    before = everything()

    with pytest.raises(ExpiresInThePast):
        extend_reservation(allocation_id=allocation.pk, expires_at=AT, at=AT)

    assert everything() == before


def test_extend_reservation_leaves_the_promise_to_an_order_alone():
    allocation = promise()
    before = everything()

    with pytest.raises(NotPromised):
        extend_reservation(allocation_id=allocation.pk, expires_at=AT, at=STOCKED_AT)

    assert everything() == before


@pytest.mark.parametrize("end", ["release", "ship", "expire"])
def test_extend_reservation_refuses_what_is_no_longer_put_aside(end):
    allocation = put_aside(expires_at=OVER)
    if end == "release":
        release_allocation(units={allocation.pk: 1}, at=AT)
    elif end == "ship":
        ship_allocated(units={allocation.pk: 1}, reference="SH-1", at=AT)
    else:
        release_expired(limit=10, at=AT)
    before = everything()

    with pytest.raises(NotPromised):
        extend_reservation(allocation_id=allocation.pk, expires_at=AT + timedelta(days=1), at=AT)

    assert everything() == before


def test_extend_reservation_refuses_what_never_was():
    with pytest.raises(NotPromised):
        extend_reservation(allocation_id=4711, expires_at=AT, at=STOCKED_AT)


def test_release_expired_frees_what_is_over_and_says_so():
    level = stock(units=5)
    over = put_aside(level=level, units=2, reference="RES-1", expires_at=OVER)
    later = put_aside(level=level, units=1, reference="RES-2", expires_at=AT + timedelta(hours=1))
    promise(level=level, units=1)
    level.variant.availability_changes.all().delete()

    [withdrawn] = release_expired(limit=10, at=AT)

    over.refresh_from_db()
    later.refresh_from_db()
    assert (withdrawn.allocation, withdrawn.units, withdrawn.cause) == (over, 2, "EXPIRED")
    assert (withdrawn.reference, withdrawn.withdrawn_at) == ("RES-1", AT)
    assert (over.released, over.closed_at) == (2, AT)
    assert later.open_units == 1
    assert figures(level) == (5, 2)
    assert level.variant.availability_changes.count() == 1
    assert differences() == []


def test_release_expired_frees_only_what_was_not_handed_over():
    allocation = put_aside(level=stock(units=5), units=3, expires_at=OVER)
    ship_allocated(units={allocation.pk: 1}, reference="SH-1", at=STOCKED_AT)

    [withdrawn] = release_expired(limit=10, at=AT)

    assert withdrawn.units == 2
    assert figures(allocation.level) == (4, 0)


def test_release_expired_again_frees_nothing():
    put_aside(expires_at=OVER)
    release_expired(limit=10, at=AT)
    before = everything()

    assert release_expired(limit=10, at=AT) == []
    assert everything() == before


def test_release_expired_begins_with_what_is_over_longest():
    put_aside(reference="RES-1", expires_at=OVER + timedelta(minutes=1))
    longest = put_aside(reference="RES-2", expires_at=OVER)

    first = release_expired(limit=1, at=AT)

    assert [row.allocation for row in first] == [longest]
    assert [row.reference for row in release_expired(limit=1, at=AT)] == ["RES-1"]
    assert Allocation.objects.open().count() == 0


def test_an_expired_reservation_can_be_shipped_until_it_is_taken_back():
    shipped, swept = put_aside(expires_at=OVER), put_aside(expires_at=OVER)
    ship_allocated(units={shipped.pk: 1}, reference="SH-1", at=AT)
    release_expired(limit=10, at=AT)
    before = everything()

    with pytest.raises(NotPromised):
        ship_allocated(units={swept.pk: 1}, reference="SH-2", at=AT)

    assert everything() == before


def test_allocate_stock_takes_what_is_over_back_where_it_is_needed():
    level = stock(units=3)
    over = put_aside(level=level, units=2, expires_at=OVER)
    elsewhere = put_aside(expires_at=OVER)

    (allocation,) = claim(level, units=3)

    assert (allocation.units, figures(level)) == (3, (3, 3))
    assert list(WithdrawnPromise.objects.values_list("allocation", "cause", "units")) == [
        (over.pk, "EXPIRED", 2)
    ]
    elsewhere.refresh_from_db()
    assert elsewhere.open_units == 1
    assert differences() == []


def test_allocate_stock_leaves_what_is_over_while_enough_is_free():
    level = stock(units=3)
    over = put_aside(level=level, units=2, expires_at=OVER)

    claim(level, units=1)

    over.refresh_from_db()
    assert over.open_units == 2


def test_allocate_stock_that_is_refused_takes_nothing_back():
    level = stock(units=3)
    put_aside(level=level, units=2, expires_at=OVER)
    before = everything()

    with pytest.raises(InsufficientStock) as refusal:
        claim(level, units=5)

    assert refusal.value.shortages == {level.variant_id: 2}
    assert everything() == before


@pytest.mark.parametrize("rows", [1, 3])
def test_release_expired_costs_the_same_queries_for_any_number(rows, django_assert_num_queries):
    for _ in range(rows):
        put_aside(expires_at=OVER)

    with django_assert_num_queries(8):
        release_expired(limit=10, at=AT)
