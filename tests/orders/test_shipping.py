"""Goods leaving: what may be shipped, what is written, who is told."""

from decimal import Decimal

import pytest

from channels.models import Channel, OutboxEntry
from inventory.models import Allocation, StockMovement
from orders.models import Fulfillment, Order
from orders.operations import (
    NotEnoughPromised,
    NothingToShip,
    OrderOnHold,
    UnknownLine,
    UnknownOrder,
    cancel_order,
    hold_order,
    ingest_order,
    release_hold,
    ship,
)
from orders.queries import differences
from retail.common.errors import WrongStatus
from tests.factories.channels import ChannelFactory, ListingFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import (
    held_order,
    incoming_line,
    incoming_order,
    open_order,
    shipped_order,
)
from tests.orders.books import books

pytestmark = pytest.mark.django_db


def two_line_order(channel=None):
    pen, ink = stock(reference="GR-pen"), stock(reference="GR-ink")
    ink.location, _ = pen.location, ink.location
    incoming = incoming_order(
        incoming_line(sku=pen.variant.sku, quantity=2, external_line_id="pen"),
        incoming_line(sku=ink.variant.sku, quantity=1, external_line_id="ink"),
        incoming_line(sku="POSTAGE", external_line_id="post", is_stocked=False),
    )
    order = ingest_order(channel=channel or ChannelFactory(), incoming=incoming, at=NOON).order
    return order, pen, ink


def test_ship_writes_everything_at_once():
    level = stock(units=10, value="40.00")
    order = open_order(level=level, quantity=3)
    person = UserFactory()

    fulfillment = ship(
        order_id=order.pk, key="parcel", carrier="DPD", tracking_number="TN-1", at=NOON, by=person
    )

    order.refresh_from_db()
    level.refresh_from_db()
    movement = StockMovement.objects.get(kind="SHIPMENT")
    allocation = Allocation.objects.get()
    assert (order.lifecycle, order.fulfillment_status) == ("COMPLETED", "FULFILLED")
    assert (level.on_hand, level.allocated) == (7, 0)
    assert (movement.quantity, movement.cost_value, movement.reference, movement.moved_by) == (
        -3,
        Decimal("-12.00"),
        fulfillment.number,
        person,
    )
    assert (allocation.shipped, allocation.closed_at) == (3, NOON)
    assert fulfillment.lines.get().quantity == 3
    assert str(fulfillment.parcels.get()) == "DPD TN-1"
    assert order.lines.get().shipped == 3
    assert order.events.get(kind="SHIPPED").details == {
        "fulfillment": fulfillment.number,
        "pieces": 3,
    }
    entry = OutboxEntry.objects.get()
    assert (entry.channel, entry.kind, entry.key) == (
        order.channel,
        "TRACKING",
        fulfillment.number,
    )
    assert entry.payload == {
        "external_order_id": order.external_id,
        "carrier": "DPD",
        "tracking_number": "TN-1",
        "shipped_at": NOON.isoformat(),
        "lines": {"1": 3},
    }
    assert differences() == []


def test_ship_with_the_same_key_ships_once():
    order = open_order(quantity=2)
    first = ship(order_id=order.pk, key="parcel", at=NOON)
    before = books()

    again = ship(order_id=order.pk, key="parcel", at=NOON)

    assert again == first
    assert books() == before


def test_ship_of_a_part_leaves_the_rest_open():
    order = open_order(quantity=3)
    line = order.lines.get()

    ship(order_id=order.pk, key="first", quantities={line.pk: 1}, at=NOON)

    order.refresh_from_db()
    line.refresh_from_db()
    assert (order.lifecycle, order.fulfillment_status) == ("CONFIRMED", "PARTIAL")
    assert (line.shipped, line.line_allocations.get().units) == (1, 2)
    assert differences() == []

    ship(order_id=order.pk, key="second", at=NOON)

    order.refresh_from_db()
    assert (order.lifecycle, order.fulfillment_status) == ("COMPLETED", "FULFILLED")
    assert differences() == []


def test_postage_goes_along_with_the_first_parcel():
    order, pen, _ = two_line_order()
    pens = order.lines.get(variant=pen.variant)

    fulfillment = ship(order_id=order.pk, key="first", quantities={pens.pk: 2}, at=NOON)

    assert {line.line.external_line_id: line.quantity for line in fulfillment.lines.all()} == {
        "pen": 2,
        "post": 1,
    }
    assert differences() == []


def test_goods_in_two_places_leave_in_two_fulfillments():
    order, pen, ink = two_line_order()

    first = ship(order_id=order.pk, key="first", at=NOON)
    second = ship(order_id=order.pk, key="second", at=NOON)

    order.refresh_from_db()
    assert {first.location, second.location} == {
        pen.variant.stock_levels.get().location,
        ink.variant.stock_levels.get().location,
    }
    assert order.lifecycle == "COMPLETED"
    assert differences() == []


