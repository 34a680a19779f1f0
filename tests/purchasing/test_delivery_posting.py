"""A counted delivery becomes one receipt: over several orders, with what is held beside it."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.queries import NoExchangeRate
from inventory.models import CostPool, Location, StockLevel, StockMovement
from purchasing import operations
from purchasing.models import GoodsReceipt, HeldGoods
from purchasing.operations import Count, ReceivedLine
from retail.common.errors import WrongStatus
from tests.factories.catalog import ExchangeRateFactory, VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_deliveries import (
    counted,
    opened,
    order_of,
    posted,
    scanned,
    unplanned_goods,
)

pytestmark = pytest.mark.django_db


def received(order):
    return list(order.lines.order_by("pk").values_list("received", flat=True))


def assert_nothing_came(delivery, *orders):
    delivery.refresh_from_db()
    assert delivery.status == "OPEN"
    assert [units for order in orders for units in received(order) if units] == []
    assert GoodsReceipt.objects.count() == HeldGoods.objects.count() == 0
    assert StockMovement.objects.count() == 0


def test_one_receipt_takes_in_goods_of_several_orders():
    variant = VariantFactory()
    cheap = order_of((variant, 4), (VariantFactory(), 5), unit_cost="2.00")
    dear = order_of((variant, 6), like=cheap, unit_cost="3.00")
    delivery, hand = opened(cheap, dear), UserFactory()
    counted(delivery, 4, 3, 6)

    receipt = operations.post_delivery(delivery_id=delivery.pk, at=NOON, by=hand)

    delivery.refresh_from_db()
    assert (delivery.status, delivery.closed_by, receipt.delivery) == ("POSTED", hand, delivery)
    assert (receipt.delivery_note, receipt.received_by) == ("DN-1", hand)
    assert (received(cheap), received(dear)) == ([4, 3], [6])
    pool = CostPool.objects.get(variant=variant)
    assert (pool.units, pool.value) == (10, Decimal(26))
    assert StockMovement.objects.filter(level__variant=variant).count() == 1
    cheap.refresh_from_db()
    dear.refresh_from_db()
    assert (cheap.receipt_status, dear.receipt_status) == ("PARTIAL", "COMPLETE")


def test_delivery_posted_twice_is_one_receipt():
    delivery = counted(opened(), 4)
    first = posted(delivery)

    assert posted(delivery) == first
    assert (
        operations.post_delivery_over_order(delivery_id=delivery.pk, at=NOON, by=UserFactory())
        == first
    )
    assert sum(StockLevel.objects.values_list("on_hand", flat=True)) == 4


def test_each_order_counts_at_the_rate_of_its_currency():
    ExchangeRateFactory(currency="EUR", rate=Decimal("0.85"))
    pounds = order_of((VariantFactory(), 2), unit_cost="1.00")
    euros = order_of((VariantFactory(), 2), like=pounds, unit_cost="1.00")
    euros.currency = "EUR"
    euros.save(update_fields=["currency"])
    delivery = counted(opened(pounds, euros), 2, 2)

    receipt = posted(delivery)

    assert list(receipt.lines.order_by("pk").values_list("value", flat=True)) == [
        Decimal("2.00"),
        Decimal("1.70"),
    ]


def test_order_without_an_exchange_rate_stops_the_whole_delivery():
    pounds = sent_order()
    euros = order_of((VariantFactory(), 2), like=pounds)
    euros.currency = "EUR"
    euros.save(update_fields=["currency"])
    delivery = counted(opened(pounds, euros), 1, 1)

    with pytest.raises(NoExchangeRate):
        posted(delivery)

    assert_nothing_came(delivery, pounds, euros)


def test_rejected_goods_are_held_at_no_value():
    order = sent_order(location=LocationFactory(street="1 Dock Road", postcode="LS1"))
    apart = LocationFactory(
        kind="QUARANTINE", is_shipping=False, street="1 Dock Road", postcode="LS1"
    )
    LocationFactory(kind="QUARANTINE", is_shipping=False, street="Far away", postcode="B2")
    delivery = opened(order)
    line = delivery.lines.get()
    operations.enter_counts(
        delivery_id=delivery.pk,
        counts=[
            Count(line_id=line.pk, accepted=6, rejected=4, reject_reason="DAMAGED", note="Wet")
        ],
        at=NOON,
        by=None,
    )

    receipt = posted(delivery)

    held = receipt.held_goods.get()
    assert (held.kind, held.units, held.left, held.location) == ("REJECTED", 4, 4, apart)
    assert (held.reject_reason, held.note, held.variant) == ("DAMAGED", "Wet", line.variant)
    assert receipt.lines.get().reject_reason == "Damaged: Wet"
    assert StockLevel.objects.get().on_hand == CostPool.objects.get().units == 6
    assert received(order) == [6]


def test_site_without_a_quarantine_gets_one_of_its_own():
    LocationFactory(kind="QUARANTINE", is_shipping=False, street="Far away", postcode="B2")
    here = LocationFactory(street="1 Dock Road", postcode="LS1")

    places = {unplanned_goods(order=sent_order(location=here)).location for _ in range(2)}

    [place] = places
    assert (place.kind, place.street, place.is_shipping) == ("QUARANTINE", "1 Dock Road", False)
    assert Location.objects.filter(kind="QUARANTINE").count() == 2


def test_quarantine_without_an_address_serves_every_site():
    everywhere = LocationFactory(kind="QUARANTINE", is_shipping=False)
    here = LocationFactory(street="1 Dock Road", postcode="LS1")

    assert unplanned_goods(order=sent_order(location=here)).location == everywhere


def test_goods_that_nobody_ordered_are_held():
    delivery, stranger = opened(), VariantFactory()
    scanned(delivery, stranger.sku, 2)
    scanned(delivery, "who knows", 3)
    counted_line = delivery.lines.get(order_line__isnull=False)
    operations.enter_counts(
        delivery_id=delivery.pk,
        counts=[Count(line_id=counted_line.pk, accepted=1)],
        at=NOON,
        by=None,
    )

    receipt = posted(delivery)

    held = receipt.held_goods.order_by("pk")
    assert list(held.values_list("kind", "variant", "code", "units")) == [
        ("UNPLANNED", stranger.pk, stranger.sku, 2),
        ("UNPLANNED", None, "who knows", 3),
    ]
    assert receipt.lines.count() == StockMovement.objects.count() == 1


def test_delivery_on_which_nothing_was_counted_is_not_posted():
    delivery = opened()

    with pytest.raises(operations.NothingReceived):
        posted(delivery)

    assert_nothing_came(delivery)


def test_more_than_ordered_is_refused_and_names_every_line():
    first = order_of((VariantFactory(), 2))
    second = order_of((VariantFactory(), 3), like=first)
    delivery = counted(opened(first, second), 3, 5)

    with pytest.raises(operations.MoreThanOrdered) as refused:
        posted(delivery)

    assert sorted(refused.value.details["excess"].values()) == [1, 2]
    assert f"More than {first} and {second} still expect" in refused.value.message
    assert_nothing_came(delivery, first, second)


def test_more_than_ordered_comes_in_on_the_word_of_somebody_who_may():
    order = sent_order()
    delivery = counted(opened(order), 12)

    receipt = operations.post_delivery_over_order(
        delivery_id=delivery.pk, at=NOON, by=UserFactory()
    )

    assert receipt.is_over_allowed
    assert received(order) == [12]


@pytest.mark.parametrize(
    ("ordered", "percent", "accepted", "is_taken"),
    [
        (10, "10", 11, True),
        (10, "10", 12, False),
        (15, "10", 16, True),  # a unit and a half is one unit
        (15, "10", 17, False),
        (9, "10", 10, False),
        (10, "0", 11, False),
    ],
)
def test_supplier_tolerance_is_of_whole_units_of_the_line(ordered, percent, accepted, is_taken):
    supplier = SupplierFactory(over_receipt_percent=Decimal(percent))
    order = sent_order(supplier=supplier, units=(ordered,))
    delivery = counted(opened(order), accepted)

    if not is_taken:
        with pytest.raises(operations.MoreThanOrdered):
            posted(delivery)
        assert_nothing_came(delivery, order)
        return
    receipt = posted(delivery)

    assert (receipt.over_receipt_percent, receipt.is_over_allowed) == (Decimal(percent), False)
    assert received(order) == [accepted]


def test_tolerance_counts_over_all_deliveries_of_a_line():
    order = sent_order(supplier=SupplierFactory(over_receipt_percent=10))
    line = order.lines.get()

    def receive(units, key):
        return operations.receive_goods(
            order_id=order.pk,
            lines=[ReceivedLine(order_line_id=line.pk, accepted=units)],
            delivery_note="",
            key=key,
            at=NOON,
            by=None,
        )

    receive(11, "first")

    with pytest.raises(operations.MoreThanOrdered) as refused:
        receive(1, "second")

    assert refused.value.details == {"excess": {line.pk: 1}}
    assert received(order) == [11]


def test_order_that_ended_meanwhile_stops_the_delivery():
    order = sent_order()
    other = order_of((VariantFactory(), 3), like=order)
    delivery = counted(opened(order, other), 1, 1)
    operations.close_short(order_id=other.pk, reason="No more", at=NOON, by=None)

    with pytest.raises(WrongStatus, match=f"{other.number} is closed"):
        posted(delivery)

    assert_nothing_came(delivery, order, other)


def test_order_of_which_nothing_came_does_not_matter():
    order = sent_order()
    other = order_of((VariantFactory(), 3), like=order)
    delivery = counted(opened(order, other), 2, 0)
    operations.close_short(order_id=other.pk, reason="No more", at=NOON, by=None)

    posted(delivery)

    assert received(order) == [2]


def test_number_of_queries_does_not_grow_with_lines_and_orders():
    LocationFactory(kind="QUARANTINE", is_shipping=False)
    numbers = []
    for size in (1, 3, 30):
        first = sent_order(units=[2] * size)
        orders = [first] + [order_of((VariantFactory(), 2), like=first) for _ in range(size - 1)]
        delivery = opened(*orders)
        lines = list(delivery.lines.order_by("pk"))
        operations.enter_counts(
            delivery_id=delivery.pk,
            counts=[
                Count(line_id=line.pk, accepted=1, rejected=1, reject_reason="QUALITY")
                for line in lines
            ],
            at=NOON,
            by=None,
        )
        with CaptureQueriesContext(connection) as queries:
            posted(delivery)
        numbers.append(len(queries))

    # More than ten rows go in by COPY, with their keys made before: a query more per table.
    assert numbers[0] == numbers[1]
    assert numbers[2] - numbers[0] <= 4
