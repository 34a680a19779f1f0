"""Orders of our own: accepted whole or refused whole."""

from datetime import timedelta
from decimal import Decimal

import pytest

from catalog.models import Price, PriceList
from channels.models import Channel
from inventory.operations import InsufficientStock
from orders.models import Order
from orders.operations import (
    Collecting,
    InvalidLines,
    KeyReused,
    NewOrderLine,
    NoPickupThere,
    NoPrice,
    place_order,
    plan_order,
)
from orders.queries import differences
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders_pickups import pickup_place
from tests.orders.books import books

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return ChannelFactory(kind=Channel.Kind.MANUAL)


def priced(desk, variant, price="12.50"):
    price_list = PriceList.objects.create(code=f"list-{variant.pk}", name="List", currency="GBP")
    desk.price_lists.add(price_list)
    Price.objects.create(variant=variant, price_list=price_list, unit_price=Decimal(price))


def test_order_is_placed_at_the_channels_price_and_promised(desk):
    level = stock(units=10)
    priced(desk, level.variant)
    person = UserFactory()

    order = place_order(
        channel=desk,
        lines=[NewOrderLine(variant_id=level.variant_id, quantity=3)],
        key="call-1",
        at=NOON,
        by=person,
    )

    level.refresh_from_db()
    line = order.lines.get()
    placed = order.events.get(kind="PLACED")
    assert (order.lifecycle, order.external_id, order.total) == (
        "CONFIRMED",
        "call-1",
        Decimal("37.50"),
    )
    assert (line.unit_price, line.total, line.raw_sku) == (
        Decimal("12.5"),
        Decimal("37.50"),
        level.variant.sku,
    )
    assert (placed.caused_by, placed.happened_at) == (person, NOON)
    assert level.allocated == 3
    assert differences() == []


def test_given_price_counts_and_is_rounded_by_the_line(desk):
    level = stock()
    line = NewOrderLine(variant_id=level.variant_id, quantity=3, unit_price=Decimal("0.3333"))

    order = place_order(channel=desk, lines=[line], key="call-1", at=NOON)

    assert order.total == Decimal("1.00")


def test_same_order_with_the_same_key_is_placed_once(desk):
    level = stock()
    values = {
        "channel": desk,
        "lines": [NewOrderLine(variant_id=level.variant_id, quantity=1, unit_price=Decimal(1))],
        "key": "call-1",
        "at": NOON,
    }
    first = place_order(**values)
    before = books()

    assert place_order(**values) == first
    assert books() == before


def refused(error, **values):
    """Place an order and see it refused with nothing changed; return the refusal."""
    before = books()
    with pytest.raises(error) as caught:
        place_order(key="call-1", at=NOON, **values)
    assert books() == before
    return caught.value


def new_line(variant, quantity=1, unit_price=Decimal(1)):
    return NewOrderLine(variant_id=variant.pk, quantity=quantity, unit_price=unit_price)


def test_another_order_with_the_same_key_is_refused(desk):
    level = stock()
    place_order(channel=desk, lines=[new_line(level.variant)], key="call-1", at=NOON)

    refused(KeyReused, channel=desk, lines=[new_line(level.variant, quantity=2)])


def test_every_shortage_is_named_and_nothing_kept(desk):
    pen, ink, cap = (stock(units=2, reference=f"GR-{n}") for n in range(3))

    refusal = refused(
        InsufficientStock,
        channel=desk,
        lines=[
            new_line(pen.variant, 5),
            new_line(ink.variant, 3),
            new_line(cap.variant, 2),
        ],
    )

    assert refusal.shortages == {pen.variant_id: 3, ink.variant_id: 1}
    assert Order.objects.count() == 0


def test_two_lines_of_one_article_are_counted_together(desk):
    level = stock(units=3)
    lines = [new_line(level.variant, 2), new_line(level.variant, 2)]

    assert refused(InsufficientStock, channel=desk, lines=lines).shortages == {level.variant_id: 1}


def test_every_article_without_a_price_is_named(desk):
    pen, ink = VariantFactory(sku="PEN"), VariantFactory(sku="INK")

    refusal = refused(
        NoPrice,
        channel=desk,
        lines=[new_line(pen, unit_price=None), new_line(ink, unit_price=None)],
    )

    assert refusal.details == {"skus": ["INK", "PEN"]}


