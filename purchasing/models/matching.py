"""Whether bill, order and receipt agree, and what was decided where they do not."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from purchasing.models.invoices import SupplierInvoice, SupplierInvoiceLine
from purchasing.models.orders import PurchaseOrderLine
from purchasing.models.receipts import GoodsReceiptLine
from retail.common.fields import (
    MAX_UNITS,
    MoneyField,
    amount_in_range,
    within,
)
from retail.common.numbering import document_number


class MatchAllocation(models.Model):
    """
    Units of an invoice line set against an order line and, for goods, a receipt line.

    Without a receipt line the units wait for goods, are a service, or are given back by a credit
    note.
    """

    invoice_line = models.ForeignKey(
        SupplierInvoiceLine, on_delete=models.PROTECT, related_name="matches"
    )
    order_line = models.ForeignKey(
        PurchaseOrderLine, on_delete=models.PROTECT, related_name="matches"
    )
    receipt_line = models.ForeignKey(
        GoodsReceiptLine, on_delete=models.PROTECT, null=True, blank=True, related_name="matches"
    )
    units = models.IntegerField()
    matched_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["invoice_line", "order_line", "receipt_line"],
                nulls_distinct=False,
                name="purchasing_matchallocation_once",
            ),
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS),
                name="purchasing_matchallocation_units_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.units} units"


class MatchException(models.Model):
    """
    One way in which an invoice does not agree with order or receipt, and what was decided.

    OPEN blocks payment. RESOLVED means the difference went away by itself; ACCEPTED and DISPUTED
    are decisions by somebody who did not raise the order, and DISPUTED blocks payment too. A row
    that is not open is never changed; of several for one line and kind the youngest one counts.
    """

    class Kind(models.TextChoices):
        PRICE = "PRICE", "Unit price"
        PRICE_TOTAL = "PRICE_TOTAL", "Price in all"
        QUANTITY = "QUANTITY", "More than can still come"
        NOT_RECEIVED = "NOT_RECEIVED", "Goods not received yet"
        NO_ORDER = "NO_ORDER", "No order line"
        CURRENCY = "CURRENCY", "Currency"
        HEADER = "HEADER", "Document totals"
        CHARGE = "CHARGE", "Charge not on the order"

    class Status(models.TextChoices):
        OPEN = "OPEN", "Open"
        RESOLVED = "RESOLVED", "Gone"
        ACCEPTED = "ACCEPTED", "Accepted"
        DISPUTED = "DISPUTED", "Disputed"

    invoice = models.ForeignKey(
        SupplierInvoice, on_delete=models.PROTECT, related_name="exceptions"
    )
    invoice_line = models.ForeignKey(
        SupplierInvoiceLine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="exceptions",
    )
    kind = models.CharField(max_length=20, choices=Kind)
    expected = MoneyField()
    actual = MoneyField()
    tolerance = models.JSONField(help_text="The limits in force when it was found.")
    status = models.CharField(max_length=20, choices=Status, default=Status.OPEN)
    raised_at = models.DateTimeField()
    order_raised_by = models.ForeignKey(
        "common.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who raised the purchase order and so may not decide.",
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        permissions: ClassVar = [("decide_matchexception", "Can decide a match exception")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["invoice", "invoice_line", "kind"],
                condition=Q(status="OPEN"),
                nulls_distinct=False,
                name="purchasing_matchexception_one_open_per_kind",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True)
                | Q(order_raised_by__isnull=True)
                | ~Q(decided_by=F("order_raised_by")),
                name="purchasing_matchexception_decided_by_someone_else",
                violation_error_message="Nobody decides about an order they raised.",
            ),
            models.CheckConstraint(
                condition=Q(
                    status="OPEN", decided_at__isnull=True, decided_by__isnull=True, reason=""
                )
                | Q(status="RESOLVED", decided_at__isnull=False, decided_by__isnull=True)
                | (
                    Q(
                        status__in=["ACCEPTED", "DISPUTED"],
                        decided_at__isnull=False,
                        decided_by__isnull=False,
                    )
                    & ~Q(reason="")
                ),
                name="purchasing_matchexception_decision_is_complete",
                violation_error_message="A decision has a person, a time and a reason.",
            ),
            models.CheckConstraint(
                condition=amount_in_range("expected", "actual"),
                name="purchasing_matchexception_amounts_are_numbers",
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class PayableExport(models.Model):
    """A batch of approved invoices handed to accounting, once."""

    number = document_number("PX")
    key = models.CharField(max_length=100, unique=True)
    sha256 = models.CharField(max_length=64, help_text="Fingerprint of the file.")
    content = models.TextField(help_text="The file itself, CSV.")
    exported_at = models.DateTimeField()
    exported_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return self.number
