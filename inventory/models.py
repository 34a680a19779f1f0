"""What lies where, what is promised to whom, and what it cost: ledgers and their running totals."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from retail.common.append_only import AppendOnlyModel
from retail.common.fields import (
    MAX_UNITS,
    MoneyField,
    amount_in_range,
    amount_not_negative,
    not_negative,
    within,
)
from retail.common.history import keep_history


@keep_history()
class Location(models.Model):
    """A place that holds stock: a warehouse, a store, goods on the road, goods set apart."""

    class Kind(models.TextChoices):
        WAREHOUSE = "WAREHOUSE", "Warehouse"
        STORE = "STORE", "Store"
        TRANSIT = "TRANSIT", "In transit"
        QUARANTINE = "QUARANTINE", "Quarantine"

    code = models.SlugField(max_length=20, unique=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind)
    is_shipping = models.BooleanField(default=True, help_text="Orders are sent from here.")
    is_pickup = models.BooleanField(default=False, help_text="Customers collect here.")
    priority = models.IntegerField(default=0, help_text="The lower is tried first.")
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166-1 alpha-2.")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind__in=["WAREHOUSE", "STORE"])
                | Q(is_shipping=False, is_pickup=False),
                name="inventory_location_serves_from_warehouse_or_store",
                violation_error_message="Orders leave from a warehouse or a store only.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class StockLevelQuerySet(models.QuerySet["StockLevel"]):
    def for_update(self) -> StockLevelQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)

    def with_available(self) -> StockLevelQuerySet:
        """Annotate `available`, the units that can still be promised."""
        return self.annotate(available=F("on_hand") - F("allocated"))


class StockLevel(models.Model):
    """
    Units of one variant at one location: the running total of its StockMovements.

    `allocated` is the running total of its open Allocations. A count that finds fewer units than
    were promised releases promises in the same transaction.
    """

    variant = models.ForeignKey(
        "catalog.Variant", on_delete=models.PROTECT, related_name="stock_levels"
    )
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="stock_levels")
    on_hand = models.IntegerField(default=0, help_text="Units physically present.")
    allocated = models.IntegerField(default=0, help_text="Units promised to orders.")

    objects = StockLevelQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [("adjust_stocklevel", "Can adjust stock")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["variant", "location"],
                name="inventory_stocklevel_one_per_variant_and_location",
            ),
            models.CheckConstraint(
                condition=Q(allocated__gte=0) & Q(allocated__lte=F("on_hand")),
                name="inventory_stocklevel_allocated_within_on_hand",
                violation_error_message="Promised units must lie between zero and on hand.",
            ),
            models.CheckConstraint(
                condition=not_negative("on_hand"), name="inventory_stocklevel_on_hand_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"level {self.pk}"


class StockMovement(AppendOnlyModel):
    """
    Units that came to or left a stock level; never changed, corrected by another movement.

    `reference` names the document that caused it; the same one moves a level once per kind.
    """

    class Kind(models.TextChoices):
        OPENING = "OPENING", "Opening stock"
        RECEIPT = "RECEIPT", "Goods receipt"
        SHIPMENT = "SHIPMENT", "Shipment"
        SALE = "SALE", "Sale"
        RETURN = "RETURN", "Customer return"
        ADJUSTMENT = "ADJUSTMENT", "Adjustment"

    # The unique constraint begins with the level, and nobody asks for the movements of a person:
    # indexes of their own would only slow down the posting of history.
    level = models.ForeignKey(
        StockLevel, on_delete=models.PROTECT, related_name="movements", db_index=False
    )
    kind = models.CharField(max_length=20, choices=Kind)
    quantity = models.IntegerField(help_text="Units, positive in and negative out.")
    cost_value = MoneyField(
        default=0, help_text="Value moved with the units, book currency, signed like them."
    )
    reference = models.CharField(max_length=100)
    reason = models.CharField(max_length=200, blank=True)
    moved_at = models.DateTimeField()
    moved_by = models.ForeignKey(
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
                fields=["level", "kind", "reference"],
                name="inventory_stockmovement_reference_once_per_level_and_kind",
            ),
            models.CheckConstraint(
                condition=~Q(quantity=0) & within("quantity", -MAX_UNITS, MAX_UNITS),
                name="inventory_stockmovement_quantity_not_zero",
            ),
            models.CheckConstraint(
                condition=amount_in_range("cost_value"),
                name="inventory_stockmovement_cost_value_is_a_number",
            ),
            models.CheckConstraint(
                condition=~Q(reference=""), name="inventory_stockmovement_reference_not_empty"
            ),
            models.CheckConstraint(
                condition=~Q(kind="ADJUSTMENT") | ~Q(reason=""),
                name="inventory_stockmovement_adjustment_has_a_reason",
                violation_error_message="An adjustment says why.",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["reference"], name="inventory_movement_reference"),
            # Rows are appended about in the order they happened, so a few bytes per page do.
            BrinIndex(fields=["moved_at"], name="inventory_movement_moved_at"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.quantity:+}"


class AllocationQuerySet(models.QuerySet["Allocation"]):
    def open(self) -> AllocationQuerySet:
        """Keep those with units still promised."""
        return self.filter(units__gt=F("shipped") + F("released"))


class Allocation(models.Model):
    """
    Units of one stock level promised to one document.

    It is open while `units - shipped - released` is above zero; shipping and releasing both
    consume it and it never grows again.
    """

    level = models.ForeignKey(StockLevel, on_delete=models.PROTECT, related_name="allocations")
    reference = models.CharField(max_length=100, help_text="Number of the document.")
    units = models.IntegerField(help_text="Units promised in all.")
    shipped = models.IntegerField(default=0)
    released = models.IntegerField(default=0)
    allocated_at = models.DateTimeField()
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
        ]

    def __str__(self) -> str:
        return f"{self.reference}: {self.units}"

    @property
    def open_units(self) -> int:
        return self.units - self.shipped - self.released


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

    A CORRECTION changes value only: `value` is the share of goods still here, `expensed` the share
    of goods already gone, posted to cost of sales on the same day; together the whole amount.
    """

    class Kind(models.TextChoices):
        RECEIPT = "RECEIPT", "Receipt"
        ISSUE = "ISSUE", "Issue"
        CORRECTION = "CORRECTION", "Late cost"

    pool = models.ForeignKey(
        CostPool, on_delete=models.PROTECT, related_name="movements", db_index=False
    )
    kind = models.CharField(max_length=20, choices=Kind)
    units = models.IntegerField(help_text="Units, positive in and negative out.")
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
                | Q(kind="CORRECTION", units=0, corrects__isnull=False),
                name="inventory_costmovement_sign_follows_kind",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["reference"], name="inventory_cost_reference"),
            # Also serves the foreign key: the latest movement of a pool, and those after a receipt.
            models.Index(fields=["pool", "id"], name="inventory_cost_order"),
            models.Index(
                fields=["corrects"],
                condition=Q(corrects__isnull=False),
                name="inventory_cost_corrects",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value:+}"


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