def test_pack_ships_its_units():
    level = stock(units=10)
    channel = ChannelFactory()
    ListingFactory(channel=channel, external_product_id="six", variant=level.variant, pack_size=3)
    line = incoming_line(external_product_id="six", quantity=2)
    order = ingest_order(channel=channel, incoming=incoming_order(line), at=NOON).order

    ship(order_id=order.pk, key="parcel", at=NOON)

    level.refresh_from_db()
    assert (level.on_hand, order.lines.get().shipped) == (4, 2)
    assert differences() == []


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        (Channel.Kind.MANUAL, Channel.Mode.FULL),
        (Channel.Kind.FAKE, Channel.Mode.OFF),
        (Channel.Kind.FAKE, Channel.Mode.SHADOW),
    ],
)
def test_channel_that_has_nobody_to_tell_is_not_told(kind, mode):
    shipped_order(channel=ChannelFactory(kind=kind, mode=mode))

    assert OutboxEntry.objects.count() == 0


def test_parcel_without_a_number_goes_by_ours():
    order = open_order()

    fulfillment = ship(order_id=order.pk, key="parcel", at=NOON)

    assert OutboxEntry.objects.get().payload["tracking_number"] == fulfillment.number
    assert fulfillment.parcels.count() == 0


def refused(error, order, **values):
    """Ship and see it refused with nothing changed; return the refusal."""
    before = books()
    with pytest.raises(error) as caught:
        ship(order_id=order.pk, key="parcel", at=NOON, **values)
    assert books() == before
    return caught.value


def test_ship_of_a_held_order_is_refused_and_names_the_holds():
    refusal = refused(OrderOnHold, held_order())

    assert "Held by hand: The buyer asked us to wait." in refusal.message
    assert refusal.details == {"holds": ["MANUAL"]}


def test_ship_of_more_than_is_promised_is_refused_and_names_the_line():
    order = open_order(units=10, quantity=2)
    line = order.lines.get()

    refusal = refused(NotEnoughPromised, order, quantities={line.pk: 3})

    assert refusal.details == {"lines": [line.pk]}


@pytest.mark.parametrize("pieces", [-1, 3])
def test_ship_of_pieces_that_make_no_sense_is_refused(pieces):
    order = open_order(quantity=2)

    refused(NotEnoughPromised, order, quantities={order.lines.get().pk: pieces})


def test_ship_of_another_orders_line_is_refused():
    order, other = open_order(), open_order()

    refused(UnknownLine, order, quantities={other.lines.get().pk: 1})


def test_ship_of_no_pieces_is_refused():
    order = open_order()

    refused(NothingToShip, order, quantities={order.lines.get().pk: 0})


def test_ship_from_where_nothing_is_promised_is_refused():
    refused(NothingToShip, open_order(), location_id=LocationFactory().pk)


def test_ship_of_a_shipped_order_is_refused():
    order = open_order()
    ship(order_id=order.pk, key="first", at=NOON)

    refused(WrongStatus, order)


def test_ship_of_a_cancelled_order_is_refused():
    order = open_order()
    cancel_order(order_id=order.pk, reason="No longer wanted.", key="call", at=NOON)

    refused(WrongStatus, order)


def test_ship_of_no_order_is_refused():
    with pytest.raises(UnknownOrder):
        ship(order_id=0, key="parcel", at=NOON)


def test_short_order_ships_its_part_once_the_stock_hold_is_released():
    order = open_order(units=2, quantity=5)
    refused(OrderOnHold, order)

    release_hold(hold_id=order.holds.get().pk, note="Send what we have.", at=NOON)
    ship(order_id=order.pk, key="parcel", at=NOON)

    order.refresh_from_db()
    assert (order.lifecycle, order.fulfillment_status) == ("CONFIRMED", "PARTIAL")
    assert order.lines.get().shipped == 2


def test_hold_after_a_part_was_shipped_stops_the_rest():
    order = open_order(quantity=3)
    ship(order_id=order.pk, key="first", quantities={order.lines.get().pk: 1}, at=NOON)
    hold_order(order_id=order.pk, reason="Wait.", at=NOON)

    refused(OrderOnHold, order)


def test_ship_takes_as_many_queries_whatever_the_number_of_lines(django_assert_num_queries):
    location = LocationFactory()
    levels = [
        stock(reference=f"GR-{n}", units=100, location=location, value="100") for n in range(6)
    ]
    orders = [
        ingest_order(
            channel=ChannelFactory(),
            incoming=incoming_order(
                *(
                    incoming_line(sku=level.variant.sku, external_line_id=str(position))
                    for position, level in enumerate(chosen)
                )
            ),
            at=NOON,
        ).order
        for chosen in (levels[:1], levels[1:])
    ]

    for order in orders:
        with django_assert_num_queries(36):
            ship(order_id=order.pk, key="parcel", carrier="DPD", tracking_number="1", at=NOON)
    assert Order.objects.filter(lifecycle="COMPLETED").count() == 2
    assert Fulfillment.objects.count() == 2
