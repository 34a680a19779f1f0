"""Suppliers and their articles over HTTP: the terms, and which articles are proposals."""

import pytest
from rest_framework.test import APIClient

from tests.factories.common import NOON
from tests.factories.purchasing import (
    SupplierFactory,
    SupplierFileProfileFactory,
    SupplierProductFactory,
)
from tests.factories.purchasing_suppliers import SupplierContactFactory
from tests.people import person_who_may

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    client = APIClient()
    client.force_authenticate(
        person_who_may("purchasing.view_supplier", "purchasing.view_supplierproduct")
    )
    return client


def test_supplier_tells_its_terms_and_none_of_its_numbers(client):
    supplier = SupplierFactory(
        city="Stoke",
        discount_percent=2,
        discount_days=10,
        delivery_terms="DAP",
        minimum_order_amount=150,
        tax_number="980780684",
        iban="GB33BUKB20201555555555",
        note="Ask for Ann.",
    )
    SupplierContactFactory(supplier=supplier, name="Ann Bell")
    SupplierFileProfileFactory(supplier=supplier, secret="open sesame")

    answer = client.get("/api/v1/suppliers/")

    [row] = answer.json()["results"]
    assert (row["city"], row["delivery_terms"], row["minimum_order_amount"]) == (
        "Stoke",
        "DAP",
        "150.0000",
    )
    assert (row["discount_percent"], row["discount_days"]) == ("2.000", 10)
    for inside in ("980780684", "GB33", "Ann", "sesame"):
        assert inside not in answer.content.decode()


def test_supplier_products_tell_their_terms(client):
    SupplierProductFactory(
        order_multiple=6,
        lead_time_days=4,
        rank=2,
        available_units=0,
        available_said_at=NOON,
        back_in_stock_on="2026-12-24",
    )

    [row] = client.get("/api/v1/supplier-products/").json()["results"]

    assert (row["order_multiple"], row["lead_time_days"], row["rank"]) == (6, 4, 2)
    assert (row["available_units"], row["back_in_stock_on"]) == (0, "2026-12-24")


def test_supplier_products_are_narrowed_to_proposals_and_to_the_others(client):
    ours, proposal = SupplierProductFactory(), SupplierProductFactory(variant=None)
    declined = SupplierProductFactory(variant=None, declined_at=NOON)

    found = {
        asked: [
            row["id"]
            for row in client.get("/api/v1/supplier-products/", {"is_proposal": asked}).json()[
                "results"
            ]
        ]
        for asked in ("true", "false", "")
    }

    assert found == {
        "true": [proposal.pk],
        "false": [ours.pk, declined.pk],
        "": [ours.pk, proposal.pk, declined.pk],
    }
