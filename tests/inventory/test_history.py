from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.models import CostMovement, CostPool, StockLevel, StockMovement
from inventory.operations import (
    InsufficientStock,
    InvalidQuantity,
    Issue,
    ReferenceUsed,
    issue_stock,
    post_issues,
    return_stock,
)
from inventory.queries import differences
from tests.factories.catalog import VariantFactory
from tests.factories.inventory import LocationFactory, promise, stock
from tests.inventory.shared import everything, figures, pool_of

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
SALE, RETURN = StockMovement.Kind.SALE, StockMovement.Kind.RETURN


def issue(level, units, *, minute=0, reference=None, kind=None):
    return Issue(
        location_id=level.location_id,
        variant_id=level.variant_id,
        units=units,
        kind=kind or (SALE if units > 0 else RETURN),
        reference=reference or f"S-{minute}",
        moved_at=AT + timedelta(minutes=minute),
    )


def one_by_one(issues, location):
    """Post the same history as the operations for single documents do."""
    for row in issues:
        if row.units > 0:
            issue_stock(
                location=location,
                units={row.variant_id: row.units},
                kind=row.kind,
                reference=row.reference,
                at=row.moved_at,
            )
        else:
            return_stock(
                location=location,
                units={row.variant_id: -row.units},
                reference=row.reference,
                at=row.moved_at,
            )


def written(variants):
    """Return what was written about these variants, the first named 0, in the order of writing."""
    position = {variant.pk: index for index, variant in enumerate(variants)}
    stock_rows = StockMovement.objects.filter(level__variant__in=variants).order_by("pk")
    cost_rows = CostMovement.objects.filter(pool__variant__in=variants).order_by("pk")
    return (
        [
            (position[variant_id], *rest)
            for variant_id, *rest in stock_rows.values_list(
                "level__variant",
                "kind",
                "quantity",
                "cost_value",
                "reference",
                "reason",
                "moved_at",
                "moved_by",
            )
        ],
        [
            (position[variant_id], *rest)
            for variant_id, *rest in cost_rows.values_list(
                "pool__variant",
                "kind",
                "units",
                "value",
                "units_before",
                "expensed",
                "reference",
                "corrects",
                "moved_at",
            )
        ],
        [
            (position[row.variant_id], row.on_hand, row.allocated)
            for row in StockLevel.objects.filter(variant__in=variants).order_by("variant_id")
        ],
        [
            (position[row.variant_id], row.units, row.value)
            for row in CostPool.objects.filter(variant__in=variants).order_by("variant_id")
        ],
    )


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 4).filter(bool)), min_size=1, max_size=12)
)
def test_post_issues_writes_the_rows_of_one_document_at_a_time(moves):
    bulk, single = LocationFactory(), LocationFactory()
    bulk_variants, single_variants = VariantFactory.create_batch(2), VariantFactory.create_batch(2)
    for location, variants in ((bulk, bulk_variants), (single, single_variants)):
        stock(units=3, value="100.00", variant=variants[0], location=location, reference="GR-1")
        stock(units=7, value="4.85", variant=variants[1], location=location, reference="GR-1")
    left, kept = [3, 7], []
    for index, units in moves:
        if units <= left[index]:
            left[index] -= units
            kept.append((index, units))
    in_bulk, alone = (
        [
            Issue(
                location_id=location.pk,
                variant_id=variants[index].pk,
                units=units,
                kind=SALE if units > 0 else RETURN,
                reference=f"S-{minute}",
                moved_at=AT + timedelta(minutes=minute),
            )
            for minute, (index, units) in enumerate(kept)
        ]
        for location, variants in ((bulk, bulk_variants), (single, single_variants))
    )

    posted = post_issues(issues=in_bulk, at=AT)
    one_by_one(alone, single)

    assert posted == len(kept)
    assert written(bulk_variants) == written(single_variants)
    assert differences() == []


def test_post_issues_takes_history_in_the_order_it_happened():
    level = stock(units=1, value="9.00")

    post_issues(
        issues=[
            issue(level, 2, minute=30),
            issue(level, -1, minute=20),
            issue(level, 1, minute=40, reference="S-4"),
            issue(level, -1, minute=35, reference="S-3"),
        ],
        at=AT,
    )

    quantities = level.movements.order_by("pk").values_list("quantity", flat=True)
    assert list(quantities) == [1, 1, -2, 1, -1]
    assert pool_of(level) == (0, 0)


