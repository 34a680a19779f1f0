"""Goods on their way from one location to another."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from retail.common.append_only import AppendOnlyModel
from retail.common.fields import MAX_UNITS, not_negative, within
from retail.common.history import keep_history
from retail.common.numbering import document_number
from retail.common.status import guard_status


class TransferQuerySet(models.QuerySet["Transfer"]):
    def for_update(self) -> TransferQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)

    def on_the_way(self) -> TransferQuerySet:
        """Keep those with goods in transit."""
        return self.filter(status__in=[Transfer.Status.DISPATCHED, Transfer.Status.PARTLY_RECEIVED])


@guard_status
@keep_history()
class Transfer(models.Model):
    """
    Goods that one location sends to another, over a location in transit.

    DRAFT until the goods leave. DISPATCHED: they are stock of the transit location, counted and
    valued. PARTLY_RECEIVED, then RECEIVED when all arrived, or CLOSED_SHORT with a reason: what
    never came is written off. A draft may be CANCELLED.
    """

    class Status(models.TextChoices):
        DRAFT = "DRAFT", "Draft"
        DISPATCHED = "DISPATCHED", "On the way"
        PARTLY_RECEIVED = "PARTLY_RECEIVED", "Partly received"
        RECEIVED = "RECEIVED", "Received"
        CLOSED_SHORT = "CLOSED_SHORT", "Closed short"
        CANCELLED = "CANCELLED", "Cancelled"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.DRAFT: frozenset({Status.DISPATCHED, Status.CANCELLED}),
        Status.DISPATCHED: frozenset(
            {Status.PARTLY_RECEIVED, Status.RECEIVED, Status.CLOSED_SHORT}
        ),
        Status.PARTLY_RECEIVED: frozenset({Status.RECEIVED, Status.CLOSED_SHORT}),
        Status.RECEIVED: frozenset(),
        Status.CLOSED_SHORT: frozenset(),
        Status.CANCELLED: frozenset(),
    }

    number = document_number("TR")
    from_location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="transfers_out"
    )
    to_location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="transfers_in"
    )
    transit = models.ForeignKey(
        "inventory.Location",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Where the goods are on the way.",
    )
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFT)
    key = models.CharField(max_length=64, unique=True, help_text="Made by whoever asked for it.")
    note = models.CharField(max_length=200, blank=True)
    expected_on = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    dispatched_at = models.DateTimeField(null=True, blank=True)
    dispatched_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    close_reason = models.CharField(max_length=200, blank=True)

    objects = TransferQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("dispatch_transfer", "Can send transfers"),
            ("receive_transfer", "Can receive transfers"),
            ("close_transfer", "Can close transfers short"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(from_location=F("to_location")),
                name="inventory_transfer_between_two_places",
                violation_error_message="A transfer goes from one location to another.",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["DRAFT", "CANCELLED"], dispatched_at__isnull=True)
                | (
                    Q(status__in=["DISPATCHED", "PARTLY_RECEIVED", "RECEIVED", "CLOSED_SHORT"])
                    & Q(dispatched_at__isnull=False, transit__isnull=False)
                ),
                name="inventory_transfer_dispatched_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=["RECEIVED", "CLOSED_SHORT", "CANCELLED"], closed_at__isnull=False
                )
                | (
                    Q(status__in=["DRAFT", "DISPATCHED", "PARTLY_RECEIVED"])
                    & Q(closed_at__isnull=True)
                ),
                name="inventory_transfer_closed_has_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="CLOSED_SHORT") | ~Q(close_reason=""),
                name="inventory_transfer_closed_short_says_why",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class TransferLine(models.Model):
    """Units of one variant in a transfer: `quantity` sent, of which some arrived, some are lost."""

    transfer = models.ForeignKey(Transfer, on_delete=models.CASCADE, related_name="lines")
    variant = models.ForeignKey("catalog.Variant", on_delete=models.PROTECT, related_name="+")
    quantity = models.IntegerField(help_text="Units to be sent.")
    received = models.IntegerField(default=0, help_text="Units that arrived.")
    lost = models.IntegerField(default=0, help_text="Units written off when it was closed.")
    addition_keys = ArrayField(
        models.CharField(max_length=64),
        default=list,
        db_default=[],
        blank=True,
        help_text="What was scanned onto it, so that nothing is added twice.",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["transfer", "variant"],
                name="inventory_transferline_variant_once",
                violation_error_message="The transfer has a line of this article already.",
            ),
            models.CheckConstraint(
                condition=within("quantity", 1, MAX_UNITS),
                name="inventory_transferline_quantity_positive",
                violation_error_message="A transfer moves at least one unit.",
            ),
            models.CheckConstraint(
                condition=not_negative("received", "lost")
                & Q(quantity__gte=F("received") + F("lost")),
                name="inventory_transferline_no_more_than_was_sent",
                violation_error_message="No more can arrive than was sent.",
            ),
        ]

    def __str__(self) -> str:
        return f"transfer line {self.pk}"

    @property
    def in_transit(self) -> int:
        """Units on the way, once the transfer was sent."""
        return self.quantity - self.received - self.lost


class TransferReceipt(AppendOnlyModel):
    """One arrival of goods of a transfer; its number is the reference of the movements."""

    number = document_number("TI")
    transfer = models.ForeignKey(Transfer, on_delete=models.PROTECT, related_name="receipts")
    key = models.CharField(max_length=64, help_text="Made by whoever receives, told twice alike.")
    received_at = models.DateTimeField()
    received_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["transfer", "key"], name="inventory_transferreceipt_once_per_key"
            ),
        ]

    def __str__(self) -> str:
        return self.number
