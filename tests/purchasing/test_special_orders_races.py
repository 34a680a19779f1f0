"""Several people ordering for customers on one draft at the same moment."""

from decimal import Decimal
from functools import partial
from unittest import mock

import pytest
from django.db import models

from purchasing import operations
from purchasing.models import (
    OrderedFor,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderLineQuerySet,
    PurchaseOrderQuerySet,
)
from purchasing.operations import CannotBeOrderedFor, NotFreeOnOrder, special_orders
from tests.factories.common import NOON
from tests.factories.orders import open_order
from tests.factories.purchasing import SupplierPriceFactory, SupplierProductFactory
from tests.purchasing.waiting import on_order, sold_out
from tests.races import both_read_before_either_writes, race

pytestmark = pytest.mark.django_db(transaction=True)


def offered(level):
    """Return a supplier who offers the article of a level."""
    product = SupplierProductFactory(variant=level.variant)
    SupplierPriceFactory(supplier_product=product, unit_cost=Decimal("4.20"))
    return product.supplier


def ordering(order, supplier, level, *, key, units=2):
    return partial(
        operations.order_for_customer,
        order_line_id=order.lines.get().pk,
        supplier=supplier,
        location=level.location,
        units=units,
        key=key,
        at=NOON,
        by=None,
    )


def test_same_form_twice_at_once_orders_once():
    level = sold_out()
    order, supplier = open_order(level=level, quantity=4), offered(level)

    first, second = race(*[ordering(order, supplier, level, key="the same form")] * 2)

    assert first == second == OrderedFor.objects.get()
    assert (first.units, PurchaseOrderLine.objects.get().ordered) == (2, 2)


def test_two_people_ordering_for_one_customer_order_no_more_than_is_wanted():
    level = sold_out()
    order, supplier = open_order(level=level, quantity=2), offered(level)

    outcomes = race(
        *(ordering(order, supplier, level, key=key) for key in ("one", "two")),
    )

    assert sum(isinstance(outcome, CannotBeOrderedFor) for outcome in outcomes) == 1
    assert OrderedFor.objects.get().units == PurchaseOrderLine.objects.get().ordered == 2


def test_two_customers_at_once_on_one_draft_are_both_counted():
    level = sold_out()
    supplier = offered(level)
    orders = [open_order(level=level, quantity=2) for _ in range(3)]
    ordering(orders.pop(), supplier, level, key="draft")()

    race(*(ordering(order, supplier, level, key=f"for {order}") for order in orders))

    assert PurchaseOrder.objects.count() == 1
    assert PurchaseOrderLine.objects.get().ordered == 6
    assert OrderedFor.objects.count() == 3


def test_last_units_on_order_are_kept_for_one():
    level = sold_out()
    orders = [open_order(level=level, quantity=2) for _ in range(2)]
    line = on_order(level, units=2)

    outcomes = race(
        *(
            partial(
                operations.tie_to_line,
                purchase_line_id=line.pk,
                order_line_id=order.lines.get().pk,
                units=2,
                key=f"for {order}",
                at=NOON,
                by=None,
            )
            for order in orders
        )
    )

    assert sum(isinstance(outcome, NotFreeOnOrder) for outcome in outcomes) == 1
    assert OrderedFor.objects.get().units == 2


def test_the_race_is_real_once_the_locks_are_gone():
    """Control: both read the draft before either writes, so that one customer's units are lost."""
    level = sold_out()
    supplier = offered(level)
    orders = [open_order(level=level, quantity=2) for _ in range(3)]
    ordering(orders.pop(), supplier, level, key="draft")()

    with (
        mock.patch.object(PurchaseOrderQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(PurchaseOrderLineQuerySet, "for_update", models.QuerySet.all),
        both_read_before_either_writes((special_orders, "what_is_wanted")),
    ):
        race(*(ordering(order, supplier, level, key=f"for {order}") for order in orders))

    assert PurchaseOrderLine.objects.get().ordered == 4
    assert sum(OrderedFor.objects.values_list("units", flat=True)) == 6
