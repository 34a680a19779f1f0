import hashlib

import factory
from factory.django import DjangoModelFactory

from channels.models import Channel, InboundMessage, Listing, OutboxEntry, SyncCursor
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON


class ChannelFactory(DjangoModelFactory):
    class Meta:
        model = Channel

    code = factory.Sequence(lambda n: f"channel-{n}")
    name = factory.Sequence(lambda n: f"Channel {n}")
    kind = Channel.Kind.FAKE
    mode = Channel.Mode.STOCK
    currency = "GBP"
    country = "GB"


class ListingFactory(DjangoModelFactory):
    """Linked and for sale; `variant=None, status="UNLINKED"` makes one that is not linked."""

    class Meta:
        model = Listing

    channel = factory.SubFactory(ChannelFactory)
    external_product_id = factory.Sequence(lambda n: f"product-{n}")
    external_sku = factory.Sequence(lambda n: f"THEIR-{n}")
    variant = factory.SubFactory(VariantFactory)
    status = Listing.Status.PUBLISHED


class InboundMessageFactory(DjangoModelFactory):
    class Meta:
        model = InboundMessage

    channel = factory.SubFactory(ChannelFactory)
    topic = "order"
    external_id = factory.Sequence(lambda n: f"order-{n}")
    body = b'{"id": "1"}'
    sha256 = factory.LazyAttribute(lambda message: hashlib.sha256(message.body).hexdigest())
    received_at = NOON


class SyncCursorFactory(DjangoModelFactory):
    class Meta:
        model = SyncCursor

    channel = factory.SubFactory(ChannelFactory)
    stream = "orders"


class OutboxEntryFactory(DjangoModelFactory):
    class Meta:
        model = OutboxEntry

    channel = factory.SubFactory(ChannelFactory)
    kind = OutboxEntry.Kind.TRACKING
    key = factory.Sequence(lambda n: f"FU-{n}")
    payload = factory.LazyFunction(lambda: {"tracking_number": "TN1"})
    created_at = NOON
    next_try_at = NOON
