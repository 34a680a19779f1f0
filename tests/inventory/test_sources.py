"""Every movement says which document caused it, and which of its lines."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from inventory.models import StockMovement
from inventory.operations import (
    Issue,
    Received,
    Source,
    adjust_stock,
    hand_over_reserved,
    issue_stock,
    post_issues,
    receive_stock,
    return_stock,
    sell_stock,
    ship_allocated,
)
from tests.factories.inventory import LocationFactory, promise, stock
from tests.factories.inventory_promises import put_aside

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
Kind = StockMovement.SourceKind


def document(*levels, kind=Kind.FULFILLMENT):
    """Return a document with two lines of the first article, one of each other."""
    lines = {level.variant_id: [20 + n] for n, level in enumerate(levels)}
    lines[levels[0].variant_id] = [11, 10]
    return Source(kind=kind, document_id=7, lines=lines)


def sources(**filters):
    """Return kind, document and lines of what was moved, in the order of writing."""
    rows = StockMovement.objects.exclude(kind="RECEIPT").filter(**filters).order_by("pk")
    return list(rows.values_list("source_kind", "source_id", "source_line_ids"))


@pytest.fixture
def two_levels():
    location = LocationFactory()
    return [stock(location=location) for _ in range(2)]


def units_of(levels):
    return {level.variant_id: 1 for level in levels}


def test_receive_stock_keeps_the_lines_of_the_receipt(two_levels):
    receive_stock(
        location=two_levels[0].location,
        received={level.variant_id: Received(units=1, value=Decimal(1)) for level in two_levels},
        reference="GR-9",
        at=AT,
        source=document(*two_levels, kind=Kind.GOODS_RECEIPT),
    )

    rows = StockMovement.objects.filter(reference="GR-9").order_by("pk")
    assert list(rows.values_list("source_kind", "source_id", "source_line_ids")) == [
        ("GOODS_RECEIPT", 7, [10, 11]),
        ("GOODS_RECEIPT", 7, [21]),
    ]


def test_return_stock_keeps_the_lines_of_the_return(two_levels):
    return_stock(
        location=two_levels[0].location,
        units=units_of(two_levels),
        reference="RET-1",
        at=AT,
        source=document(*two_levels, kind=Kind.CUSTOMER_RETURN),
    )

    assert sources() == [("CUSTOMER_RETURN", 7, [10, 11]), ("CUSTOMER_RETURN", 7, [21])]


def test_issue_stock_keeps_the_lines_of_the_document(two_levels):
    issue_stock(
        location=two_levels[0].location,
        units=units_of(two_levels),
        kind="SALE",
        reference="S-1",
        at=AT,
        source=document(*two_levels),
    )

    assert sources() == [("FULFILLMENT", 7, [10, 11]), ("FULFILLMENT", 7, [21])]


def test_ship_allocated_keeps_the_lines_of_the_shipment(two_levels):
    allocations = [promise(level=level) for level in two_levels]

    ship_allocated(
        units={allocation.pk: 1 for allocation in allocations},
        reference="SH-1",
        at=AT,
        source=document(*two_levels),
    )

    assert sources() == [("FULFILLMENT", 7, [10, 11]), ("FULFILLMENT", 7, [21])]


def test_sell_stock_keeps_the_lines_of_the_sale_with_what_it_found():
    level = stock(units=1)

    sell_stock(
        location=level.location,
        units={level.variant_id: 3},
        reference="POS-1",
        at=AT,
        source=document(level),
    )

    assert sources(kind="ADJUSTMENT") == [("FULFILLMENT", 7, [10, 11])]
    assert sources(kind="SALE") == [("FULFILLMENT", 7, [10, 11])]


def test_hand_over_reserved_names_what_was_put_aside(two_levels):
    allocations = [put_aside(level=level) for level in two_levels]

    hand_over_reserved(
        units={allocation.pk: 1 for allocation in allocations}, reference="POS-1", at=AT
    )

    first, second = (allocation.pk for allocation in allocations)
    assert sources() == [("ALLOCATION", first, [first]), ("ALLOCATION", first, [second])]


def test_adjust_stock_stands_for_itself(two_levels):
    adjust_stock(
        location=two_levels[0].location,
        quantities=units_of(two_levels),
        reference="ADJ-1",
        reason="Counted",
        at=AT,
    )

    assert sources() == [("", None, []), ("", None, [])]


def test_post_issues_keeps_the_document_of_each_row_and_its_lines():
    level = stock()
    row = {"location_id": level.location_id, "variant_id": level.variant_id, "moved_at": AT}
    sent = {**row, "source_kind": "FULFILLMENT", "source_id": 7}

    post_issues(
        issues=[
            Issue(units=1, kind="SALE", reference="S-1", source_kind="IMPORT", source_id=9, **row),
            Issue(units=1, kind="SALE", reference="S-2", **row),
            Issue(units=1, kind="SALE", reference="S-3", source_line_ids=(12,), **sent),
            Issue(units=2, kind="SALE", reference="S-3", source_line_ids=(11,), **sent),
        ],
        at=AT,
    )

    assert sources() == [("IMPORT", 9, []), ("", None, []), ("FULFILLMENT", 7, [11, 12])]
