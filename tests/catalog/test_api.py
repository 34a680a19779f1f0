from datetime import timedelta

import pytest
from django.urls import include, path
from rest_framework.routers import DefaultRouter
from rest_framework.test import APIClient

from catalog import api
from catalog.models import Product
from tests.factories.catalog import (
    BrandFactory,
    CategoryFactory,
    PriceFactory,
    PriceListFactory,
    TaxClassFactory,
    VariantFactory,
)
from tests.factories.common import NOON, UserFactory
from tests.people import person_who_may

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

router = DefaultRouter()
api.register(router)
urlpatterns = [path("", include(router.urls))]

VIEW_ALL = [f"catalog.view_{name}" for name in ("product", "variant", "price", "pricelist")]


@pytest.fixture
def client():
    client = APIClient()
    client.force_authenticate(person_who_may(*VIEW_ALL, "catalog.view_category"))
    return client


def ids(answer):
    return [row["id"] for row in answer.json()["results"]]


def test_product_shows_its_variants(client):
    variant = VariantFactory(
        sku="TEE",
        gtin="4006381333931",
        options={"Color": "Red"},
        tax_class=TaxClassFactory(code="STANDARD"),
        product__brand=BrandFactory(name="Acme"),
    )

    product = client.get(f"/products/{variant.product_id}/").json()

    assert (product["brand"], product["status"]) == ("Acme", "ACTIVE")
    [shown] = product["variants"]
    assert (shown["sku"], shown["gtin"], shown["options"], shown["tax_class"]) == (
        "TEE",
        "4006381333931",
        {"Color": "Red"},
        "STANDARD",
    )


def test_products_are_filtered_by_status_and_change(client):
    old, new = VariantFactory.create_batch(2)
    draft = VariantFactory(product__status=Product.Status.DRAFT)
    Product.objects.filter(pk=old.product_id).update(updated_at=NOON - timedelta(days=1))
    Product.objects.filter(pk__in=[new.product_id, draft.product_id]).update(updated_at=NOON)

    answer = client.get("/products/", {"status": "ACTIVE", "updated_since": NOON.isoformat()})

    assert ids(answer) == [new.product_id]


def test_variants_are_found_by_sku_whatever_the_case(client):
    VariantFactory()
    tee = VariantFactory(sku="Tee")

    assert ids(client.get("/variants/", {"sku": "TEE"})) == [tee.pk]


def test_prices_are_filtered_by_variant(client):
    PriceFactory()
    price = PriceFactory(unit_price="9.99")

    [shown] = client.get("/prices/", {"variant": price.variant_id}).json()["results"]

    assert (shown["id"], shown["unit_price"]) == (price.pk, "9.9900")


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("address", "factory", "queries"),
    [
        ("/products/", VariantFactory, 5),
        ("/variants/", VariantFactory, 4),
        ("/prices/", PriceFactory, 4),
        ("/price-lists/", PriceListFactory, 4),
        ("/categories/", CategoryFactory, 4),
    ],
)
def test_list_asks_the_database_as_often_for_three_rows_as_for_one(
    client, address, factory, queries, count, django_assert_num_queries
):
    factory.create_batch(count)

    with django_assert_num_queries(queries):
        answer = client.get(address)

    assert len(ids(answer)) == count


@pytest.mark.parametrize("address", ["/products/", "/variants/", "/prices/", "/categories/"])
def test_api_is_for_those_who_may_view(address):
    client = APIClient()
    client.force_authenticate(UserFactory())

    assert client.get(address).status_code == 403


def test_api_changes_nothing(client):
    variant = VariantFactory()

    assert client.delete(f"/variants/{variant.pk}/").status_code in {403, 405}
    assert client.patch(f"/variants/{variant.pk}/", {"sku": "X"}).status_code in {403, 405}
    variant.refresh_from_db()
    assert variant.sku != "X"
