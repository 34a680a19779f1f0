"""Where the shop sells: the channels, their listings, and what still has to be told to them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from retail.common.fields import (
    CurrencyField,
    EncryptedTextField,
    MoneyField,
    amount_not_negative,
    within,
)
from retail.common.history import keep_history


@keep_history("mode")
class Channel(models.Model):
    """
    One place the shop sells through: a web shop, a marketplace account, a store's till.

    `mode` says how far the two are connected: OFF, SHADOW (read and compare only), ORDERS (orders
    come in), STOCK (and stock goes out), FULL (and prices and content), PAUSED.
    """

    class Kind(models.TextChoices):
        FAKE = "FAKE", "Practice shop"
        WOOCOMMERCE = "WOOCOMMERCE", "WooCommerce"
        SHOPIFY = "SHOPIFY", "Shopify"
        TABULAR = "TABULAR", "Files (CSV)"
        POS = "POS", "Store till"
        MANUAL = "MANUAL", "Own orders"

    class Mode(models.TextChoices):
        OFF = "OFF", "Off"
        SHADOW = "SHADOW", "Shadow"
        ORDERS = "ORDERS", "Orders"
        STOCK = "STOCK", "Orders and stock"
        FULL = "FULL", "Full"
        PAUSED = "PAUSED", "Paused"

    class Owner(models.TextChoices):
        US = "US", "Us"
        CHANNEL = "CHANNEL", "The channel"

    code = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind)
    mode = models.CharField(max_length=20, choices=Mode, default=Mode.OFF)
    currency = CurrencyField()
    timezone = models.CharField(max_length=50, default="UTC")
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166-1 alpha-2.")
    is_tax_included = models.BooleanField(default=True)
    stock_owner = models.CharField(max_length=20, choices=Owner, default=Owner.US)
    price_owner = models.CharField(max_length=20, choices=Owner, default=Owner.US)
    content_owner = models.CharField(max_length=20, choices=Owner, default=Owner.US)
    price_lists = models.ManyToManyField("catalog.PriceList", blank=True, related_name="channels")
    offer_percent = models.IntegerField(
        default=100, help_text="Share of what is free, after reserves, that it is offered."
    )
    offer_buffer = models.IntegerField(
        default=0, help_text="Units taken off every offer, in case an order is still on its way."
    )
    most_places = models.IntegerField(
        default=3, db_default=3, help_text="An order is sent from so many places at most."
    )
    split_from_total = MoneyField(
        default=0, db_default=0, help_text="An order below this total is sent from one place."
    )
    address = models.URLField(blank=True, help_text="Where its interface answers.")
    credentials = EncryptedTextField(blank=True, help_text="Written, never shown again.")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=within("offer_percent", 0, 101) & within("offer_buffer", 0, 1_000_000),
                name="channels_channel_offers_a_share",
                violation_error_message="A channel is offered 0 to 100 percent, less a buffer of"
                " 0 or more.",
            ),
            models.CheckConstraint(
                condition=within("most_places", 1, 11) & amount_not_negative("split_from_total"),
                name="channels_channel_splits_in_range",
                violation_error_message="An order is sent from 1 to 10 places.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_taking_orders(self) -> bool:
        return self.mode in {self.Mode.ORDERS, self.Mode.STOCK, self.Mode.FULL}

    @property
    def is_taking_stock(self) -> bool:
        return self.mode in {self.Mode.STOCK, self.Mode.FULL} and self.stock_owner == self.Owner.US


class ListingQuerySet(models.QuerySet["Listing"]):
    def for_update(self) -> ListingQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


@keep_history("variant", "pack_size", "status")
class Listing(models.Model):
    """
    What a channel shows for sale, and which variant that is.

    Without a variant it is unlinked. `offered_quantity` is what we last worked out, `pushed_...`
    what the channel last accepted, `push_error` why it refused since, `seen_...` what the channel
    last showed. Quantities are the channel's, one being `pack_size` units of the variant.
    """

    class Status(models.TextChoices):
        UNLINKED = "UNLINKED", "Not linked"
        PUBLISHED = "PUBLISHED", "Published"
        PAUSED = "PAUSED", "Paused"
        ENDED = "ENDED", "Ended"
        IGNORED = "IGNORED", "Ignored"

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="listings")
    external_product_id = models.CharField(max_length=100)
    external_variant_id = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - null means the product has no variants there
    external_sku = models.CharField(max_length=100, blank=True, help_text="As last seen.")
    title = models.CharField(max_length=300, blank=True)
    variant = models.ForeignKey(
        "catalog.Variant", on_delete=models.PROTECT, null=True, blank=True, related_name="listings"
    )
    pack_size = models.IntegerField(default=1)
    status = models.CharField(max_length=20, choices=Status, default=Status.UNLINKED)
    offer_percent = models.IntegerField(
        null=True, blank=True, help_text="Instead of the channel's share."
    )
    offer_buffer = models.IntegerField(
        null=True, blank=True, help_text="Instead of the channel's buffer, in units."
    )
    min_quantity = models.IntegerField(
        default=0, help_text="Below this nothing is offered; in the channel's packs."
    )
    max_quantity = models.IntegerField(
        null=True, blank=True, help_text="No more than this is offered; in the channel's packs."
    )
    end_at_quantity = models.IntegerField(
        default=0, help_text="At this or fewer it is sold out; in the channel's packs."
    )
    offered_quantity = models.IntegerField(null=True, blank=True)
    offered_at = models.DateTimeField(null=True, blank=True)
    pushed_quantity = models.IntegerField(null=True, blank=True)
    pushed_at = models.DateTimeField(null=True, blank=True)
    push_error = models.TextField(
        blank=True, default="", db_default="", help_text="What the channel said to the last push."
    )
    push_refused_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when it says so."
    )
    seen_quantity = models.IntegerField(null=True, blank=True)
    seen_price = MoneyField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)

    objects = ListingQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "external_product_id", "external_variant_id"],
                nulls_distinct=False,
                name="channels_listing_one_per_external_id",
                violation_error_message="This channel has a listing with these ids already.",
            ),
            models.CheckConstraint(
                condition=within("pack_size", 1, 1_000_000),
                name="channels_listing_pack_size_positive",
            ),
            models.CheckConstraint(
                condition=(Q(offer_percent__isnull=True) | within("offer_percent", 0, 101))
                & (Q(offer_buffer__isnull=True) | within("offer_buffer", 0, 1_000_000))
                & within("min_quantity", 0, 1_000_000)
                & (Q(max_quantity__isnull=True) | within("max_quantity", 0, 1_000_000))
                & within("end_at_quantity", 0, 1_000_000),
                name="channels_listing_offer_rules_in_range",
                violation_error_message="A share is 0 to 100 percent; buffer and limits are not"
                " below zero.",
            ),
            models.CheckConstraint(
                condition=Q(offered_quantity__isnull=True) | Q(offered_quantity__gte=0),
                name="channels_listing_never_offers_less_than_nothing",
            ),
            models.CheckConstraint(
                condition=(Q(pushed_quantity__isnull=True) & Q(pushed_at__isnull=True))
                | (Q(pushed_quantity__isnull=False) & Q(pushed_at__isnull=False)),
                name="channels_listing_pushed_quantity_with_its_time",
            ),
            models.CheckConstraint(
                condition=(Q(push_error="") & Q(push_refused_at__isnull=True))
                | (~Q(push_error="") & Q(push_refused_at__isnull=False)),
                name="channels_listing_refusal_with_its_time",
            ),
            models.CheckConstraint(
                condition=Q(status="UNLINKED", variant__isnull=True)
                | Q(status="IGNORED")
                | (~Q(status="UNLINKED") & Q(variant__isnull=False)),
                name="channels_listing_linked_has_a_variant",
                violation_error_message="A listing for sale is linked to a variant.",
            ),
        ]

    def __str__(self) -> str:
        return self.external_sku or self.external_product_id


class InboundMessage(models.Model):
    """
    What a channel sent, byte for byte, before anything is made of it.

    RECEIVED until a task has read it; then DONE, or FAILED with the reason.
    """

    class Status(models.TextChoices):
        RECEIVED = "RECEIVED", "Received"
        DONE = "DONE", "Done"
        FAILED = "FAILED", "Failed"

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="messages")
    topic = models.CharField(max_length=100)
    external_id = models.CharField(max_length=100, blank=True, help_text="What it is about.")
    body = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    received_at = models.DateTimeField()
    status = models.CharField(max_length=20, choices=Status, default=Status.RECEIVED)
    attempts = models.IntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "topic", "external_id", "sha256"],
                name="channels_inboundmessage_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.external_id}"


class SyncCursor(models.Model):
    """
    How far we have read one stream of a channel, and who is reading it now.

    `high_water_at` is the newest change stored; reading starts a little before it again.
    """

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="cursors")
    stream = models.CharField(max_length=50)
    high_water_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True, help_text="Last complete reading.")
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_owner = models.CharField(max_length=100, blank=True)
    failures = models.IntegerField(default=0, help_text="Failed readings in a row.")
    error = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "stream"], name="channels_synccursor_one_per_stream"
            ),
        ]

    def __str__(self) -> str:
        return self.stream


class OutboxEntry(models.Model):
    """
    Something a channel must be told, written with the business change itself.

    OPEN until the channel accepted it (DONE) or refused it for good (FAILED). One open entry per
    key: a newer one takes the older one's place by changing its payload.
    """

    class Status(models.TextChoices):
        OPEN = "OPEN", "To be sent"
        DONE = "DONE", "Sent"
        FAILED = "FAILED", "Refused"

    class Kind(models.TextChoices):
        TRACKING = "TRACKING", "Tracking number"
        REFUND = "REFUND", "Refund"
        CANCELLATION = "CANCELLATION", "Cancellation"

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="outbox")
    kind = models.CharField(max_length=20, choices=Kind)
    key = models.CharField(max_length=100)
    payload = models.JSONField(default=dict)
    status = models.CharField(max_length=20, choices=Status, default=Status.OPEN)
    created_at = models.DateTimeField()
    attempts = models.IntegerField(default=0)
    next_try_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "outbox entries"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "kind", "key"],
                condition=Q(status="OPEN"),
                name="channels_outboxentry_one_open_per_key",
            ),
            models.CheckConstraint(
                condition=(Q(status="DONE") & Q(done_at__isnull=False))
                | (~Q(status="DONE") & Q(done_at__isnull=True)),
                name="channels_outboxentry_done_has_a_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_try_at"], condition=Q(status="OPEN"), name="channels_outbox_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
