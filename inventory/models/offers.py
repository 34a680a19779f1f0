"""What channels are offered: the rules, the terms, and what must still be worked out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce, Greatest

from channels.models import Listing
from inventory.models.promises import Allocation
from retail.common.fields import MAX_UNITS, not_negative, within
from retail.common.history import keep_history


@keep_history()
class ChannelStockSource(models.Model):
    """
    A location whose stock a channel sells, and what the channel calls it.

    A channel without any is fed from every location that ships orders.
    """

    channel = models.ForeignKey(
        "channels.Channel", on_delete=models.CASCADE, related_name="stock_sources"
    )
    location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="channel_sources"
    )
    external_location_id = models.CharField(
        max_length=100, blank=True, help_text="The location's id at the channel, if it has one."
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "location"],
                name="inventory_channelstocksource_once",
                violation_error_message="This channel already sells from there.",
            ),
        ]

    def __str__(self) -> str:
        return f"stock source {self.pk}"


class ChannelReserveQuerySet(models.QuerySet["ChannelReserve"]):
    def live(self, at: datetime) -> ChannelReserveQuerySet:
        """Keep those that hold at this moment."""
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), starts_at__lte=at)

    def with_remaining(self) -> ChannelReserveQuerySet:
        """Annotate `remaining`, the units that its channel's promises have not used up."""
        promised = (
            Allocation.objects.filter(
                channel=OuterRef("channel"),
                level__variant=OuterRef("variant"),
                allocated_at__gte=OuterRef("starts_at"),
            )
            .order_by()
            .values("channel")
            .annotate(kept=Sum(F("units") - F("released")))
            .values("kept")
        )
        return self.annotate(remaining=Greatest(F("units") - Coalesce(Subquery(promised), 0), 0))


@keep_history()
class ChannelReserve(models.Model):
    """
    Units of a variant kept for one channel: the others are not offered them.

    What the channel's orders were promised since `starts_at` uses the reserve up; a promise that
    is given back fills it again. It limits what is offered, never what is promised to an order.
    """

    channel = models.ForeignKey(
        "channels.Channel", on_delete=models.CASCADE, related_name="reserves"
    )
    variant = models.ForeignKey(
        "catalog.Variant", on_delete=models.CASCADE, related_name="channel_reserves"
    )
    units = models.IntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True, help_text="First moment it is over.")

    objects = ChannelReserveQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "variant"],
                name="inventory_channelreserve_one_per_channel_and_variant",
                violation_error_message="This channel has a reserve of the article already.",
            ),
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS),
                name="inventory_channelreserve_units_positive",
                violation_error_message="A reserve is at least one unit.",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="inventory_channelreserve_ends_after_it_starts",
                violation_error_message="A reserve ends after it starts.",
            ),
        ]

    def __str__(self) -> str:
        return f"reserve of {self.units}"


@keep_history()
class SafetyStock(models.Model):
    """Units of a variant that no channel is offered, in case the stock is not what it seems."""

    variant = models.OneToOneField(
        "catalog.Variant", on_delete=models.CASCADE, related_name="safety_stock"
    )
    units = models.IntegerField()

    class Meta:
        verbose_name_plural = "safety stock"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=not_negative("units"),
                name="inventory_safetystock_not_negative",
                violation_error_message="Safety stock is not below zero.",
            ),
        ]

    def __str__(self) -> str:
        return f"safety stock of {self.units}"


class AvailabilitySnapshotQuerySet(models.QuerySet["AvailabilitySnapshot"]):
    def newest_of(self, listing_ids: Collection[int]) -> AvailabilitySnapshotQuerySet:
        """Keep the newest of each of these listings, found by an index look-up each."""
        newest = AvailabilitySnapshot.objects.filter(listing=OuterRef("pk")).order_by("-pk")
        listings = Listing.objects.filter(pk__in=listing_ids)
        return self.filter(pk__in=listings.values_list(Subquery(newest.values("pk")[:1])))


class AvailabilitySnapshot(models.Model):
    """
    What a listing was offered from a moment on, and every term of the formula behind the figure.

    One row per change of the terms, so the newest explains `Listing.offered_quantity`. Older ones
    are kept for three months, to tell why a channel showed what it showed.
    """

    listing = models.ForeignKey(
        "channels.Listing",
        on_delete=models.PROTECT,
        related_name="availability_snapshots",
        db_index=False,
    )
    quantity = models.IntegerField(help_text="What the channel is offered, in its own packs.")
    terms = models.JSONField(help_text="The terms in the order of the formula.")
    computed_at = models.DateTimeField()

    objects = AvailabilitySnapshotQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=not_negative("quantity"),
                name="inventory_availabilitysnapshot_not_negative",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["listing", "-id"], name="inventory_snapshot_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} offered"


class AvailabilityChange(models.Model):
    """
    A note, written with a movement or a promise, that listings of a variant must be told.

    Rows are inserted without looking and deleted by the push that has read the stock afterwards,
    so a change made while a push is running is told by the next one.
    """

    variant = models.ForeignKey(
        "catalog.Variant", on_delete=models.CASCADE, related_name="availability_changes"
    )
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"availability change {self.pk}"
