from decimal import Decimal

import pytest

from purchasing.tolerances import (
    Limits,
    is_quantity_within,
    is_total_within,
    is_unit_price_within,
)


def limits(**values):
    return Limits(policy="company", **{name: Decimal(value) for name, value in values.items()})


@pytest.mark.parametrize(
    ("percent", "net_amount", "is_within"),
    [
        ("5", "1050.00", True),
        ("5", "1050.01", False),
        ("0", "1000.00", True),
        ("0", "1000.01", False),
        ("0", "900.00", True),
    ],
)
def test_unit_price_is_within_up_to_the_limit(percent, net_amount, is_within):
    assert (
        is_unit_price_within(
            limits(unit_price_percent=percent),
            net_amount=Decimal(net_amount),
            units=1000,
            unit_cost=Decimal("1.00"),
            currency="GBP",
        )
        is is_within
    )


def test_unit_price_forgives_the_rounding_of_a_printed_amount():
    assert is_unit_price_within(
        limits(),
        net_amount=Decimal("1.00"),
        units=3,
        unit_cost=Decimal("0.3333"),
        currency="GBP",
    )


def test_unit_price_of_goods_that_cost_nothing_is_never_within():
    assert not is_unit_price_within(
        limits(unit_price_percent="50"),
        net_amount=Decimal("0.01"),
        units=1,
        unit_cost=Decimal(0),
        currency="GBP",
    )


@pytest.mark.parametrize(
    ("values", "actual", "is_within"),
    [
        ({}, "99999", True),
        ({"total_percent": "15"}, "11500", True),
        ({"total_percent": "15"}, "11500.01", False),
        ({"total_amount": "500"}, "10500", True),
        ({"total_amount": "500"}, "10500.01", False),
        ({"total_percent": "15", "total_amount": "500"}, "11000", False),
        ({"total_percent": "1", "total_amount": "500"}, "10400", False),
    ],
)
def test_total_is_within_both_measures_that_are_used(values, actual, is_within):
    assert (
        is_total_within(limits(**values), actual=Decimal(actual), expected=Decimal(10000))
        is is_within
    )


@pytest.mark.parametrize(("percent", "units", "is_within"), [("10", 11, True), ("10", 12, False)])
def test_quantity_is_within_up_to_the_limit(percent, units, is_within):
    assert (
        is_quantity_within(limits(quantity_percent=percent), actual=units, expected=10) is is_within
    )
