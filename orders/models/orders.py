"""Orders and their lines: what was sold, to whom, and how far it got."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper

from retail.common.fields import (
    MAX_UNITS,
    CurrencyField,
    MoneyField,
    amount_in_range,
    not_negative,
    within,
)
from retail.common.history import keep_history
from retail.common.numbering import document_number
from retail.common.status import guard_moves


class OrderQuerySet(models.QuerySet["Order"]):
    def for_update(self) -> OrderQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)

    def open(self) -> OrderQuerySet:
        """Keep those that still need work."""
        return self.filter(lifecycle__in=[Order.Lifecycle.PLACED, Order.Lifecycle.CONFIRMED])


LIFECYCLE_MOVES: Mapping[str, frozenset[str]] = {
    "DRAFT": frozenset({"PLACED", "CONFIRMED", "CANCELLED"}),
    "PLACED": frozenset({"CONFIRMED", "COMPLETED", "CANCELLED"}),
    "CONFIRMED": frozenset({"PLACED", "COMPLETED", "CANCELLED"}),
    # Reopened when the channel adds goods to it.
    "COMPLETED": frozenset({"PLACED", "CONFIRMED"}),
    "CANCELLED": frozenset(),
}


@guard_moves("lifecycle", LIFECYCLE_MOVES)
@keep_history("lifecycle", "payment_status", "fulfillment_status", "return_status", "total")
class Order(models.Model):
    """
    What somebody bought, kept as the channel told it.

    `lifecycle` is ours: DRAFT, PLACED when it is known, CONFIRMED when nothing holds it back,
    COMPLETED when everything is out, CANCELLED. Payment, fulfillment and return status are derived
    from rows by one function. Amounts are the channel's, verbatim; what does not add up stands in
    `rounding_difference` or opens a hold. An order to be collected is served from
    `pickup_location` alone.
    """

    class Lifecycle(models.TextChoices):
        DRAFT = "DRAFT", "Draft"
        PLACED = "PLACED", "Placed"
        CONFIRMED = "CONFIRMED", "Confirmed"
        COMPLETED = "COMPLETED", "Completed"
        CANCELLED = "CANCELLED", "Cancelled"

    class PaymentStatus(models.TextChoices):
        UNPAID = "UNPAID", "Unpaid"
        AUTHORIZED = "AUTHORIZED", "Authorized"
        PARTIALLY_PAID = "PARTIALLY_PAID", "Partly paid"
        PAID = "PAID", "Paid"
        OVERPAID = "OVERPAID", "Paid too much"
        PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED", "Partly refunded"
        REFUNDED = "REFUNDED", "Refunded"
        VOIDED = "VOIDED", "Payment voided"

    class FulfillmentStatus(models.TextChoices):
        UNFULFILLED = "UNFULFILLED", "Not shipped"
        PARTIAL = "PARTIAL", "Partly shipped"
        FULFILLED = "FULFILLED", "Shipped"
        NOT_REQUIRED = "NOT_REQUIRED", "Nothing to ship"

    class ReturnStatus(models.TextChoices):
        NONE = "NONE", "None"
        REQUESTED = "REQUESTED", "Announced"
        PARTIAL = "PARTIAL", "Partly returned"
        RETURNED = "RETURNED", "Returned"

    class Delivery(models.TextChoices):
        SHIP = "SHIP", "Sent"
        PICKUP = "PICKUP", "Collected"

    number = document_number("SO")
    channel = models.ForeignKey(
        "channels.Channel", on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    external_id = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - our own orders have none
    external_number = models.CharField(max_length=100, blank=True)
    external_updated_at = models.DateTimeField(null=True, blank=True)
    payload_digest = models.CharField(max_length=64, blank=True, help_text="Of the last version.")
    customer = models.ForeignKey(
        "customers.Customer",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
    )
    delivery_address = models.ForeignKey(
        "customers.Address", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    location = models.ForeignKey(
        "inventory.Location",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="Where it is served from, once decided.",
    )
    delivery = models.CharField(
        max_length=20, choices=Delivery, default=Delivery.SHIP, db_default=Delivery.SHIP
    )
    pickup_location = models.ForeignKey(
        "inventory.Location",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="Where the customer collects it.",
    )
    priority = models.IntegerField(
        default=0, db_default=0, help_text="The higher is served first among those due together."
    )
    lifecycle = models.CharField(max_length=20, choices=Lifecycle, default=Lifecycle.PLACED)
    payment_status = models.CharField(
        max_length=20, choices=PaymentStatus, default=PaymentStatus.UNPAID
    )
    fulfillment_status = models.CharField(
        max_length=20, choices=FulfillmentStatus, default=FulfillmentStatus.UNFULFILLED
    )
    return_status = models.CharField(max_length=20, choices=ReturnStatus, default=ReturnStatus.NONE)
    currency = CurrencyField()
    shipping_total = MoneyField(default=0)
    discount_total = MoneyField(default=0)
    tax_total = MoneyField(default=0)
    total = MoneyField(default=0, help_text="What the buyer pays, as the channel said.")
    rounding_difference = MoneyField(default=0)
    placed_at = models.DateTimeField()
    ship_by = models.DateTimeField(null=True, blank=True)
    payment_method = models.CharField(
        max_length=50, blank=True, db_default="", help_text="As the channel calls it."
    )
    payment_due_at = models.DateTimeField(
        null=True, blank=True, help_text="Unpaid by then it is called off."
    )
    buyer_note = models.TextField(blank=True, db_default="", help_text="What the buyer wrote.")
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="merged_orders",
        db_index=False,
        help_text="The order that the channel merged it into.",
    )
    created_at = models.DateTimeField(help_text="When we learned of it.")

    objects = OrderQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("place_order", "Can place an order"),
            ("promise_order", "Can promise stock to an order, and take it back"),
            ("ship_order", "Can ship an order"),
            ("hold_order", "Can hold an order and release it"),
            ("link_orderline", "Can link an unknown article"),
            ("cancel_order", "Can cancel an order"),
            ("reroute_order", "Can serve an order from another place"),
            ("decide_order", "Can decide what the channel and we disagree about"),
            ("prioritize_order", "Can put an order before others"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "external_id"],
                name="orders_order_one_per_channel_and_external_id",
            ),
            models.CheckConstraint(
                condition=Q(external_id__isnull=True) | ~Q(external_id=""),
                name="orders_order_external_id_not_empty",
            ),
            models.CheckConstraint(
                condition=amount_in_range(
                    "shipping_total", "discount_total", "tax_total", "total", "rounding_difference"
                ),
                name="orders_order_amounts_are_numbers",
            ),
            models.CheckConstraint(
                condition=Q(delivery="PICKUP", pickup_location__isnull=False)
                | Q(delivery="SHIP", pickup_location__isnull=True),
                name="orders_order_pickup_has_its_place",
                violation_error_message="An order is collected at a place, or sent.",
            ),
            models.CheckConstraint(
                condition=within("priority", -1000, 1001),
                name="orders_order_priority_in_range",
                violation_error_message="A priority lies between -1000 and 1000.",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-placed_at", "-id"], name="orders_order_newest"),
            models.Index(
                fields=["placed_at"],
                condition=Q(lifecycle__in=["PLACED", "CONFIRMED"]),
                name="orders_order_open",
            ),
            # One for each filter of the list, of what is rare in it: the rest is met on the way.
            models.Index(fields=["channel", "-placed_at", "-id"], name="orders_order_of_channel"),
            models.Index(fields=["location", "-placed_at", "-id"], name="orders_order_of_location"),
            models.Index(
                fields=["pickup_location", "-placed_at", "-id"],
                condition=Q(pickup_location__isnull=False),
                name="orders_order_of_pickup_place",
            ),
            models.Index(
                fields=["lifecycle", "-placed_at", "-id"],
                condition=Q(lifecycle__in=["DRAFT", "CANCELLED"]),
                name="orders_order_of_lifecycle",
            ),
            models.Index(
                fields=["payment_status", "-placed_at", "-id"],
                condition=~Q(payment_status="PAID"),
                name="orders_order_of_payment",
            ),
            models.Index(
                fields=["fulfillment_status", "-placed_at", "-id"],
                condition=~Q(fulfillment_status="FULFILLED"),
                name="orders_order_of_fulfillment",
            ),
            models.Index(
                fields=["return_status", "-placed_at", "-id"],
                condition=~Q(return_status="NONE"),
                name="orders_order_of_return",
            ),
            models.Index(
                fields=["ship_by", "placed_at", "id"],
                condition=Q(lifecycle__in=["PLACED", "CONFIRMED"]),
                name="orders_order_due",
            ),
            models.Index(
                fields=["external_number"],
                opclasses=["varchar_pattern_ops"],
                name="orders_order_external_number",
            ),
            models.Index(
                fields=["payment_due_at"],
                condition=Q(lifecycle__in=["PLACED", "CONFIRMED"], payment_due_at__isnull=False),
                name="orders_order_payment_due",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_open(self) -> bool:
        return self.lifecycle in {self.Lifecycle.PLACED, self.Lifecycle.CONFIRMED}


class OrderLineQuerySet(models.QuerySet["OrderLine"]):
    def unknown(self) -> OrderLineQuerySet:
        """Keep lines of goods whose article nobody knows."""
        return self.filter(is_stocked=True, variant__isnull=True)


class OrderLine(models.Model):
    """
    One article of an order: what was said, which variant that is, and how far it got.

    `ordered`, `cancelled`, `shipped` and `returned` count what the channel counts; one of it is
    `pack_size` units of the variant. A line with neither variant nor `is_stocked` is postage, a
    fee, a gift wrap: sold, never promised. A stocked line without a variant is held until linked.
    A line of a bundle (`is_bundle`) is stocked: it is served by its LineComponents. Of pieces that
    are still to be shipped, `from_supplier` are on order with a supplier who sends them to the
    customer; nothing of ours is promised to these.
    """

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines", db_index=False)
    external_line_id = models.CharField(max_length=100)
    variant = models.ForeignKey(
        "catalog.Variant",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="order_lines",
        db_index=False,
    )
    raw_sku = models.CharField(max_length=100, blank=True)
    raw_gtin = models.CharField(max_length=100, blank=True)
    name = models.CharField(max_length=300, blank=True)
    pack_size = models.IntegerField(default=1)
    is_stocked = models.BooleanField(default=True)
    is_bundle = models.BooleanField(default=False, db_default=False)
    ordered = models.IntegerField()
    cancelled = models.IntegerField(default=0)
    shipped = models.IntegerField(default=0)
    returned = models.IntegerField(default=0)
    from_supplier = models.IntegerField(
        default=0, db_default=0, help_text="Pieces that a supplier sends to the customer."
    )
    unit_price = MoneyField(default=0)
    discount = MoneyField(default=0)
    tax = MoneyField(default=0)
    total = MoneyField(default=0, help_text="Of the line, as the channel said.")

    objects = OrderLineQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["order", "external_line_id"],
                name="orders_orderline_one_per_external_line_id",
            ),
            models.CheckConstraint(
                condition=within("ordered", 1, MAX_UNITS),
                name="orders_orderline_ordered_positive",
                violation_error_message="A line is for at least one.",
            ),
            models.CheckConstraint(
                condition=not_negative("cancelled", "shipped", "returned")
                & Q(ordered__gte=F("cancelled") + F("shipped")),
                name="orders_orderline_done_within_ordered",
                violation_error_message="No more can be shipped or cancelled than was ordered.",
            ),
            models.CheckConstraint(
                condition=Q(returned__lte=F("shipped")),
                name="orders_orderline_returned_within_shipped",
                violation_error_message="No more can come back than was shipped.",
            ),
            models.CheckConstraint(
                condition=not_negative("from_supplier"),
                name="orders_orderline_from_supplier_not_negative",
            ),
            models.CheckConstraint(
                condition=within("pack_size", 1, 1_000_000),
                name="orders_orderline_pack_size_positive",
            ),
            models.CheckConstraint(
                condition=Q(is_bundle=False) | Q(is_stocked=True, variant__isnull=False),
                name="orders_orderline_bundle_is_known_and_stocked",
            ),
            models.CheckConstraint(
                condition=amount_in_range("unit_price", "discount", "tax", "total"),
                name="orders_orderline_amounts_are_numbers",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["variant", "id"], name="orders_orderline_of_variant"),
            models.Index(Upper("raw_sku"), F("id"), name="orders_orderline_of_sku"),
        ]

    def __str__(self) -> str:
        return self.name or self.raw_sku

    @property
    def open_quantity(self) -> int:
        """Pieces still to be shipped."""
        return self.ordered - self.cancelled - self.shipped

    @property
    def wanted_from_stock(self) -> int:
        """Pieces still to be shipped by us, and not by a supplier."""
        return max(self.open_quantity - self.from_supplier, 0)


class LineComponent(models.Model):
    """
    Units of an article in one piece of a line that is a bundle, as the bundle was when it was sold.

    What a bundle is made of later changes nothing for orders that are there already.
    """

    line = models.ForeignKey(OrderLine, on_delete=models.CASCADE, related_name="components")
    variant = models.ForeignKey("catalog.Variant", on_delete=models.PROTECT, related_name="+")
    units = models.IntegerField(help_text="In one piece of the line.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["line", "variant"], name="orders_linecomponent_once_per_line"
            ),
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS),
                name="orders_linecomponent_units_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.units} units"
