"""The box that finds anything."""

import re

import pytest
from django.core.cache import cache

from tests.factories.catalog import ProductFactory
from tests.factories.customers import CustomerFactory
from tests.factories.orders import OrderFactory
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_remembered():
    """Unfold keeps results for five minutes, by the person's key, which tests use again."""
    cache.clear()


def found_by(user, term):
    page = browser_of(user).get("/search/", {"s": term, "extended": "1"}).content.decode()
    return set(re.findall(r'href="(/\w+/\w+/\d+/change/)"', page))


def test_search_finds_documents_people_and_articles():
    order = OrderFactory(external_number="WILLOW-7")
    customer = CustomerFactory(name="Wanda Willow")
    product = ProductFactory(name="Willow bowl")
    ProductFactory(name="Meadow bowl")

    assert found_by(superuser(), "willow") == {
        f"/orders/order/{order.pk}/change/",
        f"/customers/customer/{customer.pk}/change/",
        f"/catalog/product/{product.pk}/change/",
    }


def test_search_finds_only_what_the_person_may_view():
    CustomerFactory(name="Wanda Willow")
    product = ProductFactory(name="Willow bowl")

    found = found_by(person_who_may("catalog.view_product"), "willow")

    assert found == {f"/catalog/product/{product.pk}/change/"}


def test_search_stops_at_ten_of_a_kind():
    ProductFactory.create_batch(12, name="Willow bowl")

    assert len(found_by(superuser(), "willow")) == 10
