"""Goods that come back, and what is made good instead."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from orders.models.orders import Order, OrderLine
from retail.common.fields import (
    MAX_UNITS,
    CurrencyField,
    MoneyField,
    amount_in_range,
    amount_not_negative,
    not_negative,
    within,
)
from retail.common.history import keep_history
from retail.common.numbering import document_number
from retail.common.status import guard_status


class ReturnQuerySet(models.QuerySet["Return"]):
    def for_update(self) -> ReturnQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


@guard_status
@keep_history("status")
class Return(models.Model):
    """
    Goods a customer brings back: what was announced, what came, where it was put.

    REQUESTED by the customer, APPROVED or DECLINED by us, IN_TRANSIT once it was handed to a
    carrier, RECEIVED at any location with its condition looked at, CLOSED when it is decided what
    is paid back. Brought to a counter it begins as RECEIVED. `order` is empty when nobody could say
    which sale it was (a blind return).
    """

    class Status(models.TextChoices):
        REQUESTED = "REQUESTED", "Announced"
        APPROVED = "APPROVED", "Expected"
        DECLINED = "DECLINED", "Declined"
        IN_TRANSIT = "IN_TRANSIT", "On its way"
        RECEIVED = "RECEIVED", "Received"
        CLOSED = "CLOSED", "Closed"
        CANCELLED = "CANCELLED", "Cancelled"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.REQUESTED: frozenset({Status.APPROVED, Status.DECLINED, Status.CANCELLED}),
        Status.APPROVED: frozenset({Status.IN_TRANSIT, Status.RECEIVED, Status.CANCELLED}),
        Status.DECLINED: frozenset(),
        Status.IN_TRANSIT: frozenset({Status.RECEIVED, Status.CANCELLED}),
        Status.RECEIVED: frozenset({Status.CLOSED}),
        Status.CLOSED: frozenset(),
        Status.CANCELLED: frozenset(),
    }

    number = document_number("RT")
    channel = models.ForeignKey(
        "channels.Channel", on_delete=models.PROTECT, related_name="returns"
    )
    external_id = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - our own returns have none
    status = models.CharField(
        max_length=20, choices=Status, default=Status.RECEIVED, db_default=Status.RECEIVED
    )
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
        "inventory.Location",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="returns",
        help_text="Where it was, or is to be, received.",
    )
    currency = CurrencyField()
    carrier = models.CharField(max_length=50, blank=True, db_default="")
    tracking_number = models.CharField(max_length=100, blank=True, db_default="")
    note = models.CharField(max_length=300, blank=True, db_default="")
    requested_at = models.DateTimeField(null=True, blank=True)
    requested_by = models.ForeignKey(
        "common.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        "common.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    received_at = models.DateTimeField(null=True, blank=True)
    received_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        "common.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    close_note = models.CharField(max_length=300, blank=True, db_default="")

    objects = ReturnQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("register_return", "Can register and receive returns"),
            ("approve_return", "Can approve, decline and close returns"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "external_id"],
                name="orders_return_one_per_channel_and_external_id",
            ),
            models.CheckConstraint(
                condition=(
                    Q(status__in=["RECEIVED", "CLOSED"])
                    & Q(received_at__isnull=False, location__isnull=False)
                )
                | (~Q(status__in=["RECEIVED", "CLOSED"]) & Q(received_at__isnull=True)),
                name="orders_return_received_somewhere_at_a_time",
                violation_error_message="What was received was received somewhere.",
            ),
            models.CheckConstraint(
                condition=Q(status="CLOSED", closed_at__isnull=False)
                | (~Q(status="CLOSED") & Q(closed_at__isnull=True)),
                name="orders_return_closed_has_a_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["status"],
                condition=Q(status__in=["REQUESTED", "APPROVED", "IN_TRANSIT", "RECEIVED"]),
                name="orders_return_open",
            ),
            models.Index(
                fields=["tracking_number"],
                condition=~Q(tracking_number=""),
                name="orders_return_tracking",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class ReturnLine(models.Model):
    """
    Pieces of one article that come back: announced, and how many really came in what condition.

    `amount`: what they were really paid for, order discounts shared out: proposed to be given back.
    """

    class Reason(models.TextChoices):
        CHANGED_MIND = "CHANGED_MIND", "Not wanted any more"
        WRONG_ARTICLE = "WRONG_ARTICLE", "Wrong article sent"
        NOT_AS_DESCRIBED = "NOT_AS_DESCRIBED", "Not as described"
        DEFECTIVE = "DEFECTIVE", "Defective"
        DAMAGED = "DAMAGED", "Damaged on the way"
        TOO_LATE = "TOO_LATE", "Came too late"
        NOT_COLLECTED = "NOT_COLLECTED", "Not accepted or not collected"
        UNKNOWN = "UNKNOWN", "Not said"

    class Condition(models.TextChoices):
        RESELLABLE = "RESELLABLE", "As new"
        REPACK = "REPACK", "Needs a new package"
        DAMAGED = "DAMAGED", "Damaged"
        NOT_OURS = "NOT_OURS", "Not ours"
        UNCHECKED = "UNCHECKED", "Not looked at"

    class Disposition(models.TextChoices):
        RESTOCK = "RESTOCK", "Back on the shelf"
        QUARANTINE = "QUARANTINE", "Set apart"
        SCRAP = "SCRAP", "Thrown away"
        TO_SUPPLIER = "TO_SUPPLIER", "Back to the supplier"
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
    quantity = models.IntegerField(help_text="Pieces announced, or brought.")
    received = models.IntegerField(default=0, db_default=0, help_text="Pieces that came.")
    unit_price = MoneyField(default=0, help_text="What one was sold for.")
    amount = MoneyField(default=0, db_default=0, help_text="What was really paid for them.")
    reason = models.CharField(
        max_length=20, choices=Reason, default=Reason.UNKNOWN, db_default=Reason.UNKNOWN
    )
    condition = models.CharField(
        max_length=20,
        choices=Condition,
        default=Condition.UNCHECKED,
        db_default=Condition.UNCHECKED,
    )
    disposition = models.CharField(max_length=20, choices=Disposition, blank=True, db_default="")

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
                condition=not_negative("received") & Q(received__lte=F("quantity")),
                name="orders_returnline_received_within_quantity",
                violation_error_message="No more can be received than was announced.",
            ),
            models.CheckConstraint(
                condition=Q(received=0) | ~Q(disposition=""),
                name="orders_returnline_received_goes_somewhere",
                violation_error_message="Say what becomes of what came back.",
            ),
            models.CheckConstraint(
                condition=amount_in_range("unit_price") & amount_not_negative("amount"),
                name="orders_returnline_amounts_are_numbers",
            ),
            models.CheckConstraint(
                condition=Q(disposition__in=["", "NOT_STOCKED"]) | Q(variant__isnull=False),
                name="orders_returnline_put_away_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.raw_sku


class Exchange(models.Model):
    """
    Goods that came back and the order sent instead; the difference is settled by a person.

    balance: what the new goods cost above what is given back; below zero the customer gets it.
    """

    parent = models.ForeignKey(Return, on_delete=models.PROTECT, related_name="exchanges")
    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="exchange")
    key = models.CharField(max_length=100)
    currency = CurrencyField()
    balance = MoneyField()
    exchanged_at = models.DateTimeField()
    exchanged_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    settle_note = models.CharField(max_length=300, blank=True)

    class Meta:
        permissions: ClassVar = [("exchange_return", "Can exchange returned goods")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["parent", "key"], name="orders_exchange_once_per_key"),
            models.CheckConstraint(
                condition=amount_in_range("balance"), name="orders_exchange_balance_is_a_number"
            ),
        ]

    def __str__(self) -> str:
        return f"balance {self.balance} {self.currency}"


@guard_status
class Claim(models.Model):
    """
    A customer's complaint about goods that were sent: OPEN, APPROVED or DENIED, then RESOLVED.

    No goods come back unless a return is attached.
    """

    class Kind(models.TextChoices):
        MISSING = "MISSING", "Something was missing"
        WRONG_ITEM = "WRONG_ITEM", "Wrong article"
        DEFECTIVE = "DEFECTIVE", "Defective"
        DAMAGED = "DAMAGED", "Damaged on the way"
        NOT_RECEIVED = "NOT_RECEIVED", "Never arrived"

    class Status(models.TextChoices):
        OPEN = "OPEN", "Open"
        APPROVED = "APPROVED", "Approved"
        DENIED = "DENIED", "Denied"
        RESOLVED = "RESOLVED", "Resolved"

    class Resolution(models.TextChoices):
        REFUND = "REFUND", "Refund"
        REPLACEMENT = "REPLACEMENT", "Replacement"
        BOTH = "BOTH", "Refund and replacement"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.OPEN: frozenset({Status.APPROVED, Status.DENIED}),
        Status.APPROVED: frozenset({Status.RESOLVED}),
        Status.DENIED: frozenset(),
        Status.RESOLVED: frozenset(),
    }

    number = document_number("CL")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="claims")
    line = models.ForeignKey(
        OrderLine, on_delete=models.PROTECT, null=True, blank=True, related_name="claims"
    )
    key = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind)
    status = models.CharField(max_length=20, choices=Status, default=Status.OPEN)
    quantity = models.IntegerField(default=1, help_text="Pieces it is about.")
    told = models.TextField(help_text="What the customer says.")
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decision_note = models.CharField(max_length=300, blank=True)
    resolution = models.CharField(max_length=20, choices=Resolution, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    carrier_compensation = MoneyField(default=0, help_text="What the carrier pays us.")
    returned_with = models.ForeignKey(
        Return, on_delete=models.PROTECT, null=True, blank=True, related_name="claims"
    )
    replacement = models.ForeignKey(
        Order, on_delete=models.PROTECT, null=True, blank=True, related_name="replaces_claims"
    )

    class Meta:
        permissions: ClassVar = [
            ("open_claim", "Can write down claims"),
            ("decide_claim", "Can decide claims"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "key"], name="orders_claim_once_per_key"),
            models.CheckConstraint(
                condition=within("quantity", 1, MAX_UNITS),
                name="orders_claim_quantity_positive",
            ),
            models.CheckConstraint(
                condition=amount_not_negative("carrier_compensation"),
                name="orders_claim_compensation_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(status="OPEN", decided_at__isnull=True)
                | (~Q(status="OPEN") & Q(decided_at__isnull=False)),
                name="orders_claim_decided_has_a_time",
            ),
            models.CheckConstraint(
                condition=(Q(status="RESOLVED", resolved_at__isnull=False) & ~Q(resolution=""))
                | (~Q(status="RESOLVED") & Q(resolved_at__isnull=True, resolution="")),
                name="orders_claim_resolved_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.number
