"""What is done to channels: reading them, linking what they show, telling them what happened."""

from channels.operations.articles import find_article, remember_article
from channels.operations.cursors import (
    Lease,
    LeaseLost,
    advance_cursor,
    lease_cursor,
    release_cursor,
)
from channels.operations.inbox import (
    StoredMessage,
    fail_message,
    finish_message,
    store_message,
)
from channels.operations.listings import (
    BadPackSize,
    RecordedListings,
    end_listings,
    ignore_listing,
    link_listing,
    record_listings,
)
from channels.operations.matching import ResolvedLine, resolve_variants
from channels.operations.offer_rules import BadOfferRule, set_channel_rules, set_listing_rules
from channels.operations.outbox import (
    AlreadyWaiting,
    claim_outbox,
    enqueue,
    fail_outbox,
    finish_outbox,
    reopen_outbox,
)

__all__ = [
    "AlreadyWaiting",
    "BadOfferRule",
    "BadPackSize",
    "Lease",
    "LeaseLost",
    "RecordedListings",
    "ResolvedLine",
    "StoredMessage",
    "advance_cursor",
    "claim_outbox",
    "end_listings",
    "enqueue",
    "fail_message",
    "fail_outbox",
    "find_article",
    "finish_message",
    "finish_outbox",
    "ignore_listing",
    "lease_cursor",
    "link_listing",
    "record_listings",
    "release_cursor",
    "remember_article",
    "reopen_outbox",
    "resolve_variants",
    "set_channel_rules",
    "set_listing_rules",
    "store_message",
]
