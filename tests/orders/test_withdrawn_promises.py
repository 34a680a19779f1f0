"""Promised goods that are gone: the order learns of it, waits again, and is served again."""

import pytest
from django.urls import reverse

from inventory import queries as inventory_queries
from inventory.models import StockMovement, WithdrawnPromise
from inventory.operations import adjust_stock, reserve_stock, sell_stock
from orders.models import LineAllocation
from orders.operations import (
    OrderOnHold,
    allocate_order,
    allocate_waiting,
    cancel_order,
    ingest_order,
    release_promises,
    settle_withdrawn,
    ship,
)
from orders.queries import differences, orders_to_settle, waiting_orders
from orders.tasks import settle_withdrawn as settle_withdrawn_task
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import bundle_order, incoming_line, incoming_order, open_order
from tests.orders.books import books
from tests.people import browser_of, superuser

pytestmark = pytest.mark.django_db


def lose(level, units, *, reference="ADJ-1", by=None):
    """Take units off a level, promised or not."""
    return adjust_stock(
        location=level.location,
        quantities={level.variant_id: -units},
        reference=reference,
        reason="Dropped.",
        at=NOON,
        by=by,
    )


def replenish(level, units):
    stock(variant=level.variant, location=level.location, units=units, reference="GR-more")


def all_differences():
    return [*differences(), *inventory_queries.differences()]


def promised(order) -> int:
    rows = LineAllocation.objects.filter(line__order=order)
    return sum(rows.values_list("units", flat=True))


def test_settling_takes_the_units_off_and_holds_the_order_for_what_happened():
    person = UserFactory()
    order = open_order(units=3, quantity=3)
    level = order.lines.get().line_allocations.get().allocation.level
    lose(level, 2, by=person)

    units = settle_withdrawn(order_id=order.pk, at=NOON)

    order.refresh_from_db()
    event = order.events.get(kind="PROMISE_RELEASED")
    assert (units, promised(order), order.lifecycle) == (2, 1, "PLACED")
    assert order.holds.open().get().reason == (
        f"2 units of {level.variant.sku} were taken out of stock (ADJ-1)."
    )
    assert (event.caused_by, event.details) == (
        person,
        {"units": 2, "cause": "ADJUSTMENT", "reference": "ADJ-1", "reason": "Dropped."},
    )
    assert WithdrawnPromise.objects.get().settled_at == NOON
    assert all_differences() == []


def test_settling_twice_changes_nothing():
    order = open_order(units=3, quantity=3)
    lose(LineAllocation.objects.get().allocation.level, 2)
    settle_withdrawn(order_id=order.pk, at=NOON)
    before = books()

    assert settle_withdrawn(order_id=order.pk, at=NOON) == 0
    assert books() == before


def test_pending_withdrawal_is_expected_and_no_difference():
    order = open_order(units=3, quantity=3)
    lose(LineAllocation.objects.get().allocation.level, 2)

    assert list(orders_to_settle()) == [order]
    assert all_differences() == []


def test_missing_unit_is_a_difference_beside_a_pending_withdrawal():
    open_order(units=3, quantity=3)
    lose(LineAllocation.objects.get().allocation.level, 2)
    LineAllocation.objects.update(units=2)

    (difference,) = differences()

    assert (difference.kind, difference.expected, difference.actual) == (
        "units promised to lines",
        "3",
        "2",
    )


def test_till_sells_what_was_promised_and_the_sale_is_named():
    order = open_order(units=1, quantity=1)
    level = LineAllocation.objects.get().allocation.level
    sell_stock(location=level.location, units={level.variant_id: 1}, reference="FU-9", at=NOON)

    settle_withdrawn(order_id=order.pk, at=NOON)

    assert order.holds.open().get().reason == (
        f"1 unit of {level.variant.sku} was sold over the counter (FU-9)."
    )
    assert promised(order) == 0
    assert all_differences() == []


def test_line_waits_again_and_is_served_by_what_comes_in():
    order = open_order(units=3, quantity=3)
    level = LineAllocation.objects.get().allocation.level
    lose(level, 2)
    settle_withdrawn(order_id=order.pk, at=NOON)
    assert list(waiting_orders()) == [order]
    replenish(level, 5)

    allocate_waiting(at=NOON)

    order.refresh_from_db()
    assert (promised(order), order.lifecycle) == (3, "CONFIRMED")
    assert list(waiting_orders()) == []
    assert all_differences() == []


def test_younger_of_two_lines_of_an_article_gives_first():
    level = stock(units=5)
    lines = [
        incoming_line(sku=level.variant.sku, quantity=quantity, external_line_id=str(quantity))
        for quantity in (2, 3)
    ]
    order = ingest_order(channel=ChannelFactory(), incoming=incoming_order(*lines), at=NOON).order
    lose(level, 4)

    settle_withdrawn(order_id=order.pk, at=NOON)

    units = [line.line_allocations.get().units for line in order.lines.order_by("pk")]
    assert units == [1, 0]


