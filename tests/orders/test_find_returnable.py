"""What a word from the counter means: which orders have goods that can come back."""

from datetime import timedelta

import pytest

from channels.connectors.base import IncomingBuyer
from orders.operations import note_return_sent, ship
from orders.queries import expected_returns, find_returnable
from tests.factories.catalog import BarcodeFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders import BUYER, open_order, returned_order, shipped_order
from tests.factories.orders_returns import announced_return, expected_return

pytestmark = pytest.mark.django_db


def found(term, **values):
    return list(find_returnable(term, **values))


def test_order_is_found_by_all_its_numbers():
    order = shipped_order(external_number="WEB-77")
    shipped_order(external_number="WEB-78")

    assert found(f" {order.number.lower()} ") == [order]
    assert found("WEB-77") == [order]


def test_order_is_found_by_the_tracking_number_of_its_parcel():
    order, other = open_order(), open_order()
    ship(order_id=order.pk, key="p", carrier="DPD", tracking_number="TN-A", at=NOON)
    ship(order_id=other.pk, key="p", carrier="DPD", tracking_number="TN-B", at=NOON)

    assert found("TN-A") == [order]


def test_orders_are_found_by_the_buyers_email_newest_first():
    older = shipped_order(placed_at=NOON - timedelta(days=2))
    newer = shipped_order(placed_at=NOON - timedelta(days=1))
    shipped_order(buyer=IncomingBuyer(email="other@example.com", name="Grace Hopper"))

    assert found(BUYER.email.upper()) == [newer, older]
    assert found("nobody@example.com") == []


def test_orders_are_found_by_a_scanned_article_and_the_day():
    level = stock(units=20)
    barcode = BarcodeFactory(variant=level.variant)
    early = shipped_order(level=level, placed_at=NOON - timedelta(days=9))
    late = shipped_order(level=level, placed_at=NOON)
    shipped_order()

    assert found(level.variant.sku) == [late, early]
    assert found(barcode.code) == [late, early]
    day = (NOON - timedelta(days=9)).date()
    assert found(barcode.code, day=day) == [early]
    assert found(barcode.code, day=NOON.date() + timedelta(days=1)) == []


def test_order_whose_goods_are_not_out_is_not_found():
    back, waiting = returned_order(quantity=1), open_order()

    assert found(back.number) == []
    assert found(waiting.number) == []


@pytest.mark.parametrize("term", ["", "   ", "\x00", "%", "x" * 500, "'; --"])
def test_words_that_mean_nothing_find_nothing(term):
    shipped_order()

    assert found(term) == []
    assert list(expected_returns(term)) == []


def test_search_takes_as_many_queries_whatever_it_finds(django_assert_num_queries):
    level = stock(units=50)
    shipped_order(level=level)
    with django_assert_num_queries(7):
        assert len(found(level.variant.sku)) == 1
    for _ in range(3):
        shipped_order(level=level)

    with django_assert_num_queries(7):
        assert len(found(level.variant.sku)) == 4


def test_expected_return_is_found_by_its_number_and_its_parcel():
    announced_return()
    expected, sent = expected_return(), expected_return()
    note_return_sent(return_id=sent.pk, carrier="DPD", tracking_number="R-1", at=NOON)

    assert list(expected_returns(expected.number.lower())) == [expected]
    assert list(expected_returns("R-1")) == [sent]
