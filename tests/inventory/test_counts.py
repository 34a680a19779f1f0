"""Sheets to be counted, and the figures that come back."""

from datetime import UTC, datetime, timedelta

import pytest

from inventory.models import (
    CountRequest,
    Location,
    StockCount,
    StockCountEntry,
    StockCountLine,
    StockLevel,
)
from inventory.operations import (
    CountReasonMissing,
    CountRefused,
    NothingCounted,
    NothingToCount,
    NotStocked,
    ReferenceUsed,
    SheetRefused,
    SheetRow,
    UnknownLocation,
    UnknownVariant,
    add_count_lines,
    cancel_count,
    drop_uncounted_lines,
    issue_stock,
    open_count,
    post_count,
    record_counts,
    record_sheet,
    request_counts,
    request_recount,
)
from retail.common.errors import WrongStatus
from tests.factories.catalog import CategoryFactory, ProductFactory, VariantFactory
from tests.factories.common import UserFactory
from tests.factories.inventory import STOCKED_AT, LocationFactory, stock
from tests.factories.inventory_counts import (
    COUNTED_AT,
    OPENED_AT,
    counted_sheet,
    enter,
    line_of,
    open_sheet,
    submitted_sheet,
)
from tests.inventory.shared import everything

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
Status = StockCount.Status


def sheets():
    """Return all rows of counts, beside those of stock, to see that nothing changed."""
    models = (StockCount, StockCountLine, StockCountEntry)
    return [list(model.objects.order_by("pk").values_list()) for model in models] + everything()


def opened(location, key="C-1", **chosen):
    return open_count(location=location, key=key, at=OPENED_AT, **chosen)


def levels_of(count):
    return {line.level for line in count.lines.select_related("level")}


def counted_of(count):
    return {line.level: line.counted for line in count.lines.select_related("level")}


# What is put on a sheet


def test_open_count_takes_what_lies_there():
    level, clerk = stock(), UserFactory()
    stock()
    empty = stock(location=level.location, units=1)
    issue_stock(
        location=level.location,
        units={empty.variant_id: 1},
        kind="SALE",
        reference="S-1",
        at=STOCKED_AT,
    )

    count = opened(level.location, by=clerk)

    assert levels_of(count) == {level}
    assert (count.status, count.is_blind, count.selection) == (
        Status.COUNTING,
        True,
        "Everything here",
    )
    assert (count.opened_at, count.opened_by) == (OPENED_AT, clerk)
    assert line_of(count, level).added_at == OPENED_AT


def test_open_count_takes_a_category_and_what_lies_below_it():
    above = CategoryFactory(name="Kitchen")
    below = CategoryFactory(name="Pans", parent=above)
    location = LocationFactory()
    pan = stock(location=location, variant=VariantFactory(product=ProductFactory(category=below)))
    stock(location=location)

    count = opened(location, category=above)

    assert levels_of(count) == {pan}
    assert count.selection == "Category Kitchen"


def test_open_count_takes_an_abc_class():
    location = LocationFactory()
    sold, idle = (stock(location=location, value="100") for _ in range(2))
    issue_stock(
        location=location,
        units={sold.variant_id: 5},
        kind="SALE",
        reference="S-1",
        at=STOCKED_AT,
    )

    assert levels_of(opened(location, key="A", abc_class="A")) == {sold}
    assert levels_of(opened(location, key="C", abc_class="C")) == {idle}


def test_open_count_takes_what_somebody_asked_for():
    location = LocationFactory()
    doubted, settled, _other = (stock(location=location) for _ in range(3))
    request_counts(level_ids=[doubted.pk, settled.pk], reason="Looked odd", at=STOCKED_AT)
    CountRequest.objects.filter(level=settled).update(settled_at=STOCKED_AT)

    count = opened(location, only_requested=True)

    assert levels_of(count) == {doubted}
    assert count.selection == "What somebody asked to be counted"


def test_open_count_takes_named_articles_that_never_were_there():
    location, variant = LocationFactory(), VariantFactory()

    count = opened(location, variant_ids=[variant.pk])

    level = StockLevel.objects.get(variant=variant, location=location)
    assert levels_of(count) == {level}
    assert count.selection == "1 articles by name"


