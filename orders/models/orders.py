"""Orders and their lines, what holds them back, and what happened to them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from retail.common.append_only import AppendOnlyModel
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


class OrderQuerySet(models.QuerySet["Order"]):
    def for_update(self) -> OrderQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)

    def open(self) -> OrderQuerySet:
        """Keep those that still need work."""
        return self.filter(lifecycle__in=[Order.Lifecycle.PLACED, Order.Lifecycle.CONFIRMED])


@keep_history("lifecycle", "payment_status", "fulfillment_status", "return_status", "total")
class Order(models.Model):
    """
    What somebody bought, kept as the channel told it.

    `lifecycle` is ours: DRAFT, PLACED when it is known, CONFIRMED when nothing holds it back,
    COMPLETED when everything is out, CANCELLED. Payment, fulfillment and return status are derived
    from rows by one function. Amounts are the channel's, verbatim; what does not add up stands in
    `rounding_difference` or opens a hold.
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
        REFUNDED = "REFUNDED", "Refunded"

    class FulfillmentStatus(models.TextChoices):
        UNFULFILLED = "UNFULFILLED", "Not shipped"
        PARTIAL = "PARTIAL", "Partly shipped"
        FULFILLED = "FULFILLED", "Shipped"
        NOT_REQUIRED = "NOT_REQUIRED", "Nothing to ship"

    class ReturnStatus(models.TextChoices):
        NONE = "NONE", "None"
        PARTIAL = "PARTIAL", "Partly returned"
        RETURNED = "RETURNED", "Returned"

    number = document_number("SO")
    channel = models.ForeignKey("channels.Channel", on_delete=models.PROTECT, related_name="orders")
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
        help_text="Where it is served from, once decided.",
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
            ("register_return", "Can register a return"),
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
        ]
        indexes: ClassVar = [
            models.Index(fields=["-placed_at", "-id"], name="orders_order_newest"),
            models.Index(
                fields=["placed_at"],
                condition=Q(lifecycle__in=["PLACED", "CONFIRMED"]),
                name="orders_order_open",
            ),
            models.Index(fields=["external_number"], name="orders_order_external_number"),
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
    A line of a bundle (`is_bundle`) is stocked: it is served by its LineComponents.
    """

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    external_line_id = models.CharField(max_length=100)
    variant = models.ForeignKey(
        "catalog.Variant",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="order_lines",
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

    def __str__(self) -> str:
        return self.name or self.raw_sku

    @property
    def open_quantity(self) -> int:
        """Pieces still to be shipped."""
        return self.ordered - self.cancelled - self.shipped


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


class OrderHoldQuerySet(models.QuerySet["OrderHold"]):
    def open(self) -> OrderHoldQuerySet:
        """Keep those that nobody released."""
        return self.filter(released_at__isnull=True)


class OrderHold(models.Model):
    """A reason why an order may not go on, open until somebody or something releases it."""

    class Kind(models.TextChoices):
        UNKNOWN_ITEM = "UNKNOWN_ITEM", "Unknown article"
        STOCK = "STOCK", "Not enough stock"
        PRICE_MISMATCH = "PRICE_MISMATCH", "Total does not add up"
        EMPTY = "EMPTY", "No lines"
        LINE_REFUSED = "LINE_REFUSED", "A line makes no sense"
        UNREADABLE = "UNREADABLE", "A part could not be read"
        NO_BUYER = "NO_BUYER", "No buyer"
        PAYMENT = "PAYMENT", "Not paid"
        CHANNEL_CONFLICT = "CHANNEL_CONFLICT", "Changed on the channel"
        MANUAL = "MANUAL", "Held by hand"

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="holds")
    line = models.ForeignKey(
        OrderLine, on_delete=models.CASCADE, null=True, blank=True, related_name="holds"
    )
    kind = models.CharField(max_length=20, choices=Kind)
    reason = models.CharField(max_length=300)
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    release_note = models.CharField(max_length=300, blank=True)

    objects = OrderHoldQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["order", "line", "kind"],
                condition=Q(released_at__isnull=True),
                nulls_distinct=False,
                name="orders_orderhold_one_open_per_kind",
            ),
            models.CheckConstraint(
                condition=Q(released_at__isnull=False) | Q(released_by__isnull=True),
                name="orders_orderhold_released_by_with_its_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["kind", "opened_at"],
                condition=Q(released_at__isnull=True),
                name="orders_orderhold_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.reason}"


class OrderEvent(AppendOnlyModel):
    """Something that happened to an order, in the order it happened."""

    class Kind(models.TextChoices):
        INGESTED = "INGESTED", "Received from the channel"
        PLACED = "PLACED", "Placed by us"
        UPDATED = "UPDATED", "Changed on the channel"
        CUSTOMER_IDENTIFIED = "CUSTOMER_IDENTIFIED", "Customer recognised"
        ALLOCATED = "ALLOCATED", "Stock promised"
        PROMISE_RELEASED = "PROMISE_RELEASED", "Promise released"
        HELD = "HELD", "Held"
        HOLD_RELEASED = "HOLD_RELEASED", "Hold released"
        SHIPPED = "SHIPPED", "Shipped"
        RETURNED = "RETURNED", "Returned"
        CANCELLED = "CANCELLED", "Cancelled"

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=30, choices=Kind)
    details = models.JSONField(default=dict, blank=True)
    happened_at = models.DateTimeField()
    caused_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["order", "id"], name="orders_orderevent_timeline")
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class LineAllocation(models.Model):
    """How many units of a stock promise serve which order line."""

    line = models.ForeignKey(OrderLine, on_delete=models.CASCADE, related_name="line_allocations")
    allocation = models.ForeignKey(
        "inventory.Allocation", on_delete=models.PROTECT, related_name="line_allocations"
    )
    units = models.IntegerField(help_text="Still promised to this line.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["line", "allocation"], name="orders_lineallocation_once"
            ),
            models.CheckConstraint(
                condition=not_negative("units"), name="orders_lineallocation_units_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.units} units"
