"""Channels in the admin."""

from datetime import UTC, datetime
from unittest import mock

import pytest
from django.urls import reverse

from channels import tasks
from channels.models import Channel, Listing, OutboxEntry
from tests.factories.catalog import VariantFactory
from tests.factories.channels import (
    ChannelFactory,
    InboundMessageFactory,
    ListingFactory,
    OutboxEntryFactory,
    SyncCursorFactory,
)
from tests.people import browser_of, person_who_may, superuser

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRET = "ck_live_very_secret"

pytestmark = pytest.mark.django_db


def address(model: str, page: str, *arguments) -> str:
    return reverse(f"admin:channels_{model}_{page}", args=arguments)


def act(model: str, row, name: str) -> str:
    return address(model, "act", row.pk, name)


def form_of(channel: Channel, **changes) -> dict:
    """Return what the browser sends when the channel's page is saved."""
    names = ("code", "name", "kind", "mode", "currency", "country", "timezone", "address")
    owners = ("stock_owner", "price_owner", "content_owner")
    splits = ("most_places", "split_from_total")
    values = {name: getattr(channel, name) for name in names + owners + splits}
    return {**values, "is_tax_included": "on", "new_credentials": "", **changes}


@pytest.mark.parametrize(
    ("factory", "model", "queries"),
    [
        (ChannelFactory, "channel", 4),
        (ListingFactory, "listing", 5),
        (InboundMessageFactory, "inboundmessage", 6),
        (SyncCursorFactory, "synccursor", 6),
        (OutboxEntryFactory, "outboxentry", 5),
    ],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_list_costs_the_same_for_one_row_and_for_three(
    factory, model, queries, rows, django_assert_num_queries
):
    factory.create_batch(rows)
    browser = browser_of(superuser())

    with django_assert_num_queries(queries):
        answer = browser.get(address(model, "changelist"))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("factory", "model"),
    [
        (ChannelFactory, "channel"),
        (ListingFactory, "listing"),
        (InboundMessageFactory, "inboundmessage"),
        (SyncCursorFactory, "synccursor"),
        (OutboxEntryFactory, "outboxentry"),
    ],
)
def test_every_row_can_be_looked_at(factory, model):
    row = factory()

    answer = browser_of(superuser()).get(address(model, "change", row.pk))

    assert answer.status_code == 200


def test_credentials_are_never_shown():
    channel = ChannelFactory(credentials=SECRET)
    browser = browser_of(superuser())

    pages = [
        browser.get(address("channel", "change", channel.pk)),
        browser.get(address("channel", "changelist")),
        browser.get(address("channel", "history", channel.pk)),
    ]

    assert [page.status_code for page in pages] == [200, 200, 200]
    assert all(SECRET not in page.content.decode() for page in pages)


def test_credentials_left_blank_are_kept():
    channel = ChannelFactory(credentials=SECRET)

    browser_of(superuser()).post(
        address("channel", "change", channel.pk), form_of(channel, name="Renamed")
    )

    channel.refresh_from_db()
    assert (channel.name, channel.credentials) == ("Renamed", SECRET)


def test_credentials_that_are_entered_replace_the_stored_ones():
    channel = ChannelFactory(credentials=SECRET)

    browser_of(superuser()).post(
        address("channel", "change", channel.pk), form_of(channel, new_credentials=" newer ")
    )

    channel.refresh_from_db()
    assert channel.credentials == "newer"


def test_credentials_are_not_shown_when_another_field_is_wrong():
    channel = ChannelFactory(credentials=SECRET)

    answer = browser_of(superuser()).post(
        address("channel", "change", channel.pk),
        form_of(channel, code="not a code", new_credentials="newer"),
    )

    assert "newer" not in answer.content.decode()
    channel.refresh_from_db()
    assert channel.credentials == SECRET