def test_open_count_leaves_out_what_is_on_another_open_sheet_and_says_so():
    location = LocationFactory()
    busy, free = (stock(location=location) for _ in range(2))
    open_sheet(busy)

    count = opened(location)

    assert levels_of(count) == {free}
    assert count.selection == "Everything here; 1 left out, on other open sheets"


def test_open_count_takes_what_was_on_a_sheet_that_is_closed():
    level = stock()
    submitted_sheet({level: 10})
    cancel_count(count_id=open_sheet(level).pk, at=AT)

    assert levels_of(opened(level.location)) == {level}


def test_open_count_again_returns_the_first_sheet():
    level = stock()
    first = opened(level.location)
    before = sheets()

    assert opened(level.location) == first
    assert sheets() == before


def test_open_count_keeps_a_key_to_its_location():
    opened(stock().location)
    before = sheets()

    with pytest.raises(ReferenceUsed):
        opened(stock().location)

    assert sheets()[:3] == before[:3]


@pytest.mark.parametrize(
    "chosen", [{}, {"abc_class": "A"}, {"only_requested": True}, {"variant_ids": []}]
)
def test_open_count_of_nothing_is_refused(chosen):
    location = LocationFactory()

    with pytest.raises(NothingToCount, match="Nothing to count"):
        opened(location, **chosen)

    assert StockCount.objects.count() == 0


def test_open_count_of_what_is_all_on_another_sheet_is_refused():
    level = stock()
    open_sheet(level)
    before = sheets()

    with pytest.raises(NothingToCount):
        opened(level.location)

    assert sheets() == before


def test_open_count_refuses_what_is_not_kept_in_stock_or_not_known():
    location, postage = LocationFactory(), VariantFactory(is_stocked=False)

    with pytest.raises(NotStocked):
        opened(location, variant_ids=[postage.pk])
    with pytest.raises(UnknownVariant):
        opened(location, variant_ids=[4711])

    assert (StockCount.objects.count(), StockLevel.objects.count()) == (0, 0)


@pytest.mark.parametrize("place", ["never stored", "deleted"])
def test_open_count_refuses_a_location_nobody_knows(place):
    if place == "never stored":
        location = Location(code="nowhere", name="Nowhere", kind="STORE")
    else:
        location = LocationFactory()
        Location.objects.filter(pk=location.pk).delete()
    before = sheets()

    with pytest.raises(UnknownLocation):
        opened(location)

    assert sheets() == before


def test_add_count_lines_puts_found_articles_on_the_sheet():
    count, found = open_sheet(), VariantFactory()

    [line] = add_count_lines(count_id=count.pk, variant_ids=[found.pk], at=COUNTED_AT)

    assert (line.level.variant, line.level.location) == (found, count.location)
    assert (line.level.on_hand, line.added_at, count.lines.count()) == (0, COUNTED_AT, 2)


def test_add_count_lines_twice_puts_an_article_there_once():
    level = stock()
    count = open_sheet(level)
    before = sheets()

    [line] = add_count_lines(count_id=count.pk, variant_ids=[level.variant_id], at=COUNTED_AT)

    assert line == line_of(count, level)
    assert sheets() == before


def test_add_count_lines_refuses_what_is_on_another_sheet():
    location = LocationFactory()
    here, there = (stock(location=location) for _ in range(2))
    count, other = open_sheet(here), open_sheet(there)
    before = sheets()

    with pytest.raises(CountRefused, match=f"{there.variant} is on another open sheet, {other}"):
        add_count_lines(
            count_id=count.pk, variant_ids=[there.variant_id, VariantFactory().pk], at=AT
        )

    assert sheets() == before


