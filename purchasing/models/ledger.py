"""The ledger of buying: what was received, billed and is owed, by account, in book currency."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from purchasing.models.invoices import SupplierInvoice, SupplierInvoiceLine
from purchasing.models.landed import LandedCost
from purchasing.models.orders import PurchaseOrderLine
from purchasing.models.receipts import GoodsReceipt, GoodsReceiptLine
from purchasing.models.returns import SupplierReturn
from retail.common.append_only import AppendOnlyModel
from retail.common.fields import MoneyField, amount_in_range


class Account(models.TextChoices):
    """What the amounts stand for; accounting maps each to an account of its own."""

    STOCK = "STOCK", "Stock"
    GRNI = "GRNI", "Goods received not invoiced"
    PAYABLES = "PAYABLES", "Payables"
    INPUT_TAX = "INPUT_TAX", "Input tax"
    COST_OF_SALES = "COST_OF_SALES", "Cost of sales"
    QUANTITY_DIFFERENCE = "QUANTITY_DIFFERENCE", "Quantity differences"
    EXCHANGE_DIFFERENCE = "EXCHANGE_DIFFERENCE", "Exchange differences"
    ROUNDING = "ROUNDING", "Rounding"
    CHARGES = "CHARGES", "Freight and charges not landed"
    PURCHASES = "PURCHASES", "Services, and goods without an order"
    PREPAID = "PREPAID", "Paid or kept back before"


class LedgerPosting(AppendOnlyModel):
    """
    What one act changed in the accounts: its lines add up to nothing, which a trigger sees to.

    `reference` is the document's and the act's, the same one once.
    """

    class Kind(models.TextChoices):
        RECEIPT = "RECEIPT", "Goods received"
        RECEIPT_REVERSED = "RECEIPT_REVERSED", "Receipt reversed"
        RETURN = "RETURN", "Goods sent back"
        INVOICE = "INVOICE", "Document approved"
        INVOICE_VOIDED = "INVOICE_VOIDED", "Approved document voided"
        GOODS_FOUND = "GOODS_FOUND", "Goods of an approved document came"
        LANDED = "LANDED", "Landed cost"
        LANDED_CANCELLED = "LANDED_CANCELLED", "Landed cost cancelled"
        CLEARED = "CLEARED", "Rest cleared"

    kind = models.CharField(max_length=20, choices=Kind)
    reference = models.CharField(max_length=100, unique=True)
    receipt = models.ForeignKey(
        GoodsReceipt, on_delete=models.PROTECT, null=True, blank=True, related_name="postings"
    )
    supplier_return = models.ForeignKey(
        SupplierReturn, on_delete=models.PROTECT, null=True, blank=True, related_name="postings"
    )
    invoice = models.ForeignKey(
        SupplierInvoice, on_delete=models.PROTECT, null=True, blank=True, related_name="postings"
    )
    landed_cost = models.ForeignKey(
        LandedCost, on_delete=models.PROTECT, null=True, blank=True, related_name="postings"
    )
    reason = models.CharField(max_length=200, blank=True)
    posted_at = models.DateTimeField()
    posted_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        permissions: ClassVar = [
            ("clear_grni", "Can clear what stays open between receipt and invoice"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(kind="CLEARED") | ~Q(reason=""),
                name="purchasing_ledgerposting_cleared_says_why",
                violation_error_message="Say why it is cleared.",
            ),
        ]
        indexes: ClassVar = [
            BrinIndex(fields=["posted_at"], name="purchasing_posting_posted_at"),
        ]

    def __str__(self) -> str:
        return self.reference


class LedgerLine(AppendOnlyModel):
    """
    An amount on one account: positive is a debit, negative a credit, in book currency.

    What is received and not invoiced always names its order line, so that the balance of the
    account is the sum over order lines; the lines of documents say which of them moved it.
    """

    posting = models.ForeignKey(LedgerPosting, on_delete=models.PROTECT, related_name="lines")
    account = models.CharField(max_length=20, choices=Account)
    amount = MoneyField()
    order_line = models.ForeignKey(
        PurchaseOrderLine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="ledger_lines",
        db_index=False,
    )
    receipt_line = models.ForeignKey(
        GoodsReceiptLine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="ledger_lines",
    )
    invoice_line = models.ForeignKey(
        SupplierInvoiceLine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="ledger_lines",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=amount_in_range("amount") & ~Q(amount=0),
                name="purchasing_ledgerline_amount_not_zero",
            ),
            models.CheckConstraint(
                condition=~Q(account="GRNI") | Q(order_line__isnull=False),
                name="purchasing_ledgerline_grni_names_its_order_line",
            ),
        ]
        indexes: ClassVar = [
            # The open goods of an order line are its lines on one account.
            models.Index(
                fields=["order_line", "account"],
                condition=Q(order_line__isnull=False),
                name="purchasing_ledger_order_line",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.amount:+}"
