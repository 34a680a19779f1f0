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
        "discount_percent": 0,
        "discount_days": 0,
        "lead_time_days": 7,
        "over_receipt_percent": 0,
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
        ({"country": "GR", "tax_number": "EL 094259216"}, {"tax_number": "094259216"}),
        ({"country": "GB", "tax_number": "XI 980 7806 84"}, {"tax_number": "980780684"}),
        ({"country": "PL", "tax_number": "526-000-12-46"}, {"tax_number": "5260001246"}),
        ({"country": "CH", "tax_number": "CHE-107.787.577 IVA"}, {"tax_number": "CHE107787577IVA"}),
        ({"country": "GB", "tax_number": "DE 136 695 976"}, {"tax_number": "DE136695976"}),
        ({"tax_number": "el 094259216"}, {"tax_number": "EL094259216"}),
        ({"tax_number": "CHE-107.787.577 IVA"}, {"tax_number": "CHE107787577IVA"}),
        ({"country": "US", "tax_number": "DEA-12-345"}, {"tax_number": "DEA-12-345"}),
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
        ({"discount_percent": 2}, "discount_days"),
        ({"discount_days": 10}, "discount_percent"),
        ({"country": "G1"}, "country"),
        ({"delivery_terms": "XYZ"}, "delivery_terms"),
        ({"over_receipt_percent": -1}, "__all__"),
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
    ("values", "says"),
    [
        ({"iban": "GB33BUKB20201555555556"}, "This is not an IBAN: a digit is wrong."),
        ({"iban": "GB33BUKB2020155555"}, "This is not an IBAN: a character does not belong"),
        ({"country": "DE", "tax_number": "DE136695977"}, "tax number of DE: a digit is wrong."),
        ({"country": "DE", "tax_number": "1366959"}, "tax number of DE: it has too few or too"),
        ({"country": "GB", "tax_number": "FR40303265044"}, "tax number of FR: a digit is wrong."),
        ({"tax_number": "DE136695977"}, "tax number of DE: a digit is wrong."),
    ],
)
def test_supplier_form_says_what_is_wrong_with_a_number(values, says):
    [errors] = form(**values).errors.values()

    assert says in errors[0]


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
            "discount_percent": 2,
            "discount_days": 10,
            "lead_time_days": 7,
            "delivery_terms": "DAP",
            "minimum_order_amount": 150,
            "over_receipt_percent": 5,
            "iban": "GB33 BUKB 2020 1555 5555 55",
        },
    )

    assert answer.status_code == 302
    supplier = Supplier.objects.get()
    assert supplier.iban == "GB33BUKB20201555555555"
    assert (supplier.discount_percent, supplier.discount_days) == (2, 10)
    assert (supplier.delivery_terms, supplier.minimum_order_amount) == ("DAP", 150)


def test_supplier_history_keeps_the_former_bank_account():
    supplier = SupplierFactory(iban="GB33BUKB20201555555555")

    Supplier.objects.filter(pk=supplier.pk).update(iban="DE89370400440532013000")

    assert [event.iban for event in supplier.events.all()] == ["GB33BUKB20201555555555"]
