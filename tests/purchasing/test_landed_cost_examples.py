"""Worked examples of landed cost, at moving average: who bears it, what goods are worth."""

from datetime import timedelta
from decimal import Decimal

import pytest

from inventory.models import CostPool
from inventory.operations import Received, adjust_stock, issue_stock, receive_stock, sell_stock
from purchasing import operations
from purchasing.landing import NothingToShareBy, VolumeUnknown, shares_of
from purchasing.models import FreightClaim, LandedCost
from tests.factories.catalog import CategoryFactory
from tests.factories.common import NOON
from tests.factories.purchasing import sent_order
from tests.factories.purchasing_invoices import bill, delivery
from tests.factories.purchasing_landed import drafted, freight_bill, posted, received
from tests.purchasing import ledgers

pytestmark = pytest.mark.django_db


def amounts_of(landed):
    return list(landed.shares.order_by("pk").values_list("amount", flat=True))


def pools_of(receipt):
    """Return units and value of the receipt's articles, in the order of its lines."""
    variants = receipt.lines.order_by("pk").values_list("order_line__variant", flat=True)
    figures = {
        pk: (units, value)
        for pk, units, value in CostPool.objects.values_list("variant", "units", "value")
    }
    return [figures[pk] for pk in variants]


def issue(variant, location, units, reference="S-1"):
    issue_stock(
        location=location, units={variant.pk: units}, kind="SALE", reference=reference, at=NOON
    )


def later_delivery(variant, location, units, value):
    receive_stock(
        location=location,
        received={variant.pk: Received(units=units, value=Decimal(value))},
        reference="GR-LATER",
        at=NOON,
    )


def one_article(units, unit_cost):
    """Order and receive one article; return receipt, article and place."""
    receipt = received(units=[units], unit_cost=unit_cost)
    return receipt, receipt.lines.get().order_line.variant, receipt.location


def test_freight_by_value_on_one_of_two_articles_and_back():
    """L1: 10 x A at 100 and 1 x B at 10; freight 10 on A alone makes 101.00, cancelled 100."""
    receipt = received(units=[10, 1], costs=["100.00", "10.00"])
    article, _ = (line.order_line.variant for line in receipt.lines.order_by("pk"))

    landed = posted(receipt, amount="10.00", variant_ids=[article.pk])
    dearer = pools_of(receipt)
    operations.cancel_landed_cost(landed_cost_id=landed.pk, reason="Wrong", at=NOON, by=None)

    assert dearer == [(10, 1010), (1, 10)]
    assert pools_of(receipt) == [(10, 1000), (1, 10)]


@pytest.mark.parametrize("named", ["product", "category"])
def test_freight_on_the_goods_of_a_product_or_category(named):
    """L1 with the filter by product, and by a category above the article's."""
    receipt = received(units=[10, 1], costs=["100.00", "10.00"])
    product = receipt.lines.order_by("pk").first().order_line.variant.product
    above = CategoryFactory()
    product.category = CategoryFactory(parent=above)
    product.save(update_fields=["category"])
    meant = {"product": product.pk, "category": above.pk}[named]

    posted(receipt, amount="10.00", **{f"{named}_ids": [meant]})

    assert pools_of(receipt) == [(10, 1010), (1, 10)]


def test_freight_by_value_follows_the_discounted_cost():
    """L2: 2 x 100 less 40 %, 0 % and 100 % are worth 120, 200 and 0."""
    receipt = received(units=[2, 2, 2], costs=["60.00", "100.00", "0.00"])

    landed = posted(receipt, amount="80.00")

    assert list(landed.shares.order_by("pk").values_list("base", "amount")) == [
        (120, 30),
        (200, 50),
        (0, 0),
    ]
    assert pools_of(receipt) == [(2, 150), (2, 250), (2, 0)]


def test_freight_on_goods_worth_nothing_is_shared_by_quantity_not_by_value():
    """L2: refused by value, allowed by quantity."""
    receipt = received(units=[2, 2, 2], unit_cost="0.00")
    by_value = drafted(receipt, amount="80.00")

    with pytest.raises(NothingToShareBy):
        operations.post_landed_cost(landed_cost_id=by_value.pk, at=NOON, by=None)
    assert not FreightClaim.objects.exists()
    landed = posted(receipt, amount="80.00", method="QUANTITY")

    assert sum(amounts_of(landed)) == 80
    assert amounts_of(landed) == [Decimal("26.67"), Decimal("26.67"), Decimal("26.66")]


