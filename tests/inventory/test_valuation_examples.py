"""Worked examples of the moving average, each in the numbers of its source."""

from datetime import timedelta
from decimal import Decimal

import pytest

from inventory.models import CostMovement, CostPool, StockMovement
from inventory.operations import Received, adjust_stock, issue_stock, receive_stock
from inventory.queries import differences
from purchasing import operations, queries
from tests.factories.catalog import ExchangeRateFactory, VariantFactory
from tests.factories.common import NOON, UserFactory, person_in
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import SupplierFactory, approved_order, sent_order
from tests.factories.purchasing_invoices import TODAY, bill, delivery, matched, printed

pytestmark = pytest.mark.django_db


@pytest.fixture
def variant():
    return VariantFactory()


@pytest.fixture
def location():
    return LocationFactory()


def receive(variant, location, units, value, reference="GR-1"):
    receive_stock(
        location=location,
        received={variant.pk: Received(units=units, value=Decimal(value))},
        reference=reference,
        at=NOON,
    )


def issue(variant, location, units, reference="S-1"):
    """Sell units and return what they cost."""
    (movement,) = issue_stock(
        location=location,
        units={variant.pk: units},
        kind=StockMovement.Kind.SALE,
        reference=reference,
        at=NOON,
    )
    return -movement.cost_value


def pool():
    """Return units and value of the only article."""
    assert differences() == []
    return CostPool.objects.values_list("units", "value").get()


def approve_bill(order, units, unit_price, **values):
    """Enter a bill for units of the order's only line, accept what differs, and approve it."""
    invoice = matched(bill(printed(order.lines.get(), units, unit_price, **values), order=order))
    for exception in invoice.exceptions.filter(status="OPEN"):
        operations.decide_exception(
            exception_id=exception.pk,
            decision="ACCEPTED",
            reason="Paid",
            at=NOON,
            by=person_in("Manager"),
        )
    return operations.approve_invoice(invoice_id=invoice.pk, at=NOON, by=UserFactory())


def test_moving_average_of_kilograms_and_grams(variant, location):
    """V1: 10 kg at 60 and 30 kg at 80 make 75; 20 kg out; 500 g at 0.20 a gram make 78.05."""
    receive(variant, location, 10_000, "600.00", "GR-1")
    averages = [pool()]
    receive(variant, location, 30_000, "2400.00", "GR-2")
    averages.append(pool())

    issued = issue(variant, location, 20_000)
    averages.append(pool())
    receive(variant, location, 500, "100.00", "GR-3")
    averages.append(pool())

    per_kilogram = [round(value * 1000 / units, 4) for units, value in averages]
    assert issued == 1500
    assert per_kilogram == [60, 75, 75, Decimal("78.0488")]
    assert averages[-1] == (20_500, 1600)


@pytest.mark.parametrize(
    ("value", "shares"),
    [
        ("100.00", ["33.33", "33.34", "33.33"]),
        ("98.00", ["32.67", "32.67", "32.66"]),
        ("4.85", ["1.62", "1.62", "1.61"]),
    ],
)
def test_last_unit_takes_the_cents_that_are_left(variant, location, value, shares):
    """V4: three pieces leave one by one, and the value ends at exactly nothing."""
    receive(variant, location, 3, value)

    issued = [issue(variant, location, 1, f"S-{number}") for number in range(3)]

    assert issued == [Decimal(share) for share in shares]
    assert pool() == (0, 0)


def test_cents_of_two_receipts_leave_together(variant, location):
    """V4: 2 at 1.00 and 1 at 1.01; the three leave at 3.01."""
    receive(variant, location, 2, "2.00", "GR-1")
    receive(variant, location, 1, "1.01", "GR-2")

    assert issue(variant, location, 3) == Decimal("3.01")
    assert pool() == (0, 0)


def test_return_to_the_supplier_leaves_at_todays_average(variant, location):
    """
    V5, policy A: 10 at 100 and 5 at 110; 5 of the first go back for a credit of 500.

    They leave at the average, 516.67, in the ledger of units as in the ledger of values; the
    16.67 beyond the credit are what the return costs, and 10 pieces worth 1,033.33 stay.
    """
    receive(variant, location, 10, "1000.00", "GR-1")
    receive(variant, location, 5, "550.00", "GR-2")
    before = pool()

    (sent_back,) = adjust_stock(
        location=location,
        quantities={variant.pk: -5},
        reference="RS-1",
        reason="Sent back to the supplier",
        at=NOON,
    ).movements

    assert before == (15, 1550)
    assert sent_back.cost_value == Decimal("-516.67")
    assert CostMovement.objects.get(reference="RS-1").value == Decimal("-516.67")
    assert -sent_back.cost_value - 500 == Decimal("16.67")
    assert pool() == (10, Decimal("1033.33"))


