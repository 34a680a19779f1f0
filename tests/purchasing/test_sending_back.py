"""Goods leave to their supplier: stock, cost, receipts, orders and held goods in one act."""

from datetime import timedelta
from decimal import Decimal

import pytest

from catalog.queries import NoExchangeRate
from inventory.models import CostMovement, CostPool, StockMovement
from inventory.operations import InsufficientStock, allocate_stock
from purchasing import operations
from purchasing.models import (
    GoodsReceiptLine,
    HeldGoodsDecision,
    PurchaseOrderLine,
)
from purchasing.operations import ReturnedGoods
from retail.common.errors import WrongStatus
from tests.factories.catalog import ExchangeRateFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_returns import (
    approved_return,
    plain,
    received_line,
    shipped_return,
)
from tests.purchasing.returned_goods import all_is_proved, everything, held, ship

pytestmark = pytest.mark.django_db


def test_goods_leave_at_the_average_and_the_credit_is_what_the_receipt_cost():
    """V5, policy A: 10 at 100 and 5 at 110; 5 of the first go back for 500.00."""
    order = sent_order(units=(10,), unit_cost="100.00")
    line = received_line(order=order)
    variant = line.order_line.variant
    stock(units=5, value="550.00", variant=variant, location=order.location, reference="GR-2")

    returned = shipped_return(line=line, units=5)

    row = returned.lines.get()
    assert (row.stock_value, row.credit_value) == (Decimal("516.67"), Decimal("500.00"))
    assert CostMovement.objects.get(kind="VARIANCE").expensed == Decimal("16.67")
    pool = CostPool.objects.get(variant=variant)
    assert (pool.units, pool.value) == (10, Decimal("1033.33"))
    assert GoodsReceiptLine.objects.get(pk=line.pk).returned == 5
    order_line = PurchaseOrderLine.objects.get(pk=line.order_line_id)
    assert (order_line.returned, order_line.to_replace, order_line.expected) == (5, 0, 0)
    assert all_is_proved()


def test_movements_name_the_return_and_its_lines():
    returned = shipped_return()

    movement = StockMovement.objects.get(kind="SUPPLIER_RETURN")
    assert (movement.reference, movement.source_kind) == (returned.number, "SUPPLIER_RETURN")
    assert (movement.source_id, movement.source_line_ids) == (
        returned.pk,
        [returned.lines.get().pk],
    )
    assert (movement.moved_at, movement.moved_by) == (NOON, returned.shipped_by)


def test_goods_sent_back_twice_are_refused_the_second_time():
    returned = shipped_return()
    before = everything()

    with pytest.raises(WrongStatus):
        ship(returned)

    assert everything() == before


def test_credit_is_worth_the_rate_of_the_receipt_whatever_the_rate_is_today():
    yesterday = NOON.date() - timedelta(days=1)
    ExchangeRateFactory(currency="EUR", rate=Decimal("0.85"), valid_on=yesterday)
    order = sent_order(units=(3,), unit_cost="10.01", supplier=SupplierFactory(currency="EUR"))
    line = received_line(order=order, units=3)
    returned = approved_return(line=line, units=2)
    ExchangeRateFactory(currency="EUR", rate=Decimal("0.99"), valid_on=NOON.date())

    ship(returned)

    row = returned.lines.get()
    assert line.value == Decimal("25.53")
    assert (row.unit_credit, row.credit_value) == (Decimal("10.01"), Decimal("17.02"))
    assert all_is_proved()


def test_stock_without_a_receipt_is_worth_the_rate_of_today():
    supplier = SupplierFactory(currency="EUR")
    level = stock(units=5, value="10.00")
    returned = approved_return(plain(level, units=2, credit="3.00"), supplier=supplier)
    before = everything()
    with pytest.raises(NoExchangeRate):
        ship(returned)
    assert everything() == before
    ExchangeRateFactory(currency="EUR", rate=Decimal("0.85"), valid_on=NOON.date())

    ship(returned)

    row = returned.lines.get()
    assert (row.stock_value, row.credit_value) == (Decimal("4.00"), Decimal("5.10"))
    assert CostMovement.objects.get(kind="VARIANCE").expensed == Decimal("-1.10")
    assert all_is_proved()


