from datetime import UTC, datetime
from decimal import Decimal

import pytest

from inventory.models import CostMovement, StockMovement
from inventory.operations import (
    NothingToCorrect,
    ReceiptUnknown,
    ReferenceUsed,
    correct_cost,
    issue_stock,
)
from tests.factories.catalog import VariantFactory
from tests.factories.inventory import stock
from tests.inventory.shared import everything, pool_of

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def receive_more(level, units, value, reference):
    return stock(
        units=units,
        value=value,
        reference=reference,
        variant=level.variant,
        location=level.location,
    )


def sell(level, units, reference="S-1"):
    issue_stock(
        location=level.location,
        units={level.variant_id: units},
        kind=StockMovement.Kind.SALE,
        reference=reference,
        at=AT,
    )


def correct(level, amount, *, receipt_reference="GR-1", reference="SI-1"):
    return correct_cost(
        variant_id=level.variant_id,
        receipt_reference=receipt_reference,
        amount=Decimal(amount),
        reference=reference,
        at=AT,
    )


def test_correct_cost_of_goods_all_sold_is_expensed():
    level = stock(units=10, value="100.00")
    sell(level, 10)

    correction = correct(level, "100.00")

    assert (correction.value, correction.expensed) == (0, 100)
    assert pool_of(level) == (0, 0)


def test_correct_cost_of_goods_sold_and_bought_again_is_expensed():
    level = stock(units=10, value="100.00")
    sell(level, 10)
    receive_more(level, 5, "60.00", "GR-2")

    correction = correct(level, "100.00")

    assert (correction.value, correction.expensed) == (0, 100)
    assert pool_of(level) == (5, 60)


def test_correct_cost_expenses_what_would_make_stock_negative():
    level = stock(units=10, value="100.00")

    correction = correct(level, "-130.00")

    assert (correction.value, correction.expensed) == (-100, -30)
    assert pool_of(level) == (10, 0)


def test_correct_cost_is_the_same_as_if_the_cost_had_been_known_on_day_one():
    late, early = stock(units=8, value="80.00"), stock(units=8, value="104.00")
    for level in (late, early):
        sell(level, 3, "S-1")
        receive_more(level, 7, "90.00", "GR-2")
        sell(level, 2, "S-2")

    correct(late, "24.00")

    assert abs(pool_of(late)[1] - pool_of(early)[1]) <= Decimal("0.01")


def test_correct_cost_rewrites_nothing():
    level = stock(units=10, value="100.00")
    costs, units = CostMovement.objects.order_by("pk"), StockMovement.objects.order_by("pk")
    before = list(costs.values_list()), list(units.values_list())

    correct(level, "10.00")

    assert (list(costs.values_list())[:-1], list(units.values_list())) == before


def test_correct_cost_again_returns_the_first_correction():
    level = stock(units=10, value="100.00")
    first = correct(level, "10.00")
    before = everything()

    assert correct(level, "10.00") == first
    assert everything() == before


def test_correct_cost_keeps_a_reference_to_its_receipt():
    level = stock(units=10, value="100.00", reference="GR-1")
    receive_more(level, 5, "50.00", "GR-2")
    correct(level, "10.00", receipt_reference="GR-1")
    before = everything()

    with pytest.raises(ReferenceUsed):
        correct(level, "10.00", receipt_reference="GR-2")

    assert everything() == before


@pytest.mark.parametrize("amount", ["0", "0.004", "NaN"])
def test_correct_cost_refuses_an_amount_of_nothing(amount):
    level = stock(units=10, value="100.00")
    before = everything()

    with pytest.raises(NothingToCorrect):
        correct(level, amount)

    assert everything() == before


def test_correct_cost_refuses_a_receipt_nobody_made():
    level = stock(units=10, value="100.00")
    before = everything()

    with pytest.raises(ReceiptUnknown):
        correct(level, "10.00", receipt_reference="GR-404")

    assert everything() == before


def test_correct_cost_refuses_a_variant_that_never_came_in():
    with pytest.raises(ReceiptUnknown):
        correct_cost(
            variant_id=VariantFactory().pk,
            receipt_reference="GR-1",
            amount=Decimal(1),
            reference="SI-1",
            at=AT,
        )