def test_post_issues_makes_one_movement_of_one_document_and_goods():
    level = stock(units=10)

    posted = post_issues(
        issues=[issue(level, 2, reference="S-1"), issue(level, 3, reference="S-1")], at=AT
    )

    assert posted == 1
    assert level.movements.get(reference="S-1").quantity == -5


def test_post_issues_again_changes_nothing():
    level = stock(units=10)
    issues = [issue(level, 2, minute=1), issue(level, 3, minute=2)]
    post_issues(issues=issues, at=AT)
    before = everything()

    posted = post_issues(issues=issues, at=AT)

    assert posted == 0
    assert everything() == before


def test_post_issues_goes_on_where_an_earlier_call_ended():
    level = stock(units=10)
    first, second = issue(level, 2, minute=1), issue(level, 3, minute=2)
    post_issues(issues=[first], at=AT)

    posted = post_issues(issues=[first, second], at=AT)

    assert posted == 1
    assert figures(level) == (5, 0)
    assert differences() == []


def test_post_issues_names_every_shortage_and_posts_nothing():
    level, plenty = stock(units=3), stock(units=100)
    promise(level=level, units=1)
    before = everything()

    with pytest.raises(InsufficientStock) as refusal:
        post_issues(
            issues=[
                issue(level, 2, minute=1),
                issue(plenty, 50, minute=2),
                issue(level, 4, minute=3),
                issue(level, -9, minute=4),
            ],
            at=AT,
        )

    assert refusal.value.shortages == {level.variant_id: 4}
    assert everything() == before


def test_post_issues_refuses_an_issue_of_nothing():
    level = stock(units=3)
    before = everything()

    with pytest.raises(InvalidQuantity):
        post_issues(issues=[issue(level, 1), issue(level, 0)], at=AT)

    assert everything() == before


@pytest.mark.parametrize("units", [600_000_000, -600_000_000])
def test_post_issues_refuses_units_beyond_counting_also_in_all(units):
    level = stock(units=3)
    lines = [issue(level, units, reference="S-1") for _ in range(2)]
    before = everything()

    with pytest.raises(InvalidQuantity):
        post_issues(issues=lines, at=AT)

    assert everything() == before


def test_post_issues_refuses_one_reference_for_two_acts():
    level = stock(units=9)
    before = everything()

    with pytest.raises(ReferenceUsed):
        post_issues(
            issues=[
                issue(level, 1, reference="S-1"),
                issue(level, 1, reference="S-1", kind=StockMovement.Kind.SHIPMENT),
            ],
            at=AT,
        )

    assert everything() == before


def test_post_issues_keeps_odd_characters_of_a_reference():
    level = stock(units=9)
    reference = "a\\N\tb\nc\r\\d é"

    post_issues(issues=[issue(level, 1, reference=reference)], at=AT)

    assert level.movements.order_by("-pk")[0].reference == reference


def test_post_issues_notes_each_changed_variant_once():
    level = stock(units=9)
    level.variant.availability_changes.all().delete()

    post_issues(issues=[issue(level, 1, minute=1), issue(level, 1, minute=2)], at=AT)

    assert level.variant.availability_changes.count() == 1


@pytest.mark.parametrize("lines", [1, 30])
def test_post_issues_costs_the_same_queries_for_any_number_of_lines(
    lines, django_assert_num_queries
):
    location = LocationFactory()
    levels = [stock(units=9, location=location) for _ in range(lines)]
    issues = [issue(level, 1, minute=minute) for minute, level in enumerate(levels)]

    with django_assert_num_queries(10):
        post_issues(issues=issues, at=AT)


def test_returns_of_sold_out_goods_use_the_cost_they_left_at():
    level = stock(units=2, value="7.00")

    post_issues(issues=[issue(level, 2, minute=1), issue(level, -1, minute=2)], at=AT)

    assert pool_of(level) == (1, Decimal("3.50"))
