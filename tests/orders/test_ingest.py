"""What becomes of orders as channels tell them, good ones and bad ones."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from channels.connectors.base import IncomingBuyer, IncomingStatus
from channels.models import Channel, Listing
from inventory.models import ChannelStockSource, Location
from orders.models import Order, OrderEvent, OrderHold
from orders.operations import Outcome, UnusableOrder, ingest_order, ship
from orders.queries import differences
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory, ListingFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import ADDRESS, incoming_line, incoming_order
from tests.orders.books import books

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel():
    return ChannelFactory()


def take_in(channel, incoming, at=NOON) -> Order:
    order = ingest_order(channel=channel, incoming=incoming, at=at).order
    order.refresh_from_db()
    return order


def open_holds(order) -> list[str]:
    return sorted(order.holds.open().values_list("kind", flat=True))


def timeline(order) -> list[str]:
    return list(order.events.order_by("pk").values_list("kind", flat=True))


def test_good_order_is_stored_promised_and_ready_to_ship(channel):
    level = stock(units=10)
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, quantity=3),
        shipping_total=Decimal("4.50"),
        total=Decimal("34.50"),
    )

    ingested = ingest_order(channel=channel, incoming=incoming, at=NOON)

    order = Order.objects.get()
    level.refresh_from_db()
    assert ingested.outcome == Outcome.CREATED
    assert (order.lifecycle, order.payment_status, order.fulfillment_status) == (
        "CONFIRMED",
        "PAID",
        "UNFULFILLED",
    )
    assert (order.total, order.shipping_total, order.rounding_difference) == (
        Decimal("34.50"),
        Decimal("4.50"),
        0,
    )
    assert order.customer.name == "Ada Lovelace"
    assert order.delivery_address.city == "London"
    assert order.location == level.location
    assert (level.on_hand, level.allocated) == (10, 3)
    assert timeline(order) == ["INGESTED", "CUSTOMER_IDENTIFIED", "ALLOCATED"]
    assert differences() == []


def test_order_delivered_again_changes_nothing(channel):
    level = stock()
    incoming = incoming_order(incoming_line(sku=level.variant.sku))
    first = ingest_order(channel=channel, incoming=incoming, at=NOON)
    before = books()

    again = ingest_order(channel=channel, incoming=incoming, at=NOON + timedelta(hours=1))

    assert again.outcome == Outcome.UNCHANGED
    assert again.order == first.order
    assert books() == before


def test_order_of_an_older_version_changes_nothing(channel):
    level = stock()
    incoming = incoming_order(incoming_line(sku=level.variant.sku))
    take_in(channel, incoming)
    before = books()

    stale = replace(
        incoming, status=IncomingStatus.CANCELLED, updated_at=NOON - timedelta(minutes=1)
    )
    outcome = ingest_order(channel=channel, incoming=stale, at=NOON).outcome

    assert outcome == Outcome.STALE
    assert books() == before


def test_order_that_says_the_same_later_makes_versions_in_between_stale(channel):
    level = stock()
    incoming = incoming_order(incoming_line(sku=level.variant.sku))
    take_in(channel, incoming)
    later = replace(incoming, updated_at=NOON + timedelta(hours=2))
    in_between = replace(
        incoming, updated_at=NOON + timedelta(hours=1), status=IncomingStatus.CANCELLED
    )

    ingest_order(channel=channel, incoming=later, at=NOON)

    assert ingest_order(channel=channel, incoming=in_between, at=NOON).outcome == Outcome.STALE
    assert Order.objects.get().lifecycle == "CONFIRMED"


def test_same_order_id_on_another_channel_is_another_order(channel):
    level = stock()
    incoming = incoming_order(incoming_line(sku=level.variant.sku))
    take_in(channel, incoming)

    other = ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON)

    assert other.outcome == Outcome.CREATED
    assert Order.objects.count() == 2


def test_order_without_lines_is_stored_and_held(channel):
    order = take_in(channel, incoming_order())

    assert order.lifecycle == "PLACED"
    assert open_holds(order) == ["EMPTY"]
    assert order.lines.count() == 0


def test_order_without_buyer_is_stored_promised_and_held(channel):
    level = stock()

    order = take_in(channel, incoming_order(incoming_line(sku=level.variant.sku), buyer=None))

    level.refresh_from_db()
    assert order.customer is None
    assert (order.lifecycle, open_holds(order)) == ("PLACED", ["NO_BUYER"])
    assert level.allocated == 1


def test_order_of_a_guest_with_an_address_is_not_held(channel):
    level = stock()
    guest = IncomingBuyer(name="Somebody")

    order = take_in(channel, incoming_order(incoming_line(sku=level.variant.sku), buyer=guest))

    assert order.customer is None
    assert (order.lifecycle, open_holds(order)) == ("CONFIRMED", [])


def test_order_of_a_guest_without_an_address_is_held(channel):
    level = stock()
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku),
        buyer=IncomingBuyer(name="Somebody"),
        delivery_address=None,
    )

    order = take_in(channel, incoming)

    assert open_holds(order) == ["NO_BUYER"]


def test_sale_at_the_counter_needs_no_buyer():
    level = stock()
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, quantity=2),
        status=IncomingStatus.SHIPPED,
        buyer=None,
        delivery_address=None,
    )

    order = take_in(ChannelFactory(kind=Channel.Kind.POS), incoming)

    level.refresh_from_db()
    assert (order.lifecycle, order.fulfillment_status, open_holds(order)) == (
        "COMPLETED",
        "FULFILLED",
        [],
    )
    assert order.fulfillments.get().method == "COUNTER"
    assert (level.on_hand, level.allocated) == (8, 0)
    assert differences() == []


def test_unknown_article_holds_its_line_and_the_others_are_promised(channel):
    level = stock()
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, external_line_id="1"),
        incoming_line(sku="NOBODY-KNOWS", external_line_id="2", name="Mystery"),
    )

    order = take_in(channel, incoming)

    level.refresh_from_db()
    unknown = order.lines.get(external_line_id="2")
    assert (unknown.variant, unknown.raw_sku, unknown.name) == (None, "NOBODY-KNOWS", "Mystery")
    assert open_holds(order) == ["UNKNOWN_ITEM"]
    assert order.holds.get().line == unknown
    assert (order.lifecycle, level.allocated) == ("PLACED", 1)


@pytest.mark.parametrize("quantity", [0, -1, 1_000_000_000])
def test_line_with_a_quantity_that_makes_no_sense_is_kept_in_the_timeline(channel, quantity):
    level = stock()
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, external_line_id="1"),
        incoming_line(sku="ODD", quantity=quantity, external_line_id="2"),
    )

    order = take_in(channel, incoming)

    (raw,) = order.events.get(kind=OrderEvent.Kind.HELD).details["lines"]
    assert [line.external_line_id for line in order.lines.all()] == ["1"]
    assert open_holds(order) == ["LINE_REFUSED"]
    assert (raw["sku"], raw["quantity"]) == ("ODD", str(quantity))


@pytest.mark.parametrize(
    "values",
    [
        {"unit_price": "NaN", "total": Decimal("NaN")},
        {"total": Decimal("1E+30")},
        {"external_line_id": "1"},
        {"external_line_id": "x" * 101},
    ],
    ids=["not a number", "too large", "same id twice", "id too long"],
)
def test_line_that_cannot_be_stored_is_refused_and_the_order_kept(channel, values):
    level = stock()
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, external_line_id="1"),
        incoming_line(**{"sku": "ODD", "external_line_id": "2", **values}),
        total=Decimal(10),
    )

    order = take_in(channel, incoming)

    assert order.lines.count() == 1
    assert "LINE_REFUSED" in open_holds(order)


def test_text_that_no_column_holds_is_fitted(channel):
    level = stock()
    line = incoming_line(sku=level.variant.sku, name="A\x00" + "x" * 400, gtin="9" * 200)

    order = take_in(channel, incoming_order(line, external_number="N" * 150))

    stored = order.lines.get()
    assert (len(stored.name), len(stored.raw_gtin)) == (300, 100)


def test_currency_that_is_none_becomes_the_channels_and_holds_the_order(channel):
    level = stock()

    order = take_in(channel, incoming_order(incoming_line(sku=level.variant.sku), currency="€"))

    assert order.currency == "GBP"
    assert open_holds(order) == ["UNREADABLE"]


def test_parts_the_connector_could_not_read_hold_the_order(channel):
    level = stock()
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku), problems=("The ship-by date is no date.",)
    )

    order = take_in(channel, incoming)

    assert order.holds.get().reason == "The ship-by date is no date."
    assert open_holds(order) == ["UNREADABLE"]


@pytest.mark.parametrize("external_id", ["x" * 101, "a\x00b"])
def test_order_without_a_usable_id_is_refused_and_changes_nothing(channel, external_id):
    level = stock()
    incoming = incoming_order(incoming_line(sku=level.variant.sku), external_id=external_id)
    before = books()

    with pytest.raises(UnusableOrder):
        ingest_order(channel=channel, incoming=incoming, at=NOON)

    assert books() == before


@pytest.mark.parametrize(("total", "difference"), [("20.04", "0.04"), ("19.96", "-0.04")])
def test_total_off_by_cents_is_rounding(channel, total, difference):
    level = stock()
    lines = [
        incoming_line(sku=level.variant.sku, external_line_id=line_id) for line_id in ("1", "2")
    ]

    order = take_in(channel, incoming_order(*lines, total=Decimal(total)))

    assert order.total == Decimal(total)
    assert order.rounding_difference == Decimal(difference)
    assert open_holds(order) == []


def test_total_off_by_more_holds_the_order(channel):
    level = stock()

    order = take_in(
        channel, incoming_order(incoming_line(sku=level.variant.sku), total=Decimal("10.03"))
    )

    assert order.rounding_difference == 0
    assert order.holds.get().reason == "The total is 10.03, its parts add up to 10.00."
    assert open_holds(order) == ["PRICE_MISMATCH"]


def test_short_stock_promises_what_there_is_and_holds(channel):
    level = stock(units=2)

    order = take_in(channel, incoming_order(incoming_line(sku=level.variant.sku, quantity=5)))

    level.refresh_from_db()
    assert (order.lifecycle, open_holds(order)) == ("PLACED", ["STOCK"])
    assert (level.on_hand, level.allocated) == (2, 2)
    assert order.holds.get().reason == "Stock is missing: 3 units, 1 articles."


def test_two_lines_of_one_article_share_the_stock_oldest_first(channel):
    level = stock(units=3)
    lines = [
        incoming_line(sku=level.variant.sku, quantity=2, external_line_id=line_id)
        for line_id in ("1", "2")
    ]

    order = take_in(channel, incoming_order(*lines))

    first, second = order.lines.order_by("pk")
    assert first.line_allocations.get().units == 2
    assert second.line_allocations.get().units == 1
    assert differences() == []


def test_one_location_that_has_everything_is_preferred_over_its_priority(channel):
    near, far = LocationFactory(priority=1), LocationFactory(priority=2)
    pen, ink = VariantFactory(), VariantFactory()
    for variant, location in ((pen, near), (pen, far), (ink, far)):
        stock(variant=variant, location=location, reference=f"GR-{variant.sku}-{location.code}")

    order = take_in(
        channel,
        incoming_order(
            incoming_line(sku=pen.sku, external_line_id="1"),
            incoming_line(sku=ink.sku, external_line_id="2"),
        ),
    )

    assert order.location == far
    promised_at = {
        allocation.allocation.level.location
        for line in order.lines.all()
        for allocation in line.line_allocations.all()
    }
    assert promised_at == {far}


def test_locations_that_do_not_ship_promise_nothing(channel):
    store = LocationFactory(kind=Location.Kind.STORE, is_shipping=False)
    level = stock(location=store)

    order = take_in(channel, incoming_order(incoming_line(sku=level.variant.sku)))

    assert open_holds(order) == ["STOCK"]


def test_pack_is_promised_whole_or_not_at_all(channel):
    level = stock(units=5)
    ListingFactory(channel=channel, external_product_id="six", variant=level.variant, pack_size=2)
    line = incoming_line(external_product_id="six", quantity=3)

    order = take_in(channel, incoming_order(line))

    level.refresh_from_db()
    assert order.lines.get().line_allocations.get().units == 4
    assert level.allocated == 4
    assert open_holds(order) == ["STOCK"]
    assert differences() == []


def test_postage_is_sold_without_a_promise(channel):
    level = stock()
    service = VariantFactory(is_stocked=False)
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, external_line_id="1"),
        incoming_line(sku="POSTAGE", external_line_id="2", is_stocked=False),
        incoming_line(sku=service.sku, external_line_id="3"),
    )

    order = take_in(channel, incoming)

    assert (order.lifecycle, open_holds(order)) == ("CONFIRMED", [])
    assert list(order.lines.order_by("pk").values_list("is_stocked", flat=True)) == [
        True,
        False,
        False,
    ]


def test_order_of_services_only_is_completed_with_nothing_to_ship(channel):
    line = incoming_line(sku="GIFT-CARD", is_stocked=False)

    order = take_in(channel, incoming_order(line))

    assert (order.lifecycle, order.fulfillment_status) == ("COMPLETED", "NOT_REQUIRED")
    assert differences() == []


def test_order_shipped_by_the_channel_is_sold_without_a_promise(channel):
    level = stock(units=5, value="25.00")
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, quantity=2), status=IncomingStatus.SHIPPED
    )

    order = take_in(channel, incoming)

    level.refresh_from_db()
    movement = level.movements.get(kind="SALE")
    assert (order.lifecycle, order.fulfillment_status) == ("COMPLETED", "FULFILLED")
    assert (movement.quantity, movement.cost_value, movement.moved_at) == (
        -2,
        Decimal("-10.00"),
        incoming.updated_at,
    )
    assert movement.reference == order.fulfillments.get().number
    assert (level.on_hand, level.allocated) == (3, 0)
    assert timeline(order) == ["INGESTED", "CUSTOMER_IDENTIFIED", "SHIPPED"]
    assert differences() == []


def test_order_shipped_by_the_channel_without_stock_is_held_and_takes_none(channel):
    level = stock(units=1)
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, quantity=2), status=IncomingStatus.SHIPPED
    )

    order = take_in(channel, incoming)

    level.refresh_from_db()
    assert (order.lifecycle, open_holds(order)) == ("PLACED", ["CHANNEL_CONFLICT"])
    assert (level.on_hand, order.fulfillments.count()) == (1, 0)
    assert differences() == []


def test_order_cancelled_before_we_knew_it_promises_nothing(channel):
    level = stock()
    incoming = incoming_order(incoming_line(sku=level.variant.sku), status=IncomingStatus.CANCELLED)

    order = take_in(channel, incoming)

    level.refresh_from_db()
    assert (order.lifecycle, level.allocated, open_holds(order)) == ("CANCELLED", 0, [])
    assert differences() == []


def test_article_found_by_sku_is_remembered_by_its_ids(channel):
    level = stock()
    line = incoming_line(sku=level.variant.sku, external_product_id="77")

    take_in(channel, incoming_order(line))

    listing = Listing.objects.get()
    assert (listing.external_product_id, listing.variant) == ("77", level.variant)


def test_ingest_takes_as_many_queries_whatever_the_number_of_lines(
    channel, django_assert_num_queries
):
    place = LocationFactory()
    levels = [stock(location=place, reference=f"GR-{n}", units=100) for n in range(6)]
    few, many = (
        incoming_order(
            *(
                incoming_line(sku=level.variant.sku, external_line_id=str(position))
                for position, level in enumerate(chosen)
            )
        )
        for chosen in (levels[:1], levels[1:])
    )
    take_in(channel, incoming_order(incoming_line(sku=levels[0].variant.sku)))

    with django_assert_num_queries(19):
        ingest_order(channel=channel, incoming=few, at=NOON)
    with django_assert_num_queries(19):
        ingest_order(channel=channel, incoming=many, at=NOON)


def test_order_shipped_here_and_then_completed_on_the_channel_is_no_conflict(channel):
    level = stock()
    incoming = incoming_order(incoming_line(sku=level.variant.sku))
    order = take_in(channel, incoming)
    ship(order_id=order.pk, key="parcel", at=NOON)

    told = replace(incoming, status=IncomingStatus.SHIPPED, updated_at=NOON + timedelta(minutes=5))
    outcome = ingest_order(channel=channel, incoming=told, at=NOON).outcome

    assert outcome == Outcome.UNCHANGED
    assert OrderHold.objects.count() == 0


def test_address_told_in_other_letters_only_is_the_same(channel):
    level = stock()
    incoming = incoming_order(incoming_line(sku=level.variant.sku))
    order = take_in(channel, incoming)

    told = replace(
        incoming,
        delivery_address=replace(ADDRESS, city=" London "),
        updated_at=NOON + timedelta(minutes=5),
    )

    assert ingest_order(channel=channel, incoming=told, at=NOON).outcome == Outcome.UNCHANGED
    order.refresh_from_db()
    assert order.events.filter(kind="UPDATED").count() == 0


def test_order_to_be_collected_has_its_place_by_code_or_by_the_channels_id():
    channel, level = ChannelFactory(), stock(units=9)
    here, there = LocationFactory(), LocationFactory()
    ChannelStockSource.objects.create(
        channel=channel, location=there, external_location_id="gid-77"
    )
    line = incoming_line(sku=level.variant.sku)

    by_code, by_id = (
        ingest_order(
            channel=channel,
            incoming=incoming_order(line, pickup_location=told, delivery_address=None),
            at=NOON,
        ).order
        for told in (here.code, "gid-77")
    )

    assert [(each.delivery, each.pickup_location) for each in (by_code, by_id)] == [
        ("PICKUP", here),
        ("PICKUP", there),
    ]
    assert not by_code.holds.filter(kind__in=["ADDRESS", "NO_BUYER"]).exists()


def test_order_to_be_collected_nobody_knows_where_is_held():
    level = stock(units=9)
    incoming = incoming_order(incoming_line(sku=level.variant.sku), pickup_location="Nowhere\x00")

    order = ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order

    assert (order.delivery, order.pickup_location) == ("SHIP", None)
    assert order.holds.open().get().reason == (
        "It is collected at Nowhere, which is no place of ours that we know."
    )


def test_what_the_buyer_wrote_is_kept():
    incoming = incoming_order(note=" Ring twice.\x00 ")

    order = ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order

    assert order.buyer_note == "Ring twice."


def test_order_cancelled_when_we_learn_of_it_has_its_cancellation():
    incoming = incoming_order(
        incoming_line(sku=stock(units=9).variant.sku, quantity=3), status=IncomingStatus.CANCELLED
    )

    order = ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order

    cancellation = order.cancellations.get()
    assert (cancellation.cause, cancellation.lines.get().quantity) == ("CHANNEL", 3)
    assert differences() == []


def test_order_merged_when_we_learn_of_it_points_to_the_new_one():
    channel = ChannelFactory()
    target = ingest_order(channel=channel, incoming=incoming_order(), at=NOON).order
    level = stock(units=9)
    incoming = incoming_order(incoming_line(sku=level.variant.sku), merged_into=target.external_id)

    order = ingest_order(channel=channel, incoming=incoming, at=NOON).order

    level.refresh_from_db()
    assert (order.lifecycle, order.merged_into, level.allocated) == ("CANCELLED", target, 0)
