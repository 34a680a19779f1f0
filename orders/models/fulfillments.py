"""Goods on their way out."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from orders.models.orders import Order, OrderLine
from retail.common.fields import (
    MAX_UNITS,
    within,
)
from retail.common.numbering import document_number


class Fulfillment(models.Model):
    """
    Goods of one order leaving one location at one time.

    `key` comes from the form or task that shipped, so that the same act ships once.
    """

    class Method(models.TextChoices):
        SHIP = "SHIP", "Sent"
        COUNTER = "COUNTER", "Sold at the counter"

    number = document_number("FU")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fulfillments")
    location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="fulfillments"
    )
    method = models.CharField(max_length=20, choices=Method, default=Method.SHIP)
    key = models.CharField(max_length=100)
    shipped_at = models.DateTimeField()
    shipped_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["order", "key"], name="orders_fulfillment_once_per_key"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class FulfillmentLine(models.Model):
    """How many of an order line left with a fulfillment."""

    fulfillment = models.ForeignKey(Fulfillment, on_delete=models.CASCADE, related_name="lines")
    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="fulfillment_lines")
    quantity = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["fulfillment", "line"], name="orders_fulfillmentline_once"
            ),
            models.CheckConstraint(
                condition=within("quantity", 1, MAX_UNITS),
                name="orders_fulfillmentline_quantity_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} pieces"


class Parcel(models.Model):
    """A box on its way: carrier and tracking number."""

    fulfillment = models.ForeignKey(Fulfillment, on_delete=models.CASCADE, related_name="parcels")
    carrier = models.CharField(max_length=50)
    tracking_number = models.CharField(max_length=100)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["fulfillment", "carrier", "tracking_number"], name="orders_parcel_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.carrier} {self.tracking_number}"
