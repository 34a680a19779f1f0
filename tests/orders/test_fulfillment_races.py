"""Several hands at the packing table: the last unit, the same wave, a cancellation meanwhile."""

from unittest import mock

import pytest

from inventory.models import StockLevel
from orders.models import Fulfillment, FulfillmentItem, OrderQuerySet, PickList
from orders.operations import (
    SurplusUnit,
    cancel_order,
    leaving,
    packing,
    scan_unit,
    ship,
    ship_packed,
    start_picking,
)
from orders.operations import cancelling as cancelling_orders
from orders.queries import differences
from retail.common.errors import BusinessError
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders import open_order
from tests.factories.orders_fulfillment import packed, picked
from tests.races import both_read_before_either_writes, race, refusal_among

pytestmark = pytest.mark.django_db(transaction=True)


def scanning(fulfillment, key):
    sku = fulfillment.items.select_related("variant").get().variant.sku
    return lambda: scan_unit(fulfillment_id=fulfillment.pk, code=sku, key=key, at=NOON)


def without_lock(orders):
    """Read orders as `for_update` does, without locking them."""
    return orders.order_by("pk")


def test_two_packers_who_scan_the_last_unit_count_it_once():
    fulfillment = picked(quantity=1)

    outcomes = race(scanning(fulfillment, "ada"), scanning(fulfillment, "bob"))

    assert sum(isinstance(outcome, SurplusUnit) for outcome in outcomes) == 1
    assert FulfillmentItem.objects.get().packed == 1
    assert fulfillment.scans.count() == 1


def test_the_race_for_the_last_unit_is_real_once_the_order_is_not_locked():
    """Control: both read that one unit lacks before either counts it; the CHECK alone is left."""
    fulfillment = picked(quantity=1)

    with (
        mock.patch.object(OrderQuerySet, "for_update", without_lock),
        both_read_before_either_writes((packing, "_count")),
    ):
        outcomes = race(scanning(fulfillment, "ada"), scanning(fulfillment, "bob"))

    assert "orders_fulfillmentitem_packed_within_units" in refusal_among(outcomes)


def test_one_scan_sent_twice_at_once_counts_once():
    fulfillment = picked(quantity=5)

    scans = race(*[scanning(fulfillment, "ada")] * 4)

    assert len({scan.pk for scan in scans}) == 1
    assert FulfillmentItem.objects.get().packed == 1


def sending(fulfillment):
    return lambda: ship_packed(fulfillment_id=fulfillment.pk, at=NOON)


def cancelling(order):
    return lambda: cancel_order(order_id=order.pk, reason="No longer wanted.", key="off", at=NOON)


def require_one_of_the_two(order):
    """Pass when the order of two pens is sent, or cancelled, and nothing in between."""
    order.refresh_from_db()
    level = StockLevel.objects.get()
    is_sent = order.fulfillments.filter(status=Fulfillment.Status.SHIPPED).exists()
    line = order.lines.get()
    assert (line.shipped, line.cancelled) in ((2, 0), (0, 2), (0, 0))
    assert is_sent == (line.shipped == 2)
    assert level.on_hand == (3 if is_sent else 5)
    assert level.allocated == (0 if is_sent or line.cancelled else 2)
    assert differences() == []
    return is_sent


def test_packed_goods_racing_with_a_cancellation_end_in_one_of_the_two():
    order = open_order(units=5, quantity=2)
    fulfillment = packed(order)

    sent, cancelled = race(sending(fulfillment), cancelling(order))

    if require_one_of_the_two(order):
        assert isinstance(cancelled, BusinessError)
    else:
        assert isinstance(sent, BusinessError)


def test_the_race_of_sending_and_cancelling_is_real_once_the_order_is_not_locked():
    """Control: both read an open order before either writes, so neither sees the other."""
    order = open_order(units=5, quantity=2)
    fulfillment = packed(order)

    with (
        mock.patch.object(OrderQuerySet, "for_update", without_lock),
        both_read_before_either_writes(
            (leaving, "take_out"), (cancelling_orders, "locked_promises_of")
        ),
    ):
        outcomes = race(sending(fulfillment), cancelling(order))

    failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert failed or differences()


def test_sending_at_once_sends_once():
    fulfillment = packed(quantity=2, units=5)

    sent = race(*[sending(fulfillment)] * 5)

    assert {each.pk for each in sent} == {fulfillment.pk}
    assert StockLevel.objects.get().on_hand == 3
    assert differences() == []


def test_sending_packed_goods_beside_sending_the_rest_sends_each_piece_once():
    order = open_order(units=9, quantity=4)
    line = order.lines.get()
    first = ship(order_id=order.pk, key="one", quantities={line.pk: 1}, at=NOON)
    fulfillment = packed(order)

    outcomes = race(sending(fulfillment), lambda: ship(order_id=order.pk, key="rest", at=NOON))

    line.refresh_from_db()
    assert sum(isinstance(outcome, BusinessError) for outcome in outcomes) == 1
    assert (line.shipped, first.lines.get().quantity) == (4, 1)
    assert StockLevel.objects.get().on_hand == 5
    assert differences() == []


def test_waves_at_once_pick_each_order_once_and_keep_the_capacity():
    level = stock(units=100)
    channel = ChannelFactory()
    for _ in range(6):
        open_order(level=level, channel=channel, quantity=1)
    level.location.daily_capacity = 4
    level.location.save()

    def wave(key):
        return lambda: start_picking(location=level.location, key=key, limit=3, at=NOON)

    race(wave("ada"), wave("bob"), wave("cyd"))

    begun = Fulfillment.objects.filter(status=Fulfillment.Status.PICKING)
    assert begun.count() == 4
    assert begun.values("order").distinct().count() == 4


def test_one_wave_asked_for_twice_at_once_is_one_list():
    level = stock(units=100)
    open_order(level=level, quantity=1)

    waves = race(*[lambda: start_picking(location=level.location, key="wave", at=NOON)] * 4)

    assert len({wave.pick_list for wave in waves}) == 1
    assert PickList.objects.count() == 1
