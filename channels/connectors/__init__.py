"""Connectors: one per kind of channel, all with the same interface."""

from __future__ import annotations

from channels.connectors.base import Connector
from channels.connectors.fake import FakeConnector
from channels.models import Channel
from retail.common.errors import BusinessError

__all__ = ["NoConnector", "connector_for"]


class NoConnector(BusinessError):
    """The channel cannot be reached by program."""


def connector_for(channel: Channel) -> Connector:
    """
    Return the connector of a channel, made from its address and credentials.

    :raises NoConnector: there is none for its kind, or the channel lacks an address.
    """
    if channel.kind != Channel.Kind.FAKE:
        raise NoConnector(
            f"{channel} is of the kind {channel.get_kind_display()}, which is not read by program.",
            channel=channel.code,
            kind=channel.kind,
        )
    if not channel.address:
        raise NoConnector(
            f"{channel} has no address: enter where its interface answers.", channel=channel.code
        )
    return FakeConnector(address=channel.address, token=channel.credentials)
