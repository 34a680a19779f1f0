"""The worked examples of invoice matching, M1 to M8 and M10, with exactly their numbers."""

from datetime import timedelta
from decimal import Decimal

import pytest

from purchasing import operations, queries
from purchasing.models import GoodsReceiptLine, PurchaseOrderLine, SupplierInvoice
from purchasing.tolerances import Limits
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_invoices import (
    TODAY,
    TolerancePolicyFactory,
    delivery,
    matched,
    matched_bill,
    printed,
)

pytestmark = pytest.mark.django_db


def open_kinds(invoice):
    rows = invoice.exceptions.filter(status="OPEN")
    return sorted(rows.values_list("kind", flat=True))


def figures(invoice, kind, **which):
    row = invoice.exceptions.get(kind=kind, status="OPEN", **which)
    return row.expected, row.actual


def charge(amount, kind="FREIGHT", **values):
    amount = Decimal(amount)
    return operations.NewInvoiceLine(
        kind="CHARGE", charge=kind, quantity=1, unit_price=amount, net_amount=amount, **values
    )


def test_unit_price_ten_percent_over_a_tolerance_of_five_is_an_exception():
    """M1."""
    order = sent_order(units=[1000], unit_cost="1.00")
    policy = TolerancePolicyFactory(supplier=order.supplier, unit_price_percent=5)
    delivery(order)

    invoice = matched_bill(printed(order.lines.get(), 1000, "1.10"), order=order)

    policy.refresh_from_db()
    row = invoice.exceptions.get()
    assert invoice.status == "ON_HOLD"
    assert (row.kind, row.expected, row.actual) == ("PRICE", 1, Decimal("1.1"))
    assert row.order_raised_by == order.raised_by
    assert row.tolerance == Limits.of(policy).snapshot()
    assert (row.tolerance["policy"], row.tolerance["unit_price_percent"]) == ("supplier", "5.000")


def test_unit_price_exactly_at_the_tolerance_passes():
    """M1."""
    order = sent_order(units=[1000], unit_cost="1.00")
    TolerancePolicyFactory(supplier=order.supplier, unit_price_percent=5)
    delivery(order)

    invoice = matched_bill(printed(order.lines.get(), 1000, "1.05"), order=order)

    assert invoice.status == "MATCHED"


def test_total_of_all_bills_of_an_order_line_is_tested():
    """M2: each bill alone would pass."""
    order = sent_order(units=[1000], unit_cost="10.00")
    TolerancePolicyFactory(
        supplier=order.supplier, unit_price_percent=10, total_percent=15, total_amount=500
    )
    delivery(order)
    line = order.lines.get()

    statuses = [
        matched_bill(
            printed(line, units, "10.80"),
            order=order,
            number=f"R-{units}",
            invoiced_on=TODAY + timedelta(days=day),
        ).status
        for day, units in enumerate([800, 100, 200])
    ]

    last = SupplierInvoice.objects.get(supplier_number="R-200")
    assert statuses == ["MATCHED", "MATCHED", "ON_HOLD"]
    assert open_kinds(last) == ["PRICE_TOTAL", "QUANTITY"]
    assert figures(last, "PRICE_TOTAL") == (10_000, 11_880)
    assert figures(last, "QUANTITY") == (100, 200)


def test_charge_hidden_in_a_line_and_nothing_received():
    """M3: the stated unit price would pass, what a unit really costs does not."""
    order = sent_order(units=[4], unit_cost="55.38")
    TolerancePolicyFactory(supplier=order.supplier, unit_price_percent=10)

    invoice = matched_bill(
        printed(order.lines.get(), 4, "55.40", net_amount=Decimal("271.60")), order=order
    )

    assert invoice.status == "ON_HOLD"
    assert figures(invoice, "PRICE") == (Decimal("55.38"), Decimal("67.90"))
    assert figures(invoice, "NOT_RECEIVED") == (0, 4)
    assert open_kinds(invoice) == ["NOT_RECEIVED", "PRICE"]


