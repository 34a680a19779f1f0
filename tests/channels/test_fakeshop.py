"""The practice shop: its own sales, its own memory."""

import json
import os
import signal
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import httpx2
import pytest

from channels.fakeshop import Shop
from tests.channels.shop_process import TOKEN, order_row, product_rows, running_shop

NOON = datetime(2026, 11, 22, 12, 0, 0, 700_000, tzinfo=UTC)


def shop_with(*, stock: int, products: int = 3, **options) -> Shop:
    shop = Shop(chance=Random(1), clock=lambda: NOON, **options)
    shop.seed({"products": product_rows(products, stock=stock)})
    return shop


def units_left(shop: Shop) -> int:
    return sum(row["stock"] for row in shop.products(page=1, per_page=100)["products"])


def test_sale_lowers_the_stock_by_what_was_sold():
    shop = shop_with(stock=5)

    order = shop.sell()

    assert units_left(shop) == 15 - sum(line["quantity"] for line in order["lines"])


def test_sale_adds_up():
    shop = shop_with(stock=100)

    for _ in range(50):
        order = shop.sell()
        lines = sum(Decimal(line["total"]) for line in order["lines"])
        assert Decimal(order["total"]) == lines + Decimal(order["shipping_total"])


def test_shop_sells_what_it_has_and_no_more():
    shop = shop_with(stock=4)

    while shop.sell():
        pass

    assert units_left(shop) == 0


def test_some_buyers_come_back():
    shop = shop_with(stock=1000)

    emails = [shop.sell()["customer"]["email"] for _ in range(100)]

    assert 40 <= len(set(emails)) <= 70


def test_change_is_stamped_in_whole_seconds():
    assert shop_with(stock=5).sell()["updated_at"] == "2026-11-22T12:00:00Z"


def test_cancelled_order_brings_its_stock_back_once():
    shop = shop_with(stock=5)
    order = shop.sell()

    shop.cancel(order["id"])
    shop.cancel(order["id"])

    assert units_left(shop) == 15


def test_state_file_keeps_everything_over_a_restart(tmp_path):
    state = tmp_path / "shop.json"
    shop = shop_with(stock=5, state_path=state)
    order = shop.sell()

    restarted = Shop(state_path=state, chance=Random(1), clock=lambda: NOON)

    assert restarted.order(order["id"]) == order
    assert units_left(restarted) == units_left(shop)
    assert int(restarted.sell()["id"]) == int(order["id"]) + 1


def test_state_survives_a_shop_that_is_killed(tmp_path):
    state = tmp_path / "shop.json"
    with running_shop("--state", str(state)) as shop, shop.practice() as practice:
        practice.seed(products=product_rows(1), orders=[order_row(7)])
        os.kill(shop.process.pid, signal.SIGKILL)
        shop.process.wait()

    with running_shop("--state", str(state)) as shop:
        assert shop.connector().order("7").external_number == "P7"
        assert [listing.quantity for listing in shop.connector().listings()] == [5]


def test_shop_sells_by_itself_until_it_is_asked_to_stop():
    with running_shop("--sell-every", "0.05") as shop, shop.practice() as practice:
        practice.seed(products=product_rows(3))
        lines = [shop.process.stdout.readline() for _ in range(100)]
        sale = next(line for line in lines if line.startswith("Order P"))
        orders = list(shop.connector().orders_changed_since(None))
        shop.process.terminate()
        code = shop.process.wait(timeout=10)

    assert " buys " in sale
    assert sale.rstrip().endswith("GBP")
    assert orders
    assert code == 0


@pytest.mark.parametrize("path", ["/orders", "/products", "/practice/shipments/1"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer guessed"}])
def test_strangers_see_nothing(shop, path, headers):
    answer = httpx2.get(shop.address + path, headers=headers)

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "query",
    [
        "per_page=101",
        "per_page=0",
        "page=0",
        "page=x",
        "modified_after=now",
        # Without a zone it would be read in whatever zone the shop stands in.
        "modified_after=2026-11-22T12:00:00",
    ],
)
def test_question_that_makes_no_sense_is_refused(shop, query):
    answer = httpx2.get(
        f"{shop.address}/orders?{query}", headers={"Authorization": f"Bearer {TOKEN}"}
    )

    assert answer.status_code == 400


def test_more_than_a_hundred_items_at_once_are_refused(shop):
    items = [{"product_id": "p1", "variant_id": "", "stock": 1}] * 101

    answer = httpx2.put(
        f"{shop.address}/stock",
        json={"items": items},
        headers={"Authorization": f"Bearer {TOKEN}"},
    )

    assert answer.status_code == 413


@pytest.mark.parametrize("body", [b"", b"no json", b"[1]", json.dumps({"items": 1}).encode()])
def test_body_that_makes_no_sense_is_refused(shop, body):
    answer = httpx2.put(
        f"{shop.address}/stock", content=body, headers={"Authorization": f"Bearer {TOKEN}"}
    )

    assert answer.status_code == 400