def test_read_listings_wakes_the_task(django_capture_on_commit_callbacks):
    channel = ChannelFactory(address="http://127.0.0.1:1")

    with (
        mock.patch.object(tasks.refresh_listings, "delay") as wake,
        django_capture_on_commit_callbacks(execute=True),
    ):
        browser_of(superuser()).post(act("channel", channel, "read-listings"), {"key": "1"})

    assert wake.mock_calls == [mock.call(channel_ids=[channel.pk])]


def test_link_links_a_listing():
    listing = ListingFactory(variant=None, status=Listing.Status.UNLINKED)
    mug = VariantFactory()
    person = person_who_may("channels.view_listing", "channels.change_listing")
    browser = browser_of(person)

    asked = browser.get(act("listing", listing, "link"))
    browser.post(act("listing", listing, "link"), {"key": "1", "variant": mug.pk, "pack_size": 6})

    assert "Units in one" in asked.content.decode()
    listing.refresh_from_db()
    assert (listing.variant, listing.pack_size) == (mug, 6)
    assert listing.status == Listing.Status.PUBLISHED


@pytest.mark.parametrize("pack_size", ["0", "-1", "six", ""])
def test_link_of_no_units_is_refused(pack_size):
    listing = ListingFactory(variant=None, status=Listing.Status.UNLINKED)
    mug = VariantFactory()

    browser_of(superuser()).post(
        act("listing", listing, "link"), {"key": "1", "variant": mug.pk, "pack_size": pack_size}
    )

    listing.refresh_from_db()
    assert (listing.variant, listing.status) == (None, Listing.Status.UNLINKED)


def test_link_needs_its_permission():
    listing = ListingFactory(variant=None, status=Listing.Status.UNLINKED)
    browser = browser_of(person_who_may("channels.view_listing"))

    answer = browser.post(
        act("listing", listing, "link"),
        {"key": "1", "variant": VariantFactory().pk, "pack_size": 1},
    )

    assert answer.status_code == 403
    listing.refresh_from_db()
    assert listing.variant is None


def test_ignore_ignores_a_listing():
    listing = ListingFactory()

    browser_of(superuser()).post(act("listing", listing, "ignore"), {"key": "1"})

    listing.refresh_from_db()
    assert listing.status == Listing.Status.IGNORED


def rules_form(**changes) -> dict:
    """Return what the browser sends when a listing's rules are confirmed."""
    rules = {"percent": "50", "buffer": "", "min_quantity": "2", "max_quantity": ""}
    return {"key": "1", **rules, "end_at_quantity": "1", **changes}


def rules_of(listing: Listing) -> tuple:
    rules = ("offer_percent", "offer_buffer", "min_quantity", "max_quantity", "end_at_quantity")
    return Listing.objects.values_list(*rules).get(pk=listing.pk)


def test_offer_rules_of_a_listing_are_shown_and_changed():
    listing = ListingFactory(channel=ChannelFactory(offer_percent=80, offer_buffer=3), pack_size=6)
    browser = browser_of(person_who_may("channels.view_listing", "channels.change_listing"))

    asked = browser.get(act("listing", listing, "offer-rules")).content.decode()
    browser.post(act("listing", listing, "offer-rules"), rules_form())
    own = rules_of(listing)
    browser.post(act("listing", listing, "offer-rules"), rules_form(percent="", buffer="0"))

    assert "left empty is the channel&#x27;s, 80 % and 3 units." in asked
    assert "one is 6 units of the article" in asked
    assert own == (50, None, 2, None, 1)
    assert rules_of(listing) == (None, 0, 2, None, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"percent": "101"}, "A share is 0 to 100 percent, not 101."),
        ({"buffer": "-1"}, "The buffer is 0 to 999,999, not -1."),
        ({"max_quantity": "-1"}, "The largest quantity is 0 to 999,999, not -1."),
        ({"min_quantity": ""}, "This field is required."),
        ({"end_at_quantity": "1.5"}, "Enter a whole number."),
    ],
)
def test_offer_rules_of_a_listing_out_of_range_are_refused_in_words(change, said):
    listing = ListingFactory()
    before = rules_of(listing)

    answer = browser_of(superuser()).post(
        act("listing", listing, "offer-rules"), rules_form(**change)
    )

    assert said in answer.content.decode()
    assert rules_of(listing) == before


