"""How many should be bought, worked out without a database."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from purchasing.demand import History, Sold, demand_of, usual_order
from purchasing.replenishment import (
    Cover,
    Inputs,
    LeadTime,
    Limits,
    Position,
    Terms,
    Tier,
    order_units,
    service_factor,
    suggest,
)

DAY = date(2026, 9, 1)
NOTHING_SOLD = History(window_days=90, days_in_stock=90)
WEEK = LeadTime(days=Decimal(7))
POUNDS = Terms(currency="GBP")
TWO_WEEKS = Cover(days=14, service_level=Decimal(95))


def suggestion(rule, *, position=None, history=NOTHING_SOLD, lead_time=WEEK, terms=POUNDS):
    return suggest(Inputs(rule, position or Position(), history, lead_time, terms))


def sold_daily(*units, days_in_stock=90, window_days=90, returned=0):
    """Return a history with an order a day of these units."""
    return History(
        window_days=window_days,
        days_in_stock=days_in_stock,
        sold=tuple(Sold(DAY + timedelta(days=day), count) for day, count in enumerate(units)),
        returned=returned,
    )


def test_multiple_of_3_up_to_20_orders_21():
    terms = Terms(currency="GBP", order_multiple=3)

    assert suggestion(Limits(minimum=0, maximum=20), terms=terms).units == 21


def test_explanation_tells_every_step():
    history = sold_daily(*[1, 2, 3] * 10, 100, days_in_stock=45)
    terms = Terms(
        currency="GBP",
        order_multiple=3,
        minimum_quantity=40,
        tiers=(Tier(1, Decimal("2.50")), Tier(60, Decimal("2.00"))),
    )

    figures = suggestion(
        TWO_WEEKS,
        position=Position(on_hand=9, promised=2, drafted=3, waiting=4),
        history=history,
        lead_time=LeadTime(Decimal(7), Decimal(2), "measured over 12 deliveries"),
        terms=terms,
    )

    assert figures.steps == (
        "Position: 9 on hand + 3 in drafts - 2 promised - 4 that customers wait for = 6.",
        "Demand: 160 units in 31 orders of the last 90 days.",
        "1 unusually big order of up to 100 units counts as 8: 92 units are left out.",
        "There was stock on 45 of 90 days: 68 / 45 = 1.511 a day, give or take 1.517.",
        "Lead time: 7 days, give or take 2, measured over 12 deliveries.",
        (
            "Safety stock for 95 % of cycles without a shortage: 1.6449 x the root of"
            " (7 x 1.517² + 1.511² x 2²) = 8.264."
        ),
        "Reorder point: 1.511 x 7 days + 8.264, rounded up: 19.",
        "Target: the same for 14 days longer, rounded up: 40.",
        "The position 6 is not above the reorder point 19: 40 less 6 makes 34.",
        "The supplier sells multiples of 3: 34 is rounded up to 36 (12 x 3).",
        "The supplier sells 40 at least: 36 is raised to 42.",
        (
            "18 more (60 in all) cost 2.00 each instead of 2.50: 30.00 GBP less than so many at"
            " the price of 42. They last 11 days longer."
        ),
    )
    assert (figures.units, figures.unit_cost) == (42, Decimal("2.50"))


def test_position_counts_what_comes_and_what_is_spoken_for():
    position = Position(
        on_hand=100, promised=1, ordered=2, approved=4, drafted=8, in_transit=16, waiting=32
    )

    assert position.units == 100 - 1 + 2 + 4 + 8 + 16 - 32


@pytest.mark.parametrize(("on_hand", "units"), [(0, 20), (5, 15), (6, 0), (20, 0), (25, 0)])
def test_minimum_and_maximum_order_at_the_minimum(on_hand, units):
    assert suggestion(Limits(5, 20), position=Position(on_hand=on_hand)).units == units


def test_customers_who_wait_are_bought_for_without_any_sale():
    assert suggestion(TWO_WEEKS, position=Position(waiting=3)).units == 3


def test_article_that_does_not_sell_is_not_bought():
    assert suggestion(TWO_WEEKS).units == 0


def test_demand_is_per_day_in_stock():
    whole, half = sold_daily(*[1] * 30), sold_daily(*[1] * 30, days_in_stock=45)

    assert (demand_of(whole).per_day, demand_of(half).per_day) == (
        Decimal(30) / 90,
        Decimal(30) / 45,
    )


def test_demand_counts_a_week_at_least():
    assert demand_of(sold_daily(14, days_in_stock=1)).per_day == 2


def test_demand_of_what_never_was_in_stock_is_over_the_whole_window():
    assert demand_of(sold_daily(9, days_in_stock=0)).per_day == Decimal("0.1")


def test_returns_nobody_could_name_are_taken_off_the_demand():
    assert demand_of(sold_daily(9, 9, 9, returned=9)).per_day == Decimal(18) / 90
    assert demand_of(sold_daily(9, returned=20)).per_day == 0


@pytest.mark.parametrize(
    ("orders", "cap"),
    [
        ([1, 1, 50], None),  # three orders do not say what is usual
        ([1, 1, 1, 50], 4),
        ([1] * 9 + [12], 4),
        ([1] * 8 + [12, 12], 12),  # one in five is no exception
        ([10] * 20 + [500], 40),
    ],
)
def test_big_order_is_one_that_hardly_any_other_reaches(orders, cap):
    assert usual_order([(units, 1) for units in orders]) == cap


def test_big_order_is_capped_and_the_cut_is_told():
    demand = demand_of(sold_daily(*[1] * 9, 100))

    assert (demand.cap, demand.cut_orders, demand.cut) == (4, 1, 96)
    assert demand.per_day == Decimal(13) / 90


@pytest.mark.parametrize(
    ("level", "factor"), [("50", "0"), ("84.1", "0.9986"), ("95", "1.6449"), ("99.9", "3.0902")]
)
def test_service_factor_is_the_quantile_of_the_normal_distribution(level, factor):
    assert service_factor(Decimal(level)) == Decimal(factor)


def test_safety_stock_covers_the_spread_of_demand_and_lead_time():
    # 2 a day on 90 days, so no spread of days: only that of the lead time is left, 1.6449 x 2 x 3.
    steady = sold_daily(*[2] * 90)

    figures = suggestion(TWO_WEEKS, history=steady, lead_time=LeadTime(Decimal(10), Decimal(3)))

    assert figures.safety == Decimal("9.8694")
    assert (figures.reorder_point, figures.target) == (30, 58)


def test_price_break_is_told_and_not_taken():
    terms = Terms(
        currency="EUR",
        pack_size=12,
        tiers=(Tier(1, Decimal(3)), Tier(50, Decimal("2.5")), Tier(500, Decimal(2))),
    )

    figures = suggestion(Limits(0, 30), terms=terms)

    assert (figures.units, figures.unit_cost) == (36, Decimal(3))
    assert figures.hint == (
        "24 more (60 in all) cost 2.50 each instead of 3.00: 30.00 EUR less than so many at the"
        " price of 36."
    )


def test_no_hint_where_more_costs_the_same():
    terms = Terms(currency="EUR", tiers=(Tier(1, Decimal(3)), Tier(50, Decimal(3))))

    assert suggestion(Limits(0, 30), terms=terms).hint == ""


# A machine that is busy with other tests may take its time.
without_hurry = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def tenths(count):
    return Decimal(count).scaleb(-1)


some_units = st.integers(min_value=0, max_value=1_000_000)
some_terms = st.builds(
    Terms,
    currency=st.just("GBP"),
    pack_size=st.integers(1, 48),
    order_multiple=st.integers(1, 48),
    minimum_quantity=st.integers(1, 5000),
    tiers=st.lists(
        st.builds(
            Tier,
            st.integers(1, 5000),
            st.integers(1, 99_990_000).map(lambda cost: Decimal(cost).scaleb(-4)),
        ),
        max_size=4,
    ),
)
some_rules = st.one_of(
    st.tuples(some_units, some_units).map(lambda pair: Limits(min(pair), max(pair))),
    st.builds(Cover, days=st.integers(1, 999), service_level=st.integers(500, 999).map(tenths)),
)
some_histories = st.builds(
    History,
    window_days=st.integers(7, 999),
    days_in_stock=st.integers(0, 999),
    sold=st.lists(
        st.builds(
            Sold,
            st.dates(DAY, DAY + timedelta(days=400)),
            st.integers(0, 10_000),
            st.integers(0, 20),
        ),
        max_size=40,
    ),
    returned=some_units,
)
some_inputs = st.builds(
    Inputs,
    rule=some_rules,
    position=st.builds(Position, *[some_units] * 7),
    history=some_histories,
    lead_time=st.builds(
        LeadTime, st.integers(0, 9990).map(tenths), st.integers(0, 990).map(tenths)
    ),
    terms=some_terms,
)


@without_hurry
@given(need=st.integers(1, 1_000_000), terms=some_terms)
def test_order_units_are_the_fewest_whole_multiples_that_suffice(need, terms):
    units, _steps = order_units(need, terms)

    enough = max(need, terms.minimum_quantity)
    assert units % terms.pack_size == units % terms.order_multiple == 0
    assert units - terms.multiple < enough <= units


@without_hurry
@given(inputs=some_inputs)
def test_suggestion_reaches_the_target_or_is_not_needed(inputs):
    figures = suggest(inputs)

    assert 0 <= figures.reorder_point <= figures.target
    if figures.units:
        assert figures.position <= figures.reorder_point
        assert figures.position + figures.units >= figures.target
    else:
        assert figures.position > figures.reorder_point or figures.position == figures.target == (
            figures.reorder_point
        )


@without_hurry
@given(inputs=some_inputs)
def test_what_was_suggested_is_not_suggested_again_once_it_is_drafted(inputs):
    units = suggest(inputs).units
    position = inputs.position
    drafted = Position(
        on_hand=position.on_hand,
        promised=position.promised,
        ordered=position.ordered,
        approved=position.approved,
        drafted=position.drafted + units,
        in_transit=position.in_transit,
        waiting=position.waiting,
    )

    again = suggest(Inputs(inputs.rule, drafted, inputs.history, inputs.lead_time, inputs.terms))

    assert again.units == 0


@without_hurry
@given(history=some_histories)
def test_capping_never_adds_demand(history):
    demand = demand_of(history)

    assert 0 <= demand.cut <= demand.sold
    assert demand.spread >= 0
    assert 0 <= round(demand.per_day * demand.days, 9) <= demand.sold - demand.cut
