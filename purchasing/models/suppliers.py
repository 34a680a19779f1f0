"""Whom we buy from, what they sell, at what cost, and how their files are read."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import Func, Q

from retail.common.fields import (
    MAX_UNITS,
    CurrencyField,
    MoneyField,
    amount_not_negative,
    not_negative,
    within,
)
from retail.common.history import keep_history
from retail.common.models import ImportRun


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
