"""Waves: whose turn it is, what is left out and why, and what a wave writes."""

from datetime import timedelta

import pytest

from inventory.operations import adjust_stock
from orders.models import Fulfillment, PickList
from orders.operations import (
    CapacityReached,
    NothingToPick,
    OrderOnHold,
    TooManyOrders,
    UnknownOrder,
    cancel_order,
    hold_order,
    ingest_order,
    put_back,
    ship,
    start_picking,
)
from orders.queries import differences, orders_to_pick
from retail.common.errors import WrongStatus
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import (
    bundle_order,
    held_order,
    incoming_line,
    incoming_order,
    open_order,
)
from tests.factories.orders_fulfillment import packed, picked
from tests.orders.books import books

pytestmark = pytest.mark.django_db


@pytest.fixture
def level():
    return stock(units=100)


@pytest.fixture
def channel():
    return ChannelFactory()


def wave(level, *orders, key="wave", **values):
    if orders:
        values["order_ids"] = [order.pk for order in orders]
    return start_picking(location=level.location, key=key, at=NOON, **values)


def numbers(begun):
    fulfillments = begun.pick_list.fulfillments.order_by("pk").select_related("order")
    return [fulfillment.order.number for fulfillment in fulfillments]


def test_wave_begins_a_fulfillment_for_each_order(level, channel):
    person = UserFactory()
    two, three = (open_order(level=level, channel=channel, quantity=n) for n in (2, 3))

    begun = wave(level, two, three, by=person)

    first, second = begun.pick_list.fulfillments.order_by("pk")
    assert (begun.pick_list.location, begun.pick_list.started_by) == (level.location, person)
    assert (first.status, first.method, first.location) == ("PICKING", "SHIP", level.location)
    assert [row.quantity for row in first.lines.all()] == [2]
    assert [(item.variant, item.units, item.packed) for item in second.items.all()] == [
        (level.variant, 3, 0)
    ]
    assert two.events.get(kind="PICKING").details == {
        "fulfillment": first.number,
        "pick_list": begun.pick_list.number,
        "pieces": 2,
    }
    level.refresh_from_db()
    assert (level.on_hand, level.allocated) == (100, 5)
    assert differences() == []


def test_wave_with_the_same_key_begins_once(level, channel):
    order = open_order(level=level, channel=channel)
    first = wave(level, order)
    before = books()

    again = wave(level, order)

    assert again.pick_list == first.pick_list
    assert books() == before


def test_wave_takes_orders_in_their_turn(level, channel):
    def order(**values):
        made = open_order(level=level, channel=channel, quantity=1)
        type(made).objects.filter(pk=made.pk).update(**values)
        return made.number

    late = order(ship_by=NOON + timedelta(days=2))
    undated = order()
    urgent = order(priority=5)
    early = order(ship_by=NOON + timedelta(days=1))
    oldest = order(placed_at=NOON - timedelta(days=9))

    begun = wave(level, limit=4)

    assert numbers(begun) == [early, late, urgent, oldest]
    assert [order.number for order in orders_to_pick(location=level.location)] == [undated]


def test_wave_passes_over_what_is_held_and_says_so(level, channel):
    held = held_order(level=level, channel=channel)
    free = open_order(level=level, channel=channel)

    begun = wave(level)

    assert numbers(begun) == [free.number]
    assert begun.passed_over == {held.number: f"{held.number} is on hold."}


def test_held_order_that_is_named_is_refused(level, channel):
    free, held = open_order(level=level, channel=channel), held_order(level=level, channel=channel)
    before = books()

    with pytest.raises(OrderOnHold, match="asked us to wait"):
        wave(level, free, held)

    assert books() == before


def test_cancelled_order_that_is_named_is_refused(level, channel):
    order = open_order(level=level, channel=channel)
    cancel_order(order_id=order.pk, reason="No longer wanted.", key="off", at=NOON)

    with pytest.raises(WrongStatus, match="is cancelled: nothing is picked"):
        wave(level, order)


def test_order_whose_goods_lie_elsewhere_is_refused(level):
    with pytest.raises(NothingToPick, match="is left to be picked at"):
        wave(level, open_order())


def test_order_that_is_picked_already_is_refused(level, channel):
    order = open_order(level=level, channel=channel)
    wave(level, order)

    with pytest.raises(NothingToPick):
        wave(level, order, key="another")
    assert PickList.objects.count() == 1


def test_unknown_order_is_refused(level):
    with pytest.raises(UnknownOrder):
        start_picking(location=level.location, order_ids=[0], key="wave", at=NOON)


def test_wave_without_orders_is_refused_and_leaves_no_list(level):
    with pytest.raises(NothingToPick):
        wave(level)
    assert not PickList.objects.exists()


def test_wave_that_nobody_can_walk_is_refused(level):
    with pytest.raises(TooManyOrders):
        wave(level, limit=501)


def test_order_whose_promise_was_taken_back_is_not_picked(level, channel):
    order = open_order(level=level, channel=channel, quantity=60)
    adjust_stock(
        location=level.location,
        quantities={level.variant_id: -50},
        reference="ADJ",
        reason="Dropped.",
        at=NOON,
    )

    with pytest.raises(OrderOnHold, match="taken back"):
        wave(level, order)

    with pytest.raises(NothingToPick, match="taken back"):
        wave(level)


def send_at_most(level, orders):
    """Limit what the place sends in a day, after orders beyond that were promised there."""
    level.location.daily_capacity = orders
    level.location.save()


