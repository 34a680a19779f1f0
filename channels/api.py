"""Channels over the API: what is shown for sale where, and what waits to be told."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.routers import BaseRouter

from channels.models import Channel, Listing, OutboxEntry, SyncCursor
from retail.common.api import ReadOnlyViewSet


class ChannelSerializer(serializers.ModelSerializer[Channel]):
    class Meta:
        model = Channel
        # Never the credentials.
        fields = (
            "id",
            "code",
            "name",
            "kind",
            "mode",
            "currency",
            "timezone",
            "country",
            "is_tax_included",
            "stock_owner",
            "price_owner",
            "content_owner",
        )


class ChannelViewSet(ReadOnlyViewSet):
    queryset = Channel.objects.order_by("pk")
    serializer_class = ChannelSerializer
    filterset_fields = ("code", "kind", "mode")


class ListingSerializer(serializers.ModelSerializer[Listing]):
    sku = serializers.CharField(source="variant.sku", default=None)

    class Meta:
        model = Listing
        fields = (
            "id",
            "channel",
            "external_product_id",
            "external_variant_id",
            "external_sku",
            "title",
            "variant",
            "sku",
            "pack_size",
            "status",
            "offered_quantity",
            "offered_at",
            "pushed_quantity",
            "pushed_at",
            "seen_quantity",
            "seen_price",
            "seen_at",
        )


class ListingViewSet(ReadOnlyViewSet):
    queryset = Listing.objects.select_related("variant").order_by("pk")
    serializer_class = ListingSerializer
    filterset_fields = ("channel", "variant", "status", "external_product_id")


class SyncCursorSerializer(serializers.ModelSerializer[SyncCursor]):
    class Meta:
        model = SyncCursor
        fields = ("id", "channel", "stream", "high_water_at", "read_at", "failures", "error")


class SyncCursorViewSet(ReadOnlyViewSet):
    queryset = SyncCursor.objects.order_by("pk")
    serializer_class = SyncCursorSerializer
    filterset_fields = ("channel", "stream")


class OutboxEntrySerializer(serializers.ModelSerializer[OutboxEntry]):
    class Meta:
        model = OutboxEntry
        fields = (
            "id",
            "channel",
            "kind",
            "key",
            "payload",
            "status",
            "created_at",
            "attempts",
            "next_try_at",
            "done_at",
            "error",
        )


class OutboxEntryViewSet(ReadOnlyViewSet):
    queryset = OutboxEntry.objects.order_by("pk")
    serializer_class = OutboxEntrySerializer
    filterset_fields = ("channel", "kind", "status")


def register(router: BaseRouter) -> None:
    """Put the channels' addresses on the router."""
    router.register("channels", ChannelViewSet)
    router.register("listings", ListingViewSet)
    router.register("sync-cursors", SyncCursorViewSet)
    router.register("outbox", OutboxEntryViewSet)
