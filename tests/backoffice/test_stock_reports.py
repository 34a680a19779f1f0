"""The reports over stock: their figures, their pages, their files and who may see what."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from inventory.operations import correct_cost, issue_stock, take_snapshot
from retail.backoffice import reporting, stock_reports
from retail.common.roles import Role
from tests.factories.catalog import ProductFactory, VariantFactory
from tests.factories.common import UserFactory
from tests.factories.inventory import LocationFactory, promise, stock
from tests.people import browser_of, person_who_may

pytestmark = pytest.mark.django_db

LEVELS, COST = "inventory.view_stocklevel", "inventory.view_costpool"
NAMES = ["stock-as-of", "abc", "cover", "dead-stock"]
every_report = pytest.mark.parametrize("name", NAMES)
ROW = re.compile(r"<tr[^>]*>(.*?)</tr>", re.DOTALL)
CELL = re.compile(r"<t[dh][^>]*>(.*?)</t[dh]>", re.DOTALL)


def ago(days):
    return timezone.now() - timedelta(days=days)


def article(sku, *, units, value, at=None, location=None, name="Mug"):
    """Put units of a new article in stock, by default more than a year ago; return its level."""
    return stock(
        variant=VariantFactory(sku=sku, product=ProductFactory(name=name)),
        units=units,
        value=value,
        reference=f"GR-{sku}",
        location=location,
        at=at or ago(400),
    )


def sell(level, units, *, at):
    issue_stock(
        location=level.location,
        units={level.variant_id: units},
        kind="SALE",
        reference=f"S-{level.pk}-{at:%j}",
        at=at,
    )


def clerk(*permissions):
    return browser_of(person_who_may(LEVELS, *permissions))


def page_of(browser, name, **asked):
    answer = browser.get(reverse(f"report-{name}"), asked)
    assert answer.status_code == 200
    return answer.content.decode()


def words(html):
    return unescape(re.sub(r"<[^>]+>", "", html)).strip()


def rows_of(page):
    """Return the table of a report, headings first."""
    return [[words(cell) for cell in CELL.findall(row)] for row in ROW.findall(page)]


def file_of(browser, name, **asked):
    """Return the lines of a report's file."""
    answer = browser.get(reverse(f"report-{name}"), {**asked, "file": "csv"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return b"".join(answer.streaming_content).decode("utf-8-sig").split("\r\n")[:-1]


def test_stock_as_of_tells_units_and_value_at_the_moment():
    shop = LocationFactory(name="Shop")
    mug = article(
        "MUG", units=10, value="30.00", location=shop, at=datetime(2026, 3, 1, tzinfo=UTC)
    )
    stock(variant=mug.variant, units=5, value="7.50", at=datetime(2026, 3, 2, tzinfo=UTC))
    article("CUP", units=1000, value="1234.50", at=datetime(2026, 3, 2, tzinfo=UTC))
    sell(mug, 4, at=datetime(2026, 3, 3, 12, tzinfo=UTC))
    browser = clerk(COST)

    first = page_of(browser, "stock-as-of", moment="2026-03-01T00:00")
    last = page_of(browser, "stock-as-of", moment="2026-03-03T12:00")
    of_the_shop = page_of(browser, "stock-as-of", moment="2026-03-03T12:00", location=shop.pk)

    headings = ["SKU", "Article", "Units", "Value (GBP)"]
    assert rows_of(first) == [
        headings,
        ["MUG", "Mug", "10", "30.00"],
        ["All articles", "", "10", "30.00"],
    ]
    assert rows_of(last) == [
        headings,
        ["CUP", "Mug", "1,000", "1,234.50"],
        ["MUG", "Mug", "11", "27.50"],
        ["All articles", "", "1,011", "1,262.00"],
    ]
    assert rows_of(of_the_shop) == [
        headings,
        ["MUG", "Mug", "6", "15.00"],
        ["All articles", "", "6", "15.00"],
    ]


def test_stock_as_of_is_that_of_now_unless_asked_otherwise():
    article("MUG", units=10, value="30.00")

    page = page_of(clerk(COST), "stock-as-of")

    assert ["MUG", "Mug", "10", "30.00"] in rows_of(page)
    assert re.search(r'name="moment" value="\d{4}-\d\d-\d\dT\d\d:\d\d"', page)


def test_stock_as_of_shows_the_books_as_they_were_then():
    level = article("MUG", units=10, value="30.00", at=datetime(2026, 3, 1, tzinfo=UTC))
    take_snapshot(ends_at=datetime(2026, 3, 2, tzinfo=UTC), at=timezone.now())
    correct_cost(
        variant_id=level.variant_id,
        receipt_reference="GR-MUG",
        amount=Decimal("5.00"),
        reference="SI-1",
        at=datetime(2026, 3, 5, tzinfo=UTC),
    )
    browser = clerk(COST)

    before = page_of(browser, "stock-as-of", moment="2026-03-04T00:00")
    after = page_of(browser, "stock-as-of", moment="2026-03-05T00:00")

    assert ["MUG", "Mug", "10", "30.00"] in rows_of(before)
    assert ["MUG", "Mug", "10", "35.00"] in rows_of(after)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"moment": "9999-12-31T23:59"}, "Ask about a moment that is over."),
        ({"moment": "soon"}, "Enter a valid date/time."),
        ({"moment": ""}, "This field is required."),
        ({"location": "4711"}, "That choice is not one of the available choices."),
        ({"location": "9" * 30}, "That choice is not one of the available choices."),
        ({"location": "\x00"}, "Null characters are not allowed."),
    ],
)
def test_stock_as_of_says_what_it_cannot_answer(asked, said):
    article("MUG", units=10, value="30.00")
    browser = clerk()

    for page in (page_of(browser, "stock-as-of", **asked, file=file) for file in ("", "csv")):
        assert said in unescape(page)
        assert rows_of(page) == []


