"""Channels in the admin: where we sell, what is shown there, and what still has to be told."""

from channels.admin.listings import ListingAdmin
from channels.admin.messages import InboundMessageAdmin, OutboxEntryAdmin, SyncCursorAdmin
from channels.admin.places import ChannelAdmin

__all__ = [
    "ChannelAdmin",
    "InboundMessageAdmin",
    "ListingAdmin",
    "OutboxEntryAdmin",
    "SyncCursorAdmin",
]
