"""What suppliers bill, and how far a bill may be off."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Upper

from purchasing.models.suppliers import Supplier
from retail.common.fields import (
    MAX_UNITS,
    CurrencyField,
    MoneyField,
    amount_in_range,
    amount_not_negative,
    within,
)
from retail.common.history import keep_history
from retail.common.numbering import document_number
from retail.common.status import guard_status


class TolerancePolicy(models.Model):
    """
    How far an invoice may be off before somebody must look: for the company or for one supplier.

    A difference passes when it is within the percentage and within the amount; null means that
    measure is not used. Exactly at the limit passes.
    """

    supplier = models.OneToOneField(
        Supplier,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="tolerance_policy",
        help_text="Empty: the company's policy.",
    )
    unit_price_percent = models.DecimalField(max_digits=7, decimal_places=3, default=0)
    total_percent = models.DecimalField(max_digits=7, decimal_places=3, null=True, blank=True)
    total_amount = MoneyField(null=True, blank=True, help_text="In the order's currency.")
    quantity_percent = models.DecimalField(max_digits=7, decimal_places=3, default=0)

    class Meta:
        verbose_name_plural = "tolerance policies"
        constraints: ClassVar = [
            models.UniqueConstraint(  # type: ignore[call-overload] # the stubs know no Q here
                Q(supplier__isnull=True),
                condition=Q(supplier__isnull=True),
                name="purchasing_tolerancepolicy_one_for_the_company",
                violation_error_message="The company has a policy already.",
            ),
            models.CheckConstraint(
                condition=within("unit_price_percent", 0, 1000)
                & within("quantity_percent", 0, 1000)
                & (Q(total_percent__isnull=True) | within("total_percent", 0, 1000))
                & (Q(total_amount__isnull=True) | amount_not_negative("total_amount")),
                name="purchasing_tolerancepolicy_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return "company" if self.supplier_id is None else f"supplier {self.supplier_id}"


def normalised_number(number: F | Value) -> Func:
    """Return what a document number is compared by: capitals and digits, no leading zeros."""
    signs_removed = Func(
        Upper(number), Value("[^[:alnum:]]"), Value(""), Value("g"), function="regexp_replace"
    )
    return Func(signs_removed, Value("0"), function="ltrim", output_field=models.CharField())


class SupplierInvoiceQuerySet(models.QuerySet["SupplierInvoice"]):
    def for_update(self) -> SupplierInvoiceQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


@guard_status
@keep_history()
class SupplierInvoice(models.Model):
    """
    A supplier's bill or credit note, kept as it came; our view of it stands in the match rows.

    CAPTURED, then MATCHING finds it MATCHED or puts it ON_HOLD until every blocking exception is
    decided; APPROVED by somebody who did not capture it, EXPORTED once to accounting, PAID. VOID
    ends a document that should not have been entered. `number_normalised` is what duplicates are
    found by: capitals and digits only, no leading zeros.
    """

    class Status(models.TextChoices):
        CAPTURED = "CAPTURED", "Captured"
        MATCHING = "MATCHING", "Waiting for goods"
        ON_HOLD = "ON_HOLD", "On hold"
        MATCHED = "MATCHED", "Matched"
        APPROVED = "APPROVED", "Approved"
        EXPORTED = "EXPORTED", "Exported"
        PAID = "PAID", "Paid"
        VOID = "VOID", "Void"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        "CAPTURED": frozenset({"MATCHING", "ON_HOLD", "MATCHED", "VOID"}),
        "MATCHING": frozenset({"ON_HOLD", "MATCHED", "VOID"}),
        "ON_HOLD": frozenset({"MATCHING", "MATCHED", "VOID"}),
        "MATCHED": frozenset({"MATCHING", "ON_HOLD", "APPROVED", "VOID"}),
        "APPROVED": frozenset({"EXPORTED", "VOID"}),
        "EXPORTED": frozenset({"PAID"}),
        "PAID": frozenset(),
        "VOID": frozenset(),
    }

    class Kind(models.TextChoices):
        INVOICE = "INVOICE", "Invoice"
        CREDIT_NOTE = "CREDIT_NOTE", "Credit note"

    number = document_number("SI")
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="invoices")
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.INVOICE)
    supplier_number = models.CharField(max_length=100, help_text="As printed on it.")
    number_normalised = models.GeneratedField(
        expression=normalised_number(F("supplier_number")),
        output_field=models.CharField(max_length=100),
        db_persist=True,
    )
    duplicate_reason = models.CharField(
        max_length=200, blank=True, help_text="Why the same number is right this time."
    )
    status = models.CharField(max_length=20, choices=Status, default=Status.CAPTURED)
    invoiced_on = models.DateField(help_text="Date of the document.")
    due_on = models.DateField()
    currency = CurrencyField()
    net_total = MoneyField()
    tax_total = MoneyField(default=0)
    total = MoneyField()
    document = models.FileField(upload_to="supplier-invoices/", blank=True)
    document_sha256 = models.CharField(max_length=64, blank=True)
    captured_at = models.DateTimeField()
    captured_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    export = models.ForeignKey(
        "purchasing.PayableExport",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="invoices",
    )
    paid_on = models.DateField(null=True, blank=True)
    paid_by = models.ForeignKey(
        "common.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who noted the payment.",
    )
    voided_at = models.DateTimeField(null=True, blank=True)
    voided_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    void_reason = models.CharField(max_length=200, blank=True)

    objects = SupplierInvoiceQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("match_supplierinvoice", "Can match a supplier invoice"),
            ("approve_supplierinvoice", "Can approve a supplier invoice for payment"),
            ("export_supplierinvoice", "Can export approved supplier invoices"),
            ("pay_supplierinvoice", "Can record that a supplier invoice was paid"),
            ("void_supplierinvoice", "Can void a supplier invoice"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["supplier", "number_normalised", "kind"],
                condition=Q(duplicate_reason="") & ~Q(status="VOID"),
                name="purchasing_supplierinvoice_number_once_per_supplier",
                violation_error_message="This supplier's document was entered before.",
            ),
            models.CheckConstraint(
                condition=~Q(supplier_number=""),
                name="purchasing_supplierinvoice_supplier_number_not_empty",
            ),
            models.CheckConstraint(
                condition=amount_not_negative("net_total", "tax_total", "total"),
                name="purchasing_supplierinvoice_amounts_not_negative",
                violation_error_message="Amounts are entered without a sign; the kind says which.",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True)
                | Q(captured_by__isnull=True)
                | ~Q(approved_by=F("captured_by")),
                name="purchasing_supplierinvoice_approved_by_someone_else",
                violation_error_message="Nobody approves an invoice they entered.",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["APPROVED", "EXPORTED", "PAID"])
                | Q(approved_at__isnull=False, approved_by__isnull=False),
                name="purchasing_supplierinvoice_payable_was_approved",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["EXPORTED", "PAID"]) | Q(export__isnull=False),
                name="purchasing_supplierinvoice_exported_in_a_batch",
            ),
            models.CheckConstraint(
                condition=Q(status="PAID", paid_on__isnull=False)
                | (~Q(status="PAID") & Q(paid_on__isnull=True)),
                name="purchasing_supplierinvoice_paid_has_a_day",
            ),
            models.CheckConstraint(
                condition=(Q(status="VOID", voided_at__isnull=False) & ~Q(void_reason=""))
                | (
                    ~Q(status="VOID")
                    & Q(voided_at__isnull=True, voided_by__isnull=True, void_reason="")
                ),
                name="purchasing_supplierinvoice_void_says_why",
                violation_error_message="A document is voided for a reason.",
            ),
        ]

    def __str__(self) -> str:
        return self.supplier_number


class SupplierInvoiceLine(models.Model):
    """
    A line of a supplier's document, as printed.

    `order_number` and `supplier_sku` are the supplier's words by which the order line is found.
    """

    class Kind(models.TextChoices):
        GOODS = "GOODS", "Goods"
        SERVICE = "SERVICE", "Service"
        CHARGE = "CHARGE", "Charge"

    invoice = models.ForeignKey(SupplierInvoice, on_delete=models.CASCADE, related_name="lines")
    position = models.IntegerField()
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.GOODS)
    order_number = models.CharField(max_length=100, blank=True)
    supplier_sku = models.CharField(max_length=100, blank=True)
    gtin = models.CharField("GTIN", max_length=14, blank=True)
    description = models.CharField(max_length=300, blank=True)
    quantity = models.IntegerField()
    unit_price = MoneyField(help_text="Net, as printed.")
    net_amount = MoneyField(help_text="Of the line, as printed.")
    tax_rate = models.DecimalField(max_digits=6, decimal_places=3, default=0)
    variance_posted = MoneyField(
        default=0,
        help_text="Price difference that has reached stock or cost of sales, book currency.",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["invoice", "position"],
                name="purchasing_supplierinvoiceline_position_once",
            ),
            models.CheckConstraint(
                condition=within("quantity", 1, MAX_UNITS),
                name="purchasing_supplierinvoiceline_quantity_positive",
            ),
            models.CheckConstraint(
                condition=amount_not_negative("unit_price", "net_amount")
                & amount_in_range("variance_posted"),
                name="purchasing_supplierinvoiceline_amounts_are_numbers",
            ),
        ]

    def __str__(self) -> str:
        return f"line {self.position}"
