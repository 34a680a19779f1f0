"""Buying over HTTP for other programs."""

import pytest
from rest_framework.test import APIClient

from inventory.models import StockLevel
from purchasing import operations
from purchasing.models import (
    GoodsReceipt,
    PurchaseOrder,
    Supplier,
    SupplierInvoice,
    SupplierProduct,
    SupplierReturn,
)
from tests.factories import FACTORIES
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import (
    SupplierFactory,
    SupplierPriceFactory,
    draft_order,
    sent_order,
)
from tests.factories.purchasing_invoices import bill, delivery
from tests.people import person_who_may

pytestmark = pytest.mark.django_db

ORDERS = "/api/v1/purchase-orders/"
LISTS = {
    "suppliers": Supplier,
    "supplier-products": SupplierProduct,
    "purchase-orders": PurchaseOrder,
    "goods-receipts": GoodsReceipt,
    "supplier-returns": SupplierReturn,
    "supplier-invoices": SupplierInvoice,
}


def client_of(user):
    client = APIClient()
    client.force_authenticate(user)
    return client


def client_who_may(*codenames):
    return client_of(person_who_may(*(f"purchasing.{codename}" for codename in codenames)))


@pytest.fixture
def buyer():
    return client_who_may(
        "view_purchaseorder", "add_purchaseorder", "change_purchaseorder", "send_purchaseorder"
    )


@pytest.fixture
def hand():
    return client_who_may("view_purchaseorder", "post_goodsreceipt")


@pytest.mark.parametrize("name", LISTS)
def test_list_costs_the_same_for_one_row_and_for_three(name, django_assert_num_queries):
    model = LISTS[name]
    client = client_who_may(f"view_{model._meta.model_name}")
    make = FACTORIES[model]
    queries = {"suppliers": 2, "supplier-returns": 5, "goods-receipts": 4, "purchase-orders": 6}
    make()
    client.get(f"/api/v1/{name}/")

    for rows in (1, 3):
        while model.objects.count() < rows:
            make()
        with django_assert_num_queries(queries.get(name, 3) + (name == "supplier-invoices")):
            answer = client.get(f"/api/v1/{name}/")
        assert answer.json()["count"] == rows


@pytest.mark.parametrize("name", LISTS)
def test_list_is_closed_to_those_who_may_not_view(name):
    assert client_who_may().get(f"/api/v1/{name}/").status_code == 403


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("supplier-products", {"supplier": "nobody"}),
        ("purchase-orders", {"number": "PO-1", "location": "nowhere"}),
        ("goods-receipts", {"number": "GR-1", "supplier": "nobody"}),
        ("supplier-invoices", {"number": "SI-1", "status": "PAID"}),
    ],
)
def test_list_is_narrowed(name, query):
    model = LISTS[name]
    FACTORIES[model]()
    client = client_who_may(f"view_{model._meta.model_name}")

    answer = client.get(f"/api/v1/{name}/", query)

    assert (answer.status_code, answer.json()["count"]) == (200, 0)


def test_supplier_is_shown_without_its_bank_account():
    SupplierFactory(iban="GB33BUKB20201555555555", tax_number="980780684")

    answer = client_who_may("view_supplier").get("/api/v1/suppliers/")

    assert "980780684" not in answer.content.decode()
    assert "GB33" not in answer.content.decode()


