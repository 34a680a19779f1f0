"""What articles sold where, and what is there, coming and spoken for."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Location
from inventory.operations import return_stock
from orders.operations import ReturnedLine, ship, take_back, take_back_blind
from purchasing.demand import History, Sold
from purchasing.models import OrderedFor
from purchasing.queries.demand import histories, positions
from purchasing.replenishment import Position
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import STOCKED_AT, LocationFactory, promise, stock
from tests.factories.inventory_transfers import dispatched_transfer
from tests.factories.orders import bundle_order, open_order, returned_order, shipped_order
from tests.factories.orders_pickups import pickup_order, pickup_place
from tests.factories.orders_returns import quarantine
from tests.factories.purchasing_replenishment import order_line, sell

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def history_of(level, *, days=90, at=NOON):
    pair = (level.variant_id, level.location_id)
    return histories(windows={pair: days}, at=at)[pair]


def position_of(level, *, place_of=None):
    pair = (level.variant_id, level.location_id)
    where = place_of or (lambda _variant_id, _pickup_id: level.location_id)
    return positions(pairs=[pair], place_of=where)[pair]


def bring_back(order, units, *, location, key="back", at=NOON):
    take_back(
        order_id=order.pk,
        location=location,
        lines=[ReturnedLine(order_line_id=order.lines.get().pk, quantity=units)],
        key=key,
        at=at,
    )


def test_article_without_a_level_sold_nothing():
    pair = (VariantFactory().pk, LocationFactory().pk)

    assert histories(windows={pair: 30}, at=NOON) == {pair: History(30, 0)}
    assert histories(windows={}, at=NOON) == {}


def test_sales_of_the_window_count_by_day():
    level = stock(units=100)
    sell(level, 5, at=STOCKED_AT)
    sell(level, 2, at=NOON - DAY)
    sell(level, 2, at=NOON - DAY)
    sell(level, 3, at=NOON, kind="SALE")
    sell(level, 9, at=NOON + DAY)

    history = history_of(level, days=10)

    assert history.sold == (
        Sold(date(2026, 11, 21), 2, orders=2),
        Sold(date(2026, 11, 22), 3, orders=1),
    )


def test_other_movements_are_no_sales():
    level = stock(units=100)
    dispatched_transfer(level, units=5)

    assert history_of(level).sold == ()


def test_order_in_two_parcels_is_one_order():
    order = open_order(units=10, quantity=6)
    line = order.lines.get()
    for key in ("first", "second"):
        ship(order_id=order.pk, quantities={line.pk: 3}, key=key, at=NOON)
    level = line.line_allocations.first().allocation.level

    assert history_of(level).sold == (Sold(NOON.date(), 6),)


def test_what_came_back_is_taken_off_its_sale_wherever_it_came_back_to():
    order = shipped_order(units=10, quantity=5)
    level = order.lines.get().line_allocations.first().allocation.level
    bring_back(order, 2, location=LocationFactory())

    assert history_of(level).sold == (Sold(NOON.date(), 3),)


def test_what_came_back_whole_was_not_sold():
    order = shipped_order(units=10, quantity=5)
    level = order.lines.get().line_allocations.first().allocation.level
    bring_back(order, 5, location=level.location)

    assert (history_of(level).sold, history_of(level).returned) == ((), 0)


def test_what_came_back_of_a_sale_before_the_window_does_not_count():
    order = shipped_order(units=10, quantity=5)
    level = order.lines.get().line_allocations.first().allocation.level
    bring_back(order, 5, location=level.location, at=NOON + 20 * DAY)

    history = history_of(level, days=10, at=NOON + 21 * DAY)

    assert (history.sold, history.returned) == ((), 0)


def test_what_was_set_apart_is_not_back():
    order = shipped_order(units=10, quantity=5)
    level = order.lines.get().line_allocations.first().allocation.level
    bring_back(order, 5, location=quarantine())

    assert history_of(level).sold == (Sold(NOON.date(), 5),)


def test_unnamed_returns_are_taken_off_where_they_came_back_to():
    level = stock(units=100)
    sell(level, 9, at=NOON)
    take_back_blind(
        channel=ChannelFactory(),
        location=level.location,
        lines=[ReturnedLine(variant_id=level.variant_id, quantity=2, unit_price=Decimal(1))],
        note="No receipt.",
        key="blind",
        at=NOON,
    )
    return_stock(location=level.location, units={level.variant_id: 1}, reference="file", at=NOON)

    assert history_of(level).returned == 3


def test_days_in_stock_leave_out_those_without():
    # 1 November 08:00 to 4 November 08:00, and again from 12 November 08:00 to 22 November 12:00.
    level = stock(units=5)
    sell(level, 5, at=STOCKED_AT + 3 * DAY)
    stock(
        units=5,
        variant=level.variant,
        location=level.location,
        reference="GR-2",
        at=STOCKED_AT + 11 * DAY,
    )

    assert history_of(level).days_in_stock == 14
    assert history_of(level, days=15).days_in_stock == 11
    assert history_of(level, days=7).days_in_stock == 7


def test_each_location_has_its_own_history():
    here = stock(units=10)
    there = stock(units=10, variant=here.variant, reference="GR-2")
    sell(there, 4, at=NOON)

    assert (history_of(here).sold, history_of(there).sold) == ((), (Sold(NOON.date(), 4),))


def test_drop_shipments_are_sold_at_no_place_of_ours():
    level = stock(units=10)
    at_supplier = stock(
        units=7,
        variant=level.variant,
        location=LocationFactory(kind=Location.Kind.SUPPLIER, is_shipping=False),
        reference="GR-2",
    )
    sell(at_supplier, 7, at=NOON)

    assert history_of(level).sold == ()


def test_position_counts_what_is_there_and_promised():
    level = stock(units=10)
    promise(level=level, units=3)

    assert position_of(level) == Position(on_hand=10, promised=3)


def test_position_counts_orders_from_draft_to_sent():
    level = stock(units=1)
    where = {"variant": level.variant, "location": level.location}
    order_line("DRAFT", 10, **where)
    order_line("AWAITING_APPROVAL", 20, **where)
    order_line("APPROVED", 40, **where)
    order_line("SENT", 100, cancelled=10, received=5, **where)
    order_line("SENT", 7, received=9, **where)
    order_line("CLOSED", 300, **where)
    order_line("CANCELLED", 400, **where)
    order_line("SENT", 500, variant=level.variant, location=LocationFactory())

    assert position_of(level) == Position(on_hand=1, drafted=10, approved=60, ordered=85)


def test_position_counts_what_comes_again_for_goods_sent_back():
    level = stock(units=1)
    order_line(
        "SENT", 10, received=10, to_replace=4, variant=level.variant, location=level.location
    )

    assert position_of(level).ordered == 4


def test_drop_shipments_come_to_no_place_of_ours():
    level, order = stock(units=1), open_order()
    line = order_line("SENT", 10, variant=level.variant, location=level.location)
    line.order.drop_ship_order = order
    line.order.save()

    assert position_of(level).ordered == 0


def test_position_counts_what_another_place_sent():
    from_there = stock(units=10)
    here = stock(units=1, variant=from_there.variant, reference="GR-2")
    dispatched_transfer(from_there, units=4, to_location=here.location)

    assert position_of(here) == Position(on_hand=1, in_transit=4)
    assert position_of(from_there) == Position(on_hand=6)


def test_position_takes_off_what_customers_wait_for():
    level = stock(units=1)
    order = open_order(level=level, quantity=5)

    assert position_of(level) == Position(on_hand=1, promised=1, waiting=4)
    order.lines.update(cancelled=4)
    assert position_of(level).waiting == 0


def test_bundles_wait_for_their_components():
    pen, ink = stock(units=3), stock(units=50, reference="GR-2")
    bundle_order(quantity=4, components={pen.variant: 2, ink.variant: 1})

    waiting = [position_of(level).waiting for level in (pen, ink)]

    promised = [position_of(level).promised for level in (pen, ink)]
    assert [a + b for a, b in zip(waiting, promised, strict=True)] == [8, 4]


def test_customer_who_collects_waits_where_it_is_collected():
    place = pickup_place()
    level = stock(units=1, location=place)
    pickup_order(level=level, place=place, quantity=3)
    asked = []

    def place_of(variant_id, pickup_id):
        asked.append((variant_id, pickup_id))
        return pickup_id

    assert position_of(level, place_of=place_of).waiting == 2
    assert asked == [(level.variant_id, place.pk)]


def test_customer_for_whom_nobody_buys_waits_nowhere():
    level = stock(units=1)
    open_order(level=level, quantity=5)

    assert position_of(level, place_of=lambda *_: None).waiting == 0


def test_what_is_ordered_for_a_customer_waits_where_it_will_come_in():
    main = stock(units=1)
    order = open_order(level=main, quantity=6)
    shop = stock(units=2, variant=main.variant, reference="GR-2")
    OrderedFor.objects.create(
        purchase_line=order_line("SENT", 3, variant=main.variant, location=shop.location),
        order_line=order.lines.get(),
        units=3,
        linked_at=NOON,
    )

    at_main = position_of(main, place_of=lambda *_: main.location_id)
    at_shop = position_of(shop, place_of=lambda *_: main.location_id)

    assert at_main == Position(on_hand=1, promised=1, waiting=2)
    assert at_shop == Position(on_hand=2, ordered=3, waiting=3)


def test_many_articles_cost_as_many_queries_as_one():
    levels = [stock(units=10, reference=f"GR-{number}") for number in range(5)]
    for level in levels:
        sell(level, 1, at=NOON)
        open_order(level=level, quantity=20)
    returned_order()

    def queries(some):
        pairs = {(level.variant_id, level.location_id): 90 for level in some}
        with CaptureQueriesContext(connection) as captured:
            histories(windows=pairs, at=NOON)
            positions(pairs=pairs, place_of=lambda *_: None)
        return len(captured)

    assert queries(levels[:1]) == queries(levels) == 9