def test_three_way_and_two_way_lines_on_one_bill():
    """M4: the mouse is two-way by policy and raised on the order line, the stick two-way."""
    order = sent_order(units=[2, 2, 200], unit_cost="1.00")
    computer, mouse, stick = order.lines.order_by("pk")
    for line, cost in ((computer, "2500"), (mouse, "40"), (stick, "10")):
        PurchaseOrderLine.objects.filter(pk=line.pk).update(unit_cost=Decimal(cost))
    PurchaseOrderLine.objects.filter(pk=mouse.pk).update(match_level="THREE_WAY")
    limits = {"supplier": None, "unit_price_percent": 2, "total_percent": 10}
    TolerancePolicyFactory(**limits)
    for line in (mouse, stick):
        TolerancePolicyFactory(variant=line.variant, match_level="TWO_WAY", **limits)

    invoice = matched_bill(
        printed(computer, 2, "2500"),
        printed(mouse, 2, "41"),
        printed(stick, 200, "10.05"),
        order=order,
    )

    found = invoice.exceptions.order_by("invoice_line__position", "kind")
    assert (invoice.status, invoice.total) == ("ON_HOLD", 7_092)
    assert list(found.values_list("invoice_line__position", "kind")) == [
        (1, "NOT_RECEIVED"),
        (2, "NOT_RECEIVED"),
        (2, "PRICE"),
    ]


def test_bill_within_both_tolerances_passes_and_freight_is_an_exception():
    """M5: the line passes, freight is a third above what was ordered and a quarter is allowed."""
    order = sent_order(
        units=[5], unit_cost="8000", charges=[operations.NewCharge(amount=Decimal(3000))]
    )
    TolerancePolicyFactory(
        supplier=order.supplier, unit_price_percent=8, total_percent=15, charge_percent=25
    )
    delivery(order)

    invoice = matched_bill(printed(order.lines.get(), 5, "8100"), charge(4000), order=order)

    row = invoice.exceptions.get()
    assert (invoice.status, invoice.total) == ("ON_HOLD", 44_500)
    assert (row.kind, row.subject, row.expected, row.actual) == ("CHARGE", "Freight", 3000, 4000)
    assert row.at_stake == 1000


@pytest.mark.parametrize(
    ("quantity_units", "below", "status"),
    [
        (2, "BLOCK", "ON_HOLD"),
        (2, "WARN", "MATCHED"),
        (2, "PASS", "MATCHED"),
        (None, "BLOCK", "MATCHED"),
    ],
)
def test_bill_of_fewer_units_is_tested_where_units_are_limited(quantity_units, below, status):
    """M6: three percent less money passes, three units less are one too many."""
    order = sent_order(units=[100], unit_cost="10.00")
    TolerancePolicyFactory(
        supplier=order.supplier, total_percent=10, quantity_units=quantity_units, below=below
    )
    delivery(order)

    invoice = matched_bill(printed(order.lines.get(), 97, "10.00"), order=order)

    found = invoice.exceptions.values_list("kind", "expected", "actual", "is_blocking")
    is_said = quantity_units and below != "PASS"
    assert invoice.status == status
    assert list(found) == ([("QUANTITY", 100, 97, below == "BLOCK")] if is_said else [])


def test_charges_are_laid_beside_those_of_the_order():
    """M7: what was not ordered fails, the same passes, double fails."""
    order = sent_order(
        charges=[
            operations.NewCharge(amount=Decimal(200)),
            operations.NewCharge(amount=Decimal(2), kind="SMALL_ORDER"),
        ]
    )
    TolerancePolicyFactory(supplier=order.supplier, charge_percent=25)
    delivery(order)

    invoice = matched_bill(
        printed(order.lines.get(), 10, "2.50"),
        charge(25, "OTHER"),
        charge(200),
        charge(4, "SMALL_ORDER"),
        order=order,
    )

    found = invoice.exceptions.order_by("invoice_line__position")
    assert list(found.values_list("kind", "subject", "expected", "actual")) == [
        ("CHARGE", "Other", 0, 25),
        ("CHARGE", "Surcharge for a small order", 2, 4),
    ]


