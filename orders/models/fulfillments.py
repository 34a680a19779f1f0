"""Goods on their way out: picked, packed with every piece scanned, and gone."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from orders.models.orders import Order, OrderLine
from retail.common.append_only import AppendOnlyModel
from retail.common.fields import (
    MAX_UNITS,
    CurrencyField,
    MoneyField,
    amount_not_negative,
    not_negative,
    within,
)
from retail.common.history import keep_history
from retail.common.numbering import document_number
from retail.common.status import guard_status


class PickList(models.Model):
    """One walk through a location for the goods of several orders (a wave)."""

    number = document_number("PL")
    location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="pick_lists"
    )
    key = models.CharField(max_length=100, unique=True, help_text="Made by whoever asked for it.")
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return self.number


class FulfillmentQuerySet(models.QuerySet["Fulfillment"]):
    def begun(self) -> FulfillmentQuerySet:
        """Keep those whose goods are taken off the shelf and have not left."""
        return self.filter(status__in=Fulfillment.BEGUN)


@guard_status
@keep_history("status")
class Fulfillment(models.Model):
    """
    Goods of one order leaving one location at one time.

    PICKING while somebody fetches them, PACKED when every unit was scanned into its parcel; then
    SHIPPED, or for an order that is collected READY and COLLECTED. CANCELLED puts the goods back on
    the shelf: they stay promised to the order unless it was cancelled too. Until goods leave they
    are promised, and a fulfillment only says which of the promised pieces are in whose hands.
    Sold at the counter or shipped in one step it begins as SHIPPED.
    `key` comes from the form or task that began it, so that the same act begins once.
    """

    class Method(models.TextChoices):
        SHIP = "SHIP", "Sent"
        PICKUP = "PICKUP", "Collected"
        COUNTER = "COUNTER", "Sold at the counter"

    class Status(models.TextChoices):
        PICKING = "PICKING", "Being picked"
        PACKED = "PACKED", "Packed"
        READY = "READY", "Ready for pickup"
        SHIPPED = "SHIPPED", "Shipped"
        COLLECTED = "COLLECTED", "Collected"
        CANCELLED = "CANCELLED", "Put back"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.PICKING: frozenset({Status.PACKED, Status.READY, Status.CANCELLED}),
        Status.PACKED: frozenset({Status.PICKING, Status.SHIPPED, Status.READY, Status.CANCELLED}),
        Status.READY: frozenset({Status.COLLECTED, Status.CANCELLED}),
        Status.SHIPPED: frozenset(),
        Status.COLLECTED: frozenset(),
        Status.CANCELLED: frozenset(),
    }
    BEGUN = (Status.PICKING, Status.PACKED, Status.READY)
    GONE = (Status.SHIPPED, Status.COLLECTED)

    number = document_number("FU")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fulfillments")
    location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="fulfillments"
    )
    method = models.CharField(max_length=20, choices=Method, default=Method.SHIP)
    status = models.CharField(
        max_length=20, choices=Status, default=Status.SHIPPED, db_default=Status.SHIPPED
    )
    key = models.CharField(max_length=100)
    pick_list = models.ForeignKey(
        PickList, on_delete=models.PROTECT, null=True, blank=True, related_name="fulfillments"
    )
    packed_at = models.DateTimeField(null=True, blank=True)
    packed_by = models.ForeignKey(
        "common.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    shipped_at = models.DateTimeField(
        null=True, blank=True, help_text="When the goods left, sent or handed over."
    )
    shipped_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.ForeignKey(
        "common.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    cancel_reason = models.CharField(max_length=300, blank=True, db_default="")

    objects = FulfillmentQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("pick_fulfillment", "Can pick and pack orders"),
            ("hand_over_fulfillment", "Can hand orders over to customers"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["order", "key"], name="orders_fulfillment_once_per_key"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["SHIPPED", "COLLECTED"], shipped_at__isnull=False)
                | (~Q(status__in=["SHIPPED", "COLLECTED"]) & Q(shipped_at__isnull=True)),
                name="orders_fulfillment_gone_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(status="CANCELLED", cancelled_at__isnull=False)
                | (~Q(status="CANCELLED") & Q(cancelled_at__isnull=True)),
                name="orders_fulfillment_cancelled_has_a_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["location", "status"],
                condition=Q(status__in=["PICKING", "PACKED", "READY"]),
                name="orders_fulfillment_begun",
            ),
            models.Index(
                fields=["location", "shipped_at"],
                condition=Q(status__in=["SHIPPED", "COLLECTED"]),
                name="orders_fulfillment_gone",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_begun(self) -> bool:
        """Whether its goods are in somebody's hands and have not left."""
        return self.status in self.BEGUN


