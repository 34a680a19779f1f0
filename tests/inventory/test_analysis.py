"""What matters, how long it lasts and what nobody buys, with numbers worked out by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from inventory.models import StockMovement
from inventory.operations import (
    adjust_stock,
    create_transfer,
    dispatch_transfer,
    issue_stock,
    receive_transfer,
    return_stock,
    sell_stock,
    ship_allocated,
)
from inventory.queries import AbcRow, CoverRow, abc_classes, abc_report, cover_report, dead_stock
from tests.factories.catalog import VariantFactory
from tests.factories.inventory import LocationFactory, promise, stock

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LONG_AGO = NOW - 400 * DAY
YESTERDAY = NOW - DAY


def ago(days):
    return NOW - timedelta(days=days)


def sell(level, units=1, *, at=YESTERDAY, reference=None):
    issue_stock(
        location=level.location,
        units={level.variant_id: units},
        kind=StockMovement.Kind.SALE,
        reference=reference or f"S-{at.isoformat()}",
        at=at,
    )


def bring_back(level, units, *, at=YESTERDAY):
    return_stock(location=level.location, units={level.variant_id: units}, reference="RT-1", at=at)


def lose(level, units, *, at):
    adjust_stock(
        location=level.location,
        quantities={level.variant_id: -units},
        reference=f"ADJ-{at.isoformat()}",
        reason="Broken",
        at=at,
    )


def send(level, units, *, sent_at, received_at, to_location=None):
    """Move units to another warehouse; between the two moments they are on the road."""
    LocationFactory(kind="TRANSIT", is_shipping=False)
    transfer = create_transfer(
        from_location=level.location,
        to_location=to_location or LocationFactory(),
        units={level.variant_id: units},
        key=f"T-{sent_at.isoformat()}",
        at=sent_at,
    )
    dispatch_transfer(transfer_id=transfer.pk, at=sent_at)
    receive_transfer(
        transfer_id=transfer.pk,
        received={transfer.lines.get().pk: units},
        key="R-1",
        at=received_at,
    )


def worth_sold(value, **variant):
    """Return an article of which goods that cost so much were sold yesterday, one each."""
    level = stock(units=1000, value="1000.00", variant=VariantFactory(**variant), at=LONG_AGO)
    if value:
        sell(level, value)
    return level.variant


def classes():
    return {row.sku: row.abc_class for row in abc_report(at=NOW)}


# What matters: the first 80 % of the value sold is A, the next 15 % B, the rest C.


def test_abc_classes_end_at_their_borders():
    for sku, value in (
        ("A-500", 500),
        ("A-300", 300),  # ends at 800 of 1,000, exactly the border
        ("B-100", 100),
        ("B-050", 50),  # ends at 950, exactly the border
        ("C-030", 30),
        ("C-020", 20),
        ("C-000", 0),
    ):
        worth_sold(value, sku=sku)

    assert classes() == {
        "A-500": "A",
        "A-300": "A",
        "B-100": "B",
        "B-050": "B",
        "C-030": "C",
        "C-020": "C",
        "C-000": "C",
    }


def test_abc_article_that_crosses_a_border_belongs_to_the_better_class():
    worth_sold(790, sku="A-790")
    worth_sold(150, sku="A-150")  # from 790 to 940, over the border of 800
    worth_sold(40, sku="B-040")  # from 940 to 980, over the border of 950
    worth_sold(20, sku="C-020")

    assert classes() == {"A-790": "A", "A-150": "A", "B-040": "B", "C-020": "C"}


def test_abc_report_tells_units_value_and_shares():
    first, second = worth_sold(3), worth_sold(1)

    rows = abc_report(at=NOW)

    assert rows == [
        AbcRow(
            variant_id=first.pk,
            sku=first.sku,
            name=first.product.name,
            units=3,
            value=Decimal(3),
            share=Decimal("0.75"),
            running_share=Decimal("0.75"),
            abc_class="A",
        ),
        AbcRow(
            variant_id=second.pk,
            sku=second.sku,
            name=second.product.name,
            units=1,
            value=Decimal(1),
            share=Decimal("0.25"),
            running_share=Decimal(1),
            abc_class="A",
        ),
    ]
    assert abc_classes(at=NOW) == {first.pk: "A", second.pk: "A"}


def test_abc_goes_by_what_goods_cost_and_not_by_how_many():
    cheap = stock(units=100, value="10.00", at=LONG_AGO)
    dear = stock(units=2, value="100.00", reference="GR-2", at=LONG_AGO)
    sell(cheap, 100)
    sell(dear, 2)

    assert [row.variant_id for row in abc_report(at=NOW)] == [dear.variant_id, cheap.variant_id]


def test_abc_without_any_sale_is_all_c():
    article = worth_sold(0)

    (row,) = abc_report(at=NOW)

    assert (row.sku, row.units, row.value, row.share, row.abc_class) == (article.sku, 0, 0, 0, "C")


def test_abc_leaves_out_what_has_no_stock():
    VariantFactory(is_stocked=False)

    assert abc_report(at=NOW) == []


def test_sales_are_counted_within_the_window():
    level = stock(units=1000, value="1000.00", at=LONG_AGO)
    for days, units in ((366, 1), (365, 2), (364, 4), (0, 8), (-1, 16)):
        sell(level, units, at=ago(days))

    (row,) = abc_report(at=NOW)

    assert row.units == 4 + 8
    (of_ten_days,) = abc_report(at=NOW, window=10 * DAY)
    assert of_ten_days.units == 8


def test_sales_are_what_customers_took_less_what_they_brought_back():
    level = stock(units=100, value="200.00", at=LONG_AGO)
    sell(level, 10)
    allocation = promise(level=level, units=5, at=ago(1))
    ship_allocated(units={allocation.pk: 5}, reference="F-1", at=ago(1))
    bring_back(level, 3)

    (row,) = abc_report(at=NOW)

    assert (row.units, row.value) == (12, 24)


def test_more_brought_back_than_taken_is_no_sale():
    level = stock(units=100, value="200.00", at=LONG_AGO)
    bring_back(level, 3)

    (row,) = abc_report(at=NOW)
    (cover,) = cover_report(at=NOW)

    assert (row.units, row.value, row.abc_class) == (0, 0, "C")
    assert (cover.sold, cover.cover_days) == (0, None)


def test_transfers_and_corrections_are_no_sales():
    level = stock(units=100, value="200.00", at=LONG_AGO)
    send(level, 40, sent_at=ago(5), received_at=ago(4))
    lose(level, 10, at=ago(3))

    (row,) = abc_report(at=NOW)
    (cover,) = cover_report(at=NOW)
    (dead,) = dead_stock(at=NOW)

    assert (row.units, row.abc_class) == (0, "C")
    assert (cover.sold, cover.on_hand, cover.cover_days) == (0, 90, None)
    assert (dead.variant_id, dead.last_sold_at) == (level.variant_id, None)


# How long it lasts: sold per day on which there was something to sell.


def test_cover_of_what_was_always_there():
    level = stock(units=120, at=LONG_AGO)
    sell(level, 30, at=ago(80))
    promise(level=level, units=10, at=ago(1))

    assert cover_report(at=NOW) == [
        CoverRow(
            variant_id=level.variant_id,
            sku=level.variant.sku,
            name=level.variant.product.name,
            on_hand=90,
            available=80,
            sold=30,
            days_in_stock=90,
            daily_units=Decimal("0.333"),
            cover_days=240,  # 80 free, 30 in 90 days
        )
    ]


def test_cover_does_not_count_days_without_stock():
    level = stock(units=30, at=ago(60))
    sell(level, 30, at=ago(30))
    stock(units=20, variant=level.variant, location=level.location, reference="GR-2", at=ago(10))

    (row,) = cover_report(at=NOW)

    # There from the 60th to the 30th day and for the last 10: 30 sold in 40 days, 20 left.
    assert (row.days_in_stock, row.daily_units, row.cover_days) == (40, Decimal("0.750"), 26)


def test_cover_begins_with_what_was_there_before_the_window():
    level = stock(units=10, at=ago(95))
    sell(level, 4, at=ago(92))
    sell(level, 6, at=ago(45))
    stock(units=5, variant=level.variant, location=level.location, reference="GR-2", at=ago(15))

    (row,) = cover_report(at=NOW)

    # 6 sold in 45 and 15 days; the 4 sold before the window do not count.
    assert (row.sold, row.days_in_stock, row.cover_days) == (6, 60, 50)


def test_cover_rounds_days_in_stock_up_and_days_left_down():
    level = stock(units=7, at=NOW - timedelta(days=9, hours=1))
    sell(level, 3, at=ago(2))

    (row,) = cover_report(at=NOW)

    assert (row.days_in_stock, row.cover_days) == (10, 13)  # 4 free, 3 in 10 days: 13.3


def test_cover_in_whole_days_does_not_suffer_from_decimals():
    level = stock(units=14, at=LONG_AGO)
    sell(level, 7, at=ago(1))

    (row,) = cover_report(at=NOW)

    assert row.cover_days == 90  # 7 free, 7 in 90 days


def test_cover_subtracts_what_was_brought_back():
    level = stock(units=100, at=LONG_AGO)
    sell(level, 30, at=ago(50))
    bring_back(level, 10)

    (row,) = cover_report(at=NOW)

    assert (row.sold, row.available, row.cover_days) == (20, 80, 360)


def test_cover_adds_up_all_places():
    level = stock(units=10, at=ago(90))
    stock(units=10, variant=level.variant, reference="GR-2", at=ago(45))
    sell(level, 10, at=ago(60))

    (row,) = cover_report(at=NOW)

    # None anywhere from the 60th to the 45th day.
    assert (row.on_hand, row.days_in_stock, row.cover_days) == (10, 75, 75)


def test_cover_does_not_count_days_on_the_road():
    level = stock(units=20, at=LONG_AGO)
    sell(level, 10, at=ago(40))
    send(level, 10, sent_at=ago(30), received_at=ago(10))

    (row,) = cover_report(at=NOW)

    assert (row.on_hand, row.days_in_stock, row.cover_days) == (10, 70, 70)


def test_cover_counts_no_quarantine():
    quarantine = LocationFactory(kind="QUARANTINE", is_shipping=False)
    stock(units=20, location=quarantine, at=LONG_AGO)

    assert cover_report(at=NOW) == []


def test_cover_of_what_was_only_found_at_the_sale_counts_over_the_window():
    level = stock(units=1, at=LONG_AGO)
    sell(level, 1, at=LONG_AGO)
    sell_stock(location=level.location, units={level.variant_id: 9}, reference="S-9", at=ago(50))
    stock(units=4, variant=level.variant, location=level.location, reference="GR-2", at=NOW)

    (row,) = cover_report(at=NOW)

    assert (row.sold, row.days_in_stock, row.daily_units) == (9, 0, Decimal("0.100"))
    assert row.cover_days == 40


def test_cover_of_what_is_sold_out_is_none_at_all():
    level = stock(units=5, at=LONG_AGO)
    sell(level, 5, at=ago(10))

    (row,) = cover_report(at=NOW)

    assert (row.available, row.cover_days) == (0, 0)


def test_cover_leaves_out_what_is_neither_there_nor_was_sold():
    level = stock(units=5, at=LONG_AGO)
    sell(level, 5, at=ago(100))

    assert cover_report(at=NOW) == []


def test_cover_begins_with_what_ends_first():
    for sku, sold in (("SLOW", 5), ("NONE", 0), ("FAST", 50), ("ALSO", 50)):
        level = stock(units=100, variant=VariantFactory(sku=sku), at=LONG_AGO)
        if sold:
            sell(level, sold)

    assert [row.sku for row in cover_report(at=NOW)] == ["ALSO", "FAST", "SLOW", "NONE"]


def test_cover_of_one_article_is_that_of_the_report():
    for reference in ("GR-1", "GR-2"):
        sell(stock(units=30, reference=reference, at=ago(60)), 10, at=ago(20))

    for row in cover_report(at=NOW):
        assert cover_report(at=NOW, variant_id=row.variant_id) == [row]


# What nobody buys.


def dead():
    return [row.variant_id for row in dead_stock(at=NOW)]


def test_dead_stock_was_there_all_the_time_and_not_sold():
    never_sold = stock(units=5, value="50.00", at=LONG_AGO)
    sold_long_ago = stock(units=5, value="100.00", reference="GR-2", at=LONG_AGO)
    sell(sold_long_ago, 1, at=ago(200))
    sold_of_late = stock(units=5, reference="GR-3", at=LONG_AGO)
    sell(sold_of_late, 1, at=ago(181))
    sold_out = stock(units=5, reference="GR-4", at=LONG_AGO)
    sell(sold_out, 5, at=ago(200))
    stock(units=5, reference="GR-5", at=ago(181))

    rows = dead_stock(at=NOW)

    assert [(row.variant_id, row.on_hand, row.value) for row in rows] == [
        (sold_long_ago.variant_id, 4, 80),
        (never_sold.variant_id, 5, 50),
    ]
    assert [(row.last_sold_at, row.last_received_at) for row in rows] == [
        (ago(200), LONG_AGO),
        (None, LONG_AGO),
    ]


def test_dead_stock_leaves_out_what_came_anew_after_it_was_sold_out():
    level = stock(units=5, at=LONG_AGO)
    sell(level, 5, at=ago(300))
    stock(units=5, variant=level.variant, location=level.location, reference="GR-2", at=ago(20))

    assert dead() == []


def test_dead_stock_of_which_more_was_bought_is_dead_still():
    level = stock(units=5, at=LONG_AGO)
    stock(units=5, variant=level.variant, location=level.location, reference="GR-2", at=ago(20))

    (row,) = dead_stock(at=NOW)

    assert (row.on_hand, row.last_received_at) == (10, ago(20))


def test_dead_stock_may_be_moved_about():
    level = stock(units=5, at=LONG_AGO)
    send(level, 5, sent_at=ago(30), received_at=ago(20))

    (row,) = dead_stock(at=NOW)

    assert (row.on_hand, row.last_received_at) == (5, LONG_AGO)


def test_dead_stock_that_was_sent_to_a_customer_lives():
    allocation = promise(level=stock(units=5, at=LONG_AGO), at=ago(5))
    ship_allocated(units={allocation.pk: 1}, reference="F-1", at=ago(5))

    assert dead() == []


def test_dead_stock_goes_by_its_window():
    level = stock(units=5, at=LONG_AGO)
    sell(level, 1, at=ago(100))

    assert dead() == []
    assert [row.variant_id for row in dead_stock(at=NOW, window=99 * DAY)] == [level.variant_id]


def test_reports_cost_one_query_for_any_number_of_rows(django_assert_num_queries):
    for n in range(3):
        sell(stock(units=5, reference=f"GR-{n}", at=LONG_AGO))

    for report in (abc_report, cover_report, dead_stock):
        with django_assert_num_queries(1):
            report(at=NOW)
