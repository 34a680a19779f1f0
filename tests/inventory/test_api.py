"""Stock over the API."""

import pytest
from rest_framework.test import APIRequestFactory, force_authenticate

from inventory import api
from inventory.models import Allocation, Location, StockLevel, StockMovement
from tests.factories import FACTORIES
from tests.factories.inventory import promise, stock
from tests.people import person_who_may

pytestmark = pytest.mark.django_db

LISTS = [
    (api.LocationViewSet, Location),
    (api.StockLevelViewSet, StockLevel),
    (api.StockMovementViewSet, StockMovement),
    (api.AllocationViewSet, Allocation),
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
