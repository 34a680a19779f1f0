"""How suppliers kept their word, from orders and receipts."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from purchasing import operations
from purchasing.models import GoodsReceipt, HeldGoods, PurchaseOrder, PurchaseOrderLine
from purchasing.operations import NewLine, ReceivedLine
from purchasing.queries import (
    LeadTime,
    LeadTimeSource,
    Reliability,
    article_reliability,
    measured_lead_times,
    supplier_reliability,
)
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import (
    SupplierFactory,
    SupplierProductFactory,
    draft_order,
    sent_order,
)

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
PERIOD = {"first": TODAY - timedelta(days=10), "last": TODAY + timedelta(days=90)}


def receive(order, *, after, accepted, rejected=0, line=None):
    """Take goods of an order's line in, so many days after noon of the day it was sent."""
    line = line or order.lines.first()
    return operations.receive_goods(
        order_id=order.pk,
        lines=[
            ReceivedLine(
                order_line_id=line.pk,
                accepted=accepted,
                rejected=rejected,
                reject_reason="DAMAGED" if rejected else "",
            )
        ],
        delivery_note="",
        key=f"receipt-{order.pk}-{line.pk}-{after}",
        at=NOON + timedelta(days=after),
        by=None,
    )


def reverse_by_hand(receipt):
    GoodsReceipt.objects.filter(pk=receipt.pk).update(
        status="REVERSED", reversed_at=NOON, reverse_reason="Wrong order."
    )


def only(**period):
    [figures] = supplier_reliability(**(PERIOD | period))
    return figures


def test_reliability_measures_days_from_sending_to_each_delivery():
    supplier = SupplierFactory()
    for days in (4, 6, 11):
        receive(sent_order(supplier=supplier), after=days, accepted=10)

    figures = only()

    assert (figures.supplier_id, figures.deliveries) == (supplier.pk, 3)
    assert (figures.mean_days, figures.median_days) == (Decimal("7.0"), Decimal("6.0"))
    assert figures.spread_days == Decimal("3.6")


def test_reliability_counts_the_lines_that_come_on_a_day_as_one_delivery():
    order = sent_order(units=[5, 5])
    first, second = order.lines.order_by("pk")
    receive(order, after=3, accepted=5, line=first)
    receive(order, after=3, accepted=5, line=second)

    assert only().deliveries == 1
    assert [
        row.deliveries for row in article_reliability(supplier_ids=[order.supplier_id], **PERIOD)
    ] == [1, 1]


def test_reliability_leaves_out_how_long_a_replacement_took():
    order = sent_order(units=[10])
    receive(order, after=3, accepted=10)
    PurchaseOrderLine.objects.filter(order=order).update(to_replace=2)
    PurchaseOrder.objects.filter(pk=order.pk).update(status="SENT")
    receive(order, after=60, accepted=2)

    assert (only().deliveries, only().mean_days) == (1, Decimal("3.0"))


def test_reliability_calls_a_line_on_time_when_all_of_it_came_by_its_day():
    supplier = SupplierFactory()
    due = TODAY + timedelta(days=5)
    in_time = sent_order(supplier=supplier, expected_on=due)
    late = sent_order(supplier=supplier, expected_on=due)
    in_part = sent_order(supplier=supplier, expected_on=due)
    sent_order(supplier=supplier, expected_on=due)
    receive(in_time, after=5, accepted=10)
    receive(late, after=6, accepted=10)
    receive(in_part, after=5, accepted=9)

    figures = only()

    assert (figures.lines_due, figures.lines_on_time) == (4, 1)
    assert figures.on_time_percent == Decimal("25.0")


def test_reliability_takes_the_confirmed_day_before_the_wanted_ones():
    order = sent_order(expected_on=TODAY + timedelta(days=2))
    receive(order, after=5, accepted=10)
    line = order.lines.get()
    assert only().lines_on_time == 0

    line.expected_on = TODAY + timedelta(days=4)
    line.confirmed_on = TODAY + timedelta(days=5)
    line.save()

    assert (only().lines_due, only().lines_on_time) == (1, 1)


def test_reliability_counts_as_short_what_never_came_of_lines_that_ended():
    supplier = SupplierFactory()
    complete, short = (sent_order(supplier=supplier) for _ in range(2))
    receive(complete, after=1, accepted=10)
    receive(short, after=1, accepted=7)
    still_open = sent_order(supplier=supplier)
    receive(still_open, after=1, accepted=1)
    operations.close_short(
        order_id=short.pk, reason="Sold out.", at=NOON + timedelta(days=9), by=None
    )

    figures = only()

    assert (figures.ended_units, figures.short_units) == (20, 3)
    assert figures.short_percent == Decimal("15.0")


def test_reliability_counts_what_was_refused_at_the_door():
    order = sent_order(units=[20])
    receive(order, after=1, accepted=15, rejected=5)

    figures = only()

    assert (figures.delivered_units, figures.rejected_units) == (20, 5)
    assert figures.rejected_percent == Decimal("25.0")


