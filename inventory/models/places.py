"""The places that hold stock."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from retail.common.fields import (
    MAX_UNITS,
    MoneyField,
    amount_not_negative,
    not_negative,
    within,
)
from retail.common.history import keep_history


@keep_history()
class Location(models.Model):
    """A place that holds stock: a warehouse, a store, goods on the road, goods set apart."""

    class Kind(models.TextChoices):
        WAREHOUSE = "WAREHOUSE", "Warehouse"
        STORE = "STORE", "Store"
        TRANSIT = "TRANSIT", "In transit"
        QUARANTINE = "QUARANTINE", "Quarantine"

    code = models.SlugField(max_length=20, unique=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind)
    is_shipping = models.BooleanField(default=True, help_text="Orders are sent from here.")
    is_pickup = models.BooleanField(default=False, help_text="Customers collect here.")
    priority = models.IntegerField(default=0, help_text="The lower is tried first.")
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166-1 alpha-2.")
    street = models.CharField(max_length=200, blank=True)
    postcode = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    walk_in_floor = models.IntegerField(
        default=0,
        help_text="Units of every article kept for customers who walk in: channels are not"
        " offered them.",
    )
    daily_capacity = models.IntegerField(
        null=True, blank=True, help_text="Orders that can be sent in a day; empty: any number."
    )
    count_units_limit = models.IntegerField(
        default=10, help_text="A count that differs by more units in all is approved by another."
    )
    count_value_limit = MoneyField(
        default=50, help_text="The same for its value in book currency, gains and losses added up."
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind__in=["WAREHOUSE", "STORE"])
                | Q(is_shipping=False, is_pickup=False),
                name="inventory_location_serves_from_warehouse_or_store",
                violation_error_message="Orders leave from a warehouse or a store only.",
            ),
            models.CheckConstraint(
                condition=not_negative("walk_in_floor", "count_units_limit")
                & amount_not_negative("count_value_limit"),
                name="inventory_location_limits_not_negative",
                violation_error_message="A floor or a limit is not below zero.",
            ),
            models.CheckConstraint(
                condition=Q(daily_capacity__isnull=True) | within("daily_capacity", 1, MAX_UNITS),
                name="inventory_location_capacity_positive",
                violation_error_message="A capacity is at least one order a day.",
            ),
        ]

    def __str__(self) -> str:
        return self.name
