"""What the home page says of picking, pickups, returns and refunds."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.models import Refund
from orders.operations import note_arrival
from tests.backoffice.test_dashboard import figures_of, listed
from tests.factories.common import NOON
from tests.factories.orders import open_order
from tests.factories.orders_changes import disputed_order
from tests.factories.orders_fulfillment import packed, picked
from tests.factories.orders_payments import grant, refund_at, refund_to_approve
from tests.factories.orders_pickups import collected_order, pickup_order, ready_order
from tests.factories.orders_returns import announced_return, expected_return, received_return
from tests.people import browser_of, superuser

pytestmark = pytest.mark.django_db


def shown_of(browser, *labels):
    """Return label -> (figure, tone, rows of the list behind it)."""
    figures = figures_of(browser)
    return {
        label: (figures[label][0], figures[label][1], listed(browser, figures[label][2]))
        for label in labels
    }


def test_packing_table_counts_what_is_on_its_way_out():
    browser = browser_of(superuser())
    open_order()
    picked()
    packed()

    assert shown_of(browser, "Orders to pick", "Being picked", "Packed, to be sent") == {
        "Orders to pick": ("1", "warn", 1),
        "Being picked": ("1", "warn", 1),
        "Packed, to be sent": ("1", "warn", 1),
    }


def test_counter_counts_what_is_collected():
    browser = browser_of(superuser())
    pickup_order()
    ready_order()
    note_arrival(order_id=ready_order().pk, vehicle="Van", at=NOON)
    collected_order()

    labels = ("Customers who have arrived", "To make ready", "Not ready in time", "Ready")
    assert shown_of(browser, *labels) == {
        "Customers who have arrived": ("1", "bad", 1),
        "To make ready": ("1", "warn", 1),
        "Not ready in time": ("1", "bad", 1),
        "Ready": ("2", "", 2),
    }


def test_returns_and_refunds_are_counted_by_what_they_wait_for():
    browser = browser_of(superuser())
    announced_return()
    expected_return()
    received_return()
    refund_to_approve()
    grant()
    Refund.objects.filter(pk=refund_at("SENT").pk).update(status=Refund.Status.FAILED)
    refund_at("SETTLED")

    assert shown_of(
        browser,
        *("Returns to approve", "Returns expected", "Returns to decide"),
        *("Refunds to approve", "Refunds to pay out", "Refunds that failed"),
    ) == {
        "Returns to approve": ("1", "warn", 1),
        "Returns expected": ("1", "", 1),
        "Returns to decide": ("1", "warn", 1),
        "Refunds to approve": ("1", "warn", 1),
        "Refunds to pay out": ("1", "warn", 1),
        "Refunds that failed": ("1", "bad", 1),
    }


def test_disagreements_with_channels_are_counted_and_overdue_ones_marked():
    browser = browser_of(superuser())
    disputed_order()

    shown = shown_of(browser, "Channels disagree with us")

    assert shown == {"Channels disagree with us": ("1", "bad", 1)}


def test_home_costs_the_same_however_much_waits():
    browser = browser_of(superuser())
    browser.get("/")

    def cost():
        with CaptureQueriesContext(connection) as captured:
            browser.get("/")
        return len(captured)

    make = (open_order, picked, packed, ready_order, received_return, grant)
    for one in make:
        one()
    once = cost()
    for one in (*make, *make):
        one()

    assert cost() == once
