"""What stock cost: the pool of each variant and the ledger behind it."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from retail.common.append_only import AppendOnlyModel
from retail.common.fields import MoneyField, amount_in_range, amount_not_negative, not_negative


class CostPoolQuerySet(models.QuerySet["CostPool"]):
    def for_update(self) -> CostPoolQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


class CostPool(models.Model):
    """
    Units and value of one variant in the whole company: the running total of its CostMovements.

    The moving average is value / units, worked out when needed and never stored.
    """

    variant = models.OneToOneField(
        "catalog.Variant", on_delete=models.PROTECT, related_name="cost_pool"
    )
    units = models.IntegerField(default=0)
    value = MoneyField(default=0, help_text="Stock value in book currency.")

    objects = CostPoolQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=not_negative("units") & amount_not_negative("value"),
                name="inventory_costpool_not_negative",
                violation_error_message="Stock value cannot fall below zero.",
            ),
            models.CheckConstraint(
                condition=~Q(units=0) | Q(value=0),
                name="inventory_costpool_no_value_without_units",
                violation_error_message="Without units there is no value.",
            ),
        ]

    def __str__(self) -> str:
        return f"cost pool {self.pk}"


class CostMovement(AppendOnlyModel):
    """
    A change of a variant's stock value, with the pool as it stood just before.

    A CORRECTION (a bill at another price) and a LANDED cost (freight, duty) change value only:
    `value` is the share of goods still here, `expensed` the share of goods already gone, posted to
    cost of sales on the same day; together the whole amount. They are kept apart, because freight
    is no difference between the price ordered and the price billed. One is taken back by another
    of its kind against the same receipt, the other way round. A VARIANCE goes with an issue: what
    the goods cost on the average less what is had for them, `expensed`; it moves no stock value.
    """

    class Kind(models.TextChoices):
        RECEIPT = "RECEIPT", "Receipt"
        ISSUE = "ISSUE", "Issue"
        CORRECTION = "CORRECTION", "Late cost"
        LANDED = "LANDED", "Landed cost"
        VARIANCE = "VARIANCE", "Difference to the supplier's credit"

    pool = models.ForeignKey(
        CostPool, on_delete=models.PROTECT, related_name="movements", db_index=False
    )
    kind = models.CharField(max_length=20, choices=Kind)
    units = models.IntegerField(help_text="Units, positive in and negative out.")
    is_at_average = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Came in at the average of what was there: a return, goods found.",
    )
    value = MoneyField(help_text="Change of stock value in book currency.")
    expensed = MoneyField(default=0, help_text="Posted to cost of sales instead of stock.")
    units_before = models.IntegerField(help_text="Units in the pool just before.")
    reference = models.CharField(max_length=100)
    corrects = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="corrections",
        db_index=False,
    )
    moved_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["pool", "kind", "reference"],
                name="inventory_costmovement_reference_once_per_pool_and_kind",
            ),
            models.CheckConstraint(
                condition=amount_in_range("value", "expensed") & not_negative("units_before"),
                name="inventory_costmovement_values_are_numbers",
            ),
            models.CheckConstraint(
                condition=Q(kind="RECEIPT", units__gt=0, value__gte=0, corrects__isnull=True)
                | Q(kind="ISSUE", units__lt=0, value__lte=0, corrects__isnull=True)
                | Q(kind__in=["CORRECTION", "LANDED"], units=0, corrects__isnull=False)
                | Q(kind="VARIANCE", units=0, value=0, corrects__isnull=True),
                name="inventory_costmovement_sign_follows_kind",
            ),
            models.CheckConstraint(
                condition=Q(is_at_average=False) | Q(kind="RECEIPT"),
                name="inventory_costmovement_only_receipts_at_average",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["reference"], name="inventory_cost_reference"),
            # Rows are appended about in the order they happened, so a few bytes per page do.
            BrinIndex(fields=["moved_at"], name="inventory_cost_moved_at"),
            # Also serves the foreign key: the latest movement of a pool, and those after a receipt.
            models.Index(fields=["pool", "id"], name="inventory_cost_order"),
            # What thinned the goods of an earlier receipt; a busy pool has few among many issues.
            models.Index(
                fields=["pool", "id"],
                condition=Q(kind="RECEIPT", is_at_average=False),
                name="inventory_cost_received",
            ),
            models.Index(
                fields=["corrects"],
                condition=Q(corrects__isnull=False),
                name="inventory_cost_corrects",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value:+}"