@pytest.mark.parametrize("moment", ["0001-01-01T00:00", "1900-01-01T00:00"])
def test_stock_as_of_long_ago_was_nothing(moment):
    article("MUG", units=10, value="30.00")

    assert "There was nothing." in page_of(clerk(), "stock-as-of", moment=moment)


def test_abc_tells_classes_and_shares():
    for sku, value in (("A", 800), ("B", 150), ("C", 50)):
        sell(article(sku, units=1000, value="1000.00"), value, at=ago(3))

    page = page_of(clerk(COST), "abc")

    assert rows_of(page) == [
        ["SKU", "Article", "Class", "Units sold", "Cost of sales (GBP)", "Share", "Running share"],
        ["A", "Mug", "A", "800", "800.00", "80.0 %", "80.0 %"],
        ["B", "Mug", "B", "150", "150.00", "15.0 %", "95.0 %"],
        ["C", "Mug", "C", "50", "50.00", "5.0 %", "100.0 %"],
        ["All articles", "", "", "1,000", "1,000.00", "", ""],
    ]


def test_cover_tells_how_long_what_is_free_lasts():
    level = article("MUG", units=120, value="0")
    sell(level, 30, at=ago(80))
    promise(level=level, units=10)
    article("CUP", units=3, value="0")

    page = page_of(clerk(), "cover")

    assert rows_of(page) == [
        [
            "SKU",
            "Article",
            "On hand",
            "Free",
            "Sold",
            "Days in stock",
            "Sold per day",
            "Lasts for days",
        ],
        ["MUG", "Mug", "90", "80", "30", "90", "0.333", "240"],
        ["CUP", "Mug", "3", "3", "0", "90", "0.00", "none sold"],
        ["All articles", "", "93", "83", "30", "", "", ""],
    ]


def test_dead_stock_tells_what_lies_there_since_when():
    article("MUG", units=10, value="30.00", at=datetime(2025, 3, 1, tzinfo=UTC))
    sold_once = article("CUP", units=10, value="99.00", at=datetime(2025, 3, 1, tzinfo=UTC))
    sell(sold_once, 1, at=datetime(2025, 4, 1, tzinfo=UTC))

    page = page_of(clerk(COST), "dead-stock")

    assert rows_of(page) == [
        ["SKU", "Article", "On hand", "Value (GBP)", "Last sold", "Last came in"],
        ["CUP", "Mug", "9", "89.10", "01 Apr 2025", "01 Mar 2025"],
        ["MUG", "Mug", "10", "30.00", "never", "01 Mar 2025"],
        ["All articles", "", "19", "119.10", "", ""],
    ]


