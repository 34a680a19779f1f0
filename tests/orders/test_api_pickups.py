"""Orders that are collected, and orders of our own, over HTTP."""

from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from channels.models import Channel
from customers.models import Address
from orders.models import Order, Payment, Pickup
from tests.factories.channels import ChannelFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders_pickups import collected_order, pickup_order, pickup_place, ready_order
from tests.orders.books import books
from tests.people import person_who_may

pytestmark = pytest.mark.django_db

PICKUPS = "/api/v1/pickups/"
PLACE = "/api/v1/orders/place/"
COUNTER = ("orders.view_pickup", "orders.hand_over_fulfillment")
ADDRESS = {
    "name": "Grace Hopper", "street": "1 Navy Yard", "postcode": "W1", "city": "London",
    "country": "gb",
}  # fmt: skip


def client_who_may(*permissions) -> APIClient:
    client = APIClient()
    client.force_authenticate(person_who_may(*permissions))
    return client


@pytest.fixture
def counter():
    return client_who_may(*COUNTER)


@pytest.fixture
def seller():
    return client_who_may("orders.view_order", "orders.place_order")


def act(client, order, name, body=None, **headers):
    url = f"{PICKUPS}{order.pickup.pk}/{name}/"
    return client.post(url, body or {}, format="json", headers=headers)


def numbers(client, **query) -> list[str]:
    return [row["order_number"] for row in client.get(PICKUPS, query).json()["results"]]


def test_pickups_are_listed_in_a_fixed_number_of_queries(counter, django_assert_num_queries):
    place = pickup_place()
    ready_order(place=place)
    counter.get(PICKUPS)
    with django_assert_num_queries(2):
        counter.get(PICKUPS)
    for _ in range(2):
        ready_order(place=place)
    with django_assert_num_queries(2):
        counter.get(PICKUPS)


def test_pickup_is_told_without_its_code(counter):
    order = ready_order()
    Pickup.objects.filter(order=order).update(code="987654")

    answer = counter.get(f"{PICKUPS}{order.pickup.pk}/")

    row = answer.json()
    assert (row["status"], row["order_number"]) == ("READY", order.number)
    assert row["location"] == order.pickup_location.code
    assert "987654" not in answer.content.decode()


def test_pickups_are_narrowed(counter):
    waiting, ready, collected = pickup_order(), ready_order(), collected_order()

    assert numbers(counter, status="READY") == [ready.number]
    assert numbers(counter, location=waiting.pickup_location.code) == [waiting.number]
    assert numbers(counter, order=collected.pk) == [collected.number]
    assert numbers(counter, is_overdue=True) == [waiting.number]
    assert numbers(counter, is_overdue=False) == [collected.number, ready.number]


def test_order_is_made_ready_and_handed_over(counter):
    order = pickup_order()

    ready = act(counter, order, "ready", **{"Idempotency-Key": "k-1"})
    again = act(counter, order, "ready", **{"Idempotency-Key": "k-1"})
    handed = act(counter, order, "hand_over", {"code": order.pickup.code})
    twice = act(counter, order, "hand_over", {"code": order.pickup.code})

    assert (ready.json()["status"], again.json()["status"]) == ("READY", "READY")
    assert (handed.json()["status"], handed.json()["proof"]) == ("COLLECTED", "CODE")
    assert twice.json() == handed.json()


def test_refusals_have_codes(counter):
    order = ready_order(is_paid=False)
    before = books()

    wrong = act(counter, order, "hand_over", {"code": "x"})
    missing = act(counter, order, "hand_over")
    unpaid = act(counter, order, "hand_over", {"handed_to": "Ada Lovelace"})
    keyless = act(counter, order, "ready")

    assert [(answer.status_code, answer.json()["code"]) for answer in (wrong, missing, unpaid)] == [
        (409, "wrong_code"),
        (409, "proof_missing"),
        (409, "payment_due"),
    ]
    assert keyless.status_code == 400
    assert books() == before


