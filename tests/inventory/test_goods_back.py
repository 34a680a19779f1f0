"""Goods that go back to whom they were bought from, and receipts taken back: units and cost."""

from datetime import timedelta
from decimal import Decimal

import pytest

from inventory.models import CostMovement, StockMovement, WithdrawnPromise
from inventory.operations import (
    InsufficientStock,
    InvalidQuantity,
    InvalidValue,
    LateCost,
    PeriodClosed,
    Received,
    ReferenceUsed,
    Source,
    close_period,
    correct_costs,
    issue_stock,
    receive_stock,
    return_to_supplier,
    reverse_receipt,
)
from inventory.queries import articles_as_of, dead_stock, differences, value_as_of
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import STOCKED_AT, LocationFactory, promise, stock
from tests.inventory.shared import everything, figures, pool_of

pytestmark = pytest.mark.django_db
LATER = STOCKED_AT + timedelta(hours=1)
BACK = [return_to_supplier, reverse_receipt]


def place(level):
    return level.location_id, level.variant_id


def send_back(level, units, credit=None, *, act=return_to_supplier, reference="SR-1", **values):
    return act(
        units={place(level): units},
        credits={} if credit is None else {level.variant_id: Decimal(credit)},
        reference=reference,
        at=values.pop("at", LATER),
        **values,
    )


def receive(level, units, value, reference):
    receive_stock(
        location=level.location,
        received={level.variant_id: Received(units=units, value=Decimal(value))},
        reference=reference,
        at=STOCKED_AT,
    )


def variances():
    rows = CostMovement.objects.filter(kind="VARIANCE").order_by("pk")
    return list(rows.values_list("reference", "expensed", "value", "units_before"))


@pytest.mark.parametrize("act", BACK)
def test_goods_leave_at_the_average_and_the_difference_is_a_variance(act):
    """V5, policy A: 10 at 100 and 5 at 110; 5 of the first go back, 500.00 are credited."""
    level = stock(units=10, value="1000.00", reference="GR-1")
    receive(level, 5, "550.00", "GR-2")

    (movement,) = send_back(level, 5, "500.00", act=act)

    assert movement.cost_value == Decimal("-516.67")
    assert variances() == [("SR-1", Decimal("16.67"), 0, 10)]
    assert pool_of(level) == (10, Decimal("1033.33"))
    assert figures(level) == (10, 0)
    assert differences() == []


def test_goods_of_the_second_receipt_leave_at_the_average_too():
    """V6 under the average: 10 at 50 and 30 at 80; the 30 of the second go back for 2,400.00."""
    level = stock(units=10, value="500.00", reference="GR-1")
    receive(level, 30, "2400.00", "GR-2")

    send_back(level, 30, "2400.00")

    assert variances() == [("SR-1", Decimal("-225.00"), 0, 10)]
    assert pool_of(level) == (10, Decimal("725.00"))
    assert differences() == []


@pytest.mark.parametrize(
    ("value", "credit", "left_values", "expensed"),
    [
        ("100.00", "33.00", ["33.33", "33.34", "33.33"], ["0.33", "0.34", "0.33"]),
        ("98.00", "33.00", ["32.67", "32.67", "32.66"], ["-0.33", "-0.33", "-0.34"]),
        ("4.85", "1.62", ["1.62", "1.62", "1.61"], ["-0.01"]),
    ],
)
def test_last_unit_back_takes_the_cents_that_are_left(value, credit, left_values, expensed):
    """V4: three units one by one; where credit and cost are the same there is no variance."""
    level = stock(units=3, value=value)

    movements = [send_back(level, 1, credit, reference=f"SR-{n}")[0] for n in range(3)]

    assert [-movement.cost_value for movement in movements] == [Decimal(v) for v in left_values]
    assert [row[1] for row in variances()] == [Decimal(amount) for amount in expensed]
    assert pool_of(level) == (0, 0)
    assert differences() == []


def test_goods_credited_in_full_leave_no_variance():
    level = stock(units=4, value="40.00")

    send_back(level, 1, "10.00")

    assert variances() == []
    assert pool_of(level) == (3, Decimal(30))


def test_goods_without_a_credit_are_expensed_whole():
    level = stock(units=4, value="40.00")

    send_back(level, 3)

    assert variances() == [("SR-1", Decimal(30), 0, 1)]
    assert differences() == []