@pytest.mark.parametrize(
    ("name", "usual", "sold_days_ago"),
    [("abc", 365, 100), ("cover", 90, 50), ("dead-stock", 182, 100)],
)
def test_how_far_to_look_back_can_be_chosen(name, usual, sold_days_ago):
    sell(article("MUG", units=10, value="30.00"), 1, at=ago(sold_days_ago))
    browser = clerk(COST)

    usually = page_of(browser, name)
    closely = page_of(browser, name, days=30)

    assert f'name="days" value="{usual}"' in usually
    assert 'name="days" value="30"' in closely
    assert rows_of(usually) != rows_of(closely)


@pytest.mark.parametrize("name", ["abc", "cover", "dead-stock"])
@pytest.mark.parametrize(
    ("days", "said"),
    [
        ("0", "Ensure this value is greater than or equal to 1."),
        ("-5", "Ensure this value is greater than or equal to 1."),
        ("3651", "Ensure this value is less than or equal to 3650."),
        ("", "This field is required."),
        ("\x00", "Enter a whole number."),
        ("a year", "Enter a whole number."),
    ],
)
def test_a_window_that_makes_no_sense_is_refused_in_words(name, days, said):
    page = page_of(clerk(), name, days=days)

    assert said in page
    assert "<table" not in page


@every_report
def test_an_empty_report_says_so(name):
    page = page_of(clerk(), name)

    (report,) = [report for report in stock_reports.REPORTS if report.name == name]
    assert report.empty in page
    assert file_of(clerk(), name)[1:] == []


@every_report
def test_each_article_leads_to_where_it_is(name):
    level = article("MUG", units=10, value="30.00")

    page = page_of(clerk(), name)

    assert f'<a href="{reverse("stock-where", args=[level.variant_id])}">MUG</a>' in page


@every_report
def test_a_report_needs_the_right_to_see_stock(name):
    browser = browser_of(person_who_may(COST, "inventory.view_stockmovement"))

    for asked in ({}, {"file": "csv"}, {"days": "x"}):
        assert browser.get(reverse(f"report-{name}"), asked).status_code == 403
    assert browser.post(reverse(f"report-{name}")).status_code == 405


@pytest.mark.parametrize("name", ["stock-as-of", "abc", "dead-stock"])
def test_cost_is_shown_and_filed_only_for_those_who_may_see_it(name):
    level = article("MUG", units=100, value="7531.00")
    sell(level, 10, at=ago(200))
    shown = "6,777.90" if name != "abc" else "753.10"

    with_cost = page_of(clerk(COST), name)
    without = page_of(clerk(), name)
    file = file_of(clerk(), name)

    assert shown in with_cost
    assert shown not in without
    for hidden in ("Value", "Cost of sales (", "Share"):
        assert [heading for heading in rows_of(without)[0] if heading.startswith(hidden)] == []
    assert shown.replace(",", "") not in "\n".join(file)
    assert shown.replace(",", "") in "\n".join(file_of(clerk(COST), name))


def test_files_hold_plain_values_for_programs():
    level = article("MUG", units=2000, value="6000.00", at=datetime(2025, 3, 1, tzinfo=UTC))
    sell(level, 1, at=datetime(2025, 4, 1, 12, tzinfo=UTC))
    browser = clerk(COST)

    assert file_of(browser, "stock-as-of") == [
        "SKU,Article,Units,Value (GBP)",
        "MUG,Mug,1999,5997.00",
    ]
    assert file_of(browser, "abc") == [
        "SKU,Article,Class,Units sold,Cost of sales (GBP),Share,Running share",
        "MUG,Mug,C,0,0.00,0.0000,0.0000",
    ]
    assert file_of(browser, "cover") == [
        "SKU,Article,On hand,Free,Sold,Days in stock,Sold per day,Lasts for days",
        "MUG,Mug,1999,1999,0,90,0.000,",
    ]
    assert file_of(browser, "dead-stock") == [
        "SKU,Article,On hand,Value (GBP),Last sold,Last came in",
        "MUG,Mug,1999,5997.00,2025-04-01T12:00:00+00:00,2025-03-01T00:00:00+00:00",
    ]


