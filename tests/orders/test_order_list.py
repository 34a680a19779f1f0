"""The list of orders: found by whatever is at hand, narrowed by queues, and never counted whole."""

from datetime import timedelta

import pytest
from django.contrib.admin import site
from django.urls import reverse

from channels.connectors.base import IncomingBuyer
from orders.admin import paging
from orders.models import Order
from orders.queries import QUEUES, find_orders, finding
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.orders import held_order, open_order, shipped_order
from tests.factories.orders_changes import disputed_order
from tests.factories.orders_fulfillment import packed, picked
from tests.factories.orders_pickups import ready_order
from tests.factories.orders_returns import announced_return
from tests.people import browser_of, superuser

pytestmark = pytest.mark.django_db

LIST = reverse("admin:orders_order_changelist")


@pytest.fixture
def browser():
    return browser_of(superuser())


def listed(browser, **query) -> list[Order]:
    response = browser.get(LIST, query)
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def find(term, orders=None, most=10) -> set[Order]:
    return set(find_orders(Order.objects.all() if orders is None else orders, term, most=most))


def order_of(name, mail, **values) -> Order:
    return open_order(buyer=IncomingBuyer(name=name, email=mail), **values)


@pytest.mark.parametrize(
    "term",
    ["#77-a", "#77", "GRACE HOPPER", "hopper grace", "oppe", "Grace@Navy.example", "grace@"],
)
def test_order_is_found_by_what_its_buyer_or_channel_said(term):
    wanted = order_of("Grace Hopper", "grace@navy.example", external_number="#77-A")
    order_of("Ada Lovelace", "ada@example.com", external_number="#78-A")

    assert find(term) == {wanted}


def test_order_is_found_by_our_number_with_and_without_its_prefix():
    order = open_order()

    assert find(order.number.lower()) == find(order.number.removeprefix("SO-")) == {order}


def test_order_is_found_by_tracking_number_however_it_is_written():
    order = shipped_order()
    order.fulfillments.get().parcels.update(tracking_number="1Z999AA10123456784")
    shipped_order()

    assert find("1z999aa10123456784") == find("1Z 999 AA1 01 2345 6784") == {order}


def test_order_is_found_by_the_sku_we_have_and_by_the_one_its_channel_has():
    order = open_order()
    line = order.lines.get()
    order.lines.update(raw_sku="Theirs-1")
    open_order()

    assert find(line.variant.sku.lower()) == find("THEIRS-1") == {order}


@pytest.mark.parametrize("term", ["", " ", "\x00", "ad", "%", "_", "ada@"])
def test_what_says_nothing_finds_nothing(term):
    order_of("Grace Hopper", "grace@navy.example")

    assert find(term) == set()


def test_search_keeps_to_the_orders_it_is_asked_about():
    elsewhere = ChannelFactory()
    here, there = (
        order_of("Grace Hopper", "grace@navy.example", channel=channel)
        for channel in (None, elsewhere)
    )

    assert find("hopper") == {here, there}
    assert find("hopper", Order.objects.filter(channel=elsewhere)) == {there}


def test_search_finds_the_newest_of_many():
    hours = [timedelta(hours=each) for each in (3, 1, 2)]
    oldest, newest, _ = (
        order_of("Grace Hopper", "grace@navy.example", placed_at=NOON - each) for each in hours
    )

    assert find("grace", most=1) == {newest}
    assert oldest not in find("grace", most=2)


def test_search_for_a_name_that_many_customers_have_finds_them_too(monkeypatch):
    monkeypatch.setattr(finding, "MOST_CUSTOMERS", 1)
    both = {order_of("Grace Hopper", mail) for mail in ("a@example.com", "b@example.com")}

    assert find("hopper") == both


def test_queues_keep_what_waits_for_somebody(browser):
    ready, held, short = open_order(), held_order(), open_order(units=1, quantity=3)
    picking, to_send = picked().order, packed().order
    disputed, collecting = disputed_order(), ready_order()
    returning = announced_return().order

    queues = {name: set(listed(browser, queue=name)) for name in QUEUES}

    assert queues["attention"] >= {held, short, disputed}
    assert queues["hold"] >= {held, short}
    assert not queues["hold"] & {ready, picking, to_send, collecting, returning}
    assert queues["stock"] == {short}
    assert queues["pick"] == {ready}
    assert queues["pack"] == {picking}
    assert queues["send"] >= {to_send}
    assert queues["pickup"] == {collecting}
    assert queues["returns"] == {returning}


def test_overdue_order_needs_attention_and_is_marked(browser):
    late = open_order(ship_by=NOON - timedelta(days=1))
    unhurried = open_order(ship_by=None)
    gone = shipped_order(ship_by=NOON - timedelta(days=1))
    shown = site._registry[Order].shown_ship_by

    assert listed(browser, queue="attention") == [late]
    assert [shown(order) for order in (late, gone, unhurried)] == [
        ("OVERDUE", "21 Nov 12:00"),
        "21 Nov 12:00",
        "",
    ]


def test_queues_of_the_warehouse_begin_with_what_is_due_first(browser):
    days = (3, 1, None, 2)
    by_day = {
        day: open_order(ship_by=None if day is None else NOON + timedelta(days=day)) for day in days
    }

    assert listed(browser, queue="ship") == [by_day[day] for day in (1, 2, 3, None)]
    assert len(listed(browser)) == 4


def test_list_is_narrowed_to_the_reason_of_a_hold(browser):
    held, short = held_order(), open_order(units=1, quantity=3)

    assert listed(browser, hold="MANUAL") == [held]
    assert listed(browser, hold="STOCK") == [short]
    assert set(listed(browser, hold="NONSENSE")) == {held, short}
    page = browser.get(LIST).content.decode()
    assert "Held by hand" in page
    assert "Not enough stock" in page


def test_list_stops_counting_and_says_so(browser, monkeypatch):
    monkeypatch.setattr(paging, "MOST_ROWS", 2)
    for _ in range(3):
        open_order()

    response = browser.get(LIST)

    paginator = response.context["cl"].paginator
    assert (paginator.count, paginator.is_stopped) == (2, True)
    assert "2+ orders; narrow the list to see others" in response.content.decode()


def test_list_that_is_counted_whole_says_how_many(browser):
    open_order()

    assert "1 order" in " ".join(browser.get(LIST).content.decode().split())


def test_list_and_search_take_as_many_queries_whatever_there_is(
    browser, django_assert_max_num_queries
):
    held_order()
    browser.get(LIST)

    for _ in range(2):
        with django_assert_max_num_queries(14):
            browser.get(LIST, {"q": "lovelace", "queue": "attention", "hold": "MANUAL"})
        held_order()
