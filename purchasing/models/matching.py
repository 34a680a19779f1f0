"""Whether bill, order and receipt agree, and what was decided where they do not."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import ExpressionWrapper, F, Q

from purchasing.models.invoices import SupplierInvoice, SupplierInvoiceLine
from purchasing.models.orders import PurchaseOrderLine
from purchasing.models.receipts import GoodsReceiptLine
from retail.common.fields import (
    MAX_UNITS,
    MoneyField,
    amount_in_range,
    amount_not_negative,
    within,
)
from retail.common.roles import Role


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
    is_price_only = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Money back for these units, which stay billed: they are not counted.",
    )
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

    OPEN blocks payment, unless it is only said (`is_blocking`). RESOLVED means the difference went
    away by itself. The others are decisions by somebody who did not raise the order, within their
    limit: ACCEPTED is paid; a credit is asked for, the order or the receipt is to be corrected, or
    it is DISPUTED, and until that has made up for it payment stays blocked. A row that is not open
    is never changed; of several for one line, kind and subject the youngest one counts.
    `at_stake` is what accepting it would cost beyond what was expected.
    """

    class Kind(models.TextChoices):
        PRICE = "PRICE", "Unit price"
        PRICE_TOTAL = "PRICE_TOTAL", "Price in all"
        QUANTITY = "QUANTITY", "More than can still come"
        NOT_RECEIVED = "NOT_RECEIVED", "Goods not received yet"
        UNIT = "UNIT", "Unit of measure"
        NO_ORDER = "NO_ORDER", "No order line"
        SUPPLIER = "SUPPLIER", "Order of another supplier"
        CURRENCY = "CURRENCY", "Currency"
        TERMS = "TERMS", "Terms of payment"
        CHARGE = "CHARGE", "Charge"
        NET_TOTAL = "NET_TOTAL", "Net total beside the order"
        DISCOUNT_TOTAL = "DISCOUNT_TOTAL", "Discount beside the order"
        CHARGES_TOTAL = "CHARGES_TOTAL", "Charges beside the order"
        TAX_TOTAL = "TAX_TOTAL", "Tax beside the order"
        ROUNDING = "ROUNDING", "Rounding"
        GRAND_TOTAL = "GRAND_TOTAL", "Total beside the order"
        TAX = "TAX", "Tax of a rate"
        HEADER = "HEADER", "Document does not add up"
        RULE = "RULE", "Rule of e-invoices"
        ADDRESSEE = "ADDRESSEE", "Addressed to somebody else"
        BANK_ACCOUNT = "BANK_ACCOUNT", "Bank account"
        ALIKE = "ALIKE", "Another over the same total"

    class Status(models.TextChoices):
        OPEN = "OPEN", "Open"
        RESOLVED = "RESOLVED", "Gone"
        ACCEPTED = "ACCEPTED", "Accepted"
        CREDIT_ASKED = "CREDIT_ASKED", "Credit asked for"
        ORDER_WRONG = "ORDER_WRONG", "Order to be corrected"
        RECEIPT_WRONG = "RECEIPT_WRONG", "Receipt to be corrected"
        DISPUTED = "DISPUTED", "Disputed"

    class Owner(models.TextChoices):
        """The role whose it is to find out."""

        BUYER = Role.BUYER.value, "Buyer"
        WAREHOUSE = Role.WAREHOUSE.value, "Warehouse"
        ACCOUNTANT = Role.ACCOUNTANT.value, "Accountant"

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
    subject = models.CharField(
        max_length=100, blank=True, db_default="", help_text="Which charge, tax rate or rule."
    )
    detail = models.CharField(
        max_length=500,
        blank=True,
        db_default="",
        help_text="In words, where figures do not say it.",
    )
    is_blocking = models.BooleanField(
        default=True, db_default=True, help_text="Payment waits for a decision."
    )
    expected = MoneyField()
    actual = MoneyField()
    difference = models.GeneratedField(
        expression=ExpressionWrapper(F("actual") - F("expected"), output_field=MoneyField()),
        output_field=MoneyField(),
        db_persist=True,
    )
    at_stake = MoneyField(default=0, db_default=0, help_text="In book currency.")
    tolerance = models.JSONField(help_text="The limits in force when it was found.")
    owner = models.CharField(
        max_length=20, choices=Owner, default=Owner.ACCOUNTANT, db_default=Owner.ACCOUNTANT
    )
    due_on = models.DateField(null=True, blank=True, help_text="By when it is to be decided.")
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
        permissions: ClassVar = [
            ("decide_matchexception", "Can decide a match exception of their own role"),
            ("decide_any_matchexception", "Can decide a match exception of every role"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["invoice", "invoice_line", "kind", "subject"],
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
                        status__in=[
                            "ACCEPTED",
                            "CREDIT_ASKED",
                            "ORDER_WRONG",
                            "RECEIPT_WRONG",
                            "DISPUTED",
                        ],
                        decided_at__isnull=False,
                        decided_by__isnull=False,
                    )
                    & ~Q(reason="")
                ),
                name="purchasing_matchexception_decision_is_complete",
                violation_error_message="A decision has a person, a time and a reason.",
            ),
            models.CheckConstraint(
                condition=amount_in_range("expected", "actual", "at_stake"),
                name="purchasing_matchexception_amounts_are_numbers",
            ),
        ]
        indexes: ClassVar = [
            # The desk: what is open, by role and age.
            models.Index(
                fields=["owner", "due_on", "id"],
                condition=Q(status="OPEN", is_blocking=True),
                name="purchasing_exception_desk",
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class DecisionLimit(models.Model):
    """
    Up to which amount people of a role may accept differences.

    A person has the highest limit of their roles; without a row for any of them there is none.
    """

    group = models.OneToOneField(
        "auth.Group", on_delete=models.CASCADE, related_name="+", verbose_name="role"
    )
    amount = MoneyField(
        null=True, blank=True, help_text="In book currency. Empty: whatever it costs."
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(amount__isnull=True) | amount_not_negative("amount"),
                name="purchasing_decisionlimit_not_negative",
                violation_error_message="A limit is not below zero.",
            ),
        ]

    def __str__(self) -> str:
        return f"limit of role {self.group_id}"
