"""What came of it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from purchasing.models.orders import PurchaseOrderLine
from purchasing.models.suppliers import Supplier, percent
from retail.common.fields import (
    MAX_UNITS,
    MoneyField,
    amount_not_negative,
    not_negative,
    within,
)
from retail.common.numbering import document_number
from retail.common.status import guard_status


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def for_update(self) -> DeliveryQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


@guard_status
class Delivery(models.Model):
    """
    A delivery being unloaded: what people have counted so far, of one or several orders.

    OPEN while it is counted, by as many people as like; POSTED once, which makes its receipt, or
    DISCARDED when nothing of it is to be taken in.
    """

    class Status(models.TextChoices):
        OPEN = "OPEN", "Being counted"
        POSTED = "POSTED", "Posted"
        DISCARDED = "DISCARDED", "Discarded"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        "OPEN": frozenset({"POSTED", "DISCARDED"}),
        "POSTED": frozenset(),
        "DISCARDED": frozenset(),
    }

    number = document_number("DL")
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="deliveries")
    location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="deliveries"
    )
    delivery_note = models.CharField(
        max_length=100, blank=True, help_text="Number on the supplier's paper."
    )
    status = models.CharField(max_length=20, choices=Status, default=Status.OPEN)
    key = models.CharField(
        max_length=100, unique=True, help_text="Key of the act that opened it; the same one once."
    )
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was posted or discarded."
    )
    closed_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    close_reason = models.CharField(max_length=200, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status="OPEN", closed_at__isnull=True, closed_by__isnull=True)
                | (~Q(status="OPEN") & Q(closed_at__isnull=False)),
                name="purchasing_delivery_closed_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class RejectReason(models.TextChoices):
    """Why goods are not taken."""

    DAMAGED = "DAMAGED", "Damaged"
    WRONG_ARTICLE = "WRONG_ARTICLE", "Wrong article"
    QUALITY = "QUALITY", "Poor quality"
    EXPIRED = "EXPIRED", "Expired or too old"
    EXCESS = "EXCESS", "More than ordered"
    OTHER = "OTHER", "Other"


class DeliveryLine(models.Model):
    """
    What was counted of one order line, or of goods that nobody ordered.

    A code that is none of ours stays as it was scanned, until somebody says what it is.
    """

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(
        PurchaseOrderLine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="delivery_lines",
    )
    variant = models.ForeignKey(
        "catalog.Variant", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    code = models.CharField(max_length=100, blank=True, help_text="As scanned, when unplanned.")
    accepted = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    reject_reason = models.CharField(max_length=20, choices=RejectReason, blank=True)
    note = models.CharField(max_length=200, blank=True)
    counted_at = models.DateTimeField(null=True, blank=True)
    counted_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["delivery", "order_line"],
                condition=Q(order_line__isnull=False),
                name="purchasing_deliveryline_once_per_order_line",
            ),
            models.UniqueConstraint(
                fields=["delivery", "code"],
                condition=Q(order_line__isnull=True),
                name="purchasing_deliveryline_once_per_unplanned_code",
            ),
            models.CheckConstraint(
                condition=not_negative("accepted", "rejected"),
                name="purchasing_deliveryline_counts_not_negative",
                violation_error_message="Units are not below zero.",
            ),
            models.CheckConstraint(
                condition=Q(rejected=0) | ~Q(reject_reason=""),
                name="purchasing_deliveryline_rejected_has_a_reason",
                violation_error_message="Rejected goods need a reason.",
            ),
            models.CheckConstraint(
                condition=Q(order_line__isnull=False, variant__isnull=False) | ~Q(code=""),
                name="purchasing_deliveryline_known_or_scanned",
            ),
        ]

    def __str__(self) -> str:
        return self.code or f"line {self.pk}"


class DeliveryScan(models.Model):
    """One scan while a delivery was counted; what is set by hand instead leaves none."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="scans")
    key = models.CharField(max_length=100, help_text="Key of the scan; the same one once.")
    code = models.CharField(max_length=200, help_text="As scanned.")
    variant = models.ForeignKey(
        "catalog.Variant", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    units = models.IntegerField()
    scanned_at = models.DateTimeField()
    scanned_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["delivery", "key"], name="purchasing_deliveryscan_once_per_key"
            ),
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS),
                name="purchasing_deliveryscan_units_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.units} x {self.code}"


class GoodsReceiptQuerySet(models.QuerySet["GoodsReceipt"]):
    def for_update(self) -> GoodsReceiptQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


