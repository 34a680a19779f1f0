"""Channels over the API."""

import pytest
from rest_framework.test import APIRequestFactory, force_authenticate

from channels import api
from tests.factories.channels import (
    ChannelFactory,
    ListingFactory,
    OutboxEntryFactory,
    SyncCursorFactory,
)
from tests.people import person_who_may

pytestmark = pytest.mark.django_db

LISTS = [
    (api.ChannelViewSet, ChannelFactory, "channel"),
    (api.ListingViewSet, ListingFactory, "listing"),
    (api.SyncCursorViewSet, SyncCursorFactory, "synccursor"),
    (api.OutboxEntryViewSet, OutboxEntryFactory, "outboxentry"),
]


def ask(viewset, user, method: str = "get", **query):
    request = getattr(APIRequestFactory(), method)("/", query)
    force_authenticate(request, user=user)
    return viewset.as_view({method: "list"})(request)


@pytest.mark.parametrize(("viewset", "factory", "model"), LISTS)
@pytest.mark.parametrize("rows", [1, 3])
def test_list_costs_the_same_for_one_row_and_for_three(
    viewset, factory, model, rows, django_assert_num_queries
):
    factory.create_batch(rows)
    user = person_who_may(f"channels.view_{model}")
    user.get_all_permissions()

    with django_assert_num_queries(2):
        answer = ask(viewset, user)

    assert answer.data["count"] == rows
    assert len(answer.data["results"]) == rows


@pytest.mark.parametrize(("viewset", "factory", "model"), LISTS)
def test_list_needs_the_permission_to_view(viewset, factory, model):
    factory()

    assert ask(viewset, person_who_may("channels.change_channel")).status_code == 403


def test_credentials_are_no_field():
    ChannelFactory(credentials="ck_live_very_secret")

    answer = ask(api.ChannelViewSet, person_who_may("channels.view_channel"))

    assert "very_secret" not in str(answer.data)


def test_listings_are_found_by_channel():
    listing = ListingFactory()
    ListingFactory()

    answer = ask(
        api.ListingViewSet,
        person_who_may("channels.view_listing"),
        channel=str(listing.channel_id),
    )

    [row] = answer.data["results"]
    assert (row["id"], row["sku"]) == (listing.pk, listing.variant.sku)


def test_unlinked_listing_has_no_sku():
    ListingFactory(variant=None, status="UNLINKED")

    [row] = ask(api.ListingViewSet, person_who_may("channels.view_listing")).data["results"]

    assert (row["variant"], row["sku"]) == (None, None)
