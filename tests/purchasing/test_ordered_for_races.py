"""A new order and the goods of a special order, at the same moment."""

from functools import partial

import pytest
from django.db import transaction
from django.db.models import F

from inventory.operations import Received, receive_stock
from orders.operations import allocate_waiting, cancel_order
from orders.queries import differences
from purchasing import operations
from purchasing.models import OrderedFor, PurchaseOrderLine
from tests.factories.common import NOON
from tests.factories.orders import open_order
from tests.orders.places import promised_at
from tests.purchasing.waiting import come_in, on_order, ordered_for, promised, sold_out
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


def special_order():
    """Return a level, an order that waits for one unit of it, and the line it was ordered on."""
    level = sold_out()
    special = open_order(level=level, quantity=1)
    line = on_order(level)
    ordered_for(line, special, units=1)
    return level, special, line


def test_last_unit_goes_to_whom_it_was_ordered_for_whoever_else_asks_at_once():
    level, special, line = special_order()
    early = open_order(level=level, quantity=1, ship_by=NOON)

    new, served, *_ = race(
        partial(open_order, level=level, quantity=1, ship_by=NOON),
        partial(come_in, line, 1, reference="GR-special"),
        partial(allocate_waiting, at=NOON),
        partial(allocate_waiting, at=NOON),
    )

    assert [row.order_id for row in served] == [special.pk]
    assert promised_at(special) == {level.location_id: 1}
    assert (promised_at(new), promised_at(early)) == ({}, {})
    assert differences() == []


def test_the_race_is_real_once_goods_are_promised_after_the_receipt():
    """Control: goods that are there before they are promised go to who comes in between."""
    level, special, line = special_order()
    with transaction.atomic():
        PurchaseOrderLine.objects.filter(pk=line.pk).update(received=F("received") + 1)
        receive_stock(
            location=level.location,
            received={level.variant_id: Received(units=1, value=line.unit_cost)},
            reference="GR-special",
            at=NOON,
        )

    new = open_order(level=level, quantity=1)

    served = operations.serve_ordered_for(
        accepted={line.pk: 1}, location=level.location, at=NOON, by=None
    )
    assert served == []
    assert (promised_at(special), promised_at(new)) == ({}, {level.location_id: 1})


def test_customer_who_cancels_at_once_either_has_the_unit_given_back_or_never_gets_it():
    level, special, line = special_order()

    race(
        partial(cancel_order, order_id=special.pk, reason="Too late.", key="off", at=NOON),
        partial(come_in, line, 1, reference="GR-special"),
    )

    level.refresh_from_db()
    assert promised_at(special) == {}
    assert level.on_hand - level.allocated == 1
    assert differences() == []


def test_two_deliveries_at_once_serve_every_unit_once():
    level = sold_out()
    orders = [open_order(level=level, quantity=2) for _ in range(3)]
    lines = [on_order(level) for _ in range(2)]
    for line in lines:
        for order in orders:
            ordered_for(line, order, units=1)

    race(
        partial(come_in, lines[0], 2, reference="GR-one"),
        partial(come_in, lines[1], 3, reference="GR-two"),
    )

    level.refresh_from_db()
    assert sum(promised(order) for order in orders) == 5
    assert sum(OrderedFor.objects.values_list("served", flat=True)) == 5
    assert level.on_hand == level.allocated == 6
    assert differences() == []