@guard_status
class GoodsReceipt(models.Model):
    """
    A delivery taken in at one location; POSTED at once, in one transaction.

    REVERSED when it should not have been posted, as long as the goods are there and no bill was set
    against them.
    """

    class Status(models.TextChoices):
        POSTED = "POSTED", "Posted"
        REVERSED = "REVERSED", "Reversed"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        "POSTED": frozenset({"REVERSED"}),
        "REVERSED": frozenset(),
    }

    number = document_number("GR")
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="receipts")
    location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="goods_receipts"
    )
    status = models.CharField(
        max_length=20, choices=Status, default=Status.POSTED, db_default=Status.POSTED
    )
    delivery = models.OneToOneField(
        Delivery, on_delete=models.PROTECT, null=True, blank=True, related_name="receipt"
    )
    delivery_note = models.CharField(max_length=100, blank=True)
    over_receipt_percent = percent(help_text="More than ordered that was allowed without asking.")
    is_over_allowed = models.BooleanField(
        default=False, db_default=False, help_text="Somebody who may took in more than that."
    )
    key = models.CharField(
        max_length=100, unique=True, help_text="Key of the act that posted it; the same one once."
    )
    received_at = models.DateTimeField()
    received_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reversed_at = models.DateTimeField(null=True, blank=True)
    reversed_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reverse_reason = models.CharField(max_length=200, blank=True, db_default="")

    objects = GoodsReceiptQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("post_goodsreceipt", "Can receive goods"),
            ("over_receive", "Can accept more than was ordered"),
            ("reverse_goodsreceipt", "Can reverse a goods receipt"),
            ("settle_heldgoods", "Can decide about goods that were not taken"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    status="POSTED",
                    reversed_at__isnull=True,
                    reversed_by__isnull=True,
                    reverse_reason="",
                )
                | (Q(status="REVERSED", reversed_at__isnull=False) & ~Q(reverse_reason="")),
                name="purchasing_goodsreceipt_reversed_says_why",
                violation_error_message="Say why it is reversed.",
            ),
            models.CheckConstraint(
                condition=within("over_receipt_percent", 0, 1000),
                name="purchasing_goodsreceipt_tolerance_in_range",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class GoodsReceiptLineQuerySet(models.QuerySet["GoodsReceiptLine"]):
    def for_update(self) -> GoodsReceiptLineQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


class GoodsReceiptLine(models.Model):
    """
    What came of one order line: delivered is what was accepted and what was rejected.

    `unit_cost` is in the order's currency, `value` what the accepted units were worth in book
    currency when they came in. `matched` counts the units that invoices were matched against,
    `returned` those sent back to the supplier.
    """

    receipt = models.ForeignKey(GoodsReceipt, on_delete=models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(
        PurchaseOrderLine, on_delete=models.PROTECT, related_name="receipt_lines"
    )
    delivered = models.IntegerField()
    accepted = models.IntegerField()
    rejected = models.IntegerField(default=0)
    reject_reason = models.CharField(max_length=200, blank=True)
    matched = models.IntegerField(default=0)
    returned = models.IntegerField(default=0, db_default=0)
    unit_cost = MoneyField()
    value = MoneyField(help_text="Of the accepted units, in book currency.")

    objects = GoodsReceiptLineQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["receipt", "order_line"], name="purchasing_goodsreceiptline_once"
            ),
            models.CheckConstraint(
                condition=not_negative("accepted", "rejected")
                & within("delivered", 1, MAX_UNITS)
                & Q(delivered=F("accepted") + F("rejected")),
                name="purchasing_goodsreceiptline_delivered_is_accepted_and_rejected",
                violation_error_message="Accepted and rejected must add up to delivered.",
            ),
            models.CheckConstraint(
                condition=Q(matched__gte=0) & Q(matched__lte=F("accepted")),
                name="purchasing_goodsreceiptline_matched_within_accepted",
                violation_error_message="A receipt cannot be matched over.",
            ),
            models.CheckConstraint(
                condition=Q(returned__gte=0) & Q(returned__lte=F("accepted")),
                name="purchasing_goodsreceiptline_returned_within_accepted",
                violation_error_message="No more can be sent back than was taken in.",
            ),
            models.CheckConstraint(
                condition=Q(rejected=0) | ~Q(reject_reason=""),
                name="purchasing_goodsreceiptline_rejected_has_a_reason",
                violation_error_message="Rejected goods need a reason.",
            ),
            models.CheckConstraint(
                condition=amount_not_negative("unit_cost", "value"),
                name="purchasing_goodsreceiptline_amounts_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.accepted} accepted"
