"""Orders over HTTP for other programs."""

from decimal import Decimal

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from channels.models import Channel
from orders.models import Order, Parcel
from tests.factories.channels import ChannelFactory
from tests.factories.inventory import stock
from tests.factories.orders import held_order, open_order, returned_order, shipped_order
from tests.orders.books import books
from tests.people import person_who_may

pytestmark = pytest.mark.django_db

ORDERS = "/api/v1/orders/"


def client_who_may(*permissions) -> APIClient:
    client = APIClient()
    client.force_authenticate(person_who_may(*permissions))
    return client


@pytest.fixture
def client():
    return client_who_may(
        "orders.view_order",
        "orders.view_fulfillment",
        "orders.view_return",
        "orders.place_order",
        "orders.ship_order",
    )


def test_orders_are_listed_newest_first_in_a_fixed_number_of_queries(
    client, django_assert_num_queries
):
    open_order()
    client.get(ORDERS)
    with django_assert_num_queries(5):
        client.get(ORDERS)
    held_order()
    shipped_order()
    with django_assert_num_queries(5):
        answer = client.get(ORDERS).json()

    assert answer["count"] == 3


def test_orders_are_narrowed_by_channel_and_external_id(client):
    wanted = open_order()
    open_order()

    answer = client.get(
        ORDERS, {"channel": wanted.channel.code, "external_id": wanted.external_id}
    ).json()

    assert [row["number"] for row in answer["results"]] == [wanted.number]


def test_order_tells_its_lines_and_holds(client):
    order = held_order(quantity=2)

    answer = client.get(f"{ORDERS}{order.pk}/").json()

    (line,), (hold,) = answer["lines"], answer["holds"]
    assert (answer["lifecycle"], answer["total"]) == ("PLACED", "20.0000")
    assert (line["sku"], line["ordered"]) == (order.lines.get().variant.sku, 2)
    assert (hold["kind"], hold["reason"]) == ("MANUAL", "The buyer asked us to wait.")


def test_fulfillments_and_returns_are_read(client):
    returned_order(quantity=2)

    (fulfillment,) = client.get("/api/v1/fulfillments/").json()["results"]
    (came_back,) = client.get("/api/v1/returns/").json()["results"]

    assert (fulfillment["lines"][0]["quantity"], came_back["lines"][0]["quantity"]) == (2, 1)


def place(client, variant, *, key="call-1", quantity=2, **values):
    desk = Channel.objects.filter(kind=Channel.Kind.MANUAL).first() or ChannelFactory(
        kind=Channel.Kind.MANUAL
    )
    headers = {"Idempotency-Key": key} if key else {}
    line = {"sku": variant.sku, "quantity": quantity, "unit_price": "5.00"}
    return client.post(
        f"{ORDERS}place/",
        {"channel": desk.code, "lines": [line], **values},
        format="json",
        headers=headers,
    )


def test_order_is_placed_once_per_key(client):
    level = stock()

    first, again = (place(client, level.variant) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["number"] == again.json()["number"]
    assert Order.objects.get().total == Decimal(10)


def test_another_order_with_the_key_is_a_conflict(client):
    level = stock()
    place(client, level.variant)

    answer = place(client, level.variant, quantity=3)

    assert (answer.status_code, answer.json()["code"]) == (409, "key_reused")


def test_shortage_is_a_conflict_that_names_it_and_changes_nothing(client):
    level = stock(units=1)
    ChannelFactory(kind=Channel.Kind.MANUAL)
    before = books()

    answer = place(client, level.variant)

    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_stock")
    assert answer.json()["details"] == {"shortages": {str(level.variant_id): 1}}
    assert books() == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": ""},
        {"key": "x" * 101},
        {"quantity": 0},
        {"lines": []},
        {"lines": [{"sku": "NEITHER", "quantity": 1}]},
        {"channel": "nowhere"},
        {"lines": [{"sku": "A\x00", "quantity": 1}]},
    ],
)
def test_bad_input_is_answered_400_and_changes_nothing(client, wrong):
    level = stock()
    ChannelFactory(kind=Channel.Kind.MANUAL)
    before = books()

    assert place(client, level.variant, **wrong).status_code == 400
    assert books() == before


def ship(client, order, **data):
    return client.post(
        f"{ORDERS}{order.pk}/ship/",
        data,
        format="json",
        headers={"Idempotency-Key": data.pop("key", "parcel-1")},
    )


def test_order_is_shipped_once_per_key(client):
    order = open_order(quantity=3)
    lines = [{"line": order.lines.get().pk, "quantity": 1}]

    first = ship(client, order, carrier="DPD", tracking_number="TN-1", lines=lines)
    again = ship(client, order, carrier="DPD", tracking_number="TN-1", lines=lines)

    assert (first.status_code, again.json()) == (201, first.json())
    assert order.lines.get().shipped == 1
    [parcel] = first.json()["parcels"]
    assert parcel == {
        "id": Parcel.objects.get().pk,
        "carrier": "DPD",
        "tracking_number": "TN-1",
        "tracking_url": "",
        "weight": None,
    }


def test_ship_of_a_held_order_is_a_conflict(client):
    order = held_order()
    before = books()

    answer = ship(client, order)

    assert (answer.status_code, answer.json()["code"]) == (409, "order_on_hold")
    assert books() == before


def test_ship_of_no_order_is_not_found(client):
    answer = client.post(f"{ORDERS}0/ship/", {}, headers={"Idempotency-Key": "1"})

    assert answer.status_code == 404


def test_each_act_needs_its_permission():
    order = open_order()
    reader = client_who_may("orders.view_order")

    assert reader.get(ORDERS).status_code == 200
    assert place(reader, order.lines.get().variant).status_code == 403
    assert ship(reader, order).status_code == 403
    assert client_who_may().get(ORDERS).status_code == 403
    assert APIClient().get(ORDERS).status_code in {401, 403}


def test_addresses_of_the_api_stand_where_they_are_said_to():
    assert reverse("order-list") == ORDERS