@pytest.mark.parametrize("act", ["add", "record", "file", "drop"])
def test_a_sheet_that_was_handed_in_takes_no_more(act):
    level = stock()
    count = submitted_sheet({level: 10})
    line = line_of(count, level)
    acts = {
        "add": lambda: add_count_lines(count_id=count.pk, variant_ids=[level.variant_id], at=AT),
        "record": lambda: record_counts(
            count_id=count.pk, counted={line.pk: 3}, counted_at=AT, at=AT
        ),
        "file": lambda: record_sheet(
            count_id=count.pk,
            rows=[SheetRow(line_number=2, sku=level.variant.sku, counted=3)],
            counted_at=AT,
            at=AT,
        ),
        "drop": lambda: drop_uncounted_lines(count_id=count.pk),
    }
    before = sheets()

    with pytest.raises(WrongStatus, match=f"{count} is posted: no figures are taken any more"):
        acts[act]()

    assert sheets() == before


# Figures


def test_record_counts_keeps_figure_moment_and_person():
    level, clerk = stock(), UserFactory()
    count = open_sheet(level)

    enter(count, {level: 0}, by=clerk)

    line, entry = line_of(count, level), StockCountEntry.objects.get()
    assert (line.counted, line.counted_at, line.counted_by) == (0, COUNTED_AT, clerk)
    assert (entry.line, entry.round, entry.counted) == (line, 0, 0)
    assert (entry.counted_at, entry.counted_by) == (COUNTED_AT, clerk)
    assert StockLevel.objects.get().on_hand == 10


def test_record_counts_twice_is_done_once():
    level = stock()
    count = open_sheet(level)
    first = enter(count, {level: 9})
    before = sheets()

    assert enter(count, {level: 9}, at=AT) == first
    assert sheets() == before


def test_record_counts_takes_a_clock_a_little_ahead_for_now_and_twice_for_once():
    level = stock()
    count = open_sheet(level)
    ahead = COUNTED_AT + timedelta(seconds=59)

    enter(count, {level: 9}, counted_at=ahead, at=COUNTED_AT)
    enter(count, {level: 9}, counted_at=ahead, at=COUNTED_AT + timedelta(seconds=2))

    assert line_of(count, level).counted_at == COUNTED_AT
    assert StockCountEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("units", "counted_at", "said"),
    [
        (-1, COUNTED_AT, "-1 units cannot have been counted."),
        (1_000_000_000, COUNTED_AT, "1000000000 units cannot have been counted."),
        (1, OPENED_AT - timedelta(seconds=1), "was counted before it was put on the sheet."),
        (1, COUNTED_AT + timedelta(seconds=61), "was counted at a moment that is still to come."),
    ],
)
def test_record_counts_refuses_what_makes_no_sense(units, counted_at, said):
    level = stock()
    count = open_sheet(level)
    before = sheets()

    with pytest.raises(CountRefused, match=said) as refusal:
        enter(count, {level: units}, counted_at=counted_at, at=COUNTED_AT)

    assert list(refusal.value.errors) == [line_of(count, level).pk]
    assert sheets() == before


def test_record_counts_names_all_errors_at_once_and_takes_nothing():
    location = LocationFactory()
    negative, done, fine = (stock(location=location) for _ in range(3))
    stranger = line_of(open_sheet(elsewhere := stock()), elsewhere)
    count = open_sheet(negative, done, fine)
    enter(count, {done: 1})
    lines = {level: line_of(count, level).pk for level in (negative, done, fine)}
    before = sheets()

    with pytest.raises(CountRefused) as refusal:
        record_counts(
            count_id=count.pk,
            counted={lines[negative]: -1, lines[done]: 2, lines[fine]: 3, stranger.pk: 4},
            counted_at=COUNTED_AT,
            at=COUNTED_AT,
        )

    assert refusal.value.errors == {
        lines[negative]: f"{negative.variant}: -1 units cannot have been counted.",
        lines[done]: f"{done.variant} was counted already; ask for a recount to count it again.",
        stranger.pk: "A line is not on this sheet.",
    }
    assert sheets() == before


def test_record_counts_without_a_figure_is_refused():
    count = open_sheet()

    with pytest.raises(NothingCounted):
        record_counts(count_id=count.pk, counted={}, counted_at=COUNTED_AT, at=COUNTED_AT)


# Recounts