class FulfillmentLine(models.Model):
    """How many of an order line leave with a fulfillment."""

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


class FulfillmentItem(models.Model):
    """
    Units of one article that belong in a fulfillment, and how many were scanned into it.

    Packs and bundles stand here as what they are made of, as that is what hands hold and scan.
    """

    fulfillment = models.ForeignKey(Fulfillment, on_delete=models.CASCADE, related_name="items")
    variant = models.ForeignKey("catalog.Variant", on_delete=models.PROTECT, related_name="+")
    units = models.IntegerField()
    packed = models.IntegerField(default=0, help_text="Units scanned.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["fulfillment", "variant"], name="orders_fulfillmentitem_once"
            ),
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS),
                name="orders_fulfillmentitem_units_positive",
            ),
            models.CheckConstraint(
                condition=not_negative("packed") & Q(packed__lte=F("units")),
                name="orders_fulfillmentitem_packed_within_units",
                violation_error_message="No more can be packed than belongs in the parcel.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.packed} of {self.units} units"


class PackScan(AppendOnlyModel):
    """One scan at the packing table: what was scanned, and who held the scanner."""

    fulfillment = models.ForeignKey(Fulfillment, on_delete=models.PROTECT, related_name="scans")
    variant = models.ForeignKey("catalog.Variant", on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=100, help_text="The same scan sent twice counts once.")
    code = models.CharField(max_length=100, help_text="As it was read.")
    units = models.IntegerField()
    scanned_at = models.DateTimeField()
    scanned_by = models.ForeignKey(
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
                fields=["fulfillment", "key"], name="orders_packscan_once_per_key"
            ),
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS), name="orders_packscan_units_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.units}"


class Parcel(models.Model):
    """A box on its way: carrier and tracking number, weight in grams, what sending it costs."""

    fulfillment = models.ForeignKey(Fulfillment, on_delete=models.CASCADE, related_name="parcels")
    carrier = models.CharField(max_length=50)
    tracking_number = models.CharField(max_length=100)
    tracking_url = models.URLField(blank=True, db_default="")
    weight = models.IntegerField(null=True, blank=True, help_text="Grams.")
    cost = MoneyField(null=True, blank=True, help_text="What the carrier charges.")
    cost_currency = CurrencyField(blank=True, db_default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["fulfillment", "carrier", "tracking_number"], name="orders_parcel_once"
            ),
            models.CheckConstraint(
                condition=Q(weight__isnull=True) | within("weight", 1, MAX_UNITS),
                name="orders_parcel_weight_positive",
                violation_error_message="A parcel weighs at least a gram.",
            ),
            models.CheckConstraint(
                condition=Q(cost__isnull=True, cost_currency="")
                | (Q(cost__isnull=False) & ~Q(cost_currency="") & amount_not_negative("cost")),
                name="orders_parcel_cost_with_its_currency",
                violation_error_message="A cost is not negative and has its currency.",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["tracking_number"], name="orders_parcel_tracking"),
        ]

    def __str__(self) -> str:
        return f"{self.carrier} {self.tracking_number}"