def test_what_left_one_place_is_shared_by_the_lines_that_sent_it():
    order = sent_order(units=(3,), unit_cost="33.3333")
    line = received_line(order=order, units=3)
    supplier, place = line.receipt.supplier, line.receipt.location
    goods = (
        ReturnedGoods(receipt_line_id=line.pk, units=1),
        ReturnedGoods(
            variant_id=line.order_line.variant_id,
            location_id=place.pk,
            units=2,
            unit_credit=Decimal(0),
        ),
    )

    returned = shipped_return(*goods, supplier=supplier)

    values = returned.lines.order_by("position").values_list("stock_value", "credit_value")
    assert list(values) == [
        (Decimal("33.33"), Decimal("33.33")),
        (Decimal("66.67"), Decimal("0.00")),
    ]
    assert all_is_proved()


def test_held_goods_go_back_without_value():
    line = received_line()
    held_goods = held(line)
    goods = ReturnedGoods(held_goods_id=held_goods.pk, units=2)
    before = StockMovement.objects.count(), CostMovement.objects.count()

    returned = shipped_return(goods, supplier=line.receipt.supplier)

    held_goods.refresh_from_db()
    assert (held_goods.returned, held_goods.left) == (2, 1)
    row = returned.lines.get()
    assert (row.location, row.unit_credit) == (held_goods.location, 0)
    assert (row.stock_value, row.credit_value) == (0, 0)
    assert (StockMovement.objects.count(), CostMovement.objects.count()) == before
    assert (returned.status, returned.end_note) == ("SETTLED", "Nothing more is expected.")
    assert HeldGoodsDecision.objects.get().outcome == "RETURNED"
    assert all_is_proved()


def test_more_than_is_held_is_not_sent():
    line = received_line()
    held_goods = held(line, units=3)
    goods = ReturnedGoods(held_goods_id=held_goods.pk, units=2)
    returned = approved_return(goods, supplier=line.receipt.supplier)
    shipped_return(goods, supplier=line.receipt.supplier)
    before = everything()

    with pytest.raises(operations.NotThatManyHeld):
        ship(returned)

    assert everything() == before


def test_nothing_is_owed_for_goods_sent_for_nothing():
    line = received_line()

    returned = shipped_return(line=line, expects="NOTHING")

    row = returned.lines.get()
    assert (row.unit_credit, row.credit_value) == (0, 0)
    assert returned.status == "SETTLED"
    order_line = PurchaseOrderLine.objects.get(pk=line.order_line_id)
    assert (order_line.returned, order_line.to_replace) == (0, 0)
    assert CostMovement.objects.get(kind="VARIANCE").expensed == row.stock_value
    assert all_is_proved()


def test_more_of_a_receipt_than_is_left_is_not_sent():
    line = received_line(units=10)
    first, second = approved_return(line=line, units=6), approved_return(line=line, units=6)
    ship(first)
    before = everything()

    with pytest.raises(operations.MoreThanReceived):
        ship(second)

    assert everything() == before


def test_goods_that_are_promised_are_not_sent():
    line = received_line(units=5)
    returned = approved_return(line=line, units=4)
    allocate_stock(
        location=line.receipt.location,
        units={line.order_line.variant_id: 2},
        reference="SO-1",
        at=NOON,
    )
    before = everything()

    with pytest.raises(InsufficientStock):
        ship(returned)

    assert everything() == before


def test_goods_are_taken_from_where_they_are_said_to_lie():
    line = received_line(units=5)
    elsewhere = stock(units=3, variant=line.order_line.variant, reference="GR-9")
    goods = ReturnedGoods(receipt_line_id=line.pk, units=3, location_id=elsewhere.location_id)

    shipped_return(goods, supplier=line.receipt.supplier)

    elsewhere.refresh_from_db()
    assert elsewhere.on_hand == 0
    assert all_is_proved()