def test_order_is_raised_once_per_key(buyer):
    price = SupplierPriceFactory(supplier_product__variant__sku="MUG-1")
    asked = {
        "supplier": price.supplier_product.supplier.code,
        "location": LocationFactory().code,
        "lines": [
            {"sku": "mug-1", "units": 12},
            {"sku": VariantFactory(sku="CUP-1").sku, "units": 3, "unit_cost": "7.25"},
        ],
    }

    answers = [
        buyer.post(f"{ORDERS}raise/", asked, format="json", headers={"Idempotency-Key": "k-1"})
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert [
        (line["sku"], line["ordered"], line["unit_cost"]) for line in answers[0].json()["lines"]
    ] == [("MUG-1", 12, "2.5000"), ("CUP-1", 3, "7.2500")]
    assert PurchaseOrder.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"lines": []}, 400),
        ({"lines": [{"sku": "NO-SUCH", "units": 1, "unit_cost": "1"}]}, 400),
        ({"lines": [{"sku": "MUG-1", "units": 0, "unit_cost": "1"}]}, 400),
        ({"lines": [{"sku": "MUG-1", "units": 1, "unit_cost": "NaN"}]}, 400),
        ({"lines": [{"sku": "MUG-1", "units": 1}]}, 409),
        ({"supplier": "nobody"}, 400),
    ],
)
def test_order_that_cannot_be_is_refused(buyer, change, status):
    VariantFactory(sku="MUG-1")
    asked = {
        "supplier": SupplierFactory().code,
        "location": LocationFactory().code,
        "lines": [{"sku": "MUG-1", "units": 1, "unit_cost": "1"}],
        **change,
    }

    answer = buyer.post(f"{ORDERS}raise/", asked, format="json", headers={"Idempotency-Key": "k-1"})

    assert answer.status_code == status
    assert PurchaseOrder.objects.count() == 0


def test_order_without_a_key_is_refused(buyer):
    VariantFactory(sku="MUG-1")
    asked = {
        "supplier": SupplierFactory().code,
        "location": LocationFactory().code,
        "lines": [{"sku": "MUG-1", "units": 1, "unit_cost": "1"}],
    }

    answer = buyer.post(f"{ORDERS}raise/", asked, format="json")

    assert (answer.status_code, PurchaseOrder.objects.count()) == (400, 0)


def test_order_goes_its_way(buyer):
    manager = client_who_may("view_purchaseorder", "approve_purchaseorder")
    address = f"{ORDERS}{draft_order().pk}/"

    statuses = [
        buyer.post(f"{address}submit/").json()["status"],
        manager.post(f"{address}approve/").json()["status"],
        buyer.post(f"{address}send/").json()["status"],
        buyer.post(f"{address}close-short/", {"reason": "Sold out"}).json()["status"],
    ]

    assert statuses == ["AWAITING_APPROVAL", "APPROVED", "SENT", "CLOSED"]


def test_order_is_cancelled_with_a_reason(buyer):
    address = f"{ORDERS}{draft_order().pk}/cancel/"

    without, told = buyer.post(address, {}), buyer.post(address, {"reason": "Too dear"})

    assert (without.status_code, told.json()["status"]) == (400, "CANCELLED")


def test_own_order_is_not_approved():
    chief = person_who_may("purchasing.view_purchaseorder", "purchasing.approve_purchaseorder")
    order = operations.submit(order_id=draft_order(by=chief).pk, at=NOON)

    answer = client_of(chief).post(f"{ORDERS}{order.pk}/approve/")

    assert (answer.status_code, answer.json()["code"]) == (409, "self_approval")