def test_one_return_from_several_places_is_one_issue_and_one_variance_an_article():
    desk = LocationFactory()
    shelf_level = stock(units=5, value="50.00")
    desk_level = stock(
        units=5, value="55.00", variant=shelf_level.variant, location=desk, reference="GR-2"
    )
    other = stock(units=2, value="8.00", location=desk, reference="GR-3")

    movements = return_to_supplier(
        units={place(shelf_level): 2, place(desk_level): 1, place(other): 2},
        credits={shelf_level.variant_id: Decimal("30.00"), other.variant_id: Decimal("9.00")},
        reference="SR-1",
        at=LATER,
        by=UserFactory(),
        source=Source(
            kind=StockMovement.SourceKind.SUPPLIER_RETURN,
            document_id=7,
            lines={shelf_level.variant_id: [11, 12], other.variant_id: [13]},
        ),
    )

    assert [(row.level_id, row.quantity, row.cost_value) for row in movements] == [
        (shelf_level.pk, -2, Decimal("-21.00")),
        (desk_level.pk, -1, Decimal("-10.50")),
        (other.pk, -2, Decimal("-8.00")),
    ]
    assert [row.source_line_ids for row in movements] == [[11, 12], [11, 12], [13]]
    assert [row[1] for row in variances()] == [Decimal("1.50"), Decimal("-1.00")]
    assert differences() == []


@pytest.mark.parametrize("act", BACK)
def test_second_call_changes_nothing(act):
    level = stock(units=4, value="41.00")
    first = send_back(level, 2, "20.00", act=act)
    before = everything()

    second = send_back(level, 2, "20.00", act=act)

    assert [movement.pk for movement in second] == [movement.pk for movement in first]
    assert everything() == before


@pytest.mark.parametrize("act", BACK)
def test_reference_of_other_goods_is_refused(act):
    level, other = stock(units=4), stock(units=4, reference="GR-2")
    elsewhere = stock(units=4, variant=level.variant, reference="GR-3")
    act(units={place(level): 1, place(elsewhere): 1}, credits={}, reference="SR-1", at=LATER)
    before = everything()

    for units in (
        {place(level): 1},
        {place(level): 1, place(elsewhere): 2},
        {place(other): 1},
    ):
        with pytest.raises(ReferenceUsed, match="SR-1 was used before, for other goods"):
            act(units=units, credits={}, reference="SR-1", at=LATER)

    assert everything() == before


@pytest.mark.parametrize("act", BACK)
def test_reference_of_another_kind_of_act_on_the_same_goods_is_refused(act):
    level = stock(units=4)
    issue_stock(
        location=level.location,
        units={level.variant_id: 1},
        kind="SALE",
        reference="SR-1",
        at=LATER,
    )
    before = everything()

    with pytest.raises(ReferenceUsed, match="another movement of the same goods"):
        send_back(level, 1, act=act)

    assert everything() == before


def test_promised_units_are_not_sent_back():
    level = stock(units=4)
    promise(level=level, units=3)
    elsewhere = stock(units=9, variant=level.variant, reference="GR-2")
    before = everything()

    with pytest.raises(InsufficientStock) as refusal:
        send_back(level, 3)

    assert refusal.value.shortages == {level.variant_id: 2}
    assert everything() == before
    assert figures(elsewhere) == (9, 0)


def test_place_that_never_had_the_article_has_none_to_send_back():
    level = stock(units=4)
    before = everything()

    with pytest.raises(InsufficientStock) as refusal:
        return_to_supplier(
            units={(LocationFactory().pk, level.variant_id): 1},
            credits={},
            reference="SR-1",
            at=LATER,
        )

    assert refusal.value.shortages == {level.variant_id: 1}
    assert everything() == before


def test_receipt_taken_back_withdraws_the_youngest_promises():
    level = stock(units=5, value="50.00")
    older = promise(level=level, units=2, reference="SO-1")
    younger = promise(level=level, units=2, reference="SO-2", at=LATER)

    send_back(level, 4, "40.00", act=reverse_receipt, reference="GR-1")

    withdrawn = WithdrawnPromise.objects.order_by("pk")
    assert list(withdrawn.values_list("allocation", "units", "cause", "reference", "reason")) == [
        (younger.pk, 2, "ADJUSTMENT", "GR-1", "Goods receipt reversed"),
        (older.pk, 1, "ADJUSTMENT", "GR-1", "Goods receipt reversed"),
    ]
    assert figures(level) == (1, 1)
    assert differences() == []


