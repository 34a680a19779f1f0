"""What to buy, over HTTP for other programs."""

import pytest
from rest_framework.test import APIClient

from purchasing.models import PurchaseOrder, ReplenishmentProposal
from tests.factories.purchasing_replenishment import proposal
from tests.people import person_who_may

pytestmark = pytest.mark.django_db

PROPOSALS = "/api/v1/replenishment-proposals/"


def client_who_may(*codenames):
    client = APIClient()
    client.force_authenticate(person_who_may(*(f"purchasing.{name}" for name in codenames)))
    return client


@pytest.fixture
def buyer():
    return client_who_may(
        "view_replenishmentproposal", "decide_replenishmentproposal", "view_purchaseorder"
    )


def accept(client, *lines, key="request", **values):
    return client.post(
        f"{PROPOSALS}accept/",
        {"lines": lines, **values},
        format="json",
        headers={"Idempotency-Key": key},
    )


def test_proposals_are_listed_with_their_reasons(buyer):
    wanted, _other = proposal(), proposal()

    answer = buyer.get(PROPOSALS, {"status": "OPEN", "supplier": wanted.supplier.code})

    [row] = answer.json()["results"]
    assert (row["sku"], row["units"], row["unit_cost"], row["order"]) == (
        wanted.variant.sku,
        20,
        "2.5000",
        None,
    )
    assert row["steps"] == wanted.steps


@pytest.mark.parametrize("key", ["request", "k" * 100])
def test_accepted_proposals_become_drafts_once(buyer, key):
    first, second = proposal(), proposal()
    lines = [{"proposal": first.pk}, {"proposal": second.pk, "units": 30}]

    answers = [accept(buyer, *lines, key=key, reason="Fair.") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    numbers = list(PurchaseOrder.objects.order_by("pk").values_list("number", flat=True))
    assert len(numbers) == 2
    for answer in answers:
        assert [order["number"] for order in answer.json()] == numbers
    assert [order["lines"][0]["ordered"] for order in answers[0].json()] == [20, 30]
    assert buyer.get(f"{PROPOSALS}{second.pk}/").json()["order"] == numbers[1]


def test_other_units_without_a_reason_are_refused(buyer):
    wanted = proposal()

    answer = accept(buyer, {"proposal": wanted.pk, "units": 30})

    assert (answer.status_code, answer.json()["code"]) == (409, "missing_reason")
    assert not PurchaseOrder.objects.exists()


def test_nothing_is_accepted_without_a_key_or_lines(buyer):
    wanted = proposal()

    answers = [accept(buyer, {"proposal": wanted.pk}, key=" "), accept(buyer)]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert ReplenishmentProposal.objects.get().status == "OPEN"


def test_who_may_only_look_accepts_nothing():
    wanted = proposal()
    onlooker = client_who_may("view_replenishmentproposal", "view_purchaseorder")

    assert accept(onlooker, {"proposal": wanted.pk}).status_code == 403
    assert ReplenishmentProposal.objects.get().status == "OPEN"