def test_files_are_named_after_report_and_day():
    answer = clerk().get(reverse("report-cover"), {"file": "csv"})

    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="cover-{timezone.localdate():%Y-%m-%d}.csv"'
    )


@every_report
def test_files_hold_nothing_that_a_spreadsheet_runs(name):
    article("=1+1", units=10, value="30.00", name='=HYPERLINK("http://x.test","Mug")')

    (_, line) = file_of(clerk(), name)

    assert line.startswith("'=1+1,\"'=HYPERLINK(")


@every_report
def test_pages_show_nothing_that_a_browser_runs(name):
    article("<b>1</b>", units=10, value="30.00", name="<script>alert(1)</script>")

    page = page_of(clerk(), name)

    assert "<script>alert(1)" not in page
    assert "<b>1</b>" not in page


@every_report
def test_long_reports_have_pages_and_their_file_is_whole(name, monkeypatch):
    monkeypatch.setattr(reporting, "ROWS_PER_PAGE", 2)
    for n in range(5):
        article(f"MUG-{n}", units=10 + n, value=f"{30 - n}.00")
    browser = clerk(COST)

    pages = [page_of(browser, name, page=number) for number in (1, 2, 3)]

    shown = [row[0] for page in pages for row in rows_of(page)[1:-1]]
    assert shown == [f"MUG-{n}" for n in range(5)]
    assert len({tuple(rows_of(page)[-1]) for page in pages}) == 1
    assert ["Page 2 of 3" in page for page in pages] == [False, True, False]
    assert "?page=1" in pages[1]
    assert len(file_of(browser, name)) == 1 + 5


@pytest.mark.parametrize("number", ["0", "-1", "99", "last", "\x00", "9" * 30])
def test_a_page_that_there_is_not_shows_another(number):
    article("MUG", units=10, value="30.00")

    assert len(rows_of(page_of(clerk(), "cover", page=number))) == 3


def test_leafing_keeps_what_was_asked(monkeypatch):
    monkeypatch.setattr(reporting, "ROWS_PER_PAGE", 1)
    for sku in ("MUG", "CUP"):
        article(sku, units=10, value="30.00")

    page = page_of(clerk(), "dead-stock", days=30)

    assert "?days=30&amp;page=2" in page


@every_report
def test_a_report_costs_the_same_for_any_number_of_rows(name):
    browser = clerk(COST)
    sell(article("MUG-0", units=10, value="30.00"), 1, at=ago(200))
    take_snapshot(ends_at=ago(100), at=timezone.now())
    page_of(browser, name)

    with CaptureQueriesContext(connection) as of_one:
        page_of(browser, name)
    for n in (1, 2):
        level = article(f"MUG-{n}", units=10, value="30.00", at=ago(90))
        sell(level, 1, at=ago(80))
    with CaptureQueriesContext(connection) as of_three:
        page_of(browser, name)

    assert len(of_one) == len(of_three), "\n".join(query["sql"] for query in of_three)
    assert len(of_three) == {"stock-as-of": 14}.get(name, 5)


def test_menu_leads_to_the_reports_of_those_who_may_see_stock():
    links = [reverse(f"report-{name}") for name in NAMES]

    of_clerk = clerk().get("/").content.decode()
    of_others = browser_of(person_who_may()).get("/").content.decode()

    assert [link for link in links if f'href="{link}"' in of_clerk] == links
    assert [link for link in links if f'href="{link}"' in of_others] == []


@pytest.mark.parametrize(
    ("role", "sees_cost"),
    [(Role.MANAGER, True), (Role.ACCOUNTANT, True), (Role.WAREHOUSE, False)],
)
def test_roles_see_reports_as_their_work_needs(role, sees_cost):
    article("MUG", units=10, value="30.00")
    user = UserFactory()
    user.groups.add(Group.objects.get(name=role))

    page = page_of(browser_of(user), "stock-as-of")

    assert ("Value (GBP)" in page) == sees_cost
