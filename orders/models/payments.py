"""What customers paid: events nobody changes, their totals, and the rules that follow from them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from orders.models.orders import Order
from retail.common.append_only import AppendOnlyModel
from retail.common.fields import CurrencyField, MoneyField, amount_not_negative, within
from retail.common.history import keep_history


class PaymentQuerySet(models.QuerySet["Payment"]):
    def for_update(self) -> PaymentQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


class Payment(models.Model):
    """
    One way in which an order is paid: a card transaction, a bank transfer, cash at a till.

    The amounts are the running totals of its PaymentEvents, in `currency`. What was authorized and
    not charged may still be charged; `voided` is what will not be.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments")
    channel = models.ForeignKey(
        "channels.Channel", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    external_id = models.CharField(max_length=100, help_text="Of the transaction.")
    method = models.CharField(max_length=50, help_text="As the channel calls it, or CASH, CARD.")
    provider = models.CharField(max_length=50, blank=True)
    register = models.CharField(max_length=50, blank=True, help_text="Till, for cash.")
    currency = CurrencyField()
    authorized = MoneyField(default=0)
    charged = MoneyField(default=0)
    refunded = MoneyField(default=0)
    voided = MoneyField(default=0)
    created_at = models.DateTimeField()

    objects = PaymentQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [("record_payment", "Can record payments")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "external_id"],
                name="orders_payment_one_per_channel_and_external_id",
            ),
            models.CheckConstraint(
                condition=~Q(external_id=""), name="orders_payment_external_id_not_empty"
            ),
            models.CheckConstraint(
                condition=amount_not_negative("authorized", "charged", "refunded", "voided"),
                name="orders_payment_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(refunded__lte=F("charged")),
                name="orders_payment_refunded_within_charged",
                violation_error_message="No more can be given back than was paid.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.external_id}"


class PaymentEvent(AppendOnlyModel):
    """Something that happened to a payment; the same reference happens once per kind."""

    class Kind(models.TextChoices):
        AUTHORIZED = "AUTHORIZED", "Authorized"
        CHARGED = "CHARGED", "Charged"
        REFUNDED = "REFUNDED", "Refunded"
        VOIDED = "VOIDED", "Voided"
        FAILED = "FAILED", "Failed"

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=20, choices=Kind)
    amount = MoneyField()
    reference = models.CharField(max_length=100)
    note = models.CharField(max_length=300, blank=True)
    happened_at = models.DateTimeField()
    caused_by = models.ForeignKey(
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
                fields=["payment", "kind", "reference"],
                name="orders_paymentevent_reference_once_per_kind",
            ),
            models.CheckConstraint(
                condition=amount_not_negative("amount"),
                name="orders_paymentevent_amount_not_negative",
            ),
            models.CheckConstraint(
                condition=~Q(reference=""), name="orders_paymentevent_reference_not_empty"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"


class PaymentRuleQuerySet(models.QuerySet["PaymentRule"]):
    def for_order(self, *, channel: Any, method: Any) -> PaymentRuleQuerySet:
        """
        Keep those that an order of this channel and method is under, the one that counts first.

        channel, method: a channel's key and a method, or references to an outer query's columns.
        """
        return self.filter(
            Q(channel=channel) | Q(channel__isnull=True), Q(method=method) | Q(method="")
        ).order_by(F("channel").asc(nulls_last=True), F("method").desc())


@keep_history()
class PaymentRule(models.Model):
    """
    What has to be paid before goods are promised and before they go to the warehouse.

    The rule of the order's channel and payment method counts before that of the channel, that
    before one for every channel. An order without any rule is neither held nor called off for want
    of payment. `unpaid_hours`: an order still unpaid after them is called off.
    """

    class Needs(models.TextChoices):
        NOTHING = "NOTHING", "At once"
        AUTHORIZED = "AUTHORIZED", "Once it is authorized"
        PAID = "PAID", "Once it is paid"

    channel = models.ForeignKey(
        "channels.Channel",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="payment_rules",
        help_text="Empty: every channel.",
    )
    method = models.CharField(
        max_length=50, blank=True, help_text="As the channel calls it; empty: every method."
    )
    promises = models.CharField(
        max_length=20, choices=Needs, default=Needs.NOTHING, help_text="When stock is promised."
    )
    releases = models.CharField(
        max_length=20, choices=Needs, default=Needs.PAID, help_text="When it may be shipped."
    )
    unpaid_hours = models.IntegerField(
        null=True, blank=True, help_text="Hours until an unpaid order is called off; empty: never."
    )

    objects = PaymentRuleQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "method"],
                nulls_distinct=False,
                name="orders_paymentrule_one_per_channel_and_method",
                violation_error_message="There is a rule for this channel and method already.",
            ),
            models.CheckConstraint(
                condition=Q(unpaid_hours__isnull=True) | within("unpaid_hours", 1, 10_000),
                name="orders_paymentrule_hours_positive",
                violation_error_message="An unpaid order waits one hour at least.",
            ),
        ]

    def __str__(self) -> str:
        return self.method or "Every method"
