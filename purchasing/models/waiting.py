"""Which customers wait for what was ordered, and when the day slips."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from purchasing.models.orders import PurchaseOrderLine
from retail.common.fields import MAX_UNITS, not_negative, within


class OrderedFor(models.Model):
    """
    Units of a purchase line that are for one line of a customer's order.

    They are promised to it in the moment they are received, before anybody else is served;
    `served` counts them. Of a drop shipment the supplier sends them to the customer.
    """

    purchase_line = models.ForeignKey(
        PurchaseOrderLine, on_delete=models.CASCADE, related_name="ordered_for"
    )
    order_line = models.ForeignKey(
        "orders.OrderLine", on_delete=models.PROTECT, related_name="ordered_from_suppliers"
    )
    units = models.IntegerField(help_text="In base units of the article.")
    served = models.IntegerField(default=0)
    linked_at = models.DateTimeField()
    linked_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name_plural = "ordered for customers"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["purchase_line", "order_line"],
                name="purchasing_orderedfor_once_per_line",
                violation_error_message="This line is ordered for that customer already.",
            ),
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS)
                & not_negative("served")
                & Q(served__lte=F("units")),
                name="purchasing_orderedfor_served_within_units",
                violation_error_message="No more is served than was ordered for the customer.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.units} units"


class DeliverySlip(models.Model):
    """
    The day of a purchase line moved to a later one than customers could count on.

    It stays on the buyers' desk until somebody has seen it. How much waited for the line is kept as
    it was in that moment.
    """

    line = models.ForeignKey(PurchaseOrderLine, on_delete=models.CASCADE, related_name="slips")
    from_on = models.DateField(help_text="The day before it moved.")
    to_on = models.DateField(help_text="The day it moved to.")
    waiting_orders = models.IntegerField(help_text="Orders that waited for the article.")
    waiting_units = models.IntegerField()
    noted_at = models.DateTimeField()
    noted_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    seen_at = models.DateTimeField(null=True, blank=True)
    seen_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        permissions: ClassVar = [("see_deliveryslip", "Can mark a slipped delivery as seen")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(to_on__gt=F("from_on"))
                & not_negative("waiting_orders", "waiting_units"),
                name="purchasing_deliveryslip_moved_to_later",
            ),
            models.CheckConstraint(
                condition=Q(seen_at__isnull=True, seen_by__isnull=True)
                | Q(seen_at__isnull=False, seen_by__isnull=False),
                name="purchasing_deliveryslip_seen_by_a_person",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["id"],
                condition=Q(seen_at__isnull=True),
                name="purchasing_slip_unseen",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_on} to {self.to_on}"