def test_charge_of_an_order_is_billed_once_over_all_its_bills():
    order = sent_order(units=[10], charges=[operations.NewCharge(amount=Decimal(20))])
    delivery(order)
    line = order.lines.get()
    later = matched_bill(printed(line, 5, "2.50"), charge(20), order=order, number="later")

    first = matched_bill(
        printed(line, 5, "2.50"),
        charge(20),
        order=order,
        number="first",
        invoiced_on=TODAY - timedelta(days=1),
    )

    later.refresh_from_db()
    assert "CHARGE" not in open_kinds(first)
    assert (later.status, figures(later, "CHARGE")) == ("ON_HOLD", (20, 40))


def test_totals_are_laid_beside_what_the_order_makes():
    """M8: of six totals only the discount, which is missing, is beyond twenty percent."""
    supplier = SupplierFactory()
    order = operations.create_purchase_order(
        supplier=supplier,
        location=LocationFactory(),
        lines=[
            operations.NewLine(variant_id=VariantFactory().pk, units=10, list_cost=Decimal("49.50"))
        ],
        charges=[operations.NewCharge(amount=Decimal("64.90"))],
        discount_percent=Decimal(2),
        reference="totals",
        at=NOON,
        by=UserFactory(),
    )
    operations.submit(order_id=order.pk, at=NOON)
    operations.approve(order_id=order.pk, at=NOON, by=UserFactory())
    order = operations.send(order_id=order.pk, at=NOON)
    TolerancePolicyFactory(supplier=supplier, unit_price_percent=20, header_percent=20)
    delivery(order)
    taxed = {"tax_rate": Decimal(25), "tax_category": "S"}

    invoice = matched_bill(
        printed(order.lines.get(), 10, "49.50", **taxed),
        charge("64.90", **taxed),
        order=order,
        net_total=Decimal("559.90"),
        tax_total=Decimal("139.98"),
        total=Decimal("699.88"),
    )

    row = invoice.exceptions.get()
    assert (invoice.status, row.kind) == ("ON_HOLD", "DISCOUNT_TOTAL")
    assert (row.expected, row.actual, row.at_stake) == (Decimal("9.90"), 0, Decimal("9.90"))


def test_discount_of_the_order_may_stand_at_the_foot_of_the_bill():
    order = sent_order(units=[10], unit_cost="4.90")
    TolerancePolicyFactory(supplier=order.supplier, header_percent=0)
    PurchaseOrderLine.objects.filter(order=order).update(list_cost=Decimal("5.00"))
    type(order).objects.filter(pk=order.pk).update(discount_percent=2)
    delivery(order)

    invoice = matched_bill(
        printed(order.lines.get(), 10, "5.00"),
        charge("1.00", "DISCOUNT", is_deduction=True),
        order=order,
        net_total=Decimal(49),
        total=Decimal(49),
    )

    assert (invoice.status, list(invoice.exceptions.all())) == ("MATCHED", [])


def test_bill_cheaper_than_the_order_is_said_and_passes():
    order = sent_order(units=[100], unit_cost="10.00")
    delivery(order)

    invoice = matched_bill(printed(order.lines.get(), 97, "9.50"), order=order)

    (waiting,) = queries.goods_not_invoiced()
    row = invoice.exceptions.get()
    assert (invoice.status, row.kind, row.is_blocking) == ("MATCHED", "PRICE", False)
    assert (waiting.open_units, waiting.open_value) == (3, 30)


def test_bill_of_half_is_not_counted_against_the_other_half():
    """M10."""
    order = sent_order(units=[10])
    delivery(order, [5])
    invoice = matched_bill(printed(order.lines.get(), 5, "2.50"), order=order)
    delivery(order, [5])

    matched(invoice)

    order.refresh_from_db()
    (to_bill,) = queries.goods_not_invoiced()
    assert to_bill.open_units == 5
    assert (order.receipt_status, order.invoice_status) == ("COMPLETE", "PARTIAL")
    assert list(GoodsReceiptLine.objects.order_by("pk").values_list("matched", flat=True)) == [5, 0]