def test_unpaid_order_is_paid_at_hand_over(counter):
    order = ready_order(is_paid=False, quantity=2)
    payment = {"amount": "20.00", "method": "CASH", "register": "till-2", "receipt": "4711"}

    answer = act(counter, order, "hand_over", {"code": order.pickup.code, "payment": payment})

    assert answer.json()["status"] == "COLLECTED"
    assert Payment.objects.get(order=order).charged == 20


@pytest.mark.parametrize("name", ["ready", "hand_over"])
def test_who_may_not_hand_over_may_not(name):
    order = ready_order()

    answer = act(client_who_may("orders.view_pickup"), order, name, {"code": order.pickup.code})

    assert answer.status_code == 403


def new_order(client, level, *, key="call-1", quantity=1, **body):
    desk, _ = Channel.objects.get_or_create(
        code="desk", defaults={"name": "Desk", "kind": Channel.Kind.MANUAL, "currency": "GBP"}
    )
    lines = [{"sku": level.variant.sku, "quantity": quantity, "unit_price": "5.00"}]
    body = {"channel": desk.code, "lines": lines, **body}
    return client.post(PLACE, body, format="json", headers={"Idempotency-Key": key})


def test_order_to_be_sent_is_placed_with_its_address(seller):
    level = stock()

    first = new_order(seller, level, delivery_address=ADDRESS)
    again = new_order(seller, level, delivery_address=ADDRESS)

    order = Order.objects.get()
    assert (first.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert (first.json()["delivery"], first.json()["pickup_location"]) == ("SHIP", None)
    assert (order.delivery_address.street, order.delivery_address.country) == ("1 Navy Yard", "GB")
    assert Address.objects.count() == 1


def test_order_to_be_collected_is_placed(seller):
    level = stock(location=pickup_place())
    pickup = {"location": level.location.code, "name": "Alan", "is_curbside": True}

    answer = new_order(seller, level, pickup=pickup)

    row = Pickup.objects.get(order_id=answer.json()["id"])
    assert answer.json()["pickup_location"] == level.location.code
    assert (row.collector_name, row.is_curbside) == ("Alan", True)


def test_same_key_for_another_place_is_refused(seller):
    level = stock(location=pickup_place())
    new_order(seller, level, pickup={"location": level.location.code})

    answer = new_order(seller, level, pickup={"location": level.location.code, "name": "Alan"})

    assert (answer.status_code, answer.json()["code"]) == (409, "key_reused")


def test_order_that_is_short_or_makes_no_sense_leaves_nothing_behind(seller):
    level, shut = stock(units=1, location=pickup_place()), LocationFactory()
    before = books()

    short = new_order(seller, level, quantity=3, pickup={"location": level.location.code})
    unsent = new_order(seller, level, quantity=3, delivery_address=ADDRESS)
    nowhere = new_order(seller, level, pickup={"location": shut.code})
    both = new_order(
        seller, level, delivery_address=ADDRESS, pickup={"location": level.location.code}
    )
    bad = new_order(seller, level, delivery_address=ADDRESS | {"country": "GBR"})

    assert (short.status_code, short.json()["code"]) == (409, "insufficient_stock")
    assert short.json()["details"]["shortages"] == {str(level.variant_id): 2}
    assert (unsent.status_code, nowhere.status_code) == (409, 409)
    assert (nowhere.json()["code"], both.status_code, bad.status_code) == (
        "no_pickup_there",
        400,
        400,
    )
    assert {name: rows for name, rows in books().items() if name != "Channel"} == before


def test_every_shortage_is_named_at_once(seller):
    pen, ink = (stock(units=1, reference=f"GR-{n}") for n in range(2))
    desk = ChannelFactory(kind=Channel.Kind.MANUAL)
    lines = [
        {"sku": level.variant.sku, "quantity": 3, "unit_price": str(Decimal(5))}
        for level in (pen, ink)
    ]

    answer = seller.post(
        PLACE,
        {"channel": desk.code, "lines": lines},
        format="json",
        headers={"Idempotency-Key": "call-1"},
    )

    assert answer.json()["details"]["shortages"] == {
        str(pen.variant_id): 2,
        str(ink.variant_id): 2,
    }
    assert not Order.objects.exists()
