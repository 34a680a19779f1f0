"""Where orders are served from: promises of lines, the rules, what was decided and rejected."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from orders.models.orders import Order, OrderLine
from retail.common.append_only import AppendOnlyModel
from retail.common.fields import MAX_UNITS, not_negative, within
from retail.common.history import keep_history


class LineAllocation(models.Model):
    """How many units of a stock promise serve which order line."""

    line = models.ForeignKey(
        OrderLine, on_delete=models.CASCADE, related_name="line_allocations", db_index=False
    )
    allocation = models.ForeignKey(
        "inventory.Allocation", on_delete=models.PROTECT, related_name="line_allocations"
    )
    units = models.IntegerField(help_text="Still promised to this line.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["line", "allocation"], name="orders_lineallocation_once"
            ),
            models.CheckConstraint(
                condition=not_negative("units"), name="orders_lineallocation_units_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.units} units"


@keep_history()
class RoutingRule(models.Model):
    """
    One thing that counts when it is decided from where an order is served; the lowest rank first.

    The first rule by which two choices of places differ decides between them. Rules of the order's
    channel come in one row with those for every channel (`channel` empty).
    """

    class Kind(models.TextChoices):
        PREFERRED = "PREFERRED", "From this place"
        SAME_COUNTRY = "SAME_COUNTRY", "In the country it goes to"
        FEWEST_PLACES = "FEWEST_PLACES", "From the fewest places"
        NEAREST = "NEAREST", "Nearest to the address"
        KEEP_FLOOR = "KEEP_FLOOR", "Keep what is for walk-in customers"
        LONGEST_COVER = "LONGEST_COVER", "Where most is left"
        LOCATION_PRIORITY = "LOCATION_PRIORITY", "By the place's own priority"

    channel = models.ForeignKey(
        "channels.Channel",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="routing_rules",
        help_text="Empty: orders of every channel.",
    )
    rank = models.IntegerField(help_text="The lower is asked first.")
    kind = models.CharField(max_length=20, choices=Kind)
    location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "rank"],
                nulls_distinct=False,
                name="orders_routingrule_one_per_rank",
                violation_error_message="Another rule has this rank.",
            ),
            models.CheckConstraint(
                condition=within("rank", 0, 10_000), name="orders_routingrule_rank_in_range"
            ),
            models.CheckConstraint(
                condition=Q(kind="PREFERRED", location__isnull=False)
                | (~Q(kind="PREFERRED") & Q(location__isnull=True)),
                name="orders_routingrule_place_where_preferred",
                violation_error_message="Only a preferred place names a place, and it must.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rank} {self.get_kind_display()}"


class RoutingDecision(AppendOnlyModel):
    """
    From where pieces of an order are to be served, and why from there.

    candidates: one per place looked at: its code, the pieces it can serve, its figure by each rule,
    why it was left out if it was. chosen: code of the place -> line id -> pieces.
    """

    class Cause(models.TextChoices):
        NEW = "NEW", "New order"
        WAITING = "WAITING", "Stock came in"
        CHANGED = "CHANGED", "The order changed"
        REJECTED = "REJECTED", "A place rejected it"
        BY_HAND = "BY_HAND", "Decided by a person"

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="routing_decisions")
    cause = models.CharField(max_length=20, choices=Cause)
    decided_by_rule = models.CharField(
        max_length=50, blank=True, help_text="The first rule that told the choices apart."
    )
    candidates = models.JSONField(default=list)
    chosen = models.JSONField(default=dict)
    missing = models.IntegerField(default=0, help_text="Pieces that no place could serve.")
    decided_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        "common.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=not_negative("missing"), name="orders_routingdecision_missing_counted"
            ),
        ]

    def __str__(self) -> str:
        return self.get_cause_display()


class RoutingRejection(models.Model):
    """Pieces of a line that a place could not serve after all; it is not asked for them again."""

    class Reason(models.TextChoices):
        NOT_FOUND = "NOT_FOUND", "Not found on the shelf"
        DAMAGED = "DAMAGED", "Damaged"
        NO_TIME = "NO_TIME", "Nobody to do it"
        CLOSED = "CLOSED", "Closed"
        OTHER = "OTHER", "Another reason"

    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="rejections")
    location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="rejections"
    )
    key = models.CharField(max_length=100)
    quantity = models.IntegerField(help_text="Pieces.")
    reason = models.CharField(max_length=20, choices=Reason)
    note = models.CharField(max_length=300, blank=True)
    rejected_at = models.DateTimeField()
    rejected_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["line", "location", "key"], name="orders_routingrejection_once_per_key"
            ),
            models.CheckConstraint(
                condition=within("quantity", 1, MAX_UNITS),
                name="orders_routingrejection_quantity_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.get_reason_display()


class PostcodeCentroid(models.Model):
    """Where postcodes that begin with `prefix` lie, for the rule of the nearest place."""

    country = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2.")
    prefix = models.CharField(max_length=20, help_text="Without blanks, in capitals.")
    latitude = models.DecimalField(max_digits=8, decimal_places=5, help_text="Degrees north.")
    longitude = models.DecimalField(max_digits=8, decimal_places=5, help_text="Degrees east.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["country", "prefix"], name="orders_postcodecentroid_once"
            ),
            models.CheckConstraint(
                condition=Q(latitude__gte=-90, latitude__lte=90)
                & Q(longitude__gte=-180, longitude__lte=180),
                name="orders_postcodecentroid_on_earth",
                violation_error_message="Latitudes go from -90 to 90, longitudes from -180 to 180.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.country} {self.prefix}"


class OversellIncident(models.Model):
    """
    Units sold on a channel that were not there, and how that came about as far as can be told.

    `pushed` is what the channel had been told last, `right` what would have been right when the
    order was placed, both in units of the variant.
    """

    class Cause(models.TextChoices):
        STALE_PUSH = "STALE_PUSH", "The channel had not been told yet"
        CHANNEL_DELAY = "CHANNEL_DELAY", "The channel sold after it had been told"
        COUNT_ERROR = "COUNT_ERROR", "The stock was not there"
        COUNTER_SALE = "COUNTER_SALE", "Sold over the counter meanwhile"
        UNMAPPED_LISTING = "UNMAPPED_LISTING", "Sold without a listing we know"
        MANUAL_EDIT = "MANUAL_EDIT", "The quantity was changed on the channel"
        RACE = "RACE", "Sold at the same moment"
        OTHER = "OTHER", "Not known"

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="incidents")
    variant = models.ForeignKey("catalog.Variant", on_delete=models.PROTECT, related_name="+")
    cause = models.CharField(max_length=20, choices=Cause)
    units = models.IntegerField(help_text="That were missing.")
    pushed = models.IntegerField(null=True, blank=True)
    pushed_at = models.DateTimeField(null=True, blank=True)
    right = models.IntegerField(null=True, blank=True)
    opened_at = models.DateTimeField()
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["order", "variant", "cause"], name="orders_oversellincident_once_per_cause"
            ),
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS),
                name="orders_oversellincident_units_positive",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["opened_at"], name="orders_oversell_opened_at"),
        ]

    def __str__(self) -> str:
        return f"{self.units} units: {self.get_cause_display()}"
