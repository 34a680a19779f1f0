"""What a sheet says against the ledger, who approves it, and what posting it changes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from inventory.models import CountRequest, StockCount, StockMovement, WithdrawnPromise
from inventory.operations import (
    CountRefused,
    NotAllCounted,
    PeriodClosed,
    Received,
    add_count_lines,
    adjust_stock,
    approve_count,
    cancel_count,
    issue_stock,
    plan_count,
    post_count,
    receive_stock,
    record_counts,
    request_counts,
    request_recount,
    sell_stock,
)
from inventory.queries import differences
from retail.common.errors import NotAllowed, WrongStatus
from tests.factories.catalog import VariantFactory
from tests.factories.common import UserFactory
from tests.factories.inventory import STOCKED_AT, LocationFactory, promise, stock
from tests.factories.inventory_counts import (
    COUNTED_AT,
    counted_sheet,
    enter,
    line_of,
    open_sheet,
    submitted_sheet,
)
from tests.factories.inventory_promises import close_books, put_aside
from tests.inventory.shared import figures, pool_of
from tests.inventory.test_counts import sheets

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
Status = StockCount.Status


def sell(level, units, at, reference=None):
    sell_stock(
        location=level.location,
        units={level.variant_id: units},
        reference=reference or f"POS-{at:%H%M}-{units}",
        at=at,
    )


def submit(count, *, at=AT, by=None):
    return post_count(count_id=count.pk, at=at, by=by).count


def approve(count, *, by=None, **changes):
    return approve_count(count_id=count.pk, at=AT, by=by or UserFactory(), **changes).count


def counts_of(level):
    return list(level.movements.filter(kind="COUNT").values_list("quantity", flat=True))


# The variance is that of the moment of counting


def test_units_sold_before_the_shelf_was_counted_are_not_missing():
    level = stock(units=100, value="100")
    sheet = open_sheet(level)
    sell(level, 15, COUNTED_AT - HOUR / 2)

    enter(sheet, {level: 80})
    submit(sheet)

    assert counts_of(level) == [-5]
    assert figures(level) == (80, 0)
    assert line_of(sheet, level).expected == 85
    assert line_of(sheet, level).variance == -5
    assert differences() == []


def test_units_sold_after_the_shelf_was_counted_stay_sold():
    level = stock(units=100, value="100")
    sheet = counted_sheet({level: 95})
    sell(level, 15, COUNTED_AT + HOUR)

    submit(sheet)

    assert counts_of(level) == [-5]
    assert figures(level) == (80, 0)


def test_units_that_came_after_the_shelf_was_counted_stay_there():
    level = stock(units=10)
    sheet = counted_sheet({level: 10})
    receive_stock(
        location=level.location,
        received={level.variant_id: Received(units=5, value=Decimal(0))},
        reference="GR-2",
        at=COUNTED_AT + HOUR,
    )

    submit(sheet)

    assert (counts_of(level), figures(level)) == ([], (15, 0))


def test_a_sale_of_the_very_moment_lies_before_the_count():
    level = stock(units=10)
    sheet = counted_sheet({level: 9})
    sell(level, 1, COUNTED_AT)

    assert submit(sheet).units_off == 0


def test_a_sale_before_the_count_that_is_booked_after_it_is_not_missing():
    """The till was offline: what it sold in the morning is booked after noon's count."""
    level = stock(units=100)
    sheet = counted_sheet({level: 80})
    sell(level, 15, COUNTED_AT - HOUR / 2)

    submit(sheet)

    assert (counts_of(level), figures(level)) == ([-5], (80, 0))


def test_a_sale_booked_late_while_the_sheet_awaits_approval_is_not_missing():
    level = stock(units=100)
    sheet = submitted_sheet({level: 80})
    assert (sheet.status, sheet.units_off) == (Status.AWAITING_APPROVAL, 20)
    sell(level, 15, COUNTED_AT - HOUR / 2)

    approved = approve(sheet)

    assert (counts_of(level), figures(level), approved.units_off) == ([-5], (80, 0), 5)


def test_lines_have_a_moment_each():
    location = LocationFactory()
    early, late = (stock(units=10, location=location) for _ in range(2))
    sheet = open_sheet(early, late)
    enter(sheet, {early: 10})
    for level in (early, late):
        sell(level, 2, COUNTED_AT + HOUR, reference=f"POS-{level.pk}")
    enter(sheet, {late: 8}, counted_at=COUNTED_AT + 2 * HOUR)

    submit(sheet)

    assert [figures(level) for level in (early, late)] == [(8, 0), (8, 0)]
    assert StockMovement.objects.filter(kind="COUNT").count() == 0


