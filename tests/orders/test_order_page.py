"""The page of an order: what is likely next stands first, and it costs the same however full."""

import re

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from orders.admin.next_acts import TURN, in_turn
from orders.models import Order, OrderHold
from orders.operations import ingest_order, ship
from orders.operations.holds import NewHold, open_holds
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.orders import (
    held_order,
    incoming_line,
    incoming_order,
    open_order,
    shipped_order,
)
from tests.factories.orders_fulfillment import picked
from tests.factories.orders_payments import grant, pay
from tests.factories.orders_pickups import ready_order
from tests.factories.orders_returns import announced_return
from tests.people import browser_of, superuser

pytestmark = pytest.mark.django_db

KINDS = (OrderHold.Kind.MANUAL, OrderHold.Kind.ADDRESS, OrderHold.Kind.DUPLICATE_SUSPECT)


@pytest.fixture
def browser():
    return browser_of(superuser())


def page_of(browser, order) -> str:
    url = reverse("admin:orders_order_change", args=[order.pk])
    return browser.get(url).content.decode()


def acts_on(page, order) -> list[str]:
    return list(dict.fromkeys(re.findall(rf"/orders/order/{order.pk}/act/([a-z-]+)/", page)))


def order_of_an_unknown_article() -> Order:
    incoming = incoming_order(incoming_line(sku="NOWHERE"))
    return ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order


def order_with(times) -> Order:
    """Return an order with so many parcels, payments, refunds, returns and holds."""
    order = open_order(units=30, quantity=20)
    line = order.lines.get()
    for number in range(times):
        ship(
            order_id=order.pk,
            quantities={line.pk: 2},
            carrier="DPD",
            tracking_number=f"TN-{number}",
            key=f"parcel-{number}",
            at=NOON,
        )
        pay(order, "1.00", reference=f"paid-{number}")
        grant(order, "1.00", key=f"refund-{number}")
        announced_return(order=order)
    holds = [NewHold(kind=kind, reason="To be looked at.") for kind in KINDS[:times]]
    open_holds(order=order, holds=holds, at=NOON)
    return order


def test_page_costs_the_same_with_one_and_with_three_of_each_kind_of_rows(browser):
    few, many = order_with(1), order_with(3)
    page_of(browser, few)

    queries = []
    for order in (few, many):
        with CaptureQueriesContext(connection) as captured:
            page = page_of(browser, order)
        queries.append([query["sql"] for query in captured])

    assert all(f"TN-{number}" in page for number in range(3))
    assert len(queries[0]) == len(queries[1]), "\n".join(queries[1])


@pytest.mark.parametrize(
    ("made", "first"),
    [
        (open_order, "ship"),
        (held_order, "release"),
        (ready_order, "hand-over"),
        (order_of_an_unknown_article, "link"),
        (shipped_order, "return"),
    ],
)
def test_likely_next_act_stands_first(browser, made, first):
    order = made()

    assert acts_on(page_of(browser, order), order)[0] == first


def test_what_ends_an_order_stands_last(browser):
    order = open_order()

    assert acts_on(page_of(browser, order), order)[-1] == "cancel"


def test_every_act_has_its_turn():
    acts = site._registry[Order].acts

    assert in_turn(reversed(acts)) == tuple(acts)
    assert [act.name for act in acts if act.name not in TURN and not act.is_dangerous] == []


def test_lines_say_how_far_each_got(browser):
    order = open_order(quantity=5)
    picked(order)

    page = " ".join(page_of(browser, order).split())

    assert "Picked" in page
    assert "Rounding" in page
