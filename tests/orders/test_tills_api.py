"""Receipts and day closes over HTTP, as tills send them."""

import pytest
from rest_framework.test import APIClient

from channels.models import InboundMessage
from orders.models import RegisterDay, StoreReceipt
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders_tills import store_receipt, till_of
from tests.inventory.shared import figures
from tests.people import person_who_may

pytestmark = pytest.mark.django_db

RECEIPTS = "/api/v1/receipts/"
DAYS = "/api/v1/register-days/"


def client_who_may(*permissions) -> APIClient:
    client = APIClient()
    client.force_authenticate(person_who_may(*permissions))
    return client


@pytest.fixture
def client():
    return client_who_may(
        "orders.view_storereceipt", "orders.view_registerday", "orders.ingest_storereceipt"
    )


@pytest.fixture
def level():
    return stock(units=10, location=LocationFactory(kind="STORE", is_shipping=False))


@pytest.fixture
def till(level):
    return till_of(level.location)


def receipt_of(till, level, **values):
    return {
        "channel": till.code,
        "register": "T1",
        "number": "1001",
        "sequence": 1001,
        "business_on": "2026-11-22",
        "sold_at": "2026-11-22T11:00:00Z",
        "currency": "GBP",
        "total": "20.00",
        "customer": "4711",
        "lines": [
            {
                "line_id": "1",
                "sku": level.variant.sku,
                "quantity": 2,
                "unit_price": "10.00",
                "total": "20.00",
            }
        ],
        "tenders": [{"kind": "CASH", "amount": "20.00"}],
        **values,
    }


def test_receipt_is_taken_in_once_and_answered_again(client, till, level):
    told = receipt_of(till, level)

    first = client.post(RECEIPTS, told, format="json")
    again = client.post(RECEIPTS, told, format="json")

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    receipt = StoreReceipt.objects.get()
    assert first.json()["order"] == receipt.order_id
    assert receipt.order.customer.identities.get(kind="CHANNEL_ACCOUNT").raw == "4711"
    assert figures(level) == (8, 0)


def test_receipt_that_says_something_else_is_a_conflict_and_kept(client, till, level):
    client.post(RECEIPTS, receipt_of(till, level), format="json")

    answer = client.post(RECEIPTS, receipt_of(till, level, cashier="Bob"), format="json")

    assert (answer.status_code, answer.json()["code"]) == (409, "receipt_differs")
    assert answer.json()["details"]["differs"] == ["cashier"]
    assert InboundMessage.objects.get().status == "FAILED"
    assert figures(level) == (8, 0)


@pytest.mark.parametrize(
    "wrong", [{"total": "much"}, {"lines": "none"}, {"channel": "nobody"}, {"register": ""}]
)
def test_receipt_that_is_none_is_bad_input(client, till, level, wrong):
    answer = client.post(RECEIPTS, receipt_of(till, level, **wrong), format="json")

    assert (answer.status_code, list(answer.json())) == (400, list(wrong))
    assert not StoreReceipt.objects.exists()


def test_receipts_are_sent_by_those_who_may(till, level):
    reader = client_who_may("orders.view_storereceipt", "orders.view_registerday")

    assert reader.post(RECEIPTS, receipt_of(till, level), format="json").status_code == 403
    assert reader.post(DAYS, {}, format="json").status_code == 403
    assert not StoreReceipt.objects.exists()


def test_numbers_that_never_came_are_listed(client, till):
    for sequence in (1, 4):
        store_receipt(till=till, sequence=sequence)

    answer = client.get(
        f"{RECEIPTS}gaps/", {"channel": till.code, "first": "2026-11-22", "last": "2026-11-22"}
    )

    assert answer.json() == [
        {
            "channel": till.code,
            "register": "T1",
            "business_on": "2026-11-22",
            "first": 2,
            "last": 3,
        }
    ]


def test_stretch_of_days_goes_forward_and_is_a_year_at_most(client, till):
    for first, last in (("2026-11-22", "2026-11-21"), ("2025-01-01", "2026-11-22")):
        asked = {"channel": till.code, "first": first, "last": last}
        assert client.get(f"{RECEIPTS}gaps/", asked).status_code == 400


def test_day_close_is_kept_beside_what_the_receipts_come_to(client, till):
    store_receipt(till=till)
    stated = {
        "channel": till.code,
        "register": "T1",
        "business_on": "2026-11-22",
        "currency": "GBP",
        "receipts": 1,
        "total": "12.00",
        "tenders": {"CASH": "12.00"},
        "closed_at": "2026-11-22T20:00:00Z",
    }

    first = client.post(DAYS, stated, format="json")
    again = client.post(DAYS, stated, format="json")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert RegisterDay.objects.count() == 1
    assert (first.json()["found_total"], first.json()["is_different"]) == ("10.0000", True)
    narrowed = client.get(DAYS, {"is_different": "true", "is_accepted": "false"}).json()
    assert [day["id"] for day in narrowed["results"]] == [first.json()["id"]]
    assert client.get(DAYS, {"is_different": "false"}).json()["count"] == 0


def test_days_without_a_close_are_listed(client, till):
    store_receipt(till=till)

    answer = client.get(
        f"{DAYS}unclosed/", {"channel": till.code, "first": "2026-11-22", "last": "2026-11-22"}
    )

    assert answer.json() == [{"channel": till.code, "register": "T1", "business_on": "2026-11-22"}]
