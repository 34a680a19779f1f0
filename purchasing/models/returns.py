"""What goes back to suppliers, and what comes of it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from purchasing.models.held import HeldGoods
from purchasing.models.receipts import GoodsReceiptLine
from purchasing.models.suppliers import Supplier
from retail.common.append_only import AppendOnlyModel
from retail.common.fields import (
    MAX_UNITS,
    CurrencyField,
    MoneyField,
    amount_in_range,
    amount_not_negative,
    not_negative,
    within,
)
from retail.common.numbering import document_number
from retail.common.status import guard_status


class SupplierReturnQuerySet(models.QuerySet["SupplierReturn"]):
    def for_update(self) -> SupplierReturnQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


@guard_status
class SupplierReturn(models.Model):
    """
    Goods that go back to a supplier, for a credit or to be replaced.

    A DRAFT is approved by somebody else, then the goods are SHIPPED and leave the stock. It is
    SETTLED when the credit or the replacement has come, or when nothing more is expected, which
    needs a reason. CANCELLED before the goods left, nothing happened.
    """

    class Status(models.TextChoices):
        DRAFT = "DRAFT", "Draft"
        APPROVED = "APPROVED", "Approved"
        SHIPPED = "SHIPPED", "Sent back"
        SETTLED = "SETTLED", "Settled"
        CANCELLED = "CANCELLED", "Cancelled"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        "DRAFT": frozenset({"APPROVED", "CANCELLED"}),
        "APPROVED": frozenset({"SHIPPED", "DRAFT", "CANCELLED"}),
        "SHIPPED": frozenset({"SETTLED"}),
        "SETTLED": frozenset(),
        "CANCELLED": frozenset(),
    }

    class Expects(models.TextChoices):
        CREDIT = "CREDIT", "A credit note"
        REPLACEMENT = "REPLACEMENT", "A replacement"
        NOTHING = "NOTHING", "Nothing"

    number = document_number("SR")
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="returns")
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFT)
    expects = models.CharField(max_length=20, choices=Expects, default=Expects.CREDIT)
    currency = CurrencyField()
    reason = models.CharField(max_length=200)
    rma_number = models.CharField(
        "RMA number", max_length=100, blank=True, help_text="The supplier's permission to return."
    )
    tracking_number = models.CharField(max_length=100, blank=True)
    key = models.CharField(
        max_length=100, unique=True, help_text="Key of the act that raised it; the same one once."
    )
    raised_at = models.DateTimeField()
    raised_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    shipped_at = models.DateTimeField(null=True, blank=True)
    shipped_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was settled or cancelled."
    )
    ended_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    end_note = models.CharField(max_length=200, blank=True)

    objects = SupplierReturnQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("approve_supplierreturn", "Can approve a return to a supplier"),
            ("ship_supplierreturn", "Can send goods back to a supplier"),
            ("settle_supplierreturn", "Can settle a return to a supplier"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True)
                | Q(raised_by__isnull=True)
                | ~Q(approved_by=F("raised_by")),
                name="purchasing_supplierreturn_approved_by_someone_else",
                violation_error_message="Nobody approves a return they raised.",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["APPROVED", "SHIPPED", "SETTLED"])
                | Q(approved_at__isnull=False, approved_by__isnull=False),
                name="purchasing_supplierreturn_approved_by_a_person",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["SHIPPED", "SETTLED"]) | Q(shipped_at__isnull=False),
                name="purchasing_supplierreturn_shipped_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["SETTLED", "CANCELLED"], ended_at__isnull=False)
                | (~Q(status__in=["SETTLED", "CANCELLED"]) & Q(ended_at__isnull=True)),
                name="purchasing_supplierreturn_ended_has_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(reason=""),
                name="purchasing_supplierreturn_says_why",
                violation_error_message="Say why the goods go back.",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class SupplierReturnLine(models.Model):
    """
    Units of one article that go back: of a receipt, of held goods, or of stock without either.

    `unit_credit` is what the supplier should credit for one, in the return's currency; held goods
    were never ours and are credited nothing. When they leave, `stock_value` leaves the stock at
    the average of that day, `credit_value` is the credit in book currency, and the difference of
    both is a variance. `credited` is the running total of its SupplierReturnCredits; `replaced`
    counts the units that came again, as they stood when the return was settled.
    """

    supplier_return = models.ForeignKey(
        SupplierReturn, on_delete=models.CASCADE, related_name="lines"
    )
    position = models.IntegerField()
    variant = models.ForeignKey(
        "catalog.Variant", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    location = models.ForeignKey(
        "inventory.Location",
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Where the goods lie.",
    )
    receipt_line = models.ForeignKey(
        GoodsReceiptLine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="return_lines",
    )
    held_goods = models.ForeignKey(
        HeldGoods, on_delete=models.PROTECT, null=True, blank=True, related_name="return_lines"
    )
    units = models.IntegerField()
    unit_credit = MoneyField(default=0)
    stock_value = MoneyField(default=0, help_text="Left the stock, in book currency.")
    credit_value = MoneyField(default=0, help_text="Expected, in book currency.")
    credited = models.IntegerField(default=0)
    replaced = models.IntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["supplier_return", "position"],
                name="purchasing_supplierreturnline_position_once",
            ),
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS),
                name="purchasing_supplierreturnline_units_positive",
                violation_error_message="At least one unit goes back.",
            ),
            models.CheckConstraint(
                condition=amount_not_negative("unit_credit", "stock_value", "credit_value")
                & amount_in_range("unit_credit"),
                name="purchasing_supplierreturnline_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=not_negative("credited", "replaced")
                & Q(units__gte=F("credited") + F("replaced")),
                name="purchasing_supplierreturnline_settled_within_units",
                violation_error_message="No more is credited or replaced than went back.",
            ),
            models.CheckConstraint(
                condition=Q(held_goods__isnull=True)
                | Q(receipt_line__isnull=True, unit_credit=0, stock_value=0, credit_value=0),
                name="purchasing_supplierreturnline_held_goods_have_no_value",
            ),
            models.CheckConstraint(
                condition=Q(variant__isnull=False) | Q(held_goods__isnull=False),
                name="purchasing_supplierreturnline_names_what_goes_back",
            ),
        ]

    def __str__(self) -> str:
        return f"line {self.position}"


class SupplierReturnCredit(AppendOnlyModel):
    """Units of a line that the supplier credited, and the number of the credit."""

    line = models.ForeignKey(SupplierReturnLine, on_delete=models.PROTECT, related_name="credits")
    number = models.CharField(max_length=100, help_text="The supplier's, of the credit note.")
    units = models.IntegerField()
    noted_at = models.DateTimeField()
    noted_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["line", "number"], name="purchasing_supplierreturncredit_number_once"
            ),
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS),
                name="purchasing_supplierreturncredit_units_positive",
                violation_error_message="At least one unit is credited.",
            ),
            models.CheckConstraint(
                condition=~Q(number=""), name="purchasing_supplierreturncredit_has_a_number"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.units} by {self.number}"
