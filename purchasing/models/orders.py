"""What is ordered from suppliers."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Case, ExpressionWrapper, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest, Least, NullIf, Round, Upper

from purchasing.models.suppliers import Supplier, percent
from retail.common.fields import (
    MAX_UNITS,
    CurrencyField,
    MoneyField,
    amount_not_negative,
    not_negative,
    within,
)
from retail.common.history import keep_history
from retail.common.money import WITH_THREE_DECIMALS, WITHOUT_DECIMALS
from retail.common.numbering import document_number
from retail.common.status import guard_status


class PurchaseOrderQuerySet(models.QuerySet["PurchaseOrder"]):
    def for_update(self) -> PurchaseOrderQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)

    def with_totals(self) -> PurchaseOrderQuerySet:
        """
        Annotate goods_total, charges_total and total: without tax, in the order's currency.

        What was cancelled of a line does not count, unless the whole order was. Each line is
        rounded, as on the paper.
        """
        units = Case(
            When(order__status=PurchaseOrder.Status.CANCELLED, then=F("ordered")),
            default=F("ordered") - F("cancelled"),
        )
        money = MoneyField()
        nothing = Value(0, money)
        decimals = Case(
            When(order__currency__in=WITHOUT_DECIMALS, then=0),
            When(order__currency__in=WITH_THREE_DECIMALS, then=3),
            default=2,
        )
        goods = _of_order(PurchaseOrderLine).values(
            sum=Sum(
                Round(units * F("unit_cost"), decimals, output_field=money)  # type: ignore[arg-type]  # Django takes expressions too
            )
        )
        charges = _of_order(PurchaseOrderCharge).values(sum=Sum("amount"))
        return self.annotate(
            goods_total=Coalesce(Subquery(goods, money), nothing),
            charges_total=Coalesce(Subquery(charges, money), nothing),
            total=ExpressionWrapper(F("goods_total") + F("charges_total"), money),
        )

    def with_percent_done(self) -> PurchaseOrderQuerySet:
        """
        Annotate percent_received and percent_invoiced, whole percents cut off; None of nothing.

        Sum of what is done up to what there is to do by sum of what there is to do, so that a line
        with too much hides no other with too little.
        """
        ordered = F("ordered") - F("cancelled")
        to_invoice = Least(
            ordered, Greatest(ordered, F("received") - F("to_replace")) - F("returned")
        )
        return self.annotate(
            percent_received=_percent_done(F("received"), ordered + F("to_replace")),
            percent_invoiced=_percent_done(Greatest(F("invoiced"), 0), to_invoice),
        )


def _of_order(model: type[models.Model]) -> models.QuerySet[Any, Any]:
    """Return the rows of an order grouped into one, for a subquery of orders."""
    return model._default_manager.filter(order=OuterRef("pk")).order_by().values("order")  # noqa: SLF001 - Django's documented model API


def _percent_done(done: models.Expression | F, target: models.Expression) -> Subquery:
    share = Sum(Least(done, target)) * 100 / NullIf(Sum(target), 0)
    return Subquery(_of_order(PurchaseOrderLine).values(share=share), models.IntegerField())


@guard_status
@keep_history()
class PurchaseOrder(models.Model):
    """
    Goods ordered from a supplier for one location.

    A DRAFT is submitted and waits (AWAITING_APPROVAL) until everybody has approved it whom the
    approval rules ask, nobody their own, then it is SENT, and CLOSED when nothing more is expected.
    What no rule asks about is approved at once (`is_approved_by_rule`); `approval_terms` keeps what
    was decided by. Receipt and invoice status are derived from the lines. What is changed after
    it was sent is a new PurchaseOrderVersion. Between `email_started_at` and `emailed_at` it is not
    known whether the supplier got the e-mail of this version, so no second one is sent.
    With `drop_ship_order` the supplier sends the goods to the customer of that order.
    """

    class Status(models.TextChoices):
        DRAFT = "DRAFT", "Draft"
        AWAITING_APPROVAL = "AWAITING_APPROVAL", "Awaiting approval"
        APPROVED = "APPROVED", "Approved"
        SENT = "SENT", "Sent"
        CLOSED = "CLOSED", "Closed"
        CANCELLED = "CANCELLED", "Cancelled"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        "DRAFT": frozenset({"AWAITING_APPROVAL", "CANCELLED"}),
        "AWAITING_APPROVAL": frozenset({"APPROVED", "DRAFT", "CANCELLED"}),
        "APPROVED": frozenset({"SENT", "DRAFT", "CANCELLED"}),
        "SENT": frozenset({"CLOSED", "CANCELLED"}),
        "CLOSED": frozenset({"SENT"}),
        "CANCELLED": frozenset(),
    }

    class Progress(models.TextChoices):
        NONE = "NONE", "Not yet"
        PARTIAL = "PARTIAL", "Partly"
        COMPLETE = "COMPLETE", "Complete"
        OVER = "OVER", "More than ordered"

    number = document_number("PO")
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="purchase_orders")
    location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="purchase_orders"
    )
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFT)
    receipt_status = models.CharField(max_length=20, choices=Progress, default=Progress.NONE)
    invoice_status = models.CharField(max_length=20, choices=Progress, default=Progress.NONE)
    currency = CurrencyField()
    discount_percent = percent(help_text="Taken off every line, after the line's own.")
    version = models.IntegerField(default=1, db_default=1)
    expected_on = models.DateField(null=True, blank=True)
    supplier_reference = models.CharField(
        max_length=100, blank=True, db_default="", help_text="The supplier's number of this order."
    )
    confirmed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the supplier last confirmed it."
    )
    drop_ship_order = models.ForeignKey(
        "orders.Order",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="drop_shipments",
        help_text="The order whose customer the supplier delivers to.",
    )
    reference = models.CharField(
        max_length=100, unique=True, help_text="Key of the act that raised it; the same one once."
    )
    note = models.TextField(blank=True)
    raised_at = models.DateTimeField()
    raised_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    is_approved_by_rule = models.BooleanField(
        default=False, db_default=False, help_text="No rule asked anybody to approve it."
    )
    approval_terms = models.JSONField(
        default=dict, blank=True, db_default=Value({}, models.JSONField())
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    email_started_at = models.DateTimeField(null=True, blank=True)
    emailed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the supplier's mail server took it."
    )
    closed_at = models.DateTimeField(
        null=True, blank=True, help_text="When nothing more was expected, or it was cancelled."
    )
    closed_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    close_reason = models.CharField(
        max_length=200, blank=True, help_text="Why it was cancelled or closed short."
    )

    objects = PurchaseOrderQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("approve_purchaseorder", "Can approve a purchase order"),
            ("send_purchaseorder", "Can send a purchase order"),
            ("confirm_purchaseorder", "Can note what the supplier confirmed"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True)
                | Q(raised_by__isnull=True)
                | ~Q(approved_by=F("raised_by")),
                name="purchasing_purchaseorder_approved_by_someone_else",
                violation_error_message="Nobody approves an order they raised.",
            ),
            models.CheckConstraint(
                condition=Q(
                    Q(approved_by__isnull=False, is_approved_by_rule=False)
                    | Q(approved_by__isnull=True, is_approved_by_rule=True),
                    status__in=["APPROVED", "SENT", "CLOSED"],
                    approved_at__isnull=False,
                )
                | Q(
                    status__in=["DRAFT", "AWAITING_APPROVAL"],
                    approved_at__isnull=True,
                    approved_by__isnull=True,
                    is_approved_by_rule=False,
                )
                | Q(status="CANCELLED"),
                name="purchasing_purchaseorder_approval_fits_status",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["SENT", "CLOSED"]) | Q(sent_at__isnull=False),
                name="purchasing_purchaseorder_sent_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["CLOSED", "CANCELLED"], closed_at__isnull=False)
                | (
                    ~Q(status__in=["CLOSED", "CANCELLED"])
                    & Q(closed_at__isnull=True, closed_by__isnull=True, close_reason="")
                ),
                name="purchasing_purchaseorder_closed_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(emailed_at__isnull=True)
                | Q(email_started_at__isnull=False, sent_at__isnull=False),
                name="purchasing_purchaseorder_emailed_after_it_was_sent",
            ),
            models.CheckConstraint(
                condition=within("discount_percent", 0, 100) & within("version", 1, 100_000),
                name="purchasing_purchaseorder_discount_and_version_in_range",
                violation_error_message="A discount is from 0 to less than 100 percent.",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["id"],
                condition=Q(status="SENT", email_started_at__isnull=True),
                name="purchasing_order_to_email",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class PurchaseOrderLineQuerySet(models.QuerySet["PurchaseOrderLine"]):
    def for_update(self) -> PurchaseOrderLineQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


class PurchaseOrderLine(models.Model):
    """
    One variant of a purchase order; quantities in its base units, cost per unit.

    `received` counts accepted units, `invoiced` units of captured invoices less credit notes.
    `to_replace` were sent back and come again; `returned` were sent back for a credit. `unit_cost`
    is net: `list_cost`, where it is known, less the discounts of line and order.
    """

    order = models.ForeignKey(PurchaseOrder, on_delete=models.CASCADE, related_name="lines")
    position = models.IntegerField()
    variant = models.ForeignKey(
        "catalog.Variant", on_delete=models.PROTECT, related_name="purchase_order_lines"
    )
    supplier_sku = models.CharField(max_length=100, blank=True)
    ordered = models.IntegerField()
    cancelled = models.IntegerField(default=0)
    received = models.IntegerField(default=0)
    invoiced = models.IntegerField(default=0)
    returned = models.IntegerField(default=0, db_default=0)
    to_replace = models.IntegerField(default=0, db_default=0)
    unit_cost = MoneyField(help_text="Net, in the order's currency.")
    list_cost = MoneyField(null=True, blank=True, help_text="Before discounts.")
    discount_percent = percent()
    match_level = models.CharField(
        max_length=20,
        choices=[("TWO_WAY", "The order"), ("THREE_WAY", "The order and what was received")],
        blank=True,
        db_default="",
        help_text="What its bills are laid beside, where that is more than the policy asks for.",
    )
    expected_on = models.DateField(
        null=True, blank=True, help_text="When we want it; empty: as the order says."
    )
    confirmed_on = models.DateField(
        null=True, blank=True, help_text="When the supplier says that it comes."
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    close_reason = models.CharField(
        max_length=200, blank=True, db_default="", help_text="Why no more of it is expected."
    )

    objects = PurchaseOrderLineQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["order", "position"], name="purchasing_purchaseorderline_position_once"
            ),
            models.CheckConstraint(
                condition=within("ordered", 1, MAX_UNITS),
                name="purchasing_purchaseorderline_ordered_positive",
                violation_error_message="At least one unit is ordered.",
            ),
            models.CheckConstraint(
                condition=not_negative("cancelled", "received", "invoiced")
                & Q(cancelled__lte=F("ordered")),
                name="purchasing_purchaseorderline_counts_not_negative",
                violation_error_message="No more can be cancelled than was ordered.",
            ),
            models.CheckConstraint(
                condition=amount_not_negative("unit_cost"),
                name="purchasing_purchaseorderline_unit_cost_not_negative",
            ),
            models.CheckConstraint(
                condition=not_negative("returned", "to_replace")
                & Q(received__gte=F("returned") + F("to_replace")),
                name="purchasing_purchaseorderline_sent_back_within_received",
                violation_error_message="No more can be sent back than came.",
            ),
            models.CheckConstraint(
                condition=within("discount_percent", 0, 100)
                & (Q(list_cost__isnull=True) | amount_not_negative("list_cost")),
                name="purchasing_purchaseorderline_discount_in_range",
                violation_error_message="A discount is from 0 to less than 100 percent.",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_by__isnull=True, close_reason="")
                | (Q(closed_at__isnull=False) & ~Q(close_reason="")),
                name="purchasing_purchaseorderline_closed_says_why",
                violation_error_message="Say why no more of it is expected.",
            ),
            models.CheckConstraint(
                condition=Q(match_level__in=["", "TWO_WAY", "THREE_WAY"]),
                name="purchasing_purchaseorderline_match_level_only_raised",
            ),
        ]
        indexes: ClassVar = [
            models.Index(Upper("supplier_sku"), name="purchasing_orderline_sku"),
        ]

    def __str__(self) -> str:
        return f"line {self.position}"

    @property
    def to_receive(self) -> int:
        """Units that come in all, those sent back for others counted twice."""
        return self.ordered - self.cancelled + self.to_replace

    @property
    def to_invoice(self) -> int:
        """
        Units that are billed in all.

        Those sent back for a credit are not, unless they had come beyond what was ordered.
        """
        ordered = self.ordered - self.cancelled
        return min(ordered, max(ordered, self.received - self.to_replace) - self.returned)

    @property
    def expected(self) -> int:
        """Units still to come."""
        return max(self.to_receive - self.received, 0)


class PurchaseOrderCharge(models.Model):
    """What the supplier asks on top of the goods; no part of their cost until it is landed."""

    class Kind(models.TextChoices):
        FREIGHT = "FREIGHT", "Freight"
        PACKING = "PACKING", "Packing"
        INSURANCE = "INSURANCE", "Insurance"
        CUSTOMS = "CUSTOMS", "Customs and duty"
        SMALL_ORDER = "SMALL_ORDER", "Surcharge for a small order"
        OTHER = "OTHER", "Other"

    order = models.ForeignKey(PurchaseOrder, on_delete=models.CASCADE, related_name="charges")
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.FREIGHT)
    description = models.CharField(max_length=200, blank=True)
    amount = MoneyField(help_text="Without tax, in the order's currency.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["order", "kind", "description"],
                name="purchasing_purchaseordercharge_named_once",
                violation_error_message="This charge stands there already.",
            ),
            models.CheckConstraint(
                condition=amount_not_negative("amount"),
                name="purchasing_purchaseordercharge_amount_not_negative",
                violation_error_message="A charge is not below zero.",
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