def test_pack_that_is_broken_frees_the_rest_of_it():
    level = stock(units=5)
    order = open_order(level=level, quantity=2)
    release_promises(order_id=order.pk, reason="Sold in packs of two.", at=NOON)
    order.lines.update(pack_size=2)
    allocate_order(order_id=order.pk, at=NOON)
    assert promised(order) == 4
    lose(level, 2)

    settle_withdrawn(order_id=order.pk, at=NOON)

    level.refresh_from_db()
    events = order.events.filter(kind="PROMISE_RELEASED").order_by("-pk")[:2]
    assert (promised(order), level.on_hand, level.allocated) == (2, 3, 2)
    assert [event.details["units"] for event in events] == [1, 1]
    assert all_differences() == []


def test_component_that_is_gone_frees_the_rest_of_the_bundle():
    pen, ink = stock(units=4, reference="GR-1"), stock(units=2, reference="GR-2")
    ink_there = stock(units=2, variant=ink.variant, location=pen.location, reference="GR-3")
    lose(ink, 2, reference="ADJ-0")
    order = bundle_order(quantity=2, components={pen.variant: 2, ink.variant: 1})
    assert promised(order) == 6
    lose(ink_there, 1)

    settle_withdrawn(order_id=order.pk, at=NOON)

    pen.refresh_from_db()
    assert (promised(order), pen.allocated) == (3, 2)
    assert all_differences() == []


def test_ship_is_refused_once_the_promise_is_gone():
    order = open_order(units=2, quantity=2)
    level = LineAllocation.objects.get().allocation.level
    lose(level, 1)
    before = books()

    with pytest.raises(OrderOnHold, match="was taken out of stock"):
        ship(order_id=order.pk, key="parcel", at=NOON)

    assert books() == before


def test_cancel_gives_back_only_what_is_left():
    order = open_order(units=2, quantity=2)
    level = LineAllocation.objects.get().allocation.level
    lose(level, 1)

    cancel_order(order_id=order.pk, reason="No longer wanted.", key="call", at=NOON)

    level.refresh_from_db()
    assert (level.on_hand, level.allocated, promised(order)) == (1, 0, 0)
    assert all_differences() == []


def test_promising_anew_takes_what_lies_elsewhere_and_leaves_no_hold():
    order = open_order(units=2, quantity=2)
    level = LineAllocation.objects.get().allocation.level
    stock(units=5, variant=level.variant, location=LocationFactory(), reference="GR-2")
    lose(level, 1)

    outcome = allocate_order(order_id=order.pk, at=NOON)

    assert (outcome.units, outcome.missing, promised(order)) == (1, {}, 2)
    assert not order.holds.open().exists()
    assert all_differences() == []


def test_task_settles_every_order_and_what_was_put_aside():
    orders = [open_order(units=1, quantity=1) for _ in range(2)]
    for row in list(LineAllocation.objects.all()):
        lose(row.allocation.level, 1, reference=f"ADJ-{row.pk}")
    level = stock(units=1, reference="GR-9")
    reserve_stock(
        location=level.location,
        units={level.variant_id: 1},
        reference="RES-1",
        expires_at=NOON.replace(year=NOON.year + 1),
        note="Ada",
        at=NOON,
    )
    lose(level, 1, reference="ADJ-9")

    counts = settle_withdrawn_task()

    assert counts == {"orders": 2, "units": 2, "refused": 0, "reservations": 1}
    assert not WithdrawnPromise.objects.filter(settled_at__isnull=True).exists()
    assert [order.holds.open().count() for order in orders] == [1, 1]
    assert settle_withdrawn_task() == {"orders": 0, "units": 0, "refused": 0, "reservations": 0}


def test_settling_takes_as_many_queries_whatever_the_number_of_lines(django_assert_num_queries):
    place = LocationFactory()
    levels = [stock(units=2, location=place, reference=f"GR-{n}") for n in range(6)]
    for chosen in (levels[:1], levels[1:]):
        lines = [
            incoming_line(sku=level.variant.sku, external_line_id=str(position), quantity=2)
            for position, level in enumerate(chosen)
        ]
        order = ingest_order(
            channel=ChannelFactory(), incoming=incoming_order(*lines), at=NOON
        ).order
        adjust_stock(
            location=place,
            quantities={level.variant_id: -1 for level in chosen},
            reference=f"ADJ-{order.pk}",
            reason="Dropped.",
            at=NOON,
        )

        with django_assert_num_queries(20):
            settle_withdrawn(order_id=order.pk, at=NOON)


def test_order_page_tells_what_happened():
    order = open_order(units=1, quantity=1)
    level = LineAllocation.objects.get().allocation.level
    lose(level, 1)
    settle_withdrawn(order_id=order.pk, at=NOON)
    browser = browser_of(superuser())

    page = browser.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()

    assert f"1 unit of {level.variant.sku} was taken out of stock (ADJ-1)." in page
    assert "reason Dropped." in page


def test_shipment_and_promise_name_their_channel_and_lines():
    order = open_order(units=3, quantity=2)
    allocation = LineAllocation.objects.get().allocation
    fulfillment = ship(order_id=order.pk, key="parcel", at=NOON)

    movement = StockMovement.objects.get(kind="SHIPMENT")

    assert allocation.channel == order.channel
    assert (movement.source_kind, movement.source_id) == ("FULFILLMENT", fulfillment.pk)
    assert movement.source_line_ids == [fulfillment.lines.get().pk]
