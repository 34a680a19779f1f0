"""What holds an order back, what happened to it, and what its channel and we disagree about."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from orders.models.orders import Order, OrderLine
from retail.common.append_only import AppendOnlyModel
from retail.common.fields import MAX_UNITS, within


class OrderHoldQuerySet(models.QuerySet["OrderHold"]):
    def open(self) -> OrderHoldQuerySet:
        """Keep those that nobody released."""
        return self.filter(released_at__isnull=True)


class OrderHold(models.Model):
    """A reason why an order may not go on, open until somebody or something releases it."""

    class Kind(models.TextChoices):
        UNKNOWN_ITEM = "UNKNOWN_ITEM", "Unknown article"
        STOCK = "STOCK", "Not enough stock"
        PRICE_MISMATCH = "PRICE_MISMATCH", "Total does not add up"
        EMPTY = "EMPTY", "No lines"
        LINE_REFUSED = "LINE_REFUSED", "A line makes no sense"
        UNREADABLE = "UNREADABLE", "A part could not be read"
        NO_BUYER = "NO_BUYER", "No buyer"
        PAYMENT = "PAYMENT", "Not paid"
        ADDRESS = "ADDRESS", "No usable address"
        TAX_MISMATCH = "TAX_MISMATCH", "Tax does not add up"
        DUPLICATE_SUSPECT = "DUPLICATE_SUSPECT", "Perhaps there twice"
        CHANNEL_CONFLICT = "CHANNEL_CONFLICT", "Changed on the channel"
        MANUAL = "MANUAL", "Held by hand"

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="holds")
    line = models.ForeignKey(
        OrderLine, on_delete=models.CASCADE, null=True, blank=True, related_name="holds"
    )
    kind = models.CharField(max_length=20, choices=Kind)
    reason = models.CharField(max_length=300)
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    release_note = models.CharField(max_length=300, blank=True)

    objects = OrderHoldQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["order", "line", "kind"],
                condition=Q(released_at__isnull=True),
                nulls_distinct=False,
                name="orders_orderhold_one_open_per_kind",
            ),
            models.CheckConstraint(
                condition=Q(released_at__isnull=False) | Q(released_by__isnull=True),
                name="orders_orderhold_released_by_with_its_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["kind", "opened_at"],
                condition=Q(released_at__isnull=True),
                name="orders_orderhold_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.reason}"


class OrderEvent(AppendOnlyModel):
    """Something that happened to an order, in the order it happened."""

    class Kind(models.TextChoices):
        INGESTED = "INGESTED", "Received from the channel"
        PLACED = "PLACED", "Placed by us"
        UPDATED = "UPDATED", "Changed on the channel"
        CUSTOMER_IDENTIFIED = "CUSTOMER_IDENTIFIED", "Customer recognised"
        ALLOCATED = "ALLOCATED", "Stock promised"
        PROMISE_RELEASED = "PROMISE_RELEASED", "Promise released"
        ROUTED = "ROUTED", "Place decided"
        REJECTED = "REJECTED", "Rejected by a place"
        OVERSOLD = "OVERSOLD", "Sold without stock"
        HELD = "HELD", "Held"
        HOLD_RELEASED = "HOLD_RELEASED", "Hold released"
        PICKING = "PICKING", "Picking begun"
        PACKED = "PACKED", "Packed"
        FULFILLMENT_CANCELLED = "FULFILLMENT_CANCELLED", "Picking called off"
        SHIPPED = "SHIPPED", "Shipped"
        READY = "READY", "Ready for pickup"
        REMINDED = "REMINDED", "Customer reminded"
        ARRIVED = "ARRIVED", "Customer has arrived"
        COLLECTED = "COLLECTED", "Handed over"
        PICKUP_EXPIRED = "PICKUP_EXPIRED", "Not collected"
        PAYMENT = "PAYMENT", "Payment"
        RETURN_REQUESTED = "RETURN_REQUESTED", "Return announced"
        RETURNED = "RETURNED", "Returned"
        REFUND = "REFUND", "Refund"
        EXCHANGED = "EXCHANGED", "Exchanged"
        CLAIM = "CLAIM", "Claim"
        CANCELLED = "CANCELLED", "Cancelled"
        CONFLICT = "CONFLICT", "Disagreement with the channel"
        PRIORITIZED = "PRIORITIZED", "Priority changed"
        FROM_SUPPLIER = "FROM_SUPPLIER", "Ordered from a supplier"

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="events", db_index=False
    )
    kind = models.CharField(max_length=30, choices=Kind)
    details = models.JSONField(default=dict, blank=True)
    happened_at = models.DateTimeField()
    caused_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["order", "id"], name="orders_orderevent_timeline")
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class OrderCancellation(models.Model):
    """
    Pieces of an order that were called off at one time, by whom and why.

    `key` comes from the form or task that asked, so that the same act cancels once.
    """

    class Cause(models.TextChoices):
        CUSTOMER = "CUSTOMER", "The customer asked"
        CHANNEL = "CHANNEL", "Cancelled on the channel"
        NO_STOCK = "NO_STOCK", "No stock"
        UNPAID = "UNPAID", "Not paid in time"
        NOT_COLLECTED = "NOT_COLLECTED", "Not collected in time"
        OTHER = "OTHER", "Another reason"

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="cancellations")
    key = models.CharField(max_length=100)
    cause = models.CharField(max_length=20, choices=Cause, default=Cause.OTHER)
    reason = models.CharField(max_length=300)
    cancelled_at = models.DateTimeField()
    cancelled_by = models.ForeignKey(
        "common.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["order", "key"], name="orders_ordercancellation_once_per_key"
            ),
            models.CheckConstraint(
                condition=~Q(reason=""),
                name="orders_ordercancellation_has_a_reason",
                violation_error_message="Say why it is cancelled.",
            ),
        ]

    def __str__(self) -> str:
        return self.reason


class CancelledLine(models.Model):
    """How many pieces of a line a cancellation called off."""

    cancellation = models.ForeignKey(
        OrderCancellation, on_delete=models.CASCADE, related_name="lines"
    )
    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="cancelled_lines")
    quantity = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["cancellation", "line"], name="orders_cancelledline_once"
            ),
            models.CheckConstraint(
                condition=within("quantity", 1, MAX_UNITS),
                name="orders_cancelledline_quantity_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} pieces"


class ChannelConflictQuerySet(models.QuerySet["ChannelConflict"]):
    def open(self) -> ChannelConflictQuerySet:
        """Keep those that nobody decided."""
        return self.filter(decided_at__isnull=True)


class ChannelConflict(models.Model):
    """
    Something the channel says of an order that cannot be applied any more as far as it got here.

    Both versions are kept, `ours` and `theirs`, with the time by which somebody has to decide.
    While it is open the order is held, so that its parcel does not leave.
    """

    class Kind(models.TextChoices):
        CANCELLED = "CANCELLED", "Cancelled there, begun here"
        REOPENED = "REOPENED", "Open there, cancelled here"
        QUANTITY = "QUANTITY", "Another quantity"
        LINE_ADDED = "LINE_ADDED", "A line more"
        ARTICLE = "ARTICLE", "Another article"
        PRICE = "PRICE", "Another price"
        TOTAL = "TOTAL", "Another total"
        ADDRESS = "ADDRESS", "Another address"
        SHIPPED = "SHIPPED", "Shipped there, not here"
        MERGED = "MERGED", "Merged there into another order"

    class Decision(models.TextChoices):
        KEEP_OURS = "KEEP_OURS", "Ours counts"
        TAKE_THEIRS = "TAKE_THEIRS", "The channel's counts"

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="conflicts")
    line = models.ForeignKey(
        OrderLine, on_delete=models.PROTECT, null=True, blank=True, related_name="conflicts"
    )
    kind = models.CharField(max_length=20, choices=Kind)
    ours = models.JSONField(default=dict, help_text="As it is here.")
    theirs = models.JSONField(default=dict, help_text="As the channel says.")
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="Somebody has to decide until then.")
    decision = models.CharField(max_length=20, choices=Decision, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    note = models.CharField(max_length=300, blank=True)

    objects = ChannelConflictQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["order", "line", "kind"],
                condition=Q(decided_at__isnull=True),
                nulls_distinct=False,
                name="orders_channelconflict_one_open_per_kind",
            ),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True, decided_by__isnull=True, decision="", note="")
                | (Q(decided_at__isnull=False) & ~Q(decision="")),
                name="orders_channelconflict_decided_whole",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                condition=Q(decided_at__isnull=True),
                name="orders_channelconflict_open",
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
