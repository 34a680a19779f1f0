"""Buying: suppliers and their lists, orders, receipts, invoices, and whether the three agree."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Upper

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
from retail.common.models import ImportRun
from retail.common.numbering import document_number
from retail.common.status import guard_status


@keep_history()
class Supplier(models.Model):
    """Whom the shop buys from, and on which terms."""

    code = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=200)
    currency = CurrencyField()
    email = models.EmailField(blank=True, help_text="Where orders are sent.")
    tax_number = models.CharField(max_length=30, blank=True)
    iban = models.CharField("IBAN", max_length=34, blank=True)
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166-1 alpha-2.")
    language = models.CharField(max_length=10, default="en")
    payment_days = models.IntegerField(default=30, help_text="From the invoice date.")
    lead_time_days = models.IntegerField(default=7)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=within("payment_days", 0, 1000) & within("lead_time_days", 0, 1000),
                name="purchasing_supplier_days_not_negative",
                violation_error_message="Days lie between 0 and 999.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


@keep_history()
class SupplierProduct(models.Model):
    """An article in a supplier's catalog; linked to our variant, or a proposal until it is."""

    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="products")
    variant = models.ForeignKey(
        "catalog.Variant",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="supplier_products",
    )
    supplier_sku = models.CharField("supplier SKU", max_length=100)
    gtin = models.CharField("GTIN", max_length=14, blank=True)
    name = models.CharField(max_length=300, blank=True)
    pack_size = models.IntegerField(default=1, help_text="Units in one of the supplier's packs.")
    minimum_quantity = models.IntegerField(default=1, help_text="Least units they sell.")
    available_units = models.IntegerField(null=True, blank=True)
    seen_at = models.DateTimeField(
        null=True, blank=True, help_text="When a file last changed it, prices apart."
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["supplier", "supplier_sku"],
                name="purchasing_supplierproduct_one_per_supplier_sku",
                violation_error_message="This supplier has an article of this SKU already.",
            ),
            models.CheckConstraint(
                condition=within("pack_size", 1, 1_000_000)
                & within("minimum_quantity", 1, MAX_UNITS),
                name="purchasing_supplierproduct_pack_and_minimum_positive",
                violation_error_message="Pack size and minimum are at least 1.",
            ),
            models.CheckConstraint(
                condition=Q(available_units__isnull=True) | not_negative("available_units"),
                name="purchasing_supplierproduct_available_not_negative",
            ),
            models.CheckConstraint(
                condition=~Q(supplier_sku=""),
                name="purchasing_supplierproduct_supplier_sku_not_empty",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["gtin"], name="purchasing_supplierprod_gtin"),
        ]

    def __str__(self) -> str:
        return self.supplier_sku


class DateRange(Func):
    """The days from one up to, not including, another; null is open-ended."""

    function = "DATERANGE"
    output_field = DateRangeField()


class SupplierPrice(models.Model):
    """What one unit costs us from a quantity on, for a time, in the supplier's currency."""

    supplier_product = models.ForeignKey(
        SupplierProduct, on_delete=models.CASCADE, related_name="prices"
    )
    min_quantity = models.IntegerField(default=1)
    unit_cost = MoneyField()
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="First day it is over.")

    class Meta:
        constraints: ClassVar = [
            ExclusionConstraint(
                name="purchasing_supplierprice_no_overlap",
                expressions=[
                    ("supplier_product", RangeOperators.EQUAL),
                    ("min_quantity", RangeOperators.EQUAL),
                    (DateRange("valid_from", "valid_to"), RangeOperators.OVERLAPS),
                ],
                violation_error_message="Another price is valid at the same time.",
            ),
            models.CheckConstraint(
                condition=within("min_quantity", 1, MAX_UNITS) & amount_not_negative("unit_cost"),
                name="purchasing_supplierprice_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit_cost} from {self.min_quantity}"


class SupplierFileProfile(models.Model):
    """
    How a supplier's files are read: encoding, delimiter, which column is what.

    `columns` maps our names (supplier_sku, gtin, name, unit_cost, pack_size, minimum_quantity,
    available_units) to the file's column titles; `pack_cost` in place of unit_cost when the file
    prices a whole pack.
    """

    supplier = models.ForeignKey(Supplier, on_delete=models.CASCADE, related_name="file_profiles")
    code = models.SlugField(max_length=50, unique=True)
    encoding = models.CharField(max_length=20, blank=True, help_text="Empty: BOM, else UTF-8.")
    delimiter = models.CharField(max_length=5, blank=True, help_text="Empty: proposed.")
    decimal_separator = models.CharField(max_length=1, default=".")
    quote = models.CharField(
        max_length=1, blank=True, default='"', help_text="Empty: quotes are ordinary characters."
    )
    skipped_lines = models.IntegerField(default=0, help_text="Lines above the column titles.")
    has_titles = models.BooleanField(
        default=True, help_text="Without titles the columns are called column 1, column 2 ..."
    )
    columns = models.JSONField(default=dict)
    max_price_change_percent = models.IntegerField(
        default=30, help_text="Larger changes are listed before the file is applied."
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(decimal_separator__in=[".", ","]),
                name="purchasing_supplierfileprofile_decimal_point_or_comma",
            ),
            models.CheckConstraint(
                condition=within("skipped_lines", 0, 1000)
                & within("max_price_change_percent", 0, 100_000),
                name="purchasing_supplierfileprofile_numbers_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class SupplierFileRow(models.Model):
    """
    A valid line of a supplier's file, waiting beside what the catalog says until applied.

    What the file leaves empty (no GTIN, name, pack size, minimum or availability) stays as the
    catalog has it.
    """

    class Verdict(models.TextChoices):
        NEW = "NEW", "New"
        CHANGED = "CHANGED", "Changed"
        UNCHANGED = "UNCHANGED", "Unchanged"

    run = models.ForeignKey("common.ImportRun", on_delete=models.CASCADE, related_name="+")
    line_number = models.IntegerField()
    supplier_sku = models.CharField(max_length=100)
    gtin = models.CharField(max_length=14, blank=True)
    name = models.CharField(max_length=300, blank=True)
    unit_cost = MoneyField()
    pack_size = models.IntegerField(null=True, blank=True)
    minimum_quantity = models.IntegerField(null=True, blank=True)
    available_units = models.IntegerField(null=True, blank=True)
    verdict = models.CharField(max_length=20, choices=Verdict, blank=True)
    cost_before = MoneyField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "supplier_sku"], name="purchasing_supplierfilerow_sku_once_per_file"
            ),
        ]

    def __str__(self) -> str:
        return f"line {self.line_number}"


