"""What the database refuses, whoever asks it."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection

from channels.models import Channel, OutboxEntry
from tests.factories.channels import (
    ChannelFactory,
    InboundMessageFactory,
    ListingFactory,
    OutboxEntryFactory,
    SyncCursorFactory,
)

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def run_sql(statement: str, *values) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def test_credentials_are_stored_encrypted():
    ChannelFactory(code="web", credentials="ck_live_very_secret")

    [(stored,)] = run_sql("SELECT credentials FROM channels_channel")

    assert "secret" not in stored
    assert stored.startswith("gAAAA")
    assert Channel.objects.get().credentials == "ck_live_very_secret"


def test_credentials_stand_nowhere_else_in_the_database():
    ChannelFactory(credentials="ck_live_very_secret")
    columns = run_sql(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type IN ('text', 'character varying', 'jsonb')"
    )

    found = [
        (table, column)
        for table, column in columns
        if run_sql(f"""SELECT FROM "{table}" WHERE "{column}"::text LIKE '%%very_secret%%'""")
    ]

    assert found == []


@pytest.mark.parametrize("variant_id", ["red", None])
def test_listing_of_one_id_exists_once(variant_id):
    """Without a variant id, too: PostgreSQL would take two of them for different."""
    listing = ListingFactory(external_variant_id=variant_id)

    with pytest.raises(IntegrityError, match="channels_listing_one_per_external_id"):
        ListingFactory(
            channel=listing.channel,
            external_product_id=listing.external_product_id,
            external_variant_id=variant_id,
        )


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("pack_size = 0", "pack_size_positive"),
        ("pack_size = 1000000", "pack_size_positive"),
        ("offered_quantity = -1", "never_offers_less_than_nothing"),
        ("pushed_quantity = 1", "pushed_quantity_with_its_time"),
        ("pushed_at = now()", "pushed_quantity_with_its_time"),
        ("offer_percent = 101", "offer_rules_in_range"),
        ("offer_percent = -1", "offer_rules_in_range"),
        ("offer_buffer = -1", "offer_rules_in_range"),
        ("min_quantity = -1", "offer_rules_in_range"),
        ("max_quantity = -1", "offer_rules_in_range"),
        ("end_at_quantity = 1000000", "offer_rules_in_range"),
        ("push_error = 'Unknown'", "refusal_with_its_time"),
        ("push_refused_at = now()", "refusal_with_its_time"),
        ("variant_id = NULL", "linked_has_a_variant"),
        ("status = 'UNLINKED'", "linked_has_a_variant"),
        ("status = 'ENDED', variant_id = NULL", "linked_has_a_variant"),
    ],
)
def test_listing_that_makes_no_sense_is_refused(change, constraint):
    ListingFactory()

    with pytest.raises(IntegrityError, match=constraint):
        run_sql(f"UPDATE channels_listing SET {change}")  # noqa: S608 - the test's own words


@pytest.mark.parametrize(
    "change", ["offer_percent = 101", "offer_percent = -1", "offer_buffer = -1"]
)
def test_channel_that_is_offered_no_share_is_refused(change):
    ChannelFactory()

    with pytest.raises(IntegrityError, match="channels_channel_offers_a_share"):
        run_sql(f"UPDATE channels_channel SET {change}")  # noqa: S608 - the test's own words


def test_variant_that_is_listed_stays():
    ListingFactory()

    with pytest.raises(IntegrityError, match="channels_listing"):
        run_sql("DELETE FROM catalog_variant; SET CONSTRAINTS ALL IMMEDIATE")


def test_message_of_one_content_exists_once():
    message = InboundMessageFactory()

    with pytest.raises(IntegrityError, match="channels_inboundmessage_once"):
        InboundMessageFactory(channel=message.channel, external_id=message.external_id)


def test_stream_of_a_channel_has_one_cursor():
    cursor = SyncCursorFactory()

    with pytest.raises(IntegrityError, match="channels_synccursor_one_per_stream"):
        SyncCursorFactory(channel=cursor.channel)


def test_key_has_one_open_entry_in_the_outbox():
    entry = OutboxEntryFactory()

    with pytest.raises(IntegrityError, match="channels_outboxentry_one_open_per_key"):
        OutboxEntryFactory(channel=entry.channel, key=entry.key)


def test_key_may_have_several_entries_that_were_sent():
    entry = OutboxEntryFactory(status=OutboxEntry.Status.DONE, done_at=NOON)

    OutboxEntryFactory(channel=entry.channel, key=entry.key)

    assert OutboxEntry.objects.count() == 2


@pytest.mark.parametrize("change", ["status = 'DONE'", "done_at = now()"])
def test_entry_is_sent_at_a_time(change):
    OutboxEntryFactory()

    with pytest.raises(IntegrityError, match="channels_outboxentry_done_has_a_time"):
        run_sql(f"UPDATE channels_outboxentry SET {change}")  # noqa: S608 - the test's own words


def test_code_of_a_channel_is_its_own():
    channel = ChannelFactory()

    with pytest.raises(IntegrityError, match="channels_channel_code"):
        ChannelFactory(code=channel.code)


def test_change_of_a_channel_leaves_a_trace_without_its_credentials():
    channel = ChannelFactory(mode=Channel.Mode.OFF, credentials="ck_live_very_secret")

    Channel.objects.update(mode=Channel.Mode.FULL, credentials="another")

    trace = channel.mode_events.get()
    assert trace.mode == Channel.Mode.OFF
    assert not hasattr(trace, "credentials")
