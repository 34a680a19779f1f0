import pytest
from django.urls import include, path, reverse
from rest_framework.routers import DefaultRouter
from rest_framework.test import APIClient

from customers import api
from tests.factories.common import UserFactory
from tests.factories.customers import AddressFactory, CustomerFactory, CustomerIdentityFactory
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser():
    return browser_of(superuser())


@pytest.mark.parametrize("words", ["ada@example", "Ada Ex"])
def test_customers_are_searched_by_what_they_are_known_by(browser, words):
    CustomerFactory(name="Ben")
    ada = CustomerFactory(name="Ada Example")
    CustomerIdentityFactory(customer=ada, raw="ada@example.com")
    CustomerIdentityFactory(customer=ada, raw="ada@example.org")

    page = browser.get(reverse("admin:customers_customer_changelist"), {"q": words})

    assert list(page.context["cl"].result_list) == [ada]


def test_customer_page_shows_keys_and_addresses_to_be_read_only(browser):
    customer = CustomerFactory()
    CustomerIdentityFactory(customer=customer, raw="ada@example.com")
    AddressFactory(customer=customer, street="1 High Street")

    page = browser.get(reverse("admin:customers_customer_change", args=[customer.pk]))

    text = page.content.decode()
    assert "ada@example.com" in text
    assert "1 High Street" in text
    assert 'name="identities-0-raw"' not in text


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("name", "factory"),
    [
        ("customer", CustomerFactory),
        ("customeridentity", CustomerIdentityFactory),
        ("address", AddressFactory),
    ],
)
def test_list_asks_the_database_as_often_for_three_rows_as_for_one(
    browser, name, factory, count, django_assert_num_queries
):
    factory.create_batch(count)
    url = reverse(f"admin:customers_{name}_changelist")
    browser.get(url)

    with django_assert_num_queries(4):
        page = browser.get(url)

    assert len(page.context["cl"].result_list) == count


router = DefaultRouter()
api.register(router)
urlpatterns = [path("", include(router.urls))]


@pytest.fixture
def client():
    client = APIClient()
    client.force_authenticate(person_who_may("customers.view_customer", "customers.view_address"))
    return client


@pytest.mark.urls(__name__)
def test_api_finds_a_customer_by_email(client):
    CustomerIdentityFactory()
    ada = CustomerIdentityFactory(raw="ada@example.com").customer
    CustomerIdentityFactory(customer=ada, raw="old@example.com", is_active=False)

    [shown] = client.get("/customers/", {"email": "ADA@example.com"}).json()["results"]

    assert shown["uuid"] == str(ada.uuid)
    assert [identity["raw"] for identity in shown["identities"]] == ["ada@example.com"]
    assert client.get(f"/customers/{ada.uuid}/").json() == shown


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("address", "factory", "queries"),
    [("/customers/", CustomerIdentityFactory, 5), ("/addresses/", AddressFactory, 4)],
)
def test_api_asks_the_database_as_often_for_three_rows_as_for_one(
    client, address, factory, queries, count, django_assert_num_queries
):
    factory.create_batch(count)

    with django_assert_num_queries(queries):
        answer = client.get(address)

    assert len(answer.json()["results"]) == count


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("address", ["/customers/", "/addresses/"])
def test_api_is_for_those_who_may_view(address):
    client = APIClient()
    client.force_authenticate(UserFactory())

    assert client.get(address).status_code == 403