# Posting


def test_post_count_posts_what_differs_by_little():
    clerk, level = UserFactory(), stock(units=10, value="20")
    sheet = counted_sheet({level: 8})

    posted = submit(sheet, by=clerk)

    movement = StockMovement.objects.get(kind="COUNT")
    line = line_of(sheet, level)
    assert (posted.status, posted.closed_at, posted.submitted_by) == (Status.POSTED, AT, clerk)
    assert (posted.units_limit, posted.value_limit) == (10, Decimal(50))
    assert (posted.units_off, posted.value_off) == (2, Decimal(4))
    assert (movement.quantity, movement.cost_value) == (-2, Decimal(-4))
    assert (movement.reference, movement.moved_at, movement.moved_by) == (sheet.number, AT, clerk)
    assert (movement.source_kind, movement.source_id) == ("COUNT", sheet.pk)
    assert movement.source_line_ids == [line.pk]
    assert (line.settled_at, pool_of(level)) == (AT, (8, Decimal(16)))
    assert differences() == []


def test_post_count_that_agrees_moves_nothing():
    level = stock()
    sheet = counted_sheet({level: 10})

    assert submit(sheet).status == Status.POSTED
    assert (counts_of(level), line_of(sheet, level).settled_at) == ([], AT)


def test_post_count_twice_posts_once():
    sheet = counted_sheet()
    submit(sheet)
    before = sheets()

    assert submit(sheet, at=AT + HOUR).status == Status.POSTED
    assert sheets() == before


def test_post_count_twice_awaits_approval_once():
    sheet = submitted_sheet({stock(): 99})
    before = sheets()

    assert submit(sheet).status == Status.AWAITING_APPROVAL
    assert sheets() == before


def test_post_count_of_a_cancelled_sheet_is_refused_also_when_it_was_handed_in():
    sheet = submitted_sheet({stock(): 99})
    cancel_count(count_id=sheet.pk, at=AT)
    before = sheets()

    with pytest.raises(WrongStatus, match="is cancelled"):
        submit(sheet)

    assert sheets() == before


def test_post_count_says_how_many_lines_have_no_figure():
    location = LocationFactory()
    counted, missing, forgotten = (stock(location=location) for _ in range(3))
    sheet = open_sheet(counted, missing, forgotten)
    enter(sheet, {counted: 10})
    before = sheets()

    with pytest.raises(NotAllCounted, match=f"2 of 3 lines of {sheet} are not counted yet"):
        submit(sheet)

    assert sheets() == before


def test_found_units_of_an_article_nobody_knew_there_come_in_at_its_average():
    elsewhere = stock(units=10, value="30")
    sheet, found_at = counted_sheet(), COUNTED_AT + HOUR
    [line] = add_count_lines(count_id=sheet.pk, variant_ids=[elsewhere.variant_id], at=COUNTED_AT)
    record_counts(count_id=sheet.pk, counted={line.pk: 4}, counted_at=found_at, at=found_at)

    submit(sheet)

    assert (figures(line.level), pool_of(line.level)) == ((4, 0), (14, Decimal(42)))
    assert differences() == []


def test_found_units_of_an_article_that_never_was_in_stock_are_worth_nothing_yet():
    sheet, unknown = counted_sheet(), VariantFactory()
    [line] = add_count_lines(count_id=sheet.pk, variant_ids=[unknown.pk], at=COUNTED_AT)
    record_counts(count_id=sheet.pk, counted={line.pk: 4}, counted_at=COUNTED_AT, at=COUNTED_AT)

    submit(sheet)

    assert (figures(line.level), pool_of(line.level)) == ((4, 0), (4, Decimal(0)))


def test_a_count_below_what_is_promised_takes_the_youngest_promises_back():
    level, clerk = stock(units=10), UserFactory()
    old = promise(level=level, units=4, reference="SO-1")
    young = promise(level=level, units=4, reference="SO-2", at=STOCKED_AT + HOUR)
    sheet = counted_sheet({level: 5})

    posted = post_count(count_id=sheet.pk, at=AT, by=clerk)
    again = post_count(count_id=sheet.pk, at=AT, by=clerk)

    [withdrawn] = posted.withdrawn
    assert list(again.withdrawn) == list(WithdrawnPromise.objects.all()) == [withdrawn]
    old.refresh_from_db()
    young.refresh_from_db()
    assert (figures(level), old.open_units, young.open_units) == ((5, 5), 4, 1)
    assert (withdrawn.allocation, withdrawn.units, withdrawn.cause) == (young, 3, "COUNT")
    assert (withdrawn.reference, withdrawn.withdrawn_by) == (sheet.number, clerk)
    assert differences() == []


