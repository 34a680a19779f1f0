"""Orders that customers collect."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from orders.models.orders import Order
from retail.common.status import guard_status


@guard_status
class Pickup(models.Model):
    """
    The collecting of one order at its pickup location.

    WAITING until its goods lie ready (READY), then COLLECTED by whoever knows the code or shows the
    name, or after its days EXPIRED: proposed first, and decided by a person. CANCELLED with its
    order. At the curb the customer says that they are there: `arrived_at`, vehicle and bay.
    """

    class Status(models.TextChoices):
        WAITING = "WAITING", "Not ready yet"
        READY = "READY", "Ready"
        COLLECTED = "COLLECTED", "Collected"
        EXPIRED = "EXPIRED", "Not collected"
        CANCELLED = "CANCELLED", "Cancelled"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.WAITING: frozenset({Status.READY, Status.CANCELLED}),
        Status.READY: frozenset(
            {Status.COLLECTED, Status.EXPIRED, Status.CANCELLED, Status.WAITING}
        ),
        Status.COLLECTED: frozenset(),
        Status.EXPIRED: frozenset(),
        Status.CANCELLED: frozenset(),
    }

    AWAITED = (Status.WAITING, Status.READY)

    class Proof(models.TextChoices):
        CODE = "CODE", "Code"
        NAME = "NAME", "Name, with a document"

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="pickup")
    status = models.CharField(max_length=20, choices=Status, default=Status.WAITING)
    is_curbside = models.BooleanField(default=False)
    code = models.CharField(max_length=10, help_text="The customer tells it at hand-over.")
    collector_name = models.CharField(max_length=200, blank=True, help_text="Who will collect it.")
    promised_at = models.DateTimeField(help_text="Ready by then, as the location promises.")
    ready_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Kept until then.")
    messages_sent = models.IntegerField(
        default=0, help_text="To the customer: that it is ready, and reminders."
    )
    last_message_at = models.DateTimeField(null=True, blank=True)
    expiry_proposed_at = models.DateTimeField(null=True, blank=True)
    arrived_at = models.DateTimeField(null=True, blank=True)
    vehicle = models.CharField(max_length=100, blank=True)
    bay = models.CharField(max_length=50, blank=True)
    collected_at = models.DateTimeField(null=True, blank=True)
    proof = models.CharField(max_length=20, choices=Proof, blank=True)
    handed_to = models.CharField(max_length=200, blank=True)
    handed_over_at = models.DateTimeField(null=True, blank=True)
    handed_over_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        permissions: ClassVar = [
            ("expire_pickup", "Can put back what nobody collected"),
            ("see_pickup_code", "Can see the code that customers tell at hand-over"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(status="READY") | Q(ready_at__isnull=False, expires_at__isnull=False),
                name="orders_pickup_ready_has_its_times",
            ),
            models.CheckConstraint(
                condition=(Q(status="COLLECTED", collected_at__isnull=False) & ~Q(proof=""))
                | (~Q(status="COLLECTED") & Q(collected_at__isnull=True, proof="")),
                name="orders_pickup_collected_with_proof",
                violation_error_message="An order is handed over against its code or a name.",
            ),
            models.CheckConstraint(condition=~Q(code=""), name="orders_pickup_has_a_code"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["expires_at"],
                condition=Q(status="READY"),
                name="orders_pickup_ready",
            ),
        ]

    def __str__(self) -> str:
        return f"Pickup {self.pk}"

    @property
    def is_awaited(self) -> bool:
        """Whether its customer may still come."""
        return self.status in self.AWAITED