def test_receipt_whose_goods_are_gone_is_not_taken_back():
    level = stock(units=5, value="50.00")
    promise(level=level, units=2)
    issue_stock(
        location=level.location, units={level.variant_id: 1}, kind="SALE", reference="S-1", at=LATER
    )
    before = everything()

    with pytest.raises(InsufficientStock) as refusal:
        send_back(level, 5, "50.00", act=reverse_receipt, reference="GR-1")

    assert refusal.value.shortages == {level.variant_id: 1}
    assert everything() == before


@pytest.mark.parametrize("act", BACK)
@pytest.mark.parametrize(
    ("units", "credit", "refusal"),
    [
        (0, "1.00", InvalidQuantity),
        (-1, "1.00", InvalidQuantity),
        (1, "-0.01", InvalidValue),
        (1, "NaN", InvalidValue),
    ],
)
def test_bad_figures_are_refused(act, units, credit, refusal):
    level = stock(units=4)
    before = everything()

    with pytest.raises(refusal):
        send_back(level, units, credit, act=act)

    assert everything() == before


@pytest.mark.parametrize("act", BACK)
def test_credit_for_goods_that_stay_is_refused(act):
    level, other = stock(units=4), stock(units=4, reference="GR-2")
    before = everything()

    with pytest.raises(InvalidValue, match="goods that do not go back"):
        act(
            units={place(level): 1},
            credits={other.variant_id: Decimal(1)},
            reference="SR-1",
            at=LATER,
        )

    assert everything() == before


@pytest.mark.parametrize("act", BACK)
def test_nothing_goes_back_into_a_closed_period(act):
    level = stock(units=4)
    close_period(ends_at=LATER + timedelta(minutes=1), at=NOON, by=UserFactory())
    before = everything()

    with pytest.raises(PeriodClosed):
        send_back(level, 1, "1.00", act=act)

    assert everything() == before


@pytest.mark.parametrize("act", BACK)
def test_nothing_back_is_no_act(act):
    before = everything()

    assert act(units={}, credits={}, reference="SR-1", at=LATER) == []

    assert everything() == before


def test_goods_sent_back_count_in_the_reports_of_stock():
    level = stock(units=10, value="1000.00")
    send_back(level, 4, "390.00", at=LATER)
    then = LATER + timedelta(minutes=1)

    assert [(row.units, row.value) for row in value_as_of(then)] == [(6, Decimal(600))]
    assert [(row.units, row.value) for row in articles_as_of(then)] == [(6, Decimal(600))]
    assert [row.value for row in value_as_of(STOCKED_AT)] == [Decimal(1000)]
    assert [row.on_hand for row in dead_stock(at=LATER + timedelta(days=400))] == [6]


def test_late_cost_of_a_receipt_of_which_a_part_went_back_is_split_by_what_is_left():
    """Goods that go back take the same part of everything in the pool as goods sold."""
    level = stock(units=10, value="1000.00")
    send_back(level, 4, "400.00")

    (late,) = correct_costs(
        costs=[
            LateCost(
                variant_id=level.variant_id,
                receipt_reference="GR-1",
                amount=Decimal(50),
                reference="SI-1",
            )
        ],
        at=LATER,
    )

    assert (late.value, late.expensed) == (Decimal(30), Decimal(20))
    assert differences() == []


def test_variance_without_its_issue_is_found():
    level = stock(units=4, value="40.00")
    send_back(level, 1, "9.00")
    issue = CostMovement.objects.get(kind="ISSUE")

    CostMovement.objects.create(
        pool_id=issue.pool_id,
        kind="VARIANCE",
        units=0,
        value=0,
        expensed=5,
        units_before=4,
        reference="SR-9",
        moved_at=LATER,
    )

    assert [(row.kind, row.key, row.expected, row.actual) for row in differences()] == [
        ("variance of goods sent back", f"{level.variant.sku} by SR-9", "an issue", "none")
    ]
