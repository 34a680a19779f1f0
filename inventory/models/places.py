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
    """
    A place that holds stock: a warehouse, a store, goods on the road, goods set apart.

    At a supplier stand goods in the moment in which the supplier sends them to a customer of ours.
    """

    class Kind(models.TextChoices):
        WAREHOUSE = "WAREHOUSE", "Warehouse"
        STORE = "STORE", "Store"
        TRANSIT = "TRANSIT", "In transit"
        QUARANTINE = "QUARANTINE", "Quarantine"
        SUPPLIER = "SUPPLIER", "At a supplier"

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
    latitude = models.DecimalField(
        max_digits=8, decimal_places=5, null=True, blank=True, help_text="Degrees north."
    )
    longitude = models.DecimalField(
        max_digits=8, decimal_places=5, null=True, blank=True, help_text="Degrees east."
    )
    pickup_ready_minutes = models.IntegerField(
        default=120, db_default=120, help_text="Minutes in which an order is ready for pickup."
    )
    pickup_hold_days = models.IntegerField(
        default=7, db_default=7, help_text="Days for which an order to be collected is kept."
    )
    pickup_instructions = models.TextField(
        blank=True, db_default="", help_text="What customers who collect are told."
    )
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
            models.CheckConstraint(
                condition=within("pickup_ready_minutes", 1, 100_000)
                & within("pickup_hold_days", 1, 366),
                name="inventory_location_pickup_times_in_range",
                violation_error_message="Orders are ready after a minute at least, and kept a day.",
            ),
            models.CheckConstraint(
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
                name="inventory_location_on_earth",
                violation_error_message="Latitudes go from -90 to 90, longitudes from -180 to 180;"
                " one needs the other.",
            ),
        ]

    def __str__(self) -> str:
        return self.name
