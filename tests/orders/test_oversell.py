"""Why more was sold than there was: the decision alone, and the incidents that operations write."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from channels.connectors.base import IncomingStatus
from channels.models import Listing
from inventory.models import WithdrawnPromise
from inventory.operations import adjust_stock, sell_stock, work_out_offers
from orders.models import OversellIncident
from orders.operations import (
    NewOrderLine,
    allocate_order,
    ingest_order,
    ingest_orders,
    place_order,
    settle_withdrawn,
)
from orders.oversell import Facts, cause_of
from orders.queries import differences, oversell_rates
from tests.factories.catalog import bundle
from tests.factories.channels import ChannelFactory, ListingFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import incoming_line, incoming_order, open_order

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
PLACED = NOON - HOUR
TOLD_RIGHT = Facts(
    placed_at=PLACED, asked=2, pushed=2, pushed_at=PLACED - HOUR, changed_at=PLACED - 2 * HOUR
)


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        (replace(TOLD_RIGHT, is_listed=False, seen=9, seen_at=NOON), "UNMAPPED_LISTING"),
        (replace(TOLD_RIGHT, seen=9, seen_at=PLACED), "MANUAL_EDIT"),
        (replace(TOLD_RIGHT, pushed=0), "CHANNEL_DELAY"),
        (replace(TOLD_RIGHT, pushed=1, taken_at=PLACED), "CHANNEL_DELAY"),
        (replace(TOLD_RIGHT, taken_at=PLACED - 5 * MINUTE), "RACE"),
        (replace(TOLD_RIGHT, pushed_at=None, pushed=None, taken_at=PLACED + MINUTE), "RACE"),
        (replace(TOLD_RIGHT, pushed_at=None, pushed=None), "STALE_PUSH"),
        (replace(TOLD_RIGHT, changed_at=PLACED - MINUTE), "STALE_PUSH"),
        (replace(TOLD_RIGHT, pushed_at=PLACED + MINUTE, pushed=0), "STALE_PUSH"),
        (replace(TOLD_RIGHT, taken_at=PLACED - 6 * MINUTE), "OTHER"),
        (TOLD_RIGHT, "OTHER"),
    ],
)
def test_cause_is_the_first_that_fits(facts, cause):
    assert cause_of(facts) == cause


@pytest.mark.parametrize(
    "facts",
    [
        # Sold on the channel itself meanwhile, or seen before it was told: no hand was in it.
        replace(TOLD_RIGHT, seen=1, seen_at=NOON),
        replace(TOLD_RIGHT, seen=9, seen_at=PLACED - 2 * HOUR),
        replace(TOLD_RIGHT, seen=None, seen_at=None),
    ],
)
def test_quantity_the_channel_showed_rightly_is_no_edit(facts):
    assert cause_of(facts) == "OTHER"


def take_in(channel, level, *, quantity=1, at=NOON, **values):
    incoming = incoming_order(incoming_line(sku=level.variant.sku, quantity=quantity), **values)
    order = ingest_order(channel=channel, incoming=incoming, at=at).order
    order.refresh_from_db()
    return order


def listing_of(level, channel, *, pushed=1, pushed_at=PLACED - HOUR, **values):
    return ListingFactory(
        channel=channel,
        variant=level.variant,
        pushed_quantity=pushed,
        pushed_at=pushed_at,
        offered_quantity=pushed,
        offered_at=pushed_at,
        **values,
    )


def causes():
    return list(OversellIncident.objects.order_by("pk").values_list("order", "cause", "units"))


@pytest.mark.django_db
def test_last_unit_sold_twice_within_a_minute_is_one_incident():
    level = stock(units=1)
    web, marketplace = ChannelFactory(), ChannelFactory()
    listings = [listing_of(level, web), listing_of(level, marketplace)]

    served = take_in(web, level, placed_at=PLACED)
    waiting = take_in(marketplace, level, placed_at=PLACED + timedelta(seconds=30))
    work_out_offers(limit=10, at=NOON)

    assert (served.lifecycle, waiting.lifecycle) == ("CONFIRMED", "PLACED")
    assert waiting.holds.open().get().kind == "STOCK"
    incident = OversellIncident.objects.get()
    assert (incident.order, incident.variant, incident.cause) == (waiting, level.variant, "RACE")
    assert (incident.units, incident.pushed, incident.right) == (1, 1, 0)
    assert waiting.events.get(kind="OVERSOLD").details == {
        "variant": level.variant_id,
        "units": 1,
        "cause": "RACE",
    }
    offered = Listing.objects.filter(pk__in=[each.pk for each in listings])
    assert list(offered.values_list("offered_quantity", flat=True)) == [0, 0]
    assert differences() == []


@pytest.mark.django_db
def test_channel_that_sold_after_it_had_been_told_of_none_is_late():
    level = stock(units=1)
    web, marketplace = ChannelFactory(), ChannelFactory()
    take_in(web, level, placed_at=PLACED)
    listing_of(level, marketplace, pushed=0, pushed_at=PLACED + timedelta(seconds=10))

    waiting = take_in(marketplace, level, placed_at=PLACED + timedelta(seconds=30))

    incident = OversellIncident.objects.get()
    assert (incident.order, incident.cause, incident.pushed) == (waiting, "CHANNEL_DELAY", 0)


@pytest.mark.django_db
def test_channel_that_was_not_told_of_the_last_change_has_a_stale_quantity():
    level = stock(units=1)
    channel = ChannelFactory()
    listing_of(level, channel, pushed=1, pushed_at=PLACED - 3 * HOUR)
    # Promised at noon of the day before: the channel still shows one.
    open_order(level=level, quantity=1, placed_at=PLACED - 2 * HOUR)
    take_in(channel, level, placed_at=NOON + HOUR, at=NOON + HOUR)

    assert OversellIncident.objects.get().cause == "STALE_PUSH"


@pytest.mark.django_db
def test_article_sold_where_we_know_of_no_listing_is_told_apart():
    level = stock(units=0 + 1)
    channel = ChannelFactory()

    first = take_in(channel, level, quantity=3)
    # The listing that the order itself wrote is none we knew of.
    line = incoming_line(sku=level.variant.sku, external_product_id="P-1")
    other = ingest_order(channel=channel, incoming=incoming_order(line), at=NOON).order

    assert causes() == [
        (first.pk, "UNMAPPED_LISTING", 2),
        (other.pk, "UNMAPPED_LISTING", 1),
    ]


@pytest.mark.django_db
def test_quantity_raised_on_the_channel_is_told_apart():
    level = stock(units=1)
    channel = ChannelFactory()
    listing_of(level, channel, pushed=1, seen_quantity=20, seen_at=PLACED - MINUTE)

    take_in(channel, level, quantity=5)

    incident = OversellIncident.objects.get()
    assert (incident.cause, incident.units, incident.right) == ("MANUAL_EDIT", 4, 1)


@pytest.mark.django_db
def test_packs_are_told_in_units():
    level = stock(units=6)
    channel = ChannelFactory()
    listing_of(level, channel, pushed=1, pack_size=6, external_product_id="P-6", external_sku="SIX")
    line = incoming_line(sku="SIX", external_product_id="P-6", quantity=2)

    ingest_order(channel=channel, incoming=incoming_order(line), at=NOON)

    incident = OversellIncident.objects.get()
    assert (incident.units, incident.pushed, incident.right) == (6, 6, 6)
    assert incident.cause == "CHANNEL_DELAY"


@pytest.mark.django_db
def test_component_of_a_bundle_is_what_was_oversold():
    place = LocationFactory()
    pen = stock(units=4, location=place, reference="GR-1")
    ink = stock(units=1, location=place, reference="GR-2")
    sold = bundle({pen.variant: 2, ink.variant: 1})
    channel = ChannelFactory()
    ListingFactory(channel=channel, variant=sold, pushed_quantity=2, pushed_at=PLACED - HOUR)

    incoming = incoming_order(incoming_line(sku=sold.sku, quantity=2))
    ingest_order(channel=channel, incoming=incoming, at=NOON)

    incident = OversellIncident.objects.get()
    assert (incident.variant, incident.units, incident.pushed) == (ink.variant, 1, 2)


@pytest.mark.django_db
def test_goods_that_a_rule_keeps_back_are_not_oversold():
    """Three places would serve it together, and its channel sends from one at most."""
    first = stock(units=1)
    stock(units=1, variant=first.variant, reference="GR-2")
    channel = ChannelFactory(most_places=1)

    order = take_in(channel, first, quantity=2)

    assert order.holds.open().get().kind == "STOCK"
    assert causes() == []


@pytest.mark.django_db
def test_same_order_again_writes_no_second_incident():
    level = stock(units=1)
    channel = ChannelFactory()
    incoming = incoming_order(incoming_line(sku=level.variant.sku, quantity=2))
    order = ingest_order(channel=channel, incoming=incoming, at=NOON).order

    ingest_order(channel=channel, incoming=incoming, at=NOON + HOUR)
    allocate_order(order_id=order.pk, at=NOON + HOUR)

    assert len(causes()) == 1
    assert order.events.filter(kind="OVERSOLD").count() == 1


@pytest.mark.django_db
def test_own_order_is_never_oversold():
    level = stock(units=2)
    order = place_order(
        channel=ChannelFactory(kind="MANUAL"),
        customer=None,
        lines=[NewOrderLine(variant_id=level.variant_id, quantity=2, unit_price=Decimal(1))],
        key="form",
        at=NOON,
    )
    sell_stock(location=level.location, units={level.variant_id: 1}, reference="R-1", at=NOON)

    assert settle_withdrawn(order_id=order.pk, at=NOON) == 1
    assert causes() == []


@pytest.mark.django_db
def test_sale_over_the_counter_of_what_was_promised_is_told_apart():
    level = stock(units=2)
    order = open_order(level=level, quantity=2)
    sell_stock(location=level.location, units={level.variant_id: 1}, reference="R-1", at=NOON)

    settle_withdrawn(order_id=order.pk, at=NOON)
    settle_withdrawn(order_id=order.pk, at=NOON)

    assert causes() == [(order.pk, "COUNTER_SALE", 1)]


@pytest.mark.django_db
def test_goods_that_are_not_found_are_an_error_of_counting():
    level = stock(units=2)
    order = open_order(level=level, quantity=2)
    for number in (1, 2):
        adjust_stock(
            location=level.location,
            quantities={level.variant_id: -1},
            reference=f"ADJ-{number}",
            reason="Not found.",
            at=NOON,
        )
        settle_withdrawn(order_id=order.pk, at=NOON + number * HOUR)

    assert WithdrawnPromise.objects.count() == 2
    assert causes() == [(order.pk, "COUNT_ERROR", 1)]


@pytest.mark.django_db
def test_gone_goods_that_others_stand_in_for_are_not_oversold():
    level = stock(units=1)
    order = open_order(level=level, quantity=1)
    stock(units=1, variant=level.variant, reference="GR-2")
    sell_stock(location=level.location, units={level.variant_id: 1}, reference="R-1", at=NOON)

    settle_withdrawn(order_id=order.pk, at=NOON)

    assert causes() == []


@pytest.mark.django_db
def test_past_sales_that_have_left_are_not_oversold():
    level = stock(units=1)
    past = [
        incoming_order(
            incoming_line(sku=level.variant.sku, quantity=5), status=IncomingStatus.SHIPPED
        )
    ]

    ingest_orders(channel=ChannelFactory(), batch=past, location=level.location, at=NOON)

    assert causes() == []


@pytest.mark.django_db
def test_rate_is_told_by_month_channel_and_cause(django_assert_num_queries):
    level, channel = stock(units=1), ChannelFactory(name="Amazon")
    november, october = NOON - HOUR, NOON - timedelta(days=30)
    take_in(channel, level, quantity=3, placed_at=november)
    for _ in range(3):
        open_order(channel=channel, placed_at=november)
    open_order(channel=channel, placed_at=october)
    place_order(
        channel=channel,
        customer=None,
        lines=[NewOrderLine(variant_id=stock(reference="GR-9").variant_id, quantity=1,
                            unit_price=Decimal(1))],
        key="form",
        at=NOON,
    )  # fmt: skip

    with django_assert_num_queries(1):
        rates = oversell_rates(first=date(2026, 10, 1), last=date(2026, 11, 30))

    assert [
        (each.month.month, each.cause, each.incidents, each.units, each.orders, each.per_thousand)
        for each in rates
    ] == [
        (11, "", 1, 2, 4, Decimal("250.0")),
        (11, "UNMAPPED_LISTING", 1, 2, 4, Decimal("250.0")),
        (10, "", 0, 0, 1, Decimal("0.0")),
    ]
    assert {each.channel for each in rates} == {"Amazon"}