def test_request_recount_sends_a_line_back_and_keeps_what_was_counted():
    location = LocationFactory()
    doubted, sure = (stock(location=location) for _ in range(2))
    count = submitted_sheet({doubted: 80, sure: 10})
    assert count.status == Status.AWAITING_APPROVAL

    request_recount(count_id=count.pk, line_ids=[line_of(count, doubted).pk])
    enter(count, {doubted: 9}, counted_at=AT)

    count.refresh_from_db()
    line = line_of(count, doubted)
    assert (count.status, count.submitted_at, count.units_off) == (Status.COUNTING, None, None)
    assert (line.recounts, line.counted, line_of(count, sure).counted) == (1, 9, 10)
    assert list(line.entries.order_by("round").values_list("round", "counted")) == [
        (0, 80),
        (1, 9),
    ]


def test_request_recount_while_counting_lets_a_slip_be_put_right():
    level = stock()
    count = counted_sheet({level: 1})

    request_recount(count_id=count.pk, line_ids=[line_of(count, level).pk] * 2)

    assert (line_of(count, level).recounts, counted_of(count)) == (1, {level: None})


def test_a_recount_is_later_than_what_was_counted_before():
    level = stock()
    count = counted_sheet({level: 1})
    request_recount(count_id=count.pk, line_ids=[line_of(count, level).pk])
    before = sheets()

    with pytest.raises(CountRefused, match="is to be counted again; this was counted before that"):
        enter(count, {level: 1}, at=AT)

    assert sheets() == before


def test_request_recount_names_every_line_that_was_not_counted():
    level = stock()
    count = open_sheet(level)
    before = sheets()

    with pytest.raises(CountRefused) as refusal:
        request_recount(count_id=count.pk, line_ids=[line_of(count, level).pk, 4711])

    assert list(refusal.value.errors.values()) == [
        f"{level.variant} was not counted yet.",
        "A line is not on this sheet.",
    ]
    assert sheets() == before


def test_request_recount_of_no_line_is_refused():
    count = submitted_sheet({stock(): 99})
    before = sheets()

    with pytest.raises(NothingToCount, match="Choose what is to be counted again"):
        request_recount(count_id=count.pk, line_ids=[])

    assert sheets() == before


@pytest.mark.parametrize("close", ["post", "cancel"])
def test_request_recount_of_a_closed_sheet_is_refused(close):
    level = stock()
    count = counted_sheet({level: 10})
    if close == "post":
        post_count(count_id=count.pk, at=AT)
    else:
        cancel_count(count_id=count.pk, at=AT)
    before = sheets()

    with pytest.raises(WrongStatus, match="nothing is counted again"):
        request_recount(count_id=count.pk, line_ids=[line_of(count, level).pk])

    assert sheets() == before


# Leaving out and giving up


def test_drop_uncounted_lines_leaves_what_was_counted_and_what_was_sent_back():
    location = LocationFactory()
    counted, sent_back, dropped = (stock(location=location) for _ in range(3))
    count = open_sheet(counted, sent_back, dropped)
    enter(count, {counted: 10, sent_back: 3})
    request_recount(count_id=count.pk, line_ids=[line_of(count, sent_back).pk])

    assert drop_uncounted_lines(count_id=count.pk) == 1

    assert levels_of(count) == {counted, sent_back}
    assert drop_uncounted_lines(count_id=count.pk) == 0


def test_drop_uncounted_lines_does_not_leave_a_sheet_empty():
    count = open_sheet()
    before = sheets()

    with pytest.raises(NothingCounted, match="Cancel the sheet instead"):
        drop_uncounted_lines(count_id=count.pk)

    assert sheets() == before


def test_cancel_count_changes_no_stock_and_is_done_once():
    level = stock()
    count = counted_sheet({level: 1})
    before = everything()

    cancel_count(count_id=count.pk, at=AT)
    cancelled = cancel_count(count_id=count.pk, at=AT + timedelta(days=1))

    assert (cancelled.status, cancelled.closed_at) == (Status.CANCELLED, AT)
    assert line_of(count, level).settled_at == AT
    assert everything() == before