def test_the_plan_tells_what_posting_does():
    level = stock(units=10, value="20")
    promise(level=level, units=4, reference="SO-1")
    young = promise(level=level, units=4, reference="SO-2", at=STOCKED_AT + HOUR)
    over = put_aside(level=level, units=1, expires_at=COUNTED_AT)
    sheet = counted_sheet({level: 5})

    plan = plan_count(count_id=sheet.pk, at=AT)
    submit(sheet)

    [off] = plan.off
    taken = {row.allocation: row.units for row in WithdrawnPromise.objects.all()}
    assert (off.expected, off.units, off.value) == (10, -5, Decimal(-10))
    assert (plan.units_off, plan.value_off, plan.errors) == (5, Decimal(10), {})
    assert plan.withdrawn == taken == {over: 1, young: 3}


def test_posting_a_count_settles_the_wishes_made_before_it():
    level = stock()
    request_counts(level_ids=[level.pk], reason="Looked odd", at=STOCKED_AT)

    submit(counted_sheet({level: 10}))

    assert CountRequest.objects.get().settled_at == AT


def test_a_wish_made_after_the_shelf_was_counted_stays_open():
    level = stock()
    sheet = counted_sheet({level: 10})
    request_counts(level_ids=[level.pk], reason="Looked odd", at=COUNTED_AT + HOUR)

    submit(sheet)

    assert CountRequest.objects.get().settled_at is None


def test_a_cancelled_sheet_settles_no_wish():
    level = stock()
    request_counts(level_ids=[level.pk], reason="Looked odd", at=STOCKED_AT)

    cancel_count(count_id=counted_sheet({level: 10}).pk, at=AT)

    assert CountRequest.objects.get().settled_at is None


@pytest.mark.parametrize("limit", [0, 1000])
def test_units_sold_after_they_were_counted_as_gone_are_counted_again(limit):
    location = LocationFactory(count_units_limit=limit)
    contradicted, fine = (stock(units=10, location=location) for _ in range(2))
    sheet = counted_sheet({contradicted: 2, fine: 9})
    sell(contradicted, 5, COUNTED_AT + HOUR)
    before = sheets()

    with pytest.raises(CountRefused, match="3 units were sold since that were counted as gone"):
        submit(sheet)
    assert sheets() == before
    assert list(plan_count(count_id=sheet.pk, at=AT).errors) == [line_of(sheet, contradicted).pk]

    request_recount(count_id=sheet.pk, line_ids=[line_of(sheet, contradicted).pk])
    enter(sheet, {contradicted: 5}, counted_at=COUNTED_AT + 2 * HOUR)
    submit(sheet)
    if limit == 0:
        approve(sheet)
    assert [figures(level) for level in (contradicted, fine)] == [(5, 0), (9, 0)]


def test_units_sold_while_a_sheet_awaits_approval_are_counted_again():
    level = stock(units=20)
    sheet = submitted_sheet({level: 2})
    sell(level, 5, COUNTED_AT + HOUR)
    before = sheets()

    with pytest.raises(CountRefused, match="Count it again"):
        approve(sheet)

    assert sheets() == before


def test_a_count_is_not_posted_into_a_closed_period():
    sheet, waiting = counted_sheet(), submitted_sheet({stock(units=20): 1})
    close_books(ends_at=AT + HOUR)
    before = sheets()

    with pytest.raises(PeriodClosed):
        submit(sheet)
    with pytest.raises(PeriodClosed):
        approve(waiting)

    assert sheets() == before


def test_what_was_counted_in_a_period_that_is_closed_by_now_is_booked_today():
    sheet = counted_sheet()
    close_books(ends_at=COUNTED_AT + HOUR)

    submit(sheet)

    assert StockMovement.objects.get(kind="COUNT").moved_at == AT


def test_a_sale_booked_after_the_sheet_was_posted_asks_for_another_count():
    """It counted what the sale took as missing, so the sale takes the unit a second time."""
    level = stock(units=10)
    submit(counted_sheet({level: 9}))

    sell(level, 1, COUNTED_AT - HOUR / 2, reference="POS-LATE")

    request = CountRequest.objects.get()
    assert (request.level, figures(level)) == (level, (8, 0))
    assert request.reason == "Sold by POS-LATE before it was counted, booked after"


def test_a_sale_after_the_count_asks_for_nothing():
    level = stock(units=10)
    submit(counted_sheet({level: 9}))

    sell(level, 1, AT + HOUR)

    assert CountRequest.objects.count() == 0


# Approval


