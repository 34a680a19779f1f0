"""Goods of a supplier that lie here and are not ours: rejected, too many, or never ordered."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from purchasing.models.receipts import GoodsReceipt, GoodsReceiptLine, RejectReason
from retail.common.append_only import AppendOnlyModel
from retail.common.fields import MAX_UNITS, not_negative, within


class HeldGoodsQuerySet(models.QuerySet["HeldGoods"]):
    def for_update(self) -> HeldGoodsQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)

    def open(self) -> HeldGoodsQuerySet:
        """Of which something is still to be decided; of a reversed receipt nothing lies here."""
        return self.filter(
            units__gt=F("accepted") + F("returned") + F("scrapped"),
            receipt__status=GoodsReceipt.Status.POSTED,
        )


class HeldGoods(models.Model):
    """
    Goods of a delivery that were not taken in and lie in quarantine, at no value.

    They are the supplier's, so neither stock nor cost knows them. Each unit is later accepted after
    all (a receipt of its own), returned, or scrapped; HeldGoodsDecision tells which, when and by
    whom. `variant` is empty until somebody says what an unknown code is.
    """

    class Kind(models.TextChoices):
        REJECTED = "REJECTED", "Rejected"
        UNPLANNED = "UNPLANNED", "Not ordered"

    receipt = models.ForeignKey(GoodsReceipt, on_delete=models.PROTECT, related_name="held_goods")
    receipt_line = models.ForeignKey(
        GoodsReceiptLine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="held_goods",
    )
    kind = models.CharField(max_length=20, choices=Kind)
    variant = models.ForeignKey(
        "catalog.Variant", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    code = models.CharField(max_length=100, blank=True, help_text="As scanned, when unplanned.")
    location = models.ForeignKey(
        "inventory.Location",
        on_delete=models.PROTECT,
        related_name="held_goods",
        help_text="Where they lie, a quarantine.",
    )
    reject_reason = models.CharField(max_length=20, choices=RejectReason, blank=True)
    note = models.CharField(max_length=200, blank=True)
    units = models.IntegerField()
    accepted = models.IntegerField(default=0)
    returned = models.IntegerField(default=0)
    scrapped = models.IntegerField(default=0)

    objects = HeldGoodsQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "held goods"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS)
                & not_negative("accepted", "returned", "scrapped")
                & Q(units__gte=F("accepted") + F("returned") + F("scrapped")),
                name="purchasing_heldgoods_decided_within_units",
                violation_error_message="No more can be decided about than lies there.",
            ),
            models.CheckConstraint(
                condition=Q(kind="REJECTED", receipt_line__isnull=False)
                | Q(kind="UNPLANNED", receipt_line__isnull=True),
                name="purchasing_heldgoods_rejected_of_a_line",
            ),
            models.CheckConstraint(
                condition=Q(variant__isnull=False) | ~Q(code=""),
                name="purchasing_heldgoods_known_or_scanned",
            ),
        ]

    def __str__(self) -> str:
        return self.code or f"held goods {self.pk}"

    @property
    def left(self) -> int:
        """Units still to be decided about."""
        return self.units - self.accepted - self.returned - self.scrapped


class HeldGoodsDecision(AppendOnlyModel):
    """What became of some units of held goods."""

    class Outcome(models.TextChoices):
        ACCEPTED = "ACCEPTED", "Accepted after all"
        RETURNED = "RETURNED", "Sent back"
        SCRAPPED = "SCRAPPED", "Scrapped"

    held_goods = models.ForeignKey(HeldGoods, on_delete=models.PROTECT, related_name="decisions")
    outcome = models.CharField(max_length=20, choices=Outcome)
    units = models.IntegerField()
    receipt = models.ForeignKey(
        GoodsReceipt,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="That took them in.",
    )
    reason = models.CharField(max_length=200)
    key = models.CharField(max_length=100, help_text="Key of the act; the same one once.")
    decided_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["held_goods", "key"], name="purchasing_heldgoodsdecision_once_per_key"
            ),
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS),
                name="purchasing_heldgoodsdecision_units_positive",
            ),
            models.CheckConstraint(
                condition=Q(outcome="ACCEPTED", receipt__isnull=False)
                | (~Q(outcome="ACCEPTED") & Q(receipt__isnull=True)),
                name="purchasing_heldgoodsdecision_accepted_by_a_receipt",
            ),
            models.CheckConstraint(
                condition=~Q(reason=""), name="purchasing_heldgoodsdecision_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.units}"
