"""Goods that come back."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from orders.models.orders import Order, OrderLine
from retail.common.fields import (
    MAX_UNITS,
    CurrencyField,
    MoneyField,
    amount_in_range,
    within,
)
from retail.common.numbering import document_number


class Return(models.Model):
    """
    Goods a customer brought back: what came, where it was put, what it had been sold for.

    `order` is empty when nobody could say which sale it was (a blind return).
    """

    number = document_number("RT")
    channel = models.ForeignKey(
        "channels.Channel", on_delete=models.PROTECT, related_name="returns"
    )
    external_id = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - our own returns have none
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, null=True, blank=True, related_name="returns"
    )
    customer = models.ForeignKey(
        "customers.Customer",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="returns",
    )
    location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="returns"
    )
    currency = CurrencyField()
    received_at = models.DateTimeField()
    received_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "external_id"],
                name="orders_return_one_per_channel_and_external_id",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class ReturnLine(models.Model):
    """What came back of one article."""

    class Disposition(models.TextChoices):
        RESTOCK = "RESTOCK", "Back on the shelf"
        NOT_STOCKED = "NOT_STOCKED", "Nothing to put away"

    parent = models.ForeignKey(Return, on_delete=models.CASCADE, related_name="lines")
    external_line_id = models.CharField(max_length=100)
    order_line = models.ForeignKey(
        OrderLine, on_delete=models.PROTECT, null=True, blank=True, related_name="return_lines"
    )
    variant = models.ForeignKey(
        "catalog.Variant", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    raw_sku = models.CharField(max_length=100, blank=True)
    name = models.CharField(max_length=300, blank=True)
    quantity = models.IntegerField()
    unit_price = MoneyField(default=0, help_text="What one was sold for.")
    disposition = models.CharField(max_length=20, choices=Disposition)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["parent", "external_line_id"],
                name="orders_returnline_one_per_external_line_id",
            ),
            models.CheckConstraint(
                condition=within("quantity", 1, MAX_UNITS),
                name="orders_returnline_quantity_positive",
            ),
            models.CheckConstraint(
                condition=amount_in_range("unit_price"),
                name="orders_returnline_unit_price_is_a_number",
            ),
            models.CheckConstraint(
                condition=~Q(disposition="RESTOCK") | Q(variant__isnull=False),
                name="orders_returnline_restocked_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.raw_sku