@pytest.mark.parametrize(
    ("units_limit", "value_limit", "status"),
    [
        (2, "4.00", Status.POSTED),
        (1, "4.00", Status.AWAITING_APPROVAL),
        (2, "3.99", Status.AWAITING_APPROVAL),
        (0, "0", Status.AWAITING_APPROVAL),
    ],
)
def test_a_sheet_above_a_limit_awaits_approval(units_limit, value_limit, status):
    location = LocationFactory(count_units_limit=units_limit, count_value_limit=value_limit)
    level = stock(units=10, value="20", location=location)

    sheet = submitted_sheet({level: 8})

    assert (sheet.status, sheet.units_off, sheet.value_off) == (status, 2, Decimal(4))
    assert counts_of(level) == ([-2] if status == Status.POSTED else [])
    assert line_of(sheet, level).expected == 10


def test_gains_and_losses_are_added_up_not_set_off():
    location = LocationFactory(count_units_limit=10)
    more, fewer = (stock(units=10, location=location) for _ in range(2))

    sheet = submitted_sheet({more: 16, fewer: 4})

    assert (sheet.status, sheet.units_off) == (Status.AWAITING_APPROVAL, 12)


def test_approve_count_posts_with_reasons_and_keeps_who():
    level, manager = stock(units=20, value="20"), UserFactory()
    sheet = submitted_sheet({level: 2})
    line = line_of(sheet, level)

    approved = approve(sheet, by=manager, reasons={line.pk: "STOLEN"})

    line.refresh_from_db()
    assert (approved.status, approved.approved_at, approved.approved_by) == (
        Status.POSTED,
        AT,
        manager,
    )
    assert (line.reason, line.settled_at) == ("STOLEN", AT)
    assert (counts_of(level), figures(level)) == ([-18], (2, 0))
    assert differences() == []


def test_approve_count_twice_posts_once():
    sheet, manager = submitted_sheet({stock(): 99}), UserFactory()
    approve(sheet, by=manager)
    before = sheets()

    assert approve(sheet, by=manager).status == Status.POSTED
    assert sheets() == before


def test_approve_count_of_what_another_has_posted_is_refused():
    sheet = submitted_sheet({stock(): 99})
    approve(sheet)
    before = sheets()

    with pytest.raises(WrongStatus, match="there is nothing to approve"):
        approve(sheet)

    assert sheets() == before


def test_nobody_approves_what_they_handed_in():
    clerk = UserFactory()
    sheet = submitted_sheet({stock(): 99}, by=clerk)
    before = sheets()

    with pytest.raises(NotAllowed, match="Somebody who counted none of it approves a count"):
        approve(sheet, by=clerk)

    assert sheets() == before


def test_nobody_approves_what_they_counted_even_when_another_counted_it_again():
    level, manager = stock(), UserFactory()
    sheet = counted_sheet({level: 99}, by=manager)
    request_recount(count_id=sheet.pk, line_ids=[line_of(sheet, level).pk])
    enter(sheet, {level: 98}, counted_at=AT, by=UserFactory())
    submit(sheet, by=UserFactory())
    before = sheets()

    with pytest.raises(NotAllowed):
        approve(sheet, by=manager)

    assert sheets() == before


def test_approve_count_while_it_is_counted_is_refused():
    sheet = counted_sheet()
    before = sheets()

    with pytest.raises(WrongStatus, match="is counting: there is nothing to approve"):
        approve(sheet)

    assert sheets() == before


def test_a_sheet_of_many_lines_is_posted_in_one_act():
    location = LocationFactory()
    levels = [stock(units=2, value="2", location=location) for _ in range(30)]
    sheet = counted_sheet({level: n % 4 for n, level in enumerate(levels)})

    submit(sheet)
    approve(sheet)

    assert [figures(level)[0] for level in levels] == [n % 4 for n in range(30)]
    assert differences() == []


def test_stock_that_was_adjusted_meanwhile_is_not_adjusted_twice():
    level = stock(units=10)
    sheet = counted_sheet({level: 8})
    adjust_stock(
        location=level.location,
        quantities={level.variant_id: -2},
        reference="ADJ-1",
        reason="Broken this morning, booked late",
        at=COUNTED_AT - HOUR / 2,
    )

    submit(sheet)

    assert (counts_of(level), figures(level)) == ([], (8, 0))


def test_units_that_left_without_a_reason_are_what_a_count_finds():
    level = stock(units=10)
    issue_stock(
        location=level.location,
        units={level.variant_id: 1},
        kind="SALE",
        reference="S-1",
        at=COUNTED_AT - HOUR,
    )
    sheet = open_sheet(level)
    enter(sheet, {level: 7})

    assert submit(sheet).units_off == 2