def test_goods_are_received_once_per_key(hand):
    order = sent_order()
    asked = {
        "delivery_note": "DN-7",
        "lines": [{"order_line_id": order.lines.get().pk, "accepted": 4}],
    }

    answers = [
        hand.post(
            f"{ORDERS}{order.pk}/receive/", asked, format="json", headers={"Idempotency-Key": "k"}
        )
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["number"] == answers[1].json()["number"]
    assert StockLevel.objects.get().on_hand == 4


def test_more_than_ordered_is_a_conflict(hand):
    order = sent_order()
    line = order.lines.get()

    answer = hand.post(
        f"{ORDERS}{order.pk}/receive/",
        {"lines": [{"order_line_id": line.pk, "accepted": 11}]},
        format="json",
        headers={"Idempotency-Key": "k"},
    )

    assert answer.status_code == 409
    assert answer.json()["code"] == "more_than_ordered"
    assert answer.json()["details"] == {"excess": {str(line.pk): 1}}
    assert GoodsReceipt.objects.count() == 0


@pytest.mark.parametrize("act", ["submit", "approve", "send", "receive", "close-short", "cancel"])
def test_act_is_closed_to_those_who_may_only_look(act):
    order = sent_order()

    answer = client_who_may("view_purchaseorder").post(f"{ORDERS}{order.pk}/{act}/")

    order.refresh_from_db()
    assert (answer.status_code, order.status) == (403, "SENT")


def test_bill_is_matched_and_approved():
    order = sent_order()
    delivery(order)
    accountant = client_who_may("view_supplierinvoice", "match_supplierinvoice")
    manager = client_who_may("view_supplierinvoice", "approve_supplierinvoice")
    address = f"/api/v1/supplier-invoices/{bill(order=order).pk}/"

    matched = accountant.post(f"{address}match/")
    approved = manager.post(f"{address}approve/")

    assert (matched.json()["status"], matched.json()["exceptions"]) == ("MATCHED", [])
    assert approved.json()["status"] == "APPROVED"


def test_order_is_amended_and_its_change_approved(buyer):
    order = sent_order()
    line = order.lines.get()
    asked = {
        "reason": "They rang",
        "lines": [{"line_id": line.pk, "units": 12}],
        "added": [{"sku": VariantFactory(sku="VASE-1").sku, "units": 2, "list_cost": "4.00"}],
        "note": "Ring first",
    }

    for _ in range(2):
        answer = buyer.post(
            f"{ORDERS}{order.pk}/amend/", asked, format="json", HTTP_IDEMPOTENCY_KEY="change-1"
        )
    chief = client_who_may("view_purchaseorder", "approve_purchaseorder")
    approved = chief.post(f"{ORDERS}{order.pk}/approve-change/")

    assert [version["status"] for version in answer.json()["versions"]] == ["IN_FORCE", "PROPOSED"]
    assert answer.json()["version"] == 1
    body = approved.json()
    assert (body["version"], body["total"], body["note"]) == (2, "38.0000", "Ring first")
    assert [row["ordered"] for row in body["lines"]] == [12, 2]
    assert body["versions"][1]["changes"] == [
        f"Line 1, SKU {line.variant.sku}: 10 -> 12 units.",
        "Line 2, SKU VASE-1: new, 2 units at 4.00.",
        "Note: Ring first.",
    ]


def test_line_is_closed_short(buyer):
    order, other = sent_order(units=(10, 5)), sent_order()
    line = order.lines.order_by("position").first()

    strange = buyer.post(
        f"{ORDERS}{order.pk}/close-line/", {"line_id": other.lines.get().pk, "reason": "x"}
    )
    answer = buyer.post(
        f"{ORDERS}{order.pk}/close-line/", {"line_id": line.pk, "reason": "Sold out"}
    )

    assert strange.status_code == 404
    assert answer.json()["lines"][0]["close_reason"] == "Sold out"
    assert answer.json()["percent_received"] == 0
    assert other.lines.get().cancelled == 0


def test_order_is_raised_with_discounts_and_charges(buyer):
    asked = {
        "supplier": SupplierFactory().code,
        "location": LocationFactory().code,
        "discount_percent": "5",
        "lines": [
            {
                "sku": VariantFactory().sku,
                "units": 3,
                "list_cost": "10",
                "discount_percent": "10",
                "expected_on": "2026-12-24",
            }
        ],
        "charges": [{"kind": "FREIGHT", "amount": "7.50"}],
    }

    answer = buyer.post(f"{ORDERS}raise/", asked, format="json", HTTP_IDEMPOTENCY_KEY="order-1")

    [line] = answer.json()["lines"]
    assert (line["unit_cost"], line["expected_on"]) == ("8.5500", "2026-12-24")
    assert answer.json()["total"] == "33.1500"
