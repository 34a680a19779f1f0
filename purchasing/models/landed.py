"""What it cost to bring goods in, laid on the deliveries it was paid for."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from purchasing.models.invoices import SupplierInvoice
from purchasing.models.receipts import GoodsReceiptLine
from retail.common.append_only import AppendOnlyModel
from retail.common.fields import MoneyField, amount_in_range, amount_not_negative
from retail.common.history import keep_history
from retail.common.numbering import document_number
from retail.common.status import guard_status


class FreightClaim(models.Model):
    """
    How much of a bill's freight has been laid on goods: the running total of its landed costs.

    `claimable` is what the bill charges beside goods, in book currency at the rate of its day.
    """

    invoice = models.OneToOneField(
        SupplierInvoice, on_delete=models.PROTECT, related_name="freight_claim"
    )
    claimable = MoneyField(help_text="Net, in book currency.")
    claimed = MoneyField(default=0, help_text="Laid on goods by posted landed costs.")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=amount_not_negative("claimable", "claimed")
                & Q(claimed__lte=F("claimable")),
                name="purchasing_freightclaim_claimed_within_claimable",
                violation_error_message="No more of a bill can be landed than it charges.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.claimed} of {self.claimable}"


class LandedCostQuerySet(models.QuerySet["LandedCost"]):
    def for_update(self) -> LandedCostQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


@guard_status
@keep_history()
class LandedCost(models.Model):
    """
    Freight, duty or insurance of one bill, laid on lines of deliveries.

    A DRAFT names the lines and how to share, and shows what that would mean. POSTED, the shares
    have become cost of the goods and the bill's freight is claimed. CANCELLED gives both back.
    """

    class Status(models.TextChoices):
        DRAFT = "DRAFT", "Draft"
        POSTED = "POSTED", "Posted"
        CANCELLED = "CANCELLED", "Cancelled"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        "DRAFT": frozenset({"POSTED", "CANCELLED"}),
        "POSTED": frozenset({"CANCELLED"}),
        "CANCELLED": frozenset(),
    }

    class Method(models.TextChoices):
        VALUE = "VALUE", "By value"
        QUANTITY = "QUANTITY", "By number of units"
        WEIGHT = "WEIGHT", "By weight"
        VOLUME = "VOLUME", "By volume"
        EQUAL = "EQUAL", "The same for each line"
        MANUAL = "MANUAL", "As typed"

    number = document_number("LC")
    invoice = models.ForeignKey(
        SupplierInvoice,
        on_delete=models.PROTECT,
        related_name="landed_costs",
        verbose_name="bill",
        help_text="The bill that charges it.",
    )
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFT)
    amount = MoneyField(help_text="Net, in book currency.")
    method = models.CharField(max_length=20, choices=Method, default=Method.VALUE)
    key = models.CharField(
        max_length=100, unique=True, help_text="Key of the act that drafted it; the same one once."
    )
    drafted_at = models.DateTimeField()
    drafted_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    posted_at = models.DateTimeField(null=True, blank=True)
    posted_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    cancel_reason = models.CharField(max_length=200, blank=True)

    objects = LandedCostQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("post_landedcost", "Can post a landed cost"),
            ("cancel_landedcost", "Can cancel a landed cost"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=amount_not_negative("amount") & Q(amount__gt=0),
                name="purchasing_landedcost_amount_positive",
                violation_error_message="A landed cost is an amount above zero.",
            ),
            models.CheckConstraint(
                condition=Q(status="DRAFT", posted_at__isnull=True, posted_by__isnull=True)
                | Q(status="POSTED", posted_at__isnull=False)
                | Q(status="CANCELLED"),
                name="purchasing_landedcost_posted_has_a_time",
            ),
            models.CheckConstraint(
                condition=(Q(status="CANCELLED", cancelled_at__isnull=False) & ~Q(cancel_reason=""))
                | (
                    ~Q(status="CANCELLED")
                    & Q(cancelled_at__isnull=True, cancelled_by__isnull=True, cancel_reason="")
                ),
                name="purchasing_landedcost_cancelled_says_why",
                violation_error_message="A landed cost is cancelled for a reason.",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class LandedCostLine(models.Model):
    """A line of a delivery that a landed cost is laid on; its share, where shares are typed."""

    landed_cost = models.ForeignKey(LandedCost, on_delete=models.CASCADE, related_name="lines")
    receipt_line = models.ForeignKey(
        GoodsReceiptLine, on_delete=models.PROTECT, related_name="landed_cost_lines"
    )
    typed_amount = MoneyField(null=True, blank=True, help_text="Its share, in book currency.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["landed_cost", "receipt_line"], name="purchasing_landedcostline_once"
            ),
            models.CheckConstraint(
                condition=Q(typed_amount__isnull=True) | amount_not_negative("typed_amount"),
                name="purchasing_landedcostline_share_not_negative",
                violation_error_message="A share is not negative.",
            ),
        ]

    def __str__(self) -> str:
        return f"line {self.pk}"


class LandedCostShare(AppendOnlyModel):
    """
    What a posted landed cost laid on one line of a delivery, and where it went that day.

    `base` is what it was shared by: value, units, grams, one for each line, the amount typed.
    `to_stock` and `expensed` are the amount; a share of nothing has no cost movement.
    """

    landed_cost = models.ForeignKey(LandedCost, on_delete=models.PROTECT, related_name="shares")
    receipt_line = models.ForeignKey(
        GoodsReceiptLine, on_delete=models.PROTECT, related_name="landed_cost_shares"
    )
    base = MoneyField()
    amount = MoneyField(help_text="In book currency.")
    to_stock = MoneyField(help_text="Part of it on goods still in stock.")
    expensed = MoneyField(help_text="Part of it on goods already gone, to cost of sales.")
    cost_movement = models.OneToOneField(
        "inventory.CostMovement", on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["landed_cost", "receipt_line"], name="purchasing_landedcostshare_once"
            ),
            models.CheckConstraint(
                condition=amount_not_negative("base", "amount")
                & amount_in_range("to_stock", "expensed"),
                name="purchasing_landedcostshare_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(amount=F("to_stock") + F("expensed")),
                name="purchasing_landedcostshare_parts_add_up",
            ),
            models.CheckConstraint(
                condition=Q(amount=0, cost_movement__isnull=True)
                | Q(amount__gt=0, cost_movement__isnull=False),
                name="purchasing_landedcostshare_moves_what_it_says",
            ),
        ]

    def __str__(self) -> str:
        return f"share of {self.amount}"
