"""What makes no sense is refused by name, whatever the act, and nothing has happened then."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from inventory.models import Location
from inventory.operations import (
    InactiveVariant,
    InvalidQuantity,
    Issue,
    NotStocked,
    Received,
    UnknownLocation,
    UnknownVariant,
    adjust_stock,
    allocate_stock,
    hand_over_reserved,
    issue_stock,
    post_issues,
    receive_stock,
    release_allocation,
    reserve_stock,
    return_stock,
    sell_stock,
    ship_allocated,
)
from tests.factories.catalog import VariantFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.inventory_promises import put_aside
from tests.inventory.shared import everything

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
TOO_MANY = 1_000_000_000


def receive(location, variant_id, units=1):
    goods = {variant_id: Received(units=units, value=Decimal(1))}
    receive_stock(location=location, received=goods, reference="X-1", at=AT)


def give_back(location, variant_id, units=1):
    return_stock(location=location, units={variant_id: units}, reference="X-1", at=AT)


def issue(location, variant_id, units=1):
    issue_stock(location=location, units={variant_id: units}, kind="SALE", reference="X-1", at=AT)


def sell(location, variant_id, units=1):
    sell_stock(location=location, units={variant_id: units}, reference="X-1", at=AT)


def adjust(location, variant_id, units=1):
    adjust_stock(
        location=location,
        quantities={variant_id: units},
        reference="X-1",
        reason="Counted",
        at=AT,
    )


def allocate(location, variant_id, units=1):
    allocate_stock(location=location, units={variant_id: units}, reference="X-1", at=AT)


def reserve(location, variant_id, units=1):
    reserve_stock(
        location=location,
        units={variant_id: units},
        reference="X-1",
        expires_at=AT + timedelta(days=1),
        note="Mrs Smith",
        at=AT,
    )


def post(location, variant_id, units=1):
    row = Issue(
        location_id=location.pk,
        variant_id=variant_id,
        units=units,
        kind="SALE",
        reference="X-1",
        moved_at=AT,
    )
    post_issues(issues=[row], at=AT)


ACTS = [receive, give_back, issue, sell, adjust, allocate, reserve, post]
# An adjustment and history have a sign.
SIGNED = [adjust, post]
# What still lies there of an article that is no longer dealt in may leave, or come back.
TAKES_IN_OR_PROMISES = [receive, allocate, reserve]


def refused(refusal, act, *arguments):
    """Return the refusal of an act that changed nothing."""
    before = everything()
    with pytest.raises(refusal) as raised:
        act(*arguments)
    assert everything() == before
    return raised.value


@pytest.mark.parametrize("act", ACTS)
def test_no_units_are_no_act(act):
    level = stock()

    refused(InvalidQuantity, act, level.location, level.variant_id, 0)


@pytest.mark.parametrize("act", [act for act in ACTS if act not in SIGNED])
@pytest.mark.parametrize("units", [-1, TOO_MANY])
def test_units_below_one_or_beyond_counting_are_refused(act, units):
    level = stock()

    refused(InvalidQuantity, act, level.location, level.variant_id, units)


@pytest.mark.parametrize("units", [-TOO_MANY, TOO_MANY])
def test_an_adjustment_beyond_counting_is_refused(units):
    level = stock()

    refused(InvalidQuantity, adjust, level.location, level.variant_id, units)


@pytest.mark.parametrize("act", [release_allocation, ship_allocated, hand_over_reserved])
@pytest.mark.parametrize("units", [0, -1])
def test_promised_units_are_counted_from_one(act, units):
    allocation = put_aside()
    reference = {} if act is release_allocation else {"reference": "X-1"}

    refused(InvalidQuantity, lambda: act(units={allocation.pk: units}, at=AT, **reference))


@pytest.mark.parametrize("act", ACTS)
def test_an_article_nobody_knows_is_refused(act):
    refusal = refused(UnknownVariant, act, LocationFactory(), 4711)

    assert refusal.message == "There is no article with the number 4711."


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("place", ["never stored", "deleted"])
def test_a_location_nobody_knows_is_refused(act, place):
    if place == "never stored":
        location = Location(code="nowhere", name="Nowhere", kind="STORE")
    else:
        location = LocationFactory()
        Location.objects.filter(pk=location.pk).delete()

    refusal = refused(UnknownLocation, act, location, VariantFactory().pk)

    assert refusal.message == "The location does not exist, or no longer."


@pytest.mark.parametrize("act", ACTS)
def test_what_is_not_kept_in_stock_is_refused(act):
    postage = VariantFactory(sku="POSTAGE", is_stocked=False)

    refusal = refused(NotStocked, act, LocationFactory(), postage.pk)

    assert refusal.message == "Not kept in stock: POSTAGE."


@pytest.mark.parametrize("act", TAKES_IN_OR_PROMISES)
def test_what_is_no_longer_dealt_in_comes_in_no_more_and_is_not_promised(act):
    level = stock(variant=VariantFactory(sku="OLD-1"))
    level.variant.is_active = False
    level.variant.save(update_fields=["is_active"])

    refusal = refused(InactiveVariant, act, level.location, level.variant_id)

    assert refusal.message == "No longer dealt in: OLD-1. Activate the article first."


@pytest.mark.parametrize("act", [act for act in ACTS if act not in TAKES_IN_OR_PROMISES])
def test_what_is_no_longer_dealt_in_still_leaves_and_comes_back(act):
    level = stock()
    level.variant.is_active = False
    level.variant.save(update_fields=["is_active"])
    before = everything()

    act(level.location, level.variant_id)

    assert everything() != before


def test_articles_are_named_up_to_five():
    location = LocationFactory()
    services = [VariantFactory(sku=f"FEE-{n}", is_stocked=False) for n in range(7)]
    goods = {service.pk: Received(units=1, value=Decimal(1)) for service in services}

    with pytest.raises(NotStocked) as refusal:
        receive_stock(location=location, received=goods, reference="X-1", at=AT)

    assert refusal.value.message == (
        "Not kept in stock: FEE-0, FEE-1, FEE-2, FEE-3, FEE-4 and 2 more."
    )
