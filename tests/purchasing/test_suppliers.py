"""Suppliers and their articles: what the form checks, what the database refuses."""

import pytest
from django.db import IntegrityError, transaction

from purchasing.admin.suppliers import SupplierForm
from purchasing.models import Supplier, SupplierProduct
from tests.factories.purchasing import SupplierFactory, SupplierPriceFactory, SupplierProductFactory
from tests.people import browser_of, person_who_may
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db

LIST = "/purchasing/supplier/"


def form(**values):
    told = {
        "code": "potters",
        "name": "Potters",
        "currency": "GBP",
        "language": "en",
        "payment_days": 30,
        "lead_time_days": 7,
    }
    return SupplierForm({**told, **values})


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        ({"iban": "GB33 BUKB 2020 1555 5555 55"}, {"iban": "GB33BUKB20201555555555"}),
        (
            {"country": "de", "tax_number": "DE 136 695 976"},
            {"country": "DE", "tax_number": "136695976"},
        ),
        ({"country": "GB", "tax_number": "GB 980 7806 84"}, {"tax_number": "980780684"}),
        ({"country": "ZZ", "tax_number": "whatever"}, {"tax_number": "whatever"}),
        ({"tax_number": "whatever"}, {"tax_number": "whatever"}),
        ({"currency": "eur"}, {"currency": "EUR"}),
    ],
)
def test_supplier_form_stores_numbers_in_one_shape(values, stored):
    supplier = form(**values).save()

    supplier.refresh_from_db()
    assert {name: getattr(supplier, name) for name in stored} == stored


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"iban": "GB33BUKB20201555555556"}, "iban"),
        ({"iban": "nonsense"}, "iban"),
        ({"country": "DE", "tax_number": "DE136695977"}, "tax_number"),
        ({"currency": "€"}, "currency"),
        ({"currency": "E1R"}, "currency"),
        ({"payment_days": -1}, "__all__"),
        ({"lead_time_days": 1000}, "__all__"),
    ],
)
def test_supplier_form_refuses_wrong_numbers(values, field):
    filled = form(**values)

    assert list(filled.errors) == [field]
    assert Supplier.objects.count() == 0


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE purchasing_supplier SET payment_days = -1", "supplier_days_not_negative"),
        ("UPDATE purchasing_supplier SET lead_time_days = 1000", "supplier_days_not_negative"),
        ("UPDATE purchasing_supplierproduct SET pack_size = 0", "pack_and_minimum_positive"),
        ("UPDATE purchasing_supplierproduct SET minimum_quantity = 0", "pack_and_minimum_positive"),
        ("UPDATE purchasing_supplierproduct SET available_units = -1", "available_not_negative"),
        ("UPDATE purchasing_supplierproduct SET supplier_sku = ''", "supplier_sku_not_empty"),
    ],
)
def test_constraints_hold_against_raw_sql(statement, constraint):
    SupplierProductFactory()

    with pytest.raises(IntegrityError, match=constraint):
        execute(statement)


def test_article_stands_once_in_a_catalog():
    product = SupplierProductFactory()

    with (
        pytest.raises(IntegrityError, match="one_per_supplier_sku"),
        transaction.atomic(),
    ):
        SupplierProductFactory(supplier=product.supplier, supplier_sku=product.supplier_sku)

    assert SupplierProduct.objects.count() == 1


def test_article_page_shows_its_prices_and_the_list_todays():
    price = SupplierPriceFactory()
    buyer = browser_of(
        person_who_may("purchasing.view_supplierproduct", "purchasing.view_supplierprice")
    )

    page = buyer.get(f"/purchasing/supplierproduct/{price.supplier_product_id}/change/")
    listed = buyer.get("/purchasing/supplierproduct/")

    assert "2.5000" in page.content.decode()
    assert "2.50 GBP" in listed.content.decode()


def test_supplier_is_entered_in_the_admin():
    buyer = browser_of(person_who_may("purchasing.view_supplier", "purchasing.add_supplier"))

    answer = buyer.post(
        f"{LIST}add/",
        {
            "code": "potters",
            "name": "Potters",
            "is_active": "on",
            "currency": "GBP",
            "language": "en",
            "payment_days": 30,
            "lead_time_days": 7,
            "iban": "GB33 BUKB 2020 1555 5555 55",
        },
    )

    assert answer.status_code == 302
    assert Supplier.objects.get().iban == "GB33BUKB20201555555555"


def test_supplier_history_keeps_the_former_bank_account():
    supplier = SupplierFactory(iban="GB33BUKB20201555555555")

    Supplier.objects.filter(pk=supplier.pk).update(iban="DE89370400440532013000")

    assert [event.iban for event in supplier.events.all()] == ["GB33BUKB20201555555555"]