def test_bases_that_cancel_out_are_nothing_to_share_by():
    """L2: 100.10 + 200.20 - 300.30 is exactly zero; no delivery of ours has a negative value."""
    bases = [Decimal("100.10"), Decimal("200.20"), Decimal("-300.30")]

    with pytest.raises(NothingToShareBy):
        shares_of(Decimal("80.00"), bases, is_typed=False, currency="GBP")


def test_four_cents_over_seven_lines():
    """L3: every share is a cent or nothing, in all exactly 0.04."""
    receipt = received(units=[1] * 7, unit_cost="1.00")

    landed = posted(receipt, amount="0.04", method="EQUAL")

    assert amounts_of(landed) == [Decimal("0.01")] * 4 + [0] * 3
    assert sum(amounts_of(landed)) == Decimal("0.04")


def test_one_bill_of_freight_is_claimed_once():
    """L4: of 1,000 first 400 and 600; the first cancelled leaves 600; 5,000 is refused."""
    receipt, invoice = received(), freight_bill("1000.00")
    first = posted(receipt, invoice=invoice, amount="400.00")
    rest = drafted(receipt, invoice=invoice, amount="600.00")
    operations.post_landed_cost(landed_cost_id=rest.pk, at=NOON, by=None)
    claimed_whole = FreightClaim.objects.get().claimed

    operations.cancel_landed_cost(landed_cost_id=first.pk, reason="Wrong", at=NOON, by=None)

    assert claimed_whole == 1000
    assert FreightClaim.objects.get().claimed == 600
    with pytest.raises(operations.MoreThanBilled) as refusal:
        drafted(receipt, invoice=invoice, amount="5000.00")
    assert refusal.value.details == {"left": "400.00"}
    assert FreightClaim.objects.get().claimed == 600


def test_late_freight_on_goods_partly_sold():
    """L5: of 20 units 19 are left, so 95 of the freight: 380, where a share of layers says 375."""
    receipt, variant, location = one_article(10, "10.00")
    later_delivery(variant, location, 10, "200.00")
    issue(variant, location, 1)
    before = pools_of(receipt)

    landed = posted(receipt, amount="100.00")

    assert before == [(19, 285)]
    assert pools_of(receipt) == [(19, 380)]
    assert list(landed.shares.values_list("to_stock", "expensed")) == [(95, 5)]


def test_late_freight_on_goods_all_sold():
    """L5: nothing left, so all of it is cost of sales."""
    receipt, variant, location = one_article(10, "10.00")
    issue(variant, location, 10)

    landed = posted(receipt, amount="100.00")

    assert pools_of(receipt) == [(0, 0)]
    assert list(landed.shares.values_list("to_stock", "expensed")) == [(0, 100)]


def test_late_freight_on_goods_sold_before_they_were_booked_in():
    """
    L5, the negative case: 8 pieces worth 200.

    Stock never falls below zero here. Two pieces sold before the delivery is booked are found at
    the last cost of 10 and sold at it; with the delivery of 10 at 15 and freight of 100 there are
    10 worth 250. That the two were of this delivery comes out when it is counted.
    """
    order = sent_order(units=[10], unit_cost="15.00")
    variant, location = order.lines.get().variant, order.location
    later_delivery(variant, location, 1, "10.00")
    issue(variant, location, 1)
    sell_stock(location=location, units={variant.pk: 2}, reference="S-2", at=NOON)
    receipt = delivery(order)

    posted(receipt, amount="100.00")
    before_the_count = pools_of(receipt)
    adjust_stock(
        location=location,
        quantities={variant.pk: -2},
        reference="C-1",
        reason="Counted 8",
        at=NOON,
    )

    assert before_the_count == [(10, 250)]
    assert pools_of(receipt) == [(8, 200)]


def test_expense_by_quantity():
    """L6: 5 at 3.00 and an expense of 10 make 5.00 each, 25.00 in all."""
    receipt = received(units=[5], unit_cost="3.00")

    posted(receipt, amount="10.00", method="QUANTITY")

    assert pools_of(receipt) == [(5, 25)]


