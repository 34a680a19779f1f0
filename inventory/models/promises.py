"""Units promised to documents, and promises that could not be kept."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from retail.common.fields import MAX_UNITS, within


class AllocationQuerySet(models.QuerySet["Allocation"]):
    def open(self) -> AllocationQuerySet:
        """Keep those with units still promised."""
        return self.filter(closed_at__isnull=True)

    def expired(self, at: datetime) -> AllocationQuerySet:
        """Keep open reservations that are over."""
        return self.open().filter(expires_at__lte=at)

    def for_update(self) -> AllocationQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


class Allocation(models.Model):
    """
    Units of one stock level promised to one document.

    It is open while `units - shipped - released` is above zero; shipping and releasing both
    consume it and it never grows again. One with `expires_at` is a reservation: a parcel put aside,
    a draft order. It holds its units until the sweep after that moment takes them back.
    """

    level = models.ForeignKey(
        "inventory.StockLevel", on_delete=models.PROTECT, related_name="allocations"
    )
    reference = models.CharField(max_length=100, help_text="Number of the document.")
    units = models.IntegerField(help_text="Units promised in all.")
    shipped = models.IntegerField(default=0)
    released = models.IntegerField(default=0)
    channel = models.ForeignKey(
        "channels.Channel",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="Whose order it is; its reserve is used up by this.",
    )
    note = models.CharField(max_length=200, blank=True, help_text="For whom, why.")
    allocated_at = models.DateTimeField()
    allocated_by = models.ForeignKey(
        "common.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = AllocationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["level", "reference"],
                name="inventory_allocation_reference_once_per_level",
            ),
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS),
                name="inventory_allocation_units_positive",
            ),
            models.CheckConstraint(
                condition=Q(shipped__gte=0, released__gte=0)
                & Q(units__gte=F("shipped") + F("released")),
                name="inventory_allocation_consumed_within_units",
                violation_error_message="No more can be shipped or released than was promised.",
            ),
            models.CheckConstraint(
                condition=(Q(closed_at__isnull=True) & Q(units__gt=F("shipped") + F("released")))
                | (Q(closed_at__isnull=False) & Q(units=F("shipped") + F("released"))),
                name="inventory_allocation_closed_when_consumed",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["level"],
                condition=Q(closed_at__isnull=True),
                name="inventory_allocation_open",
            ),
            models.Index(fields=["reference"], name="inventory_alloc_reference"),
            models.Index(
                fields=["expires_at"],
                condition=Q(closed_at__isnull=True, expires_at__isnull=False),
                name="inventory_alloc_expiry",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference}: {self.units}"

    @property
    def open_units(self) -> int:
        return self.units - self.shipped - self.released


class WithdrawnPromise(models.Model):
    """
    Promised units that were taken back without their document asking: the goods are not there.

    Written in the transaction of the sale, count, adjustment or expiry that took them. The app
    that made the promise picks the row up, lets its lines wait again and sets `settled_at`.
    """

    class Cause(models.TextChoices):
        SALE = "SALE", "Sold over the counter"
        COUNT = "COUNT", "Not found in a count"
        ADJUSTMENT = "ADJUSTMENT", "Stock adjusted"
        EXPIRED = "EXPIRED", "Reservation expired"

    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="withdrawals")
    units = models.IntegerField()
    cause = models.CharField(max_length=20, choices=Cause)
    reference = models.CharField(max_length=100, help_text="Number of what took the units.")
    reason = models.CharField(max_length=200, blank=True)
    withdrawn_at = models.DateTimeField()
    withdrawn_by = models.ForeignKey(
        "common.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["allocation", "cause", "reference"],
                name="inventory_withdrawnpromise_once_per_act",
            ),
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS),
                name="inventory_withdrawnpromise_units_positive",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["id"],
                condition=Q(settled_at__isnull=True),
                name="inventory_withdrawn_unsettled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cause} {self.units}"
