"""How stock stood at the end of days, to be looked at and never touched."""

import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from tests.factories.inventory import LocationFactory, stock
from tests.factories.inventory_periods import end_of_day
from tests.people import browser_of, person_who_may

pytestmark = pytest.mark.django_db
VIEW = (
    "inventory.view_stocksnapshot",
    "inventory.view_levelsnapshot",
    "inventory.view_poolsnapshot",
)
CELL = re.compile(r'<t[dh] class="[^"]*field-[^>]*>(.*?)</t[dh]>', re.DOTALL)
NOVEMBER_2 = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture
def snapshot():
    level = stock(units=6, value="10.00", location=LocationFactory(name="High Street"))
    stock(units=4, value="1.50", variant=level.variant, reference="GR-2")
    stock(units=2, value="3.00", reference="GR-3")
    return end_of_day(ends_at=NOVEMBER_2)


def list_page(*permissions):
    url = reverse("admin:inventory_stocksnapshot_changelist")
    return browser_of(person_who_may(*permissions)).get(url).content.decode()


def page_of(snapshot, *permissions):
    url = reverse("admin:inventory_stocksnapshot_change", args=[snapshot.pk])
    return browser_of(person_who_may(*permissions)).get(url).content.decode()


@pytest.mark.usefixtures("snapshot")
def test_list_tells_day_articles_units_and_value():
    page = list_page(*VIEW, "inventory.view_costpool")

    cells = [re.sub(r"<[^>]+>", "", cell).strip() for cell in CELL.findall(page)]
    assert cells == ["1 Nov 2026", "2", "12", "14.50 GBP", "2 Nov 2026, 00:00"]


@pytest.mark.usefixtures("snapshot")
def test_list_hides_values_from_those_who_see_no_cost():
    assert "14.50" not in list_page(*VIEW)


def test_page_tells_units_by_location_and_value_by_article(snapshot):
    page = page_of(snapshot, *VIEW, "inventory.view_costpool")

    for told in ("High Street", "Value by article", "11.50", "14.50"):
        assert told in page


def test_page_hides_values_from_those_who_see_no_cost(snapshot):
    page = page_of(snapshot, *VIEW)

    assert "High Street" in page
    for hidden in ("Value by article", "11.50", "14.50"):
        assert hidden not in page


def test_nothing_can_be_changed(snapshot):
    browser = browser_of(person_who_may(*VIEW))

    answers = [
        browser.post(reverse("admin:inventory_stocksnapshot_change", args=[snapshot.pk])),
        browser.post(reverse("admin:inventory_stocksnapshot_delete", args=[snapshot.pk])),
        browser.get(reverse("admin:inventory_stocksnapshot_add")),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