def test_expense_by_quantity_on_two_deliveries():
    """L6: 5 at 3 and 5 at 2, an expense of 10: one each, 35.00 in all."""
    dearer = received(units=[5], unit_cost="3.00")
    cheaper = received(units=[5], unit_cost="2.00")

    posted(dearer, cheaper, amount="10.00", method="QUANTITY")

    assert pools_of(dearer) + pools_of(cheaper) == [(5, 20), (5, 15)]


def test_freight_of_a_delivery_booked_late():
    """L7: 500 at 80 dated two days ago, 100 at 80 today: the value rises by 50, units stay."""
    order = sent_order(units=[500], unit_cost="80.00")
    variant = order.lines.get().variant
    later_delivery(variant, order.location, 100, "8000.00")
    receipt = delivery(order, at=NOON - timedelta(days=2))
    before = pools_of(receipt)

    posted(receipt, amount="50.00")

    assert before == [(600, 48_000)]
    assert pools_of(receipt) == [(600, 48_050)]


def test_freight_by_weight():
    """Grams times units: 2 x 500 and 1 x 3,000 share 8.00 as one to three."""
    receipt = received(units=[2, 1])
    for line, grams in zip(receipt.lines.order_by("pk"), [500, 3000], strict=True):
        line.order_line.variant.weight_grams = grams
        line.order_line.variant.save(update_fields=["weight_grams"])

    landed = posted(receipt, amount="8.00", method="WEIGHT")

    assert amounts_of(landed) == [2, 6]
    assert landed.method == LandedCost.Method.WEIGHT


def test_freight_by_volume():
    """Milliliters times units: 2 x 500 and 1 x 3,000 share 8.00 as one to three."""
    receipt = received(units=[2, 1])
    for line, milliliters in zip(receipt.lines.order_by("pk"), [500, 3000], strict=True):
        line.order_line.variant.volume_ml = milliliters
        line.order_line.variant.save(update_fields=["volume_ml"])

    landed = posted(receipt, amount="8.00", method="VOLUME")

    assert amounts_of(landed) == [2, 6]


def test_freight_by_volume_of_goods_without_one_is_refused_by_name():
    receipt = received(units=[2, 1])
    known, unknown = (line.order_line.variant for line in receipt.lines.order_by("pk"))
    known.volume_ml = 500
    known.save(update_fields=["volume_ml"])
    landed = drafted(receipt, amount="8.00", method="VOLUME")

    with pytest.raises(VolumeUnknown, match=unknown.sku) as refusal:
        operations.post_landed_cost(landed_cost_id=landed.pk, at=NOON, by=None)

    assert refusal.value.details == {"skus": [unknown.sku]}
    assert not FreightClaim.objects.exists()
    assert pools_of(receipt) == [(2, 5), (1, Decimal("2.50"))]


def test_freight_is_what_a_bill_charges_less_what_it_takes_off_and_no_service():
    """100.00 of freight less a discount of 10.00, and a service of 40.00: 90.00 to land."""
    order = sent_order()
    lines = [
        operations.NewInvoiceLine(
            quantity=1, unit_price=Decimal(net), net_amount=Decimal(net), **values
        )
        for net, values in (
            ("100.00", {"kind": "CHARGE", "charge": "FREIGHT"}),
            ("10.00", {"kind": "CHARGE", "charge": "DISCOUNT", "is_deduction": True}),
            ("40.00", {"kind": "SERVICE"}),
        )
    ]
    invoice = bill(*lines, order=order, net_total=Decimal(130), total=Decimal(130))

    assert operations.freight_left(invoice) == 90


def test_landed_cost_in_the_ledger_and_back():
    """Ten of 20 are sold: of 10.00 freight 5.00 stay in stock; cancelled, all of it is undone."""
    receipt, variant, location = one_article(20, "10.00")
    issue(variant, location, 10)

    landed = posted(receipt, amount="10.00")
    laid = ledgers.posted("LANDED")
    issue(variant, location, 5, reference="S-2")
    operations.cancel_landed_cost(landed_cost_id=landed.pk, reason="Wrong", at=NOON, by=None)
    operations.cancel_landed_cost(landed_cost_id=landed.pk, reason="Again", at=NOON, by=None)

    assert laid == {"CHARGES": -10, "STOCK": 5, "COST_OF_SALES": 5}
    assert ledgers.posted("LANDED_CANCELLED") == {
        "CHARGES": 10,
        "STOCK": Decimal("-2.5"),
        "COST_OF_SALES": Decimal("-7.5"),
    }
    assert ledgers.all_is_proved()
