"""Rows of the buyers' reports: what is on order, price changes, and what was spent."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from purchasing import operations
from purchasing.models import PurchaseOrderLine, SupplierPrice
from purchasing.queries import reports
from tests.factories.common import NOON
from tests.factories.orders import open_order
from tests.factories.purchasing import (
    SupplierFactory,
    SupplierPriceFactory,
    SupplierProductFactory,
    draft_order,
    sent_order,
)
from tests.factories.purchasing_invoices import delivery
from tests.purchasing.waiting import on_order, sold_out

pytestmark = pytest.mark.django_db

TODAY = NOON.date()
TOMORROW = TODAY + timedelta(days=1)
YESTERDAY = TODAY - timedelta(days=1)


def due(line, **days):
    PurchaseOrderLine.objects.filter(pk=line.pk).update(**days)


def test_open_lines_stand_by_the_day_they_are_due():
    order = sent_order(units=(4, 5, 6, 7), unit_cost="2.50", expected_on=TODAY)
    confirmed, asked_for, as_ordered, come = order.lines.order_by("position")
    undated = sent_order(units=(8,)).lines.get()
    due(confirmed, confirmed_on=YESTERDAY, expected_on=TOMORROW)
    due(asked_for, expected_on=TOMORROW)
    delivery(order, [1, 0, 0, 7])

    rows = reports.open_lines()

    assert [(row.line_id, row.units, row.due_on, row.is_confirmed) for row in rows] == [
        (confirmed.pk, 3, YESTERDAY, True),
        (as_ordered.pk, 6, TODAY, False),
        (asked_for.pk, 5, TOMORROW, False),
        (undated.pk, 8, None, False),
    ]
    assert rows[0].open_amount == Decimal("7.5000")
    assert [row.days_late(TODAY) for row in rows] == [1, 0, 0, 0]
    assert come.pk not in {row.line_id for row in rows}


def test_what_is_not_sent_or_is_over_is_not_on_order():
    draft_order()
    closed = sent_order()
    operations.close_short(order_id=closed.pk, reason="Nothing more comes.", at=NOON, by=None)

    assert reports.open_lines() == []


def test_open_lines_can_be_those_of_a_supplier_a_place_or_overdue():
    late = sent_order(expected_on=YESTERDAY)
    other = sent_order(expected_on=TODAY)

    of_supplier = reports.open_lines(supplier_id=other.supplier_id)
    of_place = reports.open_lines(location_id=other.location_id)
    overdue = reports.open_lines(due_before=TODAY)

    assert [row.order_id for row in of_supplier] == [other.pk]
    assert [row.order_id for row in of_place] == [other.pk]
    assert [row.order_id for row in overdue] == [late.pk]


@pytest.mark.parametrize("count", [1, 3])
def test_open_lines_cost_one_query(count, django_assert_num_queries):
    for _ in range(count):
        sent_order(units=(1, 2))

    with django_assert_num_queries(1):
        rows = reports.open_lines()

    assert len(rows) == 2 * count


def test_late_lines_tell_who_waits_and_how_long():
    level = sold_out()
    customer = open_order(level=level, quantity=3)
    on_order(level, units=4, expected_on=YESTERDAY)
    sent_order(units=(5,), expected_on=YESTERDAY)
    sent_order(expected_on=TODAY)

    rows = reports.late_lines(today=TODAY)

    assert [(row.days, row.line.units, row.waiting_orders, row.waiting_units) for row in rows] == [
        (1, 4, 1, 3),
        (1, 5, 0, 0),
    ]
    assert [row.who for row in rows] == [customer.number, ""]


@pytest.mark.parametrize("count", [1, 3])
def test_late_lines_cost_the_same_queries(count, django_assert_num_queries):
    for _ in range(count):
        level = sold_out()
        open_order(level=level, quantity=1)
        on_order(level, expected_on=YESTERDAY)

    with django_assert_num_queries(5):
        rows = reports.late_lines(today=TODAY)

    assert [row.waiting_units for row in rows] == [1] * count


def changed_price(before, after, *, on, **article):
    product = SupplierProductFactory(**article)
    SupplierPriceFactory(
        supplier_product=product, unit_cost=before, valid_from=date(2026, 1, 1), valid_to=on
    )
    return SupplierPriceFactory(supplier_product=product, unit_cost=after, valid_from=on)


def test_price_changes_stand_by_how_much_they_changed():
    changed_price("2.00", "2.10", on=TODAY)
    cut = changed_price("4.00", "2.00", on=TODAY)
    changed_price("0.00", "1.00", on=TODAY)
    changed_price("3.00", "3.00", on=TODAY)
    SupplierPriceFactory(valid_from=TODAY)

    rows = reports.price_changes(first=TODAY, last=TODAY)

    assert [(row.before, row.after, row.percent) for row in rows] == [
        (0, 1, None),
        (4, 2, Decimal(-50)),
        (2, Decimal("2.1"), Decimal(5)),
    ]
    assert rows[1].supplier_sku == cut.supplier_product.supplier_sku


def test_price_changes_of_other_days_and_tiers_stay_apart():
    early = changed_price("2.00", "3.00", on=YESTERDAY)
    SupplierPriceFactory(
        supplier_product=early.supplier_product, min_quantity=10, unit_cost="1.50", valid_from=TODAY
    )

    assert reports.price_changes(first=TODAY, last=TODAY) == []
    assert SupplierPrice.objects.count() == 3


def test_price_changes_can_be_those_of_one_supplier():
    mine = changed_price("2.00", "3.00", on=TODAY).supplier_product.supplier
    changed_price("2.00", "3.00", on=TODAY)

    rows = reports.price_changes(first=TODAY, last=TODAY, supplier_id=mine.pk)

    assert [row.supplier for row in rows] == [mine.name]


def test_spend_is_what_came_by_month_and_supplier():
    supplier, other = SupplierFactory(name="Kiln"), SupplierFactory(name="Loom")
    for order_of, units, at in (
        (supplier, 10, NOON),
        (supplier, 4, NOON),
        (other, 2, NOON),
        (supplier, 1, NOON + timedelta(days=40)),
    ):
        delivery(sent_order(supplier=order_of, units=(units,), unit_cost="2.50"), at=at)

    rows = reports.spend_by_month(first=TODAY, last=TODAY + timedelta(days=60))

    this_month, later = TODAY.replace(day=1), (TODAY + timedelta(days=40)).replace(day=1)
    assert [(row.month, row.supplier, row.receipts, row.units, row.spent) for row in rows] == [
        (later, "Kiln", 1, 1, Decimal("2.50")),
        (this_month, "Kiln", 2, 14, Decimal("35.00")),
        (this_month, "Loom", 1, 2, Decimal("5.00")),
    ]


def test_spend_counts_a_delivery_in_the_shop_s_own_month(settings):
    settings.TIME_ZONE = "Europe/Riga"
    delivery(sent_order(), at=datetime(2026, 9, 30, 22, 30, tzinfo=UTC))

    rows = reports.spend_by_month(first=date(2026, 9, 1), last=date(2026, 12, 31))

    assert [row.month for row in rows] == [date(2026, 10, 1)]