class SupplierFileRun(ImportRun):
    """An import run seen as a supplier's file: staged, looked at, then applied or discarded."""

    class Meta:
        proxy = True
        permissions: ClassVar = [
            ("stage_supplierfilerun", "Can upload a supplier file"),
            ("apply_supplierfilerun", "Can apply or discard a supplier file"),
        ]


class PurchaseOrderQuerySet(models.QuerySet["PurchaseOrder"]):
    def for_update(self) -> PurchaseOrderQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


@guard_status
@keep_history()
class PurchaseOrder(models.Model):
    """
    Goods ordered from a supplier for one location.

    A DRAFT is submitted and waits (AWAITING_APPROVAL) until somebody else approves it, then it is
    SENT, and CLOSED when nothing more is expected. Receipt and invoice status are derived from
    the lines. Between `email_started_at` and `emailed_at` it is not known whether the supplier
    got the e-mail, so no second one is sent.
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
    expected_on = models.DateField(null=True, blank=True)
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
                    status__in=["APPROVED", "SENT", "CLOSED"],
                    approved_at__isnull=False,
                    approved_by__isnull=False,
                )
                | Q(
                    status__in=["DRAFT", "AWAITING_APPROVAL"],
                    approved_at__isnull=True,
                    approved_by__isnull=True,
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
    unit_cost = MoneyField(help_text="Net, in the order's currency.")

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
        ]

    def __str__(self) -> str:
        return f"line {self.position}"

    @property
    def expected(self) -> int:
        """Units still to come."""
        return max(self.ordered - self.cancelled - self.received, 0)


class GoodsReceipt(models.Model):
    """A delivery taken in at one location; posted at once, in one transaction."""

    number = document_number("GR")
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="receipts")
    location = models.ForeignKey(
        "inventory.Location", on_delete=models.PROTECT, related_name="goods_receipts"
    )
    delivery_note = models.CharField(max_length=100, blank=True)
    key = models.CharField(
        max_length=100, unique=True, help_text="Key of the act that posted it; the same one once."
    )
    received_at = models.DateTimeField()
    received_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        permissions: ClassVar = [
            ("post_goodsreceipt", "Can receive goods"),
            ("over_receive", "Can accept more than was ordered"),
        ]

    def __str__(self) -> str:
        return self.number


class GoodsReceiptLine(models.Model):
    """
    What came of one order line: delivered is what was accepted and what was rejected.

    `unit_cost` is in the order's currency, `value` what the accepted units were worth in book
    currency when they came in. `matched` counts the units that invoices were matched against.
    """

    receipt = models.ForeignKey(GoodsReceipt, on_delete=models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(
        PurchaseOrderLine, on_delete=models.PROTECT, related_name="receipt_lines"
    )
    delivered = models.IntegerField()
    accepted = models.IntegerField()
    rejected = models.IntegerField(default=0)
    reject_reason = models.CharField(max_length=200, blank=True)
    matched = models.IntegerField(default=0)
    unit_cost = MoneyField()
    value = MoneyField(help_text="Of the accepted units, in book currency.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["receipt", "order_line"], name="purchasing_goodsreceiptline_once"
            ),
            models.CheckConstraint(
                condition=not_negative("accepted", "rejected")
                & within("delivered", 1, MAX_UNITS)
                & Q(delivered=F("accepted") + F("rejected")),
                name="purchasing_goodsreceiptline_delivered_is_accepted_and_rejected",
                violation_error_message="Accepted and rejected must add up to delivered.",
            ),
            models.CheckConstraint(
                condition=Q(matched__gte=0) & Q(matched__lte=F("accepted")),
                name="purchasing_goodsreceiptline_matched_within_accepted",
                violation_error_message="A receipt cannot be matched over.",
            ),
            models.CheckConstraint(
                condition=Q(rejected=0) | ~Q(reject_reason=""),
                name="purchasing_goodsreceiptline_rejected_has_a_reason",
                violation_error_message="Rejected goods need a reason.",
            ),
            models.CheckConstraint(
                condition=amount_not_negative("unit_cost", "value"),
                name="purchasing_goodsreceiptline_amounts_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.accepted} accepted"


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


class MatchAllocation(models.Model):
    """
    Units of an invoice line set against an order line and, for goods, a receipt line.

    Without a receipt line the units wait for goods, are a service, or are given back by a credit
    note.
    """

    invoice_line = models.ForeignKey(
        SupplierInvoiceLine, on_delete=models.PROTECT, related_name="matches"
    )
    order_line = models.ForeignKey(
        PurchaseOrderLine, on_delete=models.PROTECT, related_name="matches"
    )
    receipt_line = models.ForeignKey(
        GoodsReceiptLine, on_delete=models.PROTECT, null=True, blank=True, related_name="matches"
    )
    units = models.IntegerField()
    matched_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["invoice_line", "order_line", "receipt_line"],
                nulls_distinct=False,
                name="purchasing_matchallocation_once",
            ),
            models.CheckConstraint(
                condition=within("units", 1, MAX_UNITS),
                name="purchasing_matchallocation_units_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.units} units"


class MatchException(models.Model):
    """
    One way in which an invoice does not agree with order or receipt, and what was decided.

    OPEN blocks payment. RESOLVED means the difference went away by itself; ACCEPTED and DISPUTED
    are decisions by somebody who did not raise the order, and DISPUTED blocks payment too. A row
    that is not open is never changed; of several for one line and kind the youngest one counts.
    """

    class Kind(models.TextChoices):
        PRICE = "PRICE", "Unit price"
        PRICE_TOTAL = "PRICE_TOTAL", "Price in all"
        QUANTITY = "QUANTITY", "More than can still come"
        NOT_RECEIVED = "NOT_RECEIVED", "Goods not received yet"
        NO_ORDER = "NO_ORDER", "No order line"
        CURRENCY = "CURRENCY", "Currency"
        HEADER = "HEADER", "Document totals"
        CHARGE = "CHARGE", "Charge not on the order"

    class Status(models.TextChoices):
        OPEN = "OPEN", "Open"
        RESOLVED = "RESOLVED", "Gone"
        ACCEPTED = "ACCEPTED", "Accepted"
        DISPUTED = "DISPUTED", "Disputed"

    invoice = models.ForeignKey(
        SupplierInvoice, on_delete=models.PROTECT, related_name="exceptions"
    )
    invoice_line = models.ForeignKey(
        SupplierInvoiceLine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="exceptions",
    )
    kind = models.CharField(max_length=20, choices=Kind)
    expected = MoneyField()
    actual = MoneyField()
    tolerance = models.JSONField(help_text="The limits in force when it was found.")
    status = models.CharField(max_length=20, choices=Status, default=Status.OPEN)
    raised_at = models.DateTimeField()
    order_raised_by = models.ForeignKey(
        "common.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who raised the purchase order and so may not decide.",
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        permissions: ClassVar = [("decide_matchexception", "Can decide a match exception")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["invoice", "invoice_line", "kind"],
                condition=Q(status="OPEN"),
                nulls_distinct=False,
                name="purchasing_matchexception_one_open_per_kind",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True)
                | Q(order_raised_by__isnull=True)
                | ~Q(decided_by=F("order_raised_by")),
                name="purchasing_matchexception_decided_by_someone_else",
                violation_error_message="Nobody decides about an order they raised.",
            ),
            models.CheckConstraint(
                condition=Q(
                    status="OPEN", decided_at__isnull=True, decided_by__isnull=True, reason=""
                )
                | Q(status="RESOLVED", decided_at__isnull=False, decided_by__isnull=True)
                | (
                    Q(
                        status__in=["ACCEPTED", "DISPUTED"],
                        decided_at__isnull=False,
                        decided_by__isnull=False,
                    )
                    & ~Q(reason="")
                ),
                name="purchasing_matchexception_decision_is_complete",
                violation_error_message="A decision has a person, a time and a reason.",
            ),
            models.CheckConstraint(
                condition=amount_in_range("expected", "actual"),
                name="purchasing_matchexception_amounts_are_numbers",
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class PayableExport(models.Model):
    """A batch of approved invoices handed to accounting, once."""

    number = document_number("PX")
    key = models.CharField(max_length=100, unique=True)
    sha256 = models.CharField(max_length=64, help_text="Fingerprint of the file.")
    content = models.TextField(help_text="The file itself, CSV.")
    exported_at = models.DateTimeField()
    exported_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return self.number
