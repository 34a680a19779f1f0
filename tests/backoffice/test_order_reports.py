"""The reports over orders: their figures, their file and who may see them."""

import csv
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import timezone

from retail.common.roles import Role
from tests.factories.channels import ChannelFactory
from tests.factories.common import UserFactory
from tests.factories.orders import open_order
from tests.people import browser_of, person_who_may

pytestmark = pytest.mark.django_db

SEES = "orders.view_oversellincident"


@pytest.fixture
def amazon():
    channel, now = ChannelFactory(name="Amazon"), timezone.now() - timedelta(hours=1)
    open_order(units=1, quantity=3, channel=channel, placed_at=now)
    for _ in range(3):
        open_order(channel=channel, placed_at=now)
    return channel


def shown_to(browser, **asked):
    answer = browser.get(reverse("report-oversold"), asked)
    assert answer.status_code == 200
    return answer


def test_page_shows_the_rate_of_all_causes_and_of_each(amazon):
    shown = shown_to(browser_of(person_who_may(SEES))).content.decode()

    assert "Oversold: incidents per 1,000 orders: 2 rows" in shown
    assert f"{timezone.localdate():%B %Y}" in shown
    assert shown.index("All causes") < shown.index("Sold without a listing we know")
    assert shown.count("250.0") == 2


def test_file_has_every_row(amazon):
    answer = shown_to(browser_of(person_who_may(SEES)), file="csv")

    titles, *rows = csv.reader(b"".join(answer.streaming_content).decode("utf-8-sig").splitlines())
    month = f"{timezone.localdate():%Y-%m}-01"
    assert titles[-1] == "Per 1,000 orders"
    assert rows == [
        [month, "Amazon", "All causes", "1", "2", "4", "250.0"],
        [month, "Amazon", "Sold without a listing we know", "1", "2", "4", "250.0"],
    ]


def test_days_without_orders_have_no_rows(amazon):
    shown = shown_to(
        browser_of(person_who_may(SEES)), first="2020-01-01", last="2020-01-31"
    ).content.decode()

    assert "No channel placed an order in these days." in shown


def test_days_go_forward(amazon):
    shown = shown_to(
        browser_of(person_who_may(SEES)), first="2026-02-01", last="2026-01-31"
    ).content.decode()

    assert "from the earlier day on" in shown


def test_report_is_closed_to_those_who_may_not_see_incidents():
    browser = browser_of(person_who_may("inventory.view_stocklevel"))

    assert browser.get(reverse("report-oversold")).status_code == 403


@pytest.mark.parametrize(("role", "sees"), [(Role.MANAGER, True), (Role.BUYER, False)])
def test_menu_leads_there_for_those_who_may_see_it(role, sees):
    person = UserFactory()
    person.groups.add(Group.objects.get(name=role))

    home = browser_of(person).get(reverse("admin:index")).content.decode()

    assert (reverse("report-oversold") in home) == sees
