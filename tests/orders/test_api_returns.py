"""Returned goods over HTTP: listed, and received."""

import pytest

from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory
from tests.factories.orders_returns import announced_return, expected_return, received_return
from tests.orders.books import books
from tests.people import browser_of, person_who_may

pytestmark = pytest.mark.django_db

LIST = "/api/v1/returns/"


@pytest.fixture
def clerk():
    return browser_of(person_who_may("orders.view_return", "orders.register_return"))


def receive(browser, returned, **data):
    return browser.post(f"{LIST}{returned.pk}/receive/", data, content_type="application/json")


def lines_of(returned, **values):
    return [{"line": returned.lines.get().pk, "quantity": 1, **values}]


def test_expected_returns_are_listed(clerk):
    announced_return()
    expected = expected_return()
    received_return()

    answer = clerk.get(LIST, {"status": "APPROVED"}).json()

    assert [row["number"] for row in answer["results"]] == [expected.number]
    assert answer["results"][0]["lines"][0]["received"] == 0


def test_return_is_received_once(clerk):
    expected, store = expected_return(), LocationFactory(code="store")
    data = {
        "location": "store",
        "lines": lines_of(expected, condition="DAMAGED", disposition="SCRAP"),
    }

    answer = receive(clerk, expected, **data)
    before = books()
    again = receive(clerk, expected, **data)

    expected.refresh_from_db()
    told = answer.json()
    assert (answer.status_code, again.status_code) == (200, 200)
    assert again.json() == told
    assert books() == before
    assert (told["status"], told["location"]) == ("RECEIVED", "store")
    assert (told["lines"][0]["received"], told["lines"][0]["disposition"]) == (1, "SCRAP")
    assert (expected.location, expected.received_by.is_staff) == (store, True)
    assert expected.received_at > NOON


def test_return_that_is_not_approved_answers_with_a_conflict(clerk):
    announced = announced_return()
    LocationFactory(code="store")
    before = books()

    answer = receive(clerk, announced, location="store", lines=lines_of(announced))

    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_status")
    assert books() == before


@pytest.mark.parametrize(
    "data",
    [
        {"location": "nowhere"},
        {"lines": []},
        {"lines": [{"line": 1, "quantity": 0}]},
        {"lines": [{"line": 1, "quantity": 1, "condition": "SHINY"}]},
        {"lines": [{"line": 1, "quantity": 1, "disposition": "SOMEWHERE"}]},
        {"lines": [{"line": "x", "quantity": 1}]},
    ],
)
def test_what_makes_no_sense_is_a_bad_request(clerk, data):
    expected = expected_return()
    LocationFactory(code="store")
    before = books()

    answer = receive(clerk, expected, **{"location": "store", "lines": lines_of(expected), **data})

    assert answer.status_code == 400
    assert books() == before


def test_receiving_is_closed_to_those_who_only_read():
    expected = expected_return()
    LocationFactory(code="store")
    reader = browser_of(person_who_may("orders.view_return"))

    answer = receive(reader, expected, location="store", lines=lines_of(expected))

    assert answer.status_code == 403
