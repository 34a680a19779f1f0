"""What suppliers bill, and how far a bill may be off."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import ExpressionWrapper, F, Func, Q, Value
from django.db.models.functions import Upper

from purchasing.models.documents import InvoiceDocument
from purchasing.models.orders import PurchaseOrderCharge, PurchaseOrderLine
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
from retail.common.history import keep_history
from retail.common.numbering import document_number
from retail.common.status import guard_status


class MatchLevel(models.TextChoices):
    """What a bill is laid beside: nothing, the order, or the order and what came of it."""

    NONE = "NONE", "Nothing"
    TWO_WAY = "TWO_WAY", "The order"
    THREE_WAY = "THREE_WAY", "The order and what was received"


def limit(**options: Any) -> models.DecimalField[Any, Any]:
    """Return a field for a percentage that is not looked at when it is empty."""
    return models.DecimalField(max_digits=7, decimal_places=3, null=True, blank=True, **options)


class TolerancePolicy(models.Model):
    """
    How far an invoice may be off before somebody must look.

    For the company, a supplier, an article or an article of a supplier; of those that hold for a
    line the most specific one counts, as a whole, and for the whole document the supplier's or the
    company's. A difference passes when it is within every limit that is set; null means that limit
    is not used. Exactly at the limit passes.
    """

    class Below(models.TextChoices):
        PASS = "PASS", "Let it pass"
        WARN = "WARN", "Say so, and let it pass"
        BLOCK = "BLOCK", "Somebody has to look"

    supplier = models.ForeignKey(
        Supplier,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="tolerance_policies",
        help_text="Empty: every supplier.",
    )
    variant = models.ForeignKey(
        "catalog.Variant",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="article",
        help_text="Empty: every article.",
    )
    match_level = models.CharField(
        max_length=20,
        choices=MatchLevel,
        blank=True,
        db_default="",
        help_text="Empty: goods beside order and receipt, services beside the order.",
    )
    unit_price_percent = models.DecimalField(max_digits=7, decimal_places=3, default=0)
    total_percent = limit(help_text="Of all that was billed of an order line.")
    total_amount = MoneyField(null=True, blank=True, help_text="In the order's currency.")
    quantity_percent = models.DecimalField(max_digits=7, decimal_places=3, default=0)
    quantity_units = models.IntegerField(
        null=True,
        blank=True,
        help_text="Units by which a bill may differ, whatever the percentage.",
    )
    charge_percent = limit(help_text="Of a charge above the order's. What was not ordered is none.")
    charge_amount = MoneyField(null=True, blank=True, help_text="In the order's currency.")
    header_percent = limit(help_text="Of each total beside what order and prices make.")
    header_amount = MoneyField(null=True, blank=True, help_text="In the bill's currency.")
    tax_amount = MoneyField(
        null=True,
        blank=True,
        help_text="Tax per rate may be off by so much; empty: the smallest coin for each line.",
    )
    below = models.CharField(
        "billed below the order",
        max_length=20,
        choices=Below,
        default=Below.WARN,
        db_default=Below.WARN,
    )
    exception_days = models.IntegerField(
        default=3, db_default=3, help_text="In which a difference is to be decided."
    )

    class Meta:
        verbose_name_plural = "tolerance policies"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["supplier", "variant"],
                nulls_distinct=False,
                name="purchasing_tolerancepolicy_one_for_each",
                violation_error_message="There is a policy for this already.",
            ),
            models.CheckConstraint(
                condition=within("unit_price_percent", 0, 1000)
                & within("quantity_percent", 0, 1000)
                & (Q(total_percent__isnull=True) | within("total_percent", 0, 1000))
                & (Q(total_amount__isnull=True) | amount_not_negative("total_amount")),
                name="purchasing_tolerancepolicy_not_negative",
            ),
            models.CheckConstraint(
                condition=(Q(quantity_units__isnull=True) | not_negative("quantity_units"))
                & (Q(charge_percent__isnull=True) | within("charge_percent", 0, 1000))
                & (Q(charge_amount__isnull=True) | amount_not_negative("charge_amount"))
                & (Q(header_percent__isnull=True) | within("header_percent", 0, 1000))
                & (Q(header_amount__isnull=True) | amount_not_negative("header_amount"))
                & (Q(tax_amount__isnull=True) | amount_not_negative("tax_amount"))
                & within("exception_days", 0, 366),
                name="purchasing_tolerancepolicy_limits_not_negative",
                violation_error_message="Limits are not below zero.",
            ),
        ]

    def __str__(self) -> str:
        if self.supplier_id is None and self.variant_id is None:
            return "company"
        parts = (
            f"supplier {self.supplier_id}" if self.supplier_id else "",
            f"article {self.variant_id}" if self.variant_id else "",
        )
        return ", ".join(part for part in parts if part)


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
    stated_due_on = models.DateField(null=True, blank=True, help_text="As printed, if it is.")
    currency = CurrencyField()
    net_total = MoneyField()
    tax_total = MoneyField(default=0)
    total = MoneyField(help_text="With tax.")
    prepaid_total = MoneyField(
        default=0, db_default=0, help_text="Paid already, or kept back for the tax office."
    )
    rounding = MoneyField(
        default=0, db_default=0, help_text="Added by the supplier to pay a round sum, signed."
    )
    payable = models.GeneratedField(
        expression=ExpressionWrapper(
            F("total") - F("prepaid_total") + F("rounding"), output_field=MoneyField()
        ),
        output_field=MoneyField(),
        db_persist=True,
        help_text="What is to be paid.",
    )
    iban = models.CharField(
        "IBAN",
        max_length=34,
        blank=True,
        db_default="",
        help_text="The account the document asks to be paid to; paid is to the supplier's.",
    )
    payment_reference = models.CharField(
        max_length=140, blank=True, db_default="", help_text="What the supplier wants named."
    )
    note = models.TextField(blank=True, db_default="", help_text="As printed.")
    source = models.ForeignKey(
        InvoiceDocument,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="invoices",
        verbose_name="document",
        help_text="The file it was read from.",
    )
    source_position = models.IntegerField(
        default=1, db_default=1, help_text="Which of the file's invoices it is."
    )
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
            ("assign_supplierinvoice", "Can say which order a line of an invoice belongs to"),
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
            models.UniqueConstraint(
                fields=["source", "source_position"],
                condition=Q(source__isnull=False) & ~Q(status="VOID"),
                name="purchasing_supplierinvoice_read_once",
                violation_error_message="This invoice of the file was captured before.",
            ),
            models.CheckConstraint(
                condition=amount_not_negative("prepaid_total")
                & amount_in_range("rounding")
                & within("source_position", 1, 100_000),
                name="purchasing_supplierinvoice_payment_parts_in_range",
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
        indexes: ClassVar = [
            # What waits for somebody, and what is to be paid when.
            models.Index(
                fields=["due_on", "id"],
                condition=Q(status__in=["CAPTURED", "MATCHING", "ON_HOLD", "MATCHED"]),
                name="purchasing_invoice_open",
            ),
            models.Index(
                fields=["due_on", "id"],
                condition=Q(status__in=["APPROVED", "EXPORTED"]),
                name="purchasing_invoice_owed",
            ),
        ]

    def __str__(self) -> str:
        return self.supplier_number


class SupplierInvoiceLine(models.Model):
    """
    A line of a supplier's document, as printed, but for what we say of it.

    The supplier's words by which the order line is found: `order_number` with `order_position`,
    `supplier_sku`, `gtin`, `buyer_sku` (our own code). `quantity` counts our units, amounts are
    without sign and `is_deduction` says that the line takes away. Ours are `assigned_line`, which
    goes before all that is printed, `is_price_only` (money back for goods that stay billed) and
    `variance_posted`.
    """

    class Kind(models.TextChoices):
        GOODS = "GOODS", "Goods"
        SERVICE = "SERVICE", "Service"
        CHARGE = "CHARGE", "Charge"

    class Charge(models.TextChoices):
        """The charges of an order, and what takes away instead."""

        FREIGHT = PurchaseOrderCharge.Kind.FREIGHT.value, "Freight"
        PACKING = PurchaseOrderCharge.Kind.PACKING.value, "Packing"
        INSURANCE = PurchaseOrderCharge.Kind.INSURANCE.value, "Insurance"
        CUSTOMS = PurchaseOrderCharge.Kind.CUSTOMS.value, "Customs and duty"
        SMALL_ORDER = PurchaseOrderCharge.Kind.SMALL_ORDER.value, "Surcharge for a small order"
        OTHER = PurchaseOrderCharge.Kind.OTHER.value, "Other"
        DISCOUNT = "DISCOUNT", "Discount"

    invoice = models.ForeignKey(SupplierInvoice, on_delete=models.CASCADE, related_name="lines")
    position = models.IntegerField()
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.GOODS)
    charge = models.CharField(
        max_length=20, choices=Charge, blank=True, db_default="", help_text="Of a charge: which."
    )
    is_deduction = models.BooleanField(
        default=False, db_default=False, help_text="Takes away from the document's total."
    )
    order_number = models.CharField(max_length=100, blank=True)
    order_position = models.CharField(
        max_length=30, blank=True, db_default="", help_text="Line of the order it names."
    )
    delivery_note = models.CharField(max_length=100, blank=True, db_default="")
    supplier_sku = models.CharField(max_length=100, blank=True)
    gtin = models.CharField("GTIN", max_length=14, blank=True)
    buyer_sku = models.CharField(
        "our SKU", max_length=100, blank=True, db_default="", help_text="Our code, as they name it."
    )
    description = models.CharField(max_length=300, blank=True)
    quantity = models.IntegerField()
    stated_quantity = models.DecimalField(
        max_digits=18,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="As printed, where that is not the number of units.",
    )
    unit_code = models.CharField(
        max_length=10, blank=True, db_default="", help_text="UN/ECE Recommendation 20, as printed."
    )
    unit_price = MoneyField(help_text="Net, as printed.")
    net_amount = MoneyField(help_text="Of the line, as printed.")
    tax_category = models.CharField(
        max_length=3, blank=True, db_default="", help_text="UNCL 5305: S, Z, E, AE, K, G, O."
    )
    tax_rate = models.DecimalField(max_digits=6, decimal_places=3, default=0)
    assigned_line = models.ForeignKey(
        PurchaseOrderLine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="assigned order line",
        help_text="The order line that a person said it belongs to.",
    )
    is_price_only = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Money back for goods that were billed and stay: no units are given back.",
    )
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
            models.CheckConstraint(
                condition=Q(kind="CHARGE") | Q(charge=""),
                name="purchasing_supplierinvoiceline_only_charges_say_which",
                violation_error_message="Only a charge says which charge it is.",
            ),
            models.CheckConstraint(
                condition=~Q(kind="CHARGE") | Q(assigned_line__isnull=True, is_price_only=False),
                name="purchasing_supplierinvoiceline_charge_has_no_order_line",
                violation_error_message="A charge belongs to no order line.",
            ),
        ]
        indexes: ClassVar = [
            # Bills that mean the same article compete for its deliveries.
            models.Index(Upper("supplier_sku"), name="purchasing_invoiceline_sku"),
            models.Index(
                fields=["gtin"], condition=~Q(gtin=""), name="purchasing_invoiceline_gtin"
            ),
        ]

    def __str__(self) -> str:
        return f"line {self.position}"


class SupplierInvoiceTax(models.Model):
    """The tax of one rate as the document states it; taxed amount and tax signed as printed."""

    invoice = models.ForeignKey(SupplierInvoice, on_delete=models.CASCADE, related_name="taxes")
    category = models.CharField(max_length=3, blank=True, help_text="UNCL 5305.")
    rate = models.DecimalField(max_digits=6, decimal_places=3, default=0)
    taxable = MoneyField()
    tax = MoneyField()

    class Meta:
        verbose_name_plural = "supplier invoice taxes"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["invoice", "category", "rate"],
                name="purchasing_supplierinvoicetax_rate_once",
            ),
            models.CheckConstraint(
                condition=within("rate", 0, 100) & amount_in_range("taxable", "tax"),
                name="purchasing_supplierinvoicetax_numbers_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.rate} %"


class InvoiceStep(AppendOnlyModel):
    """One thing that happened to a supplier's document, when, and who did it."""

    class Kind(models.TextChoices):
        CAPTURED = "CAPTURED", "Captured"
        MATCHED = "MATCHED", "Matched"
        ASSIGNED = "ASSIGNED", "Order line assigned"
        DECIDED = "DECIDED", "Difference decided"
        RECONSIDERED = "RECONSIDERED", "Difference opened again"
        APPROVED = "APPROVED", "Approved"
        EXPORTED = "EXPORTED", "Handed to accounting"
        PAYMENT_ORDERED = "PAYMENT_ORDERED", "Payment ordered"
        PAYMENT_CANCELLED = "PAYMENT_CANCELLED", "Payment order taken back"
        PAID = "PAID", "Paid"
        VOIDED = "VOIDED", "Voided"
        NOTED = "NOTED", "Note"

    invoice = models.ForeignKey(SupplierInvoice, on_delete=models.PROTECT, related_name="steps")
    kind = models.CharField(max_length=20, choices=Kind)
    text = models.CharField(max_length=500, blank=True)
    happened_at = models.DateTimeField()
    done_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return self.get_kind_display()
