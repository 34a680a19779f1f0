"""Stock over the API."""

import pytest
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIRequestFactory, force_authenticate

from inventory import api
from inventory.models import (
    Allocation,
    Location,
    StockLevel,
    StockMovement,
    Transfer,
    TransferLine,
    WithdrawnPromise,
)
from tests.factories import FACTORIES
from tests.factories.inventory import promise, stock
from tests.factories.inventory_promises import put_aside, withdraw
from tests.factories.inventory_transfers import arrival, dispatched_transfer, drafted_transfer
from tests.people import person_who_may

pytestmark = pytest.mark.django_db

LISTS = [
    (api.LocationViewSet, Location),
    (api.StockLevelViewSet, StockLevel),
    (api.StockMovementViewSet, StockMovement),
    (api.AllocationViewSet, Allocation),
    (api.WithdrawnPromiseViewSet, WithdrawnPromise),
    (api.TransferViewSet, Transfer),
    (api.TransferLineViewSet, TransferLine),
]


def ask(viewset, user, **query):
    request = APIRequestFactory().get("/", query)
    force_authenticate(request, user=user)
    return viewset.as_view({"get": "list"})(request)


def may_view(model):
    return person_who_may(f"inventory.view_{model._meta.model_name}")


@pytest.mark.parametrize(("viewset", "model"), LISTS)
@pytest.mark.parametrize("rows", [1, 3])
def test_list_costs_the_same_for_one_row_and_for_three(
    viewset, model, rows, django_assert_num_queries
):
    for _ in range(rows):
        FACTORIES[model]()
    user = may_view(model)
    user.get_all_permissions()

    with django_assert_num_queries(2):
        answer = ask(viewset, user)

    assert len(answer.data["results"]) == answer.data["count"] >= rows


@pytest.mark.parametrize(("viewset", "model"), LISTS)
def test_list_needs_the_permission_to_view(viewset, model):
    FACTORIES[model]()

    assert ask(viewset, person_who_may("inventory.change_location")).status_code == 403


def test_level_tells_what_is_free():
    level = stock(units=10)
    promise(level=level, units=3)

    [row] = ask(api.StockLevelViewSet, may_view(StockLevel), variant__sku=level.variant.sku).data[
        "results"
    ]

    assert (row["on_hand"], row["allocated"], row["available"]) == (10, 3, 7)


def test_movements_do_not_tell_their_cost():
    stock(units=2, value="9.00")

    [row] = ask(api.StockMovementViewSet, may_view(StockMovement)).data["results"]

    assert set(row) == set(api.StockMovementSerializer.Meta.fields)


def test_allocation_tells_until_when_it_is_kept_and_for_whom():
    allocation = put_aside(note="Mrs Smith")

    [row] = ask(api.AllocationViewSet, may_view(Allocation), reference="RES-1").data["results"]

    assert (row["note"], row["channel"]) == ("Mrs Smith", None)
    assert parse_datetime(row["expires_at"]) == allocation.expires_at


def test_what_was_taken_back_tells_of_which_promise():
    withdrawn = withdraw()

    [row] = ask(
        api.WithdrawnPromiseViewSet, may_view(WithdrawnPromise), allocation__reference="SO-1"
    ).data["results"]

    assert (row["allocation"], row["units"]) == (withdrawn.allocation_id, 1)
    assert (row["cause"], row["settled_at"]) == ("ADJUSTMENT", None)


@pytest.mark.parametrize("by", ["number", "status", "from", "to"])
def test_transfers_are_filtered(by):
    sent, _draft = dispatched_transfer(), drafted_transfer()
    query = {
        "number": {"number": sent.number},
        "status": {"status": "DISPATCHED"},
        "from": {"from_location__code": sent.from_location.code},
        "to": {"to_location": sent.to_location_id},
    }[by]

    [row] = ask(api.TransferViewSet, may_view(Transfer), **query).data["results"]

    assert (row["number"], row["status"]) == (sent.number, "DISPATCHED")


def test_transfer_lines_tell_what_has_arrived():
    level = stock()
    transfer, _other = dispatched_transfer(level, units=3), drafted_transfer()
    arrival(transfer, units=2)

    [row] = ask(
        api.TransferLineViewSet, may_view(TransferLine), transfer__number=transfer.number
    ).data["results"]

    assert (row["sku"], row["quantity"], row["received"], row["lost"]) == (
        level.variant.sku,
        3,
        2,
        0,
    )
