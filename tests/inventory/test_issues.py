from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from inventory.models import CostMovement, StockMovement
from inventory.operations import (
    InsufficientStock,
    InvalidQuantity,
    NotPromised,
    ReasonMissing,
    ReferenceUsed,
    adjust_stock,
    issue_stock,
    release_allocation,
    ship_allocated,
)
from inventory.queries import differences
from tests.factories.catalog import VariantFactory
from tests.factories.common import UserFactory
from tests.factories.inventory import LocationFactory, promise, stock
from tests.inventory.shared import everything, figures, pool_of

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def sell(level, units, reference="S-1"):
    return issue_stock(
        location=level.location,
        units={level.variant_id: units},
        kind=StockMovement.Kind.SALE,
        reference=reference,
        at=AT,
    )


def adjust(level, quantity, reference="ADJ-1", reason="Counted", at=AT):
    return adjust_stock(
        location=level.location,
        quantities={level.variant_id: quantity},
        reference=reference,
        reason=reason,
        at=at,
    )


def test_issue_stock_takes_units_at_the_average():
    level = stock(units=4, value="10.00")

    (movement,) = sell(level, 3)

    assert (movement.kind, movement.quantity, movement.cost_value) == ("SALE", -3, Decimal("-7.5"))
    assert figures(level) == (1, 0)
    assert pool_of(level) == (1, Decimal("2.50"))


def test_issue_stock_gives_the_last_unit_the_residue():
    level = stock(units=3, value="100.00")

    values = [sell(level, 1, reference=f"S-{n}")[0].cost_value for n in range(3)]

    assert values == [Decimal("-33.33"), Decimal("-33.34"), Decimal("-33.33")]
    assert pool_of(level) == (0, 0)


def test_issue_stock_returns_goods_to_a_supplier_at_the_average():
    """V5, policy A: the supplier's credit differs from the average, and stock knows the average."""
    level = stock(units=10, value="1000.00", reference="GR-1")
    stock(units=5, value="550.00", reference="GR-2", variant=level.variant, location=level.location)

    (movement,) = sell(level, 5)

    assert movement.cost_value == Decimal("-516.67")
    assert pool_of(level) == (10, Decimal("1033.33"))


def test_issue_stock_leaves_promised_units_alone():
    level = stock(units=5)
    promise(level=level, units=3)
    before = everything()

    with pytest.raises(InsufficientStock) as refusal:
        sell(level, 3)

    assert refusal.value.shortages == {level.variant_id: 1}
    assert everything() == before


def test_issue_stock_of_what_was_never_here_leaves_nothing_behind():
    location, variant = LocationFactory(), VariantFactory()
    before = everything()

    with pytest.raises(InsufficientStock) as refusal:
        issue_stock(
            location=location,
            units={variant.pk: 2},
            kind=StockMovement.Kind.SALE,
            reference="S-1",
            at=AT,
        )

    assert refusal.value.shortages == {variant.pk: 2}
    assert everything() == before


def test_issue_stock_again_changes_nothing():
    level = stock(units=5)
    first = sell(level, 2)
    before = everything()

    assert sell(level, 2) == first
    assert everything() == before


def test_issue_stock_refuses_a_negative_quantity():
    level = stock(units=5)

    with pytest.raises(InvalidQuantity):
        sell(level, -2)

    assert figures(level) == (5, 0)


@pytest.mark.parametrize("lines", [1, 3])
def test_issue_stock_costs_the_same_queries_for_any_number_of_variants(
    lines, django_assert_num_queries
):
    location = LocationFactory()
    levels = [stock(location=location) for _ in range(lines)]

    with django_assert_num_queries(10):
        issue_stock(
            location=location,
            units={level.variant_id: 2 for level in levels},
            kind=StockMovement.Kind.SALE,
            reference="S-1",
            at=AT,
        )


def test_ship_allocated_consumes_the_promise_with_the_units():
    level = stock(units=5, value="10.00")
    allocation, clerk = promise(level=level, units=3), UserFactory()

    (movement,) = ship_allocated(units={allocation.pk: 2}, reference="SH-1", at=AT, by=clerk)

    allocation.refresh_from_db()
    assert (movement.kind, movement.quantity, movement.cost_value) == ("SHIPMENT", -2, -4)
    assert movement.moved_by == clerk
    assert (allocation.shipped, allocation.open_units, allocation.closed_at) == (2, 1, None)
    assert figures(level) == (3, 1)
    assert pool_of(level) == (3, 6)


def test_ship_allocated_closes_what_is_consumed():
    allocation = promise(level=stock(units=5), units=3)
    release_allocation(units={allocation.pk: 1}, at=AT)

    ship_allocated(units={allocation.pk: 2}, reference="SH-1", at=AT)

    allocation.refresh_from_db()
    assert (allocation.shipped, allocation.released, allocation.closed_at) == (2, 1, AT)
    assert figures(allocation.level) == (3, 0)


