"""Receipts of store tills, and whether each register's day adds up."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from orders.models.orders import Order
from orders.models.returns import Return
from retail.common.fields import CurrencyField, MoneyField, amount_in_range, not_negative


class StoreReceipt(models.Model):
    """
    One receipt of a till as it was printed: what was sold became an order, what came back a return.

    `sequence` is its number among those of its register, by which gaps are found; `payload` is what
    the till said. A training receipt is kept and changes nothing.
    """

    channel = models.ForeignKey(
        "channels.Channel", on_delete=models.PROTECT, related_name="receipts"
    )
    location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="receipts"
    )
    register = models.CharField(max_length=50)
    number = models.CharField(max_length=50)
    sequence = models.IntegerField(null=True, blank=True)
    business_on = models.DateField(help_text="The till's own day.")
    sold_at = models.DateTimeField()
    cashier = models.CharField(max_length=100, blank=True)
    currency = CurrencyField()
    total = MoneyField(help_text="As printed; below zero when more came back than was sold.")
    tenders = models.JSONField(default=dict, help_text="Kind of payment -> amount, as text.")
    is_training = models.BooleanField(default=False)
    digest = models.CharField(max_length=64)
    payload = models.JSONField(default=dict)
    order = models.OneToOneField(
        Order, on_delete=models.PROTECT, null=True, blank=True, related_name="receipt"
    )
    registered_return = models.OneToOneField(
        Return, on_delete=models.PROTECT, null=True, blank=True, related_name="receipt"
    )
    received_at = models.DateTimeField(help_text="When we learned of it.")

    class Meta:
        permissions: ClassVar = [("ingest_storereceipt", "Can take in receipts of tills")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "register", "number"],
                name="orders_storereceipt_once_per_register_and_number",
            ),
            models.CheckConstraint(
                condition=amount_in_range("total"), name="orders_storereceipt_total_is_a_number"
            ),
            models.CheckConstraint(
                condition=Q(is_training=False)
                | Q(order__isnull=True, registered_return__isnull=True),
                name="orders_storereceipt_training_changes_nothing",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["channel", "register", "business_on", "sequence"],
                name="orders_storereceipt_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.register} {self.number}"


class RegisterDay(models.Model):
    """
    What a till said at its day close, beside what its receipts add up to.

    stated: what the till printed. The figures from its receipts are worked out when it is looked
    at, as a late receipt may still come.
    """

    channel = models.ForeignKey(
        "channels.Channel", on_delete=models.PROTECT, related_name="register_days"
    )
    register = models.CharField(max_length=50)
    business_on = models.DateField()
    currency = CurrencyField()
    stated_receipts = models.IntegerField()
    stated_total = MoneyField()
    stated_tenders = models.JSONField(default=dict, help_text="Kind of payment -> amount, as text.")
    closed_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    accept_note = models.CharField(max_length=300, blank=True)

    class Meta:
        permissions: ClassVar = [("accept_registerday", "Can accept a day that does not add up")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "register", "business_on"],
                name="orders_registerday_once",
            ),
            models.CheckConstraint(
                condition=not_negative("stated_receipts") & amount_in_range("stated_total"),
                name="orders_registerday_figures_are_numbers",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True, accepted_by__isnull=True, accept_note="")
                | (Q(accepted_at__isnull=False) & ~Q(accept_note="")),
                name="orders_registerday_accepted_with_a_note",
                violation_error_message="Say why the day is accepted.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.register} {self.business_on}"
