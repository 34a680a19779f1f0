"""Bundles in orders: promised, shipped, given back and returned as their components."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from catalog.models import BundleComponent
from channels.connectors.base import IncomingStatus
from inventory import queries as inventory_queries
from inventory.models import StockMovement
from inventory.operations import InsufficientStock
from orders.models import LineComponent, OrderLine
from orders.operations import (
    IncomingReturn,
    IncomingReturnLine,
    NewOrderLine,
    ReturnedLine,
    allocate_waiting,
    cancel_order,
    ingest_order,
    ingest_orders,
    link_line,
    place_order,
    register_returns,
    release_hold,
    ship,
    take_back,
    take_back_blind,
)
from orders.queries import differences, servable_orders, waiting_lines
from tests.factories.catalog import VariantFactory, bundle
from tests.factories.channels import ChannelFactory, ListingFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import incoming_line, incoming_order
from tests.inventory.shared import figures
from tests.orders.books import books
from tests.people import browser_of, superuser

pytestmark = pytest.mark.django_db


@pytest.fixture
def place():
    return LocationFactory()


@pytest.fixture
def pen(place):
    return stock(units=10, location=place, reference="GR-pen")


@pytest.fixture
def ink(place):
    return stock(units=3, location=place, reference="GR-ink")


@pytest.fixture
def gift_set(pen, ink):
    """Two pens and an ink."""
    return bundle({pen.variant: 2, ink.variant: 1})


def ordered(*lines, channel=None, **values):
    """Take in an order of these: (variant, pieces)."""
    incoming = incoming_order(
        *(
            incoming_line(sku=variant.sku, quantity=pieces, external_line_id=str(position))
            for position, (variant, pieces) in enumerate(lines)
        ),
        **values,
    )
    return ingest_order(channel=channel or ChannelFactory(), incoming=incoming, at=NOON).order


def all_differences():
    return [*differences(), *inventory_queries.differences()]


def test_bundle_promises_its_components(gift_set, pen, ink):
    order = ordered((gift_set, 3))

    line = order.lines.get()
    assert (figures(pen), figures(ink), order.lifecycle) == ((10, 6), (3, 3), "CONFIRMED")
    assert (line.is_stocked, line.is_bundle) == (True, True)
    assert sorted(line.components.values_list("variant", "units")) == sorted(
        [(pen.variant_id, 2), (ink.variant_id, 1)]
    )
    assert all_differences() == []


def test_only_whole_bundles_are_promised_and_what_is_short_is_named(gift_set, pen, ink):
    order = ordered((gift_set, 5))

    assert (figures(pen), figures(ink)) == ((10, 6), (3, 3))
    hold = order.holds.get()
    assert (hold.kind, hold.reason) == ("STOCK", "Stock is missing: 2 units, 1 articles.")
    assert all_differences() == []


def test_no_component_is_promised_while_one_is_missing(pen, place):
    absent = VariantFactory()
    order = ordered((bundle({pen.variant: 1, absent: 1}), 1))

    assert figures(pen) == (10, 0)
    assert order.holds.get().kind == "STOCK"


def test_bundle_comes_from_one_location(pen, ink):
    """Pens here, ink there: nobody could send the two together."""
    there = stock(units=5, variant=VariantFactory(), reference="GR-there")
    split = bundle({pen.variant: 1, there.variant: 1})

    order = ordered((split, 1))

    assert (figures(pen), figures(there)) == ((10, 0), (5, 0))
    assert order.holds.get().reason == "Stock is missing: 2 units, 2 articles."


def test_bundles_from_two_locations_are_each_whole(gift_set, pen, ink):
    there = LocationFactory()
    stock(units=1, variant=pen.variant, location=there, reference="GR-1")
    far_pen = stock(units=3, variant=pen.variant, location=there, reference="GR-2")
    far_ink = stock(units=5, variant=ink.variant, location=there, reference="GR-3")

    order = ordered((gift_set, 5))

    assert (figures(pen), figures(ink)) == ((10, 6), (3, 3))
    assert (figures(far_pen), figures(far_ink)) == ((4, 4), (5, 2))
    assert order.lifecycle == "CONFIRMED"
    assert all_differences() == []


def test_component_sold_alone_and_in_a_bundle_is_one_demand(gift_set, pen, ink):
    order = ordered((ink.variant, 2), (gift_set, 2))

    alone, in_bundle = order.lines.order_by("pk")
    assert figures(ink) == (3, 3)
    assert sum(alone.line_allocations.values_list("units", flat=True)) == 2
    assert sum(in_bundle.line_allocations.values_list("units", flat=True)) == 3
    assert order.holds.get().kind == "STOCK"
    assert all_differences() == []


def test_listing_of_a_pack_of_bundles_multiplies(gift_set, pen, ink):
    channel = ChannelFactory()
    ListingFactory(
        channel=channel, external_product_id="77", variant=gift_set, external_sku="TWO-SETS",
        pack_size=2,
    )  # fmt: skip
    line = incoming_line(sku="TWO-SETS", external_product_id="77")

    order = ingest_order(channel=channel, incoming=incoming_order(line), at=NOON).order

    assert order.lines.get().pack_size == 2
    assert (figures(pen), figures(ink)) == ((10, 4), (3, 2))


def test_ship_sends_the_components_of_whole_bundles(gift_set, pen, ink):
    order = ordered((gift_set, 3))
    line = order.lines.get()

    fulfillment = ship(order_id=order.pk, key="one", quantities={line.pk: 1}, at=NOON)

    line.refresh_from_db()
    order.refresh_from_db()
    sent = StockMovement.objects.filter(kind="SHIPMENT")
    assert (figures(pen), figures(ink), line.shipped) == ((8, 4), (2, 2), 1)
    assert (order.lifecycle, order.fulfillment_status) == ("CONFIRMED", "PARTIAL")
    assert {movement.source_line_ids[0] for movement in sent} == {fulfillment.lines.get().pk}
    assert all_differences() == []


def test_ship_of_all_completes_the_order(gift_set, pen, ink):
    order = ordered((gift_set, 3))

    ship(order_id=order.pk, key="all", at=NOON)

    order.refresh_from_db()
    assert (figures(pen), figures(ink), order.lifecycle) == ((4, 0), (0, 0), "COMPLETED")
    assert all_differences() == []


def test_cancel_frees_every_component(gift_set, pen, ink):
    order = ordered((gift_set, 3))

    cancel_order(order_id=order.pk, reason="No longer wanted.", key="call", at=NOON)

    assert (figures(pen), figures(ink)) == ((10, 0), (3, 0))
    assert all_differences() == []


def test_fewer_bundles_on_the_channel_give_whole_bundles_back(gift_set, pen, ink):
    channel = ChannelFactory()
    incoming = incoming_order(incoming_line(sku=gift_set.sku, quantity=3))
    ingest_order(channel=channel, incoming=incoming, at=NOON)
    (line,) = incoming.lines

    told = replace(
        incoming,
        lines=(replace(line, quantity=1, total=line.unit_price),),
        total=line.unit_price,
        updated_at=NOON + timedelta(minutes=5),
    )
    ingest_order(channel=channel, incoming=told, at=NOON)

    assert (figures(pen), figures(ink)) == ((10, 2), (3, 1))
    assert all_differences() == []


def test_bundle_waits_for_all_its_components(gift_set, pen, ink):
    order = ordered((gift_set, 4))
    (line,) = waiting_lines(variant_ids=[ink.variant_id])
    assert (line.wanted, line.promised) == (12, 9)
    stock(units=9, variant=pen.variant, location=pen.location, reference="GR-4")
    assert list(servable_orders()) == [], "pens alone make no bundle"

    stock(units=1, variant=ink.variant, location=ink.location, reference="GR-5")
    served = allocate_waiting(variant_ids=[ink.variant_id], at=NOON)

    order.refresh_from_db()
    assert (served, order.lifecycle) == (1, "CONFIRMED")
    assert list(waiting_lines()) == []
    assert all_differences() == []


def test_returned_bundle_comes_back_as_its_components(gift_set, pen, ink):
    order = ordered((gift_set, 3))
    ship(order_id=order.pk, key="all", at=NOON)
    arguments = {
        "order_id": order.pk,
        "location": pen.location,
        "lines": [ReturnedLine(order_line_id=order.lines.get().pk, quantity=2)],
        "key": "rma",
        "at": NOON,
    }

    registered = take_back(**arguments)

    back = StockMovement.objects.filter(kind="RETURN")
    assert (figures(pen), figures(ink)) == ((8, 0), (2, 0))
    assert {(m.source_kind, m.source_id, *m.source_line_ids) for m in back} == {
        ("CUSTOMER_RETURN", registered.pk, registered.lines.get().pk)
    }
    assert take_back(**arguments) == registered
    assert all_differences() == []


def test_blind_return_of_a_bundle_comes_back_as_its_components_of_today(gift_set, pen, ink):
    take_back_blind(
        channel=ChannelFactory(),
        location=pen.location,
        lines=[ReturnedLine(variant_id=gift_set.pk, quantity=1)],
        note="No receipt",
        key="rma",
        at=NOON,
    )

    assert (figures(pen), figures(ink)) == ((12, 0), (4, 0))


def test_bundle_that_is_changed_changes_no_order_that_is_there(gift_set, pen, ink):
    order = ordered((gift_set, 1))

    BundleComponent.objects.filter(component=pen.variant).update(units=5)
    ship(order_id=order.pk, key="all", at=NOON)

    assert (figures(pen), figures(ink)) == ((8, 0), (2, 0))
    assert all_differences() == []


def test_strict_order_names_the_components_that_are_short(gift_set, pen, ink):
    channel = ChannelFactory(kind="MANUAL")
    wanted = [NewOrderLine(variant_id=gift_set.pk, quantity=6, unit_price=Decimal(9))]
    before = books()

    with pytest.raises(InsufficientStock) as refusal:
        place_order(channel=channel, lines=wanted, key="call", at=NOON)

    assert refusal.value.shortages == {pen.variant_id: 2, ink.variant_id: 3}
    assert f"missing 2 of {pen.variant.sku}, 3 of {ink.variant.sku}" in refusal.value.message
    assert books() == before


def test_strict_order_of_a_bundle_is_promised_whole(gift_set, pen, ink):
    order = place_order(
        channel=ChannelFactory(kind="MANUAL"),
        lines=[NewOrderLine(variant_id=gift_set.pk, quantity=3, unit_price=Decimal(9))],
        key="call",
        at=NOON,
    )

    assert (order.lifecycle, figures(pen), figures(ink)) == ("CONFIRMED", (10, 6), (3, 3))


def test_unknown_article_that_is_a_bundle_is_linked_as_one(gift_set, pen, ink):
    order = ingest_order(
        channel=ChannelFactory(), incoming=incoming_order(incoming_line(sku="WHAT")), at=NOON
    ).order

    line = link_line(line_id=order.lines.get().pk, variant_id=gift_set.pk, pack_size=2, at=NOON)

    assert line.is_bundle
    assert (figures(pen), figures(ink)) == ((10, 4), (3, 2))


def test_bundle_shipped_by_its_channel_takes_the_components(gift_set, pen, ink):
    order = ordered((gift_set, 2), status=IncomingStatus.SHIPPED)

    assert (order.lifecycle, figures(pen), figures(ink)) == ("COMPLETED", (6, 0), (1, 0))
    assert all_differences() == []


def test_bulk_history_takes_the_components_and_brings_them_back(gift_set, pen, ink):
    channel = ChannelFactory()
    sale = incoming_order(
        incoming_line(sku=gift_set.sku, quantity=2), status=IncomingStatus.SHIPPED
    )
    back = IncomingReturn(
        external_id="back-1",
        received_at=NOON,
        lines=(
            IncomingReturnLine(
                external_line_id="1", variant_id=gift_set.pk, quantity=1, unit_price=Decimal(9)
            ),
        ),
    )

    ingest_orders(channel=channel, batch=[sale], location=pen.location, at=NOON)
    after_sale = figures(pen), figures(ink)
    register_returns(channel=channel, batch=[back], location=pen.location, at=NOON)

    assert after_sale == ((6, 0), (1, 0))
    assert (figures(pen), figures(ink)) == ((8, 0), (2, 0))
    assert LineComponent.objects.count() == 2
    assert all_differences() == []


def test_service_stays_a_service(pen):
    service = VariantFactory(is_stocked=False)

    order = ordered((pen.variant, 1), (service, 1))

    assert list(OrderLine.objects.filter(order=order, is_stocked=False)) == [
        order.lines.get(variant=service)
    ]
    assert order.lifecycle == "CONFIRMED"


def test_rest_of_an_order_short_of_bundles_ships_when_released(gift_set, pen, ink):
    order = ordered((gift_set, 4))
    release_hold(hold_id=order.holds.get().pk, note="Send what we have.", at=NOON)

    ship(order_id=order.pk, key="some", at=NOON)

    assert (figures(pen), figures(ink), order.lines.get().shipped) == ((4, 0), (0, 0), 3)
    assert all_differences() == []


def test_bundles_cost_as_many_queries_whatever_their_number(place, django_assert_num_queries):
    levels = [stock(units=50, location=place, reference=f"GR-{n}") for n in range(6)]
    channel = ChannelFactory()
    sets = [bundle({levels[n].variant: 1, levels[n + 1].variant: 2}) for n in range(5)]
    orders = [
        incoming_order(
            *(
                incoming_line(sku=one.sku, external_line_id=str(position))
                for position, one in enumerate(chosen)
            )
        )
        for chosen in (sets[:1], sets[1:])
    ]
    ordered((sets[0], 1), channel=channel)

    for incoming in orders:
        with django_assert_num_queries(23):
            order = ingest_order(channel=channel, incoming=incoming, at=NOON).order
        with django_assert_num_queries(36):
            ship(order_id=order.pk, key="all", at=NOON)


def test_desk_sees_what_a_bundle_is_made_of(gift_set, pen, ink):
    order = ordered((gift_set, 2))
    browser = browser_of(superuser())
    parts = f"2 x {pen.variant.sku}, 1 x {ink.variant.sku}"

    page = browser.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()
    form = browser.get(reverse("admin:orders_order_changelist") + f"{order.pk}/act/ship/")

    assert parts in page
    assert form.status_code == 200
    assert f"2 of 2 promised, each of {parts}" in form.content.decode()
