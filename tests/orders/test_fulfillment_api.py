"""Picking, packing and sending over HTTP, for scanners and programs of the warehouse."""

import pytest
from rest_framework.test import APIClient

from orders.models import PickList
from tests.factories.orders import held_order, open_order
from tests.factories.orders_fulfillment import packed, picked, scanned
from tests.orders.books import books
from tests.people import person_who_may

pytestmark = pytest.mark.django_db

FULFILLMENTS = "/api/v1/fulfillments/"
START = "/api/v1/pick-lists/start/"
BOX = {"carrier": "DPD", "tracking_number": "TN-1", "weight": 900, "cost": "4.20"}


def client_who_may(*permissions):
    client = APIClient()
    client.force_authenticate(person_who_may(*permissions))
    return client


@pytest.fixture
def client():
    return client_who_may(
        "orders.view_picklist",
        "orders.view_fulfillment",
        "orders.pick_fulfillment",
        "orders.ship_order",
    )


def post(client, url, data, *, key="key-1"):
    return client.post(url, data, format="json", headers={"Idempotency-Key": key})


def act(client, fulfillment, name, data, **values):
    return post(client, f"{FULFILLMENTS}{fulfillment.pk}/{name}/", data, **values)


def the_item(fulfillment):
    return fulfillment.items.select_related("variant").get()


def place_of(order):
    return order.lines.get().line_allocations.get().allocation.level.location


def test_wave_is_begun_once_per_key(client):
    order = open_order()
    asked = {"location": place_of(order).code, "orders": [order.pk]}

    first, again = post(client, START, asked), post(client, START, asked)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert PickList.objects.get().fulfillments.get().order == order


def test_wave_takes_the_orders_whose_turn_it_is(client):
    order = open_order()

    answer = post(client, START, {"location": place_of(order).code})

    assert len(answer.json()["fulfillments"]) == 1


def test_wave_of_a_held_order_is_a_conflict(client):
    order = held_order()

    answer = post(client, START, {"location": place_of(order).code, "orders": [order.pk]})

    assert (answer.status_code, answer.json()["code"]) == (409, "order_on_hold")


def test_scan_counts_once_per_key_and_says_what_lacks(client):
    fulfillment = picked(quantity=2)
    sku = the_item(fulfillment).variant.sku

    for _ in range(2):
        answer = act(client, fulfillment, "scan", {"code": sku})

    assert answer.status_code == 200
    assert [(row["sku"], row["units"], row["packed"]) for row in answer.json()["items"]] == [
        (sku, 2, 1)
    ]


def test_surplus_scan_is_a_conflict(client):
    fulfillment = picked(quantity=1)
    sku = the_item(fulfillment).variant.sku
    before = books()

    answer = act(client, fulfillment, "scan", {"code": sku, "units": 2})

    assert (answer.status_code, answer.json()["code"]) == (409, "surplus_unit")
    assert books() == before


def test_pack_and_ship(client):
    fulfillment = scanned()

    of_pack = act(client, fulfillment, "pack", {"parcels": [BOX]})
    of_ship = [act(client, fulfillment, "ship", {}) for _ in range(2)]

    assert of_pack.json()["status"] == "PACKED"
    assert [answer.status_code for answer in of_ship] == [200, 200]
    assert of_ship[0].json() == of_ship[1].json()
    assert of_ship[0].json()["status"] == "SHIPPED"
    assert [box["tracking_number"] for box in of_ship[0].json()["parcels"]] == ["TN-1"]


def test_ship_names_other_parcels(client):
    answer = act(client, packed(), "ship", {"parcels": [{**BOX, "tracking_number": "TN-7"}]})

    assert [box["tracking_number"] for box in answer.json()["parcels"]] == ["TN-7"]


def test_pack_without_a_key_is_refused(client):
    answer = client.post(f"{FULFILLMENTS}{scanned().pk}/pack/", {}, format="json")

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("scan", {}),
        ("scan", {"code": "X", "units": 0}),
        ("pack", {"parcels": [{"carrier": "DPD"}]}),
        ("pack", {"parcels": [{**BOX, "weight": 0}]}),
    ],
)
def test_bad_input_is_refused(client, name, data):
    assert act(client, scanned(), name, data).status_code == 400


@pytest.mark.parametrize("name", ["scan", "pack", "ship"])
def test_what_is_not_there_is_not_found(client, name):
    answer = post(client, f"{FULFILLMENTS}0/{name}/", {"code": "X"})

    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["scan", "pack", "ship"])
def test_whoever_only_reads_changes_nothing(name):
    reader = client_who_may("orders.view_fulfillment", "orders.view_picklist")

    assert act(reader, packed(), name, {"code": "X"}).status_code == 403
    assert post(reader, START, {}).status_code == 403
