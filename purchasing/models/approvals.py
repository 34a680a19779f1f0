"""Who has to approve an order, who did, and what was changed after it was sent."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from purchasing.models.orders import PurchaseOrder
from purchasing.models.suppliers import Supplier
from retail.common.fields import MoneyField, amount_not_negative, within
from retail.common.history import keep_history
from retail.common.status import guard_status


@keep_history()
class PurchaseApprovalRule(models.Model):
    """
    Which orders somebody has to approve, and who.

    A rule catches an order when all it names is true: its supplier, an amount in book currency from
    `from_amount` on, a unit cost that rose or fell by `from_price_change_percent` or more since the
    last order. Every rule that catches an order asks for one approval. Without any active rule
    every order is approved by somebody.
    """

    name = models.CharField(max_length=100, unique=True)
    supplier = models.ForeignKey(
        Supplier,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="approval_rules",
        help_text="Empty: any.",
    )
    from_amount = MoneyField(default=0, help_text="Of the order without tax, in book currency.")
    from_price_change_percent = models.DecimalField(
        max_digits=7,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="Up or down, of the line that changed most. Empty: whatever the prices are.",
    )
    group = models.ForeignKey(
        "auth.Group",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="role",
        help_text="Who approves. Empty: anybody who may approve orders.",
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=amount_not_negative("from_amount")
                & (
                    Q(from_price_change_percent__isnull=True)
                    | within("from_price_change_percent", 0, 1000)
                ),
                name="purchasing_purchaseapprovalrule_limits_not_negative",
                violation_error_message="A limit is not below zero.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PurchaseApproval(models.Model):
    """
    One approval that a version of an order needs, by the terms of a rule, and who gave it.

    `raised_by` is who raised the order or proposed the version: nobody approves their own.
    """

    order = models.ForeignKey(PurchaseOrder, on_delete=models.CASCADE, related_name="approvals")
    version = models.IntegerField()
    rule = models.ForeignKey(
        PurchaseApprovalRule, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    terms = models.CharField(max_length=300, help_text="Why it is needed, as it stood then.")
    group = models.ForeignKey(
        "auth.Group", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    raised_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    asked_at = models.DateTimeField()
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["order", "version", "rule"],
                nulls_distinct=False,
                name="purchasing_purchaseapproval_once_per_rule",
            ),
            models.CheckConstraint(
                condition=Q(approved_at__isnull=True, approved_by__isnull=True)
                | Q(approved_at__isnull=False, approved_by__isnull=False),
                name="purchasing_purchaseapproval_approved_by_a_person",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True)
                | Q(raised_by__isnull=True)
                | ~Q(approved_by=F("raised_by")),
                name="purchasing_purchaseapproval_by_someone_else",
                violation_error_message="Nobody approves what they raised.",
            ),
        ]

    def __str__(self) -> str:
        return self.terms


@guard_status
class PurchaseOrderVersion(models.Model):
    """
    An order as it was sent, or as somebody wants it changed after it was sent.

    The first is IN_FORCE when the order is sent. A change is PROPOSED; approved it comes IN_FORCE
    and the one before is SUPERSEDED, or it is DECLINED. Until then goods come in on the old one.
    `content` is the whole order in plain values, `changes` what differs from the version before:
    one sentence each.
    """

    class Status(models.TextChoices):
        PROPOSED = "PROPOSED", "Proposed"
        IN_FORCE = "IN_FORCE", "In force"
        SUPERSEDED = "SUPERSEDED", "Superseded"
        DECLINED = "DECLINED", "Declined"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        "PROPOSED": frozenset({"IN_FORCE", "DECLINED"}),
        "IN_FORCE": frozenset({"SUPERSEDED"}),
        "SUPERSEDED": frozenset(),
        "DECLINED": frozenset(),
    }

    order = models.ForeignKey(PurchaseOrder, on_delete=models.CASCADE, related_name="versions")
    version = models.IntegerField()
    status = models.CharField(max_length=20, choices=Status)
    content = models.JSONField()
    changes = models.JSONField(default=list, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    key = models.CharField(
        max_length=100, unique=True, help_text="Key of the act that proposed it; the same one once."
    )
    proposed_at = models.DateTimeField()
    proposed_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["order", "version"], name="purchasing_purchaseorderversion_numbered_once"
            ),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(status="IN_FORCE"),
                name="purchasing_purchaseorderversion_one_in_force",
            ),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(status="PROPOSED"),
                name="purchasing_purchaseorderversion_one_proposed",
                violation_error_message="Another change of this order waits to be approved.",
            ),
            models.CheckConstraint(
                condition=Q(status="PROPOSED", decided_at__isnull=True, decided_by__isnull=True)
                | (~Q(status="PROPOSED") & Q(decided_at__isnull=False)),
                name="purchasing_purchaseorderversion_decided_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.version}"
