"""Drafts with discounts, wanted days, charges, and what a supplier will object to."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError

from purchasing import operations
from purchasing.models import PurchaseOrder
from purchasing.operations import NewCharge, NewLine, net_cost
from purchasing.queries import order_warnings
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import (
    SupplierFactory,
    SupplierPriceFactory,
    draft_order,
)
from tests.factories.purchasing_approvals import PurchaseOrderChargeFactory
from tests.raw_sql import execute

WANTED = NOON.date() + timedelta(days=9)


def raise_order(*lines, supplier=None, **values):
    return operations.create_purchase_order(
        supplier=supplier or SupplierFactory(),
        location=LocationFactory(),
        lines=lines,
        reference="REF-1",
        at=NOON,
        by=UserFactory(),
        **values,
    )


def revise(order, *lines, **values):
    return operations.revise_draft(
        order_id=order.pk,
        location=order.location,
        lines=lines,
        expected_on=None,
        note="",
        at=NOON,
        **values,
    )


def costs_of(order):
    return list(
        order.lines.order_by("position").values_list("list_cost", "discount_percent", "unit_cost")
    )


@pytest.mark.parametrize(
    ("list_cost", "discounts", "net"),
    [
        ("10.00", [], "10.0000"),
        ("10.00", ["10"], "9.0000"),
        ("10.00", ["10", "5"], "8.5500"),
        ("0.0125", ["33.333"], "0.0083"),
        ("1.00", ["0.005"], "1.0000"),
        ("1.00", ["0.015"], "0.9999"),
        ("9999999999.9999", ["0.001"], "9999899999.9999"),
        ("5", ["99.999"], "0.0001"),
    ],
)
def test_net_cost_takes_off_one_discount_after_the_other_and_rounds_once(list_cost, discounts, net):
    taken = [Decimal(percent) for percent in discounts]

    assert net_cost(Decimal(list_cost), *taken) == Decimal(net)


@pytest.mark.django_db
def test_suppliers_price_is_the_list_cost_discounts_are_taken_off():
    price = SupplierPriceFactory(unit_cost="10.00")
    product = price.supplier_product

    order = raise_order(
        NewLine(product.variant_id, 3, discount_percent=Decimal(10)),
        NewLine(VariantFactory().pk, 1, list_cost=Decimal(4)),
        NewLine(VariantFactory().pk, 1, unit_cost=Decimal(4)),
        supplier=product.supplier,
        discount_percent=Decimal(5),
    )

    assert costs_of(order) == [
        (Decimal(10), Decimal(10), Decimal("8.55")),
        (Decimal(4), Decimal(0), Decimal("3.8")),
        (None, Decimal(0), Decimal(4)),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "line",
    [
        {"unit_cost": Decimal(1), "list_cost": Decimal(1)},
        {"unit_cost": Decimal(1), "discount_percent": Decimal(1)},
        {"list_cost": Decimal(-1)},
        {"list_cost": Decimal(1), "discount_percent": Decimal(100)},
        {"list_cost": Decimal(1), "discount_percent": Decimal("NaN")},
    ],
)
def test_costs_that_contradict_each_other_are_refused(line):
    with pytest.raises(operations.InvalidOrderLine):
        raise_order(NewLine(VariantFactory().pk, 1, **line))

    assert PurchaseOrder.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"discount_percent": Decimal(100)}, operations.InvalidDiscount),
        ({"discount_percent": Decimal(-1)}, operations.InvalidDiscount),
        ({"charges": [NewCharge(Decimal(-1))]}, operations.InvalidCharge),
        ({"charges": [NewCharge(Decimal(1), "TIP")]}, operations.InvalidCharge),
        ({"charges": [NewCharge(Decimal(1)), NewCharge(Decimal(2))]}, operations.InvalidCharge),
    ],
)
def test_discount_or_charge_that_cannot_be_is_refused(values, refusal):
    order = draft_order()
    [line] = order.lines.all()

    with pytest.raises(refusal):
        revise(order, NewLine(line.variant_id, 99, unit_cost=Decimal(1)), **values)

    order.refresh_from_db()
    assert (order.lines.get().ordered, order.charges.count(), order.discount_percent) == (10, 0, 0)


@pytest.mark.django_db
def test_revised_draft_keeps_the_rows_of_articles_that_stay():
    order = draft_order(units=(1, 2, 3), discount_percent=Decimal(5))
    first, second, third = order.lines.order_by("position")
    new = VariantFactory()

    revise(
        order,
        NewLine(third.variant_id, 30, list_cost=Decimal(10), expected_on=WANTED),
        NewLine(new.pk, 4, unit_cost=Decimal(1)),
        NewLine(first.variant_id, 10, unit_cost=Decimal(1)),
    )

    rows = list(order.lines.order_by("position"))
    assert [row.pk for row in rows] == [third.pk, rows[1].pk, first.pk]
    assert [(row.position, row.variant_id, row.ordered) for row in rows] == [
        (1, third.variant_id, 30),
        (2, new.pk, 4),
        (3, first.variant_id, 10),
    ]
    assert (rows[0].unit_cost, rows[0].expected_on) == (Decimal("9.5"), WANTED)
    assert not order.lines.filter(pk=second.pk).exists()


@pytest.mark.django_db
def test_article_that_stands_on_two_lines_keeps_both_rows():
    order = draft_order(units=(1,))
    [first] = order.lines.all()
    twice = [NewLine(first.variant_id, units, unit_cost=Decimal(1)) for units in (5, 6)]
    revise(order, *twice)
    rows = list(order.lines.order_by("position").values_list("pk", flat=True))

    revise(order, *reversed(twice))

    assert rows[0] == first.pk
    assert list(order.lines.order_by("position").values_list("pk", "ordered")) == [
        (rows[0], 6),
        (rows[1], 5),
    ]


@pytest.mark.django_db
def test_charges_and_discount_stay_where_a_revision_names_none():
    order = draft_order(discount_percent=Decimal(5), charges=[NewCharge(Decimal(12), "PACKING")])
    [line] = order.lines.all()
    again = NewLine(line.variant_id, 1, list_cost=Decimal(10))

    revise(order, again)
    kept = (order.lines.get().unit_cost, order.charges.get().amount)
    revise(order, again, discount_percent=Decimal(0), charges=[])

    assert kept == (Decimal("9.5"), Decimal(12))
    assert (order.lines.get().unit_cost, order.charges.count()) == (Decimal(10), 0)


@pytest.mark.django_db
def test_supplier_minimums_and_multiples_are_told_and_not_enforced():
    supplier = SupplierFactory(name="Potters", minimum_order_amount=Decimal(100), currency="EUR")
    price = SupplierPriceFactory(
        unit_cost="2.00",
        supplier_product__supplier=supplier,
        supplier_product__variant__sku="MUG-1",
        supplier_product__minimum_quantity=24,
        supplier_product__order_multiple=6,
    )

    order = raise_order(NewLine(price.supplier_product.variant_id, 20), supplier=supplier)

    assert order_warnings(order) == [
        "Potters delivers from 100.00 EUR on: 60.00 EUR are missing.",
        "MUG-1: they sell 24 units at least.",
        "MUG-1: they sell multiples of 6 units.",
    ]
    revise(order, NewLine(price.supplier_product.variant_id, 54))
    assert order_warnings(order) == []


@pytest.mark.django_db
def test_charge_is_named_once_and_not_below_zero():
    charge = PurchaseOrderChargeFactory()

    with pytest.raises(IntegrityError, match="charge_named_once"):
        execute(
            "INSERT INTO purchasing_purchaseordercharge (order_id, kind, description, amount)"
            " SELECT order_id, kind, description, amount FROM purchasing_purchaseordercharge"
        )
    with pytest.raises(IntegrityError, match="charge_amount_not_negative"):
        execute("UPDATE purchasing_purchaseordercharge SET amount = -1")

    assert PurchaseOrder.objects.get().charges.get() == charge
