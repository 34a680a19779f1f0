"""The home page: the right cards for the right people, true figures, constant cost."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from inventory.admin.shown import first_moment_after
from inventory.models import AvailabilityChange, StockLevel, Transfer
from orders.models import OrderHold
from purchasing.models import (
    Delivery,
    HeldGoods,
    MatchException,
    ReplenishmentProposal,
    SupplierReturn,
)
from retail.backoffice import tasks
from retail.backoffice.queries import INTEGRITY_TASK
from retail.common.models import ImportRun
from retail.common.roles import Role
from tests.factories import FACTORIES
from tests.factories.catalog import ExchangeRateFactory, VariantFactory
from tests.factories.channels import ChannelFactory, OutboxEntryFactory, SyncCursorFactory
from tests.factories.common import ImportRunFactory, TaskRunFactory, UserFactory
from tests.factories.inventory import stock
from tests.factories.inventory_counts import counted_sheet, submitted_sheet
from tests.factories.inventory_promises import ask_for_count, put_aside, withdraw
from tests.factories.inventory_transfers import dispatched_transfer, drafted_transfer
from tests.factories.orders import OrderFactory, open_order, shipped_order
from tests.factories.purchasing import PurchaseOrderFactory, sent_order
from tests.factories.purchasing_invoices import (
    MatchExceptionFactory,
    SupplierInvoiceFactory,
    delivery,
)
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db

IN_THE_STOCKROOM = (
    "Transfers on the way",
    "Counts to approve",
    "Articles to be counted",
    "Put aside until today",
    "Promises taken back, orders not told yet",
)
AT_THE_DESKS = ("Picking and packing", "Pickups", "Returns", "Refunds")
FIGURE = re.compile(
    r'<a href="(?P<url>[^"]*)" class="desk-figure(?: desk-(?P<tone>\w+))?">\s*'
    r'<span class="desk-label">(?P<label>[^<]*).*?'
    r'<span class="desk-value">(?P<value>[^<]*)<',
    re.DOTALL,
)


def figures_of(browser):
    """Return label -> (value, tone, address) of the figures on the home page."""
    page = browser.get("/").content.decode()
    return {
        found["label"]: (found["value"], found["tone"] or "", found["url"].replace("&amp;", "&"))
        for found in FIGURE.finditer(page)
    }


def listed(browser, url):
    """Return how many rows the list behind a figure shows."""
    answer = browser.get(url)
    assert answer.status_code == 200
    return answer.context_data["cl"].result_count


def in_role(role):
    user = UserFactory()
    user.groups.add(Group.objects.get(name=role))
    return browser_of(user)


def titles_of(browser):
    page = browser.get("/").content.decode()
    return re.findall(r'class="desk-card-title">.*?</span>([^<]+)</h2>', page)


@pytest.mark.parametrize(
    ("role", "titles"),
    [
        (
            Role.ACCOUNTANT,
            ["Refunds", "Stockroom", "Receiving", "Buying", "Invoices", "Imported files"],
        ),
        (
            Role.WAREHOUSE,
            [
                "Orders",
                *AT_THE_DESKS,
                "Stockroom",
                "Receiving",
                "Buying",
                "Orders by day",
                "Newest orders",
            ],
        ),
        (Role.BUYER, ["Stockroom", "Receiving", "Buying", "Invoices", "Imported files"]),
        (Role.SUPPORT, ["Orders", *AT_THE_DESKS, "Orders by day", "Newest orders"]),
        (
            Role.MANAGER,
            [
                "Orders",
                *AT_THE_DESKS,
                "Stockroom",
                "Receiving",
                "Buying",
                "Invoices",
                "Channels",
                "Imported files",
                "Health",
                "Orders by day",
                "Newest orders",
            ],
        ),
    ],
)
def test_home_shows_the_cards_a_role_may_see(role, titles):
    assert titles_of(in_role(role)) == titles


def test_home_of_somebody_without_permissions_says_so():
    page = browser_of(person_who_may()).get("/").content.decode()

    assert "Nothing waits for you here" in page
    assert "desk-figure" not in page


def test_menu_shows_what_a_role_may_open():
    page = in_role(Role.ACCOUNTANT).get("/").content.decode()

    assert "/purchasing/supplierinvoice/" in page
    assert "/orders/order/" not in page
    assert "/common/user/" not in page


def test_orders_are_counted_by_what_they_wait_for():
    browser = browser_of(superuser())
    open_order(units=10, quantity=2)
    open_order(units=1, quantity=2)
    shipped_order()

    figures = figures_of(browser)

    assert (figures["Ready to ship"][0], listed(browser, figures["Ready to ship"][2])) == ("1", 1)
    assert figures["Waiting for stock"][:2] == ("1", "warn")
    assert listed(browser, figures["Waiting for stock"][2]) == 1


def test_holds_are_counted_by_kind_and_lead_to_their_list():
    browser, now = browser_of(superuser()), timezone.now()
    for kind, age in (("MANUAL", 2), ("MANUAL", 30), ("NO_BUYER", 1)):
        OrderHold.objects.create(
            order=OrderFactory(), kind=kind, reason="x", opened_at=now - timedelta(hours=age)
        )
    released = OrderHold.objects.create(
        order=OrderFactory(), kind="EMPTY", reason="x", opened_at=now, released_at=now
    )

    figures = figures_of(browser)

    by_hand = figures["On hold: held by hand"]
    assert by_hand[:2] == ("2", "bad")
    assert figures["On hold: no buyer"][:2] == ("1", "warn")
    assert f"On hold: {released.get_kind_display().lower()}" not in figures
    assert listed(browser, by_hand[2]) == 2


def test_stockroom_counts_what_waits_there_and_leads_to_it():
    browser, now = browser_of(superuser()), timezone.now()
    yesterday = timezone.localdate(now) - timedelta(days=1)
    dispatched_transfer()
    Transfer.objects.filter(pk=dispatched_transfer().pk).update(expected_on=yesterday)
    drafted_transfer()
    submitted_sheet({stock(units=100, reference="GR-count"): 1})
    counted_sheet()
    ask_for_count()
    tonight = first_moment_after(timezone.localdate(now))
    put_aside(level=stock(reference="GR-1"), at=now, expires_at=tonight)
    put_aside(level=stock(reference="GR-2"), at=now, expires_at=tonight + timedelta(seconds=1))
    withdraw()

    figures = figures_of(browser)

    shown = {
        label: (value, tone, listed(browser, url))
        for label, (value, tone, url) in figures.items()
        if label in IN_THE_STOCKROOM
    }
    assert shown == {
        "Transfers on the way": ("2", "warn", 2),
        "Counts to approve": ("1", "warn", 1),
        "Articles to be counted": ("1", "warn", 1),
        "Put aside until today": ("1", "warn", 1),
        "Promises taken back, orders not told yet": ("1", "bad", 1),
    }


@pytest.mark.parametrize(
    ("permission", "label"),
    [
        ("inventory.view_transfer", "Transfers on the way"),
        ("inventory.view_stockcount", "Counts to approve"),
        ("inventory.view_countrequest", "Articles to be counted"),
        ("inventory.view_allocation", "Put aside until today"),
        ("inventory.view_withdrawnpromise", "Promises taken back, orders not told yet"),
    ],
)
def test_stockroom_shows_a_figure_to_those_who_may_see_its_list(permission, label):
    browser = browser_of(person_who_may("inventory.view_stocklevel", permission))

    figures = figures_of(browser)

    assert list(figures) == [label]
    assert browser.get(figures[label][2]).status_code == 200


def test_stockroom_without_a_figure_is_left_out():
    assert titles_of(browser_of(person_who_may("inventory.view_stocklevel"))) == []


@pytest.mark.parametrize(
    ("age", "differences", "value", "tone"),
    [
        (timedelta(hours=3), 0, "0", ""),
        (timedelta(hours=3), 2, "2", "bad"),
        (timedelta(days=3), 0, "0", "warn"),
    ],
)
def test_totals_that_differ_are_counted_and_lead_to_the_health_page(age, differences, value, tone):
    compared_at = timezone.now() - age
    TaskRunFactory(
        name=INTEGRITY_TASK,
        status="DONE",
        started_at=compared_at,
        finished_at=compared_at,
        summary={"differences": differences, "first": []},
    )
    browser = browser_of(person_who_may("common.view_taskrun"))

    figure = figures_of(browser)["Totals that differ from their ledgers"]

    assert figure == (value, tone, reverse("health-tasks"))
    assert browser.get(figure[2]).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_what_the_nightly_comparison_finds_stands_on_the_home_page():
    level = stock(units=10)
    StockLevel.objects.filter(pk=level.pk).update(allocated=3)

    tasks.check_integrity()

    figures = figures_of(browser_of(person_who_may("common.view_taskrun")))
    assert figures["Totals that differ from their ledgers"][:2] == ("1", "bad")


def test_totals_that_were_never_compared_are_no_good_news():
    figures = figures_of(browser_of(person_who_may("common.view_taskrun")))

    assert figures["Totals that differ from their ledgers"][:2] == ("0", "warn")


def test_purchase_orders_are_counted_by_what_they_wait_for():
    browser, today = browser_of(superuser()), timezone.localdate()
    PurchaseOrderFactory(status="AWAITING_APPROVAL")
    sent_order(expected_on=today)
    sent_order(expected_on=today + timedelta(days=8))
    slipped = sent_order(expected_on=today - timedelta(days=1))
    confirmed = sent_order(expected_on=today - timedelta(days=1))
    confirmed.lines.update(confirmed_on=today + timedelta(days=9))
    delivery(sent_order(expected_on=today - timedelta(days=1)))

    figures = figures_of(browser)

    value, _, url = figures["Orders to approve"]
    assert (value, listed(browser, url)) == ("1", 1)
    assert figures["Lines due within a week"][:2] == ("1", "")
    value, tone, url = figures["Lines that are late"]
    assert (value, tone) == ("1", "bad")
    late = browser.get(url).content.decode()
    assert slipped.number in late
    assert confirmed.number not in late


def test_what_buyers_and_receivers_go_on_with_is_counted():
    browser = browser_of(superuser())
    for model in (ReplenishmentProposal, Delivery, HeldGoods, SupplierReturn):
        FACTORIES[model]()

    figures = figures_of(browser)

    for label, model in (
        ("Articles to buy", ReplenishmentProposal),
        ("Deliveries being counted", Delivery),
        ("Held goods to decide about", HeldGoods),
        ("Returns to suppliers to approve", SupplierReturn),
    ):
        value, tone, url = figures[label]
        assert (label, value, tone) == (label, "1", "warn")
        assert listed(browser, url) == model.objects.count() == 1


def test_exceptions_are_counted_for_the_role_that_clears_them_up():
    browser, now = browser_of(superuser()), timezone.now()
    for owner, days in (("Buyer", 1), ("Warehouse", 4), ("Buyer", 1), ("Accountant", 1)):
        MatchExceptionFactory(owner=owner, raised_at=now - timedelta(days=days))

    figures = figures_of(browser)

    assert figures["Differences for the buyer"][:2] == ("2", "warn")
    assert figures["Differences for the warehouse"][:2] == ("1", "bad")
    assert figures["Differences for the accountant"][:2] == ("1", "warn")
    assert len(browser.get(figures["Differences for the buyer"][2]).context["rows"]) == 2
    assert MatchException.objects.count() == 4


def test_invoices_imports_and_channels_lead_to_their_lists():
    browser, now = browser_of(superuser()), timezone.now()
    SupplierInvoiceFactory(status="ON_HOLD")
    ImportRunFactory(status="FAILED", started_at=now, finished_at=now)
    ImportRunFactory(status="FAILED", started_at=now - timedelta(days=8), finished_at=now)
    ImportRunFactory(status="STAGED")
    OutboxEntryFactory(status="FAILED")
    SyncCursorFactory(
        channel=ChannelFactory(name="Web shop", mode="FULL"),
        stream="orders",
        read_at=now - timedelta(hours=2),
    )
    AvailabilityChange.objects.create(
        variant=VariantFactory(), changed_at=now - timedelta(minutes=20)
    )

    figures = figures_of(browser)

    assert figures["Invoices on hold"][:2] == ("1", "bad")
    assert figures["Failed in the last week"][:2] == ("1", "bad")
    assert figures["Waiting for a decision"][:2] == ("1", "warn")
    assert figures["Messages refused by channels"][:2] == ("1", "bad")
    assert figures["Web shop: orders read"][:2] == ("2 hours ago", "bad")
    assert figures["Stock changes not pushed yet"][:2] == ("1", "bad")
    for label in ("Invoices on hold", "Waiting for a decision", "Messages refused by channels"):
        assert listed(browser, figures[label][2]) == 1
    assert ImportRun.objects.count() == 3


def test_every_figure_leads_to_a_list_that_opens():
    browser = browser_of(superuser())
    for make in FACTORIES.values():
        make()

    for _, _, url in figures_of(browser).values():
        assert browser.get(url).status_code == 200


def test_sales_by_day_count_orders_and_convert_their_money(settings):
    now = timezone.now()
    settings.RETAIL_CURRENCY = "GBP"
    ExchangeRateFactory(currency="EUR", valid_on=now.date(), rate=Decimal("0.85"))
    OrderFactory(placed_at=now, currency="GBP", total=Decimal(100))
    OrderFactory(placed_at=now, currency="EUR", total=Decimal(200))
    OrderFactory(placed_at=now, currency="GBP", total=Decimal(7), lifecycle="CANCELLED")
    OrderFactory(placed_at=now - timedelta(days=20), currency="GBP", total=Decimal(7))

    page = browser_of(superuser()).get("/").content.decode()

    assert 'title="2 orders, 270.00 GBP"' in page
    assert page.count('class="desk-bar"') == 14


def test_home_costs_the_same_whatever_there_is():
    browser = browser_of(superuser())
    browser.get("/")

    with CaptureQueriesContext(connection) as of_little:
        browser.get("/")
    for _ in range(2):
        for make in FACTORIES.values():
            make()
    with CaptureQueriesContext(connection) as of_more:
        browser.get("/")

    assert len(of_little) == len(of_more)
    assert len(of_more) == 37
