"""Which connector a channel gets."""

import pytest

from channels.connectors import NoConnector, connector_for
from channels.connectors.fake import FakeConnector, read_order, write_order
from channels.models import Channel
from tests.channels.shop_process import order_line, order_row
from tests.factories.channels import ChannelFactory


def test_practice_shop_has_a_connector():
    channel = ChannelFactory.build(address="http://127.0.0.1:1", credentials="token")

    assert isinstance(connector_for(channel), FakeConnector)


@pytest.mark.parametrize("kind", sorted(set(Channel.Kind) - {Channel.Kind.FAKE}))
def test_kinds_that_are_not_read_by_program_are_refused_by_name(kind):
    channel = ChannelFactory.build(kind=kind, address="http://127.0.0.1:1")

    with pytest.raises(NoConnector, match="not read by program"):
        connector_for(channel)


def test_channel_without_an_address_is_refused_by_name():
    with pytest.raises(NoConnector, match="has no address"):
        connector_for(ChannelFactory.build())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"customer": None, "shipping_address": None, "ship_by": None},
        {"status": "cancelled", "lines": [order_line(1), order_line(2, kind="fee")]},
    ],
)
def test_order_that_is_written_reads_the_same(changes):
    order = read_order(order_row(1, **changes))

    assert read_order(write_order(order)) == order
