"""What a store has sold is gone, whatever the system thought of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from inventory.models import CountRequest, StockMovement
from inventory.operations import (
    InvalidQuantity,
    NotPromised,
    NotStocked,
    ReferenceUsed,
    Taken,
    adjust_stock,
    hand_over_reserved,
    request_counts,
    sell_stock,
    ship_allocated,
)
from inventory.queries import differences
from tests.factories.catalog import VariantFactory
from tests.factories.common import UserFactory
from tests.factories.inventory import STOCKED_AT, LocationFactory, promise, stock
from tests.factories.inventory_promises import put_aside
from tests.inventory.shared import everything, figures, pool_of

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def sell(*levels, units=1, reference="POS-1", at=AT, by=None):
    return sell_stock(
        location=levels[0].location,
        units={level.variant_id: units for level in levels},
        reference=reference,
        at=at,
        by=by,
    )


def movements(level):
    """Return kind, units, value and reason of all but what came in first."""
    rows = StockMovement.objects.filter(level=level).exclude(kind="RECEIPT").order_by("pk")
    return list(rows.values_list("kind", "quantity", "cost_value", "reason"))


def test_sell_stock_takes_free_units_and_asks_for_nothing():
    level, clerk = stock(units=4, value="10.00"), UserFactory()

    taken = sell(level, units=3, by=clerk)

    assert [(row.kind, row.quantity, row.moved_by) for row in taken.movements] == [
        ("SALE", -3, clerk)
    ]
    assert taken.withdrawn == []
    assert (figures(level), pool_of(level)) == ((1, 0), (1, Decimal("2.50")))
    assert CountRequest.objects.count() == 0


def test_sell_stock_finds_what_nobody_knew_of_before_it_is_sold():
    level = stock(units=1, value="4.00")

    taken = sell(level, units=3)

    assert movements(level) == [
        ("ADJUSTMENT", 2, Decimal("8.00"), "Found at sale"),
        ("SALE", -3, Decimal("-12.00"), ""),
    ]
    assert [row.kind for row in taken.movements] == ["SALE"]
    assert (figures(level), pool_of(level)) == ((0, 0), (0, 0))
    assert CountRequest.objects.get().level == level
    assert CountRequest.objects.get().reason == "Sold by POS-1, not as expected"
    assert differences() == []


def test_sell_stock_finds_at_the_last_known_cost_where_nothing_is_left():
    level = stock(units=2, value="9.00")
    sell(level, units=2, reference="POS-1")

    sell(level, units=1, reference="POS-2")

    assert movements(level)[1:] == [
        ("ADJUSTMENT", 1, Decimal("4.50"), "Found at sale"),
        ("SALE", -1, Decimal("-4.50"), ""),
    ]
    assert figures(level) == (0, 0)


def test_sell_stock_finds_what_was_never_here():
    location, variant = LocationFactory(), VariantFactory()

    sell_stock(location=location, units={variant.pk: 2}, reference="POS-1", at=AT)

    level = variant.stock_levels.get()
    assert [(kind, count) for kind, count, *_ in movements(level)] == [
        ("ADJUSTMENT", 2),
        ("SALE", -2),
    ]
    assert figures(level) == (0, 0)
    assert CountRequest.objects.get().level == level


def test_sell_stock_takes_promised_units_from_the_youngest_promise():
    level = stock(units=5)
    older = promise(level=level, units=2, reference="SO-1", at=STOCKED_AT)
    younger = promise(level=level, units=2, reference="SO-2", at=STOCKED_AT + timedelta(days=1))

    taken = sell(level, units=2)

    assert [(row.allocation_id, row.units) for row in taken.withdrawn] == [(younger.pk, 1)]
    [withdrawn] = younger.withdrawals.all()
    assert (withdrawn.cause, withdrawn.reference, withdrawn.withdrawn_at) == ("SALE", "POS-1", AT)
    older.refresh_from_db()
    younger.refresh_from_db()
    assert (older.open_units, younger.open_units) == (2, 1)
    assert figures(level) == (3, 3)
    assert CountRequest.objects.get().level == level
    assert differences() == []


def test_sell_stock_lets_a_reservation_that_is_over_give_first():
    level = stock(units=2)
    over = put_aside(level=level, reference="RES-1", expires_at=STOCKED_AT + timedelta(days=1))
    order = promise(level=level, reference="SO-1", at=STOCKED_AT + timedelta(days=2))

    taken = sell(level)

    order.refresh_from_db()
    assert [row.allocation_id for row in taken.withdrawn] == [over.pk]
    assert order.open_units == 1


def test_sell_stock_of_more_than_is_there_finds_it_and_withdraws_every_promise():
    level = stock(units=2, value="6.00")
    allocation = promise(level=level, units=2)

    taken = sell(level, units=3)

    assert [(row.allocation_id, row.units) for row in taken.withdrawn] == [(allocation.pk, 2)]
    assert figures(level) == (0, 0)
    assert CountRequest.objects.count() == 1
    assert differences() == []


def test_sell_stock_again_returns_the_first_sale_and_what_it_withdrew():
    level = stock(units=2)
    promise(level=level, units=2)
    first = sell(level, units=3)
    before = everything()

    again = sell(level, units=3)

    assert again == first
    assert again.withdrawn
    assert everything() == before


def test_sell_stock_keeps_a_reference_to_its_units():
    level = stock(units=5)
    sell(level, units=1)
    before = everything()

    with pytest.raises(ReferenceUsed):
        sell(level, units=2)

    assert everything() == before


def test_sell_stock_refuses_the_reference_of_an_adjustment_of_the_same_goods():
    level = stock(units=1)
    adjust_stock(
        location=level.location,
        quantities={level.variant_id: 1},
        reference="POS-1",
        reason="Counted",
        at=AT,
    )
    before = everything()

    with pytest.raises(ReferenceUsed):
        sell(level, units=3)

    assert everything() == before


def test_sell_stock_of_nothing_does_nothing():
    location = LocationFactory()
    before = everything()

    taken = sell_stock(location=location, units={}, reference="POS-1", at=AT)

    assert taken == Taken(movements=())
    assert everything() == before


@pytest.mark.parametrize("units", [0, -1, 1_000_000_000])
def test_sell_stock_refuses_what_is_no_quantity(units):
    level = stock()
    before = everything()

    with pytest.raises(InvalidQuantity):
        sell(level, units=units)

    assert everything() == before


def test_sell_stock_refuses_what_is_not_kept_in_stock():
    postage, location = VariantFactory(is_stocked=False), LocationFactory()
    before = everything()

    with pytest.raises(NotStocked, match=postage.sku):
        sell_stock(location=location, units={postage.pk: 1}, reference="POS-1", at=AT)

    assert everything() == before


def test_sell_stock_sells_off_what_is_no_longer_dealt_in():
    level = stock(units=1, variant=VariantFactory())
    level.variant.is_active = False
    level.variant.save(update_fields=["is_active"])

    sell(level)

    assert figures(level) == (0, 0)


@pytest.mark.parametrize("lines", [1, 3])
def test_sell_stock_costs_the_same_queries_for_any_number_of_articles(
    lines, django_assert_num_queries
):
    location = LocationFactory()
    levels = [stock(units=2, location=location) for _ in range(lines)]
    for level in levels:
        promise(level=level, units=2)

    with django_assert_num_queries(25):
        sell(*levels, units=3)


def test_request_counts_keeps_an_open_request():
    level, other = stock(), stock()
    [first] = request_counts(level_ids=[level.pk], reason="Looked odd", at=STOCKED_AT)

    requests = request_counts(level_ids=[level.pk, other.pk], reason="Broken box", at=AT)

    assert [(row.level, row.reason) for row in requests] == [
        (level, "Looked odd"),
        (other, "Broken box"),
    ]
    assert requests[0] == first


def test_request_counts_asks_again_after_a_count():
    level = stock()
    [settled] = request_counts(level_ids=[level.pk], reason="Looked odd", at=STOCKED_AT)
    CountRequest.objects.update(settled_at=AT)

    [again] = request_counts(level_ids=[level.pk], reason="Broken box", at=AT)

    assert again != settled
    assert again.settled_at is None


def test_request_counts_of_nothing_asks_for_nothing():
    assert request_counts(level_ids=[], reason="Looked odd", at=AT) == []


def test_hand_over_reserved_sells_what_was_put_aside():
    allocation, clerk = put_aside(level=stock(units=5, value="10.00"), units=3), UserFactory()

    (movement,) = hand_over_reserved(units={allocation.pk: 2}, reference="POS-1", at=AT, by=clerk)

    allocation.refresh_from_db()
    assert (movement.kind, movement.quantity, movement.cost_value) == ("SALE", -2, -4)
    assert movement.moved_by == clerk
    assert (allocation.shipped, allocation.open_units, allocation.closed_at) == (2, 1, None)
    assert figures(allocation.level) == (3, 1)
    assert differences() == []


def test_hand_over_reserved_takes_what_is_over_but_not_taken_back():
    allocation = put_aside(expires_at=STOCKED_AT + timedelta(hours=1))

    hand_over_reserved(units={allocation.pk: 1}, reference="POS-1", at=AT)

    assert figures(allocation.level) == (0, 0)


def test_hand_over_reserved_again_changes_nothing():
    allocation = put_aside(level=stock(units=5), units=3)
    first = hand_over_reserved(units={allocation.pk: 2}, reference="POS-1", at=AT)
    before = everything()

    assert hand_over_reserved(units={allocation.pk: 2}, reference="POS-1", at=AT) == first
    assert everything() == before


def test_hand_over_reserved_leaves_the_goods_of_an_order_alone():
    order, aside = promise(units=1), put_aside()
    before = everything()

    with pytest.raises(NotPromised) as refusal:
        hand_over_reserved(units={order.pk: 1, aside.pk: 1}, reference="POS-1", at=AT)

    assert refusal.value.details == {"allocations": [order.pk]}
    assert everything() == before


@pytest.mark.parametrize(("units", "refusal"), [(2, NotPromised), (0, InvalidQuantity)])
def test_hand_over_reserved_refuses_other_units_than_were_put_aside(units, refusal):
    allocation = put_aside()
    before = everything()

    with pytest.raises(refusal):
        hand_over_reserved(units={allocation.pk: units}, reference="POS-1", at=AT)

    assert everything() == before


def test_hand_over_reserved_of_nothing_does_nothing():
    assert hand_over_reserved(units={}, reference="POS-1", at=AT) == []


def test_what_was_shipped_is_not_handed_over_again():
    allocation = put_aside()
    ship_allocated(units={allocation.pk: 1}, reference="SH-1", at=AT)
    before = everything()

    with pytest.raises(NotPromised):
        hand_over_reserved(units={allocation.pk: 1}, reference="POS-1", at=AT)

    assert everything() == before
