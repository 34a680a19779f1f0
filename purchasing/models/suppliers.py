"""Whom we buy from, on which terms, what they sell and at what cost."""

from __future__ import annotations

from typing import Any, ClassVar

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


def percent(**options: Any) -> models.DecimalField[Any, Any]:
    """Return a field for a percentage, zero unless told otherwise."""
    return models.DecimalField(max_digits=7, decimal_places=3, default=0, db_default=0, **options)


class DeliveryTerms(models.TextChoices):
    """Source: ICC Incoterms 2020."""

    EXW = "EXW", "EXW, ex works"
    FCA = "FCA", "FCA, free carrier"
    CPT = "CPT", "CPT, carriage paid to"
    CIP = "CIP", "CIP, carriage and insurance paid to"
    DAP = "DAP", "DAP, delivered at place"
    DPU = "DPU", "DPU, delivered at place unloaded"
    DDP = "DDP", "DDP, delivered duty paid"
    FAS = "FAS", "FAS, free alongside ship"
    FOB = "FOB", "FOB, free on board"
    CFR = "CFR", "CFR, cost and freight"
    CIF = "CIF", "CIF, cost, insurance and freight"


@keep_history()
class Supplier(models.Model):
    """Whom the shop buys from, and on which terms."""

    code = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=200)
    currency = CurrencyField()
    email = models.EmailField(blank=True, help_text="Where orders are sent.")
    street = models.CharField(max_length=200, blank=True, db_default="")
    postcode = models.CharField(max_length=20, blank=True, db_default="")
    city = models.CharField(max_length=100, blank=True, db_default="")
    tax_number = models.CharField(max_length=30, blank=True)
    electronic_address = models.CharField(
        max_length=100,
        blank=True,
        db_default="",
        help_text="Where their e-invoices come from, with its scheme: 0088:5798000000001.",
    )
    iban = models.CharField("IBAN", max_length=34, blank=True)
    bic = models.CharField("BIC", max_length=11, blank=True, db_default="")
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166-1 alpha-2.")
    language = models.CharField(max_length=10, default="en")
    payment_days = models.IntegerField(default=30, help_text="From the invoice date.")
    discount_percent = percent(help_text="Taken off a bill that is paid early.")
    discount_days = models.IntegerField(
        default=0, db_default=0, help_text="Days from the invoice date in which early is."
    )
    delivery_terms = models.CharField(
        max_length=3,
        choices=DeliveryTerms,
        blank=True,
        db_default="",
        help_text="Who carries freight and risk up to where (Incoterms 2020).",
    )
    minimum_order_amount = MoneyField(
        null=True, blank=True, help_text="Least they deliver for, in their currency, without tax."
    )
    lead_time_days = models.IntegerField(default=7)
    over_receipt_percent = percent(help_text="More than ordered that is taken in without asking.")
    note = models.TextField(blank=True, db_default="")
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=within("discount_percent", 0, 100)
                & within("over_receipt_percent", 0, 1000)
                & within("discount_days", 0, 1000)
                & (
                    Q(minimum_order_amount__isnull=True)
                    | amount_not_negative("minimum_order_amount")
                ),
                name="purchasing_supplier_terms_in_range",
                violation_error_message="Percentages, days and amounts are not below zero.",
            ),
            models.CheckConstraint(
                condition=within("payment_days", 0, 1000) & within("lead_time_days", 0, 1000),
                name="purchasing_supplier_days_not_negative",
                violation_error_message="Days lie between 0 and 999.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


@keep_history()
class SupplierContact(models.Model):
    """Whom to ask at a supplier, and about what."""

    class Purpose(models.TextChoices):
        ORDERS = "ORDERS", "Orders"
        ACCOUNTS = "ACCOUNTS", "Invoices and payments"
        RETURNS = "RETURNS", "Returns and complaints"
        SALES = "SALES", "Sales"
        OTHER = "OTHER", "Other"

    supplier = models.ForeignKey(Supplier, on_delete=models.CASCADE, related_name="contacts")
    purpose = models.CharField(max_length=20, choices=Purpose, default=Purpose.ORDERS)
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
    is_copied_on_orders = models.BooleanField(
        default=False, help_text="Gets a copy of every order that is e-mailed."
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(is_copied_on_orders=False) | ~Q(email=""),
                name="purchasing_suppliercontact_copied_has_an_address",
                violation_error_message="A copy needs an e-mail address.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


@keep_history()
class SupplierProduct(models.Model):
    """
    An article in a supplier's catalog; linked to our variant, or a proposal until it is.

    A proposal that was declined stays, so that the supplier's next file does not propose it anew.
    """

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
    order_multiple = models.IntegerField(
        default=1, db_default=1, help_text="They sell multiples of so many units."
    )
    lead_time_days = models.IntegerField(
        null=True, blank=True, help_text="Empty: that of the supplier."
    )
    rank = models.IntegerField(
        default=0,
        db_default=0,
        help_text="Among suppliers of the same article the lowest is asked.",
    )
    available_units = models.IntegerField(null=True, blank=True)
    available_said_at = models.DateTimeField(
        null=True, blank=True, help_text="When they said how many they have."
    )
    back_in_stock_on = models.DateField(
        null=True, blank=True, help_text="Day from which they have it again."
    )
    seen_at = models.DateTimeField(
        null=True, blank=True, help_text="When a file last changed it, prices apart."
    )
    declined_at = models.DateTimeField(
        null=True, blank=True, help_text="When somebody said that we do not deal in it."
    )
    declined_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
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
            models.CheckConstraint(
                condition=within("order_multiple", 1, MAX_UNITS)
                & (Q(lead_time_days__isnull=True) | within("lead_time_days", 0, 1000)),
                name="purchasing_supplierproduct_multiple_and_lead_time_in_range",
                violation_error_message="A multiple is at least 1, a lead time 0 to 999 days.",
            ),
            models.CheckConstraint(
                condition=Q(declined_at__isnull=True, declined_by__isnull=True)
                | Q(declined_at__isnull=False, variant__isnull=True),
                name="purchasing_supplierproduct_declined_is_not_linked",
                violation_error_message="An article that was declined is linked to none of ours.",
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
    run = models.ForeignKey(
        "common.ImportRun",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        help_text="The file that told it; empty when a person did.",
    )

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
