"""Money that customers get back: granted by one act, paid by another."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from orders.models.orders import Order, OrderLine
from orders.models.payments import Payment
from orders.models.returns import Return
from retail.common.fields import (
    MAX_AMOUNT,
    MAX_UNITS,
    CurrencyField,
    MoneyField,
    amount_not_negative,
    within,
)
from retail.common.history import keep_history
from retail.common.numbering import document_number
from retail.common.status import guard_status


class RefundQuerySet(models.QuerySet["Refund"]):
    def open(self) -> RefundQuerySet:
        """Keep those that are granted, or ask for it, and are not paid out."""
        return self.filter(status__in=Refund.OPEN)


@guard_status
@keep_history("status", "amount")
class Refund(models.Model):
    """
    An amount that a customer gets back.

    AWAITING_APPROVAL above the limit, until somebody else than who granted it approves it; GRANTED,
    then SENT to whoever pays it out and SETTLED once it is, or FAILED and tried again. Of what was
    paid for the order no more is ever granted than is left.
    `key` comes from the form or task that granted it, `execution_key` from the one that paid it:
    the same act has the effect of once.
    """

    class Status(models.TextChoices):
        AWAITING_APPROVAL = "AWAITING_APPROVAL", "Awaiting approval"
        GRANTED = "GRANTED", "Granted"
        SENT = "SENT", "Sent"
        SETTLED = "SETTLED", "Paid back"
        FAILED = "FAILED", "Failed"
        DECLINED = "DECLINED", "Declined"
        CANCELLED = "CANCELLED", "Cancelled"

    class Route(models.TextChoices):
        CHANNEL = "CHANNEL", "Through the channel"
        BANK_TRANSFER = "BANK_TRANSFER", "Bank transfer"
        CASH = "CASH", "Cash at the till"
        STORE_CREDIT = "STORE_CREDIT", "Store credit"
        ON_CHANNEL = "ON_CHANNEL", "Paid back on the channel already"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.AWAITING_APPROVAL: frozenset({Status.GRANTED, Status.DECLINED, Status.CANCELLED}),
        Status.GRANTED: frozenset({Status.SENT, Status.SETTLED, Status.CANCELLED}),
        Status.SENT: frozenset({Status.SETTLED, Status.FAILED}),
        Status.FAILED: frozenset({Status.SENT, Status.SETTLED, Status.CANCELLED}),
        Status.SETTLED: frozenset(),
        Status.DECLINED: frozenset(),
        Status.CANCELLED: frozenset(),
    }
    OPEN = (Status.AWAITING_APPROVAL, Status.GRANTED, Status.SENT, Status.FAILED)

    number = document_number("RF")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="refunds")
    returned_with = models.ForeignKey(
        Return, on_delete=models.PROTECT, null=True, blank=True, related_name="refunds"
    )
    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, null=True, blank=True, related_name="refunds"
    )
    key = models.CharField(max_length=100)
    external_id = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - most have none
    status = models.CharField(max_length=20, choices=Status)
    amount = MoneyField()
    currency = CurrencyField()
    reason = models.CharField(max_length=300)
    limit = MoneyField(help_text="Above it a second person approves; as it was in force.")
    granted_at = models.DateTimeField()
    granted_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    route = models.CharField(max_length=20, choices=Route, blank=True)
    execution_key = models.CharField(max_length=100, blank=True)
    executed_at = models.DateTimeField(null=True, blank=True)
    executed_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    settled_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    objects = RefundQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("grant_refund", "Can grant refunds"),
            ("approve_refund", "Can approve refunds above the limit"),
            ("execute_refund", "Can pay refunds out"),
            ("pay_cash_refund", "Can pay refunds out in cash"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "key"], name="orders_refund_once_per_key"),
            models.UniqueConstraint(
                fields=["order", "external_id"], name="orders_refund_one_per_external_id"
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, amount__lt=MAX_AMOUNT) & amount_not_negative("limit"),
                name="orders_refund_amount_positive",
                violation_error_message="A refund is more than nothing.",
            ),
            models.CheckConstraint(
                condition=~Q(reason=""),
                name="orders_refund_has_a_reason",
                violation_error_message="Say why money is given back.",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True)
                | Q(granted_by__isnull=True)
                | ~Q(approved_by=F("granted_by")),
                name="orders_refund_approved_by_another",
                violation_error_message="Nobody approves a refund they granted.",
            ),
            models.CheckConstraint(
                condition=Q(amount__lte=F("limit"))
                | Q(status__in=["AWAITING_APPROVAL", "DECLINED", "CANCELLED"])
                | Q(approved_at__isnull=False)
                | Q(route="ON_CHANNEL"),
                name="orders_refund_above_the_limit_is_approved",
                violation_error_message="Above the limit a second person approves.",
            ),
            models.CheckConstraint(
                condition=Q(status="SETTLED", settled_at__isnull=False)
                | (~Q(status="SETTLED") & Q(settled_at__isnull=True)),
                name="orders_refund_settled_has_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["SENT", "SETTLED", "FAILED"])
                | (Q(executed_at__isnull=False) & ~Q(route="") & ~Q(execution_key="")),
                name="orders_refund_paid_by_a_route",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["status"],
                condition=Q(status__in=["AWAITING_APPROVAL", "GRANTED", "SENT", "FAILED"]),
                name="orders_refund_open",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class RefundLine(models.Model):
    """Which pieces of a line a refund is for; what is not for lines has none."""

    refund = models.ForeignKey(Refund, on_delete=models.CASCADE, related_name="lines")
    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="refund_lines")
    quantity = models.IntegerField()
    amount = MoneyField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["refund", "line"], name="orders_refundline_once"),
            models.CheckConstraint(
                condition=within("quantity", 1, MAX_UNITS),
                name="orders_refundline_quantity_positive",
            ),
            models.CheckConstraint(
                condition=amount_not_negative("amount"),
                name="orders_refundline_amount_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} pieces"