def test_bills_at_three_prices_each_correct_their_own_delivery():
    """V7: of 3 at 100 one is billed at 100, one at 150 (250, not 300), one at 80 (330)."""
    order = sent_order(units=[3], unit_cost="100.00")
    values = []
    for day, price in enumerate(["100.00", "150.00", "80.00"]):
        delivery(order, [1], at=NOON + timedelta(days=day))
        approve_bill(order, 1, price)
        values.append(pool())

    assert values == [(1, 100), (2, 250), (3, 330)]


def test_late_cheap_bill_leaves_no_negative_stock():
    """V8: 15 at 2,000 by a typing error on 100 at 5; 10 of 115 are sold before the bill of 5."""
    order = sent_order(units=[15], unit_cost="2000.00")
    variant = order.lines.get().variant
    receive(variant, order.location, 100, "500.00", "GR-EARLIER")
    receipt = delivery(order)
    stock_with_the_error = pool()
    issued = issue(variant, order.location, 10)

    invoice = approve_bill(order, 15, "5.00")

    correction = CostMovement.objects.get(kind="CORRECTION")
    assert stock_with_the_error == (115, 30_500)
    assert issued == Decimal("2652.17")
    assert invoice.lines.get().variance_posted == -29_925
    assert (correction.value, correction.expensed) == (
        Decimal("-27322.83"),
        Decimal("-2602.17"),
    )
    assert correction.corrects.reference == receipt.number
    assert pool() == (105, 525)


def test_price_changed_before_the_goods_come():
    """V9: ordered at 100, changed to 200, then received: 2,000."""
    order = approved_order(units=[10], unit_cost="100.00")
    line = order.lines.get()
    operations.return_to_draft(order_id=order.pk)
    operations.revise_draft(
        order_id=order.pk,
        location=order.location,
        lines=[
            operations.NewLine(variant_id=line.variant_id, units=10, unit_cost=Decimal("200.00"))
        ],
        expected_on=None,
        note="",
        at=NOON,
    )
    operations.submit(order_id=order.pk, at=NOON)
    operations.approve(order_id=order.pk, at=NOON, by=UserFactory())
    operations.send(order_id=order.pk, at=NOON)

    delivery(order)

    assert pool() == (10, 2000)


def test_half_of_an_order_leaves_the_rest_open_at_its_price():
    """V9, partial: 5 of 10 at 100 are worth 500, and 5 are still to come at 100."""
    order = sent_order(units=[10], unit_cost="100.00")

    delivery(order, [5])

    line = order.lines.get()
    assert pool() == (5, 500)
    assert (line.ordered - line.received, line.unit_cost) == (5, 100)


def test_more_than_ordered_comes_in_at_the_price_of_the_order():
    """V9, over: 15 of 10 at 100 are refused until somebody who may accepts them: 1,500."""
    order = sent_order(units=[10], unit_cost="100.00")
    came = {
        "order_id": order.pk,
        "lines": [operations.ReceivedLine(order_line_id=order.lines.get().pk, accepted=15)],
        "delivery_note": "",
        "key": "delivery",
        "at": NOON,
        "by": UserFactory(),
    }
    with pytest.raises(operations.MoreThanOrdered):
        operations.receive_goods(**came)
    assert not CostPool.objects.exists()

    operations.receive_over_order(**came)

    assert pool() == (15, 1500)


@pytest.mark.parametrize("receipt_cost", ["100.00", "0.00"])
def test_bill_at_another_price_becomes_the_value_of_the_goods(receipt_cost):
    """V10: received at 100, or at nothing, and billed at 150: worth 150, nothing left to bill."""
    order = sent_order(units=[1], unit_cost=receipt_cost)
    delivery(order)

    approve_bill(order, 1, "150.00")

    assert pool() == (1, 150)
    assert not queries.goods_not_invoiced().exists()


def test_discount_on_a_bill_in_foreign_currency():
    """V11: 10,000 at 66, two to the unit of ours; 0.92431 % off the bill are 3,050.22 less."""
    ExchangeRateFactory(currency="USD", rate=Decimal("0.5"), valid_on=TODAY)
    order = sent_order(
        supplier=SupplierFactory(currency="USD"), units=[10_000], unit_cost="66.0000"
    )
    delivery(order)
    before = pool()

    approve_bill(order, 10_000, "66.00", net_amount=Decimal("653899.5540"))

    correction = CostMovement.objects.get(kind="CORRECTION")
    assert before == (10_000, 330_000)
    assert (correction.value, correction.expensed) == (Decimal("-3050.22"), 0)
    assert pool() == (10_000, Decimal("326949.78"))
