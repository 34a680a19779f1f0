"""Stock promised to orders that wait, and taken back."""

from datetime import timedelta

import pytest

from orders.operations import (
    allocate_order,
    allocate_waiting,
    cancel_order,
    release_hold,
    release_promises,
    ship,
)
from orders.queries import differences, orders_to_ship, waiting_lines, waiting_orders
from retail.common.errors import WrongStatus
from tests.factories.channels import ChannelFactory, ListingFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import stock
from tests.factories.orders import open_order, shipped_order
from tests.orders.books import books

pytestmark = pytest.mark.django_db


def replenish(level, units):
    stock(
        variant=level.variant,
        location=level.location,
        units=units,
        reference=f"GR-more-{units}-{level.pk}",
    )


def promised(order) -> int:
    return sum(line.line_allocations.get().units for line in order.lines.all())


def test_stock_that_came_in_goes_to_who_waits_and_frees_the_order():
    level = stock(units=1)
    order = open_order(level=level, quantity=3)
    replenish(level, 5)

    served = allocate_waiting(at=NOON)

    order.refresh_from_db()
    level.refresh_from_db()
    assert served == 1
    assert (order.lifecycle, level.allocated) == ("CONFIRMED", 3)
    assert sorted(row.allocation.reference for row in order.lines.get().line_allocations.all()) == [
        order.number,
        f"{order.number}/2",
    ]
    assert differences() == []


def test_order_to_be_shipped_first_is_served_first():
    level = stock(units=2)
    open_order(level=level, quantity=2)
    patient = open_order(level=level, quantity=2, placed_at=NOON - timedelta(days=9))
    urgent = open_order(level=level, quantity=2, ship_by=NOON + timedelta(hours=3))
    replenish(level, 3)

    served = allocate_waiting(at=NOON)

    assert served == 2
    assert promised(urgent) == 2
    assert promised(patient) == 1
    assert list(waiting_orders()) == [patient]


def test_serving_twice_changes_nothing():
    level = stock(units=1)
    open_order(level=level, quantity=3)
    replenish(level, 1)
    allocate_waiting(at=NOON)
    before = books()

    assert allocate_waiting(at=NOON) == 0
    assert books() == before


def test_only_orders_waiting_for_these_articles_are_served():
    pen, ink = stock(units=1, reference="GR-pen"), stock(units=1, reference="GR-ink")
    for level in (pen, ink):
        open_order(level=level, quantity=2)
        replenish(level, 4)

    assert allocate_waiting(variant_ids=[pen.variant_id], at=NOON) == 1
    assert [line.variant for line in waiting_lines()] == [ink.variant]


def test_single_unit_does_not_wake_an_order_that_wants_a_pack():
    level = stock(units=2)
    channel = ChannelFactory()
    listing = ListingFactory(
        channel=channel,
        external_product_id="product",
        variant=level.variant,
        external_sku=level.variant.sku,
        pack_size=2,
    )
    order = open_order(level=level, channel=channel, quantity=2)
    line = order.lines.get()
    assert line.pack_size == 1, "found by its SKU, not by the listing"
    line.pack_size = listing.pack_size
    line.save()
    replenish(level, 1)

    assert allocate_waiting(at=NOON) == 0


def test_order_held_by_hand_is_not_served():
    level = stock(units=4)
    order = open_order(level=level, quantity=3)
    release_promises(order_id=order.pk, reason="For the window.", at=NOON)

    assert allocate_waiting(at=NOON) == 0

    release_hold(hold_id=order.holds.open().get().pk, note="Done.", at=NOON)
    assert allocate_waiting(at=NOON) == 1
    assert differences() == []


def test_release_promises_frees_the_stock_and_holds_the_order():
    person = UserFactory()
    order = open_order(units=10, quantity=3)

    units = release_promises(order_id=order.pk, reason="For the window.", at=NOON, by=person)

    order.refresh_from_db()
    hold = order.holds.open().get()
    released = order.events.get(kind="PROMISE_RELEASED")
    assert (units, order.lifecycle) == (3, "PLACED")
    assert (hold.kind, hold.reason, hold.opened_by) == (
        "MANUAL",
        "Promise taken back: For the window.",
        person,
    )
    assert (released.details, released.caused_by) == (
        {"units": 3, "reason": "For the window."},
        person,
    )
    assert differences() == []


def test_release_promises_twice_changes_nothing():
    order = open_order()
    release_promises(order_id=order.pk, reason="For the window.", at=NOON)
    before = books()

    assert release_promises(order_id=order.pk, reason="For the window.", at=NOON) == 0
    assert books() == before


def test_allocate_order_takes_what_came_in_and_keeps_the_hold_while_short():
    level = stock(units=1)
    order = open_order(level=level, quantity=4)
    replenish(level, 2)

    outcome = allocate_order(order_id=order.pk, at=NOON)

    assert (outcome.units, outcome.missing) == (2, {level.variant_id: 1})
    assert order.holds.open().get().kind == "STOCK"
    assert list(orders_to_ship()) == []


def test_allocate_order_that_has_everything_changes_nothing():
    order = open_order()
    before = books()

    assert allocate_order(order_id=order.pk, at=NOON).units == 0
    assert books() == before


@pytest.mark.parametrize("ended", ["shipped", "cancelled"])
def test_allocate_order_that_is_over_is_refused(ended):
    order = shipped_order() if ended == "shipped" else open_order()
    if ended == "cancelled":
        cancel_order(order_id=order.pk, reason="No longer wanted.", key="call", at=NOON)
    before = books()

    with pytest.raises(WrongStatus):
        allocate_order(order_id=order.pk, at=NOON)

    assert books() == before


def test_shipped_part_is_not_promised_again():
    level = stock(units=2)
    order = open_order(level=level, quantity=3)
    release_hold(hold_id=order.holds.get().pk, note="Send what we have.", at=NOON)
    ship(order_id=order.pk, key="parcel", at=NOON)
    replenish(level, 5)

    allocate_waiting(at=NOON)

    level.refresh_from_db()
    assert (level.on_hand, level.allocated) == (5, 1)
    assert differences() == []
