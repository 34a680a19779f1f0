"""What customers sent back for the supplier, and totals of returns that are not what they say."""

from decimal import Decimal

import pytest
from django.db import connection

from inventory.models import CostMovement
from orders.operations import ship
from purchasing.models import (
    GoodsReceiptLine,
    HeldGoodsDecision,
    PurchaseOrderLine,
    SupplierReturnLine,
)
from purchasing.operations import ReturnedGoods, cancel_supplier_return
from purchasing.queries import customers_goods_to_go_back, differences
from tests.factories.common import NOON
from tests.factories.inventory import promise
from tests.factories.orders import bundle_order, shipped_order
from tests.factories.orders_returns import quarantine, received_return
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_returns import (
    credited,
    drafted_return,
    plain,
    received_line,
    shipped_return,
)
from tests.purchasing.returned_goods import held

pytestmark = pytest.mark.django_db


def to_go_back():
    return [
        (one.location, one.sku, one.units, one.supplier) for one in customers_goods_to_go_back()
    ]


def found():
    return [(row.kind, row.expected, row.actual) for row in differences()]


def test_what_customers_sent_back_for_the_supplier_is_listed_where_it_lies():
    apart = quarantine(name="Cage")
    order = shipped_order(quantity=3)
    received_return(order=order, quantity=2, disposition="TO_SUPPLIER")
    received_return(order=shipped_order(quantity=3), quantity=1, disposition="QUARANTINE")

    [one] = customers_goods_to_go_back()

    variant = order.lines.get().variant
    assert (one.location_id, one.location, one.variant_id) == (apart.pk, "Cage", variant.pk)
    assert (one.sku, one.name, one.units) == (variant.sku, variant.full_name, 2)
    assert (one.supplier_id, one.supplier) == (None, "")


def test_supplier_is_from_whom_the_article_last_came():
    quarantine(name="Cage")
    order = shipped_order(quantity=3)
    received_return(order=order, quantity=2, disposition="TO_SUPPLIER")
    for supplier in (SupplierFactory(name="Old"), SupplierFactory(name="New")):
        bought = sent_order(units=(1,), supplier=supplier)
        bought.lines.update(variant=order.lines.get().variant)
        received_line(order=bought, units=1)

    assert [one.supplier for one in customers_goods_to_go_back()] == ["New"]


def test_what_stands_on_a_return_is_no_longer_listed():
    quarantine(name="Cage")
    order = shipped_order(quantity=3)
    received_return(order=order, quantity=3, disposition="TO_SUPPLIER")
    variant = order.lines.get().variant
    level = variant.stock_levels.get(location__kind="QUARANTINE")
    returned = drafted_return(plain(level, units=2), supplier=SupplierFactory())
    assert to_go_back() == [("Cage", variant.sku, 1, "")]

    cancel_supplier_return(return_id=returned.pk, reason="Kept", at=NOON, by=None)
    assert to_go_back() == [("Cage", variant.sku, 3, "")]

    shipped_return(plain(level, units=3), supplier=SupplierFactory())
    assert to_go_back() == []


def test_no_more_is_listed_than_lies_there_free():
    quarantine(name="Cage")
    order = shipped_order(quantity=3)
    received_return(order=order, quantity=3, disposition="TO_SUPPLIER")
    variant = order.lines.get().variant
    promise(level=variant.stock_levels.get(location__kind="QUARANTINE"), units=2)

    assert to_go_back() == [("Cage", variant.sku, 1, "")]


def test_bundle_that_came_back_is_listed_as_what_it_is_made_of():
    quarantine(name="Cage")
    order = bundle_order()
    ship(order_id=order.pk, key="parcel", carrier="DPD", tracking_number="TN-1", at=NOON)
    received_return(order=order, quantity=1, disposition="TO_SUPPLIER")
    parts = order.lines.get().components.select_related("variant")

    assert {(sku, units) for _, sku, units, _ in to_go_back()} == {
        (part.variant.sku, part.units) for part in parts
    }


def break_past_operations(model, pk, **values):
    """Write figures that no operation would, without the triggers of the ledgers."""
    with connection.cursor() as cursor:
        for column, value in values.items():
            cursor.execute(
                f"UPDATE {model._meta.db_table} SET {column} = %s WHERE id = %s",  # noqa: S608 - names of our own columns
                [value, pk],
            )


def test_units_of_a_receipt_that_no_return_sent_are_found():
    line = received_line()
    break_past_operations(GoodsReceiptLine, line.pk, returned=2)

    assert found() == [("units of a receipt sent back", "0", "2")]


def test_units_of_an_order_that_no_return_sent_are_found():
    returned = shipped_return(units=4, expects="REPLACEMENT")
    order_line = returned.lines.get().receipt_line.order_line
    break_past_operations(PurchaseOrderLine, order_line.pk, to_replace=1, returned=3)

    assert found() == [
        ("units of an order sent back", "0 returned, 4 to replace", "3 returned, 1 to replace")
    ]


def test_credit_that_no_credit_note_says_is_found():
    noted = credited(1)
    break_past_operations(SupplierReturnLine, noted.line_id, credited=2)

    assert found() == [("units credited", "1", "2")]


def test_return_that_says_another_value_than_its_movements_is_found():
    returned = shipped_return(units=4)
    row = returned.lines.get()
    break_past_operations(SupplierReturnLine, row.pk, stock_value=Decimal("9.00"))

    assert [row[0] for row in found()] == [
        "goods of a return to a supplier",
        "variance of a return to a supplier",
    ]
    assert not CostMovement.objects.filter(kind="VARIANCE").exists()


def test_held_goods_that_no_decision_let_go_are_found():
    line = received_line()
    goods = ReturnedGoods(held_goods_id=held(line).pk, units=2)
    shipped_return(goods, supplier=line.receipt.supplier)
    row = SupplierReturnLine.objects.get()
    break_past_operations(SupplierReturnLine, row.pk, units=1)

    assert found() == [("held goods sent back", "1", "2")]
    assert HeldGoodsDecision.objects.get().units == 2
