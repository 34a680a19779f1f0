from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.operations.costing import RunningCost, correction_parts, share_left


def pool(units=0, value="0"):
    return RunningCost(units=units, value=Decimal(value), currency="GBP")


@pytest.mark.parametrize(
    ("value", "shares"),
    [
        ("100.00", ["33.33", "33.34", "33.33"]),
        ("98.00", ["32.67", "32.67", "32.66"]),
        ("4.85", ["1.62", "1.62", "1.61"]),
    ],
)
def test_issue_gives_the_last_unit_the_residue(value, shares):
    cost = pool(3, value)

    issued = [cost.issue(1) for _ in range(3)]

    assert issued == [Decimal(share) for share in shares]
    assert (cost.units, cost.value) == (0, 0)


def test_issue_of_everything_takes_every_cent():
    cost = pool()
    cost.receive(2, Decimal("2.00"))
    cost.receive(1, Decimal("1.01"))

    assert cost.issue(3) == Decimal("3.01")
    assert cost.value == 0


def test_receive_averages_over_what_was_there():
    cost = pool()
    cost.receive(10_000, Decimal(600))
    cost.receive(30_000, Decimal(2400))
    average_before = cost.value / cost.units * 1000

    issued = cost.issue(20_000)
    cost.receive(500, Decimal(100))

    assert average_before == 75
    assert issued == 1500
    assert (cost.units, cost.value) == (20_500, Decimal(1600))
    assert round(cost.value / cost.units * 1000, 4) == Decimal("78.0488")


def test_take_back_uses_the_last_known_cost_of_an_empty_pool():
    cost = pool(2, "9.00")
    cost.issue(2)

    assert cost.take_back(3) == Decimal("13.50")


def test_take_back_of_what_never_had_a_cost_is_worth_nothing():
    assert pool().take_back(3) == 0


def test_rates_below_a_cent_are_not_rounded_away():
    cost = pool(1000, "1.00")

    assert cost.issue(500) == Decimal("0.50")


movements = st.lists(
    st.one_of(
        st.tuples(
            st.just("receive"),
            st.integers(1, 1000),
            st.decimals(0, 10_000, places=4, allow_nan=False),
        ),
        st.tuples(st.just("issue"), st.integers(1, 1000), st.just(None)),
        st.tuples(st.just("take_back"), st.integers(1, 1000), st.just(None)),
    ),
    max_size=40,
)


@given(movements)
def test_value_in_less_value_out_is_always_the_value_left(movements):
    cost, units_in, value_in = pool(), 0, Decimal(0)

    for kind, units, value in movements:
        if kind == "receive":
            value_in += cost.receive(units, value)
            units_in += units
        elif kind == "take_back":
            value_in += cost.take_back(units)
            units_in += units
        elif units <= cost.units:
            value_in -= cost.issue(units)
            units_in -= units
        assert (cost.units, cost.value) == (units_in, value_in)
        assert cost.value >= 0
        assert cost.units or cost.value == 0
        assert cost.value == round(cost.value, 2)


@given(st.integers(1, 10_000), st.decimals("0.01", 10**6, places=2), st.data())
def test_issues_one_after_the_other_add_up_to_the_whole(units, value, data):
    cost, issued = pool(units, value), []
    while cost.units:
        issued.append(cost.issue(data.draw(st.integers(max(1, cost.units // 20), cost.units))))

    assert sum(issued) == value


def test_share_left_multiplies_what_each_issue_left():
    assert share_left([(10, 5), (20, 5)]) == Fraction(3, 8)


def test_share_left_is_whole_without_issues_and_nothing_after_the_last_unit():
    assert share_left([]) == 1
    assert share_left([(10, 10), (5, 1)]) == 0


@given(
    st.decimals(-(10**6), 10**6, places=2),
    st.fractions(0, 1),
    st.decimals(0, 10**6, places=2),
)
def test_parts_of_a_correction_add_up_and_leave_no_negative_stock(amount, share, stock_value):
    to_stock, expensed = correction_parts(
        amount=amount, share=share, stock_value=stock_value, currency="GBP"
    )

    assert to_stock + expensed == amount
    assert stock_value + to_stock >= 0
