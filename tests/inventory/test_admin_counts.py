"""Counting at the desk: the sheet on the screen and as a file, handed in and approved."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from inventory.models import CountRequest, StockCount, StockCountEntry, StockCountLine
from inventory.operations import request_counts, request_recount, sell_stock
from tests.factories.catalog import BarcodeFactory, CategoryFactory, ProductFactory, VariantFactory
from tests.factories.inventory import STOCKED_AT, LocationFactory, promise, stock
from tests.factories.inventory_counts import (
    COUNTED_AT,
    counted_sheet,
    enter,
    line_of,
    open_sheet,
    submitted_sheet,
)
from tests.inventory.shared import figures
from tests.inventory.test_counts import sheets
from tests.people import browser_of, confirm, person_who_may, superuser

pytestmark = pytest.mark.django_db
VIEW = (
    "inventory.view_stockcount",
    "inventory.view_stockcountline",
    "inventory.view_stockcountentry",
    "inventory.view_countrequest",
    "inventory.view_stocklevel",
    "inventory.view_location",
)
COUNT = (*VIEW, "inventory.add_stockcount", "inventory.change_stockcount")
APPROVE = (*COUNT, "inventory.approve_stockcount")
SEES_COST = "inventory.view_costpool"
ACTS = ["scan", "figures", "submit", "approve", "upload", "recount", "drop", "cancel"]


def clerk():
    return browser_of(person_who_may(*COUNT))


def manager(*more):
    return browser_of(person_who_may(*APPROVE, *more))


def list_url(model="stockcount"):
    return reverse(f"admin:inventory_{model}_changelist")


def page_url(row):
    return reverse(f"admin:inventory_{row._meta.model_name}_change", args=[row.pk])


def act_url(row, name):
    return reverse(f"admin:inventory_{row._meta.model_name}_act", args=[row.pk, name])


def sheet_url(count):
    return reverse("admin:inventory_stockcount_download", args=[count.pk, "sheet"])


def new_url():
    return reverse("admin:inventory_stockcount_page_act", args=["new"])


def shown(browser, url):
    return browser.get(url).content.decode()


def done(browser, count, act, **fields):
    """Do an act whose form needs no second look; return the page that follows."""
    answer = browser.post(act_url(count, act), {"key": "k1"} | fields, follow=True)
    return answer.content.decode()


def file_of(browser, count):
    return b"".join(browser.get(sheet_url(count)).streaming_content).decode("utf-8-sig")


def hand_back(browser, count, text, name="sheet.csv"):
    return done(browser, count, "upload", file=SimpleUploadedFile(name, text.encode()))


# Opening


def test_new_count_puts_a_category_on_a_blind_sheet():
    location, category = LocationFactory(), CategoryFactory(name="Kitchen")
    pan = stock(
        location=location, variant=VariantFactory(product=ProductFactory(category=category))
    )
    stock(location=location)
    fields = {"key": "k1", "location": location.pk, "category": category.pk, "is_blind": "on"}

    answer = clerk().post(new_url(), fields, follow=True)

    count = StockCount.objects.get()
    assert [line.level for line in count.lines.select_related("level")] == [pan]
    assert (count.is_blind, count.key, count.opened_by is None) == (True, "k1", False)
    assert f"{count} has 1 articles. Category Kitchen." in answer.content.decode()


def test_new_count_of_an_abc_class_and_wishes_only():
    location = LocationFactory()
    wished, _other = stock(location=location), stock(location=location)
    request_counts(level_ids=[wished.pk], reason="Looked odd", at=STOCKED_AT)
    fields = {"key": "k1", "location": location.pk, "abc_class": "C", "only_requested": "on"}

    clerk().post(new_url(), fields)

    count = StockCount.objects.get()
    assert (count.lines.get().level, count.is_blind) == (wished, False)
    assert count.selection == "Class C, what somebody asked to be counted"


def test_new_count_sent_twice_opens_one_sheet():
    level, browser = stock(), clerk()

    for _ in range(2):
        browser.post(new_url(), {"key": "k1", "location": level.location_id})

    assert StockCount.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Nothing to count"),
        ({"location": "4711"}, "That choice is not one of the available choices."),
        ({"category": "4711"}, "That choice is not one of the available choices."),
        ({"abc_class": "X"}, "Select a valid choice. X is not one of the available choices."),
    ],
)
def test_new_count_says_what_is_wrong_and_opens_nothing(changes, said):
    location = LocationFactory()
    if changes:
        stock(location=location)

    answer = clerk().post(new_url(), {"key": "k1", "location": location.pk} | changes)

    assert said in answer.content.decode()
    assert StockCount.objects.count() == 0


# Figures


def test_a_scan_enters_what_was_counted_and_asks_for_the_next():
    level, other = (stock(location=place) for place in [LocationFactory()] * 2)
    count, browser = open_sheet(level, other), clerk()

    answer = browser.post(
        act_url(count, "scan"),
        {"key": "k1", "article": level.variant.sku.lower(), "counted": "0"},
        follow=True,
    )

    line = line_of(count, level)
    assert (line.counted, line.counted_by is None) == (0, False)
    assert answer.redirect_chain[-1][0] == act_url(count, "scan")
    assert f"{level.variant}: 0 units. 1 articles are left to count." in answer.content.decode()


def test_the_code_of_a_pack_counts_packs():
    level = stock()
    BarcodeFactory(variant=level.variant, code="4006381333931", pack_size=6)
    count = open_sheet(level)

    done(clerk(), count, "scan", article="4006381333931", counted="2")

    assert line_of(count, level).counted == 12


def test_a_scan_says_when_it_was_counted():
    level = stock()
    count = open_sheet(level)
    moment = timezone.localtime(COUNTED_AT)

    done(
        clerk(),
        count,
        "scan",
        article=level.variant.sku,
        counted="9",
        counted_at=moment.strftime("%Y-%m-%dT%H:%M:%S"),
    )

    assert line_of(count, level).counted_at == COUNTED_AT


def test_a_scan_puts_a_found_article_on_the_sheet_when_told_to():
    count, found = open_sheet(), VariantFactory()
    browser = clerk()

    refused = done(browser, count, "scan", article=found.sku, counted="3")
    assert count.lines.count() == 1
    taken = done(browser, count, "scan", article=found.sku, counted="3", is_found="on")

    assert f"{found} is not on this sheet. Put it there, if it is found here." in refused
    assert f"{found}: 3 units." in taken
    assert count.lines.get(level__variant=found).counted == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"article": "NOBODY-KNOWS"}, "No article has the code NOBODY-KNOWS."),
        ({"counted": "-1"}, "-1 units cannot have been counted."),
        ({"counted": "99999999999"}, "99999999999 units cannot have been counted."),
        ({"counted": "1.5"}, "Enter a whole number."),
        ({"counted": ""}, "This field is required."),
        ({"counted_at": "2020-01-01T10:00"}, "was counted before it was put on the sheet."),
        ({"counted_at": "2099-01-01T10:00"}, "at a moment that is still to come."),
        ({"counted_at": "soon"}, "Enter a valid date/time."),
    ],
)
def test_a_scan_says_what_is_wrong_and_takes_nothing(changes, said):
    level = stock()
    count = open_sheet(level)
    fields = {"article": level.variant.sku, "counted": "1"} | changes
    before = sheets()

    assert said in done(clerk(), count, "scan", **fields)
    assert sheets() == before


def test_a_scan_of_what_is_not_kept_in_stock_is_refused():
    count, postage = open_sheet(), VariantFactory(is_stocked=False)

    page = done(clerk(), count, "scan", article=postage.sku, counted="1", is_found="on")

    assert f"{postage.sku} is not kept in stock." in page
    assert count.lines.count() == 1


def test_a_figure_sent_twice_is_entered_once_and_another_one_is_refused():
    level = stock()
    count, browser = open_sheet(level), clerk()
    done(browser, count, "scan", article=level.variant.sku, counted="9")
    before = sheets()

    same = done(browser, count, "scan", article=level.variant.sku, counted="9")
    other = done(browser, count, "scan", article=level.variant.sku, counted="8")

    assert f"{level.variant}: 9 units." in same
    assert "was counted already; ask for a recount to count it again." in other
    assert sheets() == before


def test_figures_are_typed_into_the_table_of_what_is_left():
    location = LocationFactory()
    done_already, typed, empty = (stock(location=location) for _ in range(3))
    count, browser = open_sheet(done_already, typed, empty), clerk()
    enter(count, {done_already: 1})

    page = shown(browser, act_url(count, "figures"))
    lines = {level: line_of(count, level).pk for level in (done_already, typed, empty)}
    told = done(
        browser,
        count,
        "figures",
        **{f"counted_{lines[typed]}": "0", f"counted_{lines[empty]}": ""},
    )

    assert f"counted_{lines[done_already]}" not in page
    assert "2 articles are left to count; the first 50 are here." in page
    assert "1 articles are counted." in told
    assert line_of(count, typed).counted == 0
    assert line_of(count, empty).counted is None


def test_figures_name_all_errors_at_once_and_take_nothing():
    location = LocationFactory()
    negative, meanwhile, fine = (stock(location=location) for _ in range(3))
    count = open_sheet(negative, meanwhile, fine)
    enter(count, {meanwhile: 1})
    typed = {negative: "-1", meanwhile: "4", fine: "3"}
    before = sheets()

    page = done(
        clerk(),
        count,
        "figures",
        **{f"counted_{line_of(count, level).pk}": units for level, units in typed.items()},
    )

    assert f"{negative.variant}: -1 units cannot have been counted." in page
    assert f"{meanwhile.variant} was counted already" in page
    assert sheets() == before


def test_figures_without_a_figure_are_refused():
    page = done(clerk(), open_sheet(), "figures")

    assert "No figure was given." in page


# The file


def test_the_sheet_goes_out_as_a_file_with_what_is_expected():
    location = LocationFactory()
    counted, left = (stock(location=location, units=units) for units in (10, 4))
    count = open_sheet(counted, left)
    enter(count, {counted: 9})
    sell_stock(
        location=location,
        units={counted.variant_id: 5},
        reference="POS-1",
        at=COUNTED_AT + timedelta(hours=1),
    )

    answer = clerk().get(sheet_url(count))

    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    moment = timezone.localtime(COUNTED_AT).isoformat()
    name_of = {level: level.variant.product.name for level in (counted, left)}
    assert answer["Content-Disposition"] == f'attachment; filename="{count.number}.csv"'
    assert lines == [
        "sheet,sku,article,round,counted,counted_at,expected",
        f"{count},{counted.variant},{name_of[counted]},0,9,{moment},10",
        f"{count},{left.variant},{name_of[left]},0,,,4",
    ]


def test_a_blind_sheet_goes_out_without_what_is_expected():
    count = open_sheet(is_blind=True)

    text = file_of(manager(SEES_COST), count)

    assert text.splitlines()[0] == "sheet,sku,article,round,counted,counted_at"
    assert text.splitlines()[1].endswith(",0,,")


def test_a_filled_in_file_comes_in_and_a_second_time_changes_nothing():
    location = LocationFactory()
    first, second, empty = (stock(location=location) for _ in range(3))
    count, browser = open_sheet(first, second, empty), clerk()
    head, *lines = file_of(browser, count).splitlines()
    filled = "\r\n".join(
        [
            head,
            lines[0].replace(",0,,,", ",0,7,2026-11-20 09:30,"),
            lines[1].replace(",0,,,", ",0,0,,"),
            lines[2],
        ]
    )

    told = hand_back(browser, count, filled)
    before = sheets()
    told_again = hand_back(browser, count, filled)

    assert "2 articles are counted; 0 were known already." in told
    assert "0 articles are counted; 2 were known already." in told_again
    assert sheets() == before
    counted = [line_of(count, level).counted for level in (first, second, empty)]
    assert counted == [7, 0, None]
    moment = timezone.localtime(line_of(count, first).counted_at)
    assert f"{moment:%Y-%m-%d %H:%M}" == "2026-11-20 09:30"


def test_a_file_with_semicolons_and_titles_in_any_order_comes_in():
    level = stock()
    count = open_sheet(level)

    hand_back(clerk(), count, f"counted;sku\r\n7;{level.variant.sku}\r\n")

    assert line_of(count, level).counted == 7


def test_an_sku_that_looks_like_a_formula_comes_back():
    level = stock(variant=VariantFactory(sku="=SUM-1"))
    count, browser = open_sheet(level), clerk()

    text = file_of(browser, count)
    hand_back(browser, count, text.replace(",0,,,", ",0,7,,"))

    assert "'=SUM-1" in text
    assert line_of(count, level).counted == 7


def test_a_file_names_what_is_wrong_line_by_line_and_takes_nothing():
    location = LocationFactory()
    fine, other = (stock(location=location) for _ in range(2))
    count = open_sheet(fine, other)
    text = "\n".join(
        [
            "sheet,sku,round,counted,counted_at",
            f"{count},{fine.variant},0,5,",
            f"{count},{other.variant},0,five,",
            f"{count},{fine.variant},0,5,",
            f"{count},NOBODY-KNOWS,0,5,",
            f"SC-1,{other.variant},0,5,",
            f"{count},{other.variant},first,5,",
            f"{count},{other.variant},0,5,yesterday",
            f"{count},{other.variant},0,5,,,more",
            f"{count},{other.variant},0,-5,",
        ]
    )
    before = sheets()

    page = hand_back(clerk(), count, text)

    for told in (
        "Line 3: &#x27;five&#x27; is not a number.",
        f"Line 4: {fine.variant} stands on line 2 already.",
        "Line 5: No article has the SKU NOBODY-KNOWS.",
        f"Line 6: This line belongs to SC-1, not to {count}.",
        "Line 7: &#x27;first&#x27; is not a number.",
        "Line 8: &#x27;yesterday&#x27; is not a moment; write it like 2026-11-20 09:30.",
        "Line 9: The line has 7 columns instead of 5.",
        f"Line 10: {other.variant} stands on line 3 already.",
    ):
        assert told in page, told
    assert page.count("<br>Line ") == 7
    assert sheets() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The submitted file is empty."),
        ("sku,figure\nA,1\n", "These columns are missing: counted."),
        ("sku,sku,counted\nA,A,1\n", "These column titles stand there more than once: sku."),
        ("sku,counted\nA,\n", "The file holds no figure."),
    ],
)
def test_a_file_that_is_no_sheet_is_refused(text, said):
    count = open_sheet()
    before = sheets()

    assert said in hand_back(clerk(), count, text)
    assert sheets() == before


# Handing in and approving


def test_hand_in_shows_what_differs_and_which_promises_give_way():
    level = stock(units=10, value="20")
    promise(level=level, units=9, reference="SO-77")
    count, browser = counted_sheet({level: 8}), browser_of(person_who_may(*COUNT, SEES_COST))

    plan = browser.post(act_url(count, "submit"), {"key": "k1"}).content.decode()
    assert figures(level) == (10, 9)
    answer = confirm(browser, act_url(count, "submit"), {"key": "k1"})

    assert f"{level.variant}: 8 counted, 10 expected, -2 units, -4.00 GBP." in plan
    assert "0 articles are as expected, the others 2 units off, worth 4.00 GBP." in plan
    assert f"1 of {level.variant}, promised to SO-77, are taken back." in plan
    assert "it is posted at once." in plan
    assert f"{count} is posted; stock is as it was counted." in answer.content.decode()
    assert figures(level) == (8, 8)


def test_hand_in_shows_no_value_to_those_who_may_not_see_cost():
    count = counted_sheet({stock(units=10, value="20"): 8})

    plan = clerk().post(act_url(count, "submit"), {"key": "k1"}).content.decode()

    assert "8 counted, 10 expected, -2 units." in plan
    assert "4.00" not in plan


def test_hand_in_of_a_sheet_that_differs_much_says_that_it_waits():
    level = stock()
    count, browser = counted_sheet({level: 99}), clerk()

    plan = browser.post(act_url(count, "submit"), {"key": "k1"}).content.decode()
    answer = confirm(browser, act_url(count, "submit"), {"key": "k1"})

    assert "it waits for the approval of somebody else." in plan
    assert "waits for the approval of somebody who counted none of it." in answer.content.decode()
    assert figures(level) == (10, 0)


def test_what_has_changed_since_it_was_shown_is_shown_again():
    level = stock(units=10)
    count, browser = counted_sheet({level: 8}), clerk()
    page = browser.post(act_url(count, "submit"), {"key": "k1"})
    sell_stock(
        location=level.location,
        units={level.variant_id: 1},
        reference="POS-LATE",
        at=COUNTED_AT - timedelta(minutes=5),
    )

    again = browser.post(act_url(count, "submit"), {"key": "k1", "confirmed": page.context["seal"]})

    assert "This is no longer what you were shown." in again.content.decode()
    assert "8 counted, 9 expected, -1 units." in again.content.decode()
    assert StockCount.objects.get().status == "COUNTING"


def test_hand_in_of_a_blind_sheet_tells_nothing_beforehand():
    level = stock(units=10)
    count = counted_sheet({level: 9}, is_blind=True)

    page = done(clerk(), count, "submit")

    assert f"{count} is posted" in page
    assert "expected, -1" not in page
    assert figures(level) == (9, 0)


def test_hand_in_before_all_is_counted_is_refused():
    location = LocationFactory()
    counted, left = (stock(location=location) for _ in range(2))
    count, browser = open_sheet(counted, left), clerk()
    enter(count, {counted: 10})
    before = sheets()

    page = shown(browser, act_url(count, "submit"))
    refused = done(browser, count, "submit")

    assert "1 articles are not counted yet: count them or leave them out." in page
    assert f"1 of 2 lines of {count} are not counted yet." in refused
    assert sheets() == before


def test_hand_in_of_what_was_sold_since_it_was_gone_names_the_line():
    level = stock(units=10)
    count = counted_sheet({level: 2})
    sell_stock(
        location=level.location,
        units={level.variant_id: 5},
        reference="POS-1",
        at=COUNTED_AT + timedelta(hours=1),
    )
    before = sheets()

    page = done(clerk(), count, "submit")

    assert f"{level.variant}: 3 units were sold since that were counted as gone." in page
    assert sheets() == before


def test_approve_posts_with_reasons_after_a_look_at_the_plan():
    level = stock(units=50, value="100")
    count, browser = submitted_sheet({level: 8}), manager(SEES_COST)
    line = line_of(count, level)
    fields = {"key": "k1", f"reason_{line.pk}": "STOLEN"}

    page = shown(browser, act_url(count, "approve"))
    plan = browser.post(act_url(count, "approve"), fields).content.decode()
    assert figures(level) == (50, 0)
    confirm(browser, act_url(count, "approve"), fields)

    line.refresh_from_db()
    assert "Nobody approves what they counted or handed in." in page
    assert "-42" in page
    assert f"{level.variant}: 8 counted, 50 expected, -42 units, -84.00 GBP." in plan
    assert (line.reason, figures(level)) == ("STOLEN", (8, 0))
    assert StockCount.objects.get().approved_by is not None


def test_nobody_approves_their_own_count_at_the_desk():
    person, level = person_who_may(*APPROVE), stock()
    count = submitted_sheet({level: 99}, by=person)
    before = sheets()

    answer = confirm(browser_of(person), act_url(count, "approve"), {"key": "k1"})

    assert "Somebody who counted none of it approves a count." in answer.content.decode()
    assert sheets() == before


def test_chosen_lines_are_counted_again():
    location = LocationFactory()
    doubted, sure = (stock(location=location) for _ in range(2))
    count, browser = submitted_sheet({doubted: 99, sure: 10}), manager()

    page = shown(browser, act_url(count, "recount"))
    told = done(browser, count, "recount", **{f"again_{line_of(count, doubted).pk}": "on"})

    assert "+89" in page
    assert "1 articles are to be counted again." in told
    assert (line_of(count, doubted).counted, line_of(count, sure).counted) == (None, 10)


def test_counting_again_wants_a_choice():
    count = submitted_sheet({stock(): 99})
    before = sheets()

    assert "Choose what is to be counted again." in done(clerk(), count, "recount")
    assert sheets() == before


def test_the_rest_is_left_out():
    location = LocationFactory()
    counted, left = (stock(location=location) for _ in range(2))
    count, browser = open_sheet(counted, left), clerk()
    enter(count, {counted: 10})

    page = shown(browser, act_url(count, "drop"))
    told = done(browser, count, "drop")

    assert "1 articles have no figure and leave the sheet." in page
    assert "1 articles were left out." in told
    assert count.lines.get().level == counted


def test_cancel_keeps_stock_as_it_is():
    level = stock()
    count = counted_sheet({level: 1})

    told = done(clerk(), count, "cancel")

    assert f"{count} is cancelled; stock is as it was." in told
    assert (StockCount.objects.get().status, figures(level)) == ("CANCELLED", (10, 0))


# Who sees and does what


@pytest.mark.parametrize("act", ACTS)
def test_acts_are_for_those_who_may(act):
    count = submitted_sheet({stock(): 99}) if act == "approve" else counted_sheet()
    before = sheets()

    answer = browser_of(person_who_may(*VIEW)).post(act_url(count, act), {"key": "k1"})

    assert answer.status_code == 403
    assert sheets() == before


def test_whoever_counts_does_not_approve():
    count = submitted_sheet({stock(): 99})

    assert clerk().post(act_url(count, "approve"), {"key": "k1"}).status_code == 403


@pytest.mark.parametrize("act", ACTS)
def test_a_closed_sheet_is_not_touched_again(act):
    count = submitted_sheet()
    before = sheets()

    page = done(manager(), count, act)

    assert f"is not possible for {count} as it is now." in page
    assert act_url(count, act) not in page
    assert sheets() == before


def test_what_is_expected_is_hidden_from_whoever_counts_blind():
    level = stock(units=4711)
    count = counted_sheet({level: 12}, is_blind=True)
    line = line_of(count, level)
    pages = [
        page_url(count),
        page_url(line),
        list_url("stockcountline"),
        *(act_url(count, act) for act in ("figures", "submit", "recount", "cancel")),
    ]
    request_recount(count_id=count.pk, line_ids=[line.pk])
    enter(count, {level: 13}, counted_at=COUNTED_AT + timedelta(hours=1))
    StockCountLine.objects.update(expected=4711)

    for told in ("4711", "4,711", "-4698", "-4,698"):
        assert [url for url in pages if told in shown(clerk(), url)] == []
    assert "-4,698" in shown(manager(), page_url(count))
    assert "4711" in shown(manager(), page_url(line))


def test_what_was_expected_is_told_when_a_blind_sheet_is_closed():
    level = stock(units=10)
    count = counted_sheet({level: 9}, is_blind=True)
    done(clerk(), count, "submit")

    page = shown(clerk(), page_url(count))

    assert "Difference" in page
    assert "-1" in page


def test_an_open_sheet_shows_what_is_expected_now():
    count = open_sheet(stock(units=4711))

    assert "4711" in shown(clerk(), page_url(count))


def test_value_is_for_those_who_may_see_cost():
    submitted_sheet({stock(units=10, value="12345.60"): 9})

    assert "1,234.56" not in shown(clerk(), list_url())
    assert "1,234.56" in shown(manager(SEES_COST), list_url())


# Lists


def test_list_tells_how_far_a_count_is():
    location = LocationFactory()
    counted, left = (stock(location=location) for _ in range(2))
    enter(open_sheet(counted, left), {counted: 10})

    assert "1 of 2 counted" in shown(clerk(), list_url())


def test_counts_are_found_by_number_sku_and_barcode():
    level = stock()
    BarcodeFactory(variant=level.variant, code="4006381333931")
    count, other = open_sheet(level), open_sheet()
    browser = clerk()

    for wanted in (count.number, level.variant.sku, "4006381333931"):
        page = browser.get(list_url(), {"q": wanted})
        assert list(page.context["cl"].result_list) == [count], wanted
    page = browser.get(list_url(), {"status__exact": "COUNTING", "q": other.number})
    assert list(page.context["cl"].result_list) == [other]


@pytest.mark.parametrize(
    ("model", "make", "queries"),
    [
        ("stockcount", counted_sheet, 5),
        ("stockcountline", counted_sheet, 5),
        (
            "countrequest",
            lambda: request_counts(level_ids=[stock().pk], reason="Odd", at=STOCKED_AT),
            5,
        ),
    ],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_lists_cost_the_same_with_one_and_three_rows(model, make, queries, rows):
    for _ in range(rows):
        make()
    browser = browser_of(superuser())
    browser.get(list_url(model))

    with CaptureQueriesContext(connection) as captured:
        browser.get(list_url(model))

    assert len(captured) == queries, "\n".join(query["sql"] for query in captured)


@pytest.mark.parametrize("lines", [1, 3])
def test_a_sheet_costs_the_same_with_one_and_three_lines(lines):
    location = LocationFactory()
    count = counted_sheet({stock(location=location): 8 for _ in range(lines)})
    browser = manager(SEES_COST)
    browser.get(page_url(count))

    counts = []
    for url in (page_url(count), act_url(count, "recount"), act_url(count, "submit")):
        with CaptureQueriesContext(connection) as captured:
            browser.get(url)
        counts.append(len(captured))

    assert counts == [8, 6, 5]


def test_the_page_of_a_line_keeps_every_figure():
    level = stock()
    count = counted_sheet({level: 31})
    request_recount(count_id=count.pk, line_ids=[line_of(count, level).pk])
    enter(count, {level: 37}, counted_at=COUNTED_AT + timedelta(hours=1))

    page = shown(clerk(), page_url(line_of(count, level)))

    assert StockCountEntry.objects.count() == 2
    assert "31" in page
    assert "37" in page


# Wishes


def asked(level, **changes):
    [wish] = request_counts(
        level_ids=[level.pk], **{"reason": "Empty shelf", "at": STOCKED_AT} | changes
    )
    return wish


def open_counts(browser, *wishes):
    fields = {"action": "open_counts", "_selected_action": [wish.pk for wish in wishes]}
    return browser.post(list_url("countrequest"), fields, follow=True).content.decode()


def test_a_count_is_asked_for_on_the_page_of_the_stock():
    level = stock()
    browser = browser_of(person_who_may(*VIEW, "inventory.add_countrequest"))
    fields = {"key": "k1", "reason": "The shelf is empty"}

    for _ in range(2):
        answer = browser.post(act_url(level, "ask-for-count"), fields, follow=True)

    wish = CountRequest.objects.get()
    assert (wish.level, wish.reason, wish.requested_by is None) == (
        level,
        "The shelf is empty",
        False,
    )
    assert f"{level.variant} at {level.location} is to be counted." in answer.content.decode()


def test_a_count_is_asked_for_by_those_who_may_with_a_reason():
    level = stock()
    browser = browser_of(person_who_may(*VIEW, "inventory.add_countrequest"))

    assert clerk().post(act_url(level, "ask-for-count"), {"key": "k1"}).status_code == 403
    answer = browser.post(act_url(level, "ask-for-count"), {"key": "k1", "reason": " "})

    assert "This field is required." in answer.content.decode()
    assert CountRequest.objects.count() == 0


def test_chosen_wishes_open_a_sheet_per_location():
    here, there, settled = asked(stock()), asked(stock()), asked(stock())
    CountRequest.objects.filter(pk=settled.pk).update(settled_at=STOCKED_AT)
    asked(stock())

    page = open_counts(clerk(), here, there, settled)

    counts = StockCount.objects.order_by("pk")
    assert [count.lines.get().level for count in counts] == [here.level, there.level]
    assert all(count.is_blind for count in counts)
    assert f"{counts[0]} at {here.level.location}: 1 articles by name." in page


def test_wishes_that_are_on_a_sheet_already_open_no_other():
    wish, browser = asked(stock()), clerk()
    open_counts(browser, wish)

    page = open_counts(browser, wish)

    assert "Nothing to count" in page
    assert StockCount.objects.count() == 1


def test_sheets_are_opened_from_wishes_by_those_who_may():
    wish = asked(stock())

    open_counts(browser_of(person_who_may(*VIEW)), wish)

    assert StockCount.objects.count() == 0


def test_open_wishes_stand_first_with_their_reason():
    settled, late, early = asked(stock()), asked(stock(), at=COUNTED_AT), asked(stock())
    CountRequest.objects.filter(pk=settled.pk).update(settled_at=COUNTED_AT)

    page = clerk().get(list_url("countrequest"))

    assert list(page.context["cl"].result_list) == [early, late, settled]
    assert "Empty shelf" in page.content.decode()