def test_cancel_count_of_a_posted_sheet_is_refused():
    count = submitted_sheet({stock(): 10})
    before = sheets()

    with pytest.raises(WrongStatus, match=f"{count} is posted"):
        cancel_count(count_id=count.pk, at=AT)

    assert sheets() == before


# The file of a sheet


def row(line_number, level, counted, **more):
    return SheetRow(line_number=line_number, sku=level.variant.sku, counted=counted, **more)


def hand_back(count, *rows, at=COUNTED_AT):
    return record_sheet(count_id=count.pk, rows=rows, counted_at=COUNTED_AT, at=at)


def test_record_sheet_takes_figures_with_their_moments():
    location = LocationFactory()
    early, late = (stock(location=location) for _ in range(2))
    count = open_sheet(early, late)
    moment = OPENED_AT + timedelta(minutes=5)

    taken = hand_back(
        count,
        row(2, early, 7, counted_at=moment, round=0),
        SheetRow(line_number=3, sku=late.variant.sku.lower(), counted=0),
    )

    assert {line.level: line.counted for line in taken} == {early: 7, late: 0}
    assert line_of(count, early).counted_at == moment
    assert line_of(count, late).counted_at == COUNTED_AT


def test_record_sheet_twice_changes_nothing():
    level = stock()
    count = open_sheet(level)
    hand_back(count, row(2, level, 7, round=0))
    before = sheets()

    assert hand_back(count, row(2, level, 7, round=0), at=AT) == []
    assert sheets() == before


def test_record_sheet_of_the_first_round_does_not_answer_a_recount():
    level = stock()
    count = counted_sheet({level: 7})
    request_recount(count_id=count.pk, line_ids=[line_of(count, level).pk])

    assert hand_back(count, row(2, level, 7, round=0), at=AT) == []

    assert line_of(count, level).counted is None


def test_record_sheet_names_all_errors_by_line_and_takes_nothing():
    location = LocationFactory()
    fine, negative, early, done, other_round = (stock(location=location) for _ in range(5))
    count = open_sheet(fine, negative, early, done, other_round)
    enter(count, {done: 5})
    stranger = VariantFactory()
    before = sheets()

    with pytest.raises(SheetRefused) as refusal:
        hand_back(
            count,
            row(2, fine, 1),
            row(3, negative, -1),
            row(4, early, 1, counted_at=OPENED_AT - timedelta(days=1)),
            row(5, done, 6),
            row(6, fine, 1),
            SheetRow(line_number=7, sku="NOBODY-KNOWS", counted=1),
            SheetRow(line_number=8, sku=stranger.sku, counted=1),
            SheetRow(line_number=9, error="'x' is not a number."),
            row(10, other_round, 1, round=1),
        )

    assert refusal.value.errors == {
        3: f"{negative.variant}: -1 units cannot have been counted.",
        4: f"{early.variant} was counted before it was put on the sheet.",
        5: f"{done.variant} was counted already, as 5; ask for a recount to count it again.",
        6: f"{fine.variant} stands on line 2 already.",
        7: "No article has the SKU NOBODY-KNOWS.",
        8: f"{stranger.sku} is not on this sheet.",
        9: "'x' is not a number.",
        10: f"{other_round.variant} is counted in round 0, not 1.",
    }
    assert refusal.value.message.splitlines()[0].startswith("Line 3: ")
    assert sheets() == before


def test_record_sheet_without_a_figure_is_refused():
    with pytest.raises(NothingCounted, match="The file holds no figure"):
        hand_back(open_sheet())


# Wishes


def test_request_counts_asks_once_per_level():
    level, clerk = stock(), UserFactory()

    [first] = request_counts(level_ids=[level.pk], reason=" Empty shelf ", at=AT, by=clerk)
    [second] = request_counts(level_ids=[level.pk], reason="Again", at=AT)

    assert first == second
    assert (first.reason, first.requested_at, first.requested_by) == ("Empty shelf", AT, clerk)


def test_request_counts_without_a_reason_is_refused():
    with pytest.raises(CountReasonMissing):
        request_counts(level_ids=[stock().pk], reason=" ", at=AT)

    assert CountRequest.objects.count() == 0
