"""What lies where: the stock levels and the ledger behind them."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from retail.common.append_only import AppendOnlyModel
from retail.common.fields import MAX_UNITS, MoneyField, amount_in_range, not_negative, within


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
    location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="stock_levels"
    )
    on_hand = models.IntegerField(default=0, help_text="Units physically present.")
    allocated = models.IntegerField(default=0, help_text="Units promised to orders.")

    objects = StockLevelQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("adjust_stocklevel", "Can adjust stock"),
            ("reserve_stocklevel", "Can put stock aside"),
        ]
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
    `source_kind`, `source_id` and `source_line_ids` say which document that is and which of its
    lines, by primary key; they are no foreign keys, as most documents live in apps above this one.
    A transfer moves no value: it stays in the company.
    """

    class Kind(models.TextChoices):
        OPENING = "OPENING", "Opening stock"
        RECEIPT = "RECEIPT", "Goods receipt"
        SHIPMENT = "SHIPMENT", "Shipment"
        SALE = "SALE", "Sale"
        RETURN = "RETURN", "Customer return"
        ADJUSTMENT = "ADJUSTMENT", "Adjustment"
        COUNT = "COUNT", "Count"
        TRANSFER = "TRANSFER", "Transfer"
        SUPPLIER_RETURN = "SUPPLIER_RETURN", "Return to supplier"
        RECEIPT_REVERSAL = "RECEIPT_REVERSAL", "Goods receipt reversed"

    class SourceKind(models.TextChoices):
        GOODS_RECEIPT = "GOODS_RECEIPT", "Goods receipt"
        FULFILLMENT = "FULFILLMENT", "Shipment"
        CUSTOMER_RETURN = "CUSTOMER_RETURN", "Customer return"
        TRANSFER = "TRANSFER", "Transfer"
        COUNT = "COUNT", "Count"
        ALLOCATION = "ALLOCATION", "Stock put aside"
        IMPORT = "IMPORT", "Imported file"
        SUPPLIER_RETURN = "SUPPLIER_RETURN", "Return to supplier"

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
    source_kind = models.CharField(
        max_length=20, choices=SourceKind, blank=True, default="", db_default=""
    )
    source_id = models.BigIntegerField(null=True, blank=True)
    source_line_ids = ArrayField(models.BigIntegerField(), default=list, db_default=[], blank=True)
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
            models.CheckConstraint(
                condition=~Q(kind="TRANSFER") | Q(cost_value=0),
                name="inventory_stockmovement_transfer_moves_no_value",
            ),
            models.CheckConstraint(
                condition=Q(source_kind="", source_id__isnull=True, source_line_ids=[])
                | (~Q(source_kind="") & Q(source_id__isnull=False)),
                name="inventory_stockmovement_source_is_whole",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["reference"], name="inventory_movement_reference"),
            # Rows are appended about in the order they happened, so a few bytes per page do.
            BrinIndex(fields=["moved_at"], name="inventory_movement_moved_at"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.quantity:+}"