def test_capacity_of_the_day_is_kept(level, channel):
    first, second, third = (open_order(level=level, channel=channel) for _ in range(3))
    send_at_most(level, 2)

    begun = wave(level, first, key="one")
    rest = wave(level, key="two")

    assert (numbers(begun), numbers(rest)) == ([first.number], [second.number])
    assert list(rest.passed_over) == [third.number]
    with pytest.raises(CapacityReached):
        wave(level, third, key="three")
    tomorrow = start_picking(location=level.location, key="t", at=NOON + timedelta(days=1))
    assert numbers(tomorrow) == [third.number]


def test_what_is_put_back_leaves_room_for_another_order(level, channel):
    first, second = (open_order(level=level, channel=channel) for _ in range(2))
    send_at_most(level, 1)
    fulfillment = wave(level, first, key="one").pick_list.fulfillments.get()
    put_back(fulfillment_id=fulfillment.pk, reason="Too late today.", at=NOON)

    assert numbers(wave(level, second, key="two")) == [second.number]


def test_order_to_be_collected_is_picked_as_such_beyond_the_capacity(level, channel):
    sent, collected = (open_order(level=level, channel=channel) for _ in range(2))
    level.location.is_pickup = True
    send_at_most(level, 1)
    type(collected).objects.filter(pk=collected.pk).update(
        delivery="PICKUP", pickup_location=level.location
    )

    begun = wave(level)

    assert {
        fulfillment.order: fulfillment.method for fulfillment in begun.pick_list.fulfillments.all()
    } == {sent: "SHIP", collected: "PICKUP"}


def test_packs_and_bundles_are_picked_as_their_contents(channel):
    order = bundle_order(quantity=3, channel=channel)
    pen, ink = order.lines.get().components.order_by("-units")
    fulfillment = picked(order)

    assert [row.quantity for row in fulfillment.lines.all()] == [3]
    assert {item.variant: item.units for item in fulfillment.items.all()} == {
        pen.variant: 6,
        ink.variant: 3,
    }


def test_goods_in_two_places_are_picked_in_each(level):
    elsewhere = stock(units=5, reference="GR-2")
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, quantity=2, external_line_id="1"),
        incoming_line(sku=elsewhere.variant.sku, quantity=1, external_line_id="2"),
    )
    order = ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order

    here, there = wave(level, order), wave(elsewhere, order, key="there")

    assert [item.units for item in here.pick_list.fulfillments.get().items.all()] == [2]
    assert [item.units for item in there.pick_list.fulfillments.get().items.all()] == [1]
    assert not orders_to_pick().exists()


def test_ship_at_once_never_takes_what_is_being_picked(level, channel):
    order = open_order(level=level, channel=channel, quantity=2)
    fulfillment = wave(level, order).pick_list.fulfillments.get()

    with pytest.raises(Exception, match="not being picked already"):
        ship(order_id=order.pk, key="parcel", at=NOON)

    put_back(fulfillment_id=fulfillment.pk, reason="Sent by hand.", at=NOON)
    ship(order_id=order.pk, key="parcel", at=NOON)
    assert order.fulfillments.filter(status="SHIPPED").count() == 1


def test_put_back_keeps_the_promise_so_that_it_can_be_picked_again(level, channel):
    order = open_order(level=level, channel=channel, quantity=2)
    fulfillment = wave(level, order).pick_list.fulfillments.get()
    person = UserFactory()

    put_back(fulfillment_id=fulfillment.pk, reason="Shelf is blocked.", at=NOON, by=person)
    put_back(fulfillment_id=fulfillment.pk, reason="Again.", at=NOON)

    fulfillment.refresh_from_db()
    assert (fulfillment.status, fulfillment.cancel_reason, fulfillment.cancelled_by) == (
        "CANCELLED",
        "Shelf is blocked.",
        person,
    )
    assert order.events.filter(kind="FULFILLMENT_CANCELLED").count() == 1
    assert numbers(wave(level, order, key="again")) == [order.number]
    assert differences() == []


def test_put_back_of_packed_goods_is_possible_and_of_sent_ones_is_not(level, channel):
    fulfillment = packed(open_order(level=level, channel=channel))
    put_back(fulfillment_id=fulfillment.pk, reason="Damaged.", at=NOON)
    sent = ship(order_id=fulfillment.order_id, key="parcel", at=NOON)

    with pytest.raises(WrongStatus, match="is shipped and cannot become put back"):
        put_back(fulfillment_id=sent.pk, reason="Too late.", at=NOON)


def test_goods_ready_for_their_customer_are_not_put_back_behind_the_pickup(level, channel):
    fulfillment = packed(open_order(level=level, channel=channel))
    Fulfillment.objects.filter(pk=fulfillment.pk).update(status="READY")

    with pytest.raises(WrongStatus, match="lies ready for its customer"):
        put_back(fulfillment_id=fulfillment.pk, reason="Not collected.", at=NOON)


def test_wave_takes_as_many_queries_whatever_its_size(level, channel, django_assert_num_queries):
    orders = [open_order(level=level, channel=channel) for _ in range(5)]
    assert level.location.is_shipping

    with django_assert_num_queries(14):
        wave(level, orders[0], key="one")
    with django_assert_num_queries(14):
        wave(level, *orders[1:], key="four")


def test_held_orders_do_not_keep_others_from_their_turn(level, channel):
    for _ in range(3):
        held = open_order(level=level, channel=channel)
        hold_order(order_id=held.pk, reason="Wait.", at=NOON)
    free = open_order(level=level, channel=channel)

    assert numbers(wave(level, limit=1)) == [free.number]


def test_two_places_begin_waves_of_their_own():
    here, there = LocationFactory(), LocationFactory()
    orders = [
        open_order(level=stock(units=5, location=place, reference=f"GR-{place.pk}"))
        for place in (here, there)
    ]

    begun = [start_picking(location=place, key=place.code, at=NOON) for place in (here, there)]

    assert [numbers(each) for each in begun] == [[order.number] for order in orders]
