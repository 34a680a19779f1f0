"""What came of it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from purchasing.models.orders import PurchaseOrderLine
from purchasing.models.suppliers import Supplier
from retail.common.fields import (
    MAX_UNITS,
    MoneyField,
    amount_not_negative,
    not_negative,
    within,
)
from retail.common.numbering import document_number


class GoodsReceipt(models.Model):
    """A delivery taken in at one location; posted at once, in one transaction."""

    number = document_number("GR")
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="receipts")
    location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="goods_receipts"
    )
    delivery_note = models.CharField(max_length=100, blank=True)
    key = models.CharField(
        max_length=100, unique=True, help_text="Key of the act that posted it; the same one once."
    )
    received_at = models.DateTimeField()
    received_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        permissions: ClassVar = [
            ("post_goodsreceipt", "Can receive goods"),
            ("over_receive", "Can accept more than was ordered"),
        ]

    def __str__(self) -> str:
        return self.number


class GoodsReceiptLine(models.Model):
    """
    What came of one order line: delivered is what was accepted and what was rejected.

    `unit_cost` is in the order's currency, `value` what the accepted units were worth in book
    currency when they came in. `matched` counts the units that invoices were matched against.
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
    unit_cost = MoneyField()
    value = MoneyField(help_text="Of the accepted units, in book currency.")

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