@pytest.mark.parametrize("wrong", ["no lines", "zero", "negative", "negative price", "unknown"])
def test_lines_that_make_no_sense_are_refused(desk, wrong):
    variant = stock().variant
    lines = {
        "no lines": [],
        "zero": [new_line(variant, 0)],
        "negative": [new_line(variant, -1)],
        "negative price": [new_line(variant, 1, Decimal(-1))],
        "unknown": [NewOrderLine(variant_id=0, quantity=1, unit_price=Decimal(1))],
    }[wrong]

    refused(InvalidLines, channel=desk, lines=lines)


def test_plan_says_what_the_order_would_come_to_and_changes_nothing(desk):
    pen, ink = (stock(units=2, reference=f"GR-{n}") for n in range(2))
    priced(desk, pen.variant)
    before = books()

    planned = plan_order(
        channel=desk,
        lines=[new_line(pen.variant, 5, unit_price=None), new_line(ink.variant, 2)],
        at=NOON,
    )

    first, second = planned.lines
    assert (first.unit_price, first.total, first.price_list) == (
        Decimal("12.5"),
        Decimal("62.50"),
        "List",
    )
    assert (second.total, second.price_list, planned.total) == (2, "", Decimal("64.50"))
    assert planned.missing == {pen.variant: 3}
    assert books() == before


def test_plan_and_order_agree_on_what_is_missing(desk):
    """Places keep units for who walks in, and a channel may not split: both know of it."""
    pen = stock(units=3, location=LocationFactory(walk_in_floor=2))
    ink = stock(units=3, reference="GR-2")
    lines = [new_line(pen.variant, 2), new_line(ink.variant, 1)]

    planned = plan_order(channel=desk, lines=lines, at=NOON)
    refusal = refused(InsufficientStock, channel=desk, lines=lines)

    assert {variant.pk: units for variant, units in planned.missing.items()} == refusal.shortages


def test_plan_of_an_order_to_be_collected_looks_at_its_place_only(desk):
    here = stock(units=1, location=pickup_place())
    stock(units=9, variant=here.variant, reference="GR-2")
    collecting = Collecting(location=here.location)
    lines = [new_line(here.variant, 3)]

    planned = plan_order(channel=desk, lines=lines, collecting=collecting, at=NOON)

    assert planned.missing == {here.variant: 2}
    refusal = refused(InsufficientStock, channel=desk, lines=lines, collecting=collecting)
    assert refusal.shortages == {here.variant_id: 2}


def test_plan_is_refused_as_the_order_would_be(desk):
    level = stock()
    for error, values in (
        (InvalidLines, {"lines": []}),
        (NoPrice, {"lines": [new_line(level.variant, unit_price=None)]}),
        (
            NoPickupThere,
            {
                "lines": [new_line(level.variant)],
                "collecting": Collecting(location=level.location),
            },
        ),
    ):
        with pytest.raises(error):
            plan_order(channel=desk, at=NOON, **values)
        refused(error, channel=desk, **values)


def test_order_to_be_collected_is_promised_at_its_place(desk):
    level = stock(location=pickup_place(pickup_ready_minutes=30))

    order = place_order(
        channel=desk,
        lines=[new_line(level.variant, 2)],
        collecting=Collecting(location=level.location, name="Ada", is_curbside=True),
        key="call-1",
        at=NOON,
    )

    level.refresh_from_db()
    pickup = order.pickup
    assert (order.delivery, order.pickup_location, level.allocated) == (
        "PICKUP",
        level.location,
        2,
    )
    assert (pickup.collector_name, pickup.is_curbside) == ("Ada", True)
    assert pickup.promised_at == NOON + timedelta(minutes=30)
    assert differences() == []


def test_same_key_with_another_place_is_refused(desk):
    level = stock(location=pickup_place())
    lines = [new_line(level.variant)]
    here = Collecting(location=level.location)
    place_order(channel=desk, lines=lines, collecting=here, key="call-1", at=NOON)

    refused(KeyReused, channel=desk, lines=lines)
    other = Collecting(location=level.location, name="Alan")
    refused(KeyReused, channel=desk, lines=lines, collecting=other)