def test_ship_allocated_makes_one_movement_per_level_and_splits_the_cost_to_the_cent():
    here = stock(units=2, value="50.00", reference="GR-1")
    there = stock(units=1, value="50.00", reference="GR-2", variant=here.variant)
    allocations = [
        promise(level=here, units=1, reference="SO-1"),
        promise(level=here, units=1, reference="SO-2"),
        promise(level=there, units=1, reference="SO-1"),
    ]

    movements = ship_allocated(
        units=dict.fromkeys([row.pk for row in allocations], 1), reference="SH-1", at=AT
    )

    cost = CostMovement.objects.get(kind=CostMovement.Kind.ISSUE)
    assert [(row.level_id, row.quantity, row.cost_value) for row in movements] == [
        (here.pk, -2, Decimal("-66.67")),
        (there.pk, -1, Decimal("-33.33")),
    ]
    assert (cost.units, cost.value) == (-3, -100)
    assert differences() == []


def test_ship_allocated_again_changes_nothing():
    allocation = promise(level=stock(units=5), units=3)
    first = ship_allocated(units={allocation.pk: 3}, reference="SH-1", at=AT)
    before = everything()

    assert ship_allocated(units={allocation.pk: 3}, reference="SH-1", at=AT) == first
    assert everything() == before


def test_ship_allocated_refuses_more_than_was_promised():
    allocation = promise(level=stock(units=5), units=3)
    before = everything()

    with pytest.raises(NotPromised):
        ship_allocated(units={allocation.pk: 4}, reference="SH-1", at=AT)

    assert everything() == before


def test_ship_allocated_refuses_a_promise_nobody_made():
    with pytest.raises(NotPromised):
        ship_allocated(units={4711: 1}, reference="SH-1", at=AT)


def test_ship_allocated_keeps_a_reference_to_its_units():
    allocation = promise(level=stock(units=5), units=3)
    ship_allocated(units={allocation.pk: 1}, reference="SH-1", at=AT)
    before = everything()

    with pytest.raises(ReferenceUsed):
        ship_allocated(units={allocation.pk: 2}, reference="SH-1", at=AT)

    assert everything() == before


@pytest.mark.parametrize("lines", [1, 3])
def test_ship_allocated_costs_the_same_queries_for_any_number_of_promises(
    lines, django_assert_num_queries
):
    location = LocationFactory()
    allocations = [promise(level=stock(location=location)) for _ in range(lines)]

    with django_assert_num_queries(13):
        ship_allocated(
            units={allocation.pk: 1 for allocation in allocations}, reference="SH-1", at=AT
        )


def test_adjust_stock_adds_and_takes_at_the_average():
    level = stock(units=4, value="10.00")
    other = stock(units=4, value="6.00", location=level.location)

    taken = adjust_stock(
        location=level.location,
        quantities={level.variant_id: 2, other.variant_id: -1},
        reference="ADJ-1",
        reason="Counted",
        at=AT,
    )

    assert [(row.quantity, row.cost_value, row.reason) for row in taken.movements] == [
        (2, 5, "Counted"),
        (-1, Decimal("-1.50"), "Counted"),
    ]
    assert pool_of(level) == (6, 15)
    assert pool_of(other) == (3, Decimal("4.50"))


def test_adjust_stock_finds_what_was_never_here():
    location, variant = LocationFactory(), VariantFactory()

    (movement,) = adjust_stock(
        location=location,
        quantities={variant.pk: 3},
        reference="ADJ-1",
        reason="Found at sale",
        at=AT,
    ).movements

    assert (movement.quantity, movement.cost_value) == (3, 0)
    assert figures(movement.level) == (3, 0)


def test_adjust_stock_takes_promised_units_from_the_youngest_promise():
    level = stock(units=5)
    older = promise(level=level, units=2, reference="SO-1", at=AT)
    younger = promise(level=level, units=2, reference="SO-2", at=AT + timedelta(minutes=1))

    taken = adjust(level, -4, at=AT + timedelta(hours=1))

    assert [(row.allocation_id, row.units, row.cause) for row in taken.withdrawn] == [
        (younger.pk, 2, "ADJUSTMENT"),
        (older.pk, 1, "ADJUSTMENT"),
    ]
    assert figures(level) == (1, 1)
    assert differences() == []


def test_adjust_stock_takes_no_more_than_is_there():
    level = stock(units=3)
    promise(level=level, units=2)
    before = everything()

    with pytest.raises(InsufficientStock):
        adjust(level, -4)

    assert everything() == before


@pytest.mark.parametrize("reason", ["", "  "])
def test_adjust_stock_asks_for_a_reason(reason):
    level = stock(units=3)
    before = everything()

    with pytest.raises(ReasonMissing):
        adjust(level, -1, reason=reason)

    assert everything() == before


def test_adjust_stock_refuses_zero():
    level = stock(units=3)
    before = everything()

    with pytest.raises(InvalidQuantity):
        adjust(level, 0)

    assert everything() == before


def test_adjust_stock_again_changes_nothing():
    level = stock(units=3)
    first = adjust(level, -1)
    before = everything()

    assert adjust(level, -1) == first
    assert everything() == before


def test_adjustment_and_sale_of_one_document_go_together():
    """What a till sells and the system does not know is found first, then sold."""
    level = stock(units=1)
    adjust(level, 2, reference="POS-1", reason="Found at sale")

    sell(level, 3, reference="POS-1")

    assert figures(level) == (0, 0)
    assert differences() == []
