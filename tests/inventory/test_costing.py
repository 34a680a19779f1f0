from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from inventory.operations.costing import RunningCost, correction_parts, left_of


def pool(units=0, value="0"):
    return RunningCost(units=units, value=Decimal(value), currency="GBP")


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


def left(amount, *, then, now, received=()):
    return left_of(
        Decimal(amount), units_then=then, units_now=now, received=received, currency="GBP"
    )


def test_what_leaves_takes_its_part_of_everything():
    """115 in the pool just after the receipt, 105 today."""
    assert left("-29925.00", then=115, now=105) == Decimal("-27322.83")


def test_goods_received_at_a_cost_of_their_own_thin_what_is_in_a_unit():
    """Of 10 units 5 go, 15 come, 10 of the 20 go: half of a half is left."""
    assert left("100.00", then=10, now=10, received=[(5, 15)]) == 25


def test_what_comes_back_at_the_average_brings_its_part_with_it():
    """Of 10 units 5 are sold and 3 sent back: 8 units hold eight tenths again."""
    assert left("100.00", then=10, now=8) == 80


def test_nothing_is_left_without_units_or_after_the_last_one():
    assert left("100.00", then=10, now=0) == 0
    assert left("100.00", then=10, now=5, received=[(0, 5)]) == 0
    assert left("100.00", then=0, now=5) == 0


def test_half_a_cent_is_rounded_away_from_zero_however_long_the_fraction():
    received = [(10**6 - 1, 1)] * 1000

    assert left("0.01", then=2, now=1) == Decimal("0.01")
    assert left("-0.01", then=2, now=1) == Decimal("-0.01")
    assert left("1000000.00", then=10**6, now=10**6, received=received) == Decimal("999000.50")


@given(
    st.decimals(-(10**6), 10**6, places=2),
    st.integers(1, 10**6),
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), max_size=30),
    st.integers(1, 10**6),
)
def test_what_is_left_is_exact_to_the_cent(amount, then, received, now):
    exact = Fraction(amount) * Fraction(now, then)
    for units_before, units in received:
        exact *= Fraction(units_before, units_before + units)

    rounded = Fraction(left(amount, then=then, now=now, received=received))

    assert abs(rounded - exact) <= Fraction(1, 200)


@given(
    st.decimals(-(10**6), 10**6, places=2),
    st.decimals(-(10**6), 10**6, places=2),
    st.decimals(0, 10**6, places=2),
)
def test_parts_of_a_correction_add_up_and_leave_no_negative_stock(amount, of_it_left, stock_value):
    to_stock, expensed = correction_parts(amount=amount, left=of_it_left, stock_value=stock_value)

    assert to_stock + expensed == amount
    assert stock_value + to_stock >= 0