def test_offer_rules_of_a_channel_are_shown_and_changed():
    channel = ChannelFactory(offer_percent=80, offer_buffer=3)
    ListingFactory.create_batch(2, channel=channel)
    ListingFactory()
    browser = browser_of(person_who_may("channels.view_channel", "channels.change_listing"))

    page = browser.get(address("channel", "change", channel.pk)).content.decode()
    asked = browser.get(act("channel", channel, "offer-rules")).content.decode()
    browser.post(
        act("channel", channel, "offer-rules"), {"key": "1", "percent": "60", "buffer": "0"}
    )

    assert "Change what it is offered" in page
    assert 'name="percent" value="80"' in asked
    assert "is worked out anew for 2 listings" in asked
    assert Channel.objects.values_list("offer_percent", "offer_buffer").get(pk=channel.pk) == (
        60,
        0,
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"percent": "-1"}, "A share is 0 to 100 percent, not -1."),
        ({"buffer": "1000000"}, "The buffer is 0 to 999,999, not 1,000,000."),
        ({"percent": ""}, "This field is required."),
    ],
)
def test_offer_rules_of_a_channel_out_of_range_are_refused_in_words(change, said):
    channel = ChannelFactory()

    answer = browser_of(superuser()).post(
        act("channel", channel, "offer-rules"),
        {"key": "1", "percent": "60", "buffer": "0"} | change,
    )

    channel.refresh_from_db()
    assert said in answer.content.decode()
    assert (channel.offer_percent, channel.offer_buffer) == (100, 0)


def test_offer_rules_need_their_permission():
    listing = ListingFactory()
    before = rules_of(listing)
    browser = browser_of(person_who_may("channels.view_listing", "channels.view_channel"))

    answers = [
        browser.post(act("listing", listing, "offer-rules"), rules_form()),
        browser.post(
            act("channel", listing.channel, "offer-rules"),
            {"key": "1", "percent": "60", "buffer": "0"},
        ),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert rules_of(listing) == before
    assert Channel.objects.get(pk=listing.channel_id).offer_percent == 100


def test_listings_that_a_channel_refused_are_filtered():
    refused = ListingFactory(push_error="Unknown", push_refused_at=NOON)
    ListingFactory()

    found = browser_of(superuser()).get(
        address("listing", "changelist"), {"push_refused_at__isempty": "0"}
    )

    assert list(found.context["cl"].result_list) == [refused]


def test_try_again_sends_a_refused_entry_again():
    entry = OutboxEntryFactory(status=OutboxEntry.Status.FAILED, attempts=8)

    browser_of(superuser()).post(act("outboxentry", entry, "try-again"), {"key": "1"})

    entry.refresh_from_db()
    assert (entry.status, entry.attempts) == (OutboxEntry.Status.OPEN, 0)


def test_try_again_reports_a_refusal_and_changes_nothing():
    refused = OutboxEntryFactory(status=OutboxEntry.Status.FAILED)
    OutboxEntryFactory(channel=refused.channel, key=refused.key)

    answer = browser_of(superuser()).post(
        act("outboxentry", refused, "try-again"), {"key": "1"}, follow=True
    )

    assert "A newer message" in answer.content.decode()
    refused.refresh_from_db()
    assert refused.status == OutboxEntry.Status.FAILED


def test_try_again_is_not_offered_for_what_waits():
    entry = OutboxEntryFactory()

    answer = browser_of(superuser()).get(address("outboxentry", "change", entry.pk))

    assert "Try again" not in answer.content.decode()


def test_message_is_shown_even_when_it_is_no_text():
    message = InboundMessageFactory(body=b"<script>\xff")

    answer = browser_of(superuser()).get(address("inboundmessage", "change", message.pk))

    assert "&lt;script&gt;\N{REPLACEMENT CHARACTER}" in answer.content.decode()
