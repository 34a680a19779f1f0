"""Who waits for which purchase line, and on what day it comes for them."""

from datetime import date, timedelta

import pytest

from orders.operations import hold_order, release_promises
from purchasing.queries import coming_for_order, cross_dock, waiting_for_lines
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory
from tests.factories.orders import bundle_order, open_order
from tests.factories.purchasing import GoodsReceiptFactory, GoodsReceiptLineFactory, draft_order
from tests.purchasing.waiting import come_in, on_order, ordered_for, sold_out

pytestmark = pytest.mark.django_db

SOON, LATER = date(2026, 3, 10), date(2026, 4, 1)


def shown(rows):
    return [(row.purchase_order, row.order, row.units, row.is_tied) for row in rows]


def test_tied_customers_come_first_then_the_others_in_their_turn():
    level = sold_out()
    old = open_order(level=level, quantity=2, placed_at=NOON - timedelta(days=9))
    due = open_order(level=level, quantity=1, ship_by=NOON)
    tied = open_order(level=level, quantity=3)
    line = on_order(level, units=10)
    ordered_for(line, tied, units=3)

    rows = waiting_for_lines([line.pk])

    number = line.order.number
    assert shown(rows) == [
        (number, tied.number, 3, True),
        (number, due.number, 1, False),
        (number, old.number, 2, False),
    ]


def test_what_comes_first_serves_first_and_who_is_too_late_waits_for_none():
    level = sold_out()
    first, second, third = (open_order(level=level, quantity=2) for _ in range(3))
    late = on_order(level, units=2, expected_on=LATER)
    soon = on_order(level, units=1, expected_on=SOON)

    rows = waiting_for_lines([late.pk, soon.pk])

    assert [(row.order, row.units, row.day) for row in rows] == [
        (first.number, 1, SOON),
        (first.number, 1, LATER),
        (second.number, 1, LATER),
    ]
    assert coming_for_order(third.pk) == []


def test_confirmed_day_counts_before_the_one_that_was_asked_for():
    level = sold_out()
    order = open_order(level=level, quantity=1)
    line = on_order(level, expected_on=SOON)
    line.confirmed_on = LATER
    line.save()

    (row,) = coming_for_order(order.pk)

    assert (row.purchase_order, row.day) == (line.order.number, LATER)


def test_customer_sees_a_draft_only_when_it_is_for_them():
    level = sold_out()
    order, other = (open_order(level=level, quantity=1) for _ in range(2))
    line = draft_order(location=level.location).lines.get()
    line.variant = level.variant
    line.save()
    ordered_for(line, order, units=1)

    assert shown(coming_for_order(order.pk)) == [(line.order.number, order.number, 1, True)]
    assert coming_for_order(other.pk) == []


def test_goods_on_their_way_to_a_place_that_does_not_send_serve_nobody():
    level = sold_out()
    order = open_order(level=level, quantity=1)
    line = on_order(level)
    line.order.location = LocationFactory(is_shipping=False)
    line.order.save()

    assert coming_for_order(order.pk) == []
    assert waiting_for_lines([line.pk]) == []


def test_order_held_by_hand_is_passed_over():
    level = sold_out()
    order = open_order(level=level, quantity=1)
    hold_order(order_id=order.pk, reason="Ask.", at=NOON)
    line = on_order(level)

    assert waiting_for_lines([line.pk]) == []


def test_bundle_waits_for_its_components():
    order = bundle_order(quantity=3)
    release_promises(order_id=order.pk, reason="Wait.", at=NOON)
    order.holds.update(released_at=NOON)
    pens = order.lines.get().components.order_by("pk").first()
    line = on_order(sold_out())
    line.variant = pens.variant
    line.save()

    (row,) = waiting_for_lines([line.pk])

    assert (row.order, row.units) == (order.number, 3 * pens.units)


def test_nobody_waits_for_no_lines():
    assert waiting_for_lines([]) == []


@pytest.mark.parametrize("count", [1, 3])
def test_number_of_queries_does_not_grow(count, django_assert_num_queries):
    level = sold_out()
    lines = [on_order(level, units=2) for _ in range(count)]
    for line in lines:
        ordered_for(line, open_order(level=level, quantity=2), units=1)

    with django_assert_num_queries(4):
        rows = waiting_for_lines([line.pk for line in lines])

    assert len(rows) == 2 * count


def test_receipt_names_whom_it_serves():
    level = sold_out()
    special = open_order(level=level, quantity=2)
    line = on_order(level)
    ordered_for(line, special, units=2)
    come_in(line, 3, reference="GR-special")
    receipt = GoodsReceiptFactory(location=level.location, received_at=NOON)
    GoodsReceiptLineFactory(receipt=receipt, order_line=line, delivered=3, accepted=3)

    (row,) = [row for row in cross_dock(receipt.pk) if row.is_tied]

    assert (row.order, row.sku, row.units) == (special.number, level.variant.sku, 2)


def test_reversed_receipt_serves_nobody():
    level = sold_out()
    special = open_order(level=level, quantity=2)
    line = on_order(level)
    ordered_for(line, special, units=2)
    come_in(line, 2, reference="GR-special")
    receipt = GoodsReceiptFactory(
        location=level.location,
        status="REVERSED",
        reversed_at=NOON,
        reverse_reason="Not ours.",
    )
    GoodsReceiptLineFactory(receipt=receipt, order_line=line, delivered=2, accepted=2)

    assert cross_dock(receipt.pk) == []