def test_reliability_takes_goods_accepted_after_all_as_delivered_once():
    order = sent_order(units=[20])
    receive(order, after=1, accepted=15, rejected=5)
    operations.accept_held(
        held_id=HeldGoods.objects.get().pk,
        order_line_id=order.lines.get().pk,
        units=3,
        reason="Only the box was dented.",
        key="after all",
        at=NOON + timedelta(days=30),
        by=UserFactory(),
    )

    figures = only()

    assert (figures.delivered_units, figures.rejected_units) == (20, 2)
    assert (figures.deliveries, figures.mean_days) == (1, Decimal("1.0"))


def test_reliability_weighs_price_changes_by_what_was_bought_again():
    supplier, cheap, dear = SupplierFactory(), VariantFactory(), VariantFactory()
    for day, cheap_cost, dear_cost in ((0, "1.00", "10.00"), (5, "2.00", "11.00")):
        order = operations.create_purchase_order(
            supplier=supplier,
            location=draft_order().location,
            lines=[
                NewLine(variant_id=cheap.pk, units=10, unit_cost=Decimal(cheap_cost)),
                NewLine(variant_id=dear.pk, units=9, unit_cost=Decimal(dear_cost)),
            ],
            reference=f"order-{day}",
            at=NOON,
            by=None,
        )
        operations.submit(order_id=order.pk, at=NOON)
        operations.approve(order_id=order.pk, at=NOON, by=UserFactory())
        operations.send(order_id=order.pk, at=NOON + timedelta(days=day))

    figures = only()

    assert (figures.later_cost, figures.later_at_first_cost) == (Decimal(119), Decimal(100))
    assert figures.price_change_percent == Decimal("19.0")
    assert [
        row.price_change_percent
        for row in article_reliability(supplier_ids=[supplier.pk], **PERIOD)
    ] == [Decimal("100.0"), Decimal("10.0")]


def test_reliability_forgets_reversed_receipts():
    order = sent_order(expected_on=TODAY + timedelta(days=5))
    reverse_by_hand(receive(order, after=1, accepted=5, rejected=2))

    assert supplier_reliability(**PERIOD) == [
        Reliability(supplier_id=order.supplier_id, variant_id=None, lines_due=1)
    ]


def test_reliability_leaves_out_what_was_not_in_the_period_or_of_other_suppliers():
    order, other = sent_order(), sent_order()
    receive(order, after=20, accepted=10)
    receive(other, after=20, accepted=10)

    assert supplier_reliability(first=TODAY, last=TODAY + timedelta(days=19)) == []
    assert [
        row.supplier_id
        for row in supplier_reliability(
            first=TODAY, last=TODAY + timedelta(days=20), supplier_ids=[other.supplier_id]
        )
    ] == [other.supplier_id]


def test_reliability_costs_five_queries_for_all_suppliers(django_assert_num_queries):
    for _ in range(3):
        receive(sent_order(), after=1, accepted=10)

    with django_assert_num_queries(5):
        rows = supplier_reliability(first=date(2020, 1, 1), last=date(2030, 1, 1))

    assert len(rows) == 3


def test_lead_time_is_of_the_article_else_of_the_supplier_else_as_stated():
    supplier, variant = SupplierFactory(lead_time_days=9), VariantFactory()
    other = VariantFactory()
    SupplierProductFactory(supplier=supplier, variant=variant, lead_time_days=4)
    pairs = [(supplier.pk, variant.pk), (supplier.pk, other.pk)]

    assert measured_lead_times(pairs=pairs) == {
        pairs[0]: LeadTime(Decimal(4), Decimal(0), 0, LeadTimeSource.STATED),
        pairs[1]: LeadTime(Decimal(9), Decimal(0), 0, LeadTimeSource.STATED),
    }

    for days in (2, 4, 6):
        order = sent_order(supplier=supplier)
        order.lines.update(variant=variant)
        receive(order, after=days, accepted=10)
    receive(sent_order(supplier=supplier), after=12, accepted=10)

    assert measured_lead_times(pairs=pairs) == {
        pairs[0]: LeadTime(Decimal("4.0"), Decimal("2.0"), 3, LeadTimeSource.ARTICLE),
        pairs[1]: LeadTime(Decimal("6.0"), Decimal("4.3"), 4, LeadTimeSource.SUPPLIER),
    }
    assert measured_lead_times(pairs=pairs[:1], last=TODAY + timedelta(days=4)) == {
        pairs[0]: LeadTime(Decimal(4), Decimal(0), 0, LeadTimeSource.STATED)
    }


def test_lead_times_cost_four_queries(django_assert_num_queries):
    pairs = [
        (product.supplier_id, product.variant_id)
        for product in SupplierProductFactory.create_batch(3)
    ]

    with django_assert_num_queries(4):
        found = measured_lead_times(pairs=pairs)

    assert len(found) == 3
