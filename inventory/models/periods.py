"""Time as the ledgers know it: periods that are closed, and how things stood at the end of days."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from retail.common.fields import MoneyField


class ClosedPeriodQuerySet(models.QuerySet["ClosedPeriod"]):
    def in_force(self) -> ClosedPeriodQuerySet:
        """Keep those that nobody reopened."""
        return self.filter(reopened_at__isnull=True)


class ClosedPeriod(models.Model):
    """
    The books of stock up to a moment are closed: no movement may be dated before `ends_at`.

    A trigger on both ledgers refuses it, whoever writes. It may be reopened, with a reason.
    """

    ends_at = models.DateTimeField(help_text="First moment that is still open.")
    closed_at = models.DateTimeField()
    closed_by = models.ForeignKey("common.User", on_delete=models.PROTECT, related_name="+")
    reopened_at = models.DateTimeField(null=True, blank=True)
    reopened_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reopen_reason = models.CharField(max_length=200, blank=True)

    objects = ClosedPeriodQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("close_period", "Can close the books of stock"),
            ("reopen_period", "Can reopen closed books of stock"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["ends_at"],
                condition=Q(reopened_at__isnull=True),
                name="inventory_closedperiod_once_in_force",
                violation_error_message="The books are closed up to there already.",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__lte=F("closed_at")),
                name="inventory_closedperiod_not_in_the_future",
                violation_error_message="Only days that are over can be closed.",
            ),
            models.CheckConstraint(
                condition=Q(reopened_at__isnull=True, reopened_by__isnull=True, reopen_reason="")
                | (Q(reopened_at__isnull=False, reopened_by__isnull=False) & ~Q(reopen_reason="")),
                name="inventory_closedperiod_reopened_says_who_and_why",
            ),
        ]

    def __str__(self) -> str:
        return f"closed until {self.ends_at:%Y-%m-%d}"


class StockSnapshot(models.Model):
    """
    How all stock stood at the end of a day: what was moved before `ends_at`, added up.

    A shortcut to the ledgers and never more than that: a movement dated before it drops it, and
    the nightly task takes it anew.
    """

    ends_at = models.DateTimeField(unique=True, help_text="First moment not in it.")
    taken_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.ends_at:%Y-%m-%d}"


class LevelSnapshot(models.Model):
    """Units of one stock level at the time of a snapshot; none where there were none."""

    snapshot = models.ForeignKey(
        StockSnapshot, on_delete=models.CASCADE, related_name="levels", db_index=False
    )
    level = models.ForeignKey(
        "inventory.StockLevel", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    on_hand = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["snapshot", "level"], name="inventory_levelsnapshot_once"
            ),
        ]

    def __str__(self) -> str:
        return f"level snapshot {self.pk}"


class PoolSnapshot(models.Model):
    """Units and value of one variant at the time of a snapshot; none where there was neither."""

    snapshot = models.ForeignKey(
        StockSnapshot, on_delete=models.CASCADE, related_name="pools", db_index=False
    )
    pool = models.ForeignKey(
        "inventory.CostPool", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    units = models.IntegerField()
    value = MoneyField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["snapshot", "pool"], name="inventory_poolsnapshot_once"
            ),
        ]

    def __str__(self) -> str:
        return f"pool snapshot {self.pk}"
